"""What of a change an order still lacks, and the request that does it.

The order itself is the record of what was done: a shipment is found by its tracking number, a cancellation by the
cancelled quantity, a refund by line, charge type and amount. So a row that was carried out once, by whomever, is not
carried out again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from airflow_provider_walmart.client.orders.rows import LONGEST_ORDER_ID, Json, OrderChange
from airflow_provider_walmart.client.values.lists import objects_in

OPEN = ("Created", "Acknowledged")
SHIPPED = ("Shipped", "Delivered", "Refund")


class OrderStateError(ValueError):
    """An order is in a state in which that can't be done to it."""


def request_left(change: OrderChange, order: Json, now: datetime) -> tuple[str, Any] | None:
    """Return operation and body of the request that does what an order still lacks; None when it lacks nothing.

    :param order: the order as Walmart has it.
    :param now: when goods were shipped whose row doesn't say it (aware).
    :raises OrderStateError: when it can't be done, in words.
    """
    operation, body_of = REQUESTS[change.action]
    body = body_of(change, order, now)
    return None if body is None else (operation, body or None)


def is_order(change: OrderChange, answer: Any) -> bool:
    """Return whether an answer is the order of a change: one without lines would lack nothing."""
    if not isinstance(answer, dict) or str(answer.get("purchaseOrderId")) != change.purchase_order_id:
        return False
    return bool(_lines(answer))


def _acknowledgement(change: OrderChange, order: Json, now: datetime) -> Any:
    # It has no body; an empty one distinguishes this from nothing left to do.
    return {} if any(_quantities(line, ("Created",)) for line in _lines(order).values()) else None


def _shipment(change: OrderChange, order: Json, now: datetime) -> Any:
    def status(row: Json, amount: int) -> Json:
        tracking = {
            "shipDateTime": int((row["shipped_at"] or now).timestamp() * 1000),
            "carrierName": row["carrier"],
            "methodCode": row["method"],
            "trackingNumber": row["tracking_number"],
        }
        if row["url"]:
            tracking["trackingURL"] = row["url"]
        return {"status": "Shipped", "statusQuantity": _each(amount), "trackingInfo": tracking}

    def done(row: Json, line: Json) -> int:
        return sum(_quantities(line, SHIPPED, _bare(row["tracking_number"])))

    lines = _line_changes(change, order, "ship", done, status)
    for line in lines:
        given = next((row["seller_order_id"] for row in change.rows if row["seller_order_id"]), None)
        line["sellerOrderId"] = given or change.purchase_order_id[:LONGEST_ORDER_ID]
        if any(row["override"] and row["line"] in (None, line["lineNumber"]) for row in change.rows):
            line["intentToCancelOverride"] = True
    return {"orderShipment": {"orderLines": {"orderLine": lines}}} if lines else None


def _cancellation(change: OrderChange, order: Json, now: datetime) -> Any:
    def status(row: Json, amount: int) -> Json:
        return {
            "status": "Cancelled",
            "cancellationReason": row["reason"],
            "statusQuantity": _each(amount),
        }

    def done(row: Json, line: Json) -> int:
        return sum(_quantities(line, ("Cancelled",)))

    lines = _line_changes(change, order, "cancel", done, status)
    return {"orderCancellation": {"orderLines": {"orderLine": lines}}} if lines else None


