"""Every night, land all items, stocks, returns and feeds as they are then, each list a task of its own.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.

To add a list, add its operation: any one that pages.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_walmart.operators.exports import WalmartExportOperator

LAKE_DIR = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart")
LISTS = {
    "items": "getAllItems",
    "unpublished_items": "getUnpublishedItems",
    "inventories": "getMultiNodeInventoryForAllSkuAndAllShipNodes",
    "wfs_inventory": "getWFSInventoryDetails",
    "listing_quality": "itemsDetailsForListing",
    "returns": "getReturns",
    "released_orders": "getAllReleasedOrders",
    "feeds": "getAllFeedStatuses",
}

with DAG(
    dag_id="walmart_snapshots",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["walmart"],
):
    WalmartExportOperator.partial(
        task_id="land",
        compression="gzip",
        map_index_template="{{ task.operation }}",
        # One after the other: they share the account's budget with everything else that runs at night.
        max_active_tis_per_dagrun=1,
    ).expand_kwargs(
        [
            {
                "operation": operation,
                "output_path": f"{LAKE_DIR}/{name}/{{{{ dag_run.run_after | ds }}}}.jsonl.gz",
            }
            for name, operation in LISTS.items()
        ]
    )
