"""Every quarter of an hour, land the orders that changed since the last run, and load them as soon as they are landed.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.

Airflow 3.3 remembers with the asset how far it was exported, so a run goes on where the last one ended, even if runs were
missed; a run that failed moves nothing. On Airflow 3.1 and 3.2 each run exports its data interval. Each window starts ten
minutes earlier, for orders that Walmart shows late: load by ``purchaseOrderId``, the last one wins.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, Asset, ObjectStoragePath, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_walmart.operators.exports import WalmartExportOperator

LAKE_DIR = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart")
ORDERS = Asset("walmart_orders")
SETTINGS = {
    "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "catchup": False,
    "max_active_runs": 1,
    "default_args": {"retries": 3, "retry_delay": timedelta(minutes=2)},
    "tags": ["walmart"],
}

with DAG(
    dag_id="walmart_orders_incremental",
    schedule=CronDataIntervalTimetable("*/15 * * * *", timezone="UTC"),
    **SETTINGS,
):
    WalmartExportOperator(
        task_id="land_orders",
        operation="getAllOrders",
        output_path=LAKE_DIR + "/new_orders/{{ dag_run.run_after | ts_nodash }}",
        lookback=timedelta(minutes=10),
        compression="gzip",
        part_bytes=500_000_000,
        outlets=[ORDERS],
    )

with DAG(dag_id="walmart_orders_load", schedule=[ORDERS], **SETTINGS):

    @task
    def load(triggering_asset_events=None) -> list[dict[str, Any]]:
        # Several exports may have ended since the last run.
        found = []
        for event in triggering_asset_events[ORDERS]:
            with ObjectStoragePath(event.extra["manifest"]).open() as file:
                manifest = json.load(file)
            # Here goes what copies files into your warehouse.
            found += manifest["parts"]
        return found

    load()
