"""Starts sandbox servers for the tests and talks to them."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import requests

TOKEN_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "WM_SVC.NAME": "Walmart Marketplace",
    "Accept": "application/json",
}


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


class Server:
    """A running sandbox and the few calls most tests make."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "airflow_provider_walmart.sandbox", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline() if self.process.stdout else ""
        assert line.startswith("Sandbox ready on http://"), line
        self.url = line.split()[-1]
        self.session = requests.Session()
        self._token = ""

    def stop(self) -> int:
        self.session.close()
        self.process.terminate()
        return self.process.wait(60)

    def control(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = self.session.request(method, f"{self.url}/_sandbox/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post_token(
        self, form: dict[str, str] | None = None, headers: dict[str, str | None] | None = None
    ) -> requests.Response:
        sent = {
            **TOKEN_HEADERS,
            "Authorization": basic("my-client", "sandbox"),
            "WM_QOS.CORRELATION_ID": str(uuid.uuid4()),
            **(headers or {}),
        }
        form = {"grant_type": "client_credentials"} if form is None else form
        return self.session.post(f"{self.url}/v3/token", data=form, headers=sent)

    def token(self, headers: dict[str, str | None] | None = None) -> str:
        answer = self.post_token(headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def call(
        self, method: str, path: str, *, headers: dict[str, str | None] | None = None, **options: Any
    ) -> requests.Response:
        if not self._token:
            self._token = self.token()
        sent = {
            "WM_SEC.ACCESS_TOKEN": self._token,
            "WM_QOS.CORRELATION_ID": str(uuid.uuid4()),
            "WM_SVC.NAME": "Walmart Marketplace",
            "Accept": "application/json",
            **(headers or {}),
        }
        return self.session.request(method, self.url + path, headers=sent, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Make a call that must be refused; return its first error."""
        answer = self.call(method, path, **options)
        assert answer.status_code == status, (answer.status_code, answer.text)
        body = answer.json()
        return (body.get("error") or body["errors"])[0]

    def reset(self) -> None:
        self._token = ""
        self.control("POST", "reset")


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Server]:
    server = Server(*arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
