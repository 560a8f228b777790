"""Operators for on-request reports."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartReportFailedError
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.client.values.dates import from_iso
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.storage.files import AnyPath, PathField, path_in_errors
from airflow_provider_walmart.storage.suffixes import REPORT_FORMATS
from airflow_provider_walmart.task.context import push, records_of
from airflow_provider_walmart.task.durations import duration, poll_seconds
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.lineage import WithLineage
from airflow_provider_walmart.task.parse_time import check_when_parsed
from airflow_provider_walmart.task.time_limit import TimeLimit
from airflow_provider_walmart.task.waiting import check_event, wait_for_report

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.client.reports.once import OnceRequester


class WalmartReportOperator(WithLineage, BaseOperator):
    """Lands a report in object storage: asks for it or takes a recent one, waits, downloads, unpacks.

    Walmart takes one request per report type and hour, so an equal request made within ``reuse_within`` is used
    instead of a new one, and a retry never asks a second time: the request id is kept in the task state (Airflow
    3.3), and searched for in Walmart's list. Where Walmart could not make the report, or it is damaged, a retry within the
    hour reads the same one again; a later retry asks for another one.

    :param report_type: Walmart's ``reportType``, such as ``ITEM``; any passes, known ones are checked.
    :param output_path: where the report goes: a path, an `ObjectStoragePath` or a URI of one. It appears there as a
        whole or not at all.
    :param report_version: None (default): the newest documented one that the other parameters allow (``ITEM_PERFORMANCE``
        v3 needs ``start`` and ``end``).
    :param output_format: ``csv`` (default), ``zip`` (as it comes), ``jsonl``, or ``parquet`` (needs the extra
        ``parquet``; all columns as text).
    :param reuse_within: how old an equal request may be to be used, as timedelta or seconds; default one hour; zero:
        always a new one.
    :param row_filters: Walmart's ``rowFilters``, a list of dicts.
    :param exclude_columns: list of names of columns to leave out.
    :param start: begin of the data's time window, an aware datetime or ISO 8601 with a time zone; some report types need it.
    :param end: its end, likewise; both or none, 730 days apart at most.
    :param date_granularity: ``DAILY`` (what a window has unless said otherwise), ``WEEKLY``, ``MONTHLY`` or ``QUARTERLY``.
    :param wait_for_completion: True (default) waits and lands the report; False returns as soon as it is asked for, and
        lands nothing. A later task with the same parameters, or `WalmartReportSensor` with the ``requestId``, goes on with it.
    :param poll_interval: time between two polls, as timedelta or seconds; None (default): by the age of the request, 30 s to 5 min.
    :param timeout: how long to wait for the report, as timedelta or seconds; default 6 hours.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: dict with ``uri``, ``rows`` (without the header), ``bytes`` (of the download), ``requestId`` and ``reused``;
        the first three are None without ``wait_for_completion``.
    :raises AirflowFailException: for bad input and what Walmart refuses.
    :raises WalmartReportFailedError: when Walmart could not make the report, or it is damaged.
    """

    output_path: Any = PathField()

    template_fields: Sequence[str] = (
        "report_type",
        "report_version",
        "output_path",
        "output_format",
        "row_filters",
        "exclude_columns",
        "start",
        "end",
        "date_granularity",
        "walmart_conn_id",
    )
    template_fields_renderers = {"row_filters": "json"}
    operator_extra_links = (WalmartPageLink(),)
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        report_type: str,
        output_path: AnyPath,
        report_version: str | None = None,
        output_format: str = "csv",
        reuse_within: timedelta | float | None = timedelta(hours=1),
        row_filters: Sequence[Mapping[str, Any]] | None = None,
        exclude_columns: Sequence[str] | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        date_granularity: str | None = None,
        wait_for_completion: bool = True,
        poll_interval: timedelta | float | None = None,
        timeout: timedelta | float = timedelta(hours=6),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report_type = report_type
        self.output_path = output_path
        self.report_version = report_version
        check_when_parsed(check_choice, "output_format", output_format, REPORT_FORMATS)
        self.output_format = output_format
        self.reuse_within = duration("reuse_within", reuse_within or timedelta(0))
        self.row_filters = row_filters
        self.exclude_columns = exclude_columns
        self.start = start
        self.end = end
        self.date_granularity = date_granularity
        self.wait_for_completion = wait_for_completion
        self.poll_interval = poll_seconds(poll_interval)
        self.timeout = duration("timeout", timeout)
        self.deferrable = deferrable
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask for the report or find it, wait for it, land it."""
        from airflow_provider_walmart.client.reports.requests import is_done

        began = time.time()
        with fail_without_retry():
            requester = self._requester(context)
            request, reused = requester.request()
            request_id = str(request["requestId"])
            push(context, "request_id", request_id)
            if not self.wait_for_completion:
                return self._result(request_id, reused)
            if is_done(request):
                return self._land(requester, request, request_id, reused)
            limit = TimeLimit.of(self.timeout, self.execution_timeout, began=began, since=time.time())
            if self.deferrable:
                self._defer(request_id, reused, limit)
            with limit.enforced():
                finished = wait_for_report(
                    self.hook.client,
                    request_id,
                    self.report_type,
                    poll_interval=self.poll_interval,
                    since=limit.since,
                    deadline=limit.deadline,
                )
            return self._land(requester, finished, request_id, reused)

    def _defer(self, request_id: str, reused: bool, limit: TimeLimit) -> None:
        from airflow_provider_walmart.triggers.reports import WalmartReportTrigger

        self.defer(
            trigger=WalmartReportTrigger(
                walmart_conn_id=self.walmart_conn_id,
                request_id=request_id,
                report_type=self.report_type,
                since=limit.since,
                deadline=limit.deadline,
                poll_interval=self.poll_interval,
                resume={"request_id": request_id, "reused": reused, "limit": limit.as_dict()},
            ),
            method_name="execute_complete",
            timeout=limit.of_deferral,
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Land what the trigger saw finished."""
        request_id, reused = event["resume"]["request_id"], event["resume"]["reused"]
        limit = TimeLimit.from_event(event)
        with fail_without_retry(), limit.enforced():
            check_event(event, "Report", [request_id], limit.seconds)
            return self._land(self._requester(context), event["request"], request_id, reused)

    def _asked(self) -> tuple[str, dict[str, Any]]:
        """Return version and body of the request, everything checked."""
        from airflow_provider_walmart.client.reports.requests import check_report, report_body
        from airflow_provider_walmart.storage.reports import check_output

        check_output(self.output_path, self.output_format)
        start, end = _moment("start", self.start), _moment("end", self.end)
        version = check_report(self.report_type, self.report_version, start, end)
        body = report_body(
            row_filters=self.row_filters,
            exclude_columns=self.exclude_columns,
            start=start,
            end=end,
            date_granularity=self.date_granularity,
        )
        return version, body

    def _requester(self, context: Context) -> OnceRequester:
        """Return what asks for the report once, everything checked."""
        from airflow_provider_walmart.client.reports.once import OnceRequester

        version, body = self._asked()
        records, _ = records_of(context)
        return OnceRequester(
            self.hook.client,
            records,
            self.report_type,
            version,
            body,
            reuse_within=self.reuse_within,
        )

    # -- landing -------------------------------------------------------------------------------------

    def _land(
        self, requester: OnceRequester, request: dict[str, Any] | None, request_id: str, reused: bool
    ) -> dict[str, Any]:
        from airflow_provider_walmart.client.reports.requests import check_ready, download_report
        from airflow_provider_walmart.storage.reports import land_report

        try:
            check_ready(request, request_id)
            # A zip file is read from its end, so it goes to the local disk first.
            with tempfile.TemporaryFile(prefix="walmart-report-") as archive:
                with path_in_errors(f"The folder for temporary files, {tempfile.gettempdir()},"):
                    length = download_report(self.hook.client, request_id, archive)
                rows = land_report(archive, self.output_path, self.output_format)
        except WalmartReportFailedError:
            requester.keep_bad(request_id, reused=reused)
            raise
        self.log.info(
            "Report %s is in %s: %d rows, %d bytes downloaded", request_id, self.output_path, rows, length
        )
        self.moved(self.at_walmart(f"reports/{self.report_type}"), self.output_path, rows)
        requester.keep_landed(request_id)
        return self._result(request_id, reused, uri=self.output_path, rows=rows, length=length)

    @staticmethod
    def _result(
        request_id: str,
        reused: bool,
        *,
        uri: str | None = None,
        rows: int | None = None,
        length: int | None = None,
    ) -> dict[str, Any]:
        return {"uri": uri, "rows": rows, "bytes": length, "requestId": request_id, "reused": reused}


def _moment(name: str, value: datetime | str | None) -> datetime | None:
    """Return a point in time, which templates give as text."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        # Without a time zone it stays without one, which is refused.
        return from_iso(value.replace("Z", "+00:00"))
    except (AttributeError, TypeError, ValueError):
        raise WalmartConfigError(
            f"{name} is {value!r}; expected a point in time such as 2026-01-31T00:00:00Z."
        ) from None
