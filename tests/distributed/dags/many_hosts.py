"""Mapped tasks that call and submit, for however many hosts there are."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import dag, task

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator

CALLERS, CALLS, FEEDS = 8, 12, 12


@dag(schedule=None)
def many_calls():
    @task
    def call(number: int) -> str:
        """Call one operation again and again; return the home of the host."""
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        hook = WalmartHook()
        for _ in range(CALLS):
            hook.call("getReturns", limit=1)
        return os.environ["AIRFLOW_HOME"]

    call.expand(number=list(range(CALLERS)))


@dag(schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)})
def many_feeds():
    WalmartSubmitFeedOperator.partial(
        task_id="submit", feed_type="MP_INVENTORY", poll_interval=2, deferrable=False
    ).expand(
        records=[[{"sku": f"SKU-{number}", "quantity": number}] for number in range(FEEDS)],
    )


many_calls()
many_feeds()
