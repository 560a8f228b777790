"""From the many forms of an Airflow connection to the same settings."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from airflow.sdk import Connection

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.hooks.connection import walmart_settings
from airflow_provider_walmart.hooks.walmart import WalmartHook

SECRET = "s3cr/t:of@the+seller"
REFRESH = "refresh-me-not"
EXTRA = {
    "environment": "sandbox",
    "market": "mx",
    "partner_id": "10001",
    "channel_type": "ch-1",
    "service_name": "My Shop",
    "refresh_token": REFRESH,
    "timeout": 30,
}
EXPECTED = WalmartSettings(
    client_id="an-id", client_secret=SECRET, base_url="https://proxy.example.com:8443/walmart", **EXTRA
)


def connection(**fields):
    return Connection(
        **{"conn_id": "shop", "conn_type": "walmart", "login": "an-id", "password": SECRET, **fields}
    )


def settings_of(value: str, monkeypatch) -> WalmartSettings:
    """Return what the hook makes of an ``AIRFLOW_CONN_`` variable."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", value)
    return WalmartHook("shop").client.settings


FORMS = {
    "json": json.dumps(
        {
            "conn_type": "walmart",
            "login": "an-id",
            "password": SECRET,
            "host": "https://proxy.example.com:8443/walmart",
            "extra": EXTRA,
        }
    ),
    "json with extra as text": json.dumps(
        {
            "conn_type": "walmart",
            "login": "an-id",
            "password": SECRET,
            "host": "https://proxy.example.com/walmart",
            "port": 8443,
            "extra": json.dumps(EXTRA),
        }
    ),
    "uri": (
        f"walmart://an-id:{quote(SECRET, safe='')}@{quote('https://proxy.example.com:8443/walmart', safe='')}/?"
        + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in EXTRA.items())
    ),
    "uri with __extra__": (
        f"walmart://an-id:{quote(SECRET, safe='')}@{quote('https://proxy.example.com:8443/walmart', safe='')}/?"
        f"__extra__={quote(json.dumps(EXTRA), safe='')}"
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_say_the_same(form, monkeypatch):
    assert settings_of(FORMS[form], monkeypatch) == EXPECTED


def test_the_uri_that_airflow_makes_of_a_connection_says_the_same(monkeypatch):
    made = connection(host="http://127.0.0.1:8089", extra=json.dumps({"market": "ca", "timeout": 5}))
    assert settings_of(made.get_uri(), monkeypatch) == walmart_settings(made)


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("walmart://an-id:x@/", "https://marketplace.walmartapis.com"),
        ("walmart://an-id:x@?environment=sandbox", "https://sandbox.walmartapis.com"),
        ("walmart://an-id:x@localhost:8089", "http://localhost:8089"),
        ("walmart://an-id:x@127.0.0.1:8089", "http://127.0.0.1:8089"),
        ("walmart://an-id:x@example.com", "https://example.com"),
        ("walmart://an-id:x@example.com:444", "https://example.com:444"),
        ("walmart://an-id:x@localhost:8089/https", "https://localhost:8089"),
        ("walmart://http://an-id:x@localhost:8089", "http://localhost:8089"),
    ],
)
def test_host_port_and_scheme_of_a_uri(uri, base_url, monkeypatch):
    assert settings_of(uri, monkeypatch).base_url == base_url


def test_what_the_form_sends_for_cleared_fields():
    # Airflow's form sends every extra field, null where it is empty, and 0 and "" for the hidden ones.
    cleared = connection(
        host="", schema="", port=0, extra=json.dumps(dict.fromkeys([*EXTRA, "sandbox_version"]))
    )
    assert walmart_settings(cleared) == WalmartSettings(client_id="an-id", client_secret=SECRET)


def test_unknown_extra_fields_are_left_alone():
    made = connection(extra=json.dumps({"region": "eu", "client_id": "other", "base_url": "http://evil.com"}))
    assert walmart_settings(made) == walmart_settings(connection())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"login": None}, "client ID"),
        ({"login": "   "}, "client ID"),
        ({"password": None}, "client secret"),
        ({"password": " \n "}, "client secret"),
        ({"host": "http://evil.com"}, "plain http"),
        ({"host": "evil.com", "schema": "http"}, "plain http"),
        ({"host": "localhost.evil.com", "schema": "http"}, "plain http"),
        ({"host": "127.0.0.1@evil.com", "schema": "http"}, "user name"),
        ({"host": "http://127.0.0.1@evil.com"}, "user name"),
        ({"host": "https://me:hunter2@evil.com", "port": 1}, "user name"),
        ({"host": "https://example.com:99999"}, "not a URL"),
        ({"host": "https://example.com:99999", "port": 80}, "not a URL"),
        ({"host": "[::1"}, "host"),
        ({"host": "https://[::1", "port": 80}, "not a URL"),
        ({"host": "example.com", "port": 99999}, "not a URL"),
        ({"host": 12, "schema": "http"}, "plain http"),
        ({"extra": '{"market": "de"}'}, "us, ca, mx, cl"),
        ({"extra": '{"environment": "staging"}'}, "production, sandbox"),
        ({"extra": f'{{"refresh_token": "{REFRESH}"}}'}, "partner_id"),
        ({"extra": f'{{"refresh_token": "{REFRESH}"'}, "not JSON"),
        ({"extra": f"refresh_token={REFRESH}"}, "not JSON"),
        ({"extra": "[" * 100_000}, "not JSON"),
        ({"extra": "[]"}, "list"),
        ({"extra": '"text"'}, "str"),
        ({"extra": "null"}, "NoneType"),
        ({"extra": "1"}, "int"),
        ({"extra": [REFRESH]}, "extra"),
        ({"extra": '{"timeout": "soon"}'}, "timeout"),
        ({"extra": '{"partner_id": {"a": 1}}'}, "partner_id"),
    ],
)
def test_bad_connections(fields, said):
    with pytest.raises(WalmartConfigError) as raised:
        walmart_settings(connection(**fields))
    message = str(raised.value)
    assert message.startswith("Connection 'shop'")
    assert said in message
    for secret in (SECRET, REFRESH, "hunter2"):
        assert secret not in message


def test_a_bad_connection_is_found_before_anything_is_sent(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("something was sent"))
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "walmart://an-id:x@?market=de")
    with pytest.raises(WalmartConfigError):
        WalmartHook("shop").get_feed("F@1")
