"""Returns: search and refund."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import dates, products
from airflow_provider_walmart.sandbox.core.calls import Call, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.records import Batch, Changed, Template, batch_of, page
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.marketplace.order_records import (
    customer_order,
    purchase_order,
    sku_number,
)
from airflow_provider_walmart.sandbox.marketplace.orders import sealed

SERVICE = "GMP_RETURNS_API"
STATUSES = ("INITIATED", "DELIVERED", "COMPLETED")
_FIRST_RETURN = 103_738_048_000_000_001
_EVER = (0, 1 << 62)
_FILTERS = (
    "returnOrderId", "customerOrderId", "status", "replacementInfo", "returnType", "isWFSEnabled",
    "returnCreationStartDate", "returnCreationEndDate", "returnLastModifiedStartDate", "returnLastModifiedEndDate",
)  # fmt: skip


_VALUES = {
    "status": STATUSES,
    "isWFSEnabled": ("Y", "N"),
    "returnType": ("PREORDER", "REPLACEMENT", "REFUND"),
    "replacementInfo": ("true", "false"),
}


class Search(Struct, frozen=True):
    """What returns are asked for; periods in epoch milliseconds, both ends included.

    :param is_none: whether no return can be one of them.
    """

    created: tuple[int, int]
    modified: tuple[int, int]
    status: str
    return_order: str
    customer_order: str
    is_none: bool


class Line(Struct):
    """What of a return line is to be refunded."""

    returnOrderLineNumber: int  # noqa: N815 - Walmart's names
    quantity: dict[str, Any] | None = None


class RefundBody(Struct):
    """Body of a refund."""

    customerOrderId: str  # noqa: N815
    refundLines: list[Line]  # noqa: N815


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/returns``.

    :param call: the call.
    """
    raw = call.request.scope["query_string"].decode("latin-1")
    is_cursor = "offset" in call.request.query_params
    limit = call.number("limit", 10, least=1, most=200, shape="errors")
    offset = call.number("offset", 0, shape="errors")
    if "nextCursor" in call.request.query_params or (is_cursor and raw != _cursor(call, limit, offset)):
        # Walmart's cursor is a ready query string; encoded again, or with anything added, it is void.
        raise bad_param(
            "nextCursor", "append the cursor to the path as it is", service=SERVICE, shape="errors"
        )
    found = find(call)
    total = sum(map(len, found))
    texts = [_text(call.state, number) for number in page(found, offset, limit)]
    is_last = not texts or offset + len(texts) >= total
    # The field is always there, as Walmart's specification has it; empty on the last page.
    cursor = "" if is_last else f"?{_cursor(call, limit, offset + len(texts))}"
    meta = {"totalCount": total, "limit": limit, "nextCursor": cursor}
    return Response(
        f'{{"meta":{json.dumps(meta)},"returnOrders":[{",".join(texts)}]}}', media_type="application/json"
    )


async def refund(call: Call) -> Response:
    """Answer ``POST /v3/returns/{returnOrderId}/refund`` but for Mexico.

    :param call: the call.
    """
    body = call.content(RefundBody, shape="errors", service=SERVICE)
    lines = refund_lines(
        call, {line.returnOrderLineNumber for line in body.refundLines}, body.customerOrderId
    )
    refunded = [{name: line[name] for name in ("returnOrderLineNumber", "quantity")} for line in lines]
    return reply(
        {
            "returnOrderId": call.path["returnOrderId"],
            "customerOrderId": body.customerOrderId,
            "refundLines": refunded,
        }
    )


def refund_lines(call: Call, wanted: set[int], customer_order: str | None) -> list[dict[str, Any]]:
    """Pay back lines of a return; return them.

    :param call: the call; its path names the return.
    :param wanted: numbers of the lines.
    :param customer_order: id of the order, where it is told.
    :raises Refusal: 404 when there is no such return, 400 when a line is not part of it or has been paid back.
    """
    text = call.path["returnOrderId"]
    number = number_of(call.state, text)
    if number is None:
        raise Refusal(
            404, f"NOT_FOUND.{SERVICE}", field="returnOrderId", description="No such return", shape="errors"
        )
    record = record_of(call.state, number)
    lines = {line["returnOrderLineNumber"]: line for line in record["returnOrderLines"]}
    its_own = customer_order in (None, record["customerOrderId"])
    if not its_own or not wanted or not lines.keys() >= wanted:
        raise _bad("customerOrderId and refundLines must belong to the return.")
    found = [lines[line_number] for line_number in sorted(wanted)]
    if any(line["status"] == "COMPLETED" for line in found):
        raise _bad("The return has been refunded already.")
    for line in found:
        complete(line)
    call.state.changed_returns[number] = Changed(record, int(call.now * 1000))
    return found


