"""Listing quality, unpublished items and the reviews accelerator: a list by opaque cursor, a page, and a scroll."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import cursors, shop
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.dates import DAY, day, parse
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.core.throttle import per_minute

SERVICE = "GMP_INSIGHTS_API"

#: Items on one page of the reviews accelerator.
SCROLL_PAGE = 100

_HOUR = 3600


class Query(Struct):
    """What is searched for."""

    field: Literal["title", "sku", "itemId"]
    value: str


class QualityBody(Struct):
    """Body of a search for listing quality."""

    query: Query | None = None


class ReviewFilter(Struct):
    """Which items are asked for."""

    itemStatus: Literal["ELIGIBLE", "ENROLLED", "COMPLETE"]  # noqa: N815 - Walmart's names


class ReviewBody(Struct):
    """Body of a search for items of the reviews accelerator."""

    filter: ReviewFilter


async def listing_quality(call: Call) -> Response:
    """Answer ``POST /v3/insights/items/listingQuality/items``.

    :param call: the call.
    """
    body = call.content(QualityBody, service=SERVICE) if call.body else QualityBody()
    limit = call.number("limit", 200, least=1, most=200)
    items = call.state.items
    places = range(len(items))
    if body.query is not None and body.query.field == "sku":
        place = items.find(body.query.value)
        places = range(0) if place is None else range(place, place + 1)
    cursor = call.query("nextCursor") or cursors.start(call.state, life=_HOUR)
    scroll = cursors.use(call.state, cursor, life=_HOUR)
    if scroll is None:
        raise bad_param("nextCursor", "Invalid Cursor", service=SERVICE)
    page = places[scroll.position : scroll.position + limit]
    scroll.position += len(page)
    answer: dict[str, Any] = {
        "status": "OK",
        "totalItems": str(len(places)),
        "payload": [_quality(shop.at(call.state, place)) for place in page],
    }
    fresh = cursors.replace(call.state, cursor)
    if scroll.position < len(places):
        answer["nextCursor"] = fresh
    return reply(answer)


async def reviews(call: Call) -> Response:
    """Answer ``POST /v3/growth/reviews-accelerator/items``; an empty page without scroll id ends the list.

    :param call: the call.
    """
    wanted = call.content(ReviewBody, service=SERVICE).filter.itemStatus
    scroll_id = call.query("scrollId")
    if not scroll_id:
        raise Refusal(
            400, f"MISSING_REQUEST_PARAM.{SERVICE}", field="scrollId", description="scrollId is missing"
        )
    if scroll_id == "*":
        scroll_id = cursors.start(call.state, life=_HOUR, query={"status": wanted})
    scroll = cursors.use(call.state, scroll_id, life=_HOUR)
    if scroll is None or scroll.query["status"] != wanted:
        raise bad_param("scrollId", "not a scroll id of this search", service=SERVICE)
    items = call.state.items
    # Two items of three are eligible, the third is enrolled.
    places = [place for place in range(len(items)) if _review_status(place) == wanted]
    page = places[scroll.position : scroll.position + SCROLL_PAGE]
    scroll.position += len(page)
    fresh = cursors.replace(call.state, scroll_id)
    payload: dict[str, Any] = {
        "totalItems": len(places),
        "fetchedItems": len(page),
        "dateRange": "7DAYS",
        "items": [_reviewed(shop.at(call.state, place)) for place in page],
    }
    if page:
        payload["scrollId"] = fresh
    return reply({"statusCode": 200, "payload": payload})


async def unpublished(call: Call) -> Response:
    """Answer ``GET /v3/insights/items/unpublished/items``: one page, and nothing to move on with.

    Unless told otherwise, only those are shown that are trending and have inventory.

    :param call: the call.
    """
    since = _from_date(call)
    limit = call.number("limit", 20, least=1)
    shown = {name: call.query(name, "true") == "true" for name in ("marketTrending", "itemsWithInventory")}
    reason = call.query("unpublishedReasonCode")
    found = []
    for moment, item in _unpublished_items(call):
        record = _unpublished(call.state, item, day(moment))
        is_shown = all(record[name] == "true" for name, only in shown.items() if only)
        if moment >= since and is_shown and reason in ("", record["unpublishReasons"]):
            # A filter of Walmart's; the reply doesn't tell.
            del record["itemsWithInventory"]
            found.append(record)
    if not found:
        raise Refusal(404, f"CONTENT_NOT_FOUND.{SERVICE}", description="No items found")
    return reply({"payload": found[:limit], "totalCount": len(found)})


async def unpublished_counts(call: Call) -> Response:
    """Answer ``GET /v3/insights/items/unpublished/counts``: how many items, and what they are worth, by reason.

    :param call: the call.
    """
    since = _from_date(call)
    counts: dict[str, list[float]] = {}
    for moment, item in _unpublished_items(call):
        if moment >= since:
            counts.setdefault(_reason(item), []).append(item.price)
    return reply(
        {
            "payload": [
                {
                    "unpublishedReasonCode": reason,
                    "unpublishedCount": str(len(prices)),
                    "unpublishedValue": f"{sum(prices):.2f}",
                }
                for reason, prices in sorted(counts.items())
            ]
        }
    )


def _from_date(call: Call) -> int:
    try:
        return parse(call.query("fromDate"))
    except ValueError:
        raise bad_param("fromDate", "must be a date such as 2026-12-01", service=SERVICE) from None


def _unpublished_items(call: Call) -> Iterator[tuple[int, shop.Item]]:
    """Yield the unpublished items and since when they are, one more day ago each.

    Of items that are only counted, that is every fifth.
    """
    now = int(call.now * 1000)
    for place in range(len(call.state.items)):
        item = shop.at(call.state, place)
        is_counted = place < call.state.items.count and item.lifecycle == "ACTIVE"
        if place % 5 == 0 if is_counted else item.published == "UNPUBLISHED":
            yield now - place // 5 * DAY, item


def _reason(item: shop.Item) -> str:
    return item.reasons[0] if item.reasons else "REASONABLE_PRICE_NOT_SATISFIED"


def _unpublished(state: State, item: shop.Item, since: str) -> dict[str, Any]:
    has_stock = shop.has_stock(state, item.sku)
    if has_stock is None:
        has_stock = bool(item.place % 3)
    return {
        "sku": item.sku,
        "itemId": item.item_id,
        "gtin": item.gtin,
        "productName": item.name,
        "condition": item.condition,
        "lifecycleStatus": item.lifecycle,
        "publishStatus": "UNPUBLISHED",
        "unpublishReasons": _reason(item),
        "unpublishedDate": since,
        "price": {"amount": f"{item.price:.2f}", "currency": "USD"},
        "marketTrending": "true" if item.place % 2 else "false",
        "itemsWithInventory": "true" if has_stock else "false",
    }


def quality_score(item: shop.Item) -> int:
    """Return the listing quality of an item.

    :param item: the item.
    """
    return 40 + item.place % 60


def _quality(item: shop.Item) -> dict[str, Any]:
    score = quality_score(item)
    return {
        "productId": item.wpid,
        "sku": item.sku,
        "productName": item.name,
        "itemId": item.item_id,
        "category": "Home",
        "condition": item.condition,
        "qualityScore": {
            "score": score,
            "values": [{"scoreType": "offer", "scoreValue": score, "impact": "HIGH"}],
        },
        "isInStock": item.availability == "In_stock",
    }


def _review_status(place: int) -> str:
    return "ENROLLED" if place % 3 == 2 else "ELIGIBLE"


def _reviewed(item: shop.Item) -> dict[str, Any]:
    return {
        "itemId": item.item_id,
        "itemName": item.name,
        "sku": item.sku,
        "itemStatus": _review_status(item.place),
        "currentReviews": item.place % 5,
        "itemPriority": item.place + 1,
    }


ENDPOINTS = [
    Endpoint(
        "GET",
        "/v3/insights/items/unpublished/items",
        unpublished,
        "item",
        per_minute(100, "unpublished/items"),
    ),
    Endpoint(
        "GET",
        "/v3/insights/items/unpublished/counts",
        unpublished_counts,
        "item",
        per_minute(100, "unpublished/counts"),
    ),
    Endpoint(
        "POST",
        "/v3/insights/items/listingQuality/items",
        listing_quality,
        "item",
        per_minute(1, "listingQuality/items"),
        writes=False,
    ),
    Endpoint(
        "POST",
        "/v3/growth/reviews-accelerator/items",
        reviews,
        "item",
        per_minute(20, "reviews-accelerator/items"),
        writes=False,
    ),
]
