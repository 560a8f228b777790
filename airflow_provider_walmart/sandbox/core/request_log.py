"""The log of requests received, so that tests count what really went over the wire."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Scope

#: Whole entries kept, and requests of so many kinds counted; the oldest are forgotten.
KEPT = 50_000

#: Longest text that says why a request was refused.
LONGEST_REASON = 300

_SECRET_HEADERS = {"authorization", "cookie", "wm_sec.access_token", "wm_sec.auth_signature"}
_OPEN_FORM_FIELDS = {"grant_type", "redirect_uri"}


class Entry:
    """One request.

    :param number: its place in the order of arrival, from 1.
    :param fields: what the control API shows of it.
    """

    def __init__(self, number: int, fields: dict[str, Any]) -> None:
        self.fields = {"n": number, **fields, "status": None}

    @property
    def key(self) -> tuple[str, str, int | None]:
        """Method, path and status: what requests are counted by."""
        return self.fields["method"], self.fields["path"], self.fields["status"]


class RequestLog:
    """Requests in the order of their arrival."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._counts: Counter[tuple[str, str, int | None]] = Counter()
        self._number = 0

    def add(self, scope: Scope, body: bytes, *, server: str, time: float, client: str) -> Entry:
        """Note a request when it has arrived; its status follows with :meth:`finish`.

        :param scope: ASGI scope.
        :param body: the whole body.
        :param server: ``api`` or ``storage``: where it came to.
        :param time: sandbox time in epoch seconds.
        :param client: client id of its credentials, empty when unknown.
        """
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._number += 1
        entry = Entry(
            self._number,
            {
                "server": server,
                "time": time,
                "method": scope["method"],
                "path": scope["raw_path"].decode("latin-1"),
                "query": scope["query_string"].decode("latin-1"),
                "headers": {
                    name: digest(value.encode()) if name in _SECRET_HEADERS else value
                    for name, value in headers.items()
                },
                "body_bytes": len(body),
                "body_sha256": hashlib.sha256(body).hexdigest(),
                "form": _form(body) if "urlencoded" in headers.get("content-type", "") else {},
                "client": client,
            },
        )
        self._entries.append(entry)
        self._counts[entry.key] += 1
        return entry

    def finish(self, entry: Entry, status: int, reason: str = "") -> None:
        """Note how a request was answered.

        :param entry: the request.
        :param status: HTTP status; 0 when the connection was broken instead.
        :param reason: why it was refused.
        """
        self._counts[entry.key] -= 1
        if self._counts[entry.key] <= 0:
            del self._counts[entry.key]
        entry.fields["status"] = status
        if reason:
            entry.fields["reason"] = reason
        self._counts[entry.key] += 1
        while len(self._counts) > KEPT:
            del self._counts[next(iter(self._counts))]

    def entries(self, path: str) -> list[dict[str, Any]]:
        """Return the requests whose raw path matches.

        :param path: regular expression, searched.
        """
        return [entry.fields for entry in self._entries if re.search(path, entry.fields["path"])]

    def newest(self, count: int) -> list[dict[str, Any]]:
        """Return the newest requests, oldest first.

        :param count: how many at most.
        """
        skipped = max(0, len(self._entries) - count)
        return [entry.fields for entry in islice(self._entries, skipped, None)]

    def counts(self, path: str) -> list[dict[str, Any]]:
        """Return how many requests there were, by method, path and status.

        :param path: regular expression, searched in the raw path.
        """
        return [
            {"method": key[0], "path": key[1], "status": key[2], "count": count}
            for key, count in self._counts.items()
            if re.search(path, key[1])
        ]


def digest(secret: bytes) -> str:
    """Return a text by which a secret is recognised but not known.

    :param secret: the secret.
    """
    return "sha256:" + hashlib.sha256(secret).hexdigest()[:16]


def reason_of(status: int, body: bytes) -> str:
    """Return in short why a request was refused; empty when it was not.

    :param status: HTTP status of its answer.
    :param body: the answer.
    """
    if status < 400:
        return ""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        text = body.decode("utf-8", "replace")
        said = re.findall(r"<ns2:(?:code|info)>([^<]*)</", text)
        return (": ".join(said) or text)[:LONGEST_REASON]
    error = _first_error(found)
    if not isinstance(error, dict):
        return str(error)[:LONGEST_REASON]
    said = [str(error[name]) for name in ("code", "info", "description", "detail") if error.get(name)]
    field = f" [{error['field']}]" if error.get("field") else ""
    return f"{': '.join(dict.fromkeys(said[:2]))}{field}"[:LONGEST_REASON]


def _first_error(found: Any) -> Any:
    """Return the error in an answer: in a list under one of two names, in a list in a list, or the answer itself."""
    for name in ("error", "errors", "error"):
        found = found.get(name, found) if isinstance(found, dict) else found
    return found[0] if isinstance(found, list) and found else found


def _form(body: bytes) -> dict[str, str]:
    fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    return {
        name: value if name in _OPEN_FORM_FIELDS else digest(value.encode("latin-1", "replace"))
        for name, value in fields
    }
