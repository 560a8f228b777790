"""Returns of given order lines, put into the shop as they are told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from airflow_provider_walmart.sandbox.core.dates import DAY, iso
from airflow_provider_walmart.sandbox.core.records import Batch, Changed, next_number
from airflow_provider_walmart.sandbox.core.state import Seconds, State
from airflow_provider_walmart.sandbox.marketplace import order_records, returns

Json = dict[str, Any]


class SeedReturn(Struct, forbid_unknown_fields=True):
    """A return of one line of an order that is in the shop.

    :param purchaseOrderId: the order.
    :param lineNumber: its line; default ``1``.
    :param quantity: how many units; without it, all of the line.
    :param reason: why, as one of Walmart's codes; default ``DEFECTIVE``.
    :param description: why, in the buyer's words; default ``Poor quality``.
    :param age: seconds since the buyer asked for it.
    :param status: how far it is; default ``INITIATED``; ``COMPLETED`` is paid back.
    :param returnOrderId: its id; without it, a new one.
    """

    purchaseOrderId: str  # noqa: N815 - Walmart's names
    lineNumber: str = "1"  # noqa: N815
    quantity: Annotated[int, Meta(ge=1)] | None = None
    reason: str = "DEFECTIVE"
    description: str = "Poor quality"
    age: Seconds = 0
    status: Literal["INITIATED", "DELIVERED", "COMPLETED"] = "INITIATED"
    returnOrderId: str = ""  # noqa: N815


def add(state: State, seeds: Sequence[SeedReturn]) -> list[Json]:
    """Put returns into the shop; return them, oldest first.

    :param state: the sandbox's state.
    :param seeds: the returns.
    :raises ValueError: when a return is there already, or is not of an order line; then none is put there.
    """
    if not seeds:
        return []
    first = next_number(state.returns)
    in_order = sorted(seeds, key=lambda seed: -seed.age)
    made = [_record(state, seed, number) for number, seed in enumerate(in_order, first)]
    ids = {changed.record["returnOrderId"]: number for number, changed in enumerate(made, first)}
    if len(ids) < len(made):
        raise ValueError("returns: a returnOrderId is there twice")
    state.changed_returns.update(enumerate(made, first))
    state.return_numbers.update(ids)
    state.returns.append(Batch(first, len(made), 0, 0, "", "", [changed.modified for changed in made]))
    return [changed.record for changed in made]


def _record(state: State, seed: SeedReturn, number: int) -> Changed:
    line, order = _sold(state, seed)
    sold = int(line["orderLineQuantity"]["amount"])
    quantity = sold if seed.quantity is None else seed.quantity
    if quantity > sold:
        raise ValueError(f"returns: {quantity} units of {sold} of order {seed.purchaseOrderId}")
    if seed.returnOrderId and returns.number_of(state, seed.returnOrderId) is not None:
        raise ValueError(f"returns: returnOrderId {seed.returnOrderId} is there already")
    created = int((state.clock.now() - seed.age) * 1000)
    price = line["charges"]["charge"][0]["chargeAmount"]["amount"] / sold
    values = {
        "rma": seed.returnOrderId or returns.return_order(number),
        "co": order["customerOrderId"],
        "po": order["purchaseOrderId"],
        "created": iso(created),
        "by": iso(created + 30 * DAY),
        "sku": line["item"]["sku"],
        "product": line["item"]["productName"],
        "total": round(price, 2),
        "status": seed.status,
    }
    # Texts may hold what has to be escaped.
    escaped = {
        name: json.dumps(value)[1:-1] if isinstance(value, str) else value for name, value in values.items()
    }
    record: Json = json.loads(returns.template().fill(escaped))
    record["totalRefundAmount"]["currencyAmount"] = round(price * quantity, 2)
    (return_line,) = record["returnOrderLines"]
    return_line |= {
        "salesOrderLineNumber": int(line["lineNumber"]),
        "purchaseOrderLineNumber": int(line["lineNumber"]),
        "returnReason": seed.reason,
        "returnDescription": seed.description,
        "quantity": {"unitOfMeasure": "EACH", "measurementValue": quantity},
    }
    if seed.status == "COMPLETED":
        returns.complete(return_line)
    return Changed(record, created)


def _sold(state: State, seed: SeedReturn) -> tuple[Json, Json]:
    """Return the order line that comes back, and its order."""
    order = order_records.record_of(state, seed.purchaseOrderId)
    lines = order["orderLines"]["orderLine"] if order else []
    line = next((line for line in lines if line["lineNumber"] == seed.lineNumber), None)
    if order is None or line is None:
        raise ValueError(f"returns: order {seed.purchaseOrderId} has no line {seed.lineNumber}")
    return line, order
