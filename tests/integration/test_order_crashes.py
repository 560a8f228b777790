"""Whatever dies when, no order is shipped, cancelled or paid back twice: processes killed at random points."""

from __future__ import annotations

import multiprocessing
import os
import random
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.orders import writes as order_writes
from airflow_provider_walmart.client.orders.rows import OrderChange, order_changes
from airflow_provider_walmart.client.orders.writes import DONE, OrderWriter
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.shared_state import FileStore, Resilient
from tests.integration.test_order_operator import PATHS, orders_for, rows, times
from tests.integration.test_submit_crashes import FileRecords, Plot, until_served

RUNS = 6
TRIES = 12
ORDERS = 3


def one_try(make_client, url: str, folder: Path, changes: list[OrderChange], plot: Plot) -> None:
    """What a worker does in a process of its own."""
    plot.begin()
    send = HTTPAdapter.send

    def send_with_points(self, request, **options):
        if request.method == "GET" or request.path_url.endswith("token"):
            return send(self, request, **options)
        plot.point()
        answer = send(self, request, **options)
        plot.point()
        return answer

    HTTPAdapter.send = send_with_points
    client = make_client(url, store=Resilient(FileStore(folder / "state")))
    records = FileRecords(folder / "records", plot.point)
    try:
        writer = OrderWriter(client, records, forgotten=False)
        outcomes = [made["outcome"] for made in writer.apply_all(changes)]
        if set(outcomes) <= {DONE, "already"}:
            (folder / "outcome").write_text("green")
    except WalmartError:
        pass
    finally:
        # No clean-up of the parent's, which was forked along.
        os._exit(0)


TROUBLES: list[dict[str, Any]] = [
    {"method": "POST", "reset": "after"},
    {"method": "POST", "reset": "before"},
    {"method": "POST", "status": 500, "after_effect": True},
    {"method": "POST", "status": 502},
    {"method": "POST", "status": 429},
    {"method": "POST", "truncate": 4},
    {"method": "POST", "delay": 0.2, "after_effect": True},
    {"method": "GET", "status": 503, "times": 5},
    {"method": "GET", "reset": "before"},
]


@pytest.mark.parametrize("action", PATHS)
def test_never_twice_and_never_green_without(action, shop, make_client, tmp_path, monkeypatch):
    monkeypatch.setattr(order_writes, "SETTLE", 0.3)
    monkeypatch.setattr(order_writes, "READ_EVERY", 0.1)
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    dice = random.Random(action)
    for run in range(RUNS):
        folder = tmp_path / f"run{run}"
        folder.mkdir()
        shop.reset()
        shop.settings(limits=False)
        ids = orders_for(shop, action, ORDERS)
        changes = order_changes(action, rows(action, ids))
        story: list[Any] = []
        for number in range(TRIES):
            plot = Plot(dice, ORDERS)
            plot.points_left = dice.randrange(4 * ORDERS)
            shop.no_faults()
            if number >= TRIES - 2:
                plot.way = "none"
            elif dice.random() < 0.5:
                trouble = dice.choice(TROUBLES)
                shop.fault("^/v3/orders/", **{"times": 1, "skip": dice.randrange(ORDERS), **trouble})
                story.append(trouble)
            story.append(plot.way)
            arguments = (make_client, shop.url, folder, changes, plot)
            worker = multiprocessing.get_context("fork").Process(target=one_try, args=arguments)
            worker.start()
            worker.join()
            until_served(shop, "/v3/orders")
            if (folder / "outcome").exists():
                break
        shop.no_faults()
        assert (folder / "outcome").exists(), story
        assert [times(shop, action, order_id) for order_id in ids] == [1] * ORDERS, story
        # Not one request asked for what had been done: Walmart had nothing to refuse.
        assert 400 not in [entry["status"] for entry in shop.received(f"/{PATHS[action]}$")], story
