"""Start whenever a report is ready, whoever asked for it (a schedule at Walmart, Seller Center, a task), and land it.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.

From when this DAG is unpaused on, the triggerer reads the list of report requests once a minute; what was ready before
is not announced. Downloads are allowed 20 times an hour.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, AssetWatcher, ObjectStoragePath, dag, task

from airflow_provider_walmart.triggers.report_events import WalmartReportReadyTrigger

FOLDER = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/reports"

READY_REPORTS = Asset(
    "walmart_ready_reports",
    watchers=[
        AssetWatcher(
            name="walmart_ready_reports",
            trigger=WalmartReportReadyTrigger(report_types=["ITEM", "INVENTORY"]),
        )
    ],
)


@dag(
    dag_id="walmart_ready_reports",
    schedule=[READY_REPORTS],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    is_paused_upon_creation=True,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["walmart"],
)
def walmart_ready_reports():
    @task
    def ready_reports(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        events = [event for events in triggering_asset_events.values() for event in events]
        return list(
            {event.extra["payload"]["requestId"]: event.extra["payload"] for event in events}.values()
        )

    @task
    def land_report(report: dict[str, Any]) -> str:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        place = ObjectStoragePath(f"{FOLDER}/{report['reportType']}/{report['requestId']}.zip")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "report.zip"
            WalmartHook("walmart_default").download_report(report["requestId"], str(local))
            with local.open("rb") as source, place.open("wb") as target:
                shutil.copyfileobj(source, target)
        return str(place)

    land_report.expand(report=ready_reports())


walmart_ready_reports()
