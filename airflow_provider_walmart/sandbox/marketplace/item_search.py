"""Search in Walmart's catalogue: by text, UPC or GTIN, also as an item feed to start from."""

from __future__ import annotations

from itertools import islice
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import products, shop
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.core.throttle import Limit, per_minute
from airflow_provider_walmart.sandbox.marketplace import item_specs

Json = dict[str, Any]


class Product(Struct):
    """A product of Walmart's catalogue; what the shop doesn't say of it follows from its number."""

    name: str
    number: int
    price: float
    brand: str = "Sandbox"
    type: str = ""

    def __post_init__(self) -> None:
        if self.type not in item_specs.PRODUCT_TYPES:
            self.type = tuple(item_specs.PRODUCT_TYPES)[self.number % len(item_specs.PRODUCT_TYPES)]


async def search(call: Call) -> Response:
    """Answer ``GET /v3/items/walmart/search``: items of Walmart's catalogue, or an item feed to start from.

    Walmart's catalogue is the shop's, and every product whose UPC or GTIN has the right check digit.

    :param call: the call.
    """
    form = call.query("responseFormat", "DEFAULT")
    if form not in ("DEFAULT", "SPEC"):
        raise item_specs.refused("responseFormat", "responseFormat must be DEFAULT or SPEC")
    given = {kind: call.query(kind) for kind in ("query", "upc", "gtin", "asin") if call.query(kind)}
    if len(given) != 1 or (form == "SPEC" and "query" in given):
        raise item_specs.refused("query", "Give one of query, upc, gtin, asin; of the last three for a spec")
    ((kind, value),) = given.items()
    if kind == "query":
        return reply(_named(call.state, value.lower()))
    product = _by_code(call.state, kind, value)
    if product is None:
        return reply({})
    return reply({"items": [_start(product, value) if form == "SPEC" else _found(product)]})


def _named(state: State, text: str) -> Json:
    """Return the answer with the items of the shop that have a text in their names."""
    items = (shop.at(state, place) for place in range(len(state.items)))
    found = list(islice((_found(_of_shop(item)) for item in items if text in item.name.lower()), 20))
    return {"items": found} if found else {}


def _by_code(state: State, kind: str, code: str) -> Product | None:
    place = shop.find(state, kind.upper(), code)
    if place is not None:
        return _of_shop(shop.at(state, place))
    if kind == "asin" or not products.has_check_digit(code):
        return None
    number = products.whole(code) // 10
    return Product(products.name(number), number, products.price(number))


def _of_shop(item: shop.Item) -> Product:
    return Product(item.name, item.place + 1, item.price, item.brand, item.product_type)


def search_limit(call: Call) -> Limit:
    """Return the limit of a search, which is by day for specs.

    :param call: the call.
    """
    if call.query("responseFormat") == "SPEC":
        return Limit(1000, 86400, "items/walmart/search spec")
    return per_minute(200, "items/walmart/search")


def _start(product: Product, code: str) -> Json:
    version = item_specs.VERSIONS[-1]
    header = {"businessUnit": "WALMART_US", "locale": "en", "version": version}
    item = {
        "Orderable": {"productIdentifiers": {"productIdType": "GTIN", "productId": code.zfill(14)}},
        "Visible": {
            product.type: {
                "productName": product.name,
                "brand": product.brand,
                "isProp65WarningRequired": "No",
            }
        },
    }
    payload = {"MPItemFeedHeader": header, "MPItem": [item]}
    return {
        "feedType": "MP_ITEM",
        "version": version,
        "productType": product.type,
        "itemSpecPayload": payload,
    }


def _found(product: Product) -> Json:
    return {
        "itemId": products.item_id(product.number),
        "isMarketPlaceItem": True,
        "price": {"amount": f"{product.price:.2f}", "currency": "USD"},
        "title": product.name,
        "brand": product.brand,
        "productType": product.type,
        "properties": {"numReviews": str(product.number % 50), "categories": ["Home", "Kitchen & Dining"]},
    }


ENDPOINTS = [Endpoint("GET", "/v3/items/walmart/search", search, "item", search_limit)]
