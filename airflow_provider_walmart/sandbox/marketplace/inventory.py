"""Inventory: one SKU, one SKU at all ship nodes, all SKUs, and what Walmart stores for the seller."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import cursors, shop
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.dates import day
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.state import NODES, State, Stock
from airflow_provider_walmart.sandbox.core.throttle import per_minute
from airflow_provider_walmart.sandbox.marketplace import feed_effects
from airflow_provider_walmart.sandbox.marketplace.feed_rules import MOST

SERVICE = "GMP_INVENTORY_API"

_HOUR = 3600
_RESERVED = 3


class Quantity(Struct):
    """How many units."""

    amount: Annotated[int, Meta(le=MOST)]
    unit: Literal["EACH"]


class SkuBody(Struct):
    """Stock of one SKU."""

    sku: str
    quantity: Quantity
    inventoryAvailableDate: str = ""  # noqa: N815 - Walmart's names


class Node(Struct):
    """Stock at one ship node."""

    shipNode: str  # noqa: N815
    inputQty: Quantity  # noqa: N815
    inventoryAvailableDate: str = ""  # noqa: N815


class Nodes(Struct):
    """Stock at several ship nodes."""

    nodes: list[Node]


class NodesBody(Struct):
    """Body of an update at several ship nodes."""

    inventories: Nodes


async def one(call: Call) -> Response:
    """Answer ``GET /v3/inventory``: the stock at one node, by default the default one.

    :param call: the call.
    """
    sku = _sku(call, call.query("sku"))
    return reply(_sku_answer(call.state, sku, _node(call)))


async def update_one(call: Call) -> Response:
    """Answer ``PUT /v3/inventory``.

    :param call: the call.
    """
    sku, node = _sku(call, call.query("sku")), _node(call)
    body = call.content(SkuBody, shape="errors", service=SERVICE)
    if body.sku != sku:
        raise bad_param("sku", "differs between query and body", service=SERVICE, shape="errors")
    if body.quantity.amount < 0:
        raise bad_param("amount", "must be at least 0", service=SERVICE, shape="errors")
    set_stock(call.state, sku, node, Stock(body.quantity.amount, body.inventoryAvailableDate))
    return reply(_sku_answer(call.state, sku, node))


async def nodes_of_one(call: Call) -> Response:
    """Answer ``GET /v3/inventories/{sku}``.

    :param call: the call.
    """
    sku = _sku(call, call.path["sku"])
    wanted = [_node(call)] if call.query("shipNode") else call.state.nodes
    nodes = [
        {**_node_answer(call.state, sku, node), "inventoryAvailableDate": day(int(call.now * 1000))}
        for node in wanted
    ]
    return reply({"sku": sku, "nodes": nodes})


async def update_nodes(call: Call) -> Response:
    """Answer ``PUT /v3/inventories/{sku}``: one node may fail inside a 200.

    :param call: the call.
    """
    sku = _sku(call, call.path["sku"])
    body = call.content(NodesBody, shape="errors", service=SERVICE)
    if not body.inventories.nodes:
        raise bad_param("nodes", "at least one is needed", service=SERVICE, shape="errors")
    answers: list[dict[str, Any]] = []
    for node in body.inventories.nodes:
        problem = ""
        if node.shipNode not in call.state.nodes:
            problem = "The ship node is unknown."
        elif node.inputQty.amount < 0:
            problem = "The quantity must be at least 0."
        if problem:
            error = {
                "code": f"INVALID_REQUEST_CONTENT.{SERVICE}",
                "field": "shipNode",
                "description": problem,
            }
            answers.append(
                {"shipNode": node.shipNode, "status": "Failure", "errors": [{**error, "severity": "ERROR"}]}
            )
        else:
            set_stock(
                call.state, sku, node.shipNode, Stock(node.inputQty.amount, node.inventoryAvailableDate)
            )
            answers.append({"shipNode": node.shipNode, "status": "Success"})
    return reply({"sku": sku, "nodes": answers})


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/inventories``, page after page: a cursor is good once.

    :param call: the call.
    """
    limit = call.number("limit", 10, least=1, most=50, shape="errors")
    feed_effects.settle(call.state)
    state, cursor = call.state, call.query("nextCursor")
    if "nextCursor" not in call.request.query_params:
        cursor = cursors.start(state, life=_HOUR)
    scroll = cursors.use(state, cursor, life=_HOUR)
    if scroll is None:
        raise Refusal(
            404,
            f"CONTENT_NOT_FOUND.{SERVICE}",
            field="nextCursor",
            description="The cursor is unknown, was used before or is out of order",
            shape="errors",
        )
    total = len(state.inventories)
    # Pages may be shorter than asked for; only a missing cursor ends the list.
    size = limit - 1 if limit > 1 and scroll.position % 3 == 1 else limit
    places = range(scroll.position, min(scroll.position + size, total))
    scroll.position = places.stop
    texts = [_listed(state, state.inventories.at(place), place) for place in places]
    meta: dict[str, Any] = {"totalCount": total}
    if scroll.position < total:
        meta["nextCursor"] = cursors.replace(state, cursor)
    else:
        del state.scrolls[cursor]
    text = f'{{"meta":{json.dumps(meta)},"elements":{{"inventories":[{",".join(texts)}]}}}}'
    return Response(text, media_type="application/json")


