"""The lists of orders and returns of Mexico's older API, by ``cursorMark`` and by offset; and its shipments."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import dates, products
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.records import page
from airflow_provider_walmart.sandbox.core.throttle import per_minute
from airflow_provider_walmart.sandbox.marketplace import order_records, order_writes, orders, returns
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill

SERVICE = "GMP_ORDER_API"
STATUSES = ("Created", "Acknowledged", "Shipped", "Cancelled", "OnHold", "Delivered")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)", re.ASCII)
_EVER = (0, 1 << 62)
#: Reason of a return -> the code that Mexico has for it.
_REASONS = {
    "DEFECTIVE": "FACTORY_DEFECT",
    "ARRIVED_DAMAGED": "DAMAGED_TRANSFER",
    "BUYER_CHANGED_MIND": "CUSTOMER_ERROR",
    "WRONG_ITEM": "ASSORTED_MODEL",
    "NOT_AS_DESCRIBED": "SITE_FEATURE",
}


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/orders/cursor``.

    :param call: the call.
    """
    if call.token.market != "mx":
        raise Refusal(404, "URI_NOT_FOUND.GMP_GATEWAY_API")
    status = call.query("statusCodeFilter")
    if status not in STATUSES:
        raise _unknown_status()
    limit = call.number("limit", 10, least=1, most=100)
    offset = _decode(call.query("cursorMark", "*"))
    meta, found = _search(call, status, offset, limit)
    if found and offset + len(found) < meta["totalCount"]:
        meta["nextCursorMark"] = _encode(offset + len(found))
    return reply({"meta": meta, "order": found})


async def by_offset(call: Call) -> Response:
    """Answer ``GET /v3/orders``: in Mexico by offset and in Mexico's form, elsewhere as the order list does.

    :param call: the call.
    """
    if call.token.market != "mx":
        return await orders.listing(call)
    status = call.query("statusCodeFilter")
    if status and status not in STATUSES:
        raise _unknown_status()
    limit, offset = call.number("limit", 10, least=1, most=100), call.number("offset", 0, most=1000)
    meta, found = _search(call, status, offset, limit)
    return reply({"meta": meta, "order": found})


async def returns_by_offset(call: Call) -> Response:
    """Answer ``GET /v3/returns``: in Mexico by offset and in Mexico's form, elsewhere as the list of returns does.

    :param call: the call.
    """
    if call.token.market != "mx":
        return await returns.listing(call)
    limit, offset = call.number("limit", 10, least=1, most=200), call.number("offset", 0)
    meta, found = _returns(call, offset, limit)
    return reply({"meta": meta, "returnOrders": found})


async def returns_by_cursor(call: Call) -> Response:
    """Answer ``GET /v3/returns/cursor``.

    :param call: the call.
    """
    if call.token.market != "mx":
        raise Refusal(404, "URI_NOT_FOUND.GMP_GATEWAY_API")
    limit, offset = call.number("limit", 10, least=1, most=200), _decode(call.query("cursorMark", "*"))
    meta, found = _returns(call, offset, limit)
    is_last = not found or offset + len(found) >= meta["totalCount"]
    # Required in the document, so that the last page has it empty.
    meta["nextCursor"] = "" if is_last else _encode(offset + len(found))
    return reply({"meta": meta, "returnOrders": found})


async def refund(call: Call) -> Response:
    """Answer ``POST /v3/returns/{returnOrderId}/refund``: in Mexico's form, elsewhere as the refund of a return does.

    :param call: the call.
    """
    if call.token.market != "mx":
        return await returns.refund(call)
    body = call.content(_Refund, shape="errors", service=returns.SERVICE)
    lines = body.order_refund.order_lines.order_line
    returns.refund_lines(call, {products.whole(line.line_number) for line in lines}, None)
    return reply("Accepted", 202)


def ship(draft: Draft) -> str:
    """Ship lines of an order.

    :param draft: the answer to ``POST /v3/orders/{purchaseOrderId}/ship``.
    """

    def apply(order: dict[str, Any]) -> None:
        for shipment in draft.body.get("shipments", []):
            tracking = {
                "shipDateTime": int(draft.call.now * 1000),
                "carrierName": {"carrier": shipment.get("carrier", "Other")},
                "methodCode": "Standard",
                "trackingNumber": shipment.get("trackingNumber", ""),
                "trackingURL": shipment.get("trackingURL", ""),
            }
            for line in shipment.get("shipmentLines", []):
                amount = products.whole(line.get("quantity", {}).get("amount", ""))
                order_writes.ship_units(order, line.get("primeLineNo", ""), amount, tracking)

    return order_writes.change_in_mexico(draft.call, apply)


def deliver(draft: Draft) -> str:
    """Deliver shipments of an order.

    :param draft: the answer to ``POST /v3/orders/{purchaseOrderId}/deliver``.
    """
    numbers = {package.get("trackingNo", "") for package in draft.body.get("packages", [])}
    return order_writes.change_in_mexico(
        draft.call, lambda order: order_writes.deliver_shipments(order, numbers)
    )


