"""Operators for on-request reports."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartRateLimitError,
    WalmartReportFailedError,
)
from airflow_provider_walmart.client.once.outcomes import may_have_arrived, never_arrived
from airflow_provider_walmart.storage.files import AnyPlace, Place, naming
from airflow_provider_walmart.task.context import MemoryRecords, push
from airflow_provider_walmart.task.durations import span_of
from airflow_provider_walmart.task.errors import fail_for_good
from airflow_provider_walmart.task.lineage import WithLineage
from airflow_provider_walmart.task.waiting import check_event, wait_for_report

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


# A request whose answer got lost is in the list by then. Seconds.
SETTLE = 60.0
LOOK_EVERY = 20.0
# By how much our clock may differ from Walmart's.
CLOCKS_DIFFER = timedelta(days=1)
# Walmart takes one request per report type in this time, so another one after an ERROR would be refused.
COOL_DOWN = timedelta(hours=1)


class WalmartReportOperator(WithLineage, BaseOperator):
    """Lands a report in object storage: asks for it or takes a recent one, waits, downloads, unpacks.

    Walmart takes one request per report type and hour, so an equal request made within ``reuse_within`` is used
    instead of a new one, and a retry never asks a second time: the request id is kept in the task state (Airflow
    3.3), and looked for in Walmart's list. In place of a report that Walmart could not make, or that is damaged, a retry
    asks for another one after an hour; before, it looks at the same one again.

    :param report_type: Walmart's ``reportType``, such as ``ITEM``; any passes, known ones are checked.
    :param output_path: where the report goes: a path, an `ObjectStoragePath` or a URI of one. It appears there as a
        whole or not at all.
    :param report_version: None (default): the newest documented one.
    :param output_format: ``csv`` (default), ``zip`` (as it comes), ``jsonl``, or ``parquet`` (needs pyarrow; all
        columns as text).
    :param reuse_within: how old an equal request may be to be used, as timedelta or seconds; default one hour; zero:
        always a new one.
    :param row_filters: Walmart's ``rowFilters``, a list of dicts.
    :param exclude_columns: columns to leave out.
    :param start: begin of the data's time window (aware); some report types need it.
    :param end: its end.
    :param date_granularity: ``DAILY`` (default with a window), ``WEEKLY``, ``MONTHLY`` or ``QUARTERLY``.
    :param poll_interval: seconds between two looks; None (default): by the age of the request, 30 s to 5 min.
    :param timeout: how long to wait for the report, as timedelta or seconds; default 6 hours.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``.
    :return: dict with ``uri``, ``rows`` (without the header), ``bytes`` (of the download), ``requestId`` and ``reused``.
    :raises AirflowFailException: for bad input and what Walmart refuses.
    :raises WalmartReportFailedError: when Walmart could not make the report, or it is damaged.
    """

    output_path: Any = Place()

    template_fields: Sequence[str] = (
        "report_type",
        "report_version",
        "output_path",
        "output_format",
        "row_filters",
        "exclude_columns",
        "start",
        "end",
        "walmart_conn_id",
    )
    template_fields_renderers = {"row_filters": "json"}
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        report_type: str,
        output_path: AnyPlace,
        report_version: str | None = None,
        output_format: str = "csv",
        reuse_within: timedelta | float | None = timedelta(hours=1),
        row_filters: Sequence[Mapping[str, Any]] | None = None,
        exclude_columns: Sequence[str] | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        date_granularity: str | None = None,
        poll_interval: float | None = None,
        timeout: timedelta | float = timedelta(hours=6),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report_type = report_type
        self.output_path = output_path
        self.report_version = report_version
        self.output_format = output_format
        self.reuse_within = span_of("reuse_within", reuse_within or timedelta(0))
        self.row_filters = row_filters
        self.exclude_columns = exclude_columns
        self.start = start
        self.end = end
        self.date_granularity = date_granularity
        self.poll_interval = poll_interval
        self.timeout = span_of("timeout", timeout)
        self.deferrable = deferrable
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask for the report or find it, wait for it, land it."""
        from airflow_provider_walmart.client.reports.requests import is_done

        with fail_for_good():
            version, body = self._asked()
            records = _records(context)
            request, reused = self._request_or_find(records, version, body)
            request_id = str(request["requestId"])
            push(context, "request_id", request_id)
            since = time.time()
            deadline = since + self.timeout.total_seconds()
            if is_done(request):
                return self._land(records, request, request_id, reused)
            if self.deferrable:
                self._defer(request_id, reused, since, deadline)
            finished = wait_for_report(
                self.hook.client,
                request_id,
                self.report_type,
                poll_interval=self.poll_interval,
                since=since,
                deadline=deadline,
            )
            return self._land(records, finished, request_id, reused)

    def _defer(self, request_id: str, reused: bool, since: float, deadline: float) -> None:
        from airflow_provider_walmart.triggers.reports import WalmartReportTrigger

        self.defer(
            trigger=WalmartReportTrigger(
                walmart_conn_id=self.walmart_conn_id,
                request_id=request_id,
                report_type=self.report_type,
                since=since,
                deadline=deadline,
                poll_interval=self.poll_interval,
            ),
            method_name="execute_complete",
            kwargs={"request_id": request_id, "reused": reused},
            # The trigger's own deadline is to speak first.
            timeout=self.timeout + timedelta(minutes=10),
        )

    def execute_complete(
        self, context: Context, event: dict[str, Any], request_id: str, reused: bool
    ) -> dict[str, Any]:
        """Land what the trigger saw finished."""
        with fail_for_good():
            check_event(event, "Report", [request_id], self.timeout.total_seconds())
            return self._land(_records(context), event["request"], request_id, reused)

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

    # -- once ----------------------------------------------------------------------------------------

    def _request_or_find(
        self, records: Any, version: str, body: dict[str, Any]
    ) -> tuple[dict[str, Any], bool]:
        """Return a report request, and whether it was there before this try."""
        key = self._record_key(version, body)
        record = records.get(key) or {}
        if record.get("requestId") and not record.get("landed"):
            found = self._of_earlier_try(record)
            if found:
                return found, bool(record.get("reused"))
        if "sentAt" in record and (found := self._lost(version, body, record)):
            self._keep(records, key, found, reused=False)
            return found, False
        bad = record["requestId"] if record.get("bad") else None
        recent, known = self._recent(version, body, bad)
        if recent is None:
            try:
                return self._ask(records, key, version, body, known), False
            except WalmartRateLimitError:
                # Somebody else may have asked for the same since we looked.
                recent, _ = self._recent(version, body, bad)
                if recent is None:
                    raise
        self._keep(records, key, recent, reused=True)
        return recent, True

    def _recent(
        self, version: str, body: dict[str, Any], bad: str | None
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest equal request that may be used, and the ids of all that there are.

        :param bad: id of one that may not.
        """
        now = datetime.now(timezone.utc)
        equal = self._equal(version, body, now - max(self.reuse_within, CLOCKS_DIFFER))
        recent = [
            request
            for when, request in equal
            if now - self.reuse_within <= when
            and request.get("requestStatus") != "ERROR"
            and request["requestId"] != bad
        ]
        found = recent[-1] if recent and self.reuse_within else None
        return found, [request["requestId"] for _, request in equal]

    def _keep(self, records: Any, key: str, found: Mapping[str, Any], *, reused: bool) -> None:
        self.log.info(
            "Using report %s, asked for at %s", found["requestId"], found.get("requestSubmissionDate")
        )
        records.set(key, {"requestId": found["requestId"], "reused": reused})

    def _ask(
        self, records: Any, key: str, version: str, body: dict[str, Any], known: list[str]
    ) -> dict[str, Any]:
        """Ask for a new report, once.

        :param known: ids of the equal requests that are there.
        """
        from airflow_provider_walmart.client.reports.requests import request_report

        record = {"sentAt": time.time(), "known": known}
        records.set(key, record)
        try:
            request = request_report(self.hook.client, self.report_type, version, body)
        except WalmartError as error:
            if not may_have_arrived(error, self.hook.client.tokens.call.path):
                records.set(key, {"refused": type(error).__name__})
                raise
            self.log.warning(
                "The answer to the report request got lost, looking whether it arrived: %s", error
            )
            lost = self._lost(version, body, record)
            if lost is None:
                records.set(key, {"refused": "it never arrived"})
                raise never_arrived("The report request", error) from error
            request = lost
        records.set(key, {"requestId": request["requestId"]})
        self.log.info("Asked for report %s (%s %s)", request["requestId"], self.report_type, version)
        return request

    def _of_earlier_try(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the request of an earlier try; None when it is time for another one."""
        from airflow_provider_walmart.client.reports.requests import ReportWatch, submitted_at

        request_id = str(record["requestId"])
        request = ReportWatch(self.hook.client, self.report_type).look([request_id])[request_id]
        if request is None:
            return None
        if record.get("bad") or request.get("requestStatus") == "ERROR":
            when = submitted_at(request)
            if when is None or datetime.now(timezone.utc) - when > COOL_DOWN:
                return None
        self.log.info("An earlier try asked for report %s: going on with that one", request_id)
        return request

    def _lost(self, version: str, body: dict[str, Any], record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the request that was sent and whose answer nobody saw; None when it never arrived.

        It is told by its id, which was not there before: clocks differ.

        :param record: what was kept before it was sent.
        """
        sent_at = datetime.fromtimestamp(record["sentAt"], timezone.utc)
        while True:
            equal = self._equal(version, body, sent_at - CLOCKS_DIFFER)
            new = [request for _, request in equal if request["requestId"] not in record.get("known", ())]
            if new:
                return new[-1]
            if time.time() - record["sentAt"] >= SETTLE:
                return None
            time.sleep(LOOK_EVERY)

    def _equal(
        self, version: str, body: dict[str, Any], since: datetime
    ) -> list[tuple[datetime, dict[str, Any]]]:
        """Return the equal requests made at this time or later with their times, the oldest first."""
        from airflow_provider_walmart.client.reports.requests import (
            find_report_requests,
            matches,
            submitted_at,
        )

        found: list[tuple[datetime, dict[str, Any]]] = []
        for request in find_report_requests(
            self.hook.client, self.report_type, report_version=version, since=since
        ):
            when = submitted_at(request)
            if request.get("requestId") and when and when >= since and matches(request, body):
                found.append((when, request))
        return sorted(found, key=itemgetter(0))

    def _record_key(self, version: str, body: dict[str, Any]) -> str:
        asked = json.dumps([self.report_type, version, body], sort_keys=True)
        return f"walmart_report_{hashlib.sha256(asked.encode()).hexdigest()[:24]}"

    # -- landing -------------------------------------------------------------------------------------

    def _land(
        self, records: Any, request: dict[str, Any] | None, request_id: str, reused: bool
    ) -> dict[str, Any]:
        from airflow_provider_walmart.client.reports.requests import check_ready, download_report
        from airflow_provider_walmart.storage.reports import land_report

        key = self._record_key(*self._asked())
        try:
            check_ready(request, request_id)
            # A zip file is read from its end, so it goes to the local disk first.
            with tempfile.TemporaryFile(prefix="walmart-report-") as archive:
                with naming(f"The folder for temporary files, {tempfile.gettempdir()},"):
                    length = download_report(self.hook.client, request_id, archive)
                rows = land_report(archive, self.output_path, self.output_format)
        except WalmartReportFailedError:
            # It may never get better.
            records.set(key, {"requestId": request_id, "reused": reused, "bad": True})
            raise
        self.log.info(
            "Report %s is in %s: %d rows, %d bytes downloaded", request_id, self.output_path, rows, length
        )
        self.moved(self.at_walmart(f"reports/{self.report_type}"), self.output_path, rows)
        # From here on a cleared task may ask anew.
        records.set(key, {"requestId": request_id, "landed": True})
        return {
            "uri": self.output_path,
            "rows": rows,
            "bytes": length,
            "requestId": request_id,
            "reused": reused,
        }


def _records(context: Context) -> Any:
    """Return where the request is remembered: the task state, or nothing that lasts."""
    store = context.get("task_state_store")
    return MemoryRecords() if store is None else store


def _moment(name: str, value: datetime | str | None) -> datetime | None:
    """Return a point in time, which templates give as text."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (AttributeError, TypeError, ValueError):
        raise WalmartConfigError(
            f"{name} is {value!r}; expected a point in time such as 2026-01-31T00:00:00Z."
        ) from None
