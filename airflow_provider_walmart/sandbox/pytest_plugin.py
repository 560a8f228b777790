"""A sandbox for the tests of your own DAGs: the fixture ``walmart_sandbox``.

Put this into the ``conftest.py`` at the top of your tests::

    pytest_plugins = ["airflow_provider_walmart.sandbox.pytest_plugin"]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest


class SandboxServer:
    """A running sandbox.

    :param url: its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def connection(self, **fields: Any) -> str:
        """Return a connection to the sandbox, as the JSON of an ``AIRFLOW_CONN_`` variable.

        :param fields: fields of the connection in place of the usual ones, such as ``extra``.
        :return: JSON, also good for ``airflow connections add --conn-json``.
        """
        usual = {"conn_type": "walmart", "login": "test-client", "password": "sandbox", "host": self.url}
        return json.dumps({**usual, **fields})

    def control(self, path: str, body: Any = None) -> Any:
        """Call the control API; return its decoded answer.

        :param path: what follows ``/_sandbox/``, such as ``seed`` or ``requests``.
        :param body: sent as JSON with POST; without one the call is a GET.
        :raises urllib.error.HTTPError: when the call makes no sense.
        """
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_sandbox/{path}", data, timeout=60) as answer:  # noqa: S310 - our own
            return json.load(answer)

    def seed(self, **kinds: Any) -> Any:
        """Put data into the shop; return the ids made.

        :param kinds: as in ``POST /_sandbox/seed``, such as ``orders=5`` or ``items=["MUG-1"]``.
        """
        return self.control("seed", kinds)


@pytest.fixture(scope="session")
def walmart_sandbox_server() -> Iterator[SandboxServer]:
    """Run a sandbox as long as the tests do."""
    command = [sys.executable, "-m", "airflow_provider_walmart.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        line = process.stdout.readline() if process.stdout else ""
        match = re.search(r"http://\S+", line)
        if match is None:
            pytest.fail("The sandbox did not start; its error is above.")
        yield SandboxServer(match[0])
        process.terminate()


@pytest.fixture
def walmart_sandbox(
    walmart_sandbox_server: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> SandboxServer:
    """Return the sandbox as it is after its start, with its small shop; ``walmart_default`` leads to it."""
    walmart_sandbox_server.control("reset", {})
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", walmart_sandbox_server.connection())
    # Tokens and rate budgets of earlier tests don't count.
    monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path / "walmart-state"))
    return walmart_sandbox_server
