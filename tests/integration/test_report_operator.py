"""WalmartReportOperator against the sandbox: asked for once or reused, waited for, landed; deferred or not."""

from __future__ import annotations

import csv
import io
import json
import logging
import zipfile
from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.errors import (
    WalmartConnectionError,
    WalmartNotFoundError,
    WalmartRateLimitError,
    WalmartReportFailedError,
    WalmartTimeoutError,
)
from airflow_provider_walmart.client.reports import once as reports
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from tests.helpers.passing_time import time_passes
from tests.helpers.tasks import StateStore, Task

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
REQUESTS = "^/v3/reports/reportRequests$"
FILTERS = [{"type": "enumFilter", "columnName": "Publish Status", "values": ["PUBLISHED"]}]
HOUR = 3600


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(reports, "SETTLE", 0.3)
    monkeypatch.setattr(reports, "READ_EVERY", 0.1)
    shop.settings(report_seconds=0)
    shop.server.control("POST", "seed", {"items": 3})


@pytest.fixture
def log_text(caplog, capfd):
    """Return a function that returns what was logged: by operators to the output, by modules to the root logger."""
    caplog.set_level(logging.INFO)
    return lambda: capfd.readouterr().out + caplog.text


@pytest.fixture
def operator(tmp_path):
    """Return a function that returns one that makes the operator, anew for each part of a task."""

    def make(**fields):
        known = {
            "task_id": "a_task",
            "report_type": "ITEM",
            "output_path": str(tmp_path / "landed" / "items"),
            "poll_interval": 0.05,
            "deferrable": False,
        }
        return lambda: WalmartReportOperator(**{**known, **fields})

    return make


def posts(shop) -> list[dict]:
    return [entry for entry in shop.received(REQUESTS) if entry["method"] == "POST"]


def asked_elsewhere(shop, **fields) -> str:
    """Have somebody else ask for a report; return the id of the request."""
    (request_id,) = shop.server.control("POST", "seed", {"reports": [{"reportVersion": "v6", **fields}]})[
        "reports"
    ]
    return request_id


def listed(shop) -> list[dict]:
    return shop.server.get("/v3/reports/reportRequests", reportType="ITEM")["requests"]


def landed(tmp_path) -> dict[str, bytes]:
    """Return the files where the report goes, and what they hold."""
    return {file.name: file.read_bytes() for file in (tmp_path / "landed").iterdir()}


def travel(shop, seconds: float):
    """Let time pass for the sandbox; for us it does while the context lasts."""
    shop.advance(seconds)
    shop.server._token = ""
    return time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=seconds))


TABLE = (
    "SKU,Product Name,Price,Currency,Publish Status\r\n"
    "SKU-000001,Desk Lamp No. 1,5.36,USD,PUBLISHED\r\n"
    "SKU-000002,Wool Blanket No. 2,5.73,USD,PUBLISHED\r\n"
    "SKU-000003,Bread Box No. 3,6.10,USD,PUBLISHED\r\n"
)


def rows_of(output_format: str, content: bytes) -> list[dict]:
    if output_format == "jsonl":
        return [json.loads(line) for line in content.splitlines()]
    if output_format == "parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    if output_format == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = archive.namelist()
            content = archive.read(name)
    assert content.decode() == TABLE
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


# -- the plain way -------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("output_format", ["csv", "zip", "jsonl", "parquet"])
def test_lands_the_report_of_now(shop, operator, tmp_path, output_format, deferrable):
    shop.settings(report_seconds=600)
    task = Task()
    with time_passes(shop, 600, after=4, path=REQUESTS):
        result = task.run(operator(output_format=output_format, deferrable=deferrable))
    (post,) = posts(shop)
    assert post["query"] == "reportType=ITEM&reportVersion=v6"
    assert len(task.deferrals) == deferrable
    found = landed(tmp_path)
    assert list(found) == ["items"]
    assert rows_of(output_format, found["items"]) == list(csv.DictReader(io.StringIO(TABLE)))
    (request,) = shop.server.get("/v3/reports/reportRequests", reportType="ITEM")["requests"]
    assert task.xcom == {"request_id": request["requestId"]}
    assert result == {
        "uri": str(tmp_path / "landed" / "items"),
        "rows": 3,
        "bytes": result["bytes"],
        "requestId": request["requestId"],
        "reused": False,
    }
    if output_format == "zip":
        assert result["bytes"] == len(found["items"])


