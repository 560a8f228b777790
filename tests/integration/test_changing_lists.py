"""Lists that change while they are read: each record once, and none passed over in silence."""

from __future__ import annotations

import itertools
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from airflow_provider_walmart.client.errors import WalmartIncompleteError, WalmartNotFoundError
from airflow_provider_walmart.client.exports.pages import export_pages
from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.wire import Received, http, token

NOTHING_THERE = {"errors": [{"code": "CONTENT_NOT_FOUND.GMP_FEED_API", "description": "No feeds found"}]}
PAGE = 3


@dataclass
class Live:
    """A list on a server.

    :param ids: what it holds.
    :param changes: what happens to it before the request of this number, from 1 on.
    :param total: what is said of its length; default: the truth.
    :param behind: what is answered where nothing is; default: an empty page.
    """

    ids: list[int]
    changes: dict[int, Callable[[list[int]], Any]] = field(default_factory=dict)
    total: Callable[[int, int], Any] = lambda number, count: count
    behind: bytes | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: Received) -> bytes:
        if request.path == "/v3/token":
            return token()
        query = {name: values[0] for name, values in parse_qs(request.target.partition("?")[2]).items()}
        self.asked.append(request.target)
        self.changes.get(len(self.asked), lambda ids: None)(self.ids)
        start = int(query.get("offset", 0)) or (int(query.get("page", 1)) - 1) * PAGE
        found = self.ids[start : start + PAGE]
        if self.behind and start and not found:
            return self.behind
        rows = [{"feedId": str(number), "purchaseOrderId": str(number)} for number in found]
        total = self.total(len(self.asked), len(self.ids))
        if request.path == "/v3/feeds":
            return http(200, {"totalResults": total, "results": {"feed": rows}})
        if request.path == "/v3/orders":
            more = {"nextCursor": f"?offset={start + PAGE}"} if start + PAGE < len(self.ids) else {}
            return http(200, {"list": {"meta": {"totalCount": total, **more}, "elements": {"order": rows}}})
        return http(200, {"totalRecords": total, "payload": rows})


def removed(*ids: int) -> Callable[[list[int]], None]:
    return lambda live: [live.remove(number) for number in ids] and None


def added(*ids: int) -> Callable[[list[int]], None]:
    return lambda live: live.__setitem__(slice(0, 0), ids)


OPERATIONS = ("getAllFeedStatuses", "getAllOrders", "getAllAssets")


@pytest.fixture
def read(wire, make_client):
    """Return a function that reads a list, and returns the ids as they came."""

    def start(
        live: Live, operation: str = "getAllFeedStatuses", *, export: bool = False, **options: Any
    ) -> list[int]:
        client = make_client(wire(live).url)
        if export:
            pages = export_pages(client, operation, {"limit": PAGE}, None, utc_now(), **options)
            return [int(json.loads(bytes(record))["feedId"]) for page in pages for record in page]
        return [
            int(record["feedId"]) for record in client.paginate(operation, params={"limit": PAGE}, **options)
        ]

    return start


BY_ALL = pytest.mark.parametrize(
    ("operation", "export"),
    [*((operation, False) for operation in OPERATIONS), ("getAllFeedStatuses", True)],
)


@BY_ALL
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("at", [2, 3, 4])
def test_what_is_taken_away_in_front_passes_over_none_of_the_others(at, count, operation, export, read):
    live = Live(list(range(11)), {at: removed(*range(count))})
    assert sorted(read(live, operation, export=export)) == list(range(11))
    # The page before and this one once more, and one behind the last one; an export has asked for others by then.
    assert len(live.asked) <= 4 + (5 if export else 3)


@BY_ALL
def test_what_is_taken_away_again_and_again_passes_over_none_of_the_others(operation, export, read):
    live = Live(list(range(12)), {2: removed(0), 3: removed(1, 2), 6: removed(3), 7: removed(4)})
    found = read(live, operation, export=export)
    assert len(found) == len(set(found))
    assert set(found) >= {0, 1, 2, *live.ids}


@BY_ALL
def test_what_is_taken_away_behind_is_not_missed(operation, export, read):
    live = Live(list(range(11)), {2: removed(9, 10)})
    assert read(live, operation, export=export) == list(range(9))


@pytest.mark.parametrize("workers", [2, 8])
def test_pages_that_show_the_list_before_and_after_it_grew_leave_no_gap(workers, read):
    # Of two pages that are asked for at once, the later one may be answered first.
    live = Live(list(range(40)))
    entered = itertools.count(1)
    answered = threading.Event()

    def answer(request: Received) -> bytes:
        if "offset=3&" in request.target and next(entered) == 1:
            answered.wait(10)
            live.ids[:0] = [100, 101]
        reply = live(request)
        if "offset=6&" in request.target:
            answered.set()
        return reply

    assert sorted(read(answer, export=True, concurrency=workers)) == list(range(40))


