"""Reading orders: search, released orders, one order."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import dates, products
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.records import Batch, Changed, page
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.core.throttle import per_minute
from airflow_provider_walmart.sandbox.marketplace import order_records

SERVICE = "GMP_ORDER_API"
STATUSES = ("Created", "Acknowledged", "Shipped", "Delivered", "Cancelled")
NODE_TYPES = ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled")

_EVER = (0, 1 << 62)
_DATES = (
    "createdStartDate", "createdEndDate", "fromExpectedShipDate", "toExpectedShipDate",
    "lastModifiedStartDate", "lastModifiedEndDate",
)  # fmt: skip
_OTHERS = (
    "sku", "customerOrderId", "purchaseOrderId", "status", "shipNodeType", "shippingProgramType", "orderType",
    "productInfo", "replacementInfo", "incentiveInfo",
)  # fmt: skip


class Search(Struct, frozen=True):
    """What orders are asked for; periods in epoch milliseconds, both ends included."""

    created: tuple[int, int]
    modified: tuple[int, int]
    expected_ship: tuple[int, int]
    sku: str = ""
    customer_order: str = ""
    purchase_order: str = ""
    status: str = ""
    node_type: str = "SellerFulfilled"
    program: str = ""
    order_type: str = ""


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/orders``.

    :param call: the call.
    """
    return _answer(call, status="")


async def released(call: Call) -> Response:
    """Answer ``GET /v3/orders/released``: orders nobody has acknowledged.

    :param call: the call.
    """
    return _answer(call, status="Created")


async def one(call: Call) -> Response:
    """Answer ``GET /v3/orders/{purchaseOrderId}``; as in Walmart's live answers, wrapped in ``order``.

    :param call: the call.
    """
    number = order_records.number_of(call.state, call.path["purchaseOrderId"])
    if number is None:
        raise not_found()
    (text,) = order_records.texts(call.state, [number], **_flags(call))
    return Response(f'{{"order":{text}}}', media_type="application/json")


def not_found() -> Refusal:
    """Return the refusal of an order that does not exist."""
    return Refusal(
        404,
        f"NOT_FOUND.{SERVICE}",
        field="purchaseOrderId",
        description="Resource not found.",
        info="The requested purchase order was not found.",
        shape="errors",
    )


def find(state: State, search: Search) -> list[Sequence[int]]:
    """Return the numbers of the orders a search matches, newest first, in several sequences.

    :param state: the sandbox's state.
    :param search: what is asked for.
    """
    if search.program:
        return []
    batches = [batch for batch in reversed(state.orders) if batch.kind == search.node_type]
    return [_in_batch(state, batch, search)[::-1] for batch in batches]


def _in_batch(state: State, batch: Batch, search: Search) -> Sequence[int]:
    """Return the numbers of the orders of a batch that match, oldest first."""
    changed = {number for number in state.changed_orders if number in batch.numbers}
    untouched = range(0) if batch.times else _untouched(batch, search)
    if not changed:
        return untouched
    matching = {
        number
        for number in changed
        if _is_in(batch.created(number), search.created)
        and _changed_matches(state.changed_orders[number], search)
    }
    return sorted(set(untouched) - changed | matching)


def _untouched(batch: Batch, search: Search) -> range:
    """Return the numbers of the orders of a batch that match as they were made, oldest first."""
    if search.status not in ("", batch.status) or search.order_type not in ("", "REGULAR"):
        return range(0)
    # The expected ship date of an order follows from its creation at a fixed distance.
    distance = order_records.expected_ship(0)
    expected = search.expected_ship[0] - distance, search.expected_ship[1] - distance
    created = _common(_common(search.created, search.modified), expected)
    return _narrow(batch.between(*created), search)


def _answer(call: Call, *, status: str) -> Response:
    raw = call.request.scope["query_string"].decode("latin-1")
    is_cursor = "hasMoreElements" in call.request.query_params
    if "nextCursor" in call.request.query_params:
        raise bad_param(
            "nextCursor", "append the cursor to the path as it is", service=SERVICE, shape="errors"
        )
    search = _search(call, status, is_cursor=is_cursor)
    limit = call.number("limit", 100, least=1, most=200, shape="errors")
    offset = call.number("poIndex", 0, shape="errors") if is_cursor else 0
    found = find(call.state, search)
    total = sum(map(len, found))
    most = call.state.settings.orders_per_search
    if total > most:
        raise Refusal(
            400,
            f"INVALID_REQUEST_PARAM.{SERVICE}",
            description="Too many orders",
            info=f"The search matches more than {most} orders. Split the date range.",
            shape="problem",
        )
    if is_cursor and raw != _cursor(call, search, limit, offset):
        # Walmart's cursor is a ready query string; encoded again, or with anything added, it is void.
        raise bad_param("nextCursor", "not a cursor of this search", service=SERVICE, shape="errors")
    made = order_records.texts(call.state, page(found, offset, limit), **_flags(call))
    texts = [text.encode() for text in made]
    meta = f'"totalCount":{total},"limit":{limit}'
    if texts and offset + len(texts) < total:
        meta += f',"nextCursor":"?{_cursor(call, search, limit, offset + len(texts))}"'
    return _joined(texts, meta)


