"""Reports that were asked for, and what exports have landed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.reports.requests import find_report_requests, submitted_at
from airflow_provider_walmart.client.values.dates import parse_time, utc_minute, utc_now
from airflow_provider_walmart.web.access import User, reads_connection
from airflow_provider_walmart.web.desk import BusyError, desk, marketplace
from airflow_provider_walmart.web.rendering import page
from airflow_provider_walmart.web.task_records import TaskRun, results

router = APIRouter(prefix="/account/{connection_id}/reports", dependencies=[reads_connection])

DAYS = 30
# Types of report asked about at the same time.
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Report:
    """A request for a report, as a page shows it."""

    request_id: str
    report_type: str
    version: str
    status: str
    source: str
    submitted: datetime | None


@dataclass(frozen=True)
class Export:
    """What an export has landed last."""

    task: TaskRun
    uri: str
    records: int | None
    start: str
    end: str
    watermark: str


@router.get("")
async def reports(request: Request, connection_id: str, user: User) -> Response:
    """Show the report requests and exports of the last days."""
    exports = await results(user, "WalmartExportOperator", DAYS, connection_id)
    found: list[Report] = []
    error: WalmartError | BusyError | None = None
    try:
        found = await desk().ask(("reports", connection_id), lambda: _read(connection_id))
    except (WalmartError, BusyError) as failure:
        # What has landed is known without Walmart.
        error = failure
    return page(
        request,
        "reports",
        conn_id=connection_id,
        conn_type="walmart",
        reports=found,
        error=error,
        exports=last_exports(exports),
        days=DAYS,
    )


def _read(conn_id: str) -> list[Report]:
    client = marketplace(conn_id)
    since = utc_now() - timedelta(days=DAYS)
    (types,) = (each.enum for each in find("getRequestsStatus").parameters if each.name == "reportType")

    # Walmart lists them by type only.
    def of_type(report_type: str) -> list[Report]:
        return [_report(each) for each in find_report_requests(client, report_type, since=since)]

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = [report for of_one in pool.map(of_type, types) for report in of_one]
    return sorted(found, key=lambda report: report.submitted or since, reverse=True)


def _report(request: dict[str, Any]) -> Report:
    def text(name: str) -> str:
        return str(request.get(name) or "")

    return Report(
        text("requestId"),
        text("reportType"),
        text("reportVersion"),
        text("requestStatus"),
        text("src"),
        submitted_at(request),
    )


def last_exports(runs: list[TaskRun]) -> list[Export]:
    """Return what each exporting task has landed last.

    :param runs: runs of exporting tasks, the newest first.
    """
    found: dict[tuple[str, str, int], Export] = {}
    for run in runs:
        if isinstance(run.result, dict):
            found.setdefault((run.dag_id, run.task_id, run.map_index), export_of(run))
    return list(found.values())


def export_of(run: TaskRun) -> Export:
    """Return what a run of an exporting task has landed."""
    window = run.result.get("window") or {}
    records = run.result.get("records")
    return Export(
        run,
        str(run.result.get("uri") or ""),
        records if isinstance(records, int) else None,
        _minute(window.get("start")),
        _minute(window.get("end")),
        _minute(run.result.get("watermark")),
    )


def _minute(text: Any) -> str:
    """Return an ISO date to the minute, as it is where it is none."""
    moment = parse_time(text)
    return utc_minute(moment).removesuffix(" UTC") if moment else str(text or "")