@BY_ALL
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_added_in_front_gives_no_record_twice(count, operation, export, read):
    live = Live(list(range(10)), {2: added(*range(100, 100 + count))})
    assert read(live, operation, export=export) == list(range(10))


@BY_ALL
def test_more_than_a_page_taken_away_at_once_is_an_error_that_may_pass(operation, export, read, caplog):
    def live() -> Live:
        return Live(list(range(12)), {2: removed(0, 1, 2, 3)})

    with pytest.raises(WalmartIncompleteError, match=f"{operation} became shorter by 4 records") as caught:
        read(live(), operation, export=export)
    assert not caught.value.is_final
    caplog.set_level(logging.WARNING)
    assert read(live(), operation, export=export, strict=False) == [0, 1, 2, *range(7, 12)]
    assert "became shorter by 4 records" in caplog.text


@BY_ALL
@pytest.mark.parametrize("smaller", [9, 8, 7, 3, 1])
def test_a_total_that_becomes_smaller_though_nothing_is_gone_ends_nothing(smaller, operation, export, read):
    live = Live(list(range(10)), total=lambda number, count: count if number == 1 else smaller)
    if 10 - smaller < PAGE or (10 - smaller == PAGE and not export):
        assert read(live, operation, export=export) == list(range(10))
    else:
        with pytest.raises(WalmartIncompleteError):
            read(live, operation, export=export)


@pytest.mark.parametrize("export", [False, True])
@pytest.mark.parametrize("size", [5, 6])
def test_an_overlap_in_place_of_a_record_is_an_error(size, export, read):
    # One record comes again, and so the last one never does.
    ids = [0, 1, 2, 2, 3, 4, 5][:size]
    assert read(Live(list(ids), total=lambda number, count: count - 1), export=export) == sorted({*ids})
    with pytest.raises(WalmartIncompleteError, match=f"ended after {size - 1} of {size} records"):
        read(Live(list(ids)), export=export)


@pytest.mark.parametrize(
    ("operation", "export"),
    [("getAllFeedStatuses", False), ("getAllFeedStatuses", True), ("getAllAssets", False)],
)
def test_a_404_before_all_came_that_was_announced_is_a_list_cut_short(operation, export, read, caplog):
    def live(status: int = 404, body: Any = NOTHING_THERE) -> Live:
        return Live(list(range(6)), total=lambda number, count: 7, behind=http(status, body))

    with pytest.raises(WalmartIncompleteError, match=f"{operation} ended after 6 of 7 records"):
        read(live(), operation, export=export)
    caplog.set_level(logging.WARNING)
    assert read(live(), operation, export=export, strict=False) == list(range(6))
    assert "ended after 6 of 7 records" in caplog.text
    # A gateway's 404 says nothing of the list.
    for body in (b"<html>Not Found</html>", {"errors": [{"code": "URI_NOT_FOUND.GMP_GATEWAY_API"}]}):
        with pytest.raises(WalmartNotFoundError):
            read(live(body=body), operation, export=export, strict=False)


def test_a_404_of_a_gateway_does_not_end_a_list_without_a_total(read):
    live = Live(list(range(6)), total=lambda number, count: None, behind=http(404, b"<html>Not Found</html>"))
    with pytest.raises(WalmartNotFoundError):
        read(live)
    live = Live(list(range(6)), total=lambda number, count: None, behind=http(404, NOTHING_THERE))
    assert read(live) == list(range(6))


@pytest.mark.parametrize("total", ["10", "x", None, -1, 0, [], True])
@BY_ALL
def test_a_total_that_says_nothing_ends_nothing(total, operation, export, read):
    live = Live(list(range(10)), total=lambda number, count: total)
    assert read(live, operation, export=export) == list(range(10))


# -- the sandbox -------------------------------------------------------------------------------------


def test_orders_that_leave_the_status_they_are_searched_by_hide_no_other(shop):
    placed = set(
        shop.server.control("POST", "seed", {"orders": {"count": 10, "age": 60, "spacing": 1}})["orders"]
    )
    hook, found = WalmartHook(), []
    for order in hook.paginate("getAllOrders", status="Created", limit=3):
        found.append(order["purchaseOrderId"])
        if len(found) in (3, 5):
            for done in found[-2:]:
                hook.call("acknowledgeOrders", purchaseOrderId=done)
    assert len(found) == len(set(found))
    assert set(found) == placed
