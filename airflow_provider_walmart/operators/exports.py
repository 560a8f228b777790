"""Landing all records of an operation in object storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.export_files import OneFile, Parts, export_file, part_size, takes_time
from airflow_provider_walmart.storage.export_window import (
    Watermark,
    announce,
    export_key,
    interval_of,
    outlet_assets,
    window_of,
)
from airflow_provider_walmart.storage.files import AnyPlace, Place
from airflow_provider_walmart.task.api_params import given_params, own_params
from airflow_provider_walmart.task.durations import span_of
from airflow_provider_walmart.task.errors import fail_for_good
from airflow_provider_walmart.task.lineage import WithLineage

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


PROGRESS_EVERY = 50_000


class WalmartExportOperator(WithLineage, BaseOperator):
    """Lands all records of a paginated operation as JSON lines in object storage.

    Records are passed through as the JSON they are, page by page, in constant memory, each once. Orders, released
    orders and returns are exported by a time window, orders and returns by when they were last modified. Orders include
    those that Walmart or a third party ships, and are searched in windows small enough for what one search finds.

    The window is the data interval of the DAG run. A run of the same interval gives the same file again, but for
    records that were modified since, which belong to a later interval by now. Records at the very edge of an interval
    may be in two neighbouring ones. With an outlet asset, Airflow 3.3 remembers how far it was exported: a run goes on
    there when it has no interval (what Airflow makes of plain cron expressions gives none), and begins there when
    earlier intervals are missing. The mark moves once the file is in place. Without both, all is exported that Walmart
    keeps, half a year.

    The event of an outlet asset carries what the task returns.

    :param operation: operation id or method and path of an operation that pages.
    :param output_path: a path, an `ObjectStoragePath` or a URI of one. The file appears there as a whole or not at all.
        With a part size it is a folder, which must hold nothing else: ``part-00001.jsonl`` and so on, and
        ``_manifest.json``, which is there when all parts are, and lists them.
    :param params: parameters by Walmart's names. Dates of creation or last modification among them are used in place
        of the data interval, sent as they are, or in Walmart's form where a template has rendered them; an end left out
        is that of the interval.
    :param strict: False lets parameters and values pass that are newer than the catalogue.
    :param cursor_field: date in the records that the window is about, such as ``orderDate`` or, for operations that
        Walmart can't search by date, ``feedDate``; dotted for one inside another. Records outside of the window are
        left out. Default: when orders and returns were last modified.
    :param lookback: how far before its begin a window starts, for what Walmart shows late: a `timedelta` or seconds.
        What was exported already comes again then, for whoever reads to take the last one of each key. Default: ten
        minutes where the window begins at the mark, none where it is an interval.
    :param compression: ``gzip``, or None (default).
    :param part_records: most records of a part.
    :param part_bytes: most bytes of a part, before compression.
    :param walmart_conn_id: id of a connection of type ``walmart``.
    :return: dict with ``uri``, ``records``, ``pages``, ``watermark`` (end of the window, or the newest date of the
        ``cursor_field``, ISO 8601; None without a window, and with dates of your own), ``window`` (``start`` and ``end``,
        or None) and, where there are parts, ``manifest`` (its URI).
    :raises AirflowFailException: for bad input, an interval of which Walmart keeps nothing any more, and what Walmart
        refuses.
    """

    output_path: Any = Place()

    template_fields: Sequence[str] = (
        "operation",
        "output_path",
        "api_params",
        "cursor_field",
        "compression",
        "walmart_conn_id",
    )
    template_fields_renderers = {"api_params": "json"}
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        operation: str,
        output_path: AnyPlace,
        params: Mapping[str, Any] | None = None,
        strict: bool = True,
        cursor_field: str | None = None,
        lookback: timedelta | float | None = None,
        compression: str | None = None,
        part_records: int | None = None,
        part_bytes: int | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation = operation
        self.output_path = output_path
        self.api_params = given_params(params, self.get_dag())
        self.strict = strict
        self.cursor_field = cursor_field
        self.lookback = lookback
        self.compression = compression
        self.part_records = part_records
        self.part_bytes = part_bytes
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the window of the run, or everything that Walmart keeps."""
        from airflow_provider_walmart.client.exports.cursor_field import CursorField
        from airflow_provider_walmart.client.exports.operations import export_of
        from airflow_provider_walmart.client.exports.pages import export_pages, uses_interval
        from airflow_provider_walmart.client.exports.prefetch import ahead

        with fail_for_good():
            if self.compression not in (None, "", "gzip"):
                raise WalmartConfigError(f"compression is {self.compression!r}; allowed: gzip or None.")
            sizes = part_size("part_records", self.part_records), part_size("part_bytes", self.part_bytes)
            lookback = None if self.lookback is None else span_of("lookback", self.lookback)
            operation, params = own_params(self.operation, self.api_params, self.params)
            field = self.cursor_field or ""
            cursor = CursorField(field) if field else None
            client, settings = self.hook.client, export_of(operation.name)
            assets = outlet_assets(self.outlets)
            is_windowed = uses_interval(operation.name, params, field)
            key = export_key(operation.name, self.walmart_conn_id, params, field)
            mark = Watermark(context, assets if is_windowed else [], key)
            last = mark.get()
            window = (
                window_of(context, key, last, lookback, settings.lookback)
                if is_windowed
                else interval_of(context)
            )
            if is_windowed:
                self.log.info("Exporting %s from %s to %s", operation.name, *window.as_dict().values())
            found = export_pages(
                client, operation.name, params, window.start, window.end, field, strict=self.strict
            )
            if cursor and is_windowed:
                found = cursor.inside(found, window.start, window.end)
            with export_file(self.output_path, self.compression, *sizes) as file:
                in_turn = ahead(found) if takes_time(self.output_path, self.compression) else found
                pages = self._land(in_turn, file)
                reached = (cursor.newest or last if cursor else window.end) if is_windowed else None
                about = {
                    "operation": operation.name,
                    "window": window.as_dict() if is_windowed else None,
                    "watermark": reached.isoformat() if reached else None,
                    "pages": pages,
                }
                manifest = file.publish(about)
            self.log.info("%d records in %d pages are in %s", file.records, pages, self.output_path)
            self.moved(self.at_walmart(operation.path.removeprefix("/v3/")), self.output_path, file.records)
            # Only now: what failed on the way is exported again. Of an interval, nothing is missing up to its end.
            mark.move(window.end if interval_of(context).start else reached)
            del about["operation"]
            result = {"uri": self.output_path, "records": file.records, **about, **manifest}
            announce(context, assets, result)
            return result

    def _land(self, found: Iterable[list[Any]], file: OneFile | Parts) -> int:
        """Write pages and return how many there were."""
        pages, told = 0, PROGRESS_EVERY
        for pages, page in enumerate(found, start=1):
            file.write(page)
            if file.records >= told:
                self.log.info("%d records in %d pages so far", file.records, pages)
                told = file.records + PROGRESS_EVERY
        return pages
