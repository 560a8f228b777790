"""Waits in the triggerer: for the feed that the run's configuration names, and for one that it submits."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor

with DAG(dag_id="waits_for_feed", schedule=None):
    WalmartFeedSensor(
        task_id="wait", feed_id="{{ dag_run.conf['feed_id'] }}", poke_interval=1, deferrable=True
    )
    WalmartSubmitFeedOperator(
        task_id="submit",
        feed_type="MP_INVENTORY",
        records=[{"sku": "LAMP-1", "quantity": 1}],
        poll_interval=1,
        deferrable=True,
    )
