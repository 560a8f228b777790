"""Subscriptions through the hook, and deliveries of the sandbox to an endpoint of ours, over real HTTP."""

from __future__ import annotations

import json
import logging
import re

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartRequestError,
    WalmartWebhookError,
)
from airflow_provider_walmart.client.webhooks.notifications import (
    BearerTokens,
    basic_auth,
    hmac_sha256,
    parse_notification,
)
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.api import WalmartApiOperator
from tests.helpers.wire import http

SECRET = "a-secret-of-the-webhook"
KEY = "a-key-in-a-header"
EVENT = {"eventType": "PO_CREATED", "eventVersion": "V1", "resourceName": "ORDER", "status": "ACTIVE"}
TOKENS = BearerTokens("client", SECRET, "X-Auth")
PROOFS = {
    "BASIC_AUTH": ({"userName": "user", "password": SECRET}, basic_auth("user", SECRET, "X-Auth")),
    "HMAC": ({"clientSecret": SECRET}, hmac_sha256(SECRET, "X-Auth")),
    "OAUTH": ({"clientId": "client", "clientSecret": SECRET}, TOKENS.check),
}
EACH_PROOF = pytest.mark.parametrize("method", PROOFS)


def details(method: str, url: str, **changes) -> dict:
    given = {"authMethod": method, "authHeaderName": "X-Auth", **PROOFS[method][0], **changes}
    return {**given, "authUrl": f"{url}/token"} if method == "OAUTH" else given


class Endpoint:
    """A server that takes deliveries, and gives out tokens."""

    def __init__(self, wire, method: str) -> None:
        self.taken: list[dict] = []
        self.errors: list[WalmartWebhookError] = []
        self.check = PROOFS[method][1]
        self.server = wire(self.reply)
        self.url = self.server.url

    def reply(self, request) -> bytes:
        try:
            if request.path.startswith("/token"):
                return http(200, TOKENS.issue(request.headers, request.body))
            self.taken.append(parse_notification(request.headers, request.body, self.check))
        except WalmartWebhookError as error:
            self.errors.append(error)
            return http(error.status)
        return http(200)


def subscribe(hook, endpoint, method: str, **changes) -> str:
    event = {**EVENT, "eventUrl": endpoint.url, "authDetails": details(method, endpoint.url), **changes}
    return hook.call("createSubscription", body={"events": [event]})["events"][0]["subscriptionId"]


def notify(shop, **payload) -> list[int]:
    body = {"eventType": "PO_CREATED", "payload": payload, "eventId": "e-1"}
    return [one["status"] for one in shop.server.control("POST", "notify", body)["deliveries"]]


@EACH_PROOF
def test_the_life_of_a_subscription(method, shop, wire):
    hook = WalmartHook()
    endpoint = Endpoint(wire, method)
    test = {name: EVENT[name] for name in ("eventType", "eventVersion", "resourceName")}
    body = {**test, "eventUrl": endpoint.url, "authDetails": details(method, endpoint.url)}
    assert hook.call("testNotification", body=body)["message"]
    assert [event["eventType"] for event in endpoint.taken] == ["PO_CREATED"]

    subscription_id = subscribe(hook, endpoint, method, headers={"X-Custom": "mine"})
    assert notify(shop, purchaseOrderId="7") == [200]
    assert endpoint.taken[1]["ids"] == {"purchaseOrderId": "7"}
    assert endpoint.taken[1]["eventId"] == "e-1"
    assert endpoint.server.requests[-1].headers["x-custom"] == "mine"

    hook.call("updateSubscription", subscriptionId=subscription_id, body={"status": "INACTIVE"})
    assert notify(shop) == []
    (found,) = hook.call("getAllSubscriptions", status="INACTIVE")["events"]
    assert found["subscriptionId"] == subscription_id
    hook.call("deleteSubscription", subscriptionId=subscription_id)
    assert hook.call("getAllSubscriptions") == {"events": []}
    assert not endpoint.errors


@EACH_PROOF
def test_a_delivery_with_another_secret_is_refused(method, shop, wire):
    endpoint = Endpoint(wire, method)
    name = "password" if method == "BASIC_AUTH" else "clientSecret"
    wrong = details(method, endpoint.url, **{name: "another"})
    subscribe(WalmartHook(), endpoint, method, authDetails=wrong)
    # Without a token Walmart has nothing to deliver with.
    assert notify(shop) == ([0] if method == "OAUTH" else [401])
    assert not endpoint.taken
    assert [error.status for error in endpoint.errors] == [401]
    test = {**EVENT, "eventUrl": endpoint.url, "authDetails": wrong}
    with pytest.raises(WalmartRequestError, match=r"Answered 401|Did not answer"):
        WalmartHook().call("testNotification", body=test)


