"""Changing orders: acknowledge, ship, cancel, refund."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Collection
from typing import Any

from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.records import Changed
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.core.throttle import per_minute
from airflow_provider_walmart.sandbox.marketplace import order_records
from airflow_provider_walmart.sandbox.marketplace.orders import SERVICE, not_found

Json = dict[str, Any]

_OPEN = ("Created", "Acknowledged")
_METHODS = ("Standard", "Express", "OneDay", "Freight", "WhiteGlove", "Value")
_CANCELLATION_REASONS = (
    "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
    "SELLER_CANCEL_PRICING_ERROR",
    "SELLER_CANCEL_OUT_OF_STOCK",
    "SELLER_CANCEL_FRAUD_STOP_SHIPMENT",
    "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE",
)
_REFUND_REASONS = (
    "BillingError", "TaxExemptCustomer", "ItemNotAsAdvertised", "IncorrectItemReceived", "CancelledYetShipped",
    "ItemNotReceivedByCustomer", "IncorrectShippingPrice", "DamagedItem", "DefectiveItem", "CustomerChangedMind",
    "CustomerReceivedItemLate", "Missing Parts / Instructions", "Finance -> Goodwill", "Finance -> Rollback",
    "Buyer canceled", "Customer returned item", "General adjustment", "Merchandise not received",
    "Quality -> Missing Parts / Instructions", "Shipping & Delivery -> Damaged",
    "Shipping & Delivery -> Shipping Price Discrepancy", "Others",
)  # fmt: skip


async def acknowledge(call: Call) -> Response:
    """Answer ``POST /v3/orders/{purchaseOrderId}/acknowledge``.

    Like Walmart's, it breaks down when no media type is given, although there is no body.

    :param call: the call.
    """
    if not call.request.headers.get("Content-Type"):
        raise Refusal(500, f"SYSTEM_ERROR.{SERVICE}", description="System error", shape="errors")
    return _write(call, acknowledge_all)


async def ship(call: Call) -> Response:
    """Answer ``POST /v3/orders/{purchaseOrderId}/shipping``.

    :param call: the call.
    """
    body = call.content(Json, shape="nested", service=SERVICE)

    def apply(order: Json) -> None:
        for change, line in _changes(order, body, "orderShipment"):
            for part in _need(change, "orderLineStatuses.orderLineStatus", list):
                _choice(part, "status", ("Shipped",))
                _need(part, "trackingInfo.shipDateTime", int)
                _need(part, "trackingInfo.trackingNumber", str)
                _choice(part, "trackingInfo.methodCode", _METHODS)
                carrier = _need(part, "trackingInfo.carrierName", dict)
                if not carrier.get("carrier") and not carrier.get("otherCarrier"):
                    raise _bad("trackingInfo.carrierName", "needs carrier or otherCarrier")
                _move(line, _OPEN, "Shipped", _quantity(part), {"trackingInfo": part["trackingInfo"]})
            if "sellerOrderId" in change:
                line["sellerOrderId"] = change["sellerOrderId"]

    return _write(call, apply)


async def cancel(call: Call) -> Response:
    """Answer ``POST /v3/orders/{purchaseOrderId}/cancel``.

    :param call: the call.
    """
    body = call.content(Json, shape="nested", service=SERVICE)

    def apply(order: Json) -> None:
        for change, line in _changes(order, body, "orderCancellation"):
            for part in _need(change, "orderLineStatuses.orderLineStatus", list):
                _choice(part, "status", ("Cancelled",))
                reason = _choice(part, "cancellationReason", _CANCELLATION_REASONS)
                _move(line, _OPEN, "Cancelled", _quantity(part), {"cancellationReason": reason})

    return _write(call, apply)


async def refund(call: Call) -> Response:
    """Answer ``POST /v3/orders/{purchaseOrderId}/refund``. Sent twice, it pays back twice.

    :param call: the call.
    """
    body = call.content(Json, shape="nested", service=SERVICE)

    def apply(order: Json) -> None:
        named = _need(body, "orderRefund", dict).get("purchaseOrderId", order["purchaseOrderId"])
        if named != order["purchaseOrderId"]:
            raise _bad("orderRefund.purchaseOrderId", "differs from the path")
        for change, line in _changes(order, body, "orderRefund"):
            if not any(part["status"] in ("Shipped", "Delivered", "Refund") for part in _parts(line)):
                raise _bad("orderLine", "has not been shipped")
            paid_back = line.setdefault(
                "refund", {"refundId": uuid.uuid4().hex, "refundCharges": {"refundCharge": []}}
            )
            for entry in _need(change, "refunds.refund", list):
                for charge in _need(entry, "refundCharges.refundCharge", list):
                    _choice(charge, "refundReason", _REFUND_REASONS)
                    if _need(charge, "charge.chargeAmount.amount", (int, float)) >= 0:
                        raise _bad("charge.chargeAmount.amount", "must be below 0")
                    paid_back["refundCharges"]["refundCharge"].append(charge)
            if (
                _total(paid_back["refundCharges"]["refundCharge"]) + _total(line["charges"]["charge"])
                < -0.001
            ):
                raise _bad("charge.chargeAmount.amount", "pays back more than was charged")
            if change.get("isFullRefund"):
                for part in _parts(line):
                    part["status"] = "Refund"

    return _write(call, apply)


def acknowledge_all(order: Json) -> None:
    """Acknowledge what is open of an order.

    :param order: the order.
    :raises Refusal: 400 when nothing is open.
    """
    moved = [_take(line, _OPEN, "Acknowledged", None, {}) for line in order["orderLines"]["orderLine"]]
    if not any(moved):
        raise _bad("orderLine", "nothing is left to be acknowledged")


def change(state: State, purchase_order: str, apply: Callable[[Json], None]) -> Json:
    """Change an order, whole or not at all; return it.

    :param state: the sandbox's state.
    :param purchase_order: its purchase order id.
    :param apply: makes the change.
    :raises Refusal: 404 when there is no such order, and what ``apply`` raises.
    """
    number = order_records.number_of(state, purchase_order)
    known = None if number is None else order_records.to_change(state, number)
    if number is None or known is None:
        raise not_found()
    order = copy.deepcopy(known.record)
    apply(order)
    now = int(state.clock.now() * 1000)
    for line in order["orderLines"]["orderLine"]:
        line["statusDate"] = now
    state.changed_orders[number] = Changed(order, now)
    return order


def change_in_mexico(call: Call, apply: Callable[[Json], None]) -> str:
    """Change an order whose id is as in Mexico's lists, with a P in front; return what Mexico answers, with 202.

    :param call: the call.
    :param apply: makes the change.
    :raises Refusal: as :func:`change` does.
    """
    change(call.state, call.path["purchaseOrderId"].removeprefix("P"), apply)
    return "Accepted"


def _write(call: Call, apply: Callable[[Json], None]) -> Response:
    if call.token.market == "mx":
        return reply(change_in_mexico(call, apply), 202)
    return reply({"order": change(call.state, call.path["purchaseOrderId"], apply)})


def ship_units(order: Json, line_number: str, amount: int, tracking: Json) -> None:
    """Ship units of an order line.

    :param order: the order.
    :param line_number: the line.
    :param amount: how many units.
    :param tracking: what is known of the shipment, in Walmart's form.
    :raises Refusal: 400 when there is no such line, or less is left of it.
    """
    line = next((one for one in order["orderLines"]["orderLine"] if one["lineNumber"] == line_number), None)
    if line is None:
        raise _bad("lineNumber", "is no line of this order")
    _move(line, _OPEN, "Shipped", amount, {"trackingInfo": tracking})


def deliver_shipments(order: Json, tracking_numbers: Collection[str]) -> None:
    """Deliver shipments of an order.

    :param order: the order.
    :param tracking_numbers: their numbers.
    :raises Refusal: 400 when the order has none of them.
    """
    moved = [
        part
        for line in order["orderLines"]["orderLine"]
        for part in _parts(line)
        if part["status"] == "Shipped" and part["trackingInfo"].get("trackingNumber") in tracking_numbers
    ]
    if not moved:
        raise _bad("trackingNo", "is of no shipment of this order")
    for part in moved:
        part["status"] = "Delivered"


def _changes(order: Json, body: Json, root: str) -> list[tuple[Json, Json]]:
    """Return what is to be changed of which order line."""
    lines = {line["lineNumber"]: line for line in order["orderLines"]["orderLine"]}
    found = []
    for wanted in _need(body, f"{root}.orderLines.orderLine", list):
        number = _need(wanted, "lineNumber", str)
        if number not in lines:
            raise _bad("lineNumber", "is no line of this order")
        found.append((wanted, lines[number]))
    return found


def _need(value: Any, path: str, kind: type | tuple[type, ...]) -> Any:
    """Return a field that must be there and not be empty."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool) or value in ("", [], {}):
        raise _bad(path, "is missing, empty or of the wrong type")
    return value


