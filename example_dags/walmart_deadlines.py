"""Every hour, tell somebody of orders that are due; every day, of metrics that Walmart rates as at risk.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. `Tell` stands for a notifier of your own choice, such
as `SmtpNotifier` or `SlackNotifier`: here it writes to the log of the task.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone

from airflow.sdk import BaseNotifier, dag

from airflow_provider_walmart.operators.deadlines import (
    WalmartOrdersDueOperator,
    WalmartPerformanceOperator,
)

log = logging.getLogger(__name__)


class Tell(BaseNotifier):
    """Says what failed and why."""

    def notify(self, context):
        """Write to the log what a message would say."""
        log.warning("%s: %s", context["ti"].task_id, context.get("exception"))


@dag(
    dag_id="walmart_deadlines",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": [Tell()]},
    tags=["walmart"],
)
def walmart_deadlines():
    WalmartOrdersDueOperator(
        task_id="acknowledge", kind="acknowledge", within=timedelta(hours=2), fail_when_due=True
    )
    WalmartOrdersDueOperator(task_id="ship", kind="ship", within=timedelta(hours=24), fail_when_due=True)


@dag(
    dag_id="walmart_performance",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"retries": 3, "on_failure_callback": [Tell()]},
    tags=["walmart"],
)
def walmart_performance():
    WalmartPerformanceOperator(task_id="performance", fail_on="URGENT")


walmart_deadlines()
walmart_performance()
