"""Rows as Parquet files: one folder per table, all of them complete or none seen."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.files import path_in_errors, written
from airflow_provider_walmart.storage.staged_folder import StagedFolder
from airflow_provider_walmart.storage.tables.declarations import Column, Table, all_columns
from airflow_provider_walmart.storage.tables.engine import Engine
from airflow_provider_walmart.storage.tables.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_walmart.client.calls.raw_pages import Raw

log = logging.getLogger(__name__)

# JSON that is read before its rows, which are large in Python, become columns, which are small. Bytes.
READ_BYTES = 400_000
# Of a row group, in memory.
GROUP_BYTES, GROUP_ROWS = 16_000_000, 100_000
# Of a file, unless the caller says otherwise. Bytes.
FILE_BYTES = 128_000_000
COMPRESSIONS = ("zstd", "gzip", "snappy")
INSTALL = "pip install 'airflow-provider-walmart[parquet]'"


def arrow(wanted_for: str = "output_format='parquet'") -> Any:
    """Return pyarrow.

    :param wanted_for: what needs it.
    :raises WalmartConfigError: when it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise WalmartConfigError(
            f"{wanted_for} needs pyarrow, which is not installed.", hint=INSTALL
        ) from None
    return pyarrow


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """Return the schema of a table, the same in each of its files."""
    pa = arrow()
    types = {
        "text": pa.string(),
        "json": pa.string(),
        "int64": pa.int64(),
        "decimal": pa.decimal128(18, 4),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("ms", "UTC"),
        "date": pa.date32(),
    }
    return pa.schema([(column.name, types[column.type]) for column in columns])


