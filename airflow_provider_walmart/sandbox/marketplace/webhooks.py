"""Webhook subscriptions."""

from __future__ import annotations

import uuid
from typing import Any, Literal

import msgspec
from msgspec import Struct, UnsetType
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import notifications
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.throttle import per_minute

SERVICE = "GMP_WEBHOOKS_API"
EVENT_TYPES = (
    ("INVENTORY", "INVENTORY_OOS"),
    ("ITEM", "OFFER_PUBLISHED"),
    ("ITEM", "OFFER_UNPUBLISHED"),
    ("ORDER", "PO_CREATED"),
    ("ORDER", "PO_LINE_AUTOCANCELLED"),
    ("ORDER", "INTENT_TO_CANCEL"),
    ("ORDER", "ORDER_UPDATES"),
    ("PRICE", "BUY_BOX_CHANGED"),
    ("REPORTS", "REPORT_STATUS"),
    ("ReturnsAndRefunds", "RETURN_CREATED"),
)

#: What a payload of the test call holds, by event type.
SAMPLES: dict[str, dict[str, Any]] = {
    "PO_CREATED": {"purchaseOrderId": "108900000000001", "customerOrderId": "200012000000001"},
    # Takes the place of the other events of orders in December 2026; what happened is in the payload.
    "ORDER_UPDATES": {
        "subEventType": "PO_CREATED",
        "purchaseOrderId": "108900000000001",
        "customerOrderId": "200012000000001",
    },
    "REPORT_STATUS": {"requestId": "a-request", "requestStatus": "READY", "reportType": "ITEM"},
}
#: Ways in which a delivery proves itself, and what each needs to know.
PROOFS = {
    "BASIC_AUTH": ("userName", "password"),
    "HMAC": ("authHeaderName", "clientSecret"),
    "OAUTH": ("authUrl", "clientId", "clientSecret"),
}

State = Literal["ACTIVE", "INACTIVE"]


class Event(Struct, omit_defaults=True):
    """A subscription as a caller asks for it."""

    eventType: str  # noqa: N815 - Walmart's names
    eventVersion: Literal["V1"]  # noqa: N815
    resourceName: str  # noqa: N815
    eventUrl: str  # noqa: N815
    status: State = "ACTIVE"
    authDetails: dict[str, Any] | UnsetType = msgspec.UNSET  # noqa: N815
    headers: dict[str, Any] | UnsetType = msgspec.UNSET


class Events(Struct):
    """Body of a new subscription."""

    events: list[Event]


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/webhooks/subscriptions``.

    :param call: the call.
    """
    filters = {name: call.query(name) for name in ("subscriptionId", "eventType", "resourceName", "status")}
    found = [
        subscription
        for subscription in call.state.subscriptions.values()
        if all(not value or subscription[name] == value for name, value in filters.items())
    ]
    return reply({"events": found})


async def subscribe(call: Call) -> Response:
    """Answer ``POST /v3/webhooks/subscriptions``.

    :param call: the call.
    """
    events = call.content(Events, service=SERVICE).events
    for event in events:
        _check(event)
    made = []
    for event in events:
        fields = {"status": event.status, **msgspec.to_builtins(event)}
        subscription = {"subscriptionId": str(uuid.uuid4()), "partnerId": call.token.seller, **fields}
        call.state.subscriptions[subscription["subscriptionId"]] = subscription
        made.append(subscription)
    return reply({"events": made})


async def update(call: Call) -> Response:
    """Answer ``PATCH /v3/webhooks/subscriptions/{subscriptionId}``.

    :param call: the call.
    """
    subscription = _known(call)
    changes = call.content(dict[str, Any], service=SERVICE)
    names = {"eventType", "eventVersion", "resourceName", "eventUrl", "authDetails", "headers", "status"}
    changed = {**subscription, **{name: value for name, value in changes.items() if name in names}}
    try:
        _check(msgspec.convert(changed, Event))
    except msgspec.ValidationError as error:
        raise _bad("subscription", str(error)) from None
    subscription.update(changed)
    return reply(subscription)


async def delete(call: Call) -> Response:
    """Answer ``DELETE /v3/webhooks/subscriptions/{subscriptionId}``.

    :param call: the call.
    """
    subscription_id = _known(call)["subscriptionId"]
    del call.state.subscriptions[subscription_id]
    return reply({"subscriptionId": subscription_id, "message": "Successfully deleted subscription"})


async def test(call: Call) -> Response:
    """Answer ``POST /v3/webhooks/test``; a sample is delivered only to a URL on this machine.

    :param call: the call.
    """
    event = call.content(Event, service=SERVICE)
    _check(event)
    if notifications.is_near(event.eventUrl):
        sample = notifications.Notification(event.eventType, SAMPLES.get(event.eventType, {}))
        body = notifications.body_of(sample, call.token.seller, call.now)
        status = await notifications.deliver(msgspec.to_builtins(event), body)
        if status != 200:
            raise _bad("eventUrl", f"Answered {status}" if status else "Did not answer")
    return reply({"message": "Eventurl successfully validated"})


async def event_types(call: Call) -> Response:
    """Answer ``GET /v3/webhooks/eventTypes``.

    :param call: the call.
    """
    return reply(
        {
            "eventTypes": [
                {"resourceName": resource, "eventType": event, "eventVersion": "V1"}
                for resource, event in EVENT_TYPES
            ]
        }
    )


def _check(event: Event) -> None:
    if (event.resourceName, event.eventType) not in EVENT_TYPES:
        raise _bad("eventType", "Unknown event type")
    if not event.eventUrl.startswith("https://") and not notifications.is_near(event.eventUrl):
        raise _bad("eventUrl", "Must be https")
    details = event.authDetails if isinstance(event.authDetails, dict) else {}
    method = details.get("authMethod")
    if method is not None and (not isinstance(method, str) or method not in PROOFS):
        raise _bad("authMethod", f"Must be one of {', '.join(PROOFS)}")
    for name in PROOFS.get(str(method), ()):
        if not details.get(name):
            raise _bad(name, f"Is needed for {method}")


def _bad(field: str, description: str) -> Refusal:
    return Refusal(400, f"INVALID_REQUEST_CONTENT.{SERVICE}", field=field, description=description)


def _known(call: Call) -> dict[str, Any]:
    subscription = call.state.subscriptions.get(call.path["subscriptionId"])
    if subscription is None:
        raise Refusal(
            404, f"CONTENT_NOT_FOUND.{SERVICE}", field="subscriptionId", description="No such subscription"
        )
    return subscription


_PATH = "/v3/webhooks"
ENDPOINTS = [
    Endpoint("GET", f"{_PATH}/subscriptions", listing, limit=per_minute(50, "webhooks/get")),
    Endpoint("POST", f"{_PATH}/subscriptions", subscribe, limit=per_minute(200, "webhooks/post")),
    Endpoint(
        "PATCH", f"{_PATH}/subscriptions/{{subscriptionId}}", update, limit=per_minute(5, "webhooks/patch")
    ),
    Endpoint(
        "DELETE", f"{_PATH}/subscriptions/{{subscriptionId}}", delete, limit=per_minute(10, "webhooks/delete")
    ),
    Endpoint("POST", f"{_PATH}/test", test, limit=per_minute(10, "webhooks/test")),
    Endpoint("GET", f"{_PATH}/eventTypes", event_types, limit=per_minute(5, "webhooks/eventTypes")),
]
