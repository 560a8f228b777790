"""Landing all records of an operation in object storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.storage.export_files import export_file, part_size
from airflow_provider_walmart.storage.export_run import ExportRun
from airflow_provider_walmart.storage.files import AnyPath, PathField
from airflow_provider_walmart.storage.suffixes import EXPORT_FORMATS, check_suffix, compression_of
from airflow_provider_walmart.storage.tables import PERSONAL_DATA
from airflow_provider_walmart.task.api_params import check_airflow_params, check_api_params
from airflow_provider_walmart.task.durations import duration
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.lineage import WithLineage
from airflow_provider_walmart.task.parse_time import check_when_parsed

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class WalmartExportOperator(WithLineage, BaseOperator):
    """Lands all records of a paginated operation in object storage: as JSON lines, or as typed tables in Parquet files.

    Records are passed through as the JSON they are, page by page, in constant memory, each once. Orders, released
    orders and returns are exported by a time window: orders and returns by their last change, released orders by their
    creation. Orders include those that Walmart or a third party ships. A search finds 10,000 orders at most, so a window
    that holds more is split.

    The window is the data interval of the DAG run. A run of the same interval gives the same file again, except for
    records that were modified since: they belong to a later interval now. A record at the very edge of an interval
    may be in two neighbouring ones. With an outlet asset, Airflow 3.3 remembers how far it was exported: a run goes on
    there when it has no interval (a plain cron expression gives none), and begins there when earlier intervals are
    missing. The mark moves once the file is in place. Without interval and mark, all is exported that Walmart keeps,
    half a year.

    The event of an outlet asset carries what the task returns.

    :param operation: operation id (``getAllOrders``) or method and path (``GET /v3/orders``) of an operation that pages.
    :param output_path: a path, an `ObjectStoragePath` or a URI of one. The file appears there as a whole or not at all.
        With ``part_records`` or ``part_bytes`` it is a folder, which must hold nothing else: ``part-00001-....jsonl`` and so
        on, and ``_manifest.json``, which lists the parts of the last complete run.
    :param api_params: parameters by Walmart's names. Dates of creation or last modification among them are used in place
        of the data interval, sent as they are, or in Walmart's form where a template has rendered them; an end left out
        is that of the interval.
    :param strict: False lets parameters and values pass that are newer than the catalogue, and takes a list that ends
        before all records came that Walmart announced; default True.
    :param cursor_field: date in the records that the window is about, such as ``orderDate`` or, for operations that
        Walmart can't search by date, ``feedDate``; dotted for one inside another. Records outside of the window are
        left out. Default: when orders and returns were last modified.
    :param lookback: how far before its begin a window starts, for what Walmart shows late: a `timedelta` or seconds.
        Exported records come again then: load by key, the last one wins. Default: none where the window is an
        interval; where it begins at the mark, ten minutes for orders, returns and feeds, none for other operations.
    :param output_format: ``jsonl`` (default), or ``parquet``, which needs the extra ``parquet``: a folder of the tables
        of the operation, one folder each with ``part-00001-....parquet`` and so on, and ``_manifest.json``, which lists
        files and columns of the last complete run.
    :param tables: for Parquet: names of the tables to write, as a list or with commas between; None: all.
    :param personal_data: for Parquet: ``drop`` (default) leaves columns with personal data empty, ``hash`` fills them
        with hashes that are keyed with the client secret of the connection, ``keep`` writes it as it is.
    :param compression: JSON lines: ``gzip``; Parquet: ``zstd``, ``gzip`` or ``snappy``. None (default): ``zstd`` for Parquet, and
        for JSON lines ``gzip`` where the path ends in ``.gz``.
    :param part_records: most records of a part; of Parquet, most rows. None (default): no limit.
    :param part_bytes: most bytes of a part, before compression; None (default): no limit. For Parquet the bytes as written,
        128 MB unless given; a part may be larger by one row group.
    :param concurrency: most calls on their way at the same time, 1 to 64; default 8. Date windows, kinds of ship nodes and
        pages by offset are read side by side; lists that Walmart gives by cursor come page by page. Answers that come before
        their turn wait in a temporary file. The order of the records doesn't depend on it.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: dict with ``uri``, ``records``, ``pages``, ``watermark`` (end of the window, or when reading began if that is
        earlier; with a ``cursor_field`` its newest date; ISO 8601; None without a window, and with dates of your own), ``window`` (``start``, None for all that
        Walmart keeps, and ``end``; None without a window) and, where there are parts, ``manifest`` (its URI); for Parquet also ``tables`` (by name: ``uri`` of the
        folder and ``rows``), to which the event of an asset adds ``columns``.
    :raises AirflowFailException: for bad input, an interval of which Walmart keeps nothing any more, and what Walmart
        refuses.
    """

    output_path: Any = PathField()

    template_fields: Sequence[str] = (
        "operation",
        "output_path",
        "api_params",
        "cursor_field",
        "output_format",
        "tables",
        "personal_data",
        "compression",
        "walmart_conn_id",
    )
    template_fields_renderers = {"api_params": "json"}
    operator_extra_links = (WalmartPageLink(),)
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        operation: str,
        output_path: AnyPath,
        api_params: Mapping[str, Any] | None = None,
        strict: bool = True,
        cursor_field: str | None = None,
        lookback: timedelta | float | None = None,
        output_format: str = "jsonl",
        tables: Sequence[str] | str | None = None,
        personal_data: str = "drop",
        compression: str | None = None,
        part_records: int | None = None,
        part_bytes: int | None = None,
        concurrency: int = 8,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_airflow_params(self, operation, api_params)
        self.operation = operation
        self.output_path = output_path
        self.api_params = api_params
        self.strict = strict
        self.cursor_field = cursor_field
        self.lookback = lookback
        check_when_parsed(check_choice, "output_format", output_format, EXPORT_FORMATS)
        self.output_format = output_format
        self.tables = tables
        check_when_parsed(check_choice, "personal_data", personal_data, PERSONAL_DATA)
        self.personal_data = personal_data
        self.compression = compression
        self.part_records = part_records
        self.part_bytes = part_bytes
        self.concurrency = concurrency
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the window of the run, or everything that Walmart keeps."""
        from airflow_provider_walmart.client.calls.parallel import check_concurrency

        with fail_without_retry():
            operation, params = find(self.operation), check_api_params(self.api_params)
            run = ExportRun(
                self.hook.client,
                operation,
                params,
                context=context,
                outlets=self.outlets,
                conn_id=self.walmart_conn_id,
                cursor_field=self.cursor_field or "",
                lookback=None if self.lookback is None else duration("lookback", self.lookback),
                strict=self.strict,
                concurrency=check_concurrency(self.concurrency),
            )
            with self._target(operation.name, params, context) as target:
                result = {"uri": self.output_path, **run.write(target)}
            self.log.info(
                "%d records in %d pages are in %s", result["records"], result["pages"], self.output_path
            )
            tables = with_columns(result, target)
            self.moved(
                self.at_walmart(operation.path.removeprefix("/v3/")),
                self.output_path,
                result["records"],
                tables,
            )
            run.finish({**result, "tables": tables} if tables else result)
            return result

    def _target(
        self, operation: str, params: Mapping[str, Any], context: Context
    ) -> AbstractContextManager[Any]:
        """Return what records are written to.

        :raises WalmartConfigError: for bad input.
        """
        sizes = part_size("part_records", self.part_records), part_size("part_bytes", self.part_bytes)
        check_choice("output_format", self.output_format, EXPORT_FORMATS)
        if self.output_format == "parquet":
            from airflow_provider_walmart.storage.tables.export import export_tables

            check_suffix(self.output_path, "parquet")
            return export_tables(
                self.output_path,
                operation,
                params,
                tables=self.tables,
                personal_data=self.personal_data,
                compression=self.compression,
                part_records=sizes[0],
                part_bytes=sizes[1],
                settings=self.hook.client.settings,
                conn_id=self.walmart_conn_id,
                context=context,
            )
        if self.tables or self.personal_data != "drop":
            raise WalmartConfigError(
                "tables and personal_data are for output_format='parquet'; JSON lines are the records as they are."
            )
        if not any(sizes):
            check_suffix(self.output_path, "jsonl", "json")
        return export_file(self.output_path, compression_of(self.output_path, self.compression), *sizes)


def with_columns(result: Mapping[str, Any], target: Any) -> dict[str, dict[str, Any]]:
    """Return the tables of a result with names and types of their columns; none for JSON lines.

    :param result: what the task returns.
    :param target: what the records were written to.
    """
    return {
        name: {**table, "columns": target.columns()[name]} for name, table in result.get("tables", {}).items()
    }
