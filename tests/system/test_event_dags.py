"""Orders and reports start DAGs in a real Airflow, and go on doing so when the triggerer dies."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from airflow_provider_walmart.client.events.orders import KEPT
from airflow_provider_walmart.client.events.scope import mark
from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.airflow_line import AIRFLOW
from tests.helpers.scheduled_runs import scheduled_runs

pytestmark = pytest.mark.system
KEEP_STATE = AIRFLOW >= (3, 3)
needs_state = pytest.mark.skipif(
    not KEEP_STATE, reason="watchers share a loop and keep a state from Airflow 3.3 on"
)

POLL_INTERVAL = 2
# DAGs and the assets that start them.
ON_NEW_ORDERS = {
    "on_new_orders": "watched_new",
    "on_new_orders_too": "watched_new",
    "walmart_new_orders": "walmart_new_orders",
}
DAGS = {
    **ON_NEW_ORDERS,
    "on_cancelled_orders": "watched_cancelled",
    "on_ready_reports": "watched_reports",
    "walmart_ready_reports": "walmart_ready_reports",
}


EVENTS = "FROM asset_event JOIN asset ON asset.id = asset_event.asset_id"
RUNS = (
    "JOIN dagrun_asset_event ON asset_event.id = dagrun_asset_event.event_id "
    "JOIN dag_run ON dag_run.id = dagrun_asset_event.dag_run_id"
)


@pytest.fixture(scope="module")
def shop(airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes) -> Iterator[Shop]:
    """A shop whose orders and reports are watched, and a scheduler that starts runs because of that."""
    sandbox.control("/reset", {})
    with scheduled_runs(airflow, processes):
        airflow.pause(*DAGS, is_paused=False)
        read_anew(airflow)
        shop = Shop(airflow, sandbox, processes)
        shop.wait_for_first_looks()
        yield shop
        airflow.pause(*DAGS)
        read_anew(airflow)
        watchers = "SELECT id FROM trigger WHERE classpath LIKE '%_events.%'"
        processes.wait_until(lambda: not shop.query(watchers), what="the end of the watchers")


def read_anew(airflow: LocalAirflow) -> None:
    """Have Airflow read the files of our DAGs, which is when it starts and ends watchers."""
    for token in {airflow.get(f"/dags/{dag}")["file_token"] for dag in DAGS}:
        airflow.change("PUT", f"/api/v2/parseDagFile/{token}")


class Shop:
    """What happens at Walmart, and what Airflow makes of it."""

    def __init__(self, airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes) -> None:
        self.airflow = airflow
        self.sandbox = sandbox
        self.processes = processes

    def wait_for_first_looks(self) -> None:
        """Wait until all watchers have looked."""
        if KEEP_STATE:
            for asset in {*DAGS.values()}:
                self.processes.wait_until(
                    lambda asset=asset: self.state(asset), what=f"the first poll for {asset}"
                )
            return
        running = (
            "SELECT count(*) FROM trigger WHERE classpath LIKE '%_events.%' AND triggerer_id IS NOT NULL"
        )
        watchers = len({*DAGS.values()})
        self.processes.wait_until(lambda: self.query(running) == [(watchers,)], what="the watchers")
        # They begin at once, and those that poll often have looked several times by then.
        before = len(self.polls())
        self.processes.wait_until(lambda: len(self.polls()) > before + 20, what="polls")

    def polls(self) -> list[dict]:
        """Return the calls that watchers of orders begin a poll with, one for each kind of orders."""
        found = self.sandbox.control("/requests?path=/v3/orders$")
        firsts = (
            call
            for call in found
            if "lastModifiedStartDate=" in call["query"] and "ndex=" not in call["query"]
        )
        return [call for call in firsts if call["status"] == 200]

    def seed(self, count: int, **fields: object) -> list[str]:
        return self.sandbox.control("/seed", {"orders": {"count": count, "spacing": 0, **fields}})["orders"]

    def query(self, sql: str, *values: str) -> list[tuple]:
        """Ask Airflow's database: its REST API fails as long as a run is queued that an event has started."""
        with contextlib.closing(sqlite3.connect(self.airflow.home / "airflow.db", timeout=60)) as database:
            return database.execute(sql, values).fetchall()

    def state(self, asset: str) -> dict | None:
        """Return what the watcher of an asset keeps in Airflow."""
        (found,) = self.airflow.get("/assets", name_pattern=asset)["assets"]
        kept = self.airflow.get(f"/assets/{found['id']}/state-store")["asset_state_store"]
        return kept[0]["value"] if kept else None

    def announced(self, asset: str) -> Counter[str]:
        """Return how often each order was announced by the watcher of an asset."""
        return orders_in(self.query(f"SELECT asset_event.extra {EVENTS} WHERE asset.name = ?", asset))

    def started_with(self, dag: str) -> Counter[str]:
        """Return how often a run of a DAG was started with each order."""
        return orders_in(
            self.query(f"SELECT asset_event.extra {EVENTS} {RUNS} WHERE dag_run.dag_id = ?", dag)
        )

    def wait_for_runs(self, order_ids: list[str]) -> None:
        """Wait until all DAGs that new orders start have been started with these."""
        for dag in ON_NEW_ORDERS:
            self.processes.wait_until(
                lambda dag=dag: self.started_with(dag).keys() >= {*order_ids},
                what=f"{dag}: {order_ids}",
            )


