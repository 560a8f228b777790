"""What is to be done to orders, out of plain rows, and what of it an order still lacks.

The order itself is the record of what was done: a shipment is found by its tracking number, a cancellation by the
cancelled quantity, a refund by line, charge type and amount. So a row that was carried out once, by whomever, is not
carried out again. Rows have these columns, the optional ones in brackets:

=========== ======================================================================================================
acknowledge purchase_order_id
ship        purchase_order_id, tracking_number, carrier or other_carrier, [line_number], [quantity], [method],
            [ship_date_time], [tracking_url], [seller_order_id], [intent_to_cancel_override]
cancel      purchase_order_id, reason, [line_number], [quantity]
refund      purchase_order_id, line_number, reason, [amount], [tax], [charge_type], [currency], [comments]
=========== ======================================================================================================

Without line_number, ship and cancel mean all lines, and without quantity all of a line that is open. With it, quantity
is what is to be shipped under that tracking number, or cancelled, in the end. Several rows of an order that ship or
cancel name their lines, and several packages of a line their quantities. ``carrier`` is one of Walmart's names (see
`carriers`), any other goes into ``other_carrier`` and needs a ``tracking_url``. ``method`` is Standard (default), Express, OneDay,
Freight, WhiteGlove or Value; ``ship_date_time`` defaults to now; ``seller_order_id`` to the purchase order. Walmart refuses to ship a line whose buyer
asked to cancel it, unless ``intent_to_cancel_override`` is true.

A refund without amount pays back all that was charged for the line. ``charge_type`` is PRODUCT (default) or SHIPPING.

Rows that acknowledge may also be orders in Walmart's own form, as an export has them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_walmart.client.orders import ACTIONS
from airflow_provider_walmart.client.orders.carriers import carrier_of
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.client.values.lists import objects_in
from airflow_provider_walmart.client.values.rows import (
    RowError,
    RowProblems,
    boolean_of,
    choice_of,
    id_of,
    known_columns,
    line_of,
    money_of,
    optional_id,
    optional_text,
    text_of,
    time_of,
    whole_number,
)

Json = dict[str, Any]

OPEN = ("Created", "Acknowledged")
SHIPPED = ("Shipped", "Delivered", "Refund")
METHODS = ("Standard", "Express", "OneDay", "Freight", "WhiteGlove", "Value")
# Longest seller order id that Walmart takes.
LONGEST_ORDER_ID = 30


class OrderStateError(ValueError):
    """An order is in a state in which that can't be done to it."""


@dataclass
class OrderChange:
    """What is to be done to one order.

    :param action: ``acknowledge``, ``ship``, ``cancel`` or ``refund``.
    :param purchase_order_id: the order.
    :param rows: what its rows say, checked: column to value.
    :param numbers: numbers of these rows in the input, from 1.
    """

    action: str
    purchase_order_id: str
    rows: list[Json] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Action:
    """One thing to do to orders.

    :param operation: its operation of the catalogue.
    :param columns: all columns its rows may have, besides purchase_order_id.
    :param read: checks the other columns of a row and returns their values.
    :param add: adds a row to those that the order has already; raises RowError when they don't go together.
    :param body: returns the body of the request that does what is left of a change, or None when nothing is; raises
        OrderStateError when it can't be done.
    """

    operation: str
    columns: frozenset[str]
    read: Callable[[Mapping[str, Any]], Json]
    add: Callable[[OrderChange, Json], None]
    body: Callable[[OrderChange, Json, datetime], Any]


def order_changes(action: str, rows: Iterable[Mapping[str, Any]], *, market: str = "us") -> list[OrderChange]:
    """Return what rows want of which order, in the order in which these come first; all rows are checked.

    :param action: ``acknowledge``, ``ship``, ``cancel`` or ``refund``.
    :param rows: dicts with the columns above.
    :param market: market of the account: carriers are known of ``us`` alone.
    :raises WalmartConfigError: listing the first 20 problems with row numbers.
    """
    kind = action_of(action)
    problems = RowProblems(f"can't be used to {action} orders")
    changes: dict[str, OrderChange] = {}
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, Mapping):
                raise RowError(f"it is a {type(row).__name__}; expected a dict")
            order_id, values = _read(kind, row)
            if market == "us" and (carrier := values.get("carrier", {}).get("carrier")):
                values["carrier"] = {"carrier": carrier_of(carrier)}
            change = changes.setdefault(order_id, OrderChange(action, order_id))
            kind.add(change, values)
            change.rows.append(values)
            change.numbers.append(number)
        except RowError as error:
            problems.add(number, str(error), line_of(row))
    problems.raise_if_any()
    return list(changes.values())


def request_left(change: OrderChange, order: Json, now: datetime) -> tuple[str, Any] | None:
    """Return operation and body of the request that does what an order still lacks; None when it lacks nothing.

    :param order: the order as Walmart has it.
    :param now: when goods were shipped whose row doesn't say it (aware).
    :raises OrderStateError: when it can't be done, in words.
    """
    kind = action_of(change.action)
    body = kind.body(change, order, now)
    return None if body is None else (kind.operation, body or None)


def action_of(action: str) -> Action:
    """Return what an action is.

    :raises WalmartConfigError: when there is no such action.
    """
    check_choice("action", action, ACTIONS)
    return KINDS[action]


