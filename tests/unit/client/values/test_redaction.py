"""What is redacted of Walmart's words, and what is not."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.client.errors import ErrorDetail
from airflow_provider_walmart.client.values.redaction import NOTHING_SECRET, Redactor

FORM = "application/x-www-form-urlencoded"
DELIVERIES = "/api-proxy/service/supplychain/transportation/v1/daas/deliveries"


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        ({"Authorization": "a-secret-without-a-scheme"}, None, "a-secret-without-a-scheme"),
        ({"Authorization": "Bearer a-token"}, None, "a-token"),
        ({"Authorization": "Basic YW4taWQ6czNjcjN0"}, None, "YW4taWQ6czNjcjN0"),
        ({"Authorization": "Basic YW4taWQ6czNjcjN0"}, None, "s3cr3t"),
        ({"Authorization": "Basic none-of-base64!"}, None, "none-of-base64!"),
        ({"WM_SEC.ACCESS_TOKEN": "a-token"}, None, "a-token"),
        ({"wm_sec.access_token": "a-token"}, None, "a-token"),
        ({"Content-Type": FORM}, "client_secret=hush%2Fhush", "hush/hush"),
        ({"Content-Type": FORM}, "refresh_token=hush&grant_type=x", "hush"),
        ({"Content-Type": FORM}, "code=hush", "hush"),
    ],
)
def test_a_secret_of_the_request_is_redacted_everywhere(headers, body, secret):
    redactor = Redactor(headers, body, "/v3/token")
    assert redactor.detail(secret, f"a {secret}", f"{secret}!") == ErrorDetail("***", "a ***", "***!")


def test_what_is_not_secret_stays():
    redactor = Redactor({"Content-Type": FORM, "WM_SVC.NAME": "Walmart"}, "grant_type=code&a=b", "/v3/token")
    assert redactor.detail("code", "grant_type", "Walmart b") == ErrorDetail(
        "code", "grant_type", "Walmart b"
    )
    assert NOTHING_SECRET.detail("a", "b", "c") == ErrorDetail("a", "b", "c")


def test_secrets_of_a_subscription_are_redacted_at_its_path_only():
    body = json.dumps({"authDetails": {"password": "hush", "headers": {"X": "1", "Y": "four"}}})
    said = Redactor({}, body, "/v3/webhooks/subscriptions").detail("", "", "hush 1 four")
    assert said.description == "*** 1 ***"
    assert Redactor({}, body, "/v3/items").detail("", "", "hush").description == "hush"


@pytest.mark.parametrize(
    ("value", "said", "left"),
    [
        ({"name": "Ann"}, "Ann of Anna", "*** of Anna"),
        ({"name": "Jo"}, "Jo", "Jo"),
        ({"phone": "4085550199"}, "+14085550199", "+1***"),
        ({"zip": 94086}, "94086 194086", "*** 194086"),
        ({"zip": 123}, "123", "123"),
        ({"tip": 1234.0}, "1234 or 1234.0", "*** or ***"),
        ({"lat": 37.1230}, "37.123", "***"),
        ({"status": "IN_TRANSIT"}, "IN_TRANSIT", "IN_TRANSIT"),
        ({"at": "2026-01-01T00:00:00Z"}, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ({"orderId": "ORDER-77"}, "ORDER-77", "ORDER-77"),
        ({"fragile": True}, "True true", "True true"),
        ({"list": [{"name": "Zoe"}]}, "ZOE", "***"),
        ({"big": 1e300, "none": None}, "none", "none"),
    ],
)
def test_what_is_about_a_person_is_redacted_of_a_delivery_but_not_in_codes(value, said, left):
    for body in (json.dumps(value), json.dumps(value).encode()):
        assert Redactor({}, body, DELIVERIES).detail(said, said, said) == ErrorDetail(said, left, left)
        assert Redactor({}, body, "/v3/orders").detail("", "", said).description == said


def test_a_form_with_personal_data_is_redacted_as_well():
    redactor = Redactor({"Content-Type": FORM}, "name=Annabelle", DELIVERIES)
    assert redactor.detail("", "", "Annabelle").description == "***"