def complete(line: dict[str, Any]) -> None:
    """Pay back a line of a return.

    :param line: the line.
    """
    line |= {
        "status": "COMPLETED",
        "currentRefundStatus": "REFUND_COMPLETED",
        "refundedQty": line["quantity"]["measurementValue"],
    }


def number_of(state: State, text: str) -> int | None:
    """Return the number of the return with a return order id, ``None`` when there is no such return.

    :param state: the sandbox's state.
    :param text: the id.
    """
    number = state.return_numbers.get(text)
    if number is not None:
        return number
    number = products.whole(text) - _FIRST_RETURN
    changed = state.changed_returns.get(number)
    if changed is not None:
        return number if changed.record["returnOrderId"] == text else None
    return number if batch_of(state.returns, number) is not None else None


def record_of(state: State, number: int) -> dict[str, Any]:
    """Return a copy of a return as it is now.

    :param state: the sandbox's state.
    :param number: its number, which is one of a return.
    """
    record: dict[str, Any] = json.loads(_text(state, number))
    return record


def return_order(number: int) -> str:
    """Return the return order id of a return.

    :param number: number of the return.
    """
    return str(_FIRST_RETURN + number)


def find(call: Call) -> list[Sequence[int]]:
    """Return the numbers of the returns a call asks for, oldest first, in several sequences.

    :param call: the call.
    """
    search = _search(call)
    if search.is_none:
        return []
    return [_in_batch(call.state, batch, search) for batch in call.state.returns]


def _search(call: Call) -> Search:
    for name in ("returnCreation", "returnLastModified"):
        if bool(call.query(f"{name}StartDate")) != bool(call.query(f"{name}EndDate")):
            raise bad_param(f"{name}EndDate", "both dates are needed", service=SERVICE, shape="errors")
    for name, values in _VALUES.items():
        if call.query(name) not in ("", *values):
            raise bad_param(name, f"must be one of {', '.join(values)}", service=SERVICE, shape="errors")
    return Search(
        created=_period(call, "returnCreation"),
        modified=_period(call, "returnLastModified"),
        status=call.query("status"),
        return_order=call.query("returnOrderId"),
        customer_order=call.query("customerOrderId"),
        is_none=call.query("isWFSEnabled") == "Y" or call.query("returnType", "REFUND") != "REFUND",
    )


def _in_batch(state: State, batch: Batch, search: Search) -> Sequence[int]:
    """Return the numbers of the returns of a batch that match, oldest first."""
    changed = {number for number in state.changed_returns if number in batch.numbers}
    untouched = _untouched(batch, search)
    matching = {
        number
        for number in changed
        if search.created[0] <= batch.created(number) <= search.created[1]
        and _changed_matches(state.changed_returns[number], search)
    }
    return sorted(set(untouched) - changed | matching) if changed else untouched


def _untouched(batch: Batch, search: Search) -> Sequence[int]:
    """Return the numbers of the returns of a batch that match as they were made, oldest first."""
    if batch.times or search.status not in ("", batch.status):
        return range(0)
    (start, end), (since, until) = search.created, search.modified
    numbers = batch.between(max(start, since), min(end, until))
    if not search.return_order and not search.customer_order:
        return numbers
    return [number for number in numbers if _has_ids(_ids(number), search)]


def _period(call: Call, name: str) -> tuple[int, int]:
    start = dates.from_query(call, f"{name}StartDate", _EVER[0])
    return start, dates.from_query(call, f"{name}EndDate", _EVER[1])


