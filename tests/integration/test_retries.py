"""What is sent again, how often, and which error it ends in: counted at the other end of the wire."""

from __future__ import annotations

import itertools
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.transport.retries import ATTEMPTS, Retries
from tests.helpers.wire import hang, http, reset, token

PATH = "/v3/feeds"
TRUNCATED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"
CHUNK_MISSING = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n'
BAD_GZIP = http(200, b"no gzip", Content_Encoding="gzip")
NO_HTTP = b"SSH-2.0-OpenSSH_9.6\r\n"
CLOSED = b""

ON_THE_WIRE = {
    "reset": reset,
    "closed": CLOSED,
    "truncated": TRUNCATED,
    "a chunk is missing": CHUNK_MISSING,
    "not HTTP": NO_HTTP,
    "bad gzip": BAD_GZIP,
    "hangs": hang,
}
NONSENSE = b"HTTP/1.1 200 OK\r\nContent-Length: 9, 10\r\n\r\n{}"
SERVER_ERRORS = (500, 502, 503, 504, 520)
READS = ("GET", "HEAD", "OPTIONS")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def walmart(wire, make_client):
    """Return a server that answers business calls with the given replies, and a client of it."""

    def start(*replies, timeout: float = 60.0):
        answers = itertools.chain(replies, itertools.repeat(replies[-1]))
        server = wire(lambda request: token() if request.path == "/v3/token" else next(answers))
        if timeout < 60:
            # It isn't the token call that is to time out.
            make_client(server.url).access_token()
        return server, make_client(server.url, timeout=timeout)

    return start


def timeout_for(trouble, when_it_hangs: float = 0.3) -> float:
    return when_it_hangs if trouble is hang else 60.0


@pytest.mark.parametrize("method", READS)
@pytest.mark.parametrize("status", SERVER_ERRORS)
def test_a_read_is_sent_again_on_a_server_error(status, method, walmart):
    server, client = walmart(http(status, b"<html>"))
    with pytest.raises(WalmartServerError) as raised:
        client.request(method, PATH)
    assert raised.value.status == status
    assert server.count(PATH) == ATTEMPTS


@pytest.mark.parametrize("trouble", ON_THE_WIRE)
def test_a_read_is_sent_again_when_the_answer_is_lost(trouble, walmart):
    reply = ON_THE_WIRE[trouble]
    server, client = walmart(reply, timeout=timeout_for(reply))
    with pytest.raises(WalmartConnectionError, match=f"GET {PATH}"):
        client.request("GET", PATH)
    assert server.count(PATH, at_least=ATTEMPTS) == ATTEMPTS


@pytest.mark.parametrize("trouble", [*ON_THE_WIRE, *SERVER_ERRORS])
def test_a_read_that_fails_once_succeeds(trouble, walmart):
    reply = ON_THE_WIRE.get(trouble) if isinstance(trouble, str) else http(trouble)
    server, client = walmart(reply, http(200, {"fine": True}), timeout=timeout_for(reply, 2.0))
    assert client.request("GET", PATH).json() == {"fine": True}
    assert server.count(PATH) == 2


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("status", SERVER_ERRORS)
def test_a_write_is_sent_once_whatever_the_server_says(status, method, walmart):
    server, client = walmart(http(status))
    with pytest.raises(WalmartServerError, match="may have happened"):
        client.request(method, PATH, json={})
    assert server.count(PATH) == 1


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("trouble", ON_THE_WIRE)
def test_a_write_whose_answer_is_lost_has_an_unknown_outcome(trouble, method, walmart):
    reply = ON_THE_WIRE[trouble]
    server, client = walmart(reply, timeout=timeout_for(reply))
    with pytest.raises(WalmartUnknownOutcomeError, match=f"{method} {PATH} was sent") as raised:
        client.request(method, PATH, json={})
    assert server.count(PATH, at_least=1) == 1
    assert raised.value.correlation_id == server.requests[-1].headers["wm_qos.correlation_id"]


@pytest.mark.parametrize(
    ("method", "kind"), [("GET", WalmartConnectionError), ("POST", WalmartUnknownOutcomeError)]
)
def test_an_answer_with_a_header_that_makes_no_sense(method, kind, walmart):
    server, client = walmart(NONSENSE)
    with pytest.raises(kind, match="InvalidHeader"):
        client.request(method, PATH, json={})
    assert server.count(PATH) == 1


@pytest.mark.parametrize("method", ["GET", *WRITES])
@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 413, 415, 422, 423])
def test_a_refused_call_is_final(status, method, walmart):
    server, client = walmart(http(status))
    with pytest.raises(WalmartError) as raised:
        client.request(method, PATH)
    assert raised.value.status == status
    assert server.count(PATH) == 1


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_what_was_never_connected_did_not_happen(method, walmart, make_client):
    server, client = walmart(http(200))
    client.access_token()
    server.stop()
    with pytest.raises(WalmartConnectionError) as raised:
        client.request(method, PATH)
    assert type(raised.value) is WalmartConnectionError
    assert "base URL" in raised.value.hint


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_host_that_does_not_exist(method, make_client):
    with pytest.raises(WalmartConnectionError, match="/v3/token"):
        make_client("https://no-such-host.invalid").request(method, PATH)


