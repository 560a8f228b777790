"""What Airflow promises of any task holds in a real one, while tasks wait in the triggerer and when people test DAGs."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from scripts.local_airflow import AIRFLOW, LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.sandbox_server import running
from tests.helpers.shop import Shop

pytestmark = pytest.mark.system

DAG, SLOW = "promises", "SLOW@AQMBAQA"
CLIENT, OLD, NEW = "client-whose-keys-are-reset", "0ld+secret/of-the-tests", "n3w+secret/of-the-tests"
AN_HOUR = 3600
WAYS = {
    "dag.test()": [sys.executable],
    "airflow tasks test": [*AIRFLOW, "tasks", "test", "submits_deferred", "submit"],
}


@pytest.fixture(scope="module")
def shops() -> Iterator[dict[str, Shop]]:
    """A sandbox for each way to test a DAG, where feeds are finished at once."""
    with (
        running("--no-seed", "--feed-seconds", "0") as one,
        running("--no-seed", "--feed-seconds", "0") as other,
    ):
        yield dict(zip(WAYS, (Shop(one), Shop(other)), strict=True))


@pytest.fixture(scope="module", autouse=True)
def tried(
    airflow: LocalAirflow,
    processes: Processes,
    shops: dict[str, Shop],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The same DAG tested by each way, beside the other tests: in a database of its own, of which no scheduler knows."""
    script = airflow.dags / "system" / "promises.py"

    def is_read() -> bool:
        return bool(airflow.get("/dags", dag_id_pattern="submits_deferred")["dags"])

    processes.wait_until(is_read, what="the DAG to be read")
    started = {}
    for way, command in WAYS.items():
        home = tmp_path_factory.mktemp("home")
        with (
            closing(sqlite3.connect(airflow.home / "airflow.db")) as known,
            closing(sqlite3.connect(home / "airflow.db")) as copy,
        ):
            known.backup(copy)
        env = {
            **airflow.env,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW_CONN_WALMART_DEFAULT": shops[way].connection(),
        }
        started[way] = subprocess.Popen(
            [*command, *([str(script)] if way == "dag.test()" else [])],
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    yield started
    for process in started.values():
        process.kill()
        process.wait()


def test_a_deferred_task_keeps_its_limits_its_options_and_its_keys(
    processes: Processes, airflow: LocalAirflow, sandbox: LocalSandbox
) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": AN_HOUR, "secrets": {CLIENT: OLD}})
    # One has failed before anybody looks at it, the others go on for an hour.
    seeded = sandbox.control(
        "/seed",
        {
            "feeds": [
                {"feedId": SLOW, "items": 2},
                {"items": 3, "failed": 1, "age": 2 * AN_HOUR},
                {"items": 3, "failed": 1},
            ]
        },
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


@pytest.mark.parametrize("way", WAYS)
def test_who_tests_a_dag_sees_its_deferred_task_end(
    way: str, tried: dict[str, subprocess.Popen[str]], shops: dict[str, Shop]
) -> None:
    said, _ = tried[way].communicate(timeout=300)
    assert tried[way].returncode == 0, said
    assert "TypeError" not in said
    assert way != "dag.test()" or "run of dag.test(): success" in said, said
    # It was sent once and waited for, to the end.
    assert shops[way].counts()["POST", "/v3/feeds"] == 1, said
    assert any("includeDetails=true" in entry["query"] for entry in shops[way].received("/v3/feeds/")), said


def _edited(sandbox: LocalSandbox) -> dict[str, Any]:
    return {
        "connection_id": "walmart_rotated",
        "conn_type": "walmart",
        "host": sandbox.url,
        "login": CLIENT,
        "password": NEW,
        "extra": '{"environment": "sandbox"}',
    }
