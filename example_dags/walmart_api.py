"""Any documented operation as a task: land a list, call once for each entry of it, and change something.

Lands the orders that wait for their acknowledgement, each of them with product details in a file of its own, and sets
the stock of one SKU. Start it by hand and give SKU and amount.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_provider_walmart.operators.api import WalmartApiOperator

FOLDER = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/released/{{ run_id }}"


@dag(
    dag_id="walmart_api",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={"sku": Param("SKU-000001", type="string"), "amount": Param(5, type="integer", minimum=0)},
    tags=["walmart"],
)
def walmart_api():
    released = WalmartApiOperator(
        task_id="land_released_orders",
        operation="getAllReleasedOrders",
        paginate=True,
        output_path=FOLDER + "/orders.jsonl",
    )

    @task
    def each_order(landed: dict[str, Any]) -> list[dict[str, Any]]:
        path = ObjectStoragePath(landed["uri"])
        ids = [json.loads(line)["purchaseOrderId"] for line in path.read_text().splitlines()]
        return [
            {
                "api_params": {"purchaseOrderId": purchase_order, "productInfo": True},
                "output_path": f"{path.parent}/{purchase_order}.json",
            }
            for purchase_order in ids
        ]

    WalmartApiOperator.partial(task_id="land_order", operation="getAnOrder").expand_kwargs(
        each_order(released.output)
    )

    WalmartApiOperator(
        task_id="set_stock",
        operation="updateInventoryForAnItem",
        api_params={"sku": "{{ params.sku }}"},
        # As text, so that the amount stays a number.
        body='{"sku": {{ params.sku | tojson }}, "quantity": {"unit": "EACH", "amount": {{ params.amount }}}}',
    )


walmart_api()