def record_batch(rows: Rows, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows as columns of a schema."""
    columns = [
        arrow().nulls(rows.count, kind) if values is None else _column_of(values, kind)
        for values, kind in zip(rows.columns, schema.types, strict=True)
    ]
    return arrow().RecordBatch.from_arrays(columns, schema=schema)


def _column_of(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return values as a column; what can't be encoded in a text is replaced."""
    try:
        return arrow().array(values, kind)
    except UnicodeEncodeError:
        readable = [value if value is None else value.encode("utf-8", "replace").decode() for value in values]
        return arrow().array(readable, kind)


def described(schema: pa.Schema) -> list[dict[str, str]]:
    """Return names and types of the columns of a schema."""
    return [{"name": column.name, "type": str(column.type)} for column in schema]


class TableFiles:
    """The files of one table.

    :param name: of the table.
    :param columns: its columns.
    :param staged: where its files go.
    :param compression: ``zstd``, ``gzip`` or ``snappy``.
    :param most_bytes: most bytes of a file; the row group that reaches it is its last one.
    :param most_rows: most rows of a file; None: any number.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[Column],
        staged: StagedFolder,
        compression: str,
        most_bytes: int,
        most_rows: int | None,
    ) -> None:
        self._name, self._staged, self._compression = name, staged, compression
        self._most_bytes, self._most_rows = most_bytes, most_rows
        self.schema = schema_of(columns)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: Any = None
        self._uri, self._file_rows = "", 0
        self.parts: list[dict[str, Any]] = []
        self.rows = 0

    def add(self, rows: Rows) -> None:
        """Take rows, which are written in groups."""
        if not rows.count:
            return
        batch = record_batch(rows, self.schema)
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += batch.nbytes
        self.rows += batch.num_rows
        if (
            self._waiting_rows >= min(GROUP_ROWS, self._most_rows or GROUP_ROWS)
            or self._waiting_bytes >= GROUP_BYTES
        ):
            self._write_group()

    def _write_group(self) -> None:
        if not self._waiting:
            return
        group = arrow().Table.from_batches(self._waiting, self.schema)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        while group.num_rows:
            room = group.num_rows if self._most_rows is None else self._most_rows - self._file_rows
            if self._writer is None:
                self._open()
            taken = group.slice(0, room)
            self._writer.write_table(taken, row_group_size=GROUP_ROWS)
            self._file_rows += taken.num_rows
            group = group.slice(room)
            # Its position says how much was written, whatever kind of file it is.
            if self._file_rows == self._most_rows or self._file.tell() >= self._most_bytes:  # type: ignore[union-attr]
                self._complete()

    def _open(self) -> None:
        self._uri, hidden = self._staged.add(len(self.parts) + 1, self._name)
        self._file = written(hidden, "wb")
        self._writer = arrow().parquet.ParquetWriter(
            self._file, self.schema, compression=self._compression, store_schema=True
        )
        self._file_rows = 0

    def _complete(self) -> None:
        self._writer.close()
        assert self._file is not None  # noqa: S101 - a writer has one
        size = self._file.tell()
        self._file.close()
        self.parts.append({"uri": self._uri, "rows": self._file_rows, "bytes": size})
        self._writer = self._file = None

    def close(self) -> None:
        """Complete the last file; a table without rows has one with its columns alone."""
        self._write_group()
        if self._writer is None and not self.parts:
            self._open()
        if self._writer is not None:
            self._complete()

    def abandon(self) -> None:
        """Close what is open, after an error."""
        for open_one in (self._writer, self._file):
            with contextlib.suppress(Exception):
                if open_one is not None:
                    open_one.close()

    def described(self) -> list[dict[str, str]]:
        """Return names and types of the columns."""
        return described(self.schema)


class ParquetTables:
    """Tables that records are written to.

    :param uri: a folder, which must hold nothing else: each table is a folder in it.
    :param table: table of the records.
    :param names: names of the tables to write.
    :param engine: reads the records.
    :param compression: of the files.
    :param most_records: most rows of a file; None: any number.
    :param most_bytes: most bytes of a file; None: 128 MB.
    """

    def __init__(
        self,
        uri: str,
        table: Table,
        names: Sequence[str],
        engine: Engine,
        *,
        compression: str | None = None,
        most_records: int | None = None,
        most_bytes: int | None = None,
    ) -> None:
        self._engine, self._uri = engine, uri.rstrip("/")
        self._folders = tuple(all_columns(table))
        self._staged = StagedFolder(uri, ".parquet", tuple(names))
        self.files = {
            name: TableFiles(
                name, columns, self._staged, compression or "zstd", most_bytes or FILE_BYTES, most_records
            )
            for name, columns in all_columns(table).items()
            if name in names
        }
        self._unread = 0
        self.records = 0

    def __enter__(self) -> ParquetTables:
        """Make the folders, and remove what a killed process left in them."""
        self._staged.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files that were not published."""
        for files in self.files.values():
            files.abandon()
        self._staged.discard()

    def write(self, page: Sequence[Raw]) -> None:
        """Write the records of a page."""
        for record in page:
            self._engine.read(record)
            self._unread += memoryview(record).nbytes
            if self._unread >= READ_BYTES:
                self._take_rows()
        self.records += len(page)

    def _take_rows(self) -> None:
        for name, rows in self._engine.take().items():
            self.files[name].add(rows)
        self._unread = 0

    def publish(self, about: dict[str, Any]) -> dict[str, Any]:
        """Complete all files and move them to their places; then the manifest names them.

        :param about: what else the manifest says.
        :return: ``manifest`` (its URI) and ``tables`` (by name: ``uri`` of the folder and ``rows``).
        """
        self._take_rows()
        for files in self.files.values():
            files.close()
        if summary := self._engine.counts.summary():
            log.warning("Kept in _extra, since no column holds it: %s", summary)
        tables = {
            name: {"uri": f"{self._uri}/{name}", "rows": files.rows} for name, files in self.files.items()
        }
        content = {
            **about,
            "records": self.records,
            "tables": {
                name: {**tables[name], "columns": files.described(), "parts": files.parts}
                for name, files in self.files.items()
            },
        }
        # Tables that are not written any more go with those that are.
        manifest = self._staged.publish(content, self._folders)
        log.info("Rows by table: %s", ", ".join(f"{name} {files.rows}" for name, files in self.files.items()))
        return {"manifest": manifest, "tables": tables}

    def columns(self) -> dict[str, list[dict[str, str]]]:
        """Return names and types of the columns, by table."""
        return {name: files.described() for name, files in self.files.items()}


@contextmanager
def parquet_tables(uri: str, *args: Any, **kwargs: Any) -> Iterator[ParquetTables]:
    """Open tables for writing, as `ParquetTables`; errors of the file system name the place."""
    with path_in_errors(uri), ParquetTables(uri, *args, **kwargs) as tables:
        yield tables
