"""Every day, land the item report: one operator asks for it or takes a recent one, waits, downloads and unpacks.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.

Walmart needs 15 to 45 minutes to make a report; the task waits in the triggerer meanwhile. Walmart takes
one request per report type and hour: a retry goes on with the request of the first try, and other tasks that want the
same report within the hour share it.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_walmart.operators.reports import WalmartReportOperator

LAKE_DIR = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart")

with DAG(
    dag_id="walmart_item_report",
    schedule="0 5 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["walmart"],
):
    WalmartReportOperator(
        task_id="land_items",
        report_type="ITEM",
        output_path=LAKE_DIR + "/items/{{ dag_run.run_after | ds }}.csv",
        deferrable=True,
    )