@pytest.mark.parametrize(
    "host", ["https://a..b", f"https://{'a' * 64}.example.com", "https://-", "https://*"]
)
def test_a_host_that_can_not_exist(host, make_client):
    with pytest.raises(WalmartError):
        make_client(host).request("GET", PATH)


@pytest.mark.parametrize(
    "bad",
    [
        {"headers": {"X-Name": "a\r\nb"}},
        {"headers": {"X-Name": "€"}},
        {"headers": {"X\nName": "a"}},
        {"headers": {"X-Name": 1}},
        {"json": {"price": float("nan")}},
        {"params": {"sku": "\ud800"}},
    ],
)
def test_a_write_that_can_not_be_sent_as_it_is(bad, walmart):
    server, client = walmart(http(200))
    with pytest.raises(WalmartConfigError):
        client.request("POST", PATH, **bad)
    assert server.count(PATH) == 0


@pytest.mark.parametrize("path", ["v3/feeds", "", "http://[", "ftp://example.com/x", "\n"])
def test_a_path_that_is_none(path, walmart):
    server, client = walmart(http(200))
    with pytest.raises(WalmartConfigError):
        client.request("GET", path)
    assert server.count(PATH) == 0


class TestThrottled:
    @staticmethod
    def soon(seconds: float = 0.3) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=seconds)

    FORMS = {
        "X-Next-Replenishment-Time": lambda when: str(int(when.timestamp() * 1000)),
        "x-next-replenish-time": lambda when: when.isoformat(),
        "Retry-After": lambda when: str((when - datetime.now(timezone.utc)).total_seconds()),
        "nothing": lambda when: "",
    }

    @pytest.mark.parametrize("form", FORMS)
    def test_a_read_waits_for_the_time_named(self, form, walmart):
        """Not a moment before it, measured by the server."""
        named = []

        def refuse(connection):
            named.append(self.soon())
            connection.sendall(http(429, **{form.replace("-", "_"): self.FORMS[form](named[0])}))

        came_back = []

        def accept(connection):
            came_back.append(datetime.now(timezone.utc))
            connection.sendall(http(200, {}))

        server, client = walmart(refuse, accept)
        client.request("GET", PATH).json()
        assert server.count(PATH) == 2
        assert form == "nothing" or came_back[0] >= named[0] - timedelta(milliseconds=1)

    def test_for_ever(self, walmart):
        server, client = walmart(http(429, Retry_After="0.01"))
        with pytest.raises(WalmartRateLimitError):
            client.request("GET", PATH)
        assert server.count(PATH) == ATTEMPTS

    @pytest.mark.parametrize("seconds", [Retries.MAX_WAIT + 30, 3600, 86000])
    @pytest.mark.parametrize("form", ["X-Next-Replenishment-Time", "x-next-replenish-time", "Retry-After"])
    def test_a_long_wait_is_the_callers_decision(self, form, seconds, walmart):
        when = self.soon(seconds)
        server, client = walmart(http(429, **{form.replace("-", "_"): self.FORMS[form](when)}))
        with pytest.raises(WalmartRateLimitError) as raised:
            client.request("GET", PATH)
        assert server.count(PATH) == 1
        assert abs(raised.value.retry_at - when) < timedelta(seconds=60)

    def test_until_the_time_that_a_429_named_nothing_more_is_sent(self, walmart):
        server, client = walmart(http(429, Retry_After="3600"))
        for _ in range(3):
            with pytest.raises(WalmartRateLimitError):
                client.request("GET", PATH)
        assert server.count(PATH) == 1

    def test_a_server_whose_clock_is_an_hour_ahead(self, walmart):
        server_now = datetime.now(timezone.utc) + timedelta(hours=1)
        named = str(int((server_now.timestamp() + 0.1) * 1000))
        throttled = http(429, X_Next_Replenishment_Time=named, Date=format_datetime(server_now, usegmt=True))
        server, client = walmart(throttled, http(200, {}))
        client.request("GET", PATH).json()
        assert server.count(PATH) == 2

    @pytest.mark.parametrize("method", WRITES)
    def test_a_write_is_not_sent_again_by_itself(self, method, walmart):
        server, client = walmart(http(429, Retry_After="0.01"))
        with pytest.raises(WalmartRateLimitError) as raised:
            client.request(method, PATH, json={})
        assert server.count(PATH) == 1
        assert raised.value.retry_at

    def test_a_5xx_may_name_a_time_too(self, walmart):
        server, client = walmart(http(503, Retry_After="0.3"), http(200, {}))
        started = time.monotonic()
        client.request("GET", PATH).json()
        assert time.monotonic() - started >= 0.3
        assert server.count(PATH) == 2


