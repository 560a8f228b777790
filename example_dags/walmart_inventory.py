"""Every quarter of an hour, submit the stock of each warehouse: one feed per file, whatever number of files there is.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can read and write, such as
``s3://aws_default@my-bucket/walmart``; the files are ``inventory/*.csv`` in it, with the columns ``sku``, ``quantity`` and
``ship_node``.

Walmart takes 50 feeds of this type an hour, so up to 12 files fit in a quarter; when there are more, the last ones wait
for their slot in the triggerer.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import ObjectStoragePath, dag, task

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator

INVENTORY = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/inventory"


@dag(
    dag_id="walmart_inventory",
    schedule="*/15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # A late run is not overtaken: the older stock must not come last.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    tags=["walmart"],
)
def walmart_inventory():
    @task
    def files() -> list[str]:
        names = sorted(path.name for path in ObjectStoragePath(INVENTORY).iterdir())
        return [f"{INVENTORY}/{name}" for name in names if name.endswith(".csv")]

    WalmartSubmitFeedOperator.partial(
        task_id="submit",
        feed_type="MP_INVENTORY",
        allowed_failures=0.01,
        item_errors_path=INVENTORY + "/failed_items/{{ run_id }}_{{ ti.map_index }}.jsonl",
        deferrable=True,
        map_index_template="{{ task.records_path.rpartition('/')[2] }}",
    ).expand(records_path=files())


walmart_inventory()
