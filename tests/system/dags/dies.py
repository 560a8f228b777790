"""Submits a feed in two tasks, and both are killed where the run's configuration says, on their first try.

Killed is the whole worker: the task's own process and the one that supervises it.
"""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from functools import wraps

from airflow.sdk import DAG

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator


def die() -> None:
    """End the worker at once."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal(WalmartSubmitFeedOperator):
    """Dies at one point of its first try."""

    def execute(self, context):
        from airflow_provider_walmart.client.feeds import submit as feed_submit

        # The sandbox lists a feed at once.
        feed_submit.SETTLE, feed_submit.READ_EVERY = 2.0, 1.0
        if context["ti"].try_number == 1:
            die_at(context["dag_run"].conf["point"])
        return super().execute(context)

    def execute_complete(self, context, **kwargs):
        if context["ti"].try_number == 1 and context["dag_run"].conf["point"] == "while waiting":
            die()
        return super().execute_complete(context, **kwargs)


def die_at(point: str) -> None:
    """Have this process die when it comes to a point of its way."""
    from requests.adapters import HTTPAdapter

    from airflow_provider_walmart.client.feeds import submit as feed_submit

    send, submit = HTTPAdapter.send, feed_submit.submit_feed
    submitted = []

    @wraps(send)
    def mortal_send(self, request, **options):
        is_feeds = request.path_url.startswith("/v3/feeds")
        is_upload = is_feeds and request.method == "POST"
        # The list of feeds is read for the intent, and after that there is one.
        if is_feeds and not is_upload and point == ("while waiting" if submitted else "before the intent"):
            die()
        if is_upload and point == "before the request":
            die()
        answer = send(self, request, **options)
        if is_upload and point == "before the answer is read":
            die()
        return answer

    @wraps(submit)
    def mortal_submit(*arguments):
        feed_id = submit(*arguments)
        submitted.append(feed_id)
        if point == "before the id is stored":
            die()
        return feed_id

    HTTPAdapter.send, feed_submit.submit_feed = mortal_send, mortal_submit


with DAG(
    dag_id="dies", schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}
) as dag:
    for mode, deferrable in {"poll": False, "deferred": True}.items():
        Mortal(
            task_id=mode,
            feed_type="MP_INVENTORY",
            records=[{"sku": "{{ dag_run.conf['point'] }}, " + mode, "quantity": 1}],
            # Airflow fails a task that goes on before its scheduler has heard that it was deferred.
            poll_interval=15 if deferrable else 1,
            deferrable=deferrable,
        )
