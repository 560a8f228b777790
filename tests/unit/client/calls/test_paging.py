"""Every paging style against a small stand-in for Walmart that is strict about what it is asked."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from airflow_provider_walmart.client.calls.build import build_request
from airflow_provider_walmart.client.calls.paging import (
    LoopGuard,
    iter_records,
    page_params,
    pages,
    paginator_of,
    records,
    total_of,
)
from airflow_provider_walmart.client.catalogue.operations import all_operations, find
from airflow_provider_walmart.client.errors import (
    ErrorDetail,
    WalmartConfigError,
    WalmartError,
    WalmartIncompleteError,
    WalmartNotFoundError,
    WalmartRequestError,
    WalmartServerError,
)


def parsed(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def put(path: str, value: Any, tree: dict[str, Any]) -> dict[str, Any]:
    """Set a value in nested dicts."""
    *branches, leaf = path.split(".")
    for name in branches:
        tree = tree.setdefault(name, {})
    tree[leaf] = value
    return tree


@dataclass
class Shop:
    """A list of records, and the log of what was asked for."""

    size: int
    asked: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, int]]:
        return [{"id": number} for number in range(self.size)]

    def slice(self, start: int, count: int) -> list[dict[str, int]]:
        return self.rows[start : start + count]


Answer = Callable[[Shop, str, Any], Any]


def orders(shop: Shop, query: str, body: Any) -> Any:
    """Ready query strings with a question mark: anything but the very same bytes is an error."""
    if query == "sku=a%20b&limit=3":
        start = 0
    else:
        start = int(query.rpartition("=")[2])
        assert query == awkward(start)
    following = start + 3
    cursor = f"?{awkward(following)}" if following < shop.size else None
    return {"list": {"meta": {"nextCursor": cursor}, "elements": {"order": shop.slice(start, 3)}}}


def awkward(start: int) -> str:
    # Half encoded, half not, as Walmart's own are; a plus, a lower-case escape and a needless one.
    return f"limit=3&hasMoreElements=true&by=a%2bb+c@%7e%41&to=2019-09-17T21:08:05.000+0000&soIndex={start}"


def reports(shop: Shop, query: str, body: Any) -> Any:
    """Ready query strings without a question mark."""
    given = parsed(query)
    page = int(given.get("page", 1))
    assert query == (
        "reportType=ITEM" if page == 1 else f"reportType=ITEM&requestStatus=&page={page}&limit=3"
    )
    rows = shop.slice((page - 1) * 3, 3)
    reply = {"page": page, "totalCount": shop.size, "requests": rows}
    return reply | (
        {"nextCursor": f"reportType=ITEM&requestStatus=&page={page + 1}&limit=3"}
        if page * 3 < shop.size
        else {}
    )


def opaque(start: int) -> str:
    # Has plus, slash and equals signs.
    return base64.b64encode(b"\xfb\xff\xfe" * 3 + f" {start} ".encode()).decode()


def inventories(shop: Shop, query: str, body: Any) -> Any:
    """Opaque cursors; pages shorter than asked for, every second one empty."""
    given = parsed(query)
    assert given.pop("limit") == "3"
    places = {opaque(place): place for place in range(2 * shop.size + 2)}
    place = places[given.pop("nextCursor")] if "nextCursor" in given else 0
    assert not given
    # Even places hold one record, odd ones none.
    found = shop.slice(place // 2, 1) if place % 2 == 0 else []
    following = place + 1
    cursor = opaque(following) if following < 2 * shop.size - 1 else ""
    return {"meta": {"totalCount": shop.size, "nextCursor": cursor}, "elements": {"inventories": found}}


def categories(shop: Shop, query: str, body: Any) -> Any:
    """A cursor that looks like a query string, but goes back in the body."""
    assert query == ""
    assert body["categorizationType"] == "BRAND"
    assert body["filterCriteria"] == {"searchText": "and"}
    assert body["meta"].pop("limit") == 3
    cursor = body["meta"].pop("nextCursor", "categorizationType=BRAND&limit=3&offset=0")
    assert body["meta"] == {}
    start = int(cursor.rpartition("=")[2])
    assert cursor == f"categorizationType=BRAND&limit=3&offset={start}"
    meta = {"limit": 3}
    if start + 3 < shop.size:
        meta["nextCursor"] = f"categorizationType=BRAND&limit=3&offset={start + 3}"
    return {"payload": {"meta": meta, "records": shop.slice(start, 3)}}


def items_constant(shop: Shop, query: str, body: Any) -> Any:
    """The server keeps the place; the cursor stays the same and is never withdrawn."""
    given = parsed(query)
    assert given.pop("limit") == "3"
    cursor = given.pop("nextCursor")
    assert not given
    assert cursor == ("*" if len(shop.asked) == 1 else "A+/=")
    start = 3 * (len(shop.asked) - 1)
    return {"ItemResponse": shop.slice(start, 3), "totalItems": shop.size, "nextCursor": "A+/="}


def items_without_total(shop: Shop, query: str, body: Any) -> Any:
    """The same without a total: the end is an empty page."""
    reply = items_constant(shop, query, body)
    del reply["totalItems"]
    return reply


def items_changing(shop: Shop, query: str, body: Any) -> Any:
    """Cursors change, and the last page has none."""
    given = parsed(query)
    if "offset" in given:
        return {"ItemResponse": shop.slice(int(given["offset"]), 3)}
    start = 0 if given["nextCursor"] == "*" else int(given["nextCursor"].removeprefix("at="))
    cursor = {"nextCursor": f"at={start + 3}"} if start + 3 < shop.size else {}
    return {"ItemResponse": shop.slice(start, 3)} | cursor


def items_without_cursor(shop: Shop, query: str, body: Any) -> Any:
    """A market that knows offsets only, and gives shorter pages than were asked for."""
    start = int(parsed(query).get("offset", 0))
    return {"ItemResponse": shop.slice(start, 2), "totalItems": shop.size}


def items_without_cursor_or_total(shop: Shop, query: str, body: Any) -> Any:
    """The same with a total of which nothing can be learned."""
    return items_without_cursor(shop, query, body) | {"totalItems": 0}


def feeds(shop: Shop, query: str, body: Any) -> Any:
    """Offset and limit with a total."""
    given = parsed(query)
    assert set(given) == {"offset", "limit"}
    rows = shop.slice(int(given["offset"]), int(given["limit"]))
    return {"totalResults": shop.size, "results": {"feed": rows} if rows else None}


def feeds_of_total_0(shop: Shop, query: str, body: Any) -> Any:
    """The same with pages shorter than asked for, and with a total of which nothing can be learned."""
    rows = shop.slice(int(parsed(query)["offset"]), 2)
    return {"totalResults": 0, "results": {"feed": rows}}


def feeds_that_end_with_404(shop: Shop, query: str, body: Any) -> Any:
    """The same, but behind the last feed there is nothing to be found."""
    reply = feeds(shop, query, body)
    if not reply["results"]:
        raise WalmartNotFoundError("nothing", status=404, details=[ErrorDetail("CONTENT_NOT_FOUND.GMP")])
    del reply["totalResults"]
    return reply


def tracking(shop: Shop, query: str, body: Any) -> Any:
    """Offset and limit without a total."""
    given = parsed(query)
    rows = shop.slice(int(given["offset"]), int(given["limit"]))
    return {"payload": {"trackingList": rows} if rows else {}}


def campaigns(shop: Shop, query: str, body: Any) -> Any:
    """Offset and limit in the body."""
    assert query == ""
    assert body["sort"] == {"field": "gmv"}
    assert set(body["page"]) == {"offset", "limit"}
    rows = shop.slice(body["page"]["offset"], body["page"]["limit"])
    return {"pagination": {"totalCount": shop.size}, "data": rows}


def feed_items(shop: Shop, query: str, body: Any) -> Any:
    """Items of a feed, in the reply only when asked for; capped below what was asked for."""
    given = parsed(query)
    assert given["includeDetails"] == "true"
    assert "feedId" not in given
    rows = shop.slice(int(given["offset"]), min(2, int(given["limit"])))
    return {"itemsReceived": shop.size, "itemDetails": {"itemIngestionStatus": rows}}


def assets(shop: Shop, query: str, body: Any) -> Any:
    """Pages counted from 1, with a total."""
    given = parsed(query)
    rows = shop.slice((int(given["page"]) - 1) * int(given["limit"]), int(given["limit"]))
    return {"payload": rows, "totalRecords": shop.size}


def assets_without_total(shop: Shop, query: str, body: Any) -> Any:
    return {"payload": assets(shop, query, body)["payload"]}


def insights(shop: Shop, query: str, body: Any) -> Any:
    """Pages counted from 0 in the body, of a size that nobody says."""
    assert query == ""
    rows = shop.slice(body["pageNumber"] * 3, 3)
    return {"pageContext": {"totalCount": shop.size}, "pricingInsightsResponseList": rows}


def recon(shop: Shop, query: str, body: Any) -> Any:
    """Byte offsets: the number says nothing about how many records came before."""
    given = parsed(query)
    assert given["reportDate"] == "12242025"
    start = int(given["offset"]) // 100
    rows = shop.slice(start, int(given["noOfRecords"]))
    end = min((start + len(rows)) * 100, shop.size * 100)
    return {"reportData": rows, "totalRecords": len(rows), "nextOffset": end if rows else -1}


def reviews(shop: Shop, query: str, body: Any) -> Any:
    """A scroll id that stays the same."""
    given = parsed(query)
    assert given == {"scrollId": "*" if len(shop.asked) == 1 else "DXF1+/=="}
    assert body == {"filter": {"itemStatus": "ELIGIBLE"}}
    rows = shop.slice(3 * (len(shop.asked) - 1), 3)
    return {"payload": {"totalItems": shop.size, "items": rows, "scrollId": "DXF1+/=="}}


def marks(shop: Shop, query: str, body: Any) -> Any:
    """Cursor marks: what is behind the last record is the mark that was sent."""
    given = parsed(query)
    assert given["limit"] == "3"
    assert given["statusCodeFilter"] == "Created"
    start = 0 if given["cursorMark"] == "*" else int(given["cursorMark"].removeprefix("Aoj+/="))
    rows = shop.slice(start, 3)
    mark = f"Aoj+/={start + len(rows)}" if rows else given["cursorMark"]
    return {"meta": {"nextCursorMark": mark}, "order": rows}


def unpublished(shop: Shop, query: str, body: Any) -> Any:
    """One page as large as asked for, and nothing to move on with."""
    given = parsed(query)
    return {"payload": shop.slice(0, int(given.get("limit", 20))), "totalCount": shop.size}


LIMIT = {"limit": 3}
FILTER = {"filter": {"itemStatus": "ELIGIBLE"}}
CATEGORIES = {"categorizationType": "BRAND", "filterCriteria": {"searchText": "and"}, "meta": {"limit": 3}}
CAMPAIGNS = {"sort": {"field": "gmv"}, "page": {"offset": 0, "limit": 3}}
TRACKING = {"shipmentId": "1", "modeType": "LTL", **LIMIT}
STYLES: dict[str, tuple[Answer, str, dict[str, Any], Any]] = {
    "query string with question mark": (orders, "getAllOrders", {"sku": "a b", **LIMIT}, None),
    "query string without question mark": (reports, "getRequestsStatus", {"reportType": "ITEM"}, None),
    "cursor": (inventories, "getMultiNodeInventoryForAllSkuAndAllShipNodes", LIMIT, None),
    "cursor in the body": (
        categories,
        "getCategorizationDetailsOfAssortmentRecommendations",
        {},
        CATEGORIES,
    ),
    "constant items cursor": (items_constant, "getAllItems", LIMIT, None),
    "constant items cursor without total": (items_without_total, "getAllItems", LIMIT, None),
    "changing items cursor": (items_changing, "getAllItems", LIMIT, None),
    "items without cursor": (items_without_cursor, "ca.getAllItems", LIMIT, None),
    "items without cursor or total": (items_without_cursor_or_total, "ca.getAllItems", LIMIT, None),
    "offset": (feeds, "getAllFeedStatuses", LIMIT, None),
    "offset without total": (tracking, "getShipmentTracking", TRACKING, None),
    "offset with a total of 0": (feeds_of_total_0, "getAllFeedStatuses", LIMIT, None),
    "offset in the body": (campaigns, "getCampaignLevelSummary", {}, CAMPAIGNS),
    "offset with short pages": (feed_items, "getFeedItemStatus", {"feedId": "1@2", **LIMIT}, None),
    "page from 1": (assets, "getAllAssets", LIMIT, None),
    "page without total": (assets_without_total, "getAllAssets", LIMIT, None),
    "page from 0 in the body": (insights, "PricingInsights", {}, {"sort": {}}),
    "byte offset": (
        recon,
        "getAvailableV1ReconReportAsJson",
        {"reportDate": "12242025", "noOfRecords": 3},
        None,
    ),
    "scroll": (reviews, "getIrpItems", {}, FILTER),
    "single": (unpublished, "getUnpublishedItems", {"fromDate": "2026-11-01", "limit": 100}, None),
    "cursor mark": (marks, "mx.getAllOrdersUsingCursor", {"statusCodeFilter": "Created", **LIMIT}, None),
}


def run(answer: Answer, shop: Shop, name: str, params: Any, body: Any, **options: Any) -> list[Any]:
    def fetch(query: str, sent: Any) -> Any:
        assert len(shop.asked) < 500, "never ends"
        shop.asked.append((query, sent))
        # What is not JSON could not be sent or come back.
        return json.loads(json.dumps(answer(shop, query, copy.deepcopy(sent))))

    return list(iter_records(find(name), params, body, fetch, **options))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 6, 7, 100])
@pytest.mark.parametrize("style", STYLES)
def test_every_record_comes_once_and_in_order(style, size):
    answer, name, params, body = STYLES[style]
    shop = Shop(size)
    before = copy.deepcopy((params, body))
    assert run(answer, shop, name, params, body) == shop.rows
    assert (params, body) == before


@pytest.mark.parametrize(
    ("style", "size", "requests"),
    [
        ("query string with question mark", 6, 2),
        ("constant items cursor", 6, 2),
        ("constant items cursor without total", 6, 3),
        ("offset", 6, 2),
        ("offset", 0, 1),
        ("offset without total", 5, 2),
        ("offset without total", 6, 3),
        ("page from 1", 6, 2),
        ("page without total", 5, 2),
        ("scroll", 6, 2),
    ],
)
def test_no_request_is_wasted(style, size, requests):
    answer, name, params, body = STYLES[style]
    shop = Shop(size)
    run(answer, shop, name, params, body)
    assert len(shop.asked) == requests


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
def test_a_404_behind_the_last_page_of_a_list_is_its_end(size):
    shop = Shop(size)
    assert run(feeds_that_end_with_404, shop, "getAllFeedStatuses", LIMIT, None) == shop.rows


def test_a_404_before_all_came_that_was_announced_is_an_error():
    def answer(shop: Shop, query: str, body: Any) -> Any:
        if len(shop.asked) == 2:
            raise WalmartNotFoundError("nothing", status=404, details=[ErrorDetail("CONTENT_NOT_FOUND.GMP")])
        return feeds(shop, query, body)

    with pytest.raises(WalmartIncompleteError, match="ended after 3 of 7 records"):
        run(answer, Shop(7), "getAllFeedStatuses", LIMIT, None)


CUT_SHORT = {
    "getAllOrders": lambda rows: {"list": {"meta": {"totalCount": 5}, "elements": {"order": rows}}},
    "getRequestsStatus": lambda rows: {"totalCount": 5, "requests": rows},
    "getMultiNodeInventoryForAllSkuAndAllShipNodes": lambda rows: {
        "meta": {"totalCount": 5},
        "elements": {"inventories": rows},
    },
    "getAllItems": lambda rows: {"totalItems": 5, "nextCursor": "A", "ItemResponse": rows},
    "getAllFeedStatuses": lambda rows: {"totalResults": 5, "results": {"feed": rows}},
    "getAllAssets": lambda rows: {"totalRecords": 5, "payload": rows},
    "getIrpItems": lambda rows: {"payload": {"totalItems": 5, "items": rows, "scrollId": "A"}},
    "mx.getAllOrdersUsingCursor": lambda rows: {
        "meta": {"totalCount": 5, "nextCursorMark": "*"},
        "order": rows,
    },
}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_a_list_that_ends_before_all_came_that_was_announced_is_an_error_that_may_pass(name, caplog):
    def answer(shop: Shop, query: str, body: Any) -> Any:
        return CUT_SHORT[name](shop.rows if len(shop.asked) == 1 else [])

    params = {"statusCodeFilter": "Created"} if name.startswith("mx.") else {}
    params |= {"reportType": "ITEM"} if name == "getRequestsStatus" else {}
    body = FILTER if name == "getIrpItems" else None
    with pytest.raises(WalmartIncompleteError, match=f"{name} ended after 2 of 5 records") as caught:
        run(answer, Shop(2), name, params, body)
    assert not caught.value.is_final
    # Whoever wants what there is says so.
    assert run(answer, Shop(2), name, params, body, strict=False) == Shop(2).rows
    assert "ended after 2 of 5 records" in caplog.text


@pytest.mark.parametrize("name", ["getAllOrders", "getMultiNodeInventoryForAllSkuAndAllShipNodes"])
def test_an_invalid_unicode_surrogate_as_cursor_is_an_error(name):
    def answer(shop: Shop, query: str, body: Any) -> Any:
        meta = {"nextCursor": "?a=\ud800"}
        return {"list": {"meta": meta}, "meta": meta}

    with pytest.raises(WalmartError, match="invalid Unicode surrogate"):
        run(answer, Shop(1), name, {}, None)


def test_less_than_the_total_on_the_only_page_is_an_error():
    with pytest.raises(WalmartError, match="20 of 21 records") as caught:
        run(unpublished, Shop(21), "getUnpublishedItems", {"fromDate": "2026-11-01"}, None)
    assert "limit" in caught.value.hint


def test_all_styles_of_the_catalogue_are_tested():
    tested = {find(name).paging.style for _, name, _, _ in STYLES.values()}
    assert {operation.paging.style for operation in all_operations() if operation.paging} == tested


@pytest.mark.parametrize("operation", [op for op in all_operations() if op.paging], ids=lambda op: op.name)
def test_the_first_request_of_every_paginated_operation_can_be_built(operation):
    params = {}
    for parameter in operation.parameters:
        if parameter.required and parameter.name not in ("offset", "noOfRecords"):
            params[parameter.name] = parameter.enum[0] if parameter.enum else "1"
    paginator = paginator_of(operation, params, {"x": 1} if operation.body else None)
    first = paginator.first()
    assert first.query == build_request(operation, page_params(operation, params)).query
    assert not operation.body or first.body["x"] == 1
    assert paginator.take({}).records == []
    assert paginator.next({}) is None


# --- How much is asked for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("getAllOrders", {}, {"limit": 200}),
        ("getAllOrders", {"limit": 5, "sku": None}, {"limit": 5}),
        ("getAllItems", {}, {"limit": 200, "nextCursor": "*"}),
        ("getAllFeedStatuses", {}, {"limit": 50, "offset": 0}),
        ("getAllFeedStatuses", {"offset": 10}, {"limit": 50, "offset": 10}),
        (
            "getFeedItemStatus",
            {"feedId": "1"},
            {"feedId": "1", "includeDetails": "true", "limit": 50, "offset": 0},
        ),
        ("getAllAssets", {}, {"limit": 25, "page": 1}),
        ("getGtinExemption", {}, {"limit": 1000}),
        ("getRequestsStatus", {"reportType": "ITEM"}, {"reportType": "ITEM"}),
        (
            "getAvailableV1ReconReportAsJson",
            {"reportDate": "1"},
            {"reportDate": "1", "noOfRecords": 1000, "offset": 0},
        ),
        ("getCampaignLevelSummary", {}, {}),
        ("mx.getAllOrders", {}, {"limit": 100, "offset": 0}),
    ],
)
def test_the_first_page_is_the_largest_unless_the_caller_says_otherwise(name, params, expected):
    assert page_params(find(name), params) == expected


def test_position_and_size_go_into_the_body_where_they_belong_there():
    first = paginator_of(find("getCampaignLevelSummary")).first()
    assert (first.query, first.body) == ("", {"page": {"limit": 200, "offset": 0}})
    chosen = {"page": {"limit": 7}}
    assert paginator_of(find("getCampaignLevelSummary"), {}, chosen).first().body == {
        "page": {"limit": 7, "offset": 0}
    }
    assert chosen == {"page": {"limit": 7}}


def test_paging_may_begin_anywhere():
    answer, name, params, body = STYLES["offset"]
    assert run(answer, Shop(10), name, {**params, "offset": "4"}, body) == Shop(10).rows[4:]
    answer, name, params, body = STYLES["page from 1"]
    assert run(answer, Shop(10), name, {**params, "page": 3}, body) == Shop(10).rows[6:]
    answer, name, params, body = STYLES["page from 0 in the body"]
    assert run(answer, Shop(10), name, params, {"pageNumber": 2}) == Shop(10).rows[6:]
    answer, name, params, body = STYLES["changing items cursor"]
    assert run(answer, Shop(10), name, {**params, "nextCursor": "at=6"}, body) == Shop(10).rows[6:]


def test_items_may_be_read_by_offset_from_the_start():
    def answer(shop: Shop, query: str, body: Any) -> Any:
        given = parsed(query)
        assert set(given) == {"offset", "limit"}
        return {
            "ItemResponse": shop.slice(int(given["offset"]), 3),
            "totalItems": shop.size,
            "nextCursor": "x",
        }

    assert run(answer, Shop(10), "getAllItems", {"offset": 2, **LIMIT}, None) == Shop(10).rows[2:]


@pytest.mark.parametrize(("most", "requests"), [(0, 0), (1, 1), (3, 1), (4, 2), (None, 4)])
def test_no_page_is_fetched_beyond_the_records_wanted(most, requests):
    answer, name, params, body = STYLES["offset"]
    shop = Shop(10)
    assert run(answer, shop, name, params, body, max_records=most) == shop.rows[:most]
    assert len(shop.asked) == requests


def test_pages_are_fetched_one_at_a_time_when_they_are_wanted():
    shop, operation = Shop(7), find("getAllFeedStatuses")
    asked = []

    def fetch(query: str, body: Any) -> Any:
        asked.append(query)
        return feeds(shop, query, body)

    found = pages(operation, LIMIT, None, fetch)
    assert asked == []
    first = next(found)
    assert asked == ["offset=0&limit=3"]
    assert (first.records, first.total) == (shop.rows[:3], 7)
    next(found)
    assert asked == ["offset=0&limit=3", "offset=3&limit=3"]


def test_bad_parameters_are_found_before_anything_is_fetched():
    def fetch(query: str, body: Any) -> Any:
        raise AssertionError("nothing may be sent")

    for name, params, body in [
        ("getAllOrders", {"limit": 201}, None),
        ("getAllOrders", {"limt": 1}, None),
        ("getAllFeedStatuses", {"offset": "x"}, None),
        ("getAllFeedStatuses", {"offset": -1}, None),
        ("getCampaignLevelSummary", {}, ["page"]),
        ("getCampaignLevelSummary", {}, {"page": {"offset": None, "limit": "many"}}),
        ("getRequestsStatus", {}, None),
        ("getPartnerStatement", {}, None),
    ]:
        with pytest.raises(WalmartConfigError):
            pages(find(name), params, body, fetch)
    with pytest.raises(WalmartConfigError, match="max_records is -1"):
        iter_records(find("getAllOrders"), {}, None, fetch, max_records=-1)


def test_an_operation_with_a_single_page_is_not_paged_through():
    with pytest.raises(WalmartConfigError, match="getPartnerStatement has a single page"):
        page_params(find("getPartnerStatement"))


def test_not_strict_lets_newer_parameters_through():
    shop = Shop(4)

    def answer(shop: Shop, query: str, body: Any) -> Any:
        given = parsed(query)
        assert given.pop("feedType") == "MP_ITEM"
        return feeds(shop, "&".join(f"{name}={value}" for name, value in given.items()), body)

    assert (
        run(answer, shop, "getAllFeedStatuses", {"feedType": "MP_ITEM", **LIMIT}, None, strict=False)
        == shop.rows
    )


# --- Loops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["getAllOrders", "getReturns", "getReportsSchedules", "getGtinExemption"])
@pytest.mark.parametrize(
    "circle",
    [["x=1"], ["x=1", "x=2"], ["x=1", "x=2", "x=3"], [f"x={number}" for number in range(7)]],
)
def test_a_cursor_that_comes_again_is_an_error(name, circle):
    operation = find(name)
    if name == "getReportsSchedules":
        operation = replace(operation, parameters=())
    asked = []

    def fetch(query: str, body: Any) -> Any:
        assert len(asked) < 100, "never ends"
        asked.append(query)
        reply: dict[str, Any] = {}
        put(operation.paging.records[0], [{"id": len(asked)}], reply)
        put(operation.paging.cursor[0], circle[len(asked) % len(circle)], reply)
        return reply

    with pytest.raises(WalmartError, match=rf"{name} gave the same cursor twice.*'x="):
        list(iter_records(operation, {}, None, fetch))
    # Twice as far as the first repetition and one circle more, at most.
    assert len(asked) <= 2 if len(circle) == 1 else len(asked) <= 4 * len(circle)


def test_a_cursor_stuck_after_many_pages_is_found_at_once():
    guard = LoopGuard(find("getAllOrders"))
    for number in range(1000):
        guard.check_cursor(str(number))
    with pytest.raises(WalmartError):
        guard.check_cursor("999")


def check_all(guard: LoopGuard, cursors: list[str]) -> None:
    for cursor in cursors:
        guard.check_cursor(cursor)


def test_a_circle_is_found_wherever_it_begins():
    for head in range(20):
        for length in range(1, 20):
            guard = LoopGuard(find("getAllOrders"))
            for steps in range(head + length):
                guard.check_cursor(str(steps))
            circle = [str(head + step % length) for step in range(100)]
            with pytest.raises(WalmartError):
                check_all(guard, circle)


def test_the_last_cursor_once_more_without_records_is_the_end():
    replies = iter(
        [
            {"payload": [{"id": 1}], "nextCursor": "AoIFQC8="},
            {"payload": [], "nextCursor": "AoIFQC8="},
        ]
    )
    found = iter_records(find("itemsDetailsForListing"), {}, {}, lambda query, body: next(replies))
    assert list(found) == [{"id": 1}]


@pytest.mark.parametrize("name", ["getAllItems", "getIrpItems", "getCatalogSearch"])
def test_a_constant_cursor_is_legal_but_the_same_page_again_is_an_error(name):
    operation = find(name)
    reply: dict[str, Any] = {}
    put(operation.paging.records[0], [{"id": 1}], reply)
    put(operation.paging.cursor[0], "same", reply)
    asked = []

    def fetch(query: str, body: Any) -> Any:
        assert len(asked) < 100, "never ends"
        asked.append(query)
        return copy.deepcopy(reply)

    with pytest.raises(WalmartError, match=f"{name} gave the same page twice"):
        list(iter_records(operation, {}, {}, fetch))
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("name", "params", "body", "reply"),
    [
        ("getAllFeedStatuses", LIMIT, None, {"totalResults": 6, "results": {"feed": [1, 2, 3]}}),
        ("getAllFeedStatuses", LIMIT, None, {"results": {"feed": [1, 2, 3]}}),
        ("getAllAssets", LIMIT, None, {"payload": [1, 2, 3]}),
        ("PricingInsights", {}, {}, {"pricingInsightsResponseList": [1, 2, 3]}),
    ],
)
def test_a_server_that_does_not_move_on_is_an_error(name, params, body, reply):
    replies = iter([copy.deepcopy(reply) for _ in range(2)])
    with pytest.raises(WalmartError, match=f"{name} gave the same page twice"):
        list(iter_records(find(name), params, body, lambda query, sent: next(replies)))


# --- Ends that cannot be reached, and cursors that die --------------------------------------------------------------


def test_an_offset_that_walmart_does_not_take_is_a_clear_error():
    with pytest.raises(
        WalmartError, match=r"mx\.getAllOrders has more records .* offsets end at 1000.*Narrow"
    ):
        run(
            lambda shop, query, body: {"order": shop.slice(int(parsed(query)["offset"]), 100)},
            Shop(2000),
            "mx.getAllOrders",
            {},
            None,
        )


def expiring(after: int, error: Exception) -> Answer:
    """Items whose cursor dies after so many pages; offsets keep working."""

    def answer(shop: Shop, query: str, body: Any) -> Any:
        given = parsed(query)
        limit = int(given["limit"])
        if "offset" in given:
            assert "nextCursor" not in given
            assert int(given["offset"]) <= 10_000
            start = int(given["offset"])
        else:
            if len(shop.asked) > after:
                raise error
            start = limit * (len(shop.asked) - 1)
        rows = shop.slice(start, limit)
        return {"ItemResponse": rows, "totalItems": shop.size, "nextCursor": "dies"}

    return answer


DEAD = WalmartRequestError("Invalid Cursor", status=400)


@pytest.mark.parametrize("name", ["getAllItems", "mx.getAllItems", "ca.getAllItems"])
@pytest.mark.parametrize("after", [1, 2, 5])
@pytest.mark.parametrize("size", [10, 20, 100])
def test_an_expired_items_cursor_is_continued_by_offset(name, after, size):
    shop = Shop(size)
    assert run(expiring(after, DEAD), shop, name, {"limit": 10}, None) == shop.rows


def test_an_expired_items_cursor_is_continued_up_to_the_last_offset():
    shop = Shop(10_100)
    assert run(expiring(100, DEAD), shop, "getAllItems", {"limit": 100}, None) == shop.rows
    assert shop.asked[-1][0] == "offset=10000&limit=100"
    with pytest.raises(
        WalmartError, match="getAllItems has more records than can be read: offsets end at 10000"
    ):
        run(expiring(100, DEAD), Shop(10_101), "getAllItems", {"limit": 100}, None)


def test_beyond_the_last_offset_an_expired_cursor_is_a_clear_error():
    shop = Shop(30_000)
    with pytest.raises(
        WalmartError, match=r"cursor of getAllItems expired after 10200 records.* 10000 records only"
    ) as caught:
        run(expiring(51, DEAD), shop, "getAllItems", {}, None)
    assert caught.value.__cause__ is DEAD


@pytest.mark.parametrize(
    ("after", "error"),
    [
        (0, DEAD),
        (2, WalmartRequestError("locked", status=423)),
        (2, WalmartServerError("broken", status=500)),
        (2, WalmartNotFoundError("gone", status=404, details=[ErrorDetail("CONTENT_NOT_FOUND.X")])),
    ],
)
def test_other_errors_on_the_way_are_raised_as_they_are(after, error):
    with pytest.raises(type(error)) as caught:
        run(expiring(after, error), Shop(100), "getAllItems", {"limit": 10}, None)
    assert caught.value is error


def test_a_cursor_of_the_callers_own_is_not_continued_by_offset():
    def answer(shop: Shop, query: str, body: Any) -> Any:
        if len(shop.asked) > 1:
            raise DEAD
        return {"ItemResponse": shop.slice(50, 10), "totalItems": 100, "nextCursor": "mine"}

    shop = Shop(100)
    with pytest.raises(WalmartRequestError):
        run(answer, shop, "getAllItems", {"nextCursor": "mine"}, None)
    assert len(shop.asked) == 2


def test_an_error_while_going_on_by_offset_is_raised():
    def answer(shop: Shop, query: str, body: Any) -> Any:
        if len(shop.asked) > 1:
            raise DEAD
        return {"ItemResponse": shop.slice(0, 10), "totalItems": 100, "nextCursor": "dies"}

    shop = Shop(100)
    with pytest.raises(WalmartRequestError):
        run(answer, shop, "getAllItems", {"limit": 10}, None)
    assert len(shop.asked) == 3


def test_no_matching_item_is_an_empty_list():
    error = WalmartNotFoundError(
        "none", status=404, details=[ErrorDetail("CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API")]
    )
    assert run(expiring(0, error), Shop(1), "getAllItems", {}, None) == []


def test_a_wrong_path_is_not_an_empty_list():
    error = WalmartNotFoundError(
        "no such path", status=404, details=[ErrorDetail("URI_NOT_FOUND.GMP_GATEWAY_API")]
    )
    with pytest.raises(WalmartNotFoundError):
        run(expiring(0, error), Shop(1), "getAllItems", {}, None)


def test_errors_of_other_styles_are_raised_as_they_are():
    error = WalmartNotFoundError(
        "cursor used twice", status=404, details=[ErrorDetail("CONTENT_NOT_FOUND.X")]
    )

    def answer(shop: Shop, query: str, body: Any) -> Any:
        raise error

    with pytest.raises(WalmartNotFoundError):
        run(answer, Shop(1), "getMultiNodeInventoryForAllSkuAndAllShipNodes", {}, None)


# --- Odd replies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        {"list": None},
        {"list": {}},
        {"list": {"elements": None}},
        {"list": {"elements": {}}},
        {"list": {"elements": {"order": None}}},
        {"list": {"elements": {"order": []}, "meta": {"nextCursor": None}}},
        {"list": {"elements": [], "meta": {"nextCursor": ""}}},
    ],
)
def test_missing_and_null_lists_are_no_records(reply):
    assert list(iter_records(find("getAllOrders"), {}, None, lambda query, body: reply)) == []


def test_a_single_record_without_a_list_is_a_record():
    assert records(find("getAllOrders"), {"list": {"elements": {"order": {"id": 1}}}}) == [{"id": 1}]


@pytest.mark.parametrize(
    ("name", "reply", "message"),
    [
        ("getAllOrders", [1], "getAllOrders answered list where an object was expected"),
        ("getAllOrders", "text", "answered str where an object was expected"),
        (
            "getAllOrders",
            {"list": {"elements": {"order": "text"}}},
            "answered str where records were expected",
        ),
        (
            "getAllOrders",
            {"list": {"meta": {"nextCursor": {"a": 1}}}},
            "answered dict where a cursor was expected",
        ),
        (
            "getAllOrders",
            {"list": {"meta": {"nextCursor": True}}},
            "answered bool where a cursor was expected",
        ),
    ],
)
def test_replies_that_make_no_sense_are_errors_rather_than_an_early_end(name, reply, message):
    with pytest.raises(WalmartError, match=message):
        list(iter_records(find(name), {}, None, lambda query, body: reply))


def test_a_byte_offset_that_is_none_is_an_error():
    reply = {"reportData": [{}], "nextOffset": "far"}
    with pytest.raises(WalmartError, match="answered 'far' where an offset was expected"):
        list(
            iter_records(
                find("getAvailableV1ReconReportAsJson"), {"reportDate": "1"}, None, lambda q, b: reply
            )
        )


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (7, 7),
        ("7", 7),
        (" 7\n", 7),
        (7.0, 7),
        (0, 0),
        (-1, None),
        (True, None),
        (7.5, None),
        ("many", None),
        (None, None),
        ({}, None),
    ],
)
def test_totals_are_whole_numbers_or_unknown(total, expected):
    assert total_of(find("getAllFeedStatuses"), {"totalResults": total}) == expected


def test_a_total_of_zero_beside_records_is_no_total():
    def answer(shop: Shop, query: str, body: Any) -> Any:
        return feeds(shop, query, body) | {"totalResults": 0}

    assert run(answer, Shop(7), "getAllFeedStatuses", LIMIT, None) == Shop(7).rows


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("ca.getAllOrders", {"list": {"elements": {"order": [1]}, "meta": {"totalCount": 9}}}),
        ("ca.getAllOrders", {"elements": {"order": [1]}, "meta": {"totalCount": 9}}),
        ("mx.getAllItems", {"ItemResponse": [1], "totalItems": 9}),
        ("mx.getAllItems", {"itemResponse": [1], "totalItems": 9}),
        ("getGtinExemption", {"gtinExemptions": [1], "totalRecords": 9}),
        ("getUnpublishedRecommendations", {"payload": {"unpublishedItems": [1], "totalRecords": 9}}),
        ("getUnpublishedRecommendations", {"payload": {"recommendedItems": [1], "totalRecords": 9}}),
    ],
)
def test_both_forms_of_a_reply_that_documents_contradict_on_are_read(name, page):
    assert records(find(name), page) == [1]
    assert total_of(find(name), page) == 9


@pytest.mark.parametrize("key", ["nextCursorMark", "nextCursor"])
def test_either_name_of_the_next_cursor_mark_is_followed(key):
    replies = iter([{"returnOrders": [1], "meta": {key: "A"}}, {"returnOrders": [2], "meta": {}}])
    found = iter_records(find("mx.getAllReturnsUsingCursor"), {}, None, lambda query, body: next(replies))
    assert list(found) == [1, 2]


def test_a_cursor_mark_that_comes_again_beside_records_is_the_end():
    page = {"returnOrders": [1], "meta": {"nextCursorMark": "*"}}
    found = iter_records(find("mx.getAllReturnsUsingCursor"), {}, None, lambda query, body: page)
    assert list(found) == [1]


@pytest.mark.parametrize(
    "last", [{"nextOffset": 3}, {"nextOffset": 2}, {"nextOffset": None}, {"nextOffset": 9, "reportData": []}]
)
def test_a_byte_offset_that_does_not_go_on_and_a_page_without_rows_are_the_end(last):
    replies = iter([{"reportData": [1], "nextOffset": 3}, {"reportData": [2], **last}])
    operation = find("getAvailableV1ReconReportAsJson")
    found = list(iter_records(operation, {"reportDate": "1"}, None, lambda query, body: next(replies)))
    assert found == ([1] if last.get("reportData") == [] else [1, 2])


def test_a_body_that_is_no_dict_is_refused_with_its_type():
    operation = next(one for one in all_operations() if one.paging and one.paging.in_body)
    with pytest.raises(WalmartConfigError, match="the body is of type list; expected a dict"):
        list(iter_records(operation, {}, [1], lambda query, body: {}))
