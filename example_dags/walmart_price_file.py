"""Every day, have somebody check the price file of the day, and submit it once it is approved.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can read and write, such as
``s3://aws_default@my-bucket/walmart``; the file is ``prices/YYYY-MM-DD.csv`` in it, with the columns ``sku`` and ``price``.

Approve it in the UI: *Required Actions* of the run. The checked copy is sent: later changes to the file don't
matter.
"""

from __future__ import annotations

import csv
import os
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import ObjectStoragePath, dag, task

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator

PRICES = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/prices"
PRICE_FILE = PRICES + "/{{ dag_run.run_after | ds }}.csv"
LOOKED_AT = PRICES + "/looked_at/{{ run_id }}.csv"


@dag(
    dag_id="walmart_price_file",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["walmart"],
)
def walmart_price_file():
    @task
    def preview(price_file: str, looked_at: str) -> str:
        """Put a copy aside, and return what to know of it before saying yes."""
        copy = ObjectStoragePath(looked_at)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(ObjectStoragePath(price_file).read_bytes())
        with copy.open("r", encoding="utf-8-sig", newline="") as file:
            prices = {row["sku"]: float(row["price"]) for row in csv.DictReader(file)}
        lowest, highest = min(prices, key=prices.get), max(prices, key=prices.get)
        return f"{len(prices)} prices, from {prices[lowest]:.2f} ({lowest}) to {prices[highest]:.2f} ({highest})."

    approve = ApprovalOperator(
        task_id="approve",
        subject="Send the prices of {{ dag_run.run_after | ds }} to Walmart?",
        body="{{ ti.xcom_pull(task_ids='preview') }}",
        # Nobody there: nothing is sent.
        defaults=ApprovalOperator.REJECT,
        response_timeout=timedelta(hours=12),
    )

    submit = WalmartSubmitFeedOperator(
        task_id="submit",
        feed_type="PRICE_AND_PROMOTION",
        records_path=LOOKED_AT,
        allowed_failures=0.01,
        item_errors_path=PRICES + "/failed_items/{{ run_id }}.jsonl",
        deferrable=True,
    )

    preview(PRICE_FILE, LOOKED_AT) >> approve >> submit


walmart_price_file()