@MODES
def test_what_is_asked_for(shop, operator, tmp_path, deferrable):
    """Templates give times as text."""
    task = Task()
    task.run(
        operator(
            report_type="ITEM_PERFORMANCE",
            row_filters=FILTERS,
            exclude_columns=["Price", "Currency"],
            start="2026-01-01T00:00:00+01:00",
            end="2026-01-02T00:00:00Z",
            date_granularity="WEEKLY",
            deferrable=deferrable,
        )
    )
    (request,) = shop.server.get("/v3/reports/reportRequests", reportType="ITEM_PERFORMANCE")["requests"]
    assert request["reportVersion"] == "v3"
    assert request["payload"] == {
        "rowFilters": FILTERS,
        "excludeColumns": ["Price", "Currency"],
        "dataStartTime": "2025-12-31T23:00:00.000Z",
        "dataEndTime": "2026-01-02T00:00:00.000Z",
        "dateGranularity": "WEEKLY",
    }
    assert landed(tmp_path)["items"].startswith(b"SKU,Product Name,Publish Status\r\n")


@MODES
@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("SKU\n", 0),
        ("SKU,Name\n", 0),
        ('SKU,Name\n1,"a\nb\n\nc"\n2,"d ""e""\n"\n', 2),
        ("SKU\n1", 1),
    ],
)
def test_rows_are_counted(shop, operator, tmp_path, table, rows, deferrable):
    shop.settings(report_csv=table)
    assert Task().run(operator(deferrable=deferrable))["rows"] == rows
    assert landed(tmp_path) == {"items": table.encode()}


def test_the_log_tells_of_rows_and_bytes(operator, log_text):
    result = Task().run(operator())
    assert f"3 rows, {result['bytes']} bytes downloaded" in log_text()


def test_a_report_of_yesterday_is_replaced(operator, tmp_path):
    (tmp_path / "landed").mkdir()
    (tmp_path / "landed" / "items").write_text("of yesterday")
    Task().run(operator())
    assert landed(tmp_path) == {"items": TABLE.encode()}


def test_reports_of_several_types_in_one_hour(shop, operator):
    """Walmart takes one request an hour of each type, not of all of them."""
    for report_type in ("ITEM", "INVENTORY", "PROMO"):
        Task().run(operator(report_type=report_type))
    assert [post["status"] for post in posts(shop)] == [200] * 3


# -- reuse ---------------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("seconds", [0, 660], ids=["ready", "in progress"])
def test_an_equal_request_is_used(shop, operator, tmp_path, seconds, deferrable):
    request_id = asked_elsewhere(shop, age=60, seconds=seconds)
    with time_passes(shop, 600, after=3, path=REQUESTS):
        result = Task().run(operator(deferrable=deferrable))
    assert (result["requestId"], result["reused"]) == (request_id, True)
    assert landed(tmp_path) == {"items": TABLE.encode()}
    assert posts(shop) == []


