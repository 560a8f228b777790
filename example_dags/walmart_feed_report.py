"""Whenever feeds have finished, whoever submitted them, land the items that did not make it; red when there are many.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.

The triggerer watches the list of feeds as long as this DAG is not paused. Several feeds that finish at about the same time
may come in one run, so a run loops over its events.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator
from airflow_provider_walmart.triggers.feed_events import WalmartFeedFinishedTrigger

REPORTS = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/feed_reports"

feed_finished = Asset(
    "walmart_feed_finished",
    watchers=[AssetWatcher(name="walmart_feeds", trigger=WalmartFeedFinishedTrigger(poll_interval=10))],
)


@dag(
    dag_id="walmart_feed_report",
    schedule=[feed_finished],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    tags=["walmart"],
)
def walmart_feed_report():
    @task
    def finished_feeds(triggering_asset_events=None) -> list[dict[str, Any]]:
        feeds = [event.extra["payload"] for event in triggering_asset_events[feed_finished]]
        return [
            {"feed_id": feed["feedId"], "item_errors_path": f"{REPORTS}/{feed['feedId']}.jsonl"}
            for feed in feeds
        ]

    WalmartFeedStatusOperator.partial(task_id="report", allowed_failures=0.01).expand_kwargs(finished_feeds())


walmart_feed_report()
