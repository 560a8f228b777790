"""Example DAGs about reports, and reports that are fetched by a plain call: settlements and errors of feeds."""

from __future__ import annotations

import csv
import io
import runpy
import zipfile
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.api import WalmartApiOperator

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"


def task_of(dag: str, task: str):
    """Return the function of a TaskFlow task of an example DAG."""
    module = runpy.run_path(str(EXAMPLES / f"{dag}.py"))
    return module[dag]().get_task(task).python_callable


def table_of(archive: bytes) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        (name,) = opened.namelist()
        return list(csv.DictReader(io.StringIO(opened.read(name).decode(), newline="")))


# -- one schedule as declared --------------------------------------------------------------------------

SCHEDULES = "/v3/reports/schedules"
DECLARED = {
    "frequency": "DAILY",
    "repeatsEvery": 1,
    "hour": 4,
    "filters": {
        "rowFilters": [{"type": "enumFilter", "columnName": "Publish Status", "values": ["PUBLISHED"]}]
    },
}


def schedule(shop, version: str = "v4", **fields) -> str:
    """Make a schedule in another way; return its id."""
    path = f"{SCHEDULES}?reportType=ITEM&reportVersion={version}"
    answer = shop.server.call("POST", path, json={**DECLARED, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()["scheduleId"]


def schedules(shop) -> dict[str, dict]:
    found = shop.server.get(SCHEDULES, reportType="ITEM")["schedules"]
    return {one["scheduleId"]: one["payload"] for one in found if one["reportVersion"] == "v4"}


def writes(shop) -> list[str]:
    """Return what the DAG changed: the methods of its calls."""
    ours = [entry for entry in shop.received(SCHEDULES) if entry["client"] == "an-id"]
    return [entry["method"] for entry in ours if entry["method"] != "GET"]


@pytest.fixture
def keep_schedule():
    return task_of("walmart_report_schedule", "keep_schedule")


def test_a_missing_schedule_is_made_and_then_left_alone(shop, keep_schedule):
    kept = keep_schedule()
    assert keep_schedule() == kept
    assert schedules(shop) == {kept: DECLARED}
    assert writes(shop) == ["POST"]


def test_a_schedule_at_another_hour_is_changed(shop, keep_schedule):
    kept = schedule(shop, hour=5)
    assert keep_schedule() == kept
    assert schedules(shop) == {kept: DECLARED}
    assert writes(shop) == ["PUT"]


@pytest.mark.parametrize("fields", [{"frequency": "HOURLY"}, {"filters": {}}])
def test_a_schedule_that_can_not_be_changed_is_replaced(shop, keep_schedule, fields):
    old = schedule(shop, **fields)
    kept = keep_schedule()
    assert kept != old
    assert schedules(shop) == {kept: DECLARED}
    # At no time there is none.
    assert writes(shop) == ["POST", "DELETE"]


def test_of_many_schedules_one_stays(shop, keep_schedule):
    other = schedule(shop, version="v6")
    first, *_ = [schedule(shop) for _ in range(12)]
    assert keep_schedule() == first
    assert schedules(shop) == {first: DECLARED}
    assert shop.server.get(f"{SCHEDULES}/{other}")["payload"] == DECLARED


# -- settlements ---------------------------------------------------------------------------------------


@pytest.fixture
def new_files(tmp_path, monkeypatch):
    monkeypatch.setenv("WALMART_LAKE_DIR", str(tmp_path))
    return task_of("walmart_recon_files", "new_files")


def test_files_of_new_dates_are_landed(shop, new_files, tmp_path):
    shop.server.control("POST", "seed", {"settlements": 2500})
    wanted = new_files()
    assert len(wanted) == 3
    for one in wanted:
        WalmartApiOperator(task_id="land_file", operation="getReconReportV1", **one).execute({})
    landed = {path.stem: table_of(path.read_bytes()) for path in (tmp_path / "recon").iterdir()}
    assert landed.keys() == {one["api_params"]["reportDate"] for one in wanted}
    assert {len(rows) for rows in landed.values()} == {2500}
    assert {entry["query"] for entry in shop.received("/reconFile$")} == {
        f"reportDate={date}&reportVersion=v1" for date in landed
    }

    assert new_files() == []
    shop.advance(14 * 86400)
    (newest,) = new_files()
    assert newest["api_params"]["reportDate"] not in landed


def test_no_files_no_tasks(shop, new_files):
    assert new_files() == []


@pytest.mark.parametrize("rows", [0, 1, 999, 1000, 1001, 2500])
def test_settlements_as_json_are_whole(shop, rows):
    """Whoever overlooks where the next page begins has the first 1,000 rows and no error."""
    shop.server.control("POST", "seed", {"settlements": max(rows, 1)})
    hook = WalmartHook()
    (date, *_) = hook.call("getAvailableReconReportDates")["availableApReportDates"]
    limit = {"max_records": 0} if rows == 0 else {}
    found = list(hook.paginate("getAvailableV1ReconReportAsJson", reportDate=date, **limit))
    assert found == table_of(hook.call("getReconReport", reportDate=date))[:rows]
    assert len(found) == rows


# -- errors of feeds -----------------------------------------------------------------------------------

REPORT = {"feedId": "F@1", "feedType": "FITMENT_ACES"}


def test_the_error_report_of_a_feed(shop, tmp_path):
    errors = [{"index": 0, "code": "ERR_A"}, {"index": 2, "code": "ERR_B"}]
    shop.feed(feedId="F@1", feedType="FITMENT_ACES", items=3, failed=errors, age=60)
    archive = WalmartHook().call("getFeedErrorReport", **REPORT)
    assert [row["code"] for row in table_of(archive)] == ["ERR_A", "ERR_B"]
    operator = WalmartApiOperator(
        task_id="a_task",
        operation="getFeedErrorReport",
        api_params=REPORT,
        output_path=str(tmp_path / "errors.zip"),
    )
    assert operator.execute({}) == {
        "uri": str(tmp_path / "errors.zip"),
        "bytes": len(archive),
        "records": None,
    }
    assert (tmp_path / "errors.zip").read_bytes() == archive


def test_a_feed_without_errors_has_no_report(shop, tmp_path):
    shop.feed(feedId="F@1", feedType="FITMENT_ACES", items=3, age=60)
    assert WalmartHook().call("getFeedErrorReport", **REPORT) is None
    operator = WalmartApiOperator(
        task_id="a_task",
        operation="getFeedErrorReport",
        api_params=REPORT,
        output_path=str(tmp_path / "errors.zip"),
    )
    assert operator.execute({}) == {"uri": None, "bytes": 0, "records": None}
    assert not list(tmp_path.glob("*.zip"))


def test_error_reports_are_for_fitment_feeds_only(shop):
    operator = WalmartApiOperator(
        task_id="a_task", operation="getFeedErrorReport", api_params={**REPORT, "feedType": "price"}
    )
    with pytest.raises(AirflowFailException, match="FITMENT_ACES, FITMENT_PIES"):
        operator.execute({})
    assert shop.received() == []
