"""Items: the list with its cursor, one item, counts, retirement, catalog search."""

from __future__ import annotations

import base64
import binascii
import functools
import json
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct, structs
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import cursors, shop
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.records import Template
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.core.throttle import Limit, per_minute
from airflow_provider_walmart.sandbox.marketplace import feed_effects

SERVICE = "GMP_ITEM_QUERY_API"

#: Seconds a list cursor stays valid.
CURSOR_LIFE = 120

_STATUSES = ("PUBLISHED", "UNPUBLISHED", "SYSTEM_PROBLEM", "IN_PROGRESS", "ALL")
#: Walmart's name of a filter -> the field of an item.
_TRAITS = {
    "sku": "sku",
    "gtin": "gtin",
    "variantGroupId": "variant_group",
    "condition": "condition",
    "lifecycleStatus": "lifecycle",
    "publishedStatus": "published",
    "availability": "availability",
}
_FILTERS: dict[str, tuple[str, ...]] = {
    "sku": (),
    "gtin": (),
    "variantGroupId": (),
    "condition": (),
    "lifecycleStatus": ("ACTIVE", "ARCHIVED", "RETIRED"),
    "publishedStatus": ("PUBLISHED", "UNPUBLISHED"),
    "availability": ("In_stock", "Out_of_stock", "Preorder"),
}


class Query(Struct):
    """What is searched for in a catalog search."""

    field: Literal["productName", "sku", "gtin", "wpid", "upc", "isbn", "ean", "itemId"]
    value: str


class Filter(Struct):
    """A filter of a catalog search."""

    field: Literal["lifecycleStatus", "publishedStatus"]
    op: Literal["equals"]
    values: list[str]


