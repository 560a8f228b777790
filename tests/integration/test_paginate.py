"""Every paging style over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartNotFoundError,
    WalmartServerError,
)
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.wire import Received, Wire, http, token

INVENTORIES = "getMultiNodeInventoryForAllSkuAndAllShipNodes"


def seeded(kind: str) -> Callable[[Any, int], dict[str, Any]]:
    def seed(shop, count: int) -> dict[str, Any]:
        shop.server.control("POST", "seed", {kind: count})
        return {}

    return seed


def feeds(shop, count: int) -> dict[str, Any]:
    shop.feeds(*[{"age": age + 1} for age in range(count)])
    return {}


def items_of_a_feed(shop, count: int) -> dict[str, Any]:
    return {"feedId": shop.feed(items=count, feedStatus="PROCESSED")}


def reports(shop, count: int) -> dict[str, Any]:
    for _ in range(count):
        path = "/v3/reports/reportRequests?reportType=ITEM&reportVersion=v6"
        assert shop.server.call("POST", path).status_code == 200
    return {"reportType": "ITEM"}


def settlement(shop, count: int) -> dict[str, Any]:
    shop.server.control("POST", "seed", {"settlements": count})
    (date, *_) = shop.server.get("/v3/report/reconreport/availableReconFiles")["availableApReportDates"]
    return {"reportDate": date}


@dataclass(frozen=True)
class Listing:
    """A listing of the sandbox.

    :param seed: makes so many records; returns the parameters that find them.
    :param key: what makes a record unique.
    :param page: records on a page.
    :param limit: parameter that says so; empty where pages have a fixed size.
    """

    operation: str
    seed: Callable[[Any, int], dict[str, Any]]
    key: str
    page: int = 3
    limit: str = "limit"
    body: Any = None
    more: dict[str, Any] = field(default_factory=dict)
    connection: dict[str, Any] = field(default_factory=dict)

    def params(self, shop, count: int) -> dict[str, Any]:
        size = {self.limit: self.page} if self.limit else {}
        return {**self.seed(shop, count), **size, **self.more}


LISTINGS = [
    Listing("getAllOrders", seeded("orders"), "purchaseOrderId"),
    Listing("getAllReleasedOrders", seeded("orders"), "purchaseOrderId"),
    Listing("getReturns", seeded("returns"), "returnOrderId"),
    Listing("getRequestsStatus", reports, "requestId", page=10, limit=""),
    Listing(INVENTORIES, seeded("inventories"), "sku"),
    Listing("itemsDetailsForListing", seeded("items"), "sku", body={}),
    Listing("getAllItems", seeded("items"), "sku"),
    Listing("getCatalogSearch", seeded("items"), "sku", body={}),
    Listing(
        "getIrpItems",
        # Two items of three are eligible.
        lambda shop, count: seeded("items")(shop, count // 2 * 3 + count % 2),
        "sku",
        page=100,
        limit="",
        body={"filter": {"itemStatus": "ELIGIBLE"}},
    ),
    Listing("getAllFeedStatuses", feeds, "feedId"),
    Listing("getFeedItemStatus", items_of_a_feed, "index"),
    # Walmart stores every tenth item.
    Listing(
        "getWFSInventoryDetails", lambda shop, count: seeded("items")(shop, count * 10), "itemInformation"
    ),
    Listing("getAvailableV1ReconReportAsJson", settlement, "Transaction Key", limit="noOfRecords"),
    Listing(
        "mx.getAllOrdersUsingCursor",
        seeded("orders"),
        "purchaseOrderId",
        more={"statusCodeFilter": "Created"},
        connection={"market": "mx"},
    ),
]


@pytest.fixture
def hook(shop) -> WalmartHook:
    return WalmartHook()


COUNTS = {
    "no record": lambda page: 0,
    "one record": lambda page: 1,
    "one page": lambda page: page,
    "one record more": lambda page: page + 1,
    "many pages": lambda page: 4 * page + 1,
}


@pytest.mark.parametrize(
    ("listing", "count"),
    [
        pytest.param(listing, count(listing.page), id=f"{listing.operation} {name}")
        for listing in LISTINGS
        for name, count in COUNTS.items()
        # There is no settlement without records.
        if name != "no record" or listing.seed is not settlement
    ],
)
def test_every_record_comes_once(listing, count, shop, monkeypatch):
    shop.settings(limits=False)
    params = listing.params(shop, count)
    before = len(shop.received())
    extra = {"timeout": 60, **listing.connection}
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection(extra=extra))
    hook = WalmartHook()
    # Listing quality may be called once a minute, which is the throttle's business.
    hook.client.session.throttle = None
    found = list(hook.paginate(listing.operation, body=listing.body, **params))
    assert len(found) == count
    assert len({str(record[listing.key]) for record in found}) == count
    sent = [entry for entry in shop.received()[before:] if entry["path"] != "/v3/token"]
    assert {entry["status"] for entry in sent} <= ({200, 404} if count == 0 else {200})
    # At most one to see that there is no more.
    assert len(sent) <= max(1, -(-count // listing.page)) + 1


def test_the_largest_page_is_asked_for_unless_told_otherwise(shop, hook):
    shop.server.control("POST", "seed", {"orders": 201, "inventories": 51})
    assert len(list(hook.paginate("getAllOrders"))) == 201
    assert len(list(hook.paginate(INVENTORIES))) == 51
    assert [entry["query"].partition("&")[0] for entry in shop.received("orders$|inventories$")] == [
        "limit=200",
        "limit=200",
        "limit=50",
        "limit=50",
    ]


def test_a_date_window_is_kept_from_page_to_page(shop, hook):
    shop.server.control("POST", "seed", {"orders": {"count": 5, "spacing": 86400}})
    found = list(hook.paginate("getAllOrders", limit=1, createdStartDate="2020-01-01", status="Created"))
    assert len(found) == 5


def test_pages_are_asked_for_one_by_one_as_they_are_wanted(shop, hook):
    shop.server.control("POST", "seed", {"orders": 10})
    records = hook.paginate("getAllOrders", limit=3)
    assert len(shop.received("orders$")) == 0
    asked = [len(shop.received("orders$")) for _ in records]
    assert asked == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]


def test_who_breaks_off_sends_nothing_more(shop, hook):
    shop.server.control("POST", "seed", {"orders": 10})
    for number, _ in enumerate(hook.paginate("getAllOrders", limit=3)):
        if number == 4:
            break
    assert len(shop.received("orders$")) == 2


@pytest.mark.parametrize(("most", "requests"), [(0, 0), (1, 1), (3, 1), (4, 2), (100, 4)])
def test_no_more_pages_are_read_than_records_wanted(most, requests, shop, hook):
    shop.server.control("POST", "seed", {"orders": 10})
    found = list(hook.paginate("getAllOrders", limit=3, max_records=most))
    assert len(found) == min(most, 10)
    assert len(shop.received("orders$")) == requests


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("getAnOrder", {"purchaseOrderId": "1"}),
        ("getAllOrders", {"limit": 1000}),
        ("getAllOrders", {"max_records": -1}),
        ("getAllOrders", {"statsu": "Created"}),
        ("getCatalogSearch", {"body": {}, "limit": "many"}),
        ("getFeedItemStatus", {}),
    ],
)
def test_bad_input_is_refused_at_once_and_not_at_the_first_record(operation, params, shop, hook):
    with pytest.raises(WalmartConfigError):
        hook.paginate(operation, **params)
    assert shop.received() == []


# -- the cursor of items expires ---------------------------------------------------------------------


def test_an_expired_items_cursor_is_gone_on_from_by_offset(shop, hook):
    shop.server.control("POST", "seed", {"items": 7})
    found = []
    for item in hook.paginate("getAllItems", limit=2):
        found.append(item["sku"])
        if len(found) == 4:
            shop.advance(121)
    assert found == [f"SKU-{number:06d}" for number in range(1, 8)]
    asked = [(entry["status"], dict(parse_qsl(entry["query"]))) for entry in shop.received("items$")]
    assert [(status, query.get("offset")) for status, query in asked] == [
        (200, None),
        (200, None),
        (400, None),
        (200, "4"),
        (200, "6"),
    ]


def test_beyond_the_reach_of_offsets_an_expired_cursor_is_a_clear_error(shop, hook):
    shop.server.control("POST", "seed", {"items": 12_000})
    records = hook.paginate("getAllItems", limit=1000)
    for _ in range(11_000):
        next(records)
    shop.advance(121)
    with pytest.raises(WalmartError, match="expired after 11000 records") as caught:
        next(records)
    assert "up to 10000 records" in str(caught.value)


# -- a page that got lost on its way -----------------------------------------------------------------


@pytest.mark.parametrize("trouble", [{"status": 503}, {"reset": "before"}, {"truncate": 20}])
def test_a_page_is_asked_for_again_after_transient_errors(trouble, shop, hook):
    shop.server.control("POST", "seed", {"orders": 10})
    shop.fault("/v3/orders$", skip=1, times=2, **trouble)
    found = [order["purchaseOrderId"] for order in hook.paginate("getAllOrders", limit=3)]
    assert len(found) == len(set(found)) == 10


@pytest.mark.parametrize("trouble", [{"status": 503, "after_effect": True}, {"reset": "after"}])
@pytest.mark.parametrize("operation", ["getAllItems", INVENTORIES])
def test_a_page_that_can_be_read_once_and_was_lost_is_not_passed_over_in_silence(
    operation, trouble, shop, hook
):
    shop.server.control("POST", "seed", {"items": 10, "inventories": 10})
    shop.fault("/v3/(items|inventories)$", skip=1, times=1, **trouble)
    with pytest.raises(WalmartNotFoundError):
        list(hook.paginate(operation, limit=3))


def test_a_page_that_is_no_json_is_an_error(shop, hook):
    shop.server.control("POST", "seed", {"orders": 10})
    shop.fault("/v3/orders$", skip=1, status=200, body="<html>Welcome</html>")
    records = hook.paginate("getAllOrders", limit=3)
    assert len([next(records) for _ in range(3)]) == 3
    with pytest.raises(WalmartServerError, match="not JSON"):
        next(records)


# -- replies that the sandbox doesn't give -----------------------------------------------------------


@pytest.fixture
def replies(wire, make_client):
    """Return a function: a client of a server that gives these replies in turn, the last one for ever."""

    def start(*bodies: Any) -> tuple[Any, Wire]:
        waiting = list(bodies)

        def reply(request: Received) -> bytes:
            if request.path == "/v3/token":
                return token()
            return http(200, waiting.pop(0) if len(waiting) > 1 else waiting[0])

        server = wire(reply)
        return make_client(server.url), server

    return start


def asked(server: Wire) -> list[str]:
    """Return the raw queries of all calls."""
    return [request.target.partition("?")[2] for request in server.requests if request.path != "/v3/token"]


def rows(*numbers: int) -> list[dict[str, int]]:
    return [{"id": number} for number in numbers]


def orders(*numbers: int, cursor: str | None = None) -> dict[str, Any]:
    return {"list": {"meta": {"nextCursor": cursor}, "elements": {"order": rows(*numbers)}}}


def inventories(*numbers: int, cursor: str | None = None) -> dict[str, Any]:
    meta = {"nextCursor": cursor} if cursor is not None else {}
    return {"meta": meta, "elements": {"inventories": rows(*numbers)}}


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_cursor_of_white_space_is_none(blank, replies):
    for operation, reply in ((INVENTORIES, inventories), ("getAllOrders", orders)):
        client, server = replies(reply(1, cursor=blank))
        assert list(client.paginate(operation)) == rows(1)
        assert len(asked(server)) == 1


@pytest.mark.parametrize("mark", ["?", "", " ?"])
def test_a_ready_query_string_goes_over_the_wire_byte_by_byte(mark, replies):
    # Half encoded, half not, as Walmart's own are; nothing of it may be touched.
    cursor = "limit=3&by=a%2Bb+c@%7E%41&soIndex=&to=2019-09-17T21:08:05.000+0000&q=x;y,z'()*!$/?=%25"
    client, server = replies(orders(1, cursor=mark + cursor), orders(2))
    assert list(client.paginate("getAllOrders", params={"sku": "a b"})) == rows(1, 2)
    assert asked(server) == ["sku=a%20b&limit=200", cursor]


@pytest.mark.parametrize("cursor", ["AoE/+w==", "a b", "a%2Bb", "?limit=3&offset=3", "ü", "#x&y"])
def test_an_opaque_cursor_arrives_as_it_came(cursor, replies):
    client, server = replies(inventories(1, cursor=cursor), inventories(2))
    assert list(client.paginate(INVENTORIES)) == rows(1, 2)
    second = asked(server)[1]
    assert parse_qs(second, strict_parsing=True) == {"limit": ["50"], "nextCursor": [cursor]}
    assert not set(second) & set("+/ #?")


def test_a_cursor_mark_arrives_as_it_came(replies):
    def page(number: int) -> dict[str, Any]:
        return {"meta": {"nextCursorMark": "AoJ4/+="}, "order": rows(number)}

    client, server = replies(page(1), page(2))
    found = client.paginate("mx.getAllOrdersUsingCursor", params={"statusCodeFilter": "Created"})
    assert list(found) == rows(1, 2)
    assert [parse_qs(query)["cursorMark"] for query in asked(server)] == [["*"], ["AoJ4/+="]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_pages_that_have_numbers_are_counted(count, replies):
    pages = [rows(*range(start, min(start + 2, count))) for start in range(0, count, 2)] or [[]]
    client, server = replies(*[{"payload": page, "totalRecords": count} for page in pages])
    assert list(client.paginate("getAllAssets", params={"limit": 2})) == rows(*range(count))
    # A total that is the count of a full first page may be no more than that.
    requests = 2 if count == 2 else len(pages)
    assert asked(server) == [f"page={number}&limit=2" for number in range(1, requests + 1)]


def test_a_page_number_goes_into_the_body_where_it_belongs_there(replies):
    page = {"pricingInsightsResponseList": rows(1), "pageContext": {"totalCount": 2}}
    client, server = replies(page, {**page, "pricingInsightsResponseList": rows(2)})
    assert list(client.paginate("PricingInsights", body={"sort": "a"})) == rows(1, 2)
    sent = [json.loads(request.body) for request in server.requests if request.path != "/v3/token"]
    assert sent == [{"sort": "a", "pageNumber": 0}, {"sort": "a", "pageNumber": 1}]


@pytest.mark.parametrize("page", [inventories(), {"meta": {"nextCursor": "B"}, "elements": None}])
def test_an_empty_page_with_a_cursor_is_not_the_end(page, replies):
    page["meta"]["nextCursor"] = "B"
    client, server = replies(inventories(1, cursor="A"), page, inventories(2, cursor=""))
    assert list(client.paginate(INVENTORIES)) == rows(1, 2)
    assert len(asked(server)) == 3


@pytest.mark.parametrize(
    "page",
    [
        {"list": None},
        {"list": {"meta": None, "elements": None}},
        {"list": {"meta": {}, "elements": {"order": None}}},
        {"list": {"meta": {"totalCount": 0}}},
        None,
    ],
)
def test_a_missing_or_null_list_holds_nothing(page, replies):
    client, server = replies(b"" if page is None else page)
    if page is None:
        with pytest.raises(WalmartServerError):
            list(client.paginate("getAllOrders"))
    else:
        assert list(client.paginate("getAllOrders")) == []
    assert len(asked(server)) == 1


@pytest.mark.parametrize(
    ("operation", "pages"),
    [
        ("getAllOrders", [orders(1, cursor="?a=1")]),
        ("getAllOrders", [orders(1, cursor="?a=1"), orders(2, cursor="?a=2"), orders(3, cursor="?a=1")]),
        (INVENTORIES, [inventories(1, cursor="A")]),
        (INVENTORIES, [inventories(cursor="A"), inventories(cursor="B"), inventories(cursor="A")]),
        # A server that lost the place gives page 1 again, with another cursor.
        ("getAllOrders", [orders(1, cursor="?a=1"), orders(1, cursor="?a=2"), orders(2)]),
        ("getAllOrders", [orders(1, cursor="?a=1"), orders(2, cursor="?a=2"), orders(1)]),
        (INVENTORIES, [inventories(1, cursor="A"), inventories(1, cursor="B"), inventories(2)]),
        (INVENTORIES, [inventories(1, cursor="A"), inventories(2, cursor="B"), inventories(1)]),
        ("getAllItems", [{"ItemResponse": [{"sku": "a"}], "nextCursor": "A"}]),
        ("getAllFeedStatuses", [{"results": {"feed": [{"feedId": str(n)} for n in range(50)]}}]),
    ],
)
def test_a_list_that_would_never_end_is_an_error(operation, pages, replies):
    client, server = replies(*pages)
    with pytest.raises(WalmartError, match="would never end"):
        list(client.paginate(operation))
    assert len(asked(server)) <= len(pages) + 1
