"""Start whenever orders come, and land them as JSON lines, whoever ships them.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.

From when this DAG is unpaused on, the triggerer polls for new orders once a minute; what was there before is not announced. A
run may get several events, and after a crash of the triggerer the same one again: so orders are taken by their ids.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import Asset, AssetWatcher, ObjectStoragePath, dag, task

from airflow_provider_walmart.triggers.order_events import WalmartNewOrdersTrigger

FOLDER = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/new_orders"

NEW_ORDERS = Asset(
    "walmart_new_orders",
    watchers=[AssetWatcher(name="walmart_new_orders", trigger=WalmartNewOrdersTrigger())],
)


@dag(
    dag_id="walmart_new_orders",
    schedule=[NEW_ORDERS],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    is_paused_upon_creation=True,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["walmart"],
)
def walmart_new_orders():
    @task
    def land_orders(triggering_asset_events: Any = None, run_id: str | None = None) -> dict[str, Any]:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        payloads = [event.extra["payload"] for events in triggering_asset_events.values() for event in events]
        order_ids = sorted({order_id for payload in payloads for order_id in payload["purchaseOrderIds"]})
        hook = WalmartHook("walmart_default")
        place = ObjectStoragePath(f"{FOLDER}/{run_id}.jsonl")
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("w") as file:
            for order_id in order_ids:
                file.write(json.dumps(hook.call("getAnOrder", purchaseOrderId=order_id)) + "\n")
        return {"uri": str(place), "orders": len(order_ids)}

    land_orders()


walmart_new_orders()