def test_the_query_of_a_path_is_kept_beside_parameters(walmart):
    server, client = walmart(http(200, {}))
    client.request("GET", f"{PATH}?limit=10", params={"offset": 20})
    assert server.requests[-1].target == f"{PATH}?limit=10&offset=20"


def test_parameters_are_written_as_walmart_reads_them(walmart):
    server, client = walmart(http(200, {}))
    client.request(
        "GET",
        PATH,
        params={
            "since": datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))),
            "flag": True,
            "none": None,
            "many": ["a b", "c+d"],
            "odd": "ä/@%&=",
        },
    )
    assert server.requests[-1].target == (
        f"{PATH}?since=2026-03-01T12%3A00%3A00Z&flag=true&many=a%20b&many=c%2Bd&odd=%C3%A4%2F%40%25%26%3D"
    )


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ("a=1&b=%2B", "a=1&b=%2B"),
        ("?nextCursor=x%3D", "nextCursor=x%3D"),
        ([("a", "x y"), ("a", True), ("b", None)], "a=x%20y&a=true"),
        ((("a", 1),), "a=1"),
        ({}, ""),
        ([], ""),
        ("", ""),
    ],
)
def test_parameters_may_be_pairs_or_a_query_that_is_ready(params, query, walmart):
    server, client = walmart(http(200, {}))
    client.request("GET", PATH, params=params)
    assert server.requests[-1].target == (f"{PATH}?{query}" if query else PATH)


@pytest.mark.parametrize("params", [5, b"a=1", ["a"], [("a", 1, 2)], [5], {"a", "b"}])
def test_parameters_that_are_none_are_refused(params, walmart):
    server, client = walmart(http(200, {}))
    with pytest.raises(WalmartConfigError, match=r"params is a \w+; allowed: a dict, a list of pairs, or"):
        client.request("GET", PATH, params=params)
    assert not server.requests


@pytest.mark.parametrize(
    ("url", "params", "query"),
    [
        (
            PATH,
            {"sku": "a b+c", "many": ["d e", "f"], "none": None, "ä": "/"},
            "sku=a%20b%2Bc&many=d%20e&many=f&%C3%A4=%2F",
        ),
        (PATH, [("sku", "a b"), ("sku", "c")], "sku=a%20b&sku=c"),
        (f"{PATH}?ready=a+b", {"sku": "a b"}, "ready=a+b&sku=a%20b"),
        (PATH, "cursor=a+b%20c", "cursor=a+b%20c"),
        (f"{PATH}?ready=a+b", None, "ready=a+b"),
    ],
)
def test_the_session_writes_a_space_as_walmart_reads_it(url, params, query, walmart):
    server, client = walmart(http(200, {}))
    client.session.get(url, params=params)
    assert server.requests[-1].target == f"{PATH}?{query}"


def test_an_announced_end_is_said_once(walmart, caplog):
    _, client = walmart(http(200, {}, Deprecation="true", Sunset="Sat, 27 Mar 2027 00:00:00 GMT"))
    for _ in range(3):
        client.request("GET", PATH).json()
    (said,) = (record.getMessage() for record in caplog.records if "announces" in record.getMessage())
    assert "27 Mar 2027" in said


def test_the_log_names_attempts_and_correlation_ids_but_no_query(walmart, caplog):
    server, client = walmart(http(503), reset, http(200, {}))
    client.request("GET", PATH, params={"sku": "private"})
    said = [record.getMessage() for record in caplog.records if "attempt" in record.getMessage()]
    assert len(said) == 2
    for text, request in zip(said, server.requests[1:], strict=False):
        assert request.headers["wm_qos.correlation_id"] in text
        assert "private" not in text


def test_a_redirect_that_is_not_followed_is_an_error(walmart):
    server, client = walmart(http(302, Location="/elsewhere"))
    with pytest.raises(WalmartRequestError):
        client.request("POST", PATH)
    assert server.count() == 2


def test_the_session_returns_statuses(walmart):
    _, client = walmart(http(404, {"error": []}))
    assert client.session.get(PATH).status_code == 404


def test_connections_are_kept(shop, make_client):
    client = make_client(shop.url)
    pools = [
        client.request("GET", PATH).json()
        and list(client.session.get_adapter(shop.url).poolmanager.pools.keys())
        for _ in range(5)
    ]
    assert len({str(pool) for pool in pools}) == 1
    (pool,) = (client.session.get_adapter(shop.url).poolmanager.pools[key] for key in pools[0])
    assert pool.num_connections == 1  # token calls included
