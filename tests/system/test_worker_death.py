"""Whenever a worker dies, its feed goes out once, and the retry goes on with it."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Context

from airflow_provider_walmart.hooks.walmart import WalmartHook
from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

pytestmark = pytest.mark.system

DAG, MODES = "dies", ("poll", "deferred")
HAS_STATE = "task_state_store" in Context.__annotations__
# Where a worker is killed, and what the log of the next try says.
POINTS = {
    "before the intent": "this task has not submitted this payload yet",
    "before the request": "it never arrived",
    "before the answer is read": "by its file name",
    "before the id is stored": "by its file name",
    "while waiting": "submitted before by this task" if HAS_STATE else "by its file name",
}


def test_a_feed_goes_out_once_whenever_its_worker_dies_and_when_it_is_cleared(
    airflow: LocalAirflow, sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent() -> int:
        calls = sandbox.control("/requests?path=^/v3/feeds$")
        return sum(call["method"] == "POST" for call in calls)

    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": 3})
    runs = {point: airflow.trigger(DAG, {"point": point}) for point in POINTS}

    states = {point: airflow.wait_for_run(DAG, run) for point, run in runs.items()}

    assert states == dict.fromkeys(POINTS, "success")
    of_tasks = {}
    for point, run in runs.items():
        assert [task["try_number"] for task in airflow.task_instances(DAG, run)] == [2, 2], point
        for mode in MODES:
            log = airflow.task_log(DAG, run, mode, try_number=2)
            assert POINTS[point] in log, (point, mode)
            assert ("no task state store" in log) != HAS_STATE
            of_tasks[airflow.xcom(DAG, run, mode)["feedIds"][0]] = f"{point}, {mode}"
    account = {
        "conn_type": "walmart",
        "host": sandbox.url,
        "login": CLIENT_ID,
        "password": CLIENT_SECRET,
    }
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(account))
    hook = WalmartHook()
    # Each task is green with the feed that holds its own item, and Walmart was sent no other.
    assert {feed["feedId"]: skus(hook, feed["feedId"]) for feed in hook.list_feeds()} == {
        feed_id: [sku] for feed_id, sku in of_tasks.items()
    }
    assert sent() == len(of_tasks) == len(POINTS) * len(MODES)

    cleared = runs["while waiting"]
    airflow.clear(DAG, cleared)
    assert airflow.wait_for_run(DAG, cleared) == "success"
    assert [task["try_number"] for task in airflow.task_instances(DAG, cleared)] == [3, 3]
    assert {airflow.xcom(DAG, cleared, mode)["feedIds"][0] for mode in MODES} <= of_tasks.keys()
    assert sent() == len(of_tasks)


def skus(hook: WalmartHook, feed_id: str) -> list[str]:
    return [item["sku"] for item in hook.iter_feed_items(feed_id)]
