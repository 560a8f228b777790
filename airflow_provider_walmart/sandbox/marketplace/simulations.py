"""Walmart's own simulation API: items and orders are created, orders delivered, returns made and moved on."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from airflow_provider_walmart.sandbox.core import shop
from airflow_provider_walmart.sandbox.core.dates import iso, parse
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.records import Changed
from airflow_provider_walmart.sandbox.core.state import ItemFacts, State
from airflow_provider_walmart.sandbox.marketplace import (
    named_orders,
    named_returns,
    order_records,
    order_writes,
    orders,
    returns,
)
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill
from airflow_provider_walmart.sandbox.marketplace.named_orders import SeedBuyer, SeedLine, SeedOrder
from airflow_provider_walmart.sandbox.marketplace.named_returns import SeedReturn

Json = dict[str, Any]

SERVICE = "GMP_SIMULATIONS_API"


def create_items(draft: Draft) -> Any:
    """Return the items that were put into the shop.

    :param draft: the answer to ``POST /v1/simulations/items``.
    """
    state, wanted = draft.call.state, draft.body["items"]
    for item in wanted:
        state.items.add(item["sku"])
        _write(state, item["sku"], item)
    return [_shown(_item(draft, item["sku"])) for item in wanted]


def list_items(draft: Draft) -> Any:
    """Return all items.

    :param draft: the answer to ``GET /v1/simulations/items``.
    """
    state = draft.call.state
    return draft.made([_shown(shop.at(state, place)) for place in range(len(state.items))])


def one_item(draft: Draft) -> Any:
    """Return an item.

    :param draft: the answer to ``GET /v1/simulations/items/{sku}``.
    """
    return _shown(_item(draft, draft.call.path["sku"]))


def update_item(draft: Draft) -> Any:
    """Change an item.

    :param draft: the answer to ``PUT /v1/simulations/items/{sku}``.
    """
    sku = _item(draft, draft.call.path["sku"]).sku
    _write(draft.call.state, sku, draft.body)
    return {"success": True, "message": "The item has been updated."}


def create_order(draft: Draft) -> Any:
    """Put an order into the shop.

    :param draft: the answer to ``POST /v1/simulations/orders``.
    """
    body = draft.body
    wanted = body.get("orderLines", {}).get("orderLine", [])
    skus = [line.get("item", {}).get("sku", "") for line in wanted]
    for sku in skus:
        _item(draft, sku)
    to = body.get("shippingInfo", {})
    where = {name: text for name, text in to.get("postalAddress", {}).items() if name in _ADDRESS}
    lines: list[SeedLine | str] = [
        SeedLine(sku, quantity=_amount(line.get("orderLineQuantity", {})))
        for sku, line in zip(skus, wanted, strict=True)
    ]
    if not lines:
        raise bad_param("orderLines", "must have a line", service=SERVICE)
    buyer = SeedBuyer(
        **where, phone=to.get("phone") or "5550100", email=body.get("customerEmailId") or "buyer@example.com"
    )
    (order,) = named_orders.add(draft.call.state, [SeedOrder(lines, buyer=buyer)])
    return {"purchaseOrderId": order["purchaseOrderId"]}


def deliver(draft: Draft) -> Any:
    """Deliver what has been shipped of an order.

    :param draft: the answer to ``POST /v1/simulations/orders/{purchaseOrderId}/deliver``.
    """
    named = {line.get("lineNumber") for line in draft.body.get("orderLines", {}).get("orderLine", [])}

    def apply(order: Json) -> None:
        moved = [
            part
            for line in order["orderLines"]["orderLine"]
            if not named or line["lineNumber"] in named
            for part in line["orderLineStatuses"]["orderLineStatus"]
            if part["status"] == "Shipped"
        ]
        if not moved:
            raise Refusal(
                400, f"INVALID_REQUEST.{SERVICE}", field="orderLines", description="No line has been shipped"
            )
        for part in moved:
            part["status"] = "Delivered"

    order_writes.change(draft.call.state, draft.call.path["purchaseOrderId"], apply)
    return {"success": True, "message": "The order has been delivered."}


def create_return(draft: Draft) -> Any:
    """Return a line of an order.

    :param draft: the answer to ``POST /v1/simulations/returns``.
    """
    body = draft.body
    seed = SeedReturn(
        body["purchaseOrderId"],
        lineNumber=str(body["lineNumber"]),
        quantity=max(body["qty"], 1),
        reason=body["returnReason"],
    )
    if order_records.number_of(draft.call.state, body["purchaseOrderId"]) is None:
        raise orders.not_found()
    try:
        (record,) = named_returns.add(draft.call.state, [seed])
    except ValueError as error:
        raise Refusal(400, f"INVALID_REQUEST.{SERVICE}", description=str(error)) from None
    return _shown_return(draft, record)


def move_return(draft: Draft) -> Any:
    """Give a line of a return another status.

    :param draft: the answer to ``PUT /v1/simulations/returns``.
    """
    state, body = draft.call.state, draft.body
    number = returns.number_of(state, body["returnOrderId"])
    if number is None:
        raise Refusal(404, f"NOT_FOUND.{SERVICE}", field="returnOrderId", description="No such return")
    record = returns.record_of(state, number)
    line = next(
        (x for x in record["returnOrderLines"] if x["returnOrderLineNumber"] == body["lineNumber"]), None
    )
    if line is None:
        raise bad_param("lineNumber", "is no line of this return", service=SERVICE)
    now = int(draft.call.now * 1000)
    line |= {"status": body["status"], "statusTime": iso(now)}
    if body["status"] == "COMPLETED":
        returns.complete(line)
    line["returnTrackingDetail"].append(
        {
            "sequenceNo": len(line["returnTrackingDetail"]),
            "eventTag": body["eventTag"],
            "eventDescription": body["eventTag"].replace("_", " ").capitalize(),
            "eventTime": iso(now),
        }
    )
    state.changed_returns[number] = Changed(record, now)
    return _shown_return(draft, record)


_ADDRESS = ("name", "address1", "city", "state", "postalCode", "country")


def _item(draft: Draft, sku: str) -> shop.Item:
    place = draft.call.state.items.find(sku)
    if place is None:
        raise Refusal(
            404, f"CONTENT_NOT_FOUND.{SERVICE}", field="sku", description=f"No item has the SKU {sku}"
        )
    return shop.at(draft.call.state, place)


def _shown(item: shop.Item) -> Json:
    return {
        "sku": item.sku,
        "productName": item.name,
        "productType": item.product_type,
        "condition": item.condition.upper(),
        "price": {"amount": item.price, "currency": "USD"},
    }


def _write(state: State, sku: str, told: Json) -> None:
    """Note what was told of an item."""
    known = state.item_facts.get(sku, ItemFacts())
    names = {
        "productName": "name",
        "productType": "product_type",
        "upc": "upc",
        "gtin": "gtin",
        "publishedStatus": "published",
    }
    facts = {field: told[name] for name, field in names.items() if told.get(name)}
    if told.get("condition"):
        facts["condition"] = told["condition"].capitalize()
    state.item_facts[sku] = msgspec.structs.replace(known, **facts)
    if "price" in told:
        state.prices[sku] = float(told["price"]["amount"])


def _amount(quantity: Json) -> int:
    text = str(quantity.get("amount", "1"))
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**6:
        raise bad_param("orderLineQuantity.amount", "must be a whole number above 0", service=SERVICE)
    return int(text)


def _shown_return(draft: Draft, record: Json) -> Any:
    shown = json.loads(json.dumps(record))
    moment = parse(shown["returnOrderDate"])
    return draft.over({**shown, "returnOrderDate": moment, "purchaseOrderId": _first(shown)})


def _first(record: Json) -> str:
    purchase_order: str = record["returnOrderLines"][0]["purchaseOrderId"]
    return purchase_order


_ITEMS, _ORDERS, _RETURNS = "/v1/simulations/items", "/v1/simulations/orders", "/v1/simulations/returns"
FILLS: dict[tuple[str, str], Fill] = {
    ("POST", _ITEMS): create_items,
    ("GET", _ITEMS): list_items,
    ("GET", f"{_ITEMS}/{{sku}}"): one_item,
    ("PUT", f"{_ITEMS}/{{sku}}"): update_item,
    ("POST", _ORDERS): create_order,
    ("POST", f"{_ORDERS}/{{purchaseOrderId}}/deliver"): deliver,
    ("POST", _RETURNS): create_return,
    ("PUT", _RETURNS): move_return,
}
