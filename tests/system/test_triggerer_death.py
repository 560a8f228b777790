"""Waiting in the triggerer goes on when the triggerer dies."""

from __future__ import annotations

import pytest
from local_airflow import LocalAirflow
from local_sandbox import LocalSandbox
from processes import Processes

pytestmark = pytest.mark.system

DAG, TASK, FEED = "waits_for_feed", "wait", "SLOW@AQMBAQA"
AN_HOUR = 3600


def test_a_new_triggerer_goes_on_waiting(
    processes: Processes, airflow: LocalAirflow, sandbox: LocalSandbox
) -> None:
    def polls() -> int:
        return sum(found["count"] for found in sandbox.control("/requests?path=/v3/feeds&count=1"))

    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": AN_HOUR})
    sandbox.control("/seed", {"feeds": [{"feedId": FEED, "items": 2}]})
    run = airflow.trigger(DAG, {"feed_id": FEED})
    # The first poll is the worker's.
    processes.wait_until(lambda: polls() > 2, what="polls of the triggerer", timeout=60)

    processes.kill("triggerer")
    seen = polls()
    airflow.start("triggerer")
    processes.wait_until(lambda: polls() > seen, what="polls of the new triggerer", timeout=90)
    sandbox.control("/clock", {"advance": AN_HOUR})

    assert airflow.wait_for_run(DAG, run) == "success"
    summary = airflow.xcom(DAG, run, TASK)
    assert (summary["feedId"], summary["feedStatus"], summary["itemsSucceeded"]) == (FEED, "PROCESSED", 2)
