"""Any documented operation as a task of a real Airflow, mapped, throttled and refused."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

pytestmark = pytest.mark.system

HAS_POLICIES = find_spec("airflow.sdk.definitions.retry_policy") is not None


@pytest.fixture(autouse=True)
def _empty_shop(sandbox: LocalSandbox) -> None:
    sandbox.control("/reset", {})


def test_each_entry_of_a_list_is_a_mapped_task(
    airflow: LocalAirflow, sandbox: LocalSandbox, lake: Path
) -> None:
    sandbox.control("/seed", {"orders": 3, "inventories": ["SKU-000001"]})
    dag = "walmart_api"
    run = airflow.trigger(dag, {"sku": "SKU-000001", "amount": 7})

    assert airflow.wait_for_run(dag, run) == "success"
    landed = lake / "released" / run
    orders = [json.loads(line) for line in (landed / "orders.jsonl").read_text().splitlines()]
    ids = [order["purchaseOrderId"] for order in orders]
    assert len(ids) == 3
    assert {path.name for path in landed.iterdir()} == {"orders.jsonl", *(f"{name}.json" for name in ids)}
    for name in ids:
        assert json.loads((landed / f"{name}.json").read_text())["purchaseOrderId"] == name
    mapped = [task for task in airflow.task_instances(dag, run) if task["task_id"] == "land_order"]
    assert sorted((task["map_index"], task["state"]) for task in mapped) == [
        (number, "success") for number in range(3)
    ]
    assert airflow.xcom(dag, run, "set_stock")["quantity"]["amount"] == 7


@pytest.mark.skipif(not HAS_POLICIES, reason="retry policies came with Airflow 3.3")
def test_a_throttled_task_comes_back_when_walmart_says(airflow: LocalAirflow, sandbox: LocalSandbox) -> None:
    sandbox.control("/seed", {"inventories": ["A-1"]})
    fault = {"path": "/v3/inventory$", "method": "PUT", "status": 429, "times": 1}
    sandbox.control("/faults", [{**fault, "headers": {"Retry-After": "5"}}])

    run = airflow.trigger("tries_again")

    assert airflow.wait_for_run("tries_again", run) == "success"
    [task] = airflow.task_instances("tries_again", run)
    assert task["try_number"] == 2
    # The token of earlier tests is refused at first.
    calls = [call for call in sandbox.control("/requests?path=/v3/inventory$") if call["status"] != 401]
    assert [call["status"] for call in calls] == [429, 200]
    assert calls[1]["time"] >= calls[0]["time"] + 5


def test_what_no_retry_can_change_is_tried_once(airflow: LocalAirflow, sandbox: LocalSandbox) -> None:
    sandbox.control("/settings", {"scopes": {"*": {"returns": "no_access"}}})

    run = airflow.trigger("gives_up")

    assert airflow.wait_for_run("gives_up", run) == "failed"
    tasks = {task["task_id"]: task for task in airflow.task_instances("gives_up", run)}
    assert tasks.keys() == {"refused", "bad_input", *(["refused_without_operator"] * HAS_POLICIES)}
    assert {(task["state"], task["try_number"]) for task in tasks.values()} == {("failed", 1)}
    assert "no_access for the scope 'returns'" in airflow.task_log("gives_up", run, "refused")
    assert "purchaseOrderId" in airflow.task_log("gives_up", run, "bad_input")
    calls = sandbox.control("/requests?path=/v3/(returns|orders)")
    assert [call["status"] for call in calls if call["status"] != 401] == [403] * (1 + HAS_POLICIES)
