"""Starts DAGs when reports are ready."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from airflow_provider_walmart.triggers.event_stream import Tracker
from airflow_provider_walmart.triggers.events import WalmartEventTrigger, list_of_names


class WalmartReportReadyTrigger(WalmartEventTrigger):
    """Fires for every report that is ready, whoever asked for it, to be used in an `AssetWatcher`.

    All watchers of a connection share one poll loop (Airflow 3.3). Which reports were announced is kept in the state store of
    the asset once the events are in Airflow's database: a restart of the triggerer loses no report, and repeats those of
    the last poll at most. Below 3.3 there is no such store, and a restart begins anew with what becomes ready from then on.

    :param report_types: list of types of reports, such as ``["ITEM"]``; each costs a call per poll.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :param poll_interval: time between two polls of the lists of requests, as timedelta or seconds, at least 1 second; default 60.
    :return: events with one report each: ``requestId``, ``reportType``, ``reportVersion``, ``requestStatus`` and
        ``requestSubmissionDate``.
    :raises WalmartConfigError: without a report type.
    """

    kind = "reports"

    def __init__(
        self,
        *,
        report_types: Collection[str],
        walmart_conn_id: str = "walmart_default",
        poll_interval: timedelta | float = 60.0,
    ) -> None:
        super().__init__(walmart_conn_id=walmart_conn_id, poll_interval=poll_interval)
        self.report_types = list_of_names("report_types", report_types, such_as="report types such as ITEM")

    def filters(self) -> dict[str, list[str] | None]:
        """Return the report types."""
        return {"report_types": list(self.report_types)}

    def tracker(self, state: dict[str, Any] | None) -> Tracker:
        """Return what separates reports that are ready from those announced before."""
        from airflow_provider_walmart.client.events.reports import ReportTracker

        return ReportTracker(state, self.report_types)

    @staticmethod
    def make_poll() -> Callable[..., tuple[Any, ...]]:
        """Return what reads the lists of report requests."""
        from airflow_provider_walmart.client.events.polls import poll_reports

        return poll_reports
