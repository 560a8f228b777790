"""The troubles of the fault matrix, and how each of them is made."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import requests
import time_machine
from filelock import FileLock

from tests.helpers.full_disk import disk_full_after
from tests.helpers.shop import Shop
from tests.helpers.wire import Wire, http
from tests.integration.fault_matrix.entry_points import CLIENT_ID, EntryPoint, hook

TOKEN_CALLS = "token$"
SHORT_TIMEOUT = 0.25
HOUR = timedelta(hours=1)
PAGE = "<html><head><title>Welcome to our proxy</title></head></html>"
XML = (
    '<?xml version="1.0"?><ns2:errors xmlns:ns2="http://walmart.com/"><ns2:error><ns2:code>BROKEN_RULE.GMP_API'
    "</ns2:code><ns2:description>Out of line</ns2:description></ns2:error></ns2:errors>"
)
ERROR = {"code": "BROKEN_RULE.GMP_API", "field": "a_field", "description": "Out of line", "severity": "ERROR"}
# Facts: the shapes in which Walmart words its errors.
SHAPES: dict[str, Any] = {
    "error list": {"error": [ERROR]},
    "errors list": {"errors": [ERROR]},
    "errors in errors": {"errors": {"error": [ERROR]}},
    "code, message, field": {
        "errors": [{"code": "BROKEN_RULE", "message": "Out of line", "field": "rows[0].sku"}]
    },
    "bare object": ERROR,
    "problem": {
        "type": "https://example.com/out-of-line",
        "title": "Broken rule",
        "status": 400,
        "detail": "Out of line",
        "code": "BROKEN_RULE-400-001",
    },
    "status and payload": {"status": "FAIL", "header": {}, "errors": [ERROR], "payload": None},
    "price reply": {
        "statusCode": 400,
        "mart": "WALMART_US",
        "sku": "A",
        "message": "",
        "errors": {"error": [ERROR]},
    },
    "XML": XML,
}


@dataclass
class Cell:
    """What a trouble may change: one entry point over an empty shop."""

    entry: EntryPoint
    shop: Shop
    folder: Path
    monkeypatch: Any
    foreign: list[Wire] = field(default_factory=list)

    def connect(self, url: str) -> None:
        """Point the connections somewhere."""
        for kind in ("walmart", "walmart_golocal"):
            extra = {"environment": "sandbox", "timeout": 30}
            text = self.shop.connection(
                conn_type=kind, login=CLIENT_ID, password=SECRET, host=url, extra=extra
            )
            self.monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", text)

    def new_state(self, name: str) -> Path:
        """Give the tries from now on a shared state store of their own, as if an hour had passed."""
        from airflow_provider_walmart.hooks import shared_state
        from airflow_provider_walmart.triggers import accounts

        shared_state.store_of.cache_clear()
        accounts._accounts.clear()
        folder = self.folder / name
        self.monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(folder))
        return folder

    def fault(self, path: str = "", **fields: Any) -> None:
        known = {} if path else {"method": self.entry.method}
        self.shop.fault(path or self.entry.path, **{**known, **fields})


SECRET = "matrix-secret-5f27"
Making = Callable[[Cell], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Trouble:
    """One row of the matrix.

    :param name: in words.
    :param group: troubles that are to end alike.
    :param said: what an error has to say of it, as a regular expression.
    :param making: makes it; it is there as long as the context lasts.
    :param patience: for how long what waits does so, in seconds.
    """

    name: str
    group: str
    said: str
    making: Making
    patience: float = 60.0


def on_wire(path: str = "", **fields: Any) -> Making:
    """Have the sandbox make a trouble, with the requests of the entry point or those of a path."""

    @contextlib.contextmanager
    def making(cell: Cell) -> Iterator[None]:
        cell.fault(path, **{name: value() if callable(value) else value for name, value in fields.items()})
        yield

    return making


def named(*, header: str, form: Callable[[datetime], str], after: timedelta) -> Callable[[], dict[str, str]]:
    return lambda: {header: form(datetime.now(timezone.utc) + after)}


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Give a port that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def nobody_listens(cell: Cell) -> Iterator[None]:
    with closed_port() as port:
        cell.connect(f"http://127.0.0.1:{port}")
        yield
    cell.connect(cell.shop.url)


@contextlib.contextmanager
def unknown_host(cell: Cell) -> Iterator[None]:
    cell.connect("https://no-such-host.invalid")
    yield
    cell.connect(cell.shop.url)


def no_answer(**fields: Any) -> Making:
    """The sandbox gives no answer for longer than the time-out, which is short for these requests alone."""

    @contextlib.contextmanager
    def making(cell: Cell) -> Iterator[None]:
        send = requests.adapters.HTTPAdapter.send

        def impatient(self: Any, request: Any, **options: Any) -> Any:
            hit = cell.entry.is_hit(request.method, request.path_url)
            return send(self, request, **{**options, **({"timeout": SHORT_TIMEOUT} if hit else {})})

        cell.fault(delay=600, **fields)
        with cell.monkeypatch.context() as patch:
            patch.setattr(requests.adapters.HTTPAdapter, "send", impatient)
            yield

    return making


@contextlib.contextmanager
def redirected(cell: Cell) -> Iterator[None]:
    foreign = Wire(lambda request: http(200, PAGE.encode(), Content_Type="text/html"))
    cell.foreign.append(foreign)
    cell.fault(status=302, headers={"Location": f"{foreign.url}/elsewhere"})
    try:
        yield
    finally:
        foreign.stop()


def clock_off(by: timedelta, **fault: Any) -> Making:
    """Our clock is wrong; the sandbox's is right."""

    @contextlib.contextmanager
    def making(cell: Cell) -> Iterator[None]:
        if fault:
            cell.fault(**fault)
        with time_machine.travel(datetime.now(timezone.utc) + by):
            yield

    return making


