"""Every day, land the orders that changed on the day before, whoever ships them, as gzipped JSON lines.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.

A run that is cleared writes the file of its interval anew. The timetable matters: with a plain cron expression Airflow gives
runs no interval, and an export without one lands all that Walmart keeps, half a year.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_walmart.operators.exports import WalmartExportOperator

LAKE_DIR = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart")

with DAG(
    dag_id="walmart_orders_export",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["walmart"],
):
    WalmartExportOperator(
        task_id="land_orders",
        operation="getAllOrders",
        output_path=LAKE_DIR + "/orders/{{ dag_run.run_after | ts_nodash }}.jsonl.gz",
        compression="gzip",
    )