def _returns(call: Call, offset: int, limit: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = returns.find(call)
    meta = {"totalCount": sum(map(len, found)), "limit": limit}
    return meta, [_return(returns.record_of(call.state, number)) for number in page(found, offset, limit)]


def _return(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "returnOrderId": record["returnOrderId"],
        "customerEmail": record["customerEmailId"],
        "customerName": record["customerName"],
        "customerOrderId": record["customerOrderId"],
        "returnOrderDate": record["returnOrderDate"],
        "returnOrderLines": [_return_line(line) for line in record["returnOrderLines"]],
    }


def _return_line(line: dict[str, Any]) -> dict[str, Any]:
    quantity, unit_price = line["quantity"]["measurementValue"], line["unitPrice"]["currencyAmount"]
    return {
        "returnOrderLineNumber": str(line["returnOrderLineNumber"]),
        "primeLineNumber": str(line["salesOrderLineNumber"]),
        "reasonCode": _REASONS.get(line["returnReason"], "CUSTOMER_GUARANTEE"),
        "purchaseOrderId": f"P{line['purchaseOrderId']}",
        "purchaseOrderLineNumber": str(line["purchaseOrderLineNumber"]),
        "item": {name: line["item"][name] for name in ("productName", "sku")},
        "unitPrice": _pesos(unit_price),
        "quantity": {"unitOfMeasurement": "EACH", "amount": str(quantity)},
        "status": line["status"],
        "statusTime": line["statusTime"],
        "refundAmount": _pesos(round(unit_price * quantity, 2)),
        "isWFSEnabled": "N",
    }


def _pesos(amount: float) -> dict[str, str]:
    return {"currency": "MXN", "amount": str(amount)}


def _search(call: Call, status: str, offset: int, limit: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    search = orders.Search(
        created=_period(call),
        modified=_EVER,
        expected_ship=_EVER,
        status=status,
        customer_order=call.query("customerOrderId"),
        purchase_order=call.query("purchaseOrderId"),
    )
    found = orders.find(call.state, search)
    numbers = page(found, offset, limit)
    meta = {"totalCount": sum(map(len, found)), "limit": limit}
    return meta, [_order(call, number) for number in numbers]


def _unknown_status() -> Refusal:
    return bad_param("statusCodeFilter", f"must be one of {', '.join(STATUSES)}", service=SERVICE)


def _period(call: Call) -> tuple[int, int]:
    given = [call.query("createdStartDate"), call.query("createdEndDate")]
    now = int(call.now * 1000)
    if given == ["", ""]:
        return now - 180 * dates.DAY, now
    if not all(_DATE.fullmatch(text) for text in given):
        raise bad_param("createdStartDate", "both dates, like 2022-01-29T10:53:12.355-09:30", service=SERVICE)
    return dates.parse(given[0]), dates.parse(given[1])


def _order(call: Call, number: int) -> dict[str, Any]:
    known = order_records.to_change(call.state, number)
    assert known is not None  # noqa: S101 - the number has just been found
    order = known.record
    lines = []
    for line in order["orderLines"]["orderLine"]:
        charge = line["charges"]["charge"][0]["chargeAmount"]
        price = {"currency": "MXN", "amount": str(charge["amount"])}
        lines.append(
            {
                "primeLineNumber": line["lineNumber"],
                "item": {
                    "productName": line["item"]["productName"],
                    "sku": line["item"]["sku"],
                    "unitPrice": price,
                },
                "orderLineQuantity": line["orderLineQuantity"],
                "orderLineStatus": [
                    {
                        "status": part["status"],
                        "statusQuantity": part["statusQuantity"],
                        "statusDate": dates.iso(line["statusDate"]),
                    }
                    for part in line["orderLineStatuses"]["orderLineStatus"]
                ],
            }
        )
    return {
        "purchaseOrderId": f"P{order['purchaseOrderId']}",
        "customerOrderId": order["customerOrderId"],
        "customerEmailId": order["customerEmailId"],
        "orderDate": dates.iso(order["orderDate"]),
        "totalLines": str(len(lines)),
        "orderLines": lines,
    }


def _encode(offset: int) -> str:
    return base64.b64encode(f"AoJ4 {offset}".encode()).decode()


def _decode(mark: str) -> int:
    if mark == "*":
        return 0
    try:
        head, _, offset = base64.b64decode(mark, validate=True).decode().partition(" ")
        if head == "AoJ4":
            return int(offset)
    except (binascii.Error, ValueError):
        pass
    raise bad_param("cursorMark", "invalid", service=SERVICE)


class _RefundLine(Struct, rename="camel"):
    line_number: str


class _RefundLines(Struct, rename="camel"):
    order_line: list[_RefundLine]


class _OrderRefund(Struct, rename="camel"):
    order_lines: _RefundLines


class _Refund(Struct, rename="camel"):
    """What a refund of a return looks like in Mexico, as far as it is looked at."""

    order_refund: _OrderRefund


_PATH = "/v3/orders/{purchaseOrderId}"
FILLS: dict[tuple[str, str], Fill] = {("POST", f"{_PATH}/ship"): ship, ("POST", f"{_PATH}/deliver"): deliver}
ENDPOINTS = [
    Endpoint("GET", "/v3/orders/cursor", listing, "orders", per_minute(60, "orders/cursor"), is_legacy=True),
    Endpoint("GET", "/v3/orders", by_offset, "orders", per_minute(5000, "orders")),
    Endpoint(
        "GET",
        "/v3/returns/cursor",
        returns_by_cursor,
        "returns",
        per_minute(60, "returns/cursor"),
        is_legacy=True,
    ),
    Endpoint(
        "POST", "/v3/returns/{returnOrderId}/refund", refund, "returns", per_minute(60, "returns/refund")
    ),
    Endpoint("GET", "/v3/returns", returns_by_offset, "returns", per_minute(50, "returns")),
]