def _read(kind: Action, row: Mapping[str, Any]) -> tuple[str, Json]:
    if kind is KINDS["acknowledge"] and "purchaseOrderId" in row:
        return id_of(row, "purchaseOrderId"), {}
    columns = kind.columns | {"purchase_order_id"}
    if kind is KINDS["ship"] and "intentToCancelOverride" in row:
        # As Walmart calls it, for those who have it from there.
        row = {**row, "intent_to_cancel_override": row["intentToCancelOverride"]}
        del row["intentToCancelOverride"]
    row = known_columns(row, columns)
    return id_of(row, "purchase_order_id"), kind.read(row)


# -- rows --------------------------------------------------------------------------------------------


def _read_nothing(row: Mapping[str, Any]) -> Json:
    return {}


def _read_shipment(row: Mapping[str, Any]) -> Json:
    carrier, other = optional_text(row, "carrier"), optional_text(row, "other_carrier")
    if (carrier is None) == (other is None):
        raise RowError("give one of carrier and other_carrier")
    url = optional_text(row, "tracking_url")
    if other and url is None:
        raise RowError("tracking_url is missing; other_carrier needs it")
    order_id = optional_id(row, "seller_order_id")
    if order_id and len(order_id) > LONGEST_ORDER_ID:
        raise RowError(f"seller_order_id has {len(order_id)} characters; allowed are {LONGEST_ORDER_ID}")
    return {
        **_read_amount(row),
        "tracking_number": id_of(row, "tracking_number"),
        "carrier": {"carrier": carrier} if carrier else {"otherCarrier": other},
        "method": choice_of(row, "method", *METHODS) or METHODS[0],
        "shipped_at": time_of(row, "ship_date_time"),
        "url": url,
        "seller_order_id": order_id,
        "override": boolean_of(row, "intent_to_cancel_override") or False,
    }


def _read_cancellation(row: Mapping[str, Any]) -> Json:
    return {**_read_amount(row), "reason": text_of(row, "reason")}


def _read_amount(row: Mapping[str, Any]) -> Json:
    """Return line and quantity; None for all."""
    line = optional_id(row, "line_number")
    quantity = None
    if optional_text(row, "quantity") is not None:
        quantity = whole_number(row, "quantity")
        if quantity == 0:
            raise RowError("quantity is 0; expected 1 or more")
        if line is None:
            raise RowError("line_number is missing; quantity needs it")
    return {"line": line, "quantity": quantity}


def _read_refund(row: Mapping[str, Any]) -> Json:
    amounts = {
        name: money_of(row, name) if row.get(name) not in (None, "") else None for name in ("amount", "tax")
    }
    if amounts["amount"] is None and any(
        row.get(name) not in (None, "") for name in ("tax", "charge_type", "currency")
    ):
        raise RowError("amount is missing; tax, charge_type and currency need it")
    return {
        "line": id_of(row, "line_number"),
        "reason": text_of(row, "reason"),
        **amounts,
        "charge_type": choice_of(row, "charge_type", "PRODUCT", "SHIPPING") or "PRODUCT",
        "currency": optional_text(row, "currency"),
        "comments": optional_text(row, "comments"),
    }


def _add_acknowledgement(change: OrderChange, row: Json) -> None:
    """Take a row of any order: acknowledging one twice is acknowledging it."""


def _add_shipment(change: OrderChange, row: Json) -> None:
    for number, other in zip(change.numbers, change.rows, strict=True):
        if None in (row["line"], other["line"]):
            raise RowError(f"the order is in row {number} already; several rows of an order need line_number")
        if row["line"] != other["line"]:
            continue
        if row["tracking_number"] == other["tracking_number"]:
            raise RowError(f"line and tracking_number are in row {number} already")
        if None in (row["quantity"], other["quantity"]):
            raise RowError(
                f"the line is in row {number} already; several packages of a line need quantity in each row"
            )


def _add_cancellation(change: OrderChange, row: Json) -> None:
    for number, other in zip(change.numbers, change.rows, strict=True):
        if None in (row["line"], other["line"]):
            raise RowError(f"the order is in row {number} already; several rows of an order need line_number")
        if row["line"] == other["line"]:
            raise RowError(f"the line is in row {number} already")


def _add_refund(change: OrderChange, row: Json) -> None:
    for number, other in zip(change.numbers, change.rows, strict=True):
        if (row["amount"] is None) != (other["amount"] is None):
            raise RowError(
                f"row {number} of this order differs in having an amount; Walmart takes full refunds and those of an "
                "amount in separate requests"
            )
        if all(row[name] == other[name] for name in ("line", "charge_type", "amount")):
            raise RowError(f"the same refund is in row {number} already")


# -- what is left ------------------------------------------------------------------------------------


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


KINDS = {
    "acknowledge": Action(
        "acknowledgeOrders", frozenset(), _read_nothing, _add_acknowledgement, _acknowledgement
    ),
    "ship": Action(
        "shippingUpdates",
        frozenset(
            (
                "line_number",
                "quantity",
                "tracking_number",
                "carrier",
                "other_carrier",
                "method",
                "ship_date_time",
                "tracking_url",
                "seller_order_id",
                "intent_to_cancel_override",
            )
        ),
        _read_shipment,
        _add_shipment,
        _shipment,
    ),
    "cancel": Action(
        "cancelOrderLines",
        frozenset(("line_number", "quantity", "reason")),
        _read_cancellation,
        _add_cancellation,
        _cancellation,
    ),
    "refund": Action(
        "refundOrderLines",
        frozenset(("line_number", "reason", "amount", "tax", "charge_type", "currency", "comments")),
        _read_refund,
        _add_refund,
        _refund,
    ),
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
