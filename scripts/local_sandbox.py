"""The sandbox server as a process of its own, for the demo and the system tests."""

from __future__ import annotations

import re
import sys
from typing import Any

import requests

from scripts.processes import Processes


class LocalSandbox:
    """A sandbox server on a free port, ready when this returns.

    :param processes: what runs it and ends it.
    :param options: its command line options.
    """

    def __init__(self, processes: Processes, *options: str) -> None:
        command = [sys.executable, "-m", "airflow_provider_walmart.sandbox", "--port", "0", *options]
        log = processes.start("sandbox", command)
        ready = processes.wait_until(
            lambda: re.search(r"Sandbox ready on (\S+)\n", log.read_text()), what="the sandbox"
        )
        self.url = ready[1]
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, path: str, body: Any = None) -> Any:
        """Call the control API: GET, or POST when there is a body.

        :param path: what follows ``/_sandbox``, e.g. ``/seed``.
        :param body: what to send as JSON.
        :return: the decoded answer.
        """
        method = "GET" if body is None else "POST"
        answer = self._session.request(method, f"{self.url}/_sandbox{path}", json=body, timeout=120)
        answer.raise_for_status()
        return answer.json()
