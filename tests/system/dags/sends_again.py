"""Sends items again that failed at Walmart, seconds later."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator

with DAG(dag_id="sends_again", schedule=None):
    for name in ("deferred", "in_the_worker"):
        WalmartSubmitFeedOperator(
            task_id=name,
            feed_type="price",
            records=[{"sku": sku, "price": 5} for sku in ("LAMP-1", "LAMP-2")],
            resend_transient=4,
            resend_after=10,
            poll_interval=1,
            deferrable=name == "deferred",
        )
