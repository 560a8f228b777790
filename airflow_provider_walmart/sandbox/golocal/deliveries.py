"""GoLocal: quotes, deliveries from booking to the door, tips, and the simulator that moves deliveries on.

Addresses whose zip code begins with 99 are not served. Two bookings with the same ``externalOrderId`` make two
deliveries: Walmart promises nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import bounded
from airflow_provider_walmart.sandbox.core.calls import Call, Handler, reply
from airflow_provider_walmart.sandbox.core.dates import iso
from airflow_provider_walmart.sandbox.core.deliveries import CANCELLED, LIFE, Delivery, Quote
from airflow_provider_walmart.sandbox.golocal.auth import GoLocalEndpoint, GoLocalRefusal

BASE = "/api-proxy/service/supplychain/transportation/v1"
#: Production and sandbox; here both have the same deliveries.
DELIVERIES = (f"{BASE}/daas", f"{BASE}/sbx-daas")
SIMULATOR = f"{BASE}/daas-simulator"
ORDER_STATUSES = ("READY_FOR_PICKUP", "PIN_VALIDATION_PICKUP")
#: Statuses in which the goods are still in the shop.
BEFORE_PICKUP = LIFE[: LIFE.index("DISPATCHED")]
#: What a quote cannot do without, with the number of the error.
QUOTED = {
    "clientId": 100,
    "deliveryMethod": 102,
    "requestedMinDeliverySlotTime": 164,
    "requestedMaxDeliverySlotTime": 165,
    "pickupDetails": 101,
    "deliveryDetails": 120,
}


async def eligibility(call: Call) -> Response:
    """Answer whether the addresses of a request are served.

    :param call: the call.
    """
    codes = list(_zip_codes(_content(call)))
    if not codes:
        raise GoLocalRefusal(120, "deliveryDetails.address.zipCode", "Missing input field zipCode.")
    served = [{"zipCode": code, "eligible": _is_served(code)} for code in codes]
    return reply(
        {"deliveries": {"eligible": any(one["eligible"] for one in served), "deliveryLocations": served}}
    )


async def quote(call: Call) -> Response:
    """Answer what a delivery would cost.

    :param call: the call.
    """
    wanted = _wrapped(call)
    for name, number in QUOTED.items():
        if not wanted.get(name):
            raise GoLocalRefusal(number, name, f"Missing input field {name}.")
    _check_served(wanted)
    quote_id, expires = str(uuid.uuid4()), call.now + call.state.settings.quote_seconds
    bounded.put(call.state.quotes, quote_id, Quote(call.token.client, expires))
    validity = {"startTime": iso(int(call.now * 1000)), "endTime": iso(int(expires * 1000))}
    fee = {"amount": 8.75, "currency": "USD"}
    return reply({"deliveries": {"quoteId": quote_id, "deliveryFee": fee, "quoteValidity": validity}})


async def book(call: Call) -> Response:
    """Book a delivery.

    :param call: the call.
    """
    wanted = _wrapped(call)
    for name, number in (("clientId", 100), ("externalOrderId", 103)):
        if not isinstance(wanted.get(name), str) or not wanted[name].strip():
            raise GoLocalRefusal(number, name, f"Missing input field {name}.")
    _check_served(wanted)
    if quote_id := wanted.get("quoteId"):
        known = call.state.quotes.get(str(quote_id))
        if known is None or known.client != call.token.client:
            raise GoLocalRefusal(190, "quoteId", "The quote is unknown.")
        if known.expires <= call.now:
            raise GoLocalRefusal(191, "quoteId", "The quote has expired. Request a new quote.")
    duration = call.state.settings.delivery_seconds
    delivery = Delivery(str(uuid.uuid4()), call.token.client, wanted, call.now, duration)
    call.state.deliveries[delivery.id] = delivery
    shown = delivery.shown(call.now)
    return reply(
        {"deliveries": {name: shown[name] for name in ("deliveryId", "externalOrderId", "trackingUrl")}}
    )


async def one(call: Call) -> Response:
    """Answer one delivery.

    :param call: the call.
    """
    return reply({"deliveries": _delivery(call).shown(call.now)})


async def by_order(call: Call) -> Response:
    """Answer the delivery of an order.

    :param call: the call.
    """
    for name, number in (("clientId", 100), ("externalOrderId", 103)):
        if not call.query(name):
            raise GoLocalRefusal(number, name, f"Missing input field {name}.")
    found = _matching(call, {name: call.query(name) for name in ("clientId", "externalOrderId")})
    if not found:
        raise GoLocalRefusal(404, "externalOrderId", "No such delivery.", status=404)
    return reply({"deliveries": found[0]})


async def search(call: Call) -> Response:
    """Answer the deliveries whose fields have the values of the request.

    :param call: the call.
    """
    return reply({"deliveries": _matching(call, _wrapped(call))})


async def update(call: Call) -> Response:
    """Change what a delivery was booked with.

    :param call: the call.
    """
    delivery, changes = _delivery(call), _wrapped(call)
    if all(delivery.body.get(name) == value for name, value in changes.items()):
        raise GoLocalRefusal(192, "deliveries", "Nothing would change.")
    if delivery.status(call.now) not in BEFORE_PICKUP:
        raise GoLocalRefusal(193, "deliveries", "The delivery has been picked up and cannot be changed.")
    _check_served(changes)
    delivery.body.update(changes)
    return _ids(delivery)


async def cancel(call: Call) -> Response:
    """Cancel a delivery that has not been picked up.

    :param call: the call.
    """
    delivery, wanted = _delivery(call), _wrapped(call)
    if not wanted.get("reasons"):
        raise GoLocalRefusal(194, "reasons", "Missing input field reasons.")
    if delivery.status(call.now) not in BEFORE_PICKUP:
        raise GoLocalRefusal(195, "deliveryId", "The delivery can no longer be cancelled.")
    delivery.fixed_status = CANCELLED
    return _ids(delivery)


async def order_status(call: Call) -> Response:
    """Take note of what the shop says of the order.

    :param call: the call.
    """
    delivery, status = _delivery(call), _wrapped(call).get("orderStatus")
    if status not in ORDER_STATUSES:
        raise GoLocalRefusal(196, "orderStatus", f"Must be one of {', '.join(ORDER_STATUSES)}.")
    delivery.body["orderStatus"] = status
    return _ids(delivery)


async def tip(call: Call) -> Response:
    """Take a tip for the driver of an order.

    :param call: the call.
    """
    body = _content(call)
    given = body.get("tip")
    amount = given.get("amount") if isinstance(given, dict) else None
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount <= 100:
        raise GoLocalRefusal(200, "tip.amount", "Must be above 0 and at most 100.")
    if not _matching(call, {name: body.get(name) for name in ("clientId", "externalOrderId")}):
        raise GoLocalRefusal(404, "externalOrderId", "No such delivery.", status=404)
    return Response(status_code=200)


async def steps(call: Call) -> Response:
    """Answer what can happen to a delivery next.

    :param call: the call.
    """
    return _steps(call, _simulated(call))


async def execute(call: Call) -> Response:
    """Make something happen to a delivery.

    :param call: the call.
    """
    delivery = _simulated(call)
    action = _payload(call).get("action")
    following = dict(_following(delivery.status(call.now)))
    if action not in following:
        raise GoLocalRefusal(197, "action", f"Must be one of {', '.join(following) or 'none'}.")
    delivery.fixed_status = following[action]
    return _steps(call, delivery)


def _content(call: Call) -> dict[str, Any]:
    content: dict[str, Any] = call.content(dict, shape="errors", service="GOLOCAL")
    return content


def _wrapped(call: Call) -> dict[str, Any]:
    inner = _content(call).get("deliveries")
    if not isinstance(inner, dict):
        raise GoLocalRefusal(99, "deliveries", "Missing input field deliveries.")
    return inner


def _payload(call: Call) -> dict[str, Any]:
    payload = _content(call).get("payload")
    return payload if isinstance(payload, dict) else {}


def _delivery(call: Call, delivery_id: str | None = None) -> Delivery:
    found = call.state.deliveries.get(delivery_id or call.path.get("deliveryId", ""))
    if found is None or found.client != call.token.client:
        raise GoLocalRefusal(404, "deliveryId", "No such delivery.", status=404)
    return found


def _simulated(call: Call) -> Delivery:
    return _delivery(call, str(_payload(call).get("deliveryId")))


def _steps(call: Call, delivery: Delivery) -> Response:
    status = delivery.status(call.now)
    actions = [{"action": action} for action, _ in _following(status)]
    return reply({"payload": {"deliveryId": delivery.id, "status": status, "availableSteps": actions}})


def _following(status: str) -> Iterator[tuple[str, str]]:
    """Yield the actions that are possible in a status, each with the status it leads to."""
    if status in LIFE[:-1]:
        following = LIFE[LIFE.index(status) + 1]
        yield "ASSIGN_DRIVER" if following == "DRIVER_ASSIGNED" else following, following
    if status == "ARRIVED_AT_DROPOFF":
        yield "RETURNED", "RETURNED"


def _matching(call: Call, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    own = [delivery for delivery in call.state.deliveries.values() if delivery.client == call.token.client]
    shown = [delivery.shown(call.now) for delivery in own]
    return [one for one in shown if all(one.get(name) == value for name, value in wanted.items())]


def _ids(delivery: Delivery) -> Response:
    return reply(
        {"deliveries": {"externalOrderId": delivery.body["externalOrderId"], "deliveryId": delivery.id}}
    )


def _check_served(wanted: dict[str, Any]) -> None:
    if not all(map(_is_served, _zip_codes(wanted.get("deliveryDetails")))):
        raise GoLocalRefusal(
            198, "deliveryDetails.address", "The delivery address is outside the area that is served."
        )


def _is_served(zip_code: str) -> bool:
    return not zip_code.startswith("99")


def _zip_codes(value: Any) -> Iterator[str]:
    """Yield all zip codes, however deep they are."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "zipCode" and isinstance(inner, str):
                yield inner
            else:
                yield from _zip_codes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _zip_codes(inner)


_OF_DELIVERIES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/deliveries/location/eligibility", eligibility),
    ("POST", "/deliveries/quote", quote),
    ("POST", "/deliveries/search", search),
    ("POST", "/deliveries", book),
    ("GET", "/deliveries", by_order),
    ("GET", "/deliveries/{deliveryId}", one),
    ("PUT", "/deliveries/{deliveryId}/update", update),
    ("PUT", "/deliveries/{deliveryId}/cancel", cancel),
    ("PUT", "/deliveries/{deliveryId}/orderStatus", order_status),
    ("POST", "/clients/tips", tip),
)

ENDPOINTS = [
    *(
        GoLocalEndpoint(method, prefix + path, handle)
        for prefix in DELIVERIES
        for method, path, handle in _OF_DELIVERIES
    ),
    GoLocalEndpoint("POST", f"{SIMULATOR}/available-step", steps),
    GoLocalEndpoint("POST", f"{SIMULATOR}/available-step/execute", execute),
]