# -- the shared state store ------------------------------------------------------------------------------


@contextlib.contextmanager
def store_is_no_folder(cell: Cell) -> Iterator[None]:
    cell.new_state("store").write_text("")
    yield


def used_store(cell: Cell) -> Path:
    """Return a store that another process has used: it left a token, budgets and locks."""
    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

    folder = cell.new_state("store")
    hook().list_feeds()
    WalmartGoLocalHook().get_access_token()
    cell.new_state("store")
    return folder


@contextlib.contextmanager
def store_is_damaged(cell: Cell) -> Iterator[None]:
    for file in used_store(cell).iterdir():
        if file.suffix != ".lock":
            file.write_bytes(b"\x00rubbish")
    yield


@contextlib.contextmanager
def store_is_locked(cell: Cell) -> Iterator[None]:
    """A process that hangs holds all locks, and nothing is in the store."""
    from airflow_provider_walmart.client.transport import rate_limits as throttle
    from airflow_provider_walmart.client.transport import tokens

    with contextlib.ExitStack() as held, cell.monkeypatch.context() as patch:
        for file in used_store(cell).iterdir():
            if file.suffix == ".lock":
                held.enter_context(FileLock(file, thread_local=False))
            else:
                file.unlink()
        patch.setattr(throttle, "LOCK_TIMEOUT", 0.05)
        patch.setattr(tokens, "LONGEST_RENEWAL", -4.9)
        yield


@contextlib.contextmanager
def redis_is_gone(cell: Cell) -> Iterator[None]:
    with closed_port() as port:
        cell.monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE", "redis")
        cell.monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_URL", f"redis://:{SECRET}@127.0.0.1:{port}/0")
        yield
    cell.monkeypatch.delenv("AIRFLOW__WALMART__SHARED_STATE")


@contextlib.contextmanager
def no_file_may_grow(cell: Cell) -> Iterator[None]:
    with disk_full_after(0):
        yield


