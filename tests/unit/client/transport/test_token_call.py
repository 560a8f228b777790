"""The token call: what is sent for each grant, what is made of each answer."""

from __future__ import annotations

import json
import re
import time

import pytest
import requests
import time_machine

from airflow_provider_walmart.client import errors
from airflow_provider_walmart.client.errors import WalmartError

NOW = 1_800_000_000.0
GOOD = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 900}
REFRESH = "refresh/me+not="


@pytest.fixture
def clock(monkeypatch):
    """A clock to be set: ``clock[0] = ...``."""
    now = [NOW]
    monkeypatch.setattr("airflow_provider_walmart.client.transport.tokens.time.time", lambda: now[0])
    return now


@pytest.fixture
def token_url(requests_mock):
    """Answer token calls: ``token_url(json=...)``."""
    return lambda *answers, **answer: requests_mock.post(re.compile("/v3/token$"), *answers, **answer)


def form_of(request) -> dict[str, list[str]]:
    from urllib.parse import parse_qs

    return parse_qs(request.text, keep_blank_values=True)


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({}, {"grant_type": ["client_credentials"]}),
        ({"partner_id": "10001"}, {"grant_type": ["client_credentials"]}),
        (
            {"refresh_token": REFRESH, "partner_id": "10001"},
            {"grant_type": ["refresh_token"], "refresh_token": [REFRESH]},
        ),
    ],
)
def test_the_form_of_each_grant(fields, form, make_client, token_url):
    called = token_url(json=GOOD)
    assert make_client(**fields).access_token() == "a-token"
    assert form_of(called.last_request) == form
    assert called.last_request.url == "https://marketplace.walmartapis.com/v3/token"
    assert called.last_request.headers.get("WM_PARTNER.ID") == fields.get("partner_id")


def test_the_authorization_code_grant(make_client, token_url):
    called = token_url(json={**GOOD, "refresh_token": REFRESH})
    secrets = []
    client = make_client(partner_id="other", market="mx", channel_type="ch")
    client.session.tokens._on_secret = secrets.append
    exchange = client.session.tokens.exchange_authorization_code
    assert exchange(" the-code ", " https://example.com/back?x=1 ", " 10001 ") == REFRESH
    assert form_of(called.last_request) == {
        "grant_type": ["authorization_code"],
        "code": ["the-code"],
        "redirect_uri": ["https://example.com/back?x=1"],
    }
    headers = called.last_request.headers
    assert (headers["WM_PARTNER.ID"], headers["WM_MARKET"], headers["WM_CONSUMER.CHANNEL.TYPE"]) == (
        "10001",
        "mx",
        "ch",
    )
    assert REFRESH in secrets


def test_the_partner_id_of_the_authorization_code_grant_may_be_a_number(make_client, token_url):
    called = token_url(json={**GOOD, "refresh_token": REFRESH})
    exchange = make_client().session.tokens.exchange_authorization_code
    assert exchange("the-code", "https://example.com/back", 10001) == REFRESH
    assert called.last_request.headers["WM_PARTNER.ID"] == "10001"


@pytest.mark.parametrize("position", [0, 1, 2])
def test_what_can_not_be_sent_for_an_authorization_code_is_refused(position, make_client, token_url):
    called = token_url(json=GOOD)
    given = ["code", "https://example.com", "10001"]
    given[position] = ["x"]
    with pytest.raises(errors.WalmartConfigError, match="is a list; expected text"):
        make_client().session.tokens.exchange_authorization_code(*given)
    assert not called.called


@pytest.mark.parametrize("blank", ["", "  ", None])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_authorization_code_grant_needs_all_three(blank, position, make_client, token_url):
    called = token_url(json=GOOD)
    given = ["code", "https://example.com", "10001"]
    given[position] = blank
    with pytest.raises(errors.WalmartConfigError, match="blank"):
        make_client().session.tokens.exchange_authorization_code(*given)
    assert not called.called


