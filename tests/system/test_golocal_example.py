"""The GoLocal example DAG in a real Airflow."""

from __future__ import annotations

import json

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

pytestmark = pytest.mark.system

DAG = "walmart_golocal"
CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
TOKEN = "oauth/v1/token$"


def test_an_order_is_booked_once_and_followed_to_the_door(
    airflow: LocalAirflow, sandbox: LocalSandbox
) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"delivery_seconds": 6})
    account = {
        "conn_type": "walmart_golocal",
        "host": sandbox.url,
        "login": CLIENT_ID,
        "password": "sandbox",
        "extra": {"environment": "production"},
    }
    airflow.add_connection("walmart_golocal_default", **account)

    runs = [airflow.trigger(DAG, {"order_id": "ORDER-7"})]
    assert airflow.wait_for_run(DAG, runs[0]) == "success"
    runs.append(airflow.trigger(DAG, {"order_id": "ORDER-7"}))
    assert airflow.wait_for_run(DAG, runs[1]) == "success"

    [delivery] = sandbox.control("/deliveries")
    assert delivery == {
        "deliveryId": delivery["deliveryId"],
        "externalOrderId": "ORDER-7",
        "status": "DELIVERED",
    }
    for run in runs:
        assert airflow.xcom(DAG, run, "wait") == delivery
        assert airflow.xcom(DAG, run, "notify") == "Order ORDER-7 is DELIVERED."
    # It was on its way when the first run looked, and so the triggerer saw it arrive.
    log = airflow.task_log(DAG, runs[0], "wait")
    assert f"Delivery {delivery['deliveryId']} is DELIVERED." in log
    assert "It is not booked again." in airflow.task_log(DAG, runs[1], "book")
    assert [call["status"] for call in sandbox.control(f"/requests?path={TOKEN}")] == [200]

    logs = [
        airflow.task_log(DAG, run, task)
        for run in runs
        for task in ("order_ready", "quote", "book", "wait", "notify")
    ]
    assert not [word for log in logs for word in ("Alex", "4085550100", "Example Street") if word in log]

    form = {**account, "connection_id": "walmart_golocal_default", "extra": json.dumps(account["extra"])}
    tested = airflow.request("POST", "/api/v2/connections/test", json=form).json()
    host = sandbox.url.removeprefix("http://")
    said = f"Connected to Walmart GoLocal: environment production, host {host}."
    assert tested == {"status": True, "message": said}
