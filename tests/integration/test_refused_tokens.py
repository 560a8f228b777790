"""A refused token is renewed once, and the call sent again as it was; never more than two token requests."""

from __future__ import annotations

import io
import itertools
import json

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartError,
    WalmartRateLimitError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.transport.hints import HINT_401, HINT_ONE_WAY
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.wire import http, token

TOKEN = "/v3/token"
UNAUTHORIZED = {"error": [{"code": "UNAUTHORIZED.GMP_GATEWAY_API", "description": "Unauthorized"}]}
INVALID_TOKEN = {"error": [{"code": "INVALID_TOKEN.GMP_GATEWAY_API", "description": "Invalid"}]}
INVALID_TOKEN_XML = (
    b"<ns:errors><ns:error><ns:code>INVALID_TOKEN.GMP_GATEWAY_API</ns:code></ns:error></ns:errors>"
)
REFUSED_ANSWERS = {
    "401": http(401, UNAUTHORIZED),
    "401 without a body": http(401),
    "401 with html": http(401, b"<html><title>401</title></html>"),
    "400 INVALID_TOKEN": http(400, INVALID_TOKEN),
    "400 INVALID_TOKEN in XML": http(400, INVALID_TOKEN_XML),
}


def fresh_tokens():
    """Return a reply for token calls: another token each time."""
    numbers = itertools.count(1)
    return lambda: token(f"token-{next(numbers)}")


def refusing(*refused: str, answer_refused=REFUSED_ANSWERS["401"], answer=None):
    """Return a reply that refuses the named tokens, or all tokens when none is named."""
    next_token = fresh_tokens()

    def reply(request):
        if request.path == TOKEN:
            return next_token()
        if not refused or request.headers["wm_sec.access_token"] in refused:
            return answer_refused
        return answer or http(200, {"fine": True})

    return reply


@pytest.mark.parametrize("answer_refused", REFUSED_ANSWERS)
def test_renewed_once_and_sent_again(answer_refused, wire, make_client):
    server = wire(refusing("token-1", answer_refused=REFUSED_ANSWERS[answer_refused]))
    assert make_client(server.url).request("GET", "/v3/feeds").json() == {"fine": True}
    assert [request.path for request in server.requests] == [TOKEN, "/v3/feeds", TOKEN, "/v3/feeds"]
    first, second = (request.headers for request in server.requests if request.path != TOKEN)
    assert (first["wm_sec.access_token"], second["wm_sec.access_token"]) == ("token-1", "token-2")
    assert first["wm_qos.correlation_id"] != second["wm_qos.correlation_id"]


