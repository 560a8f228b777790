"""What a webhook is sent: whose it is, and what it says."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_walmart.client.errors import WalmartWebhookError
from airflow_provider_walmart.client.webhooks.notifications import (
    MAX_BODY,
    BearerTokens,
    basic_auth,
    hmac_sha256,
    parse_notification,
)

SECRET = "a-secret-of-the-webhook"
NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
EVENT = {
    "source": {"eventType": "PO_CREATED", "eventTime": "2026-11-01T11:59:00.000Z", "eventId": "e-1"},
    "payload": {"partnerId": 123, "order": {"purchaseOrderId": "7", "customerName": "Ann O'Neil"}},
}
BODY = json.dumps(EVENT).encode()


def anything(headers, body) -> bool:
    return True


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def signature(body: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def refused(body: bytes = BODY, headers=None, check=anything, **more) -> WalmartWebhookError:
    with pytest.raises(WalmartWebhookError) as caught:
        parse_notification(headers or {}, body, check, **more)
    assert "Ann" not in str(caught.value)
    assert SECRET not in str(caught.value)
    return caught.value


# -- contents --------------------------------------------------------------------------------------------


def test_what_an_event_says():
    assert parse_notification({}, BODY, anything) == {
        "eventId": "e-1",
        "eventType": "PO_CREATED",
        "subEventType": "PO_CREATED",
        "resourceName": None,
        "partnerId": "123",
        "eventTime": "2026-11-01T11:59:00+00:00",
        "ids": {"purchaseOrderId": "7"},
        "payload": EVENT["payload"],
    }


@pytest.mark.parametrize(
    ("event_type", "payload", "sub_type"),
    [
        ("ORDER_UPDATES", {"subEventType": "PO_CREATED"}, "PO_CREATED"),
        ("ORDER_UPDATES", {"subEventType": "FRAUD_CANCEL"}, "FRAUD_CANCEL"),
        ("ORDER_UPDATES", {}, None),
        ("ORDER_UPDATES", {"subEventType": {"a": 1}}, None),
        ("ORDER_UPDATES", {"subEventType": "../x y"}, None),
        ("PO_CREATED", {}, "PO_CREATED"),
        ("PO_LINE_AUTOCANCELLED", {}, "PO_LINE_AUTOCANCELLED"),
        ("INTENT_TO_CANCEL", {"subEventType": "OTHER"}, "INTENT_TO_CANCEL"),
        ("SELLER_PERFORMANCE_NOTIFICATIONS", {"notificationType": "ALARMS"}, "ALARMS"),
        ("OFFER_PUBLISHED", {}, None),
    ],
)
def test_what_an_event_is_about_is_said_alike_by_old_and_new_event_types(event_type, payload, sub_type):
    body = json.dumps({"source": {"eventType": event_type, "eventId": "e-1"}, "payload": payload}).encode()
    event = parse_notification({}, body, anything)
    assert (event["eventType"], event["subEventType"]) == (event_type, sub_type)


def test_the_other_form_of_events():
    event = {
        "eventType": "REPORT_STATUS",
        "resourceName": "REPORTS",
        "partnerId": "9",
        "payload": {"requestId": "r", "requestStatus": "READY", "reportType": "ITEM"},
    }
    body = json.dumps(event).encode()
    assert parse_notification({}, body, anything) == {
        # Two deliveries of one event have one body.
        "eventId": hashlib.sha256(body).hexdigest()[:32],
        "eventType": "REPORT_STATUS",
        "subEventType": None,
        "resourceName": "REPORTS",
        "partnerId": "9",
        "eventTime": None,
        "ids": event["payload"],
        "payload": event["payload"],
    }


@pytest.mark.parametrize("event_id", ["../../x", "a b", "x" * 200, 5, ["x"], {"a": 1}])
def test_ids_are_fit_for_the_id_of_a_run(event_id):
    body = json.dumps({**EVENT, "source": {**EVENT["source"], "eventId": event_id}}).encode()
    found = parse_notification({}, body, anything)["eventId"]
    assert found == parse_notification({}, body, anything)["eventId"]
    assert len(found) == 32


@pytest.mark.parametrize("value", [[1], {"a": 1}, True, None, "", "x" * 101, "a\nb"])
def test_odd_ids_in_a_payload_are_left_out(value):
    body = json.dumps(
        {**EVENT, "payload": {"sku": value, "lines": [{"sku": "A-1"}, {"sku": "A-2"}]}}
    ).encode()
    assert parse_notification({}, body, anything)["ids"] == {"sku": "A-1"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"Ann O'Neil", 400),
        (b"\xff\xfe\x00", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b'"Ann"', 400),
        (b"{}", 400),
        (b'{"source": {"eventType": "Ann O\'Neil"}}', 400),
        (b'{"source": {"eventType": {"Ann": 1}}}', 400),
        (b" " * (MAX_BODY + 1), 413),
    ],
    ids=range(10),
)
def test_what_makes_no_sense_is_refused_without_repeating_it(body, status):
    assert refused(body).status == status


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.sampled_from(["source", "payload", "eventType", "eventTime", "eventId", "sku", "partnerId"]), c)))  # fmt: skip
def test_no_event_breaks_it(event):
    body = json.dumps(event).encode("utf-8", "replace")
    with contextlib.suppress(WalmartWebhookError):
        assert parse_notification({}, body, anything)["eventType"]


@pytest.mark.parametrize(
    ("event_time", "is_fine"),
    [
        ("2026-11-01T11:00:00Z", True),
        ("2026-11-01T12:04:00Z", True),
        ("2026-11-01T13:30:00+02:00", True),
        (1793534340000, True),
        ("2026-11-01T09:59:00Z", False),
        ("2026-11-01T12:06:00Z", False),
        ("yesterday", False),
        (None, False),
        (1e300, False),
    ],
)
def test_old_events_are_refused_where_that_is_wanted(event_time, is_fine):
    body = json.dumps({**EVENT, "source": {**EVENT["source"], "eventTime": event_time}}).encode()
    assert parse_notification({}, body, anything)["eventId"] == "e-1"
    limits = {"max_age": timedelta(hours=2), "now": NOW}
    if is_fine:
        assert parse_notification({}, body, anything, **limits)["eventId"] == "e-1"
    else:
        assert refused(body, **limits).status == 400


# -- proofs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "is_ours"),
    [
        (encoded(f"user:{SECRET}"), True),
        (f"Basic {encoded(f'user:{SECRET}')}", True),
        (f"basic  {encoded(f'user:{SECRET}')} ", True),
        (encoded(f"other:{SECRET}"), False),
        (f"user:{SECRET}", False),
        ("Basic", False),
        ("", False),
        ("\u00e4\udcff", False),
    ],
)
@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION"])
def test_a_user_name_and_password(name, value, is_ours):
    assert basic_auth("user", SECRET)({name: value}, BODY) is is_ours
    assert not basic_auth("user", SECRET)({}, BODY)
    assert not basic_auth("user", SECRET, "X-Auth")({name: value}, BODY)


@pytest.mark.parametrize(
    ("value", "is_ours"),
    [
        (base64.b64encode(signature(BODY)).decode(), True),
        (signature(BODY).hex(), True),
        (signature(BODY).hex().upper(), True),
        (signature(BODY + b" ").hex(), False),
        (signature(BODY, "other").hex(), False),
        (signature(BODY).hex()[:-1], False),
        ("", False),
        ("\udcff", False),
    ],
)
def test_a_signature_of_the_body(value, is_ours):
    assert hmac_sha256(SECRET, "X-Sign")({"x-sign": value}, BODY) is is_ours
    assert not hmac_sha256(SECRET, "X-Sign")({"Authorization": value}, BODY)


def test_what_proves_nothing_is_answered_with_401():
    assert refused(check=hmac_sha256(SECRET, "X-Sign"), headers={"X-Sign": "Ann"}).status == 401


@pytest.mark.parametrize("make", [lambda: basic_auth("u", ""), lambda: hmac_sha256("", "X"), lambda: BearerTokens("", SECRET)])  # fmt: skip
def test_an_empty_secret_is_none(make):
    with pytest.raises(WalmartWebhookError, match="is empty"):
        make()


FORM = b"grant_type=client_credentials"


def test_tokens_are_good_for_their_life_and_in_every_process():
    headers = {"Authorization": encoded(f"client:{SECRET}")}
    with time_machine.travel(NOW, tick=False) as clock:
        answer = BearerTokens("client", SECRET, life=60).issue(headers, FORM)
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 60)
        bearer = {"authorization": f"Bearer {answer['access_token']}"}
        assert BearerTokens("client", SECRET).check(bearer, BODY)
        assert not BearerTokens("client", "another").check(bearer, BODY)
        clock.shift(61)
        assert not BearerTokens("client", SECRET).check(bearer, BODY)
    assert SECRET not in answer["access_token"]


@pytest.mark.parametrize("name", ["X-Token", "x-token", "Authorization"])
def test_credentials_come_in_the_header_of_the_subscription_or_the_usual_one(name):
    tokens = BearerTokens("client", SECRET, "X-Token")
    # What else comes there may be for a gateway.
    headers = {"Authorization": "Bearer of-a-gateway", name: f"Basic {encoded(f'client:{SECRET}')}"}
    bearer = f"Bearer {tokens.issue(headers, FORM)['access_token']}"
    assert tokens.check({"X-Token": bearer}, BODY)
    assert not tokens.check({"Authorization": bearer}, BODY)
    with pytest.raises(WalmartWebhookError):
        tokens.issue({**headers, name: f"Basic {encoded('client:wrong')}"}, FORM)


@pytest.mark.parametrize(
    ("value", "form", "status"),
    [
        (encoded("client:wrong"), FORM, 401),
        ("", FORM, 401),
        (encoded(f"client:{SECRET}"), b"grant_type=password", 400),
        (encoded(f"client:{SECRET}"), b"\xff" * 100_000, 400),
    ],
)
def test_others_get_no_token(value, form, status):
    with pytest.raises(WalmartWebhookError) as caught:
        BearerTokens("client", SECRET).issue({"Authorization": value}, form)
    assert caught.value.status == status
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("token", ["", ".", "9999999999.", "9999999999.00", "x.y.z", "\u0661.x", "\udcff"])
def test_made_up_tokens_are_refused(token):
    assert not BearerTokens("client", SECRET).check({"Authorization": f"Bearer {token}"}, BODY)