def test_two_dags_and_an_example_start_with_each_new_order(shop: Shop, lake: Path) -> None:
    # One after the other: Airflow leaves an event lying that comes before it got round to the last one.
    new = shop.seed(3)
    shop.wait_for_runs(new)
    new += shop.seed(2, shipNodeType="WFSFulfilled", status="Acknowledged")
    shop.wait_for_runs(new)
    cancelled = shop.seed(1, status="Cancelled")
    shop.wait_for_runs(cancelled)
    for dag in ON_NEW_ORDERS:
        assert shop.started_with(dag) == Counter([*new, *cancelled])
    shop.processes.wait_until(
        lambda: shop.started_with("on_cancelled_orders") == Counter(cancelled), what="cancelled"
    )
    for run in shop.airflow.get("/dags/walmart_new_orders/dagRuns")["dag_runs"]:
        assert shop.airflow.wait_for_run("walmart_new_orders", run["dag_run_id"]) == "success"
    landed = [
        json.loads(line) for file in (lake / "new_orders").iterdir() for line in file.read_text().splitlines()
    ]
    assert Counter(order["purchaseOrderId"] for order in landed) == Counter([*new, *cancelled])


def test_a_report_that_is_ready_is_landed(shop: Shop, lake: Path) -> None:
    seed = {"reports": [{"seconds": 0}, {"seconds": 0, "reportType": "PROMO"}]}
    report = shop.sandbox.control("/seed", seed)["reports"][0]

    place = lake / "reports" / "ITEM" / f"{report}.zip"
    shop.processes.wait_until(place.exists, what="the report")
    (run,) = shop.airflow.get("/dags/walmart_ready_reports/dagRuns")["dag_runs"]
    assert shop.airflow.wait_for_run("walmart_ready_reports", run["dag_run_id"]) == "success"
    assert [path.name for path in (lake / "reports").rglob("*.zip")] == [f"{report}.zip"]


def test_all_that_one_look_finds_starts_runs(shop: Shop, lake: Path) -> None:
    """More than one event of a poll tells them, and Airflow may make one run of those or several."""
    orders = shop.seed(1100)
    ready = [{"seconds": 0, "reportType": "ITEM"}] * 3
    reports = shop.sandbox.control("/seed", {"reports": ready})["reports"]

    shop.wait_for_runs(orders)
    for dag in ON_NEW_ORDERS:
        assert {shop.started_with(dag)[order_id] for order_id in orders} == {1}
    places = [lake / "reports" / "ITEM" / f"{report}.zip" for report in reports]
    shop.processes.wait_until(lambda: all(place.exists() for place in places), what="the reports")