def _line_changes(
    change: OrderChange,
    order: Json,
    verb: str,
    done: Callable[[Json, Json], int],
    status: Callable[[Json, int], Json],
) -> list[Json]:
    """Return the changes of lines that are left of quantities to be shipped or cancelled.

    :param done: how much of a line is as a row wants it.
    :param status: what is sent for a row and a quantity.
    """
    lines = _lines(order)
    changed: dict[str, list[Json]] = defaultdict(list)
    left = {number: sum(_quantities(line, OPEN)) for number, line in lines.items()}
    for row in change.rows:
        wanted = [row["line"]] if row["line"] is not None else list(lines)
        covered = 0
        for number in wanted:
            line = _line(lines, number)
            there = done(row, line)
            amount = _amount_left(row, there, left[number], verb)
            if amount > left[number]:
                raise OrderStateError(
                    f"line {number}: {amount} to {verb}, but {left[number]} open ({_statuses(line)})"
                )
            left[number] -= amount
            covered += there + amount
            if amount:
                changed[number].append(status(row, amount))
        if not covered:
            said = "; ".join(f"line {number}: {_statuses(lines[number])}" for number in wanted)
            raise OrderStateError(f"nothing is left to {verb} ({said})")
    return [
        {"lineNumber": number, "orderLineStatuses": {"orderLineStatus": parts}}
        for number, parts in changed.items()
    ]


def _amount_left(row: Json, there: int, left: int, verb: str) -> int:
    """Return how much of a line is still to be shipped or cancelled for a row.

    :param there: how much of the line is as the row wants it.
    :param left: how much of the line is open.
    """
    if row["quantity"] is not None:
        return max(0, int(row["quantity"]) - there)
    # What is open again beside a shipment of this tracking number did not go with it.
    return 0 if there and verb == "ship" else left


def _refund(change: OrderChange, order: Json, now: datetime) -> Any:
    lines = _lines(order)
    wanted: dict[str, list[Json]] = {}
    for row in change.rows:
        line = _line(lines, row["line"])
        if not _quantities(line, SHIPPED):
            raise OrderStateError(f"line {row['line']} has not been shipped ({_statuses(line)})")
        # Reasons are left out: what Walmart makes of one must not lead to a second payment. The documents leave open
        # which sign amounts have here.
        paid_back = [
            (str(charge.get("chargeType")), abs(_cents(charge)))
            for entry in objects_in(_at(_at(line, "refund"), "refundCharges").get("refundCharge"))
            for charge in [_at(entry, "charge")]
        ]
        charges = (
            _full_refund(row, line, paid_back)
            if row["amount"] is None
            else _part_refund(row, line, paid_back)
        )
        if not charges:
            continue
        refund: Json = {"refundCharges": {"refundCharge": charges}}
        if row["comments"]:
            refund["refundComments"] = row["comments"]
        wanted.setdefault(row["line"], []).append(refund)
    if not wanted:
        return None
    in_full = change.rows[0]["amount"] is None
    refunded = [
        {"lineNumber": number, "isFullRefund": in_full, "refunds": {"refund": refunds}}
        for number, refunds in wanted.items()
    ]
    return {
        "orderRefund": {"purchaseOrderId": change.purchase_order_id, "orderLines": {"orderLine": refunded}}
    }


def _full_refund(row: Json, line: Json, paid_back: list[tuple[str, int]]) -> list[Json]:
    """Return all charges of a line with the sign turned; none when it was paid back."""
    charges = [charge for charge in objects_in(_at(line, "charges").get("charge")) if _cents(charge)]
    total = sum(map(_cents, charges))
    paid = sum(cents for _, cents in paid_back)
    if _quantities(line, ("Refund",)) or (charges and paid >= total):
        return []
    if paid:
        raise OrderStateError(
            f"line {row['line']}: {paid / 100:.2f} of {total / 100:.2f} was paid back before; give the amount that is left"
        )
    if not charges:
        raise OrderStateError(f"line {row['line']} has no charges that could be paid back; give an amount")
    return [{"refundReason": row["reason"], "charge": _turned(charge)} for charge in charges]