@pytest.mark.parametrize("refresh_token", [None, "", 1, ["x"]])
def test_an_authorization_code_worth_no_refresh_token(refresh_token, make_client, token_url):
    token_url(json={**GOOD, "refresh_token": refresh_token})
    with pytest.raises(errors.WalmartAuthError, match="no refresh_token"):
        make_client().session.tokens.exchange_authorization_code("code", "https://example.com", "1")


XML = "<OAuthTokenDTO><accessToken>eyJ-x</accessToken><expiresIn>900</expiresIn></OAuthTokenDTO>"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ({"text": XML}, errors.WalmartServerError, "XML or HTML"),
        ({"text": f"\n {XML}"}, errors.WalmartServerError, "XML or HTML"),
        ({"text": "<html><title>Sign in</title></html>"}, errors.WalmartServerError, "XML or HTML"),
        ({"text": "eyJ-plain"}, errors.WalmartServerError, "not JSON"),
        ({"text": '{"access_token": "eyJ-cut'}, errors.WalmartServerError, "not JSON"),
        ({"content": b"\xff\xfe"}, errors.WalmartServerError, "not JSON"),
        ({"text": "[" * 100_000}, errors.WalmartServerError, "not JSON"),
        ({"text": "x" * 5_000_000}, errors.WalmartServerError, "not JSON"),
        ({"text": ""}, errors.WalmartServerError, "no body"),
        ({"status_code": 204}, errors.WalmartServerError, "no body"),
        ({"json": []}, errors.WalmartServerError, "a JSON list"),
        ({"json": "eyJ-plain"}, errors.WalmartServerError, "a JSON str"),
        ({"json": {}}, errors.WalmartServerError, "without an access_token"),
        *(
            ({"json": {"access_token": value}}, errors.WalmartServerError, "without an access_token")
            for value in (None, "", " ", 1, ["eyJ"], {"eyJ": 1}, "eyJ\r\nX-Evil: 1", "eyJé", "eyJ\x00")
        ),
        ({"status_code": 302, "headers": {"Location": "https://evil.com"}}, errors.WalmartRequestError, "redirect"),
        ({"status_code": 400, "json": {"error": [{"code": "INVALID_REQUEST"}]}}, errors.WalmartRequestError, "INVALID_REQUEST"),
        ({"status_code": 400, "json": {"error": "invalid_grant"}}, errors.WalmartRequestError, "invalid_grant"),
        ({"status_code": 401, "json": {"error": [{"code": "UNAUTHORIZED.GMP_GATEWAY_API"}]}}, errors.WalmartAuthError, "refuses these keys"),
        ({"status_code": 403}, errors.WalmartPermissionError, "Hint: These keys get no token."),
        ({"status_code": 404, "text": "<title>nginx</title>"}, errors.WalmartNotFoundError, "nginx"),
        ({"status_code": 429, "headers": {"Retry-After": "30"}}, errors.WalmartRateLimitError, "Come back"),
        ({"status_code": 500}, errors.WalmartServerError, "500"),
        ({"status_code": 520}, errors.WalmartServerError, "520"),
        ({"exc": requests.ConnectTimeout}, errors.WalmartConnectionError, "ConnectTimeout"),
        ({"exc": requests.ReadTimeout}, errors.WalmartConnectionError, "ReadTimeout"),
        ({"exc": requests.exceptions.SSLError}, errors.WalmartConnectionError, "SSLError"),
    ],
)  # fmt: skip
def test_answers_that_are_no_token(answer, kind, said, make_client, token_url):
    called = token_url(**answer)
    with pytest.raises(WalmartError, match=re.escape(said)) as raised:
        make_client(refresh_token=REFRESH, partner_id="1").access_token()
    assert type(raised.value) is kind
    assert raised.value.path == "/v3/token"
    assert called.call_count == 1
    for secret in ("a-secret", REFRESH, "eyJ"):
        assert secret not in str(raised.value)


def test_a_failed_token_call_is_no_failed_write(make_client, token_url):
    token_url(status_code=500)
    with pytest.raises(errors.WalmartServerError) as raised:
        make_client().access_token()
    assert "may have happened" not in str(raised.value)


