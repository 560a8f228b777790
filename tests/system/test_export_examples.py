"""The example DAGs about exports in a real Airflow."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import airflow as installed
import duckdb
import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.scheduled_runs import scheduled_runs

pytestmark = pytest.mark.system

REMEMBERS = tuple(map(int, installed.__version__.split(".")[:2])) >= (3, 3)
DAG = "walmart_orders_incremental"


def seed(sandbox: LocalSandbox, count: int, **fields: Any) -> set[str]:
    return set(sandbox.control("/seed", {"orders": {"count": count, "spacing": 60, **fields}})["orders"])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def landed(result: dict[str, Any]) -> set[str]:
    """Return the ids of the orders in the parts of an export."""
    manifest = json.loads(Path(result["manifest"]).read_text())
    return {record["purchaseOrderId"] for part in manifest["parts"] for record in lines(Path(part["uri"]))}


def events(airflow: LocalAirflow) -> list[dict[str, Any]]:
    """Return what the events of the asset say, oldest first."""
    found = airflow.get("/assets/events", source_dag_id=DAG, order_by="timestamp")["asset_events"]
    return [event["extra"] for event in found]


def test_orders_are_landed_from_where_the_last_run_ended(
    airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes
) -> None:
    sandbox.control("/reset", {})
    old = seed(sandbox, 30, age=7200) | seed(sandbox, 10, age=7200, shipNodeType="WFSFulfilled")
    results = []

    def run() -> set[str]:
        run_id = airflow.trigger(DAG)
        assert airflow.wait_for_run(DAG, run_id) == "success"
        results.append(airflow.xcom(DAG, run_id, "land_orders"))
        return landed(results[-1])

    assert run() == old
    loads = "walmart_orders_load"
    with scheduled_runs(airflow, processes, loads):
        (started,) = processes.wait_until(
            lambda: airflow.get(f"/dags/{loads}/dagRuns")["dag_runs"], what="the run that loads"
        )
        assert airflow.wait_for_run(loads, started["dag_run_id"]) == "success"
    loaded = airflow.xcom(loads, started["dag_run_id"], "load")
    assert [part["records"] for part in loaded] == [len(old)]

    new = seed(sandbox, 5, spacing=0)
    # What Airflow does not remember is exported again.
    assert run() == (new if REMEMBERS else old | new)
    assert events(airflow) == results
    if REMEMBERS:
        start = datetime.fromisoformat(results[1]["window"]["start"])
        assert start == datetime.fromisoformat(results[0]["watermark"]) - timedelta(minutes=10)


def test_every_list_is_landed_by_a_task_of_its_own(
    airflow: LocalAirflow, sandbox: LocalSandbox, lake: Path
) -> None:
    sandbox.control("/reset", {})
    placed = seed(sandbox, 5, age=3600)
    returned = {"count": 3, "spacing": 60, "age": 60}
    sandbox.control(
        "/seed", {"items": 40, "inventories": 7, "returns": returned, "feeds": [{"feedType": "price"}]}
    )
    dag = "walmart_snapshots"
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"
    day = airflow.get(f"/dags/{dag}/dagRuns/{run}")["run_after"][:10]
    counts = {path.parent.name: len(lines(path)) for path in lake.glob(f"*/{day}.jsonl.gz")}
    assert counts == {
        "items": 40,
        "unpublished_items": 8,
        "inventories": 7,
        "wfs_inventory": 4,
        "listing_quality": 40,
        "returns": 3,
        "released_orders": len(placed),
        "feeds": 1,
    }
    tasks = airflow.get(f"/dags/{dag}/dagRuns/{run}/taskInstances/land/listMapped")["task_instances"]
    assert {task["rendered_map_index"] for task in tasks} >= {"getAllItems", "getReturns"}


def test_orders_become_a_mart(airflow: LocalAirflow, sandbox: LocalSandbox, lake: Path) -> None:
    sandbox.control("/reset", {})
    dag = "walmart_mart"

    def in_its_interval() -> int:
        """Return the age of what happened in the hour that a run by hand is about, the last full one."""
        now = datetime.now(timezone.utc)
        return now.minute * 60 + now.second + 900

    seed(sandbox, 12, age=in_its_interval())

    def run() -> tuple[Any, ...]:
        run_id = airflow.trigger(dag)
        assert airflow.wait_for_run(dag, run_id) == "success"
        with duckdb.connect(str(lake / "mart.duckdb"), read_only=True) as mart:
            found = mart.execute(
                "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_lines), sum(sales), "
                "(SELECT sum(amount) FROM order_line_charges), count(*) FROM sales"
            ).fetchone()
        assert found
        assert airflow.xcom(dag, run_id, "load") == found[-1]
        return found[:4]

    orders, lines_, sales, charged = run()
    assert orders == lines_ == 12
    assert sales == charged > 0
    line = {"sku": "SKU-REFUNDED", "price": 20, "refunds": [{"amount": 5}]}
    sandbox.control("/seed", {"orders": [{"age": in_its_interval(), "status": "Delivered", "lines": [line]}]})
    # What came again took the place of itself.
    assert run() == (13, 13, sales + 20, charged + 20)
    with duckdb.connect(str(lake / "mart.duckdb"), read_only=True) as mart:
        assert mart.execute("SELECT sum(amount) FROM order_line_refunds").fetchall() == [(-5,)]
