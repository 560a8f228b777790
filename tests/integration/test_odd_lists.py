"""Lists with equal records, and with totals that are wrong: all records are given, or the list is an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from airflow_provider_walmart.client.errors import WalmartError, WalmartIncompleteError
from airflow_provider_walmart.client.exports.pages import export_pages
from airflow_provider_walmart.client.values.dates import utc_now
from tests.helpers.wire import Received, http, token

NO_KEY, FEEDS, ASSETS, ORDERS = "getInboundOrderErrors", "getAllFeedStatuses", "getAllAssets", "getAllOrders"
SOLD, LOST = {"sku": "A", "quantity": -1, "reason": "sold"}, {"sku": "B", "quantity": -1, "reason": "lost"}


@dataclass
class List:
    """A list on a server.

    :param rows: what it holds; a function is given the number of the request, from 1 on.
    :param total: what is said of its length, likewise with the rows of the page; default: the truth.
    :param cap: most rows of a page.
    """

    rows: list[Any] | Callable[[int], list[Any]]
    total: Callable[[int, list[Any]], Any] | None = None
    cap: int = 1000
    asked: list[int] = field(default_factory=list)

    def __call__(self, request: Received) -> bytes:
        if request.path == "/v3/token":
            return token()
        query = {name: values[0] for name, values in parse_qs(request.target.partition("?")[2]).items()}
        size = min(self.cap, int(query.get("limit", 1000)))
        start = int(query.get("offset", 0)) or (int(query.get("page", 1)) - 1) * size
        self.asked.append(start)
        if len(self.asked) > 150:
            return http(400, {"errors": [{"code": "NEVER_ENDS"}]})
        rows = self.rows(len(self.asked)) if callable(self.rows) else self.rows
        found = rows[start : start + size]
        total = self.total(len(self.asked), found) if self.total else len(rows)
        if request.path == "/v3/feeds":
            return http(200, {"totalResults": total, "results": {"feed": found}})
        if request.path == "/v3/items":
            return http(200, {"ItemResponse": found, "totalItems": total})
        if request.path == "/v3/orders":
            more = {"nextCursor": f"?limit={size}&offset={start + size}"} if start + size < len(rows) else {}
            return http(200, {"list": {"meta": {"totalCount": total, **more}, "elements": {"order": found}}})
        if "inbound" in request.path:
            return http(200, {"headers": {"totalCount": total}, "payload": found})
        return http(200, {"totalRecords": total, "payload": found})


def rows(*numbers: int) -> list[dict[str, str]]:
    """Return records that are a feed, an order and an asset alike."""
    return [
        {"feedId": str(number), "purchaseOrderId": str(number), "hash": str(number)} for number in numbers
    ]


@pytest.fixture
def read(wire, make_client):
    """Return a function that reads a list, and returns its records as they came."""

    def start(
        answer: Any, operation: str, *, export: bool = False, limit: int | None = 3, **options: Any
    ) -> list[Any]:
        client = make_client(wire(answer).url)
        params = {"limit": limit, **options.pop("params", {})}
        if export:
            pages = export_pages(client, operation, params, None, utc_now(), **options)
            return [json.loads(bytes(record)) for page in pages for record in page]
        return list(client.paginate(operation, params=params, **options))

    return start


BY_BOTH = pytest.mark.parametrize("export", [False, True])
# Orders are found in windows, whose pages are read as paginate reads them.
BY_ALL = pytest.mark.parametrize(
    ("operation", "export"), [(FEEDS, False), (FEEDS, True), (ORDERS, False), (ASSETS, False)]
)

# -- totals that become smaller -----------------------------------------------------------------------


@BY_BOTH
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("size", [10, 12])
def test_a_total_that_changes_from_page_to_page_does_not_keep_a_list_from_ending(size, workers, export, read):
    live = List(rows(*range(size)), total=lambda number, found: size + number % 2)
    options = {"concurrency": workers} if export else {}
    found = read(live, FEEDS, export=export, **options)
    assert sorted(int(row["feedId"]) for row in found) == list(range(size))


@BY_ALL
def test_a_total_that_becomes_smaller_with_each_page_does_not_keep_a_list_from_ending(
    operation, export, read
):
    live = List(rows(*range(30)), total=lambda number, found: 1000 - number)
    with pytest.raises(WalmartIncompleteError, match=operation):
        read(live, operation, export=export)
    live.asked.clear()
    found = read(live, operation, export=export, strict=False)
    assert {int(row["feedId"]) for row in found} == set(range(30))


# -- equal records ------------------------------------------------------------------------------------


@BY_BOTH
@pytest.mark.parametrize(
    "live",
    [
        [SOLD, SOLD, LOST, SOLD],
        [SOLD, LOST, SOLD, {"sku": "C"}, SOLD, LOST, {"sku": "D"}],
        [{"v": 0}, {"v": 1}, {"v": 2}, {"v": 2}, {"v": 3}],
        [SOLD] * 6,
        [SOLD] * 6 + [LOST],
        [SOLD, LOST] * 5,
    ],
)
@pytest.mark.parametrize("limit", [3, 5, 50])
def test_equal_records_without_a_key_are_so_many_records(limit, live, export, read):
    assert read(List(live), NO_KEY, export=export, limit=limit) == live


@BY_BOTH
def test_a_list_whose_records_have_no_key_is_an_error_when_it_becomes_shorter(export, read):
    live = List(lambda number: [{"v": row} for row in range(0 if number == 1 else 1, 10)])
    with pytest.raises(WalmartIncompleteError, match="became shorter by 1 records"):
        read(live, NO_KEY, export=export)


@BY_BOTH
def test_a_server_that_does_not_move_on_is_an_error_though_records_have_no_key(export, read):
    live = List([SOLD, LOST, {"sku": "C"}])

    def answer(request: Received) -> bytes:
        if request.path == "/v3/token":
            return token()
        return http(200, {"headers": {"totalCount": 9}, "payload": live.rows})

    with pytest.raises(WalmartError, match="the same page twice"):
        read(answer, NO_KEY, export=export)


# -- records that come again --------------------------------------------------------------------------


@BY_ALL
@pytest.mark.parametrize("limit", [1, 3])
def test_a_page_that_comes_again_since_as_much_was_added_in_front_is_no_error(limit, operation, export, read):
    added = rows(*range(100, 100 + limit))
    live = List(lambda number: rows(*range(10)) if number == 1 else added + rows(*range(10)))
    options = {"params": {"shipNodeType": "SellerFulfilled"}} if operation == ORDERS else {}
    assert read(live, operation, export=export, limit=limit, **options) == rows(*range(10))


def scroll(*pages: list[int], total: int) -> Callable[[Received], bytes]:
    """Return items by a cursor that stays the same."""
    left = iter(pages)

    def answer(request: Received) -> bytes:
        if request.path == "/v3/token":
            return token()
        found = [{"sku": str(number)} for number in next(left, [])]
        return http(200, {"ItemResponse": found, "totalItems": total, "nextCursor": "A"})

    return answer


def test_an_export_in_which_records_come_again_in_place_of_others_is_an_error(read):
    pages = [0, 1, 2], [3, 4, 5], [0, 1, 7], [8, 9, 10]
    with pytest.raises(WalmartIncompleteError, match="getAllItems ended after 10 of 12 records"):
        read(scroll(*pages, total=12), "getAllItems", export=True)
    found = read(scroll(*pages, total=12), "getAllItems", export=True, strict=False)
    assert [int(row["sku"]) for row in found] == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10]
    # Another total is explained by what came.
    assert len(read(scroll(*pages, total=10), "getAllItems", export=True)) == 10


@BY_BOTH
def test_an_export_that_begins_within_a_list_needs_not_all_of_it(export, read):
    for operation in (FEEDS, ASSETS):
        first = {"page": 2} if operation == ASSETS else {"offset": 3}
        assert read(List(rows(*range(8))), operation, export=export, params=first) == rows(3, 4, 5, 6, 7)


@BY_BOTH
@pytest.mark.parametrize("count", [1, 3, 7])
def test_items_of_a_market_without_cursor_and_total_come_once(count, export, read):
    skus = [{"sku": str(number)} for number in range(count)]
    assert read(List(skus, lambda number, found: None), "getAllItems", export=export, limit=None) == skus
    # Pages that are smaller than was asked for.
    capped = List(skus, lambda number, found: None, cap=3)
    assert read(capped, "getAllItems", export=export, limit=None) == skus


@BY_BOTH
def test_items_of_a_server_without_cursor_total_and_offset_come_once(export, read):
    def answer(request: Received) -> bytes:
        return token() if request.path == "/v3/token" else http(200, {"ItemResponse": [{"sku": "A"}]})

    assert read(answer, "getAllItems", export=export, limit=None, params={"sku": "A"}) == [{"sku": "A"}]


# -- totals that say nothing --------------------------------------------------------------------------


@BY_BOTH
@pytest.mark.parametrize("total", [None, 0])
@pytest.mark.parametrize("operation", [FEEDS, ASSETS, "getCategoriesList"])
def test_pages_smaller_than_asked_for_do_not_end_a_list_without_a_total(operation, total, export, read):
    live = List(rows(*range(55)), lambda number, found: total, cap=20)
    params = {"viewTrendingItems": "true"} if operation == "getCategoriesList" else {}
    assert read(live, operation, export=export, limit=None, params=params) == rows(*range(55))
    assert live.asked == [0, 20, 40]


@BY_BOTH
@pytest.mark.parametrize("limit", [2, 10])
@pytest.mark.parametrize("operation", [FEEDS, ASSETS, NO_KEY])
def test_what_comes_again_of_a_server_without_offsets_is_all_there_is(operation, limit, export, read):
    live = rows(0, 1)

    def answer(request: Received) -> bytes:
        if request.path == "/v3/token":
            return token()
        total = 2 if "limit=2" in request.target else None
        found = {"results": {"feed": live}} if operation == FEEDS else {"payload": live}
        return http(
            200, {**found, "totalResults": total, "totalRecords": total, "headers": {"totalCount": total}}
        )

    assert read(answer, operation, export=export, limit=limit) == live


@BY_BOTH
@pytest.mark.parametrize("operation", [FEEDS, ASSETS])
@pytest.mark.parametrize(
    "total", [lambda number, found: len(found), *(lambda number, found, of=of: of for of in (1, 3, 4, 7))]
)
def test_a_total_that_is_the_count_of_a_page_or_was_passed_ends_nothing(total, operation, export, read):
    live = List(rows(*range(10)), total)
    assert read(live, operation, export=export) == rows(*range(10))


@BY_BOTH
@pytest.mark.parametrize(
    ("size", "asked"), [(1, [0]), (2, [0]), (3, [0, 3]), (4, [0, 3]), (6, [0, 3]), (7, [0, 3, 6])]
)
def test_once_more_is_asked_only_where_the_total_is_the_count_of_a_full_first_page(size, asked, export, read):
    live = List(rows(*range(size)))
    assert read(live, FEEDS, export=export) == rows(*range(size))
    assert live.asked == asked


@BY_BOTH
@pytest.mark.parametrize("status", [400, 404])
def test_a_place_behind_a_full_first_page_may_be_refused(status, export, read):
    live = List(rows(0, 1, 2))

    def answer(request: Received) -> bytes:
        return http(status, {"errors": [{"code": "X"}]}) if "offset=3" in request.target else live(request)

    assert read(answer, FEEDS, export=export) == rows(0, 1, 2)


def test_an_empty_page_that_repeats_its_query_is_the_end(read):
    def orders(total: int) -> Callable[[Received], bytes]:
        asked = iter(range(100))

        def answer(request: Received) -> bytes:
            if request.path == "/v3/token":
                return token()
            number = min(next(asked), 3)
            meta = {"totalCount": total, "nextCursor": f"?at={number}"}
            elements = {"order": rows(number) if number < 3 else []}
            return http(200, {"list": {"meta": meta, "elements": elements}})

        return answer

    assert read(orders(3), ORDERS) == rows(0, 1, 2)
    with pytest.raises(WalmartIncompleteError, match="ended after 3 of 4 records"):
        read(orders(4), ORDERS)