def _changed_matches(changed: Changed, search: Search) -> bool:
    statuses = {line["status"] for line in changed.record["returnOrderLines"]}
    return (
        search.modified[0] <= changed.modified <= search.modified[1]
        and search.status in ("", *statuses)
        and _has_ids(changed.record, search)
    )


def _has_ids(record: Mapping[str, Any], search: Search) -> bool:
    return search.return_order in ("", record["returnOrderId"]) and search.customer_order in (
        "",
        record["customerOrderId"],
    )


def _cursor(call: Call, limit: int, offset: int) -> str:
    given = call.request.query_params
    filters = {name: given[name] for name in _FILTERS if name in given}
    return sealed({"sellerId": "", "limit": str(limit), "offset": str(offset), **filters}, "sellerId")


def _ids(number: int) -> dict[str, str]:
    return {"returnOrderId": return_order(number), "customerOrderId": customer_order(number)}


def _text(state: State, number: int) -> str:
    changed = state.changed_returns.get(number)
    if changed is not None:
        return json.dumps(changed.record)
    batch = batch_of(state.returns, number)
    assert batch is not None  # noqa: S101 - callers have found the number in a batch
    return _made(batch, number)


def _made(batch: Batch, number: int) -> str:
    sku, created = sku_number(number), batch.created(number)
    return template().fill(
        {
            "rma": _FIRST_RETURN + number,
            "co": customer_order(number),
            "po": purchase_order(number),
            "created": dates.iso(created),
            "by": dates.iso(created + 30 * dates.DAY),
            "sku": products.sku(sku),
            "product": products.name(sku),
            "total": products.price(sku),
            "status": batch.status,
        }
    )


@functools.cache
def template() -> Template:
    """Return the text of a return with a hole for what differs from one to the next."""
    total = {"currencyAmount": "#total", "currencyUnit": "USD"}
    one = {"unitOfMeasure": "EACH", "measurementValue": 1}
    line = {
        "returnOrderLineNumber": 1,
        "salesOrderLineNumber": 1,
        "returnReason": "DEFECTIVE",
        "returnDescription": "Poor quality",
        "purchaseOrderId": "<po>",
        "purchaseOrderLineNumber": 1,
        "isReturnForException": False,
        "item": {"sku": "<sku>", "condition": "New", "productName": "<product>"},
        "charges": [
            {
                "chargeCategory": "PRODUCT",
                "chargeName": "ItemPrice",
                "chargePerUnit": total,
                "isDiscount": False,
                "isBillable": True,
                "tax": [],
            }
        ],
        "unitPrice": total,
        "chargeTotals": [{"name": "lineTotal", "value": total}],
        "currentRefundStatus": "NOT_INITIATED",
        "cancellableQty": 0,
        "quantity": one,
        "returnExpectedFlag": True,
        "isFastReplacement": False,
        "isKeepIt": False,
        "lastItem": False,
        "refundedQty": 0,
        "rechargeableQty": 0,
        "returnTrackingDetail": [
            {
                "sequenceNo": 0,
                "eventTag": "RETURN_INITIATED",
                "eventDescription": "Return initiated for MARKET_PLACE",
                "eventTime": "<created>",
            }
        ],
        "status": "<status>",
        "statusTime": "<created>",
    }
    return Template(
        {
            "returnOrderId": "<rma>",
            "customerEmailId": "<rma>@relay.walmart.com",
            "returnType": "REFUND",
            "customerName": {"firstName": "Jane", "lastName": "Doe"},
            "customerOrderId": "<co>",
            "returnOrderDate": "<created>",
            "returnByDate": "<by>",
            "refundMode": "POST_DELIVERY",
            "totalRefundAmount": total,
            "returnLineGroups": [
                {
                    "groupNo": 1,
                    "returnLines": [{"returnOrderLineNumber": 1}],
                    "labels": [],
                    "returnExpectedFlag": True,
                }
            ],
            "returnOrderLines": [line],
            "returnChannel": {"channelName": "IN_STORE"},
        }
    )


def _bad(info: str) -> Refusal:
    return Refusal(
        400,
        f"INVALID_REQUEST_CONTENT.{SERVICE}",
        description="Invalid request content.",
        info=info,
        shape="errors",
    )