@needs_state
def test_three_watchers_make_the_calls_of_one(shop: Shop) -> None:
    """Each poll asks for three kinds of orders, twice where there are none, and so long after one the next one begins."""
    before = len(shop.polls())
    shop.processes.wait_until(lambda: len(shop.polls()) >= before + 18, what="polls")
    asked = groupby(shop.polls(), lambda call: call["query"].split("shipNodeType=")[1].split("&")[0])
    kinds = [(kind, [call["time"] for call in calls]) for kind, calls in asked]
    first = next(number for number, (kind, _) in enumerate(kinds) if kind == "3PLFulfilled")
    cycle = ["3PLFulfilled", "SellerFulfilled", "WFSFulfilled"] * len(kinds)
    assert [kind for kind, _ in kinds[first:]] == cycle[: len(kinds) - first]
    times = [time for _, time in kinds[first:]]
    assert max(map(len, times)) <= 2
    pauses = [begin[0] - end[-1] for end, begin in zip(times[2::3], times[3::3], strict=False)]
    assert min(pauses) > POLL_INTERVAL * 0.9


@needs_state
def test_no_order_is_lost_when_the_triggerer_dies_between_two_looks(shop: Shop) -> None:
    before = shop.seed(2)
    shop.wait_for_runs(before)
    # A watcher keeps its state a moment after its event is there: killed in between, it announces once more (below).
    for asset in {*ON_NEW_ORDERS.values()}:
        shop.processes.wait_until(
            lambda asset=asset: knows(shop.state(asset), before), what=f"the state of {asset}"
        )

    shop.processes.kill("triggerer")
    meanwhile = shop.seed(3)
    shop.airflow.start("triggerer")

    shop.wait_for_runs(meanwhile)
    for dag in ON_NEW_ORDERS:
        started = shop.started_with(dag)
        assert {started[order_id] for order_id in [*before, *meanwhile]} == {1}


@needs_state
def test_what_the_triggerer_had_not_kept_when_it_died_is_announced_again(shop: Shop) -> None:
    (order_id,) = shop.seed(1)
    database = sqlite3.connect(shop.airflow.home / "airflow.db", isolation_level=None, timeout=60)
    announced = f"SELECT count(*) FROM asset_event WHERE extra LIKE '%{order_id}%'"
    # As soon as the event is there nobody can write any more, so the state that has it is hardly ever kept.
    shop.processes.wait_until(
        lambda: database.execute(announced).fetchone()[0] > 0 and database.execute("BEGIN IMMEDIATE"),
        what="the event",
    )
    shop.processes.kill("triggerer")
    database.execute("ROLLBACK")
    database.close()

    # Which of the two watchers of new orders came how far?
    assets = {*ON_NEW_ORDERS.values()}
    known = {asset: knows(shop.state(asset), [order_id]) for asset in assets}
    announced = {asset: shop.announced(asset)[order_id] for asset in assets}
    assert sum(announced.values()) >= 1
    (last,) = shop.seed(1)
    shop.airflow.start("triggerer")
    shop.wait_for_runs([order_id, last])
    for asset in assets:
        assert shop.announced(asset)[order_id] == announced[asset] + (not known[asset])
        assert shop.announced(asset)[last] == 1
    print(f"announced before the crash: {announced}, kept: {known}")


def orders_in(events: list[tuple]) -> Counter[str]:
    """Return how often each order is named in events."""
    return Counter(
        order_id for (extra,) in events for order_id in json.loads(extra)["payload"]["purchaseOrderIds"]
    )


def knows(state: dict | None, order_ids: list[str]) -> bool:
    """Return whether a watcher's state has these orders."""
    marks = "".join(marks for part in KEPT for marks in (state or {}).get(part, {}).values())
    known = {marks[place : place + 8] for place in range(0, len(marks), 8)}
    return {mark(order_id) for order_id in order_ids} <= known
