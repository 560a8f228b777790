"""Every hour, send the prices that changed since Walmart last accepted them.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can read and write, such as
``s3://aws_default@my-bucket/walmart``; the file is ``prices/all.csv`` in it, with the columns ``sku`` and ``price``, for
all SKUs.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import dag

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator

PRICES = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/prices"


@dag(
    dag_id="walmart_changed_prices",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # Of two runs with the same price on its way, nobody knows which one Walmart processes last.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["walmart"],
)
def walmart_changed_prices():
    WalmartSubmitFeedOperator(
        task_id="submit",
        feed_type="price",
        records_path=PRICES + "/all.csv",
        send="changed",
        snapshot_path=PRICES + "/accepted.sqlite",
        full_every=timedelta(days=7),
        item_errors_path=PRICES + "/failed_items/{{ run_id }}.jsonl",
        deferrable=True,
    )


walmart_changed_prices()