async def stored(call: Call) -> Response:
    """Answer ``GET /v3/wfs/inventory``: every tenth item is stored by Walmart, and those of which that was said.

    :param call: the call.
    """
    limit = call.number("limit", 10, least=1, most=300, shape="errors")
    offset = call.number("offset", 0, shape="errors")
    feed_effects.settle(call.state)
    items = _stored_items(call.state)
    for name in ("sku", "gtin"):
        if wanted := call.query(name):
            items = [item for item in items if getattr(item, name) == wanted]
    found = [_stored(call.state, item) for item in items[offset : offset + limit]]
    headers = {"totalCount": len(items), "limit": limit, "offset": offset}
    return reply({"headers": headers, "payload": {"inventory": found}})


def set_stock(state: State, sku: str, node: str, stock: Stock) -> None:
    """Set the stock of a SKU at a ship node.

    :param state: the sandbox's state.
    :param sku: the SKU.
    :param node: the ship node.
    :param stock: what to set.
    """
    state.stock.setdefault(sku, {})[node] = stock


def _sku(call: Call, sku: str) -> str:
    """Return the SKU of a call once it is sure that it exists."""
    if not sku:
        raise bad_param("sku", "missing", service=SERVICE, shape="errors")
    feed_effects.settle(call.state)
    state = call.state
    if sku not in state.inventories and sku not in state.items and sku not in state.stock:
        raise Refusal(
            404, f"CONTENT_NOT_FOUND.{SERVICE}", field="sku", description="No such SKU", shape="errors"
        )
    return sku


def _node(call: Call) -> str:
    node = call.query("shipNode") or NODES[0]
    if node not in call.state.nodes:
        raise bad_param("shipNode", "unknown", service=SERVICE, shape="errors")
    return node


def _amount(state: State, sku: str, node: str) -> int:
    changed = state.stock.get(sku, {}).get(node)
    if changed is not None:
        return changed.amount
    place = state.inventories.find(sku)
    return 0 if place is None else _first_amount(place, node)


def _first_amount(place: int, node: str) -> int:
    return (place * 7 + NODES.index(node) * 13) % 200 if node in NODES else 0


def _sku_answer(state: State, sku: str, node: str) -> dict[str, Any]:
    changed = state.stock.get(sku, {}).get(node)
    available = (changed.available if changed else "") or day(int(state.clock.now() * 1000))
    quantity = {"unit": "EACH", "amount": _amount(state, sku, node)}
    return {"sku": sku, "quantity": quantity, "inventoryAvailableDate": available}


def _node_answer(state: State, sku: str, node: str) -> dict[str, Any]:
    amount = _amount(state, sku, node)
    reserved = min(amount, _RESERVED)
    return {
        "shipNode": node,
        "inputQty": {"unit": "EACH", "amount": amount},
        "availToSellQty": {"unit": "EACH", "amount": amount - reserved},
        "reservedQty": {"unit": "EACH", "amount": reserved},
    }


def _listed(state: State, sku: str, place: int) -> str:
    """Return the JSON text of one SKU in the list of all."""
    if sku in state.stock or place >= state.inventories.count or len(state.nodes) > len(NODES):
        return json.dumps({"sku": sku, "nodes": [_node_answer(state, sku, node) for node in state.nodes]})
    one, two = (_first_amount(place, node) for node in NODES)
    low, lower = min(one, _RESERVED), min(two, _RESERVED)
    return _LISTED % (sku, one, one - low, low, two, two - lower, lower)


_LISTED = (
    '{"sku":"%s","nodes":['
    + ",".join(
        f'{{"shipNode":"{node}","inputQty":{{"unit":"EACH","amount":%d}},'
        '"availToSellQty":{"unit":"EACH","amount":%d},"reservedQty":{"unit":"EACH","amount":%d}}'
        for node in NODES
    )
    + "]}"
)


def _stored_items(state: State) -> list[shop.Item]:
    said = {state.items.find(sku) for sku, facts in state.item_facts.items() if facts.wfs is not None}
    places = {*range(0, len(state.items), 10), *(place for place in said if place is not None)}
    return [item for place in sorted(places) if (item := shop.at(state, place)).wfs]


def _stored(state: State, item: shop.Item) -> dict[str, Any]:
    units = feed_effects.stored_units(state, item)
    return {
        "itemInformation": {
            "itemName": item.name,
            "gtin": item.gtin,
            "sku": item.sku,
            "itemID": item.item_id,
            "brand": item.brand,
            "itemCondition": item.condition,
        },
        "inventoryData": {
            "publishingStatus": item.published,
            "itemLifecycle": item.lifecycle,
            "stockStatus": "IN_STOCK" if units else "OUT_OF_STOCK",
            "availableUnits": units,
            "reservedUnits": 0,
            "inboundUnits": state.inbound_units.get(item.sku, 0),
            "onhandUnits": units,
        },
    }


ENDPOINTS = [
    Endpoint("GET", "/v3/inventory", one, "inventory", per_minute(200, "inventory/get")),
    Endpoint("PUT", "/v3/inventory", update_one, "inventory", per_minute(200, "inventory/put")),
    Endpoint("GET", "/v3/inventories", listing, "inventory", per_minute(200, "inventories")),
    Endpoint("GET", "/v3/inventories/{sku}", nodes_of_one, "inventory", per_minute(200, "inventories/get")),
    Endpoint("PUT", "/v3/inventories/{sku}", update_nodes, "inventory", per_minute(200, "inventories/put")),
    Endpoint("GET", "/v3/wfs/inventory", stored, "inventory", per_minute(100, "wfs/inventory")),
]
