"""Acknowledge the orders that wait for it, and mark the orders in a file of tracking numbers as shipped.

Every order is read before it is changed, so the same file may come again: start the DAG as often as you like.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can reach, such as ``s3://aws_default@my-bucket/walmart``;
the tracking numbers are expected there in ``tracking.csv``, with the columns ``purchase_order_id``,
``tracking_number`` and ``carrier``.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Param

from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator

LAKE = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart")

with DAG(
    dag_id="walmart_order_updates",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # Two runs at once could change the same order at the same moment.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params={"tracking_path": Param(f"{LAKE}/tracking.csv", type="string")},
    tags=["walmart"],
):
    released = WalmartApiOperator(
        task_id="land_released_orders",
        operation="getAllReleasedOrders",
        paginate=True,
        output_path=LAKE + "/released/{{ run_id }}.jsonl",
    )

    acknowledge = WalmartOrderUpdateOperator(
        task_id="acknowledge",
        action="acknowledge",
        records_path="{{ ti.xcom_pull(task_ids='land_released_orders')['uri'] }}",
        outcomes_path=LAKE + "/acknowledged/{{ run_id }}.jsonl",
    )

    ship = WalmartOrderUpdateOperator(
        task_id="ship",
        action="ship",
        records_path="{{ params.tracking_path }}",
        allowed_failures=0.01,
        outcomes_path=LAKE + "/shipped/{{ run_id }}.jsonl",
    )

    released >> acknowledge >> ship