@pytest.mark.parametrize("answer", [{"text": "<html>Sign in</html>"}, {"text": "eyJ-plain"}, {"json": {}}])
def test_a_page_in_place_of_a_token_may_be_gone_at_the_next_try(answer, make_client, token_url):
    token_url(**answer)
    with pytest.raises(errors.WalmartServerError) as raised:
        make_client().access_token()
    assert not raised.value.is_final
    assert "may have happened" not in str(raised.value)


def test_a_big_token_is_a_token(make_client, token_url):
    token_url(json={**GOOD, "access_token": "x" * 8000, "scope": "y" * 1_000_000})
    assert len(make_client().access_token()) == 8000


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [
        (900, 810),
        ("900", 810),
        (3600, 3240),
        (600, 540),
        (120, 60),
        (100, 50),
        (2, 1),
        (0.5, 0.25),
        *(
            (nonsense, 810)
            for nonsense in (None, 0, "", -1, "soon", "nan", float("inf"), 10**400, [], {}, [900], 1e300)
        ),
    ],
    ids=lambda value: str(value)[:10],
)
def test_when_a_token_is_renewed(expires_in, renewed_after, make_client, token_url, clock):
    called = token_url(text=json.dumps({**GOOD, "expires_in": expires_in}))
    client = make_client()
    client.access_token()
    clock[0] = NOW + renewed_after * 0.999
    client.access_token()
    assert called.call_count == 1
    clock[0] = NOW + renewed_after
    client.access_token()
    assert called.call_count == 2


def test_no_expires_in_at_all(make_client, token_url, clock):
    called = token_url(json={"access_token": "a-token"})
    client = make_client()
    client.access_token()
    clock[0] = NOW + 809
    assert client.access_token() == "a-token"
    assert called.call_count == 1


class TestRenewalWithTransientErrors:
    """Renewal comes early; while the old token is good, a failing token endpoint stops nobody."""

    @pytest.fixture
    def client(self, make_client, token_url, clock):
        token_url(json=GOOD)
        client = make_client()
        client.access_token()
        clock[0] = NOW + 850
        return client

    @pytest.mark.parametrize(
        "trouble",
        [{"status_code": 500}, {"exc": requests.ConnectionError}, {"status_code": 429}, {"json": {}}],
    )
    def test_the_old_token_is_used_on(self, client, token_url, trouble):
        token_url(**trouble)
        assert client.access_token() == "a-token"

    def test_the_old_token_is_used_on_for_all_who_ask(self, client, token_url):
        called = token_url(status_code=500)
        assert [client.access_token() for _ in range(20)] == ["a-token"] * 20
        # The clock stands still: all of them ask before it fails.
        assert called.call_count == 1

    def test_the_next_caller_asks_for_a_new_token_again(self, client, token_url, clock):
        called = token_url(status_code=500)
        client.access_token()
        clock[0] += 0.01
        client.access_token()
        assert called.call_count == 2

    def test_the_old_token_is_not_used_beyond_its_life(self, client, token_url, clock):
        token_url(status_code=500)
        clock[0] = NOW + 900
        with pytest.raises(errors.WalmartServerError):
            client.access_token()

    def test_the_old_token_is_not_used_on_when_the_keys_are_refused(self, client, token_url):
        token_url(status_code=401)
        with pytest.raises(errors.WalmartAuthError):
            client.access_token()

    def test_a_token_that_walmart_refused_is_not_used_on(self, client, token_url):
        token_url(status_code=500)
        with pytest.raises(errors.WalmartServerError):
            client.session.tokens.get(rejected="a-token")

    def test_a_token_is_renewed_once_the_token_call_works_again(self, client, token_url, clock):
        token_url([{"status_code": 500}, {"json": {**GOOD, "access_token": "another"}}])
        client.access_token()
        clock[0] += 5
        assert client.access_token() == "another"


