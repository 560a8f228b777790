"""What rows want to be done to which order.

Rows have these columns, the optional ones in brackets:

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

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_walmart.client.orders import ACTIONS
from airflow_provider_walmart.client.orders.carriers import carrier_of
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.client.values.rows import (
    Lines,
    RowError,
    RowProblems,
    boolean_of,
    choice_of,
    id_of,
    known_columns,
    money_of,
    no_lines,
    optional_id,
    optional_text,
    text_of,
    time_of,
    whole_number,
)

Json = dict[str, Any]

METHODS = ("Standard", "Express", "OneDay", "Freight", "WhiteGlove", "Value")
# Longest seller order id that Walmart takes.
LONGEST_ORDER_ID = 30


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
class RowKind:
    """The rows of one action.

    :param columns: all columns a row may have, besides purchase_order_id.
    :param read: checks the other columns of a row and returns their values.
    :param add: checks a row beside those that the order has already; raises RowError when they don't go together.
    """

    columns: frozenset[str]
    read: Callable[[Mapping[str, Any]], Json]
    add: Callable[[OrderChange, Json], None]


def order_changes(
    action: str, rows: Iterable[Mapping[str, Any]], *, market: str = "us", lines: Lines = no_lines
) -> list[OrderChange]:
    """Return what rows want of which order, in the order in which these come first; all rows are checked.

    :param action: ``acknowledge``, ``ship``, ``cancel`` or ``refund``.
    :param rows: dicts with the columns above.
    :param market: market of the account: carriers are known of ``us`` alone.
    :param lines: finds the lines of rows that are out of a file.
    :raises WalmartConfigError: when there is no such action, or listing the first 20 problems with row numbers.
    """
    check_choice("action", action, ACTIONS)
    kind = KINDS[action]
    problems = RowProblems(f"can't be used to {action} orders", lines)
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
            problems.add(number, str(error))
    problems.raise_if_any()
    return list(changes.values())


def _read(kind: RowKind, row: Mapping[str, Any]) -> tuple[str, Json]:
    if kind is KINDS["acknowledge"] and "purchaseOrderId" in row:
        return id_of(row, "purchaseOrderId"), {}
    columns = kind.columns | {"purchase_order_id"}
    if kind is KINDS["ship"] and "intentToCancelOverride" in row:
        # As Walmart calls it, for those who have it from there.
        row = {**row, "intent_to_cancel_override": row["intentToCancelOverride"]}
        del row["intentToCancelOverride"]
    row = known_columns(row, columns)
    return id_of(row, "purchase_order_id"), kind.read(row)


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


KINDS = {
    "acknowledge": RowKind(frozenset(), _read_nothing, _add_acknowledgement),
    "ship": RowKind(
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
    ),
    "cancel": RowKind(
        frozenset(("line_number", "quantity", "reason")), _read_cancellation, _add_cancellation
    ),
    "refund": RowKind(
        frozenset(("line_number", "reason", "amount", "tax", "charge_type", "currency", "comments")),
        _read_refund,
        _add_refund,
    ),
}
