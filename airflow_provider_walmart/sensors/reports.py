"""Sensor for on-request reports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_walmart.client.errors import (
    WalmartConnectionError,
    WalmartRateLimitError,
    WalmartServerError,
)
from airflow_provider_walmart.results.failures import fail_for_good
from airflow_provider_walmart.results.waiting import MAX_FAILED_LOOKS, check_event

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.hooks.walmart import WalmartHook


class WalmartReportSensor(BaseSensorOperator):
    """Waits for a report that was asked for elsewhere: in Seller Center, by a schedule, by another task.

    A poll that fails on the network, a 5xx or a 429 is weather: the sensor keeps waiting, up to ten in a row.

    :param request_id: the report request.
    :param report_type: its type; without it one of the 20 status calls an hour is spent to learn it.
    :param poll_interval: seconds between two polls; default 60. The same as Airflow's ``poke_interval``.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``.
    :return: the report request, with ``requestId``, ``requestStatus``, ``reportType`` and ``reportVersion``.
    :raises WalmartReportFailedError: when Walmart could not make the report, or doesn't know it.
    """

    template_fields: Sequence[str] = ("request_id", "report_type", "walmart_conn_id")
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        request_id: str,
        report_type: str | None = None,
        poll_interval: float = 60.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        self.request_id = request_id
        self.report_type = report_type
        self.deferrable = deferrable
        self.walmart_conn_id = walmart_conn_id
        self._failed_polls = 0

    @cached_property
    def hook(self) -> WalmartHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        return WalmartHook(self.walmart_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or look once and wait in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        done = self.poke(context)
        if isinstance(done, PokeReturnValue):
            return done.xcom_value
        from airflow_provider_walmart.triggers.reports import WalmartReportTrigger

        since = time.time()
        self.defer(
            trigger=WalmartReportTrigger(
                walmart_conn_id=self.walmart_conn_id,
                request_id=self.request_id,
                report_type=self.report_type or "",
                since=since,
                # Airflow's own time-out of the sensor speaks first, since it knows of soft_fail.
                deadline=since + self.timeout + 600,
                poll_interval=self.poke_interval,
            ),
            method_name="execute_complete",
            kwargs={"since": since},
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any], since: float) -> dict[str, Any]:
        """Return what the trigger saw."""
        with fail_for_good():
            check_event(event, "Report", [self.request_id], time.time() - since)
            return self._ready(event["request"])

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look at the report once."""
        from airflow_provider_walmart.client.reports import ReportWatch, is_done, progress

        with fail_for_good():
            try:
                request = None
                if self.report_type:
                    request = ReportWatch(self.hook.client, self.report_type).look([self.request_id])[
                        self.request_id
                    ]
                else:
                    request = self.hook.get_report_request(self.request_id)
            except (WalmartConnectionError, WalmartRateLimitError, WalmartServerError) as error:
                self._failed_polls += 1
                if self._failed_polls >= MAX_FAILED_LOOKS:
                    raise
                self.log.warning("Poll %d in a row failed, still waiting: %s", self._failed_polls, error)
                return False
            self._failed_polls = 0
            if request is not None:
                self.report_type = self.report_type or request.get("reportType")
                if not is_done(request):
                    self.log.info("Waiting: %s", progress(request))
                    return False
            return PokeReturnValue(is_done=True, xcom_value=self._ready(request))

    def _ready(self, request: dict[str, Any] | None) -> dict[str, Any]:
        from airflow_provider_walmart.client.reports import check_ready

        check_ready(request, self.request_id)
        return request or {}