def _joined(texts: list[bytes], meta: str) -> Response:
    """Return the answer with orders, as JSON texts, and what is said of the list."""
    before, after = ('{"order":[', "]}") if texts else ("null", "")
    # Joined once: a page is large enough for every further copy to cost as much as making the orders.
    texts = texts or [b""]
    texts[0] = f'{{"list":{{"meta":{{{meta}}},"elements":{before}'.encode() + texts[0]
    texts[-1] += f"{after}}}}}".encode()
    return Response(b",".join(texts), media_type="application/json")


def _cursor(call: Call, search: Search, limit: int, offset: int) -> str:
    given = call.request.query_params
    parts = {
        "limit": str(limit),
        "hasMoreElements": "true",
        "soIndex": "",
        "poIndex": str(offset),
        "partnerId": call.token.seller,
        "sellerId": "151",
        "createdStartDate": dates.iso(search.created[0]),
        "createdEndDate": dates.iso(search.created[1]),
        **{name: given[name] for name in _DATES[2:] + _OTHERS if name in given},
    }
    return sealed(parts, "soIndex")


def sealed(parts: dict[str, str], seal: str) -> str:
    """Return a query string one of whose numbers changes with anything else in it.

    :param parts: name -> value, in their order.
    :param seal: name of the number.
    """
    parts[seal] = str(zlib.crc32(repr(parts).encode()))
    return "&".join(f"{name}={quote(value, safe=':')}" for name, value in parts.items())


def _search(call: Call, status: str, *, is_cursor: bool) -> Search:
    now = int(call.now * 1000)
    start = dates.from_query(call, "createdStartDate", now - 7 * dates.DAY)
    end = dates.from_query(call, "createdEndDate", now)
    if start > end:
        raise Refusal(
            400,
            f"INVALID_REQUEST_PARAM.{SERVICE}",
            description="Invalid date range",
            info="createdStartDate lies after createdEndDate.",
            shape="problem",
        )
    return Search(
        # A cursor goes on where its first page began, however long ago that was.
        created=(start if is_cursor else max(start, now - 180 * dates.DAY), end),
        modified=_period(call, "lastModifiedStartDate", "lastModifiedEndDate"),
        expected_ship=_period(call, "fromExpectedShipDate", "toExpectedShipDate"),
        sku=call.query("sku"),
        customer_order=call.query("customerOrderId"),
        purchase_order=call.query("purchaseOrderId"),
        status=status or _choice(call, "status", STATUSES),
        node_type=_choice(call, "shipNodeType", NODE_TYPES) or "SellerFulfilled",
        program=_choice(call, "shippingProgramType", ("TWO_DAY", "ONE_DAY")),
        order_type=_choice(call, "orderType", ("REGULAR", "REPLACEMENT", "PREORDER")),
    )


def _period(call: Call, start: str, end: str) -> tuple[int, int]:
    return dates.from_query(call, start, _EVER[0]), dates.from_query(call, end, _EVER[1])


def _choice(call: Call, name: str, values: Sequence[str]) -> str:
    value = call.query(name)
    if value and value not in values:
        raise bad_param(name, f"must be one of {', '.join(values)}", service=SERVICE, shape="errors")
    return value


def _flags(call: Call) -> dict[str, bool]:
    given = {
        name: _choice(call, name, ("true", "false"))
        for name in ("productInfo", "replacementInfo", "incentiveInfo")
    }
    return {
        "product_info": given["productInfo"] == "true",
        "replacement_info": given["replacementInfo"] == "true",
    }


def _common(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return max(one[0], other[0]), min(one[1], other[1])


def _narrow(numbers: range, search: Search) -> range:
    """Return those of the numbers whose order has the SKU and the ids that are asked for."""
    wanted = set()
    if search.purchase_order:
        wanted.add(order_records.by_purchase_order(search.purchase_order))
    if search.customer_order:
        wanted.add(order_records.by_customer_order(search.customer_order))
    if wanted:
        (number, *more) = wanted
        numbers = range(number, number + 1) if number in numbers and not more else range(0)
    if search.sku:
        wanted_sku = products.number_of("SKU", search.sku)
        if not 1 <= wanted_sku <= order_records.SKUS:
            return range(0)
        low = numbers.start + (wanted_sku - 1 - numbers.start) % order_records.SKUS
        return range(low, numbers.stop, order_records.SKUS)
    return numbers


def _changed_matches(changed: Changed, search: Search) -> bool:
    """Return whether a changed order is one that is asked for, its creation apart."""
    record = changed.record
    lines = record["orderLines"]["orderLine"]
    statuses = {part["status"] for line in lines for part in line["orderLineStatuses"]["orderLineStatus"]}
    asked_for = (
        (search.status, statuses),
        (search.sku, {line["item"]["sku"] for line in lines}),
        (search.purchase_order, {record["purchaseOrderId"]}),
        (search.customer_order, {record["customerOrderId"]}),
        (search.order_type, {record["orderType"]}),
    )
    return (
        _is_in(changed.modified, search.modified)
        and _is_in(record["shippingInfo"]["estimatedShipDate"], search.expected_ship)
        and all(not wanted or wanted in values for wanted, values in asked_for)
    )


def _is_in(moment: int, period: tuple[int, int]) -> bool:
    return period[0] <= moment <= period[1]


ENDPOINTS = [
    # The list itself is answered by way of Mexico, whose list has another form.
    Endpoint("GET", "/v3/orders/released", released, "orders", per_minute(60, "orders/released")),
    Endpoint("GET", "/v3/orders/{purchaseOrderId}", one, "orders", per_minute(5000, "orders/one")),
]
