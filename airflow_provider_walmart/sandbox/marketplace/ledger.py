"""What orders earn: an entry for every amount that is paid for what was shipped, and paid back; settlements add them up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from msgspec import Struct

from airflow_provider_walmart.sandbox.core import shop
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.marketplace import order_records

Json = dict[str, Any]

#: Share of a price that Walmart keeps.
COMMISSION = 0.15

_PAID = (*order_records.SHIPPED, "Refund")


class Entry(Struct, kw_only=True):
    """An amount that is paid, or paid back when it is below 0.

    :param posted: when, epoch milliseconds.
    :param kind: ``Sale`` or ``Refund``.
    :param amount_type: what it is for, in Walmart's words.
    :param order: the order it belongs to.
    :param line: the line of that order.
    """

    posted: int
    kind: str
    amount_type: str
    amount: float
    quantity: int
    order: Json
    line: Json


def entries(state: State, since: int, until: int) -> list[Entry]:
    """Return the entries of a period, oldest first.

    :param state: the sandbox's state.
    :param since: its start, epoch milliseconds.
    :param until: its end, epoch milliseconds, which is no longer part of it.
    """
    found = _of_period(state, since, until)
    return sorted(found, key=lambda entry: (entry.posted, entry.order["purchaseOrderId"]))


def has_entries(state: State, since: int, until: int) -> bool:
    """Return whether a period has entries.

    :param state: the sandbox's state.
    :param since: its start, epoch milliseconds.
    :param until: its end, epoch milliseconds, which is no longer part of it.
    """
    return any(True for _ in _of_period(state, since, until))


def _of_period(state: State, since: int, until: int) -> Iterator[Entry]:
    orders = chain(
        (changed.record for changed in state.changed_orders.values()), _as_made(state, since, until)
    )
    of_orders = chain.from_iterable(map(_of_order, orders))
    return (entry for entry in chain(of_orders, _of_returns(state)) if since <= entry.posted < until)


def _as_made(state: State, since: int, until: int) -> Iterator[Json]:
    """Yield the orders of a period that are still as they were made, and were made as shipped."""
    for batch in state.orders:
        # Those with times of their own were told one by one.
        if batch.status in order_records.SHIPPED and not batch.times:
            for number in batch.between(since, until):
                if number not in state.changed_orders:
                    yield json.loads(order_records.made(batch, number))


def total(found: Iterable[Entry]) -> float:
    """Return what entries come to.

    :param found: the entries.
    """
    return round(sum(entry.amount for entry in found), 2)


def item_of(state: State, sku: str) -> shop.Item | None:
    """Return the item of the shop that was sold.

    :param state: the sandbox's state.
    :param sku: its SKU.
    """
    place = state.items.find(sku)
    return None if place is None else shop.at(state, place)


def _of_order(order: Json) -> Iterator[Entry]:
    for line in order["orderLines"]["orderLine"]:
        ordered = int(line["orderLineQuantity"]["amount"])
        for part in line["orderLineStatuses"]["orderLineStatus"]:
            if part["status"] in _PAID:
                quantity = int(part["statusQuantity"]["amount"])
                posted = part.get("trackingInfo", {}).get("shipDateTime", line["statusDate"])
                amounts = _charged(line, quantity / ordered)
                yield from _entries(posted, "Sale", amounts, quantity, order, line)
        paid_back = line.get("refund", {}).get("refundCharges", {}).get("refundCharge", [])
        for charge in paid_back:
            amount = float(charge["charge"]["chargeAmount"]["amount"])
            amounts = {"Product Price": amount, "Commission on Product": -amount * COMMISSION}
            yield from _entries(line["statusDate"], "Refund", amounts, 0, order, line)


def _of_returns(state: State) -> Iterator[Entry]:
    """Yield what was paid back for returns."""
    for changed in state.changed_returns.values():
        for returned in changed.record["returnOrderLines"]:
            order = order_records.record_of(state, returned["purchaseOrderId"])
            if order is None or not returned["refundedQty"]:
                continue
            number = str(returned["purchaseOrderLineNumber"])
            line = next(line for line in order["orderLines"]["orderLine"] if line["lineNumber"] == number)
            amount = returned["unitPrice"]["currencyAmount"] * returned["refundedQty"]
            amounts = {"Product Price": -amount, "Commission on Product": amount * COMMISSION}
            yield from _entries(
                changed.modified, "Refund", amounts, int(returned["refundedQty"]), order, line
            )


def _charged(line: Json, share: float) -> dict[str, float]:
    """Return what the buyer paid for a share of a line, and what Walmart keeps of it."""
    found: dict[str, float] = {}
    for charge in line["charges"]["charge"]:
        kind = "Product" if charge["chargeType"] == "PRODUCT" else "Shipping"
        name = "Product Price" if kind == "Product" else "Shipping"
        amount = float(charge["chargeAmount"]["amount"]) * share
        tax = float(charge.get("tax", {}).get("taxAmount", {}).get("amount", 0)) * share
        for what, value in (
            (name, amount),
            (f"{kind} tax", tax),
            (f"{kind} tax withheld", -tax),
            (f"Commission on {kind}", -amount * COMMISSION),
        ):
            found[what] = found.get(what, 0.0) + value
    return found


def _entries(
    posted: int, kind: str, amounts: dict[str, float], quantity: int, order: Json, line: Json
) -> Iterator[Entry]:
    for amount_type, amount in amounts.items():
        if round(amount, 2):
            yield Entry(
                posted=posted,
                kind=kind,
                amount_type=amount_type,
                amount=round(amount, 2),
                quantity=quantity,
                order=order,
                line=line,
            )