class TestThrottled:
    """Once the token call was told when to come back, nobody asks before."""

    @pytest.fixture
    def clock(self):
        with time_machine.travel(NOW, tick=False) as clock:
            yield clock

    @pytest.fixture
    def throttled(self, token_url, clock):
        """Answer 429 with the time that is so many seconds from now; return the calls."""

        def throttle(seconds: float):
            when = str(int((time.time() + seconds) * 1000))
            return token_url(status_code=429, headers={"X-Next-Replenishment-Time": when})

        return throttle

    def refused(self, client) -> errors.WalmartRateLimitError:
        with pytest.raises(errors.WalmartRateLimitError) as caught:
            client.access_token()
        return caught.value

    def test_nobody_asks_before_the_time_it_named(self, make_client, throttled, token_url, clock):
        called, client = throttled(600), make_client()
        first = self.refused(client)
        for later in (1, 3, 30, 599):
            clock.move_to(NOW + later)
            again = self.refused(client)
            assert (str(again), again.retry_at) == (str(first), first.retry_at)
        assert called.call_count == 1
        token_url(json=GOOD)
        clock.move_to(NOW + 600)
        assert client.access_token() == "a-token"

    def test_the_old_token_is_used_as_long_as_it_is_good(
        self, make_client, throttled, token_url, clock, caplog
    ):
        token_url(json=GOOD)
        client = make_client()
        client.access_token()
        clock.move_to(NOW + 850)
        called = throttled(600)
        for later in (850, 860, 890):
            clock.move_to(NOW + later)
            assert client.access_token() == "a-token"
        assert len(caplog.records) == 1
        clock.move_to(NOW + 900)
        self.refused(client)
        assert called.call_count == 1

    def test_a_token_that_walmart_refused_is_not_used_while_the_token_call_is_throttled(
        self, make_client, throttled, token_url, clock
    ):
        token_url(json=GOOD)
        tokens = make_client().session.tokens
        tokens.get()
        called = throttled(600)
        for later in (0, 10):
            clock.move_to(NOW + later)
            with pytest.raises(errors.WalmartRateLimitError):
                tokens.get(rejected="a-token")
        assert called.call_count == 1

    def test_a_time_that_a_wrong_clock_wrote_silences_nobody(self, make_client, throttled, token_url, clock):
        throttled(20 * 3600)
        client = make_client()
        self.refused(client)
        token_url(json=GOOD)
        # The clock was three days ahead, and somebody set it right.
        clock.move_to(NOW - 3 * 86400)
        assert client.access_token() == "a-token"

    def test_without_a_time_the_next_one_asks_again(self, make_client, token_url, clock):
        called = token_url(status_code=429)
        client = make_client()
        self.refused(client)
        clock.shift(3)
        self.refused(client)
        assert called.call_count == 2


class TestRejected:
    def test_a_rejected_token_is_replaced(self, make_client, token_url):
        called = token_url([{"json": GOOD}, {"json": {**GOOD, "access_token": "another"}}])
        tokens = make_client().session.tokens
        assert tokens.get() == "a-token"
        assert tokens.get(rejected="a-token") == "another"
        assert tokens.get(rejected="a-token") == "another"
        assert tokens.get() == "another"
        assert called.call_count == 2

    def test_a_shorter_lived_successor_is_not_forgotten(self, make_client, token_url):
        called = token_url([{"json": GOOD}, {"json": {"access_token": "another", "expires_in": 60}}])
        tokens = make_client().session.tokens
        tokens.get()
        assert tokens.get(rejected="a-token") == "another"
        assert tokens.get() == "another"
        assert called.call_count == 2


def test_every_secret_is_masked_before_it_is_used(make_client, token_url):
    told = []
    token_url(json=GOOD)
    client = make_client()
    client.session.tokens._on_secret = told.append
    client.access_token()
    assert told == ["a-token"]


def test_the_life_of_a_token_begins_when_it_is_asked_for(make_client, token_url, clock):
    def slow(request, context):
        clock[0] += 25
        return GOOD

    called = token_url(json=slow)
    client = make_client()
    client.access_token()
    # 900 s after the request, not after its answer; renewed 90 s before that.
    clock[0] = NOW + 900 - 90 - 1
    client.access_token()
    assert called.call_count == 1
    clock[0] = NOW + 900 - 90 + 1
    client.access_token()
    assert called.call_count == 2