def _choice(value: Json, path: str, values: tuple[str, ...]) -> str:
    found: str = _need(value, path, str)
    if found not in values:
        raise _bad(path, f"must be one of {', '.join(values)}")
    return found


def _quantity(part: Json) -> int:
    _choice(part, "statusQuantity.unitOfMeasurement", ("EACH", "EA"))
    amount = _need(part, "statusQuantity.amount", str)
    if products.whole(amount) < 1:
        raise _bad("statusQuantity.amount", "must be a whole number above 0, as text")
    return int(amount)


def _parts(line: Json) -> list[Json]:
    parts: list[Json] = line["orderLineStatuses"]["orderLineStatus"]
    return parts


def _move(line: Json, origins: tuple[str, ...], status: str, amount: int, details: Json) -> None:
    """Give a quantity of a line another status."""
    if not _take(line, origins, status, amount, details):
        raise _bad("statusQuantity.amount", f"more than is left to be {status.lower()}")


def _take(line: Json, origins: tuple[str, ...], status: str, amount: int | None, details: Json) -> bool:
    """Give a quantity of a line, or all of it, another status; return whether that much was there."""
    parts = _parts(line)
    there = sum(int(part["statusQuantity"]["amount"]) for part in parts if part["status"] in origins)
    amount = there if amount is None else amount
    if not 0 < amount <= there:
        return False
    kept = [part for part in parts if part["status"] not in origins]
    rest, left = [], amount
    for part in parts:
        if part["status"] in origins:
            has = int(part["statusQuantity"]["amount"])
            taken = min(has, left)
            left -= taken
            if has > taken:
                rest.append(
                    {**part, "statusQuantity": {**part["statusQuantity"], "amount": str(has - taken)}}
                )
    quantity = {"unitOfMeasurement": "EACH", "amount": str(amount)}
    line["orderLineStatuses"]["orderLineStatus"] = [
        *kept,
        *rest,
        {"status": status, "statusQuantity": quantity, **details},
    ]
    return True


def _total(charges: list[Json]) -> float:
    return sum(float((charge.get("charge") or charge)["chargeAmount"]["amount"]) for charge in charges)


def _bad(field: str, reason: str) -> Refusal:
    return Refusal(
        400,
        f"INVALID_REQUEST_CONTENT.{SERVICE}",
        field=field,
        description="Invalid request content.",
        info=f"{field} {reason}.",
        shape="nested",
    )


_PATH = "/v3/orders/{purchaseOrderId}"
ENDPOINTS = [
    Endpoint("POST", f"{_PATH}/acknowledge", acknowledge, "orders", per_minute(60, "orders/acknowledge")),
    Endpoint("POST", f"{_PATH}/shipping", ship, "orders", per_minute(60, "orders/shipping")),
    Endpoint("POST", f"{_PATH}/cancel", cancel, "orders", per_minute(60, "orders/cancel")),
    Endpoint("POST", f"{_PATH}/refund", refund, "orders", per_minute(60, "orders/refund")),
]
