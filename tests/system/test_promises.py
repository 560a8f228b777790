"""What Airflow promises of any task holds in a real one, while tasks wait in the triggerer and when people test DAGs."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from scripts.local_airflow import AIRFLOW, LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

pytestmark = pytest.mark.system

DAG, SLOW = "promises", "SLOW@AQMBAQA"
CLIENT, OLD, NEW = "client-whose-keys-are-reset", "0ld+secret/of-the-tests", "n3w+secret/of-the-tests"
AN_HOUR = 3600


def test_a_deferred_task_keeps_its_limits_its_options_and_its_keys(
    processes: Processes, airflow: LocalAirflow, sandbox: LocalSandbox
) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": AN_HOUR, "secrets": {CLIENT: OLD}})
    # One has failed before anybody looks at it, the others go on for an hour.
    seeded = sandbox.control(
        "/seed",
        {"feeds": [{"feedId": SLOW, "items": 2}, {"items": 3, "failed": 1, "age": 2 * AN_HOUR}, _goes_bad()]},
    )["feeds"]
    airflow.add_connection(
        "walmart_rotated",
        host=sandbox.url,
        login=CLIENT,
        password=OLD,
        extra={"environment": "sandbox"},
    )
    run = airflow.trigger(DAG, {"slow": SLOW, "first": seeded[1], "later": seeded[2]})

    def tasks() -> dict[str, dict[str, Any]]:
        return {task["task_id"]: task for task in airflow.task_instances(DAG, run)}

    def wait_for(what: str, **states: str) -> None:
        def reached() -> bool:
            found = tasks()
            return all(found[task_id]["state"] == state for task_id, state in states.items())

        processes.wait_until(reached, what=what)

    wait_for(
        "execution_timeout", execution_timeout="failed", soft_fail_first="skipped", never_fail_first="skipped"
    )
    assert re.search(
        rf"AirflowTaskTimeout.*execution_timeout has passed. Feeds {SLOW} not finished after \d+ s",
        airflow.task_log(DAG, run, "execution_timeout"),
        re.DOTALL,
    )
    wait_for(
        "the others to wait", soft_fail_later="deferred", never_fail_later="deferred", rotated="deferred"
    )
    airflow.change("PATCH", "/api/v2/connections/walmart_rotated", json=_edited(sandbox))
    sandbox.control("/settings", {"secrets": {CLIENT: NEW}})
    sandbox.control("/tokens/revoke", {})

    def goes_on() -> bool:
        return "The connection was edited" in airflow.task_log(DAG, run, "rotated")

    processes.wait_until(goes_on, what="the new keys to be used")
    sandbox.control("/clock", {"advance": AN_HOUR})
    wait_for("the end", soft_fail_later="skipped", never_fail_later="skipped", rotated="success")
    assert airflow.xcom(DAG, run, "rotated")["itemsSucceeded"] == 2
    for task_id, task in tasks().items():
        assert task["try_number"] == 1, task_id


@pytest.mark.parametrize("way", ["dag.test()", "airflow tasks test"])
def test_who_tests_a_dag_sees_its_deferred_task_end(
    way: str, airflow: LocalAirflow, sandbox: LocalSandbox
) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": 0})
    airflow.get("/dags/submits_deferred")
    command = {
        "dag.test()": [sys.executable, str(airflow.dags / "system" / "promises.py")],
        "airflow tasks test": [*AIRFLOW, "tasks", "test", "submits_deferred", "submit"],
    }[way]
    done = subprocess.run(command, capture_output=True, text=True, env=airflow.env)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "TypeError" not in said
    if way == "dag.test()":
        assert "run of dag.test(): success" in said
    counts = sandbox.control("/requests?path=/v3/feeds&count=1")
    sent = [found["count"] for found in counts if found["method"] == "POST"]
    assert sent == [1], said
    # It was waited for, to the end.
    assert any(
        "includeDetails=true" in call["query"] for call in sandbox.control("/requests?path=/v3/feeds/")
    ), said


def _goes_bad() -> dict[str, Any]:
    return {"items": 3, "failed": 1}


def _edited(sandbox: LocalSandbox) -> dict[str, Any]:
    return {
        "connection_id": "walmart_rotated",
        "conn_type": "walmart",
        "host": sandbox.url,
        "login": CLIENT,
        "password": NEW,
        "extra": '{"environment": "sandbox"}',
    }
