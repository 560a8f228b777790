"""Lists that come empty once, or lack records: a second look and Walmart's totals show what is missing."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from airflow_provider_walmart.client.errors import WalmartIncompleteError
from airflow_provider_walmart.client.exports.pages import export_pages
from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.sandbox.server.profiles import PROFILES
from tests.helpers.exporting import after_each_page
from tests.helpers.tasks import our_warnings
from tests.helpers.wire import Received, http, token

EMPTY = {path: {"status": 200, "body": body} for path, body in PROFILES["walmart"].lists.items()}
NOTHING_FOUND = {
    "status": 404,
    "body": {"errors": [{"code": "CONTENT_NOT_FOUND.GMP_ORDER_API", "description": "No orders found"}]},
}
# Of searches of orders; the pages behind them are asked for with a cursor.
FIRST_PAGES = r"/v3/orders\?(?!.*hasMoreElements)"
SELLER = {"shipNodeType": "SellerFulfilled"}

both_ways = pytest.mark.parametrize("concurrency", [1, 16])


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


@pytest.fixture
def interval() -> dict[str, datetime]:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    return {
        "data_interval_start": now - timedelta(days=1),
        "data_interval_end": now - timedelta(seconds=30),
    }


def seed(shop, kind: str = "orders", **fields) -> list[str]:
    return shop.server.control("POST", "seed", {kind: {"count": 400, "age": 60, "spacing": 210, **fields}})[
        kind
    ]


def operator(file: Path, operation: str = "getAllOrders", **fields) -> WalmartExportOperator:
    made = WalmartExportOperator(task_id="export", operation=operation, output_path=str(file), **fields)
    made.hook.client.session.throttle = None
    return made


def split(file: Path, **fields) -> WalmartExportOperator:
    """Return an export with so many pages that its search is split into five."""
    return operator(file, api_params={"limit": 10, **SELLER}, **fields)


def ids(file: Path, key: str = "purchaseOrderId") -> Counter:
    return Counter(json.loads(line)[key] for line in file.read_text().splitlines())


def searches(shop) -> list[str]:
    """Return the queries of all first pages."""
    queries = [entry["query"] for entry in shop.received("^/v3/orders$")]
    return [query for query in queries if "hasMoreElements" not in query]


@both_ways
@pytest.mark.parametrize("answer", [EMPTY["/v3/orders"], NOTHING_FOUND], ids=["200", "404"])
@pytest.mark.parametrize("most", [50, 10_000], ids=["refused", "counted"])
def test_a_part_that_comes_empty_once_is_read_again(most, answer, concurrency, shop, interval, tmp_path):
    shop.settings(orders_per_search=most)
    placed = seed(shop)
    split(tmp_path / "whole").execute(interval)
    usual = len(searches(shop))
    assert usual > 5
    assert ids(tmp_path / "whole") == Counter(placed)
    # Whichever it is; the first one is the search of all.
    for number in range(6):
        before = len(searches(shop))
        shop.fault(FIRST_PAGES, **answer, skip=number, times=1)
        file = tmp_path / f"{number}"
        split(file, concurrency=concurrency).execute(interval)
        assert file.read_bytes() == (tmp_path / "whole").read_bytes()
        assert len(searches(shop)) <= before + usual + 1


@both_ways
@pytest.mark.parametrize("which", ["one", "all"])
def test_parts_that_find_less_than_the_whole_are_not_believed(
    which, concurrency, shop, interval, tmp_path, caplog
):
    placed = seed(shop)
    split(tmp_path / "whole").execute(interval)
    # The first one begins where the whole does.
    part = sorted({re.search("lastModifiedStartDate=[^&]*", query)[0] for query in searches(shop)})[2]
    fault = {"skip": 3} if which == "all" else {}
    path = FIRST_PAGES + (".*" + re.escape(part) if which == "one" else "")
    file = tmp_path / "lake" / "orders"
    shop.fault(path, **NOTHING_FOUND, **fault)
    with pytest.raises(WalmartIncompleteError, match=r"getAllOrders ended after \d+ of 400 records"):
        split(file, concurrency=concurrency).execute(interval)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("walmart-read")]
    assert not list(file.parent.iterdir())

    shop.no_faults()
    shop.fault(path, **NOTHING_FOUND, **fault)
    result = split(file, concurrency=concurrency, strict=False).execute(interval)
    assert 0 < result["records"] < 400
    assert not ids(file) - Counter(placed)
    (warning,) = our_warnings(caplog)
    assert f"ended after {result['records']} of 400 records" in warning


def test_a_whole_that_is_refused_meanwhile_leaves_what_it_announced_first(shop, interval, tmp_path):
    seed(shop)
    split(tmp_path / "whole", concurrency=1).execute(interval)
    whole, _, part, *_ = searches(shop)
    shop.fault(re.escape(f"/v3/orders?{part}"), **NOTHING_FOUND)
    shop.fault(re.escape(f"/v3/orders?{whole}"), status=400, skip=1)
    with pytest.raises(WalmartIncompleteError, match=r"getAllOrders ended after \d+ of 400 records"):
        split(tmp_path / "lake" / "orders").execute(interval)


@both_ways
def test_what_moved_on_meanwhile_is_not_missing(concurrency, shop, interval, tmp_path):
    placed = seed(shop)
    split(tmp_path / "whole").execute(interval)
    usual, moved = len(searches(shop)), [placed[0], placed[7], placed[-1]]
    lock, waiting = threading.Lock(), list(moved)

    def act() -> None:
        with lock:
            while waiting:
                path = f"/v3/orders/{waiting.pop()}/acknowledge"
                shop.server.call("POST", path, headers={"Content-Type": "application/json"})

    made = split(tmp_path / "orders", concurrency=concurrency)
    after_each_page(made, act)
    made.execute(interval)
    assert ids(tmp_path / "orders") == Counter(placed) - Counter(moved)
    # All of it is counted once more.
    assert len(searches(shop)) == 2 * usual + 1


LISTS = {
    "getAllOrders": ("/v3/orders", "orders", "purchaseOrderId"),
    "getAllReleasedOrders": ("/v3/orders/released", "orders", "purchaseOrderId"),
    "getReturns": ("/v3/returns", "returns", "returnOrderId"),
    "getAllFeedStatuses": ("/v3/feeds", "", "feedId"),
}


@pytest.mark.parametrize("operation", LISTS)
def test_a_list_that_comes_empty_once_is_read_again(operation, shop, tmp_path):
    path, kind, key = LISTS[operation]
    if kind == "orders":
        # Each kind is a search of its own.
        placed = [*seed(shop, count=4), *seed(shop, count=4, shipNodeType="3PLFulfilled")]
    elif kind:
        placed = seed(shop, kind, count=4)
    else:
        placed = shop.feeds(*({"feedType": "price", "age": 60 + number} for number in range(4)))
    for number in range(2):
        shop.fault(f"{path}\\?", **EMPTY[path], skip=number, times=1)
        operator(tmp_path / operation, operation, concurrency=1).execute({})
        assert ids(tmp_path / operation, key) == Counter(placed)
        shop.no_faults()


@pytest.mark.parametrize("strict", [True, False])
def test_a_search_that_lacks_records_and_then_comes_empty_is_not_believed(strict, wire, make_client, caplog):
    asked = []

    def answer(request: Received) -> bytes:
        if request.path == "/v3/token":
            return token()
        asked.append(request)
        if len(asked) > 1:
            return http(200, EMPTY["/v3/orders"]["body"])
        rows = [{"purchaseOrderId": "1"}, {"purchaseOrderId": "2"}]
        return http(200, {"list": {"meta": {"totalCount": 3}, "elements": {"order": rows}}})

    def read() -> list[int]:
        found = export_pages(
            make_client(wire(answer).url), "getAllOrders", SELLER, None, utc_now(), strict=strict
        )
        return [len(page) for page in found if page]

    if strict:
        with pytest.raises(WalmartIncompleteError, match="finds 3 records, and gives 2 of them"):
            read()
    else:
        assert read() == [2]
        assert "finds 3 records, and gives 2 of them" in our_warnings(caplog)[-1]
