"""From a subscription to a DAG run: the example DAGs and the example endpoint with a real Airflow."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.local_airflow import LocalAirflow, free_port
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

pytestmark = pytest.mark.system

SUBSCRIPTIONS, ORDER = "walmart_webhook_subscriptions", "walmart_webhook_order"
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
SECRET = "what-signs-the-deliveries"


@pytest.fixture
def endpoint(processes: Processes, airflow: LocalAirflow) -> Iterator[str]:
    """The URL of the example endpoint, which runs."""
    port = free_port()
    known = {
        "AIRFLOW_URL": airflow.url,
        "AIRFLOW_USERNAME": "admin",
        "AIRFLOW_PASSWORD": "admin",
        "WALMART_WEBHOOK_SECRET": SECRET,
    }
    command = ["-m", "uvicorn", "--app-dir", str(EXAMPLES), "webhook_endpoint:app", "--port", str(port)]
    log = processes.start("endpoint", [sys.executable, *command], env={**os.environ, **known})
    processes.wait_until(lambda: "Uvicorn running" in log.read_text(), what="the endpoint")
    yield f"http://127.0.0.1:{port}/walmart"
    processes.kill("endpoint")


def test_a_new_order_starts_a_dag_once(
    airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes, lake: Path, endpoint: str
) -> None:
    sandbox.control("/reset", {})
    (order_id,) = sandbox.control("/seed", {"orders": 1})["orders"]
    airflow.add_connection("walmart_webhook", conn_type="generic", host=endpoint, password=SECRET)

    done = []
    for _ in range(2):
        run = airflow.trigger(SUBSCRIPTIONS)
        assert airflow.wait_for_run(SUBSCRIPTIONS, run) == "success"
        done.append(airflow.xcom(SUBSCRIPTIONS, run, "keep_subscriptions"))
        assert SECRET not in airflow.task_log(SUBSCRIPTIONS, run, "keep_subscriptions")
    assert done[0] == {"made": ["ORDER_UPDATES", "REPORT_STATUS"], "changed": [], "deleted": []}
    assert done[1] == {"made": [], "changed": [], "deleted": []}

    def is_taken(event: dict) -> bool:
        """Deliver as Walmart does, which sends again what was not answered with 200."""
        return [one["status"] for one in sandbox.control("/notify", event)["deliveries"]] == [200]

    payload = {"subEventType": "PO_CREATED", "purchaseOrderId": order_id}
    order = {"eventType": "ORDER_UPDATES", "eventId": "e-1", "payload": payload}
    for event in (order, order, {"eventType": "REPORT_STATUS"}):
        processes.wait_until(lambda event=event: is_taken(event), what=f"200 for {event}")

    runs = airflow.get(f"/dags/{ORDER}/dagRuns")["dag_runs"]
    assert [run["dag_run_id"] for run in runs] == ["walmart__e-1"]
    assert runs[0]["conf"]["ids"] == {"purchaseOrderId": order_id}
    assert airflow.wait_for_run(ORDER, "walmart__e-1") == "success"
    landed = json.loads((lake / "new_orders" / f"{order_id}.json").read_text())
    assert landed["purchaseOrderId"] == order_id

    # Whoever doesn't know the secret starts nothing.
    forged = {
        "source": {"eventType": "PO_CREATED", "eventId": "e-2"},
        "payload": {"purchaseOrderId": order_id},
    }
    headers = {"X-Walmart-Signature": "0" * 64}
    assert requests.post(endpoint, json=forged, headers=headers, timeout=30).status_code == 401
    assert airflow.get(f"/dags/{ORDER}/dagRuns")["total_entries"] == 1
