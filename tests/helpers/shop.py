"""The sandbox as the tests of client and hook need it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.helpers.sandbox_server import Server

TOKEN = "/v3/token"


class Shop:
    """A running sandbox: what to put into it, and what went over the wire to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url

    def connection(self, **fields: Any) -> str:
        """Return a connection to the sandbox in the form of an ``AIRFLOW_CONN_`` variable."""
        known = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": self.url}
        return json.dumps({**known, "extra": {"timeout": 60}, **fields})

    def reset(self) -> None:
        self.server.reset()

    def feed(self, **fields: Any) -> str:
        """Put a feed into the sandbox; return its id."""
        return self.feeds(fields)[0]

    def feeds(self, *feeds: dict[str, Any]) -> list[str]:
        return self.server.control("POST", "seed", {"feeds": list(feeds)})["feeds"]

    def fault(self, path: str, **fields: Any) -> None:
        self.server.control("POST", "faults", [{"path": path, **fields}])

    def no_faults(self) -> None:
        self.server.control("DELETE", "faults")

    def advance(self, seconds: float) -> None:
        self.server.control("POST", "clock", {"advance": seconds})

    def settings(self, **fields: Any) -> None:
        self.server.control("POST", "settings", fields)

    def revoke_tokens(self) -> None:
        self.server.control("POST", "tokens/revoke")

    def received(self, path: str = "") -> list[dict[str, Any]]:
        """Return the log of requests whose path matches a regular expression."""
        return self.server.session.get(f"{self.url}/_sandbox/requests", params={"path": path}).json()

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many requests there were by method and path."""
        return Counter((entry["method"], entry["path"]) for entry in self.received())

    @property
    def token_requests(self) -> int:
        return self.counts()["POST", TOKEN]