def test_two_tasks_need_one_report(shop, operator, tmp_path):
    fields = {"row_filters": FILTERS, "exclude_columns": ["Price"]}
    first = Task().run(operator(**fields))
    second = Task().run(operator(**fields, output_path=str(tmp_path / "other")))
    assert second == {**first, "uri": str(tmp_path / "other"), "reused": True}
    assert len(posts(shop)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"report_type": "INVENTORY"},
        {"report_version": "v4"},
        {"row_filters": FILTERS},
        {"exclude_columns": ["Price"]},
        {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
        {"reuse_within": timedelta(0)},
        {"reuse_within": None},
        {"reuse_within": timedelta(seconds=50)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_not_equal_or_too_old_is_not_used(shop, operator, fields):
    asked_elsewhere(shop, age=60)
    assert Task().run(operator(**fields))["reused"] is False
    assert len(posts(shop)) == 1


def test_the_newest_equal_request_is_used(shop, operator):
    asked_elsewhere(shop, age=120)
    newest = asked_elsewhere(shop, age=60)
    asked_elsewhere(shop, age=30, payload={"excludeColumns": ["Price"]})
    asked_elsewhere(shop, age=20, outcome="ERROR")
    assert Task().run(operator())["requestId"] == newest


def test_a_task_cleared_after_landing_takes_a_recent_report_or_asks_anew(shop, operator):
    task = Task()
    first = task.run(operator())
    assert task.run(operator()) == {**first, "reused": True}
    assert len(posts(shop)) == 1
    with travel(shop, HOUR + 60):
        later = task.run(operator())
    assert later["reused"] is False
    assert later["requestId"] != first["requestId"]
    assert len(posts(shop)) == 2


# -- once ----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What no ``except Exception`` sees, like the end of a process."""


class DyingStore(StateStore):
    """A task state whose process dies right before it keeps the id of a request."""

    dies = True

    def set(self, key, value, **options) -> None:
        if self.dies and "requestId" in value:
            self.dies = False
            raise Killed
        super().set(key, value, **options)


@MODES
def test_killed_before_the_id_is_kept(shop, operator, tmp_path, deferrable):
    task = Task()
    task.state = DyingStore()
    with pytest.raises(Killed):
        task.run(operator(deferrable=deferrable, reuse_within=None))
    result = task.run(operator(deferrable=deferrable, reuse_within=None))
    assert len(posts(shop)) == 1
    assert result["reused"] is False
    assert landed(tmp_path) == {"items": TABLE.encode()}


def test_killed_before_the_id_of_what_walmart_could_not_make_is_kept(shop, operator):
    shop.settings(report_outcome="ERROR")
    task = Task()
    task.state = DyingStore()
    with pytest.raises(Killed):
        task.run(operator())
    with pytest.raises(WalmartReportFailedError):
        task.run(operator())
    assert len(posts(shop)) == 1


@MODES
def test_killed_while_it_waits(shop, operator, monkeypatch, deferrable):
    task = Task()
    with monkeypatch.context() as patch:
        name = "_defer" if deferrable else "_land"
        patch.setattr(WalmartReportOperator, name, lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            task.run(operator(deferrable=deferrable))
    assert task.run(operator(deferrable=deferrable))["reused"] is False
    assert len(posts(shop)) == 1


def test_whose_request_it_was_is_known_to_a_retry(shop, operator, monkeypatch):
    asked_elsewhere(shop, age=60)
    task = Task()
    with monkeypatch.context() as patch:
        patch.setattr(WalmartReportOperator, "_land", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            task.run(operator())
    assert task.run(operator())["reused"] is True


def test_a_request_whose_answer_got_lost_is_found(shop, operator, log_text):
    shop.fault(REQUESTS, method="POST", reset="after", times=1)
    result = Task().run(operator(reuse_within=None))
    assert result["reused"] is False
    assert len(posts(shop)) == 1
    assert "The answer to the report request got lost" in log_text()


@pytest.mark.parametrize(
    "answer", [{"status": 500}, {"status": 200, "body": {}}, {"status": 200, "body": "<html>"}]
)
def test_a_request_whose_answer_makes_no_sense_is_found(shop, operator, answer):
    shop.fault(REQUESTS, method="POST", times=1, after_effect=True, **answer)
    Task().run(operator(reuse_within=None))
    assert len(posts(shop)) == 1


def test_a_request_that_never_arrived_is_sent_by_the_next_try(shop, operator):
    shop.fault(REQUESTS, method="POST", reset="before", times=1)
    task = Task()
    with pytest.raises(WalmartConnectionError, match="never arrived"):
        task.run(operator())
    task.run(operator())
    assert [post["status"] for post in posts(shop)] == [0, 200]


def test_two_that_ask_at_the_same_moment_share_a_report(shop, operator):
    """Walmart takes one request an hour: who comes second need not wait for the next."""
    first = Task().run(operator())
    nothing = {"page": 1, "totalCount": 0, "limit": 10, "requests": []}
    shop.fault(REQUESTS, method="GET", times=1, body=nothing)
    second = Task().run(operator())
    assert len(posts(shop)) == 1
    assert (second["requestId"], second["reused"]) == (first["requestId"], True)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_lost_request_is_found_whatever_our_clock_says(shop, operator, hours):
    """By its id: an equal one that somebody else asked for is not taken for ours."""
    asked_elsewhere(shop, age=1800)
    shop.fault(REQUESTS, method="POST", reset="after", times=1)
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(hours=hours)):
        result = Task().run(operator(reuse_within=None))
    assert result["reused"] is False
    assert len(posts(shop)) == 1
    ours = next(report for report in listed(shop) if report["src"] == "API")
    assert result["requestId"] == ours["requestId"]


def test_an_id_that_the_list_does_not_show_yet_is_asked_for_itself(shop, operator, monkeypatch):
    task = Task()
    with monkeypatch.context() as patch:
        patch.setattr(WalmartReportOperator, "_land", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            task.run(operator())
    shop.fault(REQUESTS, method="GET", body={"page": 1, "totalCount": 0, "limit": 10, "requests": []})
    task.run(operator())
    assert len(posts(shop)) == 1


@MODES
def test_a_new_request_may_be_unknown_at_first(shop, operator, deferrable):
    nothing = {"page": 1, "totalCount": 0, "limit": 10, "requests": []}
    # The first list is read before it is asked for.
    shop.fault(REQUESTS, method="GET", body=nothing, skip=1, times=2)
    shop.fault("^/v3/reports/reportRequests/", status=404, times=2)
    assert Task().run(operator(deferrable=deferrable))["rows"] == 3
    assert len(posts(shop)) == 1


def test_a_request_that_walmart_forgot_is_made_again(shop, operator):
    task = Task()
    key = reports.record_key("ITEM", "v6", {})
    task.state.set(key, {"requestId": "00000000-0000-0000-0000-000000000000"})
    assert task.run(operator())["rows"] == 3
    assert len(posts(shop)) == 1


@pytest.mark.parametrize("body", ["<html><title>404 Not Found</title>", {}, {"code": 404, "message": "no"}])
def test_a_404_of_a_gateway_makes_no_second_request(shop, operator, body):
    task = Task()
    known = {"requestId": "00000000-0000-0000-0000-000000000000"}
    task.state.set(reports.record_key("ITEM", "v6", {}), known)
    shop.fault("^/v3/reports/reportRequests/", status=404, body=body)
    with pytest.raises(WalmartNotFoundError, match="may have answered in its place"):
        task.run(operator())
    assert not posts(shop)


def test_without_task_state_a_retry_takes_the_recent_request(shop, operator, monkeypatch):
    task = Task(has_state=False)
    with monkeypatch.context() as patch:
        patch.setattr(WalmartReportOperator, "_land", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            task.run(operator())
    assert task.run(operator())["reused"] is True
    assert len(posts(shop)) == 1


# -- failures ------------------------------------------------------------------------------------------


@MODES
def test_a_report_that_walmart_could_not_make(shop, operator, tmp_path, deferrable):
    shop.settings(report_outcome="ERROR")
    task = Task()
    with pytest.raises(WalmartReportFailedError, match=r"could not make .*Hint: .*hour"):
        task.run(operator(deferrable=deferrable))
    # Another request would be refused within the hour, and no retry is worth it.
    with pytest.raises(WalmartReportFailedError, match=r"could not make .*Hint: .*hour"):
        task.run(operator(deferrable=deferrable))
    assert len(posts(shop)) == 1
    shop.settings(report_outcome="READY")
    with travel(shop, HOUR + 60):
        task.run(operator(deferrable=deferrable))
    assert len(posts(shop)) == 2
    assert landed(tmp_path) == {"items": TABLE.encode()}


@MODES
@pytest.mark.parametrize("damage", ["truncated", "two files", "gone"])
def test_a_report_that_stays_damaged_is_asked_for_anew_after_an_hour(shop, operator, damage, deferrable):
    shop.settings(report_damage=damage)
    task = Task()
    fields = {"deferrable": deferrable, "reuse_within": timedelta(days=1)}
    for _ in range(2):
        with pytest.raises(WalmartReportFailedError):
            task.run(operator(**fields))
    assert len(posts(shop)) == 1
    shop.settings(report_damage=None)
    with travel(shop, HOUR + 60):
        task.run(operator(**fields))
    assert len(posts(shop)) == 2


@MODES
def test_a_second_request_within_the_hour_is_refused_with_the_time_to_come_back(shop, operator, deferrable):
    Task().run(operator())
    task = Task()
    with pytest.raises(WalmartRateLimitError) as caught:
        task.run(operator(exclude_columns=["Price"], deferrable=deferrable))
    wait = caught.value.retry_at - datetime.now(timezone.utc)
    assert timedelta(minutes=58) < wait <= timedelta(minutes=61)
    with travel(shop, HOUR + 60):
        assert task.run(operator(exclude_columns=["Price"], deferrable=deferrable))["reused"] is False


def test_without_wait_for_completion_the_report_is_asked_for_and_a_later_task_lands_it(
    shop, operator, tmp_path
):
    shop.settings(report_seconds=HOUR / 2)
    asked = Task().run(operator(wait_for_completion=False))
    assert (asked["uri"], asked["rows"], asked["bytes"], asked["reused"]) == (None, None, None, False)
    assert asked["requestId"] == listed(shop)[0]["requestId"]
    assert not (tmp_path / "landed").exists()
    with travel(shop, HOUR - 60):
        done = Task().run(operator())
    assert (done["requestId"], done["rows"], done["reused"]) == (asked["requestId"], 3, True)


@MODES
def test_a_report_that_takes_too_long(shop, operator, deferrable):
    shop.settings(report_seconds=HOUR)
    task = Task()
    late = {"deferrable": deferrable, "timeout": 0.2}
    with pytest.raises(WalmartTimeoutError, match=r"not finished after .* goes on waiting"):
        task.run(operator(**late))
    with pytest.raises(WalmartTimeoutError, match="not finished"):
        task.run(operator(**late))
    assert len(posts(shop)) == 1
    shop.advance(HOUR)
    assert task.run(operator(**late))["rows"] == 3
    assert len(posts(shop)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"report_type": ""},
        {"report_version": "v7"},
        {"report_type": "ITEM_PERFORMANCE", "report_version": "v3"},
        {"start": "2026-01-01T00:00:00Z"},
        {"start": "2026-01-01", "end": "2026-01-02"},
        {"start": "yesterday", "end": "2026-01-02T00:00:00Z"},
        {"start": "2020-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
        {"output_path": "nowhere://bucket/key"},
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(shop, operator, fields):
    with pytest.raises(AirflowFailException, match="WalmartConfigError"):
        Task().run(operator(**fields))
    assert shop.received() == []


def test_a_type_unknown_here_is_for_walmart_to_judge(shop, operator):
    with pytest.raises(AirflowFailException, match="reportType"):
        Task().run(operator(report_type="MADE_UP_TOMORROW"))
    (request,) = shop.received(REQUESTS)
    assert "reportType=MADE_UP_TOMORROW&reportVersion=v1" in request["query"]


@MODES
def test_an_empty_file_is_no_report(shop, operator, tmp_path, deferrable):
    shop.settings(report_csv="")
    with pytest.raises(WalmartReportFailedError, match="not even a header"):
        Task().run(operator(deferrable=deferrable))
    assert landed(tmp_path) == {}
