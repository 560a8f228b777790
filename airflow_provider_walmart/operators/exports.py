"""Landing all records of an operation in object storage."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.results.account import OfMarketplace
from airflow_provider_walmart.results.api_params import given_params, own_params
from airflow_provider_walmart.results.failures import fail_for_good
from airflow_provider_walmart.results.files import whole_file

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


PROGRESS_EVERY = 50_000
# Records written at once; as many as a page of orders has.
BATCH = 200
# Low on purpose: JSON lines shrink to a tenth all the same, in half the time.
GZIP_LEVEL = 3


class WalmartExportOperator(OfMarketplace, BaseOperator):
    """Lands all records of a paginated operation as JSON lines in object storage.

    Records are passed through as the JSON they are, page by page, in constant memory. Orders and returns are exported
    by the data interval of the DAG run, by when they were last modified: a run of the same interval gives the same
    file again, but for records that were modified since, which belong to a later interval by now. Records at the very
    edge of an interval may be in two neighbouring ones. A run without an interval (what Airflow makes of plain cron
    expressions gives none) exports all that Walmart keeps, half a year. Orders include those that Walmart or a third
    party ships, and are searched in windows small enough for what one search finds.

    :param operation: operation id or method and path of an operation that pages.
    :param output_path: a path or any URI that `ObjectStoragePath` knows. The file appears there as a whole or not at
        all.
    :param params: parameters by Walmart's names. Dates of creation or last modification among them are used in place
        of the data interval, sent as they are; an end left out is that of the interval.
    :param compression: ``gzip``, or None (default).
    :param walmart_conn_id: id of a connection of type ``walmart``.
    :return: dict with ``uri``, ``records``, ``pages`` and ``watermark`` (end of the exported interval, ISO 8601; None
        for operations without dates, and with dates of your own).
    :raises AirflowFailException: for bad input, an interval of which Walmart keeps nothing any more, and what Walmart
        refuses.
    """

    template_fields: Sequence[str] = (
        "operation",
        "output_path",
        "api_params",
        "compression",
        "walmart_conn_id",
    )
    template_fields_renderers = {"api_params": "json"}
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        operation: str,
        output_path: str,
        params: Mapping[str, Any] | None = None,
        compression: str | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation = operation
        self.output_path = output_path
        self.api_params = given_params(params)
        self.compression = compression
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the data interval, or everything that Walmart keeps."""
        from airflow_provider_walmart.client.exports import raw_records, uses_interval
        from airflow_provider_walmart.client.raw_pages import json_lines

        with fail_for_good():
            if self.compression not in (None, "", "gzip"):
                raise WalmartConfigError(f"compression is {self.compression!r}; allowed: gzip or None.")
            _, params = own_params(self.operation, self.api_params, self.params)
            start, end = _interval(context)
            pages = count = 0

            def on_page() -> None:
                nonlocal pages
                pages += 1

            found = raw_records(self.hook.client, self.operation, params, start, end, on_page)
            with whole_file(self.output_path, "wb") as file, _compressed(file, self.compression) as lines:
                while batch := list(itertools.islice(found, BATCH)):
                    lines.write(json_lines(batch))
                    count += len(batch)
                    if count % PROGRESS_EVERY == 0:
                        self.log.info("%d records in %d pages so far", count, pages)
            watermark = end.isoformat() if uses_interval(self.operation, params) else None
            self.log.info("%d records in %d pages are in %s", count, pages, self.output_path)
            return {"uri": self.output_path, "records": count, "pages": pages, "watermark": watermark}


@contextmanager
def _compressed(file: IO[bytes], compression: str | None) -> Iterator[Any]:
    if not compression:
        yield file
        return
    # Without name and time in its header, equal records make equal files.
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as packed:
        yield packed


def _interval(context: Context) -> tuple[datetime | None, datetime]:
    """Return the data interval of the run; as far back as possible and until now where it has none."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start and end and start < end:
        return start, end
    return None, datetime.now(timezone.utc)