@EACH_PROOF
def test_secrets_of_subscriptions_are_neither_told_nor_logged(method, shop, wire, caplog):
    caplog.set_level(logging.DEBUG)
    hook = WalmartHook()
    endpoint = Endpoint(wire, method)
    event = {
        **EVENT,
        "eventUrl": endpoint.url,
        "authDetails": details(method, endpoint.url),
        "headers": {"x-api-key": KEY, "X-Level": "1"},
    }
    answers = [
        hook.call("createSubscription", body={"events": [event]}),
        hook.call("getAllSubscriptions"),
    ]
    answers.append(
        hook.call("updateSubscription", subscriptionId=answers[0]["events"][0]["subscriptionId"], body=event)
    )
    assert SECRET not in json.dumps(answers)
    assert KEY not in json.dumps(answers)
    assert json.dumps(answers).count('"x-api-key": "***"') == 3
    assert json.dumps(answers).count('"***"') == 9
    # Walmart may repeat the request in its errors.
    told = {"errors": [{"code": "X", "field": "authDetails", "description": f"odd: {SECRET} 1 {KEY}"}]}
    shop.fault("/v3/webhooks/", status=400, body=told)
    for operation, body in (("createSubscription", {"events": [event]}), ("testNotification", event)):
        with pytest.raises(WalmartRequestError, match=r"odd: \*\*\* 1 \*\*\*") as caught:
            hook.call(operation, body=body)
        assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text
    assert KEY not in caplog.text


def test_the_operator_keeps_secrets_of_subscriptions_out_of_xcom_and_files(shop, wire, tmp_path):
    endpoint = Endpoint(wire, "HMAC")
    subscribe(WalmartHook(), endpoint, "HMAC", headers={"x-api-key": KEY})
    listed = {"task_id": "list", "operation": "getAllSubscriptions"}
    returned = json.dumps(WalmartApiOperator(**listed).execute({}))
    path = tmp_path / "subscriptions.json"
    WalmartApiOperator(**listed, output_path=path.as_uri()).execute({})
    for told in (returned, path.read_text()):
        assert "x-api-key" in told
        assert KEY not in told
        assert SECRET not in told


@pytest.mark.parametrize(
    "form", [dict, json.dumps, lambda body: json.dumps(body).encode()], ids=["dict", "text", "bytes"]
)
@EACH_PROOF
def test_what_stands_for_a_secret_is_not_written_back(method, form, shop, wire):
    hook = WalmartHook()
    endpoint = Endpoint(wire, method)
    subscription_id = subscribe(hook, endpoint, method, headers={"x-api-key": KEY})
    (found,) = hook.call("getAllSubscriptions")["events"]
    without = {**found, "headers": {"x-api-key": KEY}, "status": "ACTIVE"}
    sent = len(shop.received("/v3/webhooks"))
    told = "authDetails holds ***, the placeholder for a secret that is not shown: give the secret, or leave authDetails out"
    for operation, body, params in (
        ("updateSubscription", without, {"subscriptionId": subscription_id}),
        ("createSubscription", {"events": [without]}, {}),
        ("testNotification", without, {}),
    ):
        with pytest.raises(WalmartConfigError, match=f"^{operation}: {re.escape(told)}"):
            hook.call(operation, body=form(body), **params)
    without = {**found, "authDetails": details(method, endpoint.url)}
    with pytest.raises(WalmartConfigError, match=re.escape(told.replace("authDetails", "headers"))):
        hook.call("updateSubscription", subscriptionId=subscription_id, body=form(without))
    assert len(shop.received("/v3/webhooks")) == sent
    # Nothing of it arrived.
    assert notify(shop) == [200]
    assert endpoint.server.requests[-1].headers["x-api-key"] == KEY
    del without["headers"]
    hook.call("updateSubscription", subscriptionId=subscription_id, body=form(without))
    assert notify(shop) == [200]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "PAUSED"},
        {"eventUrl": "http://example.com"},
        {"authDetails": {"authMethod": "NONE"}},
        {"authDetails": {"authMethod": "HMAC"}},
    ],
)
def test_the_sandbox_refuses_odd_subscriptions(change, shop, wire):
    hook = WalmartHook()
    endpoint = Endpoint(wire, "HMAC")
    subscription_id = subscribe(hook, endpoint, "HMAC")
    with pytest.raises(WalmartRequestError):
        hook.call("updateSubscription", subscriptionId=subscription_id, body=change)
    assert notify(shop) == [200]
