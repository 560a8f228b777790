"""What one task did at Walmart: from its XComs, without asking Walmart."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_walmart.web.access import User, may_read_connection, reads_xcoms
from airflow_provider_walmart.web.pages.deliveries import delivery_of
from airflow_provider_walmart.web.pages.feeds import feed_of
from airflow_provider_walmart.web.pages.reports import export_of
from airflow_provider_walmart.web.rendering import page
from airflow_provider_walmart.web.task_records import TaskRun, task_run

router = APIRouter(prefix="/task/{dag_id}", dependencies=[reads_xcoms])

# Whose results are counts, ids and URIs: what others return may be long, or personal.
COUNTING = (
    "WalmartOrderUpdateOperator",
    "WalmartOrdersDueOperator",
    "WalmartPerformanceOperator",
    "WalmartReportOperator",
    "WalmartReportSensor",
    "WalmartSettlementOperator",
)


@router.get("/{run_id}/{task_id}/{map_index}")
async def task(
    request: Request, dag_id: str, run_id: str, task_id: str, map_index: str, user: User
) -> Response:
    """Show the feeds, report, export, orders or delivery of a task."""
    run = await run_in_threadpool(task_run, dag_id, run_id, task_id, index_of(map_index))
    if run is None:
        raise HTTPException(404)
    feeds = _feeds(run)
    shown = {each.feed_id for each in feeds}
    export, delivery = _export(run), delivery_of(run)
    return page(
        request,
        "task",
        task=run,
        feeds=feeds,
        waiting=[feed_id for feed_id in run.feed_ids if feed_id not in shown],
        export=export,
        delivery=delivery,
        facts={} if feeds or export or delivery else _facts(run),
        reads_account=bool(run.conn_id) and may_read_connection(user, run.conn_id),
    )


def index_of(text: str) -> int:
    """Return a map index; -1 for what Airflow leaves in its place when a task is not mapped."""
    try:
        return int(text)
    except ValueError:
        return -1


def _feeds(run: TaskRun) -> list[Any]:
    results = run.result if isinstance(run.result, list) else [run.result]
    if isinstance(run.result, dict) and isinstance(run.result.get("feeds"), list):
        results = run.result["feeds"]
    return [feed_of(each) for each in results if isinstance(each, dict) and each.get("feedId")]


def _export(run: TaskRun) -> Any:
    is_export = isinstance(run.result, dict) and "watermark" in run.result
    return export_of(run) if is_export else None


def _facts(run: TaskRun) -> dict[str, Any]:
    if run.operator not in COUNTING or not isinstance(run.result, dict):
        return {}
    return {str(name): value for name, value in run.result.items() if isinstance(value, (str, int, float))}
