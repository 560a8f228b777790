"""What an account may look like; everything else is refused before anything is sent."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.settings import WalmartSettings

SECRET = "s3cr3t-of-the-seller"
REFRESH = "refresh-me-not"
KEYS = {"client_id": "an-id", "client_secret": SECRET}


def settings(**fields):
    return WalmartSettings(**{**KEYS, **fields})


@pytest.mark.parametrize("absent", [None, "", 0, "  ", 0.0])
@pytest.mark.parametrize(
    "name",
    [field.name for field in dataclasses.fields(WalmartSettings) if field.default is not dataclasses.MISSING],
)
def test_none_blank_and_zero_mean_absent(name, absent):
    assert settings(**{name: absent}) == settings()


def test_white_space_around_pasted_values_is_removed():
    padded = settings(
        client_id="\t an-id \n",
        client_secret=f" {SECRET}\r\n",
        partner_id=" 10001 ",
        refresh_token=f"{REFRESH} ",
        channel_type=" ch ",
        service_name=" My Shop ",
        environment=" Sandbox ",
        market=" MX ",
        base_url=" https://example.com/walmart/ ",
        timeout=" 12.5 ",
    )
    assert padded == settings(
        partner_id="10001",
        refresh_token=REFRESH,
        channel_type="ch",
        service_name="My Shop",
        environment="sandbox",
        market="mx",
        base_url="https://example.com/walmart",
        timeout=12.5,
    )


def test_zero_as_text_is_no_timeout():
    # The URI form of a connection knows no numbers.
    assert settings(timeout="0") == settings()


def test_numbers_are_taken_for_ids():
    assert settings(client_id=123, partner_id=10001234567).partner_id == "10001234567"


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ("production", "https://marketplace.walmartapis.com"),
        ("sandbox", "https://sandbox.walmartapis.com"),
    ],
)
def test_the_environment_names_the_host(environment, url):
    assert settings(environment=environment).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/prefix",
        "http://localhost:8089",
        "http://LOCALHOST",
        "http://127.0.0.1:1",
        "http://127.3.2.1",
        "http://[::1]:8089",
    ],
)
def test_legal_base_urls(url):
    assert settings(base_url=url).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://localhost.evil.com",
        "http://localhost.",
        "http://127.0.0.1.evil.com",
        "http://127.0.0.1@evil.com",
        "http://127.0.0.1:80@evil.com",
        "http://localhost#@evil.com",
        "http://localhost?@evil.com",
        "http://evil.com#localhost",
        "http://evil.com?localhost",
        "http://evil.com/localhost",
        "http://localhost\\@evil.com",
        "http://localhost\\.evil.com",
        "http://localhost%2eevil.com",
        "http://localhost:80evil.com",
        "http://2130706433",
        "http://0.0.0.0",
        "http://[::ffff:8.8.8.8]",
        "http://",
        "http:///etc",
        "http:localhost",
        "https://",
        "https://?",
        "https://example.com:99999",
        "https://example.com:port",
        "https://[::1",
        "https://example.com?query",
        "https://example.com#fragment",
        "https://user:pass@example.com",
        "https://user@example.com",
        "//example.com",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://exämple.com",
        "https://example.com\x00.evil.com",
        "https://example.com\nevil.com",
    ],
)
def test_illegal_base_urls(url):
    with pytest.raises(WalmartConfigError, match=r"^host"):
        settings(base_url=url)


@pytest.mark.parametrize(
    "url", ["https://me:hunter2@host", "https://me:hunter2@host:99999", "http://me:hunter2@[::1"]
)
def test_a_password_in_the_host_is_not_repeated(url):
    with pytest.raises(WalmartConfigError) as raised:
        settings(base_url=url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"client_id": ""}, "login", "client ID"),
        ({"client_id": None}, "login", "client ID"),
        ({"client_secret": ""}, "password", "client secret"),
        ({"client_secret": "   \n"}, "password", "client secret"),
        ({"client_id": f"id:{SECRET}"}, "client_id", "colon"),
        ({"environment": "prod"}, "environment", "'prod'; allowed: production, sandbox"),
        ({"market": "de"}, "market", "'de'; allowed: us, ca, mx, cl"),
        ({"market": "us,ca"}, "market", "'us,ca'"),
        ({"sandbox_version": "v1"}, "sandbox_version", "'v1'; allowed: v2"),
        ({"sandbox_version": "v2", "market": "mx"}, "sandbox_version", "'us' only"),
        ({"refresh_token": REFRESH}, "refresh_token", "partner_id"),
        ({"timeout": -1}, "timeout", "-1; allowed"),
        ({"timeout": "soon"}, "timeout", "'soon'; allowed"),
        ({"timeout": 3601}, "timeout", "at most 3600"),
        ({"timeout": True}, "timeout", "True"),
        ({"timeout": "nan"}, "timeout", "'nan'"),
        ({"timeout": float("inf")}, "timeout", "inf"),
        ({"timeout": 10**400}, "timeout", "allowed"),
        ({"timeout": [1]}, "timeout", "allowed"),
        ({"client_id": "an\x00id"}, "client_id", "printable"),
        ({"client_secret": f"{SECRET}\r\nX-Evil: 1"}, "client_secret", "printable"),
        ({"client_secret": f"{SECRET}é"}, "client_secret", "printable"),
        ({"partner_id": "1\n2"}, "partner_id", "printable"),
        ({"channel_type": "a\tb"}, "channel_type", "printable"),
        ({"service_name": "Wal\x7fmart"}, "service_name", "printable"),
        ({"refresh_token": f"{REFRESH}\u2028x", "partner_id": "1"}, "refresh_token", "printable"),
        ({"partner_id": {"a": 1}}, "partner_id", "text"),
        ({"partner_id": True}, "partner_id", "text"),
        ({"channel_type": ["x"]}, "channel_type", "text"),
        ({"refresh_token": {"value": REFRESH}, "partner_id": "1"}, "refresh_token", "text"),
        ({"market": ["us"]}, "market", "text"),
    ],
)
def test_bad_fields_are_named_with_what_is_allowed_and_no_secret(fields, field, said):
    with pytest.raises(WalmartConfigError) as raised:
        settings(**fields)
    message = str(raised.value)
    assert field in message
    assert said in message
    assert SECRET not in message
    assert REFRESH not in message
    assert raised.value.is_final


def test_no_secret_in_any_text_of_the_settings():
    text = repr(settings(refresh_token=REFRESH, partner_id="1"))
    assert "an-id" in text
    assert SECRET not in text
    assert REFRESH not in text


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings().market = "mx"
