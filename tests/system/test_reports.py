"""The example DAGs about reports in a real Airflow."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def _small_shop(sandbox: LocalSandbox) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/seed", {"items": 3, "settlements": 5})


def files_in(lake: Path) -> set[str]:
    """Return the files that were landed, and whatever else is there."""
    return {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()}


def test_the_item_report_is_waited_for_in_the_triggerer(
    airflow: LocalAirflow, sandbox: LocalSandbox, lake: Path
) -> None:
    dag, task = "walmart_item_report", "land_items"
    run = airflow.trigger(dag)

    assert airflow.wait_for_run(dag, run) == "success"
    result = airflow.xcom(dag, run, task)
    place = lake / "items" / f"{airflow.get(f'/dags/{dag}/dagRuns/{run}')['run_after'][:10]}.csv"
    assert result == {
        "uri": str(place),
        "rows": 3,
        "bytes": result["bytes"],
        "requestId": airflow.xcom(dag, run, task, "request_id"),
        "reused": False,
    }
    assert place.read_text().startswith("SKU,Product Name,")
    # Others land items beside it, but no part of it is left.
    assert list(place.parent.glob("*.csv*")) == [place]
    log = airflow.task_log(dag, run, task)
    for told in ("Asked for report", "DEFERRED", "3 rows"):
        assert told in log
    assert "X-Amz" not in log
    asked = sandbox.control("/requests?path=/v3/reports/reportRequests")
    assert [call["method"] for call in asked].count("POST") == 1
    assert {call["path"] for call in asked} == {"/v3/reports/reportRequests"}, "no status of a single report"


def test_settlements_are_landed_once(airflow: LocalAirflow, lake: Path) -> None:
    dag = "walmart_recon_files"
    runs = [airflow.trigger(dag)]
    assert airflow.wait_for_run(dag, runs[0]) == "success"
    landed = [name for name in files_in(lake) if name.startswith("recon/")]
    assert len(landed) == 3
    for name in landed:
        with zipfile.ZipFile(lake / name) as archive:
            assert len(archive.read(archive.namelist()[0]).splitlines()) == 6

    runs.append(airflow.trigger(dag))
    assert airflow.wait_for_run(dag, runs[1]) == "success"
    states = [
        sorted((task["task_id"], task["state"]) for task in airflow.task_instances(dag, run)) for run in runs
    ]
    assert states == [
        [("land_file", "success")] * 3 + [("new_files", "success")],
        [("land_file", "skipped"), ("new_files", "success")],
    ]


def test_one_schedule_is_kept(airflow: LocalAirflow, sandbox: LocalSandbox) -> None:
    dag = "walmart_report_schedule"
    for _ in range(2):
        assert airflow.wait_for_run(dag, airflow.trigger(dag)) == "success"
    calls = [
        call for call in sandbox.control("/requests?path=/v3/reports/schedules") if call["method"] != "GET"
    ]
    assert [(call["method"], call["status"]) for call in calls] == [("POST", 200)]
