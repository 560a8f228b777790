"""Trigger for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.triggers.base import WalmartWaitTrigger

if TYPE_CHECKING:
    from airflow_provider_walmart.triggers.poller import Poller


class WalmartReportTrigger(WalmartWaitTrigger):
    """Waits until Walmart has made a report.

    All triggers of a triggerer process share one poller per account and report type, which reads the list of
    requests (200 a minute) and not the status of each (20 an hour). An event of success has ``request``, None when
    Walmart doesn't know it.

    :param walmart_conn_id: id of a connection of type ``walmart``.
    :param request_id: the report request.
    :param report_type: its type.
    :param known: as for `WalmartWaitTrigger`.
    """

    own_arguments = ("walmart_conn_id", "request_id", "report_type")

    def __init__(self, *, walmart_conn_id: str, request_id: str, report_type: str, **known: Any) -> None:
        super().__init__(**known)
        self.walmart_conn_id = walmart_conn_id
        self.request_id = request_id
        self.report_type = report_type

    async def wait(self) -> dict[str, Any]:
        """Return the request."""
        from airflow_provider_walmart.client.reports.requests import (
            LISTED_WITHIN,
            ReportWatch,
            is_done,
            progress,
        )
        from airflow_provider_walmart.triggers import poller

        def make(account: Any) -> Poller:
            watch = ReportWatch(account.client, self.report_type)
            return poller.Poller(watch.poll, is_done, progress, unknown_for=LISTED_WITHIN, account=account)

        async def wait_for(report_poller: Poller) -> dict[str, Any] | None:
            return await report_poller.wait(self.request_id, self.pause, deadline=self.deadline)

        kind = f"reports {self.report_type}"
        return {
            "request": await poller.with_current_keys(
                wait_for, self.walmart_conn_id, kind, make, deadline=self.deadline
            )
        }

    def usual_pause(self, age: float) -> float:
        """Return a pause by the age of the request."""
        from airflow_provider_walmart.task.waiting import report_pause

        return report_pause(age)

    async def on_kill(self) -> None:
        """Say that Walmart goes on making the report: there is no call that stops it."""
        self.log.warning("Nobody waits for report %s any more; Walmart goes on making it.", self.request_id)
