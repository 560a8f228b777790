"""One run of an export: what it reads, where it writes, and what is remembered of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.storage.export_window import (
    Watermark,
    add_to_events,
    export_key,
    interval_of,
    outlet_assets,
    window_of,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.client.calls.raw_pages import Raw
    from airflow_provider_walmart.client.catalogue.operations import Operation
    from airflow_provider_walmart.client.marketplace import MarketplaceClient

log = logging.getLogger(__name__)

PROGRESS_EVERY = 50_000


class ExportTarget(Protocol):
    """What records are written to: one file, parts of one, or tables."""

    records: int

    def write(self, page: Sequence[Raw]) -> None:
        """Write the records of a page."""

    def publish(self, about: dict[str, Any]) -> dict[str, Any]:
        """Complete what is written, and return what the task returns of it besides ``uri`` and ``records``.

        :param about: ``operation``, ``window``, ``watermark`` and ``pages`` of the export.
        """


class ExportRun:
    """One run of an export: made, written to a target, finished; in this order, each once.

    Making it decides the time window and checks all input, before anything is sent. `write` reads Walmart and leaves the
    watermark alone. `finish`, when the target is in its place, moves it.

    :param client: the account.
    :param operation: an operation that pages.
    :param params: its parameters.
    :param context: of the task.
    :param outlets: of the task.
    :param conn_id: id of the connection, part of what distinguishes this export from others of the same asset.
    :param cursor_field: date in the records that the window is about; empty: last change.
    :param lookback: how far before its begin the window starts; None: as is usual.
    :param strict: as for `MarketplaceClient.call`; False takes a list that ends too early as it is, too.
    :param concurrency: most calls on their way at the same time.
    :raises WalmartConfigError: for bad input.
    """

    def __init__(
        self,
        client: MarketplaceClient,
        operation: Operation,
        params: Mapping[str, Any],
        *,
        context: Context | Mapping[str, Any],
        outlets: Any,
        conn_id: str,
        cursor_field: str = "",
        lookback: timedelta | None = None,
        strict: bool = True,
        concurrency: int = 1,
    ) -> None:
        from airflow_provider_walmart.client.exports.cursor_field import CursorField
        from airflow_provider_walmart.client.exports.operations import export_of
        from airflow_provider_walmart.client.exports.pages import uses_interval

        self._client, self._operation, self._params, self._strict = client, operation, params, strict
        self._concurrency = concurrency
        self._context = context
        self._cursor_field = cursor_field
        self._cursor = CursorField(cursor_field) if cursor_field else None
        self._assets = outlet_assets(outlets)
        self._is_windowed = uses_interval(operation.name, params, cursor_field)
        key = export_key(operation.name, conn_id, params, cursor_field)
        self._watermark = Watermark(context, self._assets if self._is_windowed else [], key)
        self._reached_before = self._watermark.get()
        self._window = (
            window_of(context, key, self._reached_before, lookback, export_of(operation.name).lookback)
            if self._is_windowed
            else interval_of(context)
        )
        # What changes from now on, nobody has read yet.
        self._complete_until = min(self._window.end, utc_now())
        self._pages = self._read()

    def _read(self) -> Generator[list[Raw], None, None]:
        """Return an iterator over the records of the window, page by page."""
        from airflow_provider_walmart.client.exports.pages import export_pages

        start, end = self._window.start, self._window.end
        found = export_pages(
            self._client,
            self._operation.name,
            self._params,
            start,
            end,
            self._cursor_field,
            strict=self._strict,
            concurrency=self._concurrency,
        )
        return self._cursor.inside(found, start, end) if self._cursor and self._is_windowed else found

    def write(self, target: ExportTarget) -> dict[str, Any]:
        """Write all records to a target, complete it, and return what the task returns, without ``uri``.

        :raises WalmartError: on the way.
        """
        if self._is_windowed:
            log.info("Exporting %s from %s to %s", self._operation.name, *self._window.as_dict().values())
        count, next_progress = 0, PROGRESS_EVERY
        # When writing fails, reading ends before the task does.
        with contextlib.closing(self._pages) as pages:
            for count, page in enumerate(pages, start=1):
                target.write(page)
                if target.records >= next_progress:
                    log.info("%d records in %d pages so far", target.records, count)
                    next_progress = target.records + PROGRESS_EVERY
        reached = self._reached()
        about = {
            "window": self._window.as_dict() if self._is_windowed else None,
            "watermark": reached.isoformat() if reached else None,
            "pages": count,
        }
        published = target.publish({"operation": self._operation.name, **about})
        return {"records": target.records, **about, **published}

    def finish(self, result: Mapping[str, Any]) -> None:
        """Move the watermark, and put the result into the events of the outlet assets.

        Only when everything is in its place: what failed on the way is exported again.

        :param result: what the task returns.
        """
        # Of an interval, nothing is missing up to there.
        self._watermark.move(self._complete_until if interval_of(self._context).start else self._reached())
        add_to_events(self._context, self._assets, result)

    def _reached(self) -> datetime | None:
        """Return how far the records that were read go; None without a window."""
        if not self._is_windowed:
            return None
        return self._cursor.newest or self._reached_before if self._cursor else self._complete_until
