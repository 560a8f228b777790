"""Trigger for reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.task.durations import poll_seconds


class WalmartReportTrigger(BaseTrigger):
    """Waits until Walmart has made a report.

    All triggers of a triggerer process share one poller per account and report type, which reads the list of
    requests (200 a minute) and not the status of each (20 an hour).

    :param walmart_conn_id: id of a connection of type ``walmart``.
    :param request_id: the report request.
    :param report_type: its type.
    :param since: when waiting began, seconds since 1970 UTC.
    :param deadline: when to give up, seconds since 1970 UTC.
    :param poll_interval: time between two polls, as timedelta or seconds; None: by the age of the request.
    """

    def __init__(
        self,
        *,
        walmart_conn_id: str,
        request_id: str,
        report_type: str,
        since: float,
        deadline: float,
        poll_interval: timedelta | float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.walmart_conn_id = walmart_conn_id
        self.request_id = request_id
        self.report_type = report_type
        self.since = since
        self.deadline = deadline
        self.poll_interval = poll_seconds(poll_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, plain JSON without secrets."""
        return (
            "airflow_provider_walmart.triggers.reports.WalmartReportTrigger",
            {
                "walmart_conn_id": self.walmart_conn_id,
                "request_id": self.request_id,
                "report_type": self.report_type,
                "since": self.since,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event.

        Its ``status`` is ``success``, with ``request`` (None when Walmart doesn't know it), ``timeout``, or ``error``,
        with ``message`` and ``retryable``.
        """
        from airflow_provider_walmart.client.reports.requests import (
            LISTED_WITHIN,
            ReportWatch,
            is_done,
            progress,
        )
        from airflow_provider_walmart.task.waiting import report_pause
        from airflow_provider_walmart.triggers.poller import Poller, poller_of

        def pause(_: dict[str, Any] | None) -> float:
            return self.poll_interval or report_pause(time.time() - self.since)

        try:
            poller = await poller_of(
                self.walmart_conn_id,
                f"reports {self.report_type}",
                lambda client: Poller(
                    ReportWatch(client, self.report_type).look, is_done, progress, unknown_for=LISTED_WITHIN
                ),
            )
            request = await poller.wait(self.request_id, pause, deadline=self.deadline)
        except asyncio.TimeoutError:
            yield TriggerEvent({"status": "timeout"})
        except WalmartError as error:
            yield TriggerEvent({"status": "error", "message": str(error), "retryable": not error.is_final})
        else:
            yield TriggerEvent({"status": "success", "request": request})

    async def on_kill(self) -> None:
        """Say that Walmart goes on making the report: there is no call that stops it."""
        self.log.warning("Nobody waits for report %s any more; Walmart goes on making it.", self.request_id)
