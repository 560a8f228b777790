"""From a connection to the account; the form; the test button."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import Connection
from airflow.sdk.log import redact

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.golocal.settings import GoLocalSettings
from airflow_provider_walmart.get_provider_info import get_provider_info
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
SECRET = "REPrXfS1yczHxrQMmouPt5WF9UgTL4ydl6o6_i2Izi4LjPAR9nLt"
HOST = "https://developer.api.us.walmart.com"
TOKEN = f"{HOST}/api-proxy/service/identity/oauth/v1/token"


def connect(monkeypatch, **fields):
    known = {"conn_type": "walmart_golocal", "login": CLIENT_ID, "password": SECRET, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(known))
    return WalmartGoLocalHook("shop")


def settings(monkeypatch, **fields):
    return connect(monkeypatch, **fields).client.settings


def test_defaults(monkeypatch):
    found = settings(monkeypatch)
    assert found == GoLocalSettings(CLIENT_ID, SECRET, "production", HOST, 60.0, False)


def test_what_the_form_sends_for_empty_fields_means_absent(monkeypatch):
    extra = {"environment": None, "timeout": "", "fresh_token_per_request": None}
    assert settings(monkeypatch, host="", port=0, schema="", extra=extra) == settings(monkeypatch)


def test_all_fields(monkeypatch):
    extra = {"environment": "Sandbox", "timeout": 5, "fresh_token_per_request": True}
    found = settings(monkeypatch, host="localhost", port=8089, login=f" {CLIENT_ID}\n", extra=extra)
    assert found == GoLocalSettings(CLIENT_ID, SECRET, "sandbox", "http://localhost:8089", 5.0, True)


def test_as_a_uri(monkeypatch):
    uri = f"walmart-golocal://{CLIENT_ID}:{SECRET}@/?environment=sandbox&fresh_token_per_request=true"
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", uri)
    assert WalmartGoLocalHook("shop").client.settings == GoLocalSettings(
        CLIENT_ID, SECRET, "sandbox", fresh_token_per_request=True
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"login": ""}, "no client ID"),
        ({"login": "an-id"}, "5 characters and is no UUID"),
        ({"login": CLIENT_ID[:-1]}, "35 characters"),
        ({"login": CLIENT_ID + "0"}, "37 characters"),
        ({"login": CLIENT_ID.replace("-", "0")}, "36 characters and is no UUID"),
        ({"login": SECRET, "password": CLIENT_ID}, f"{len(SECRET)} characters"),
        ({"password": ""}, "no client secret"),
        ({"extra": {"environment": "staging"}}, "'staging'; allowed: production, sandbox"),
        ({"extra": {"fresh_token_per_request": "maybe"}}, "allowed: true, false"),
        ({"extra": {"timeout": -1}}, "timeout"),
        ({"host": "http://example.com"}, "plain http"),
        ({"host": f"{HOST}/api-proxy/service/supplychain/transportation/v1/daas"}, "leave out the path"),
    ],
)
def test_a_bad_field_is_named_before_anything_is_sent(monkeypatch, requests_mock, fields, said):
    with pytest.raises(WalmartConfigError, match=said) as raised:
        connect(monkeypatch, **fields).get_access_token()
    assert "Connection 'shop'" in str(raised.value)
    assert SECRET not in str(raised.value)
    assert requests_mock.call_count == 0


def test_secrets_are_given_to_the_masker(monkeypatch, requests_mock):
    masked = []
    monkeypatch.setattr("airflow_provider_walmart.hooks.golocal.mask", masked.append)
    requests_mock.post(TOKEN, json={"access_token": "a-token", "expires_in": 900})
    connect(monkeypatch, password="a/secret+so").get_access_token()
    assert sorted(masked) == ["a%2Fsecret%2Bso", "a-token", "a/secret+so"]


@pytest.mark.parametrize("flag", ["false", "true"])
def test_a_flag_is_no_secret(caplog, flag):
    extra = {"fresh_token_per_request": flag, "api_token": "of-somebody-else"}
    connection = Connection(
        conn_id="shop", conn_type="walmart_golocal", login=CLIENT_ID, password=SECRET, extra=json.dumps(extra)
    )
    assert WalmartGoLocalHook.settings_of(connection).fresh_token_per_request is (flag == "true")
    assert redact(f"It is {flag}, with {SECRET} and of-somebody-else.") == f"It is {flag}, with *** and ***."
    assert "too short" not in caplog.text


def test_headers_and_session_of_the_hook(monkeypatch, requests_mock):
    requests_mock.post(TOKEN, json={"access_token": "a-token", "expires_in": 900})
    hook = connect(monkeypatch)
    headers = hook.get_headers()
    assert headers.pop("WM_QOS.CORRELATION_ID")
    assert headers == {
        "Accept": "application/json",
        "Authorization": "Bearer a-token",
        "WM_CONSUMER.ID": CLIENT_ID,
    }
    requests_mock.get(f"{HOST}/anything", text="ok")
    assert hook.get_conn().get("/anything").text == "ok"
    assert requests_mock.last_request.headers["Authorization"] == "Bearer a-token"


ORDERS = f"{HOST}/api-proxy/service/supplychain/transportation/v1/daas/deliveries"
UNKNOWN = {"errors": [{"code": "400.500.404", "description": "No such delivery"}]}
GOOD = {"json": {"access_token": "a-token", "expires_in": 900}}


@pytest.mark.parametrize(
    ("token", "order", "expected"),
    [
        (
            GOOD,
            {"status_code": 404, "json": UNKNOWN},
            (
                True,
                "Connected to Walmart GoLocal: environment production, host developer.api.us.walmart.com.",
            ),
        ),
        (GOOD, {"status_code": 404}, (False, "it is not Walmart's API")),
        (
            GOOD,
            {"json": {}},
            (
                True,
                "Connected to Walmart GoLocal: environment production, host developer.api.us.walmart.com.",
            ),
        ),
        (
            GOOD,
            {"status_code": 400},
            (
                True,
                "Connected to Walmart GoLocal: environment production, host developer.api.us.walmart.com.",
            ),
        ),
        (GOOD, {"status_code": 403}, (False, "The keys are right, but have no permission.")),
        (GOOD, {"status_code": 401}, (False, "Walmart refuses these keys.")),
        (GOOD, {"status_code": 500}, (False, "The server failed")),
        ({"status_code": 401}, {}, (False, "Walmart refuses these keys.")),
        ({"status_code": 403}, {}, (False, "Walmart gives no token for these keys.")),
        ({"status_code": 404}, {}, (False, "it is not Walmart's API")),
        ({"status_code": 405}, {}, (False, "The server refused the request")),
    ],
)
def test_the_test_button_says_fixed_sentences(monkeypatch, requests_mock, token, order, expected):
    monkeypatch.setattr("airflow_provider_walmart.client.transport.tokens.TokenProvider.PAUSE", 0.0)
    requests_mock.post(TOKEN, **token)
    requests_mock.get(ORDERS, **order)
    good, said = connect(monkeypatch).test_connection()
    assert (good, expected[1] in said) == (expected[0], True), said
    assert SECRET not in said


def test_the_test_button_names_an_incomplete_connection(monkeypatch):
    assert connect(monkeypatch, login="x").test_connection() == (
        False,
        "Client ID (login) of the connection is missing or has a value that is not allowed.",
    )


def test_the_provider_declares_everything_of_golocal():
    info = get_provider_info()
    [form] = [one for one in info["connection-types"] if one["connection-type"] == "walmart_golocal"]
    assert form["hook-class-name"] == "airflow_provider_walmart.hooks.golocal.WalmartGoLocalHook"
    assert form["hook-name"] == WalmartGoLocalHook.hook_name == "Walmart GoLocal"
    assert list(form["conn-fields"]) == ["environment", "timeout", "fresh_token_per_request"]
    assert form["ui-field-behaviour"]["relabeling"]["login"] == "Client ID"
    for kind in ("hooks", "operators", "sensors", "triggers"):
        modules = [module for entry in info[kind] for module in entry["python-modules"]]
        assert f"airflow_provider_walmart.{kind}.golocal" in modules


def test_no_field_that_airflow_covers_up_has_a_default():
    # The form would be given stars in place of the default, and store them.
    for form in get_provider_info()["connection-types"]:
        for name, field in form["conn-fields"].items():
            if any(word in name for word in ("token", "secret", "password")):
                assert "default" not in field["schema"], name
