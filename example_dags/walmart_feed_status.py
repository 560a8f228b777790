"""Every hour, check the feeds of the last day; red when items did not make it, with the SKUs in a file.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_ERRORS_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator

ERRORS_DIR = os.environ.get("WALMART_ERRORS_DIR", "file:///tmp/walmart")

with DAG(
    dag_id="walmart_feed_status",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["walmart"],
):
    WalmartFeedStatusOperator(
        task_id="check_feeds",
        since_hours=24,
        allowed_failures=0,
        item_errors_path=ERRORS_DIR + "/failed_items/{{ run_id }}.jsonl",
    )
