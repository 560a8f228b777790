"""Sensor for on-request reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.values.names import text_id
from airflow_provider_walmart.sensors.base import WalmartSensor
from airflow_provider_walmart.task.hooks import OfMarketplace
from airflow_provider_walmart.task.waiting import check_event

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_walmart.client.reports.requests import ReportWatch

# The status of one request may be asked for 20 times an hour. Seconds.
STATUS_EVERY = 180.0


class WalmartReportSensor(OfMarketplace, WalmartSensor):
    """Waits for a report that was asked for elsewhere: in Seller Center, by a schedule, by another task.

    A poll that fails on the network or with a 5xx is a transient error: the sensor keeps waiting, until the tenth in a row; a
    429 never ends it.

    :param request_id: ``requestId`` of the report request.
    :param report_type: its type, such as ``ITEM``. Without it (default) one of the 20 status calls that Walmart allows an
        hour is spent to learn it; with ``mode="reschedule"`` below Airflow 3.3, where nothing keeps what was learnt, one with
        each poll, and polls are at least 3 minutes apart.
    :param poke_interval: time between two polls, as timedelta or seconds; default 60.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: the report request, with ``requestId``, ``requestStatus``, ``reportType`` and ``reportVersion``.
    :raises WalmartReportFailedError: when Walmart could not make the report, or doesn't know it.
    """

    template_fields: Sequence[str] = ("request_id", "report_type", "walmart_conn_id")

    def __init__(
        self,
        *,
        request_id: str,
        report_type: str | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.request_id = request_id
        self.report_type = report_type
        self.walmart_conn_id = walmart_conn_id

    def _watch(self) -> ReportWatch:
        from airflow_provider_walmart.client.reports.requests import ReportWatch

        return ReportWatch(self.hook.client, self.report_type or "")

    def poll(self, context: Context) -> dict[str, Any] | None:
        """Read the request."""
        from airflow_provider_walmart.client.reports.requests import is_done, progress

        store = context.get("task_state_store")
        self.request_id = text_id("request_id", self.request_id)
        key = f"walmart_report_type_{self.request_id}"
        if not self.report_type:
            if store is not None:
                self.report_type = str(store.get(key) or "")
            elif self.reschedule:
                self.poke_interval = max(self.poke_interval, STATUS_EVERY)
        request = self._watch().poll([self.request_id])[self.request_id]
        if request is None or is_done(request):
            return self._ready(request)
        learnt = request.get("reportType") or self.report_type
        if store is not None and learnt != self.report_type:
            store.set(key, learnt)
        self.report_type = learnt
        self.log_progress(progress(request))
        return None

    def make_trigger(self, waiting: dict[str, Any]) -> BaseTrigger:
        """Return the trigger that waits for the report."""
        from airflow_provider_walmart.triggers.reports import WalmartReportTrigger

        return WalmartReportTrigger(
            walmart_conn_id=self.walmart_conn_id,
            request_id=self.request_id,
            report_type=self.report_type or "",
            **waiting,
        )

    def conclude(self, context: Context, event: dict[str, Any], waited: float) -> dict[str, Any]:
        """Return what the trigger saw."""
        check_event(event, "Report", [self.request_id], waited)
        return self._ready(event["request"])

    def _ready(self, request: dict[str, Any] | None) -> dict[str, Any]:
        from airflow_provider_walmart.client.reports.requests import check_ready

        check_ready(request, self.request_id)
        return request or {}
