"""What the button "Test" says. Airflow shows it unmasked, so it is made of our own words alone."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.hooks import account
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.airflow_line import AIRFLOW
from tests.helpers.wire import hang, http, token

SECRETS = ("s3cr3t-of-the-seller", "eyJ-the-token", "refresh-me-not", "czNjcjN0")
DETAIL = {"is_valid": True, "scopes": {"orders": "full_access", "feeds": "view_only", "item": "no_access"}}
ECHO = {"error": [{"code": "X", "description": " ".join(SECRETS)}]}
KEYS = "Walmart refuses these keys."
URL = "Check the base URL"
REFUSED = "The server refused the request."
NO_SENSE = "The server failed or gave an answer that makes no sense."
WHERE = "environment production, market us, host "


@pytest.fixture
def test_of(monkeypatch):
    """Return a function that tests a connection with the given fields."""

    def run(url: str, **fields):
        known = {"conn_type": "walmart", "login": "an-id", "password": SECRETS[0], "host": url, **fields}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(known))
        ok, message = WalmartHook("shop").test_connection()
        for secret in SECRETS:
            assert secret not in message
        assert "http" not in message
        return ok, message

    return run


def answers(token_answer=None, detail=None):
    def reply(request):
        if request.path == "/v3/token":
            return token_answer if token_answer is not None else token(SECRETS[1])
        return detail if detail is not None else http(200, DETAIL)

    return reply


@pytest.mark.parametrize(
    ("extra", "where"),
    [
        ({}, "environment production, market us"),
        ({"environment": "sandbox", "market": "mx"}, "environment sandbox, market mx"),
        ({"refresh_token": SECRETS[2], "partner_id": "1"}, "environment production, market us"),
    ],
)
def test_success_names_environment_market_and_scopes(extra, where, wire, test_of):
    server = wire(answers())
    assert test_of(server.url, extra=extra) == (
        True,
        f"Connected to Walmart Marketplace: {where}, host {server.url.partition('//')[2]}. Scopes: feeds view only, item no access, orders full access.",
    )
    assert [request.path for request in server.requests] == ["/v3/token", "/v3/token/detail"]


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        ({}, "none"),
        (None, "not named"),
        ([], "not named"),
        ("x", "not named"),
        ({"orders": f"full_access {SECRETS[1]}"}, "none"),
        ({SECRETS[1]: "full_access"}, "none"),
        ({"orders": ["full_access"]}, "none"),
        ({"orders": None, "item": "no_access"}, "item no access"),
    ],
)
def test_scopes_in_any_form_are_said_in_our_words(scopes, said, wire, test_of):
    server = wire(answers(detail=http(200, {"scopes": scopes})))
    ok, message = test_of(server.url)
    assert ok
    assert message.endswith(f"Scopes: {said}.")


def test_a_token_that_walmart_calls_invalid_is_a_failure(wire, test_of):
    server = wire(answers(detail=http(200, {**DETAIL, "is_valid": False, "is_channel_match": False})))
    assert test_of(server.url) == (
        False,
        "Walmart gave out a token and says that it is not valid. Check that client ID and client secret belong to this "
        f"environment and market. ({WHERE}{server.url.partition('//')[2]})",
    )


def test_a_channel_type_that_does_not_match_is_said(wire, test_of):
    server = wire(answers(detail=http(200, {**DETAIL, "is_channel_match": False})))
    ok, message = test_of(server.url)
    assert ok
    assert message.endswith(
        "orders full access. Walmart says that the channel type does not match these keys."
    )


@pytest.mark.parametrize(
    ("token_answer", "detail", "said"),
    [
        (http(401, ECHO), None, KEYS),
        (http(400, ECHO), None, REFUSED),
        (http(403, ECHO), None, "Walmart gives no token for these keys."),
        (http(404, ECHO), None, "The server answered, but it is not Walmart's API."),
        (http(429, ECHO, Retry_After="3600"), None, "Walmart is throttling this account"),
        (http(500, ECHO), None, NO_SENSE),
        (http(302, b"", Location="https://example.com"), None, REFUSED),
        (http(200, b"<html>Sign in</html>"), None, NO_SENSE),
        (http(200, {}), None, NO_SENSE),
        (http(200, b"[" * 100_000), None, NO_SENSE),
        (b"", None, "The server could not be reached."),
        (None, http(401, ECHO), KEYS),
        (None, http(400, ECHO), REFUSED),
        (None, http(403, ECHO), "The keys are right, but have no permission."),
        (None, http(404, ECHO), "The server answered, but it is not Walmart's API."),
        (None, http(429, ECHO), "Walmart is throttling this account"),
        (None, http(500, ECHO), NO_SENSE),
        (None, http(200, b"<html>"), NO_SENSE),
        (None, http(200, []), NO_SENSE),
        (None, b"", "The server could not be reached."),
    ],
)  # fmt: skip
def test_failures_in_fixed_sentences(token_answer, detail, said, wire, test_of):
    server = wire(answers(token_answer, detail))
    ok, message = test_of(server.url)
    assert not ok
    assert message.startswith(said)
    assert message.endswith(f"({WHERE}{server.url.partition('//')[2]})")
    # Whoever presses a button waits for it: nothing is tried again but a token that was refused.
    assert server.count("/v3/token") <= 2
    assert server.count("/v3/token/detail") <= 2


# What comes before a call that hangs has the same time.
@pytest.mark.parametrize(("where", "patience"), [("/v3/token", 0.3), ("/v3/token/detail", 2.0)])
def test_nobody_waits_long(where, patience, wire, test_of, monkeypatch):
    monkeypatch.setattr(account, "TEST_TIMEOUT", patience)
    server = wire(lambda request: hang if request.path == where else token())
    ok, message = test_of(server.url, extra={"timeout": 3600})
    assert not ok
    assert message.startswith("The server could not be reached.")
    assert server.count(where, at_least=1) == 1


def test_nothing_listens(test_of):
    assert test_of("http://127.0.0.1:9")[1].startswith("The server could not be reached.")
    assert test_of("https://no-such-host.invalid")[1].startswith("The server could not be reached.")
    assert test_of(f"https://{'a' * 64}.com")[1].startswith(REFUSED)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"login": ""}, "Client ID (login)"),
        ({"password": ""}, "Client secret (password)"),
        ({"host": "http://example.com"}, "Base URL (host)"),
        ({"host": f"https://me:{SECRETS[2]}@example.com"}, "Base URL (host)"),
        ({"extra": {"market": SECRETS[0]}}, "market"),
        ({"extra": {"timeout": "soon"}}, "timeout"),
        ({"extra": {"refresh_token": SECRETS[2]}}, "partner_id"),
    ],
)
def test_the_field_that_is_wrong_is_named_and_not_its_value(fields, field, wire, test_of):
    server = wire(answers())
    assert test_of(**{"url": server.url, **fields} if "host" not in fields else {"url": "", **fields}) == (
        False,
        f"{field} of the connection is missing or has a value that is not allowed.",
    )
    assert not server.requests


@pytest.mark.parametrize("extra", ["{", [1]])
def test_a_broken_extra(extra, wire, test_of):
    server = wire(answers())
    # Airflow 3.1 takes such a connection for one that isn't there.
    expected = (
        "The connection could not be read."
        if AIRFLOW < (3, 2)
        else "extra of the connection is missing or has a value that is not allowed."
    )
    assert test_of(server.url, extra=extra) == (False, expected)
    assert not server.requests


def test_no_such_connection():
    assert WalmartHook("none_such").test_connection() == (False, "The connection could not be read.")


def test_something_nobody_thought_of(wire, test_of, monkeypatch):
    def surprise(*args):
        raise RuntimeError(SECRETS[1])

    monkeypatch.setattr(WalmartHook, "_prove", surprise)
    ok, message = test_of(wire(answers()).url)
    assert not ok
    assert message.startswith("The test itself failed")


def test_a_cached_token_does_not_hide_keys_that_were_reset(shop, monkeypatch):
    assert WalmartHook().get_access_token()
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection())
    assert WalmartHook().test_connection()[0]
    assert shop.token_requests == 2
