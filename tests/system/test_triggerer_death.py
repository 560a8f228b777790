"""Waiting in the triggerer goes on when the triggerer dies, and ends when a person ends the task."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from airflow.triggers.base import BaseTrigger

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

pytestmark = pytest.mark.system

DAG, FEED = "waits_for_feed", "SLOW@AQMBAQA"
AN_HOUR = 3600


@pytest.fixture
def run(processes: Processes, airflow: LocalAirflow, sandbox: LocalSandbox) -> str:
    """A run whose tasks wait in the triggerer for feeds that take an hour; its id."""

    def states() -> set[str]:
        return {task["state"] for task in airflow.task_instances(DAG, run)}

    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": AN_HOUR})
    sandbox.control("/seed", {"feeds": [{"feedId": FEED, "items": 2}]})
    run = airflow.trigger(DAG, {"feed_id": FEED})
    processes.wait_until(lambda: states() == {"deferred"}, what="both tasks to be deferred")
    return run


def test_a_new_triggerer_goes_on_waiting(
    processes: Processes, airflow: LocalAirflow, sandbox: LocalSandbox, run: str
) -> None:
    def calls(method: str) -> int:
        counts = sandbox.control("/requests?path=/v3/feeds&count=1")
        return sum(found["count"] for found in counts if found["method"] == method)

    def wait_for_poll(who: str) -> None:
        seen = calls("GET")
        processes.wait_until(lambda: calls("GET") > seen, what=f"polls of {who}")

    wait_for_poll("the triggerer")
    [submitted] = airflow.xcom(DAG, run, "submit", "feed_ids")
    # Airflow keeps links after it has said that the task is deferred.
    links = f"/dags/{DAG}/dagRuns/{run}/taskInstances/submit/links"
    link = processes.wait_until(lambda: airflow.get(links)["extra_links"]["Walmart page"], what="the link")
    assert f"/walmart/task/{DAG}/{quote(run, safe='')}/submit/" in link

    processes.kill("triggerer")
    airflow.start("triggerer")
    wait_for_poll("the new triggerer")
    sandbox.control("/clock", {"advance": AN_HOUR})

    assert airflow.wait_for_run(DAG, run) == "success"
    for task, feed_id, items in (("wait", FEED, 2), ("submit", submitted, 1)):
        summary = airflow.xcom(DAG, run, task)
        assert (summary["feedIds"], summary["feeds"][0]["feedStatus"]) == ([feed_id], "PROCESSED")
        assert summary["itemsSucceeded"] == items
    assert calls("POST") == 1


@pytest.mark.skipif(not hasattr(BaseTrigger, "on_kill"), reason="triggers are told of it from Airflow 3.3 on")
def test_who_ends_a_task_is_told_that_its_feed_goes_on(
    processes: Processes, airflow: LocalAirflow, sandbox: LocalSandbox, run: str
) -> None:
    def wait_for(word: str) -> None:
        def is_said() -> bool:
            return word in airflow.task_log(DAG, run, "submit")

        processes.wait_until(is_said, what=f"{word!r} in the log")

    wait_for("Waiting: feed")
    path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances"
    airflow.change("PATCH", f"{path}/submit", json={"new_state": "failed"})
    wait_for("Walmart cannot recall a feed")
    airflow.change("PATCH", f"{path}/wait", json={"new_state": "failed"})
    assert airflow.wait_for_run(DAG, run) == "failed"
