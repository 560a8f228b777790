"""The example DAG that acknowledges and ships orders, in a real Airflow."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.statsd_server import StatsdServer

pytestmark = pytest.mark.system

DAG = "walmart_order_updates"
KNOWN = {"already": 0, "refused": 0, "unknown": 0, "notTried": 0}


def test_orders_are_acknowledged_and_shipped_once(
    airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes, lake: Path, statsd: StatsdServer
) -> None:
    sandbox.control("/reset", {})
    statsd.counters.clear()
    ids = sandbox.control("/seed", {"orders": 4})["orders"]
    tracking = "".join(f"{order_id},1Z{order_id},UPS\n" for order_id in ids[:3])
    (lake / "tracking.csv").write_text("purchase_order_id,tracking_number,carrier\n" + tracking)

    runs = [airflow.trigger(DAG)]
    assert airflow.wait_for_run(DAG, runs[0]) == "success"
    runs.append(airflow.trigger(DAG))
    assert airflow.wait_for_run(DAG, runs[1]) == "success"

    def counts(run: str, task: str) -> dict[str, int]:
        found = airflow.xcom(DAG, run, task)
        assert [
            json.loads(line)["purchaseOrderId"]
            for line in Path(found["outcomesUri"]).read_text().splitlines()
        ]
        return {name: count for name, count in found.items() if name != "outcomesUri"}

    assert counts(runs[0], "acknowledge") == {**KNOWN, "orders": 4, "done": 4}
    assert counts(runs[0], "ship") == {**KNOWN, "orders": 3, "done": 3}
    assert counts(runs[1], "ship") == {**KNOWN, "orders": 3, "done": 0, "already": 3}
    assert airflow.xcom(DAG, runs[1], "acknowledge")["orders"] == 0
    log = airflow.task_log(DAG, runs[1], "ship")
    assert "Orders: 3 in all, 0 done, 3 already, 0 refused, 0 unknown, 0 notTried" in log
    writes = sandbox.control("/requests?path=/(acknowledge|shipping)$")
    assert [call["status"] for call in writes] == [200] * 7
    # What went over the wire is what Airflow counted, token calls included.
    received = Counter(
        f"requests.{call['path'].split('/')[2]}.{call['status']}" for call in sandbox.control("/requests")
    )
    assert received["requests.token.200"] == 1
    received["requests"] = received.total()
    processes.wait_until(
        lambda: all(statsd.counters[name] == count for name, count in received.items()),
        what=f"{received} among {statsd.counters}",
    )


def test_orders_that_are_due_and_metrics_at_risk_fail_their_tasks(
    airflow: LocalAirflow, sandbox: LocalSandbox
) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/seed", {"orders": {"count": 3, "spacing": 60, "age": 3 * 3600}})
    run = airflow.trigger("walmart_deadlines")
    assert airflow.wait_for_run("walmart_deadlines", run) == "failed"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances("walmart_deadlines", run)}
    assert states == {"acknowledge": "failed", "ship": "success"}
    # Whoever is told has the counts.
    due = airflow.xcom("walmart_deadlines", run, "acknowledge")
    assert (due["due"], due["overdue"]) == (3, 0)
    assert airflow.xcom("walmart_deadlines", run, "ship")["due"] == 0
    said = "3 orders are due (acknowledge) within 2:00:00, 0 of them overdue, the most urgent: "
    assert said in airflow.task_log("walmart_deadlines", run, "acknowledge")

    answer = {"payload": {"performanceRiskLevel": "URGENT", "performanceStandard": ">= 90 %"}}
    sandbox.control(
        "/faults",
        [
            {"path": "/insights/performance/otd/summary", "status": 200, "body": answer},
            {"path": "/insights/performance/", "status": 204},
        ],
    )
    run = airflow.trigger("walmart_performance")
    assert airflow.wait_for_run("walmart_performance", run) == "failed"
    assert "otd is URGENT" in airflow.task_log("walmart_performance", run, "performance")
    sandbox.control("/reset", {})