FORMS: dict[str, dict[str, Any]] = {
    "X-Next-Replenishment-Time in ms": {
        "header": "X-Next-Replenishment-Time",
        "form": lambda when: str(int(when.timestamp() * 1000)),
    },
    "x-next-replenish-time in ISO 8601": {
        "header": "x-next-replenish-time",
        "form": lambda when: when.isoformat(),
    },
    "X-RateLimit-Reset in s": {
        "header": "X-RateLimit-Reset",
        "form": lambda when: str(int(when.timestamp())),
    },
    "Retry-After as date": {
        "header": "Retry-After",
        "form": lambda when: format_datetime(when, usegmt=True),
    },
    "Retry-After in s": {
        "header": "Retry-After",
        "form": lambda when: str((when - datetime.now(timezone.utc)).seconds),
    },
}

TROUBLES = [
    Trouble("connection refused", "unreachable", "Connection refused.*base URL", nobody_listens),
    Trouble("unknown host", "unreachable", "(?i)(resol|name or service|no address).*base URL", unknown_host),
    Trouble(
        "reset before it is read",
        "not carried out",
        "reset by peer|Connection reset",
        on_wire(reset="before"),
    ),
    Trouble("silence, not carried out", "not carried out", "ReadTimeout|timed out", no_answer(status=504)),
    Trouble(
        "reset after it is carried out",
        "answer lost",
        "reset by peer|Connection reset",
        on_wire(reset="after"),
    ),
    Trouble(
        "silence after it is carried out",
        "answer lost",
        "ReadTimeout|timed out",
        no_answer(after_effect=True),
    ),
    Trouble("JSON cut short", "answer lost", "ChunkedEncodingError|IncompleteRead", on_wire(truncate=9)),
    Trouble(
        "gzip that is none",
        "answer lost",
        "ContentDecodingError",
        on_wire(headers={"content-encoding": "gzip"}),
    ),
    Trouble(
        "answer of another clock, lost: ours an hour ahead",
        "answer lost",
        "reset",
        clock_off(HOUR, reset="after"),
    ),
    Trouble(
        "answer of another clock, lost: ours an hour behind",
        "answer lost",
        "reset",
        clock_off(-HOUR, reset="after"),
    ),
    Trouble(
        "HTML page with 200",
        "no JSON in a 200",
        "not JSON .*text/html|web page in place of a file",
        on_wire(body=PAGE),
    ),
    Trouble(
        "XML with 200",
        "no JSON in a 200",
        "not JSON .*xml|errors in place of a file",
        on_wire(body=XML, headers={"content-type": "application/xml"}),
    ),
    Trouble(
        "errors and nothing else with 200",
        "errors in a 200",
        "errors.*BROKEN_RULE.*Out of line|JSON in place of a file",
        on_wire(body=SHAPES["errors list"]),
    ),
    Trouble("nothing with 200", "empty 200", "no body|holds no|without|an empty file", on_wire(body="")),
    Trouble(
        "gzip cut short", "cut short 200", "no body|holds no|without|damaged", on_wire(gzip=True, truncate=30)
    ),
    Trouble("slow trickle", "harmless", "", on_wire(drip=0.01)),
    Trouble("wrong content type", "harmless", "", on_wire(headers={"content-type": "text/html"})),
    Trouble("gzip", "harmless", "", on_wire(gzip=True)),
    Trouble("clock an hour ahead", "harmless", "", clock_off(HOUR)),
    Trouble("clock an hour behind", "harmless", "", clock_off(-HOUR)),
    *(
        Trouble(f"400: {name}", "refused", r"400.*BROKEN_RULE.*Out of line", on_wire(status=400, body=body))
        for name, body in SHAPES.items()
    ),
    Trouble("413", "too large", "413", on_wire(status=413)),
    Trouble("401 once", "token refused once", "", on_wire(status=401, times=1)),
    Trouble(
        "400 INVALID_TOKEN once",
        "token refused once",
        "",
        on_wire(status=400, body={"errors": [{**ERROR, "code": "INVALID_TOKEN.GMP_GATEWAY_API"}]}, times=1),
    ),
    Trouble("401 for ever", "token refused", "401.*fresh token was refused", on_wire(status=401)),
    Trouble(
        "400 INVALID_TOKEN for ever",
        "token refused",
        "400.*INVALID_TOKEN",
        on_wire(status=400, body={"errors": [{**ERROR, "code": "INVALID_TOKEN.GMP_GATEWAY_API"}]}),
    ),
    Trouble(
        "401 at the token call",
        "keys refused",
        "token answered 401.*these keys",
        on_wire(TOKEN_CALLS, status=401),
    ),
    Trouble("500 at the token call", "no token", "token answered 500", on_wire(TOKEN_CALLS, status=500)),
    Trouble(
        "HTML page at the token call",
        "no token",
        "token answered 200 with .*HTML",
        on_wire(TOKEN_CALLS, body=PAGE),
    ),
    Trouble(
        "reset at the token call",
        "no token: lost",
        "token got no answer",
        on_wire(TOKEN_CALLS, reset="before"),
    ),
    Trouble(
        "cut short at the token call",
        "no token: lost",
        "token got no answer",
        on_wire(TOKEN_CALLS, truncate=9),
    ),
    Trouble(
        "429 at the token call", "no token: throttled", "token answered 429", on_wire(TOKEN_CALLS, status=429)
    ),
    Trouble("403", "forbidden", "403.*(permission|may not use)|refuses", on_wire(status=403)),
    Trouble("404", "not found", "404|doesn't know", on_wire(status=404)),
    Trouble("409", "conflict", "409", on_wire(status=409)),
    Trouble("423", "locked", "423", on_wire(status=423)),
    Trouble(
        "429 once, time named",
        "throttled a moment",
        "429.*Come back at",
        on_wire(status=429, headers={"Retry-After": "0.4"}, times=1),
    ),
    Trouble(
        "429 once, no time named", "throttled, no time named", "429|Not sent", on_wire(status=429, times=1)
    ),
    Trouble(
        "429 for ever, a moment named",
        "throttled for ever",
        "429|Not sent",
        on_wire(status=429, headers={"Retry-After": "0.01"}),
        patience=6.0,
    ),
    Trouble(
        "429 for ever, no time named",
        "throttled for ever, no time named",
        "429|Not sent",
        on_wire(status=429),
        patience=6.0,
    ),
    *(
        Trouble(
            f"429, an hour: {name}",
            "throttled for an hour",
            "429.*Come back at|storage answered 429|Not sent.*Come back at",
            on_wire(status=429, headers=named(**form, after=HOUR)),
            patience=4.0,
        )
        for name, form in FORMS.items()
    ),
    *(
        Trouble(f"{status}", "server error", str(status), on_wire(status=status))
        for status in (500, 502, 503, 504, 520)
    ),
    Trouble(
        "502 with HTML",
        "server error",
        "502.*Welcome to our proxy|storage answered 502",
        on_wire(status=502, body=PAGE),
    ),
    Trouble(
        "503 with Retry-After", "server error", "503", on_wire(status=503, headers={"Retry-After": "0.01"})
    ),
    Trouble("503 once", "server error once", "503", on_wire(status=503, times=1)),
    Trouble(
        "500 after it is carried out",
        "answer replaced by a 500",
        "500",
        on_wire(status=500, after_effect=True),
    ),
    Trouble(
        "redirect to another host",
        "redirected",
        "302.*redirect|not JSON .*text/html|web page in place of a file",
        redirected,
    ),
    Trouble("store is no folder", "store useless", "", store_is_no_folder),
    Trouble("store is damaged", "store useless", "", store_is_damaged),
    Trouble("Redis is gone", "store useless", "", redis_is_gone),
    Trouble("store is locked", "store locked", "", store_is_locked),
    Trouble("disk is full", "disk full", "File too large", no_file_may_grow),
]
