"""Exports that read several searches at the same time: the same file as one after the other, whatever happens on the way."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airflow.exceptions import AirflowFailException

from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.client.exports import pages as export_pages
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from tests.helpers.exporting import after_each_page, kill_export

CONCURRENCIES = (1, 4, 16)
SHIPPED_BY = ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled")
HOUR = 3600


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


@pytest.fixture(params=CONCURRENCIES)
def concurrency(request) -> int:
    return request.param


def seed(shop, **fields) -> list[str]:
    return shop.server.control("POST", "seed", {"orders": {"spacing": 60, **fields}})["orders"]


def ago(seconds: float) -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0) - timedelta(seconds=seconds)


def operator(target: Path, has_budget: bool = False, **fields) -> WalmartExportOperator:
    fields = {"operation": "getAllOrders", "output_path": str(target), **fields}
    made = WalmartExportOperator(task_id="export", **fields)
    if not has_budget:
        made.hook.client.session.throttle = None
    return made


def ids(path: Path, key: str = "purchaseOrderId") -> Counter:
    return Counter(json.loads(line)[key] for line in path.read_text().splitlines())


def test_the_same_orders_make_the_same_file_however_many_searches_are_read_at_once(shop, tmp_path):
    shop.settings(orders_per_search=100)
    placed = [
        order for who in SHIPPED_BY for order in seed(shop, count=400, age=60, spacing=97, shipNodeType=who)
    ]
    interval = {"data_interval_start": ago(24 * HOUR), "data_interval_end": ago(30)}
    files = {tmp_path / f"{number}": number for number in CONCURRENCIES}
    results = [operator(file, concurrency=number).execute(interval) for file, number in files.items()]
    assert [ids(file) for file in files] == [Counter(placed)] * 3
    assert len({file.read_bytes() for file in files}) == 1
    assert len({(result["pages"], result["watermark"]) for result in results}) == 1


def test_a_list_by_offset_is_the_same_however_many_pages_are_read_at_once(shop, tmp_path):
    feeds = shop.feeds(*({"feedType": "price", "age": 60 + n} for n in range(330)))
    files = [tmp_path / f"{number}" for number in CONCURRENCIES]
    for file in files:
        operator(file, operation="getAllFeedStatuses", concurrency=int(file.name)).execute({})
    assert ids(files[0], "feedId") == Counter(feeds)
    assert len({file.read_bytes() for file in files}) == 1
    assert len(shop.received("^/v3/feeds$")) == 3 * 7


def test_few_calls_are_made_besides_those_for_pages(shop, tmp_path):
    seed(shop, count=12_000, age=60, spacing=69)
    placed = {"createdStartDate": ago(10 * 24 * HOUR), "createdEndDate": ago(0)}
    params = {name: moment.isoformat() for name, moment in placed.items()}
    params["shipNodeType"] = "SellerFulfilled"
    result = operator(tmp_path / "orders", api_params=params).execute({})
    assert result["records"] == 12_000
    assert len(shop.received("^/v3/orders$")) <= 1.2 * 60


def test_searches_are_on_their_way_at_the_same_time_over_the_same_connections(shop, tmp_path):
    shop.settings(orders_per_search=100)
    seed(shop, count=400, age=60, spacing=97)
    shop.fault("/v3/orders", delay=0.3)
    interval = {"data_interval_start": ago(12 * HOUR), "data_interval_end": ago(30)}
    took = {}
    for number in (1, 16):
        started = time.monotonic()
        operator(
            tmp_path / "orders", concurrency=number, api_params={"shipNodeType": "SellerFulfilled"}
        ).execute(interval)
        took[number] = time.monotonic() - started
    # Nothing but an order of magnitude: 17 calls of 0.3 s each.
    assert took[1] > 17 * 0.3
    assert took[16] < took[1] / 2


def test_a_killed_run_and_the_next_one_make_the_same_file(concurrency, shop, tmp_path):
    shop.settings(orders_per_search=100)
    placed = seed(shop, count=400, age=60, spacing=97)
    file = tmp_path / "lake" / "orders"

    def some_pages_are_waited_for() -> bool:
        return len(shop.received("hasMoreElements|^/v3/orders")) > 20

    fields = {"api_params": {"limit": 10}, "concurrency": concurrency}
    kill_export(shop, some_pages_are_waited_for, answered=5, output_path=str(file), **fields)
    assert not list(file.parent.glob("orders"))
    operator(file, **fields).execute({})
    assert ids(file) == Counter(placed)
    assert [entry.name for entry in file.parent.iterdir()] == ["orders"]


def test_orders_that_arrive_or_change_meanwhile_take_no_other_one_with_them(concurrency, shop, tmp_path):
    shop.settings(orders_per_search=150)
    placed = seed(shop, count=600, age=60, spacing=30)
    newest, lock = placed[::-1], threading.Lock()

    def act() -> None:
        with lock:
            seed(shop, count=1)
            if len(newest) > 595:
                path = f"/v3/orders/{newest.pop(0)}/acknowledge"
                shop.server.call("POST", path, headers={"Content-Type": "application/json"})

    file = tmp_path / "orders"
    made = operator(file, concurrency=concurrency)
    after_each_page(made, act)
    made.execute({"data_interval_start": ago(24 * HOUR), "data_interval_end": ago(30)})
    assert set(newest) <= set(ids(file))
    assert max(ids(file).values()) == 1


@pytest.mark.parametrize("ends", ["in an hour", "in this second"])
def test_what_changes_in_a_window_that_is_not_over_comes_once(ends, concurrency, shop, tmp_path, monkeypatch):
    end = ago(-HOUR)
    if ends == "in this second":
        monkeypatch.setattr(export_pages, "utc_now", lambda: end - timedelta(seconds=0.5))
    shop.settings(orders_per_search=150)
    placed = seed(shop, count=400, age=60, spacing=30)
    made = operator(tmp_path / "orders", concurrency=concurrency, api_params={"limit": 20})
    client, raw_pages, lock = made.hook.client, made.hook.client.raw_pages, threading.Lock()
    changed = set()

    def watched(*args, **kwargs):
        for page in raw_pages(*args, **kwargs):
            with lock:
                if page.records and len(changed) < 5:
                    changed.add(order := json.loads(bytes(page.records[0]))["purchaseOrderId"])
                    path = f"/v3/orders/{order}/acknowledge"
                    shop.server.call("POST", path, headers={"Content-Type": "application/json"})
            yield page

    client.raw_pages = watched
    result = made.execute({"data_interval_start": ago(24 * HOUR), "data_interval_end": end})
    assert len(changed) == 5
    assert ids(tmp_path / "orders") == Counter(placed)
    assert result["records"] == 400


def test_a_429_holds_for_all_and_nothing_is_lost(concurrency, shop, tmp_path):
    shop.settings(orders_per_search=100)
    placed = seed(shop, count=400, age=60, spacing=97)
    shop.fault("/v3/orders", status=429, headers={"Retry-After": "3"}, skip=4, times=1)
    file = tmp_path / "orders"
    operator(file, has_budget=True, concurrency=concurrency).execute({})
    assert ids(file) == Counter(placed)
    entries = shop.received("^/v3/orders")
    (refused,) = (entry for entry in entries if entry["status"] == 429)
    # What was on its way already may come a moment later.
    between = [entry for entry in entries if refused["time"] + 1 < entry["time"] < refused["time"] + 2.8]
    assert not between


@pytest.mark.parametrize(("status", "error"), [(500, WalmartServerError), (403, AirflowFailException)])
def test_a_window_that_fails_ends_all_of_them(status, error, concurrency, shop, tmp_path):
    shop.settings(orders_per_search=100)
    seed(shop, count=400, age=60, spacing=97)
    file = tmp_path / "lake" / "orders"
    file.parent.mkdir()
    file.write_text("of the run before\n")
    shop.fault("/v3/orders", status=status, skip=8)
    with pytest.raises((error,)):
        operator(file, concurrency=concurrency).execute({})
    count = len(shop.received("^/v3/orders"))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("walmart-read")]
    time.sleep(0.5)
    assert len(shop.received("^/v3/orders")) == count
    assert file.read_text() == "of the run before\n"
    assert [entry.name for entry in file.parent.iterdir()] == ["orders"]


def test_memory_is_the_same_for_many_orders_read_side_by_side(shop, tmp_path):
    def peak(orders: int) -> int:
        shop.server.control("POST", "reset")
        shop.settings(orders_per_search=500, limits=False)
        seed(shop, count=orders, spacing=69, age=60)
        tracemalloc.start()
        try:
            fields = {"concurrency": 16, "api_params": {"shipNodeType": "SellerFulfilled"}}
            assert operator(tmp_path / "orders", **fields).execute({})["records"] == orders
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(600)  # what is imported on the way stays in memory
    # Pages that are under way, by far not all orders.
    assert peak(24_000) < (tmp_path / "orders").stat().st_size / 2


def test_a_date_range_of_the_hook_is_the_same_however_many_windows_are_read_at_once(shop):
    shop.settings(orders_per_search=60)
    seed(shop, count=400, age=60)

    dates = ("createdStartDate", "createdEndDate", ago(24 * HOUR), ago(30))

    def read(number: int) -> list[str]:
        found = WalmartHook().paginate_windows("getAllOrders", *dates, concurrency=number)
        return [order["purchaseOrderId"] for order in found]

    one, several = read(1), read(16)
    assert len(one) == 400
    assert one == several


@pytest.mark.parametrize("concurrency", [0, 65, "many", True, 1.5])
def test_a_concurrency_that_is_none_is_refused_before_anything_is_sent(concurrency, shop, tmp_path):
    with pytest.raises(AirflowFailException, match="whole number from 1 to 64"):
        operator(tmp_path / "orders", concurrency=concurrency).execute({})
    assert not shop.received()
