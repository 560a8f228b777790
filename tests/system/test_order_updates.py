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
