"""Waits in the triggerer for the feed that the run's configuration names."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor

with DAG(dag_id="waits_for_feed", schedule=None):
    WalmartFeedSensor(
        task_id="wait", feed_id="{{ dag_run.conf['feed_id'] }}", poll_interval=1, deferrable=True
    )