@pytest.mark.parametrize("answer_refused", REFUSED_ANSWERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refused_for_ever(answer_refused, method, wire, make_client):
    server = wire(refusing(answer_refused=REFUSED_ANSWERS[answer_refused]))
    with pytest.raises(WalmartAuthError) as raised:
        make_client(server.url).request(method, "/v3/feeds")
    assert server.count(TOKEN) == 2
    assert server.count("/v3/feeds") == 2
    assert raised.value.hint == HINT_401
    assert "token-" not in str(raised.value)


def test_a_400_of_another_kind_is_not_taken_for_a_refused_token(wire, make_client):
    server = wire(refusing(answer_refused=http(400, {"error": [{"code": "INVALID_REQUEST_PARAM.X"}]})))
    with pytest.raises(WalmartError, match="INVALID_REQUEST_PARAM"):
        make_client(server.url).request("GET", "/v3/feeds")
    assert [request.path for request in server.requests] == [TOKEN, "/v3/feeds"]


class OneWay(io.RawIOBase):
    """A stream that can not go back."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._content.readinto(buffer)

    def tell(self) -> int:
        raise OSError("no position")

    def seek(self, *args) -> int:
        raise OSError("no way back")


CONTENT = json.dumps({"Inventory": [{"sku": f"SKU-{n}"} for n in range(5000)]}).encode()


def a_file(tmp_path):
    (tmp_path / "feed.json").write_bytes(CONTENT)
    return (tmp_path / "feed.json").open("rb")


def a_file_read_in_part(tmp_path):
    file = a_file(tmp_path)
    assert file.read(100)
    return file


BODIES = {
    "json": lambda path: {"json": json.loads(CONTENT)},
    "bytes": lambda path: {"data": CONTENT},
    "text": lambda path: {"data": CONTENT.decode()},
    "form": lambda path: {"data": {"a": "1", "b": "ä"}},
    "file": lambda path: {"data": a_file(path)},
    "file read in part": lambda path: {"data": a_file_read_in_part(path)},
    "BytesIO": lambda path: {"data": io.BytesIO(CONTENT)},
    "multipart bytes": lambda path: {"files": {"file": ("feed.json", CONTENT)}},
    "multipart file": lambda path: {"files": {"file": ("feed.json", a_file(path))}},
    "nothing": lambda path: {},
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_body_is_sent_again_to_the_last_byte(body, method, wire, make_client, tmp_path):
    server = wire(refusing("token-1"))
    make_client(server.url).request(
        method, "/v3/feeds", params={"feedType": "inventory"}, **BODIES[body](tmp_path)
    )
    first, second = (request for request in server.requests if request.path != TOKEN)
    assert first.body == second.body
    assert (len(first.body) > 4) is (body != "nothing")
    assert first.target == second.target == "/v3/feeds?feedType=inventory"
    for name in ("content-type", "content-length", "transfer-encoding"):
        assert first.headers.get(name) == second.headers.get(name)


@pytest.mark.parametrize(
    "one_way",
    [
        lambda: (CONTENT[start : start + 1000] for start in range(0, len(CONTENT), 1000)),
        lambda: OneWay(CONTENT),
    ],
)
def test_a_body_that_can_not_be_read_twice_is_never_sent_in_part(one_way, wire, make_client):
    server = wire(refusing("token-1"))
    client = make_client(server.url)
    with pytest.raises(WalmartAuthError) as raised:
        client.request("POST", "/v3/feeds", data=one_way())
    (only,) = (request for request in server.requests if request.path != TOKEN)
    assert CONTENT[-20:] in only.body
    assert raised.value.hint == HINT_ONE_WAY
    # As the hint says, another try has another token.
    assert client.request("POST", "/v3/feeds", data=one_way()).status_code == 200
    assert server.count(TOKEN) == 2


def test_an_answer_lost_after_the_renewal_is_an_unknown_outcome(wire, make_client):
    server = wire(refusing("token-1", answer=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"))
    with pytest.raises(WalmartUnknownOutcomeError):
        make_client(server.url).request("POST", "/v3/feeds", json={})
    assert server.count("/v3/feeds") == 2


def test_a_streamed_answer_is_renewed_too(wire, make_client):
    server = wire(refusing("token-1", answer=http(200, b"x" * 1000)))
    response = make_client(server.url).request("GET", "/v3/feeds", stream=True)
    assert response.raw.read() == b"x" * 1000


def test_a_time_that_walmart_named_while_the_token_was_renewed_is_kept_to(wire, make_client):
    call = ("POST", "/v3/feeds", "feedType=inventory")
    refuse = refusing("token-1")

    def reply(request):
        if request.path == TOKEN and server.count(TOKEN) == 2:
            # Another process hears it.
            make_client(server.url).session.throttle.learn(*call, 429, {"Retry-After": "3600"})
        return refuse(request)

    server = wire(reply)
    with pytest.raises(WalmartRateLimitError, match="Not sent: by Walmart's own word"):
        make_client(server.url).request("POST", "/v3/feeds", params={"feedType": "inventory"}, json={})
    assert [request.path for request in server.requests] == [TOKEN, "/v3/feeds", TOKEN]


def test_retries_share_one_budget_of_token_requests(wire, make_client):
    """A server that refuses and fails in turns must not be asked for a token each time."""
    answer_refused = itertools.cycle([http(401), http(503), http(401), http(401)])
    next_token = fresh_tokens()
    server = wire(lambda request: next_token() if request.path == TOKEN else next(answer_refused))
    with pytest.raises(WalmartError):
        make_client(server.url).request("GET", "/v3/feeds")
    assert server.count(TOKEN) == 2


@pytest.mark.parametrize("good_tokens", [0, 1])
def test_a_failing_token_endpoint_and_refused_tokens_together(good_tokens, wire, make_client):
    answers = iter([token()] * good_tokens)
    server = wire(lambda request: next(answers, http(500)) if request.path == TOKEN else http(401))
    with pytest.raises(WalmartServerError, match=TOKEN):
        make_client(server.url).request("GET", "/v3/feeds")
    assert server.count(TOKEN) == 2


def test_a_403_asks_for_scopes_without_another_token(shop):
    shop.settings(scopes={"*": {"feeds": "no_access"}})
    with pytest.raises(WalmartError, match="no_access for the scope 'feeds'"):
        WalmartHook().list_feeds()
    assert shop.counts() == {("POST", TOKEN): 1, ("GET", "/v3/feeds"): 1, ("GET", "/v3/token/detail"): 1}


def test_a_token_revoked_in_mid_run(shop):
    hook = WalmartHook()
    hook.list_feeds()
    shop.revoke_tokens()
    hook.list_feeds()
    hook.list_feeds()
    assert shop.counts() == {("POST", TOKEN): 2, ("GET", "/v3/feeds"): 4}


def test_a_token_expired_in_mid_run(shop):
    hook = WalmartHook()
    hook.list_feeds()
    shop.advance(901)
    hook.list_feeds()
    assert shop.counts() == {("POST", TOKEN): 2, ("GET", "/v3/feeds"): 3}


def test_a_token_revoked_in_the_middle_of_paging(shop):
    shop.feeds(*[{"age": n + 1} for n in range(120)])
    shop.fault("/v3/feeds", status=401, skip=1, times=1)
    assert len(WalmartHook().list_feeds()) == 120
    assert shop.counts() == {("POST", TOKEN): 2, ("GET", "/v3/feeds"): 4}


def test_bad_keys(shop, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection(password="wrong-secret"))
    with pytest.raises(WalmartAuthError, match="refuses these keys") as raised:
        WalmartHook().list_feeds()
    assert "wrong-secret" not in str(raised.value)
    assert shop.counts() == {("POST", TOKEN): 1}


def test_all_grants_against_the_sandbox(shop, monkeypatch):
    refresh_token = WalmartHook().exchange_authorization_code("code-1", "https://example.com/back", "10001")
    monkeypatch.setenv(
        "AIRFLOW_CONN_WALMART_DEFAULT",
        shop.connection(extra={"refresh_token": refresh_token, "partner_id": "10001"}),
    )
    assert WalmartHook().get_token_detail()["is_valid"] is True
    assert [entry["form"]["grant_type"] for entry in shop.received(f"{TOKEN}$")] == [
        "authorization_code",
        "refresh_token",
    ]
