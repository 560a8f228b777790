"""Settlement (recon) reports in a folder: one file per report, which stays as it is."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.storage.files import atomic_write, files_in, storage_path
from airflow_provider_walmart.storage.reports import header_and_batches, land_report, report_table
from airflow_provider_walmart.storage.suffixes import SETTLEMENT_FORMATS, refuse_file

if TYPE_CHECKING:
    from airflow_provider_walmart.storage.tables.engine import Engine

log = logging.getLogger(__name__)

# What the last run landed, so that a retry of it tells the same.
LAST_RUN = "_last_run.json"
_DATE = re.compile(r"(\d\d)(\d\d)(\d{4})", re.ASCII)


class SettlementFolder:
    """A folder of settlement reports.

    :param uri: any URI that `ObjectStoragePath` knows, or a path.
    :param output_format: ``csv`` or ``parquet``.
    :raises WalmartConfigError: for another format, and for a place that is none.
    """

    def __init__(self, uri: str, output_format: str) -> None:
        check_choice("output_format", output_format, SETTLEMENT_FORMATS)
        self._folder = storage_path(uri, "output_path")
        refuse_file(uri)
        self._uri, self._format = uri.rstrip("/"), output_format

    def uri_of(self, date: str) -> str:
        """Return the URI of the file of a report; its name begins with the year, so that names sort by time.

        :param date: Walmart's name of the report.
        """
        found = _DATE.fullmatch(date)
        name = f"{found[3]}-{found[1]}-{found[2]}" if found else re.sub(r"[^\w-]", "_", date, flags=re.ASCII)
        return f"{self._uri}/settlement_{name}.{self._format}"

    def missing(self, dates: Sequence[str]) -> list[str]:
        """Return the reports that have no file yet, oldest first.

        :param dates: Walmart's names of all reports.
        """
        there = {file.name for file in files_in(self._folder, f"settlement_*.{self._format}")}
        found = {self.uri_of(date): date for date in dates}
        return [date for uri, date in sorted(found.items()) if uri.rpartition("/")[2] not in there]

    def planned(self, run: str, dates: Sequence[str]) -> list[str]:
        """Return the reports that belong to a run, and remember them.

        A run that is tried again, after some files are there, has the same ones as before.

        :param run: what distinguishes the run from others; empty where nobody knows.
        :param dates: Walmart's names of all reports.
        """
        missing = self.missing(dates)
        before: dict[str, Any] = {}
        if run and files_in(self._folder, LAST_RUN):
            with (self._folder / LAST_RUN).open("r") as file:  # type: ignore[no-untyped-call]
                before = json.load(file)
        planned = [*before["reports"], *missing] if before.get("run") == run else missing
        planned = list(dict.fromkeys(planned))
        if run and planned != before.get("reports"):
            with atomic_write(f"{self._uri}/{LAST_RUN}") as file:
                json.dump({"run": run, "reports": planned}, file, indent=2)
        return sorted(planned, key=self.uri_of)

    def land(self, date: str, archive: IO[bytes], engine: Engine | None) -> int:
        """Write a report to its file, and return its number of rows.

        :param archive: the download.
        :param engine: reads rows, for Parquet.
        :raises WalmartReportFailedError: when it is damaged.
        """
        if engine is None:
            return land_report(archive, self.uri_of(date), "csv")
        return land_settlement_lines(archive, self.uri_of(date), date, engine)


def land_settlement_lines(archive: IO[bytes], uri: str, date: str, engine: Engine) -> int:
    """Write a report as rows of ``settlement_lines``, and return how many.

    :param archive: the downloaded zip file.
    :param uri: the Parquet file.
    :param date: Walmart's name of the report.
    :param engine: reads the rows; those of no other report are in it.
    :raises WalmartReportFailedError: when it is damaged.
    """
    from airflow_provider_walmart.storage.tables.declarations import SETTLEMENT_LINES, columns_of
    from airflow_provider_walmart.storage.tables.parquet import arrow, record_batch, schema_of

    schema = schema_of(columns_of(SETTLEMENT_LINES))
    count = 0
    with (
        report_table(archive) as table,
        atomic_write(uri, "wb") as file,
        arrow().parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        header, batches = header_and_batches(table)
        known = {column.path for column in SETTLEMENT_LINES.columns} | {
            column.or_path for column in SETTLEMENT_LINES.columns
        }
        names = [plain if (plain := plain_header(name)) in known else name for name in header]
        for batch in batches:
            for values in batch:
                engine.read_record(settlement_record(names, values, date, count))
                count += 1
            if (rows := engine.take()[SETTLEMENT_LINES.name]).count:
                writer.write_batch(record_batch(rows, schema))
    if summary := engine.counts.summary():
        log.warning("Kept in _extra, since no column holds it: %s", summary)
    return count


def plain_header(name: str) -> str:
    """Return a header without what differs between reports: case, ``#`` and spaces."""
    return " ".join(name.replace("#", " ").lower().split())


def settlement_record(names: Sequence[str], values: Sequence[str], date: str, row: int) -> Mapping[str, Any]:
    """Return a row as a record; a value of ``""``, quotation marks and all, is none, as an empty one is."""
    given = (value.strip() for value in values)
    record: dict[str, Any] = {
        name: None if value in ("", '""') else value for name, value in zip(names, given, strict=True)
    }
    return {**record, "#report_date": date, "#row_number": row}