def _part_refund(row: Json, line: Json, paid_back: list[tuple[str, int]]) -> list[Json]:
    """Return the charge that pays back an amount; none when the same was paid back."""
    if (row["charge_type"], round(row["amount"] * 100)) in paid_back:
        return []
    like = next(
        (
            charge
            for charge in objects_in(_at(line, "charges").get("charge"))
            if charge.get("chargeType") == row["charge_type"]
        ),
        {},
    )
    currency = row["currency"] or _at(like, "chargeAmount").get("currency")
    if not currency:
        raise OrderStateError(
            f"line {row['line']} has no charge of type {row['charge_type']}; give a currency"
        )
    charge: Json = {
        "chargeType": row["charge_type"],
        "chargeName": like.get("chargeName") or {"PRODUCT": "ItemPrice"}.get(row["charge_type"], "Shipping"),
        "chargeAmount": {"currency": currency, "amount": -row["amount"]},
    }
    if row["tax"]:
        name = _at(like, "tax").get("taxName") or "Tax"
        charge["tax"] = {"taxName": name, "taxAmount": {"currency": currency, "amount": -row["tax"]}}
    return [{"refundReason": row["reason"], "charge": charge}]


# The operation of an action, and what makes the body of its request; None when nothing is left to do.
REQUESTS: dict[str, tuple[str, Callable[[OrderChange, Json, datetime], Any]]] = {
    "acknowledge": ("acknowledgeOrders", _acknowledgement),
    "ship": ("shippingUpdates", _shipment),
    "cancel": ("cancelOrderLines", _cancellation),
    "refund": ("refundOrderLines", _refund),
}


# -- orders as Walmart has them ----------------------------------------------------------------------


def statuses_of(order: Json) -> str:
    """Return quantities by status of all lines, in words."""
    return _statuses(*_lines(order).values())


def _statuses(*lines: Json) -> str:
    counts: Counter[str] = Counter()
    for line in lines:
        for part in _parts(line):
            counts[str(part.get("status"))] += _quantity(part)
    return ", ".join(f"{amount} {status}" for status, amount in counts.items()) or "no status"


def _lines(order: Json) -> dict[str, Json]:
    return {
        str(line.get("lineNumber")): line for line in objects_in(_at(order, "orderLines").get("orderLine"))
    }


def _line(lines: Mapping[str, Json], number: str) -> Json:
    if number not in lines:
        raise OrderStateError(f"the order has no line {number}; it has {', '.join(lines) or 'none'}")
    return lines[number]


def _parts(line: Json) -> list[Json]:
    return objects_in(_at(line, "orderLineStatuses").get("orderLineStatus"))


def _quantities(line: Json, statuses: Collection[str], tracking: str | None = None) -> list[int]:
    """Return how much of a line is in some statuses, part by part.

    :param tracking: only parts that went with this tracking number, as `_bare` has it; None: all.
    """
    return [
        _quantity(part)
        for part in _parts(line)
        if part.get("status") in statuses
        and tracking in (None, _bare(_at(part, "trackingInfo").get("trackingNumber")))
    ]


def _quantity(part: Json) -> int:
    try:
        return int(float(_at(part, "statusQuantity").get("amount") or 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def _bare(tracking: Any) -> str:
    """Return a tracking number without what carriers and Walmart write or leave out at will."""
    return "".join(filter(str.isalnum, str(tracking))).casefold()


def _each(amount: int) -> Json:
    return {"unitOfMeasurement": "EACH", "amount": str(amount)}


def _cents(charge: Json) -> int:
    """Return the amount of a charge in hundredths; a discount is below zero."""
    try:
        return round(float(_at(charge, "chargeAmount").get("amount") or 0) * 100)
    except (TypeError, ValueError, OverflowError):
        return 0


def _turned(charge: Json) -> Json:
    """Return a charge as one that is paid back."""

    def money(holder: Json, name: str) -> Json:
        found = _at(holder, name)
        return {**found, "amount": -(found.get("amount") or 0)}

    turned = {
        "chargeType": charge.get("chargeType"),
        "chargeName": charge.get("chargeName"),
        "chargeAmount": money(charge, "chargeAmount"),
    }
    for name in ("tax", "taxAndOtherFees"):
        if tax := _at(charge, name):
            turned[name] = {**tax, "taxAmount": money(tax, "taxAmount")}
    return turned


def _at(holder: Any, name: str) -> Json:
    """Return an object inside another one; empty when it isn't there."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}
