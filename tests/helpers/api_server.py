"""Airflow's API server alone, below a path, with users of several roles."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from scripts.local_airflow import AIRFLOW, _environment, free_port
from scripts.processes import Processes

# Who may read what by Airflow's simple auth manager: connections from op on, XComs from viewer on, nothing without a role.
USERS = {"op": "op", "viewer": "viewer", "nobody": ""}


class ApiServer:
    """An API server with a database of its own, ready when this returns.

    :param path: below which it answers.
    :param env: more environment variables of it.
    """

    def __init__(
        self,
        processes: Processes,
        home: Path,
        *,
        path: str = "/airflow",
        env: Mapping[str, str] | None = None,
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{path}"
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps({name: f"{name}-password" for name in USERS}))
        self.env = _environment(home.resolve(), home.resolve() / "dags", port) | {
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{name}:{role}" for name, role in USERS.items()
            ),
            **(env or {}),
        }
        processes.start("page-migrate", [*AIRFLOW, "db", "migrate"], env=self.env)
        processes.finish("page-migrate")
        self.log = processes.start(
            "page-api-server", [*AIRFLOW, "api-server", "--workers", "1"], env=self.env
        )
        self._session = requests.Session()
        self._session.trust_env = False
        self._tokens: dict[str, str] = {}
        processes.wait_until(self._is_up, what="the API server")

    def python(self, script: str) -> str:
        """Run a script in an Airflow with this database; return what it prints."""
        import subprocess

        done = subprocess.run(
            [sys.executable, "-c", script], env=self.env, capture_output=True, text=True, check=True
        )
        return done.stdout

    def token(self, user: str, *, short: bool = False) -> str:
        """Return the token of a user who is logged in.

        :param short: a new one, which lasts as long as one of the command line.
        """
        if short:
            return self._login(user, "/auth/token/cli")
        if user not in self._tokens:
            self._tokens[user] = self._login(user, "/auth/token")
        return self._tokens[user]

    def _login(self, user: str, path: str) -> str:
        login = {"username": user, "password": f"{user}-password"}
        answer = self._session.post(self.url + path, json=login, timeout=60)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def get(self, path: str, user: str | None = None, **options: Any) -> requests.Response:
        """Ask for a path as a user, with the cookie that a browser would send; None: without one."""
        cookies = {"_token": self.token(user)} if user else {}
        options = {"timeout": 60, "allow_redirects": False, **options}
        return self._session.get(self.url + path, cookies=cookies, **options)

    def add_connection(self, conn_id: str, **fields: Any) -> None:
        """Store a connection of type ``walmart``."""
        headers = {"Authorization": f"Bearer {self.token('op')}"}
        body = {"connection_id": conn_id, "conn_type": "walmart", **fields}
        answer = self._session.post(f"{self.url}/api/v2/connections", json=body, headers=headers, timeout=60)
        answer.raise_for_status()

    def _is_up(self) -> bool:
        try:
            return self._session.get(f"{self.url}/api/v2/monitor/health", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False