class SearchBody(Struct):
    """Body of a catalog search."""

    query: Query | None = None
    filters: list[Filter] = []


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/items``: by offset, or by a cursor that stays the same and moves on with every call.

    :param call: the call.
    """
    feed_effects.settle(call.state)
    limit = call.number("limit", 20, least=1, most=1000)
    filters = _filters(call)
    if "offset" in call.request.query_params and call.query("nextCursor", "*") == "*":
        offset = call.number("offset", 0, most=10_000)
        found = shop.matching(call.state, filters)
        return _page(call, found, offset, limit, "")
    cursor = call.query("nextCursor", "*")
    if cursor == "*":
        cursor = cursors.start(call.state, life=CURSOR_LIFE, query=filters)
    scroll = cursors.use(call.state, cursor, life=CURSOR_LIFE)
    if scroll is None:
        raise Refusal(
            400, f"INVALID_REQUEST_PARAM.{SERVICE}", field="nextCursor", description="Invalid Cursor"
        )
    position, scroll.position = scroll.position, scroll.position + limit
    return _page(call, shop.matching(call.state, scroll.query), position, limit, cursor)


async def one(call: Call) -> Response:
    """Answer ``GET /v3/items/{id}``; as in Walmart's live answers, with the root of the list.

    :param call: the call.
    """
    feed_effects.settle(call.state)
    kind = call.query("productIdType", "SKU")
    if kind not in ("GTIN", "UPC", "ISBN", "EAN", "SKU", "ITEM_ID"):
        raise bad_param("productIdType", "unknown", service=SERVICE)
    place = shop.find(call.state, kind, call.path["id"])
    if place is None:
        raise _nothing()
    return _json(f'{{"ItemResponse":[{_item(call.state, place)}],"totalItems":1}}')


async def count(call: Call) -> Response:
    """Answer ``GET /v3/items/count``.

    :param call: the call.
    """
    status = call.query("status", "PUBLISHED")
    if status not in _STATUSES:
        raise bad_param("status", f"must be one of {', '.join(_STATUSES)}", service=SERVICE)
    if status == "ALL":
        return reply({"All": len(call.state.items)})
    return reply({status: len(shop.matching(call.state, {"published": status}))})


async def retire(call: Call) -> Response:
    """Answer ``DELETE /v3/items/{sku}``.

    :param call: the call.
    """
    sku = call.path["sku"]
    if sku not in call.state.items:
        raise _nothing()
    call.state.retired.add(sku)
    return reply({"sku": sku, "message": "Thank you. Your item has been submitted for retirement."})


async def search(call: Call) -> Response:
    """Answer ``POST /v3/items/catalog/search``: by page from 0, or by a cursor.

    :param call: the call.
    """
    feed_effects.settle(call.state)
    body = call.content(SearchBody, service=SERVICE) if call.body else SearchBody()
    limit = call.number("limit", 100, least=1, most=100)
    cursor = call.query("nextCursor")
    if cursor and "page" in call.request.query_params:
        raise bad_param("nextCursor", "give either page or nextCursor", service=SERVICE)
    start = _decode(cursor) if cursor else call.number("page", 0) * limit
    found = _search(call.state, body)
    page = found[start : start + limit]
    answer = {
        "status": "Success",
        "payload": [_searched(call.state, place) for place in page],
        "totalItems": len(found),
        "limit": limit,
    }
    if start + limit < len(found):
        answer["nextCursor"] = _encode(start + limit)
    return reply(answer)


def list_limit(call: Call) -> Limit:
    """Return the limit of a call of the list, which is lower with query parameters.

    :param call: the call.
    """
    return per_minute(60, "items?") if call.request.query_params else per_minute(300, "items")


def item_limit(call: Call) -> Limit:
    """Return the limit of a call for one item, which is lower with query parameters.

    :param call: the call.
    """
    return per_minute(60, "items/id?") if call.request.query_params else per_minute(900, "items/id")


def _filters(call: Call) -> dict[str, str]:
    found = {}
    for name, values in _FILTERS.items():
        value = call.query(name)
        if value and values and value not in values:
            raise bad_param(name, f"must be one of {', '.join(values)}", service=SERVICE)
        if value:
            found[_TRAITS[name]] = value
    return found


def _page(call: Call, found: Sequence[int], offset: int, limit: int, cursor: str) -> Response:
    places = found[offset : offset + limit]
    if not places:
        raise _nothing()
    texts = ",".join(_item(call.state, place) for place in places)
    tail = f',"nextCursor":{json.dumps(cursor)}' if cursor and len(found) > limit else ""
    return _json(f'{{"ItemResponse":[{texts}],"totalItems":{len(found)}{tail}}}')


def _nothing() -> Refusal:
    return Refusal(404, f"CONTENT_NOT_FOUND.{SERVICE}", description="No item was found", field="sku")


@functools.cache
def _template() -> Template:
    return Template(
        {
            "mart": "WALMART_US",
            "sku": "<sku>",
            "condition": "<condition>",
            "availability": "<availability>",
            "wpid": "<wpid>",
            "upc": "<upc>",
            "gtin": "<gtin>",
            "productName": "<name>",
            "shelf": '["Home Page","Home","Kitchen & Dining"]',
            "productType": "<product_type>",
            "price": {"currency": "USD", "amount": "#price"},
            "publishedStatus": "<published>",
            "lifecycleStatus": "<lifecycle>",
            "isDuplicate": False,
        }
    )


def _item(state: State, place: int) -> str:
    """Return the JSON text of an item."""
    item = shop.at(state, place)
    values = structs.asdict(item)
    if place >= state.items.count:
        values = {
            name: json.dumps(value)[1:-1] if isinstance(value, str) else value
            for name, value in values.items()
        }
    text = _template().fill(values)
    if not item.reasons:
        return text
    return f'{text[:-1]},"unpublishedReasons":{json.dumps({"reason": item.reasons})}}}'


def _search(state: State, body: SearchBody) -> Sequence[int]:
    filters = {_TRAITS[wanted.field]: wanted.values[0] for wanted in body.filters if wanted.values}
    found = shop.matching(state, filters)
    if body.query is None:
        return found
    value, kind = body.query.value, {"itemId": "ITEM_ID"}.get(body.query.field, body.query.field.upper())
    if kind == "PRODUCTNAME":
        text = value.strip("*").lower()
        return [place for place in found if text in shop.at(state, place).name.lower()]
    place = shop.find(state, kind, value)
    return [place] if place is not None and place in found else []


def _searched(state: State, place: int) -> dict[str, Any]:
    item = json.loads(_item(state, place))
    del item["availability"], item["isDuplicate"]
    price = item.pop("price")
    known = shop.at(state, place)
    return {
        **item,
        "itemId": known.item_id,
        "price": {"unit": price["currency"], "amount": price["amount"]},
        "publishedStatus": {"status": known.published},
        "brand": known.brand,
    }


def _encode(position: int) -> str:
    return base64.b64encode(f"AoIFQC8 {position}".encode()).decode()


def _decode(cursor: str) -> int:
    try:
        head, _, position = base64.b64decode(cursor, validate=True).decode().partition(" ")
        if head == "AoIFQC8":
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise bad_param("nextCursor", "Invalid Cursor", service=SERVICE)


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


ENDPOINTS = [
    Endpoint("GET", "/v3/items", listing, "item", list_limit),
    Endpoint("GET", "/v3/items/count", count, "item", per_minute(200, "items/count")),
    Endpoint(
        "POST", "/v3/items/catalog/search", search, "item", per_minute(200, "items/search"), writes=False
    ),
    Endpoint("GET", "/v3/items/{id}", one, "item", item_limit),
    Endpoint("DELETE", "/v3/items/{sku}", retire, "item", per_minute(900, "items/retire")),
]
