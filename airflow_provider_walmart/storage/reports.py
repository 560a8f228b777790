"""Landing a downloaded report: unpacked, converted, counted, and there as a whole or not at all."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import IO, Any, cast

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartReportFailedError
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.storage.files import atomic_write, checked_path
from airflow_provider_walmart.storage.suffixes import REPORT_FORMATS, check_suffix, refuse_gzip

# What is unpacked at a time: small enough to stay in the processor's cache until its rows are counted. Bytes.
CHUNK = 256 * 1024
# Rows that are converted at a time, and make a row group of parquet.
BATCH = 5_000
# What Arrow reads at a time; it reads some thirty of them ahead. Bytes.
ARROW_BLOCK = 128 * 1024
# A longer field is a quotation mark that is missing. Characters.
LONGEST_FIELD = 16 * 1024 * 1024
ZIP_START, GZIP_START = b"PK\x03\x04", b"\x1f\x8b"
# A quotation mark where a field begins, and what follows it up to the one that ends it: two of them are one in the text.
OPENING = re.compile(rb'(?:^|,)"')
BLANK_LINE = re.compile(rb"\n\r?\n")
CLOSING = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')


def check_output(output_path: str, output_format: str) -> None:
    """Pass for a place and a format that can be written here.

    :raises WalmartConfigError: naming the formats, what is wrong with the path, or the package that is missing.
    """
    check_choice("output_format", output_format, REPORT_FORMATS)
    if output_format == "parquet" and find_spec("pyarrow") is None:
        raise WalmartConfigError("output_format is 'parquet', but pyarrow is not installed.")
    checked_path(output_path, "output_path")
    check_suffix(output_path, *(("jsonl", "json") if output_format == "jsonl" else (output_format,)))
    refuse_gzip(output_path)


def land_report(archive: IO[bytes], output_path: str, output_format: str) -> int:
    """Write a report to its place and return its number of rows, the header not counted.

    :param archive: the downloaded file, open and seekable: a zip file with one CSV file, or the CSV file, gzipped or not.
    :param output_path: any URI that `ObjectStoragePath` knows, or a path; appears once it is complete.
    :param output_format: ``csv``, ``zip`` (as it came, with any number of CSV files), ``jsonl`` or ``parquet`` (all columns as text).
    :raises WalmartReportFailedError: when it is no zip file with one CSV file, or breaks off.
    """
    if output_format == "zip":
        with _named_damage():
            return _keep(archive, output_path)
    if output_format == "csv":
        with report_table(archive) as table:
            return _copy(table, output_path)
    return _converted(archive, output_path, is_parquet=output_format == "parquet")


@contextlib.contextmanager
def report_table(archive: IO[bytes]) -> Iterator[IO[bytes]]:
    """Open the CSV file in a downloaded report, which is a zip file, a gzip file or the CSV file itself.

    :param archive: the downloaded file, open and seekable.
    :raises WalmartReportFailedError: when it is none of them, holds several CSV files, or breaks off while it is read.
    """
    archive.seek(0)
    start = archive.read(len(ZIP_START))
    archive.seek(0)
    with _named_damage():
        if start.startswith(GZIP_START):
            with gzip.open(archive) as table:
                _check_text(table.peek(len(ZIP_START)))
                yield cast("IO[bytes]", table)
        elif _is_text(start) and not zipfile.is_zipfile(archive):
            archive.seek(0)
            yield archive
        else:
            with zipfile.ZipFile(archive) as opened, opened.open(_only_member(opened)) as table:
                # It is a `ZipExtFile`.
                _check_text(cast("Any", table).peek(len(ZIP_START)))
                yield table


@contextlib.contextmanager
def _named_damage() -> Iterator[None]:
    """Say of what libraries find in a file that it is damaged."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        gzip.BadGzipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        UnicodeError,
        csv.Error,
    ) as error:
        raise WalmartReportFailedError(f"The downloaded report is damaged: {error}.") from None


def _check_text(start: bytes) -> None:
    """Pass for what was unpacked when it may be a CSV file; an empty one is said to be that."""
    if start.removeprefix(codecs.BOM_UTF8) and not _is_text(start[: len(ZIP_START)]):
        raise WalmartReportFailedError("What was unpacked of the downloaded report is no CSV file.")


def _is_text(start: bytes) -> bool:
    """Return whether a file that begins so may be a CSV file: no archive, and no page or error document in its place."""
    text = start.removeprefix(codecs.BOM_UTF8)
    return (
        bool(text)
        and text[:1] not in b"<{["
        and all(byte >= 32 or byte in b"\t\r\n" for byte in text)
        and (text[:2] != ZIP_START[:2])
    )


def _members(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files of an archive, without what a Mac adds of its own."""
    return [
        member
        for member in opened.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]


def _only_member(opened: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = _members(opened)
    if len(members) != 1:
        raise WalmartReportFailedError(
            f"The downloaded archive holds {len(members)} files where one CSV file was expected: "
            f"{', '.join(member.filename for member in members[:5])}.",
            hint=None if not members else "Land it as zip.",
        )
    return members[0]


class _RowCounter:
    """Counts the rows of a CSV file as it goes by, as the csv module reads them.

    Blank lines, and line breaks inside quotes, are none. A quotation mark quotes only where a field begins.
    """

    def __init__(self) -> None:
        self._ended = 0
        self._quoted = False
        self._begun = False
        self._read = False
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        """Count the rows of the next chunk."""
        if not self._read:
            self._read = True
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._rest += chunk
        else:
            lines, self._rest = b"".join((self._rest, memoryview(chunk)[:end])), chunk[end:]
            rows = None if self._quoted or self._begun else _rows_if_plain(lines)
            if rows is None:
                self._count(lines[:-1].split(b"\n"))
            else:
                self._ended += rows
        if len(self._rest) > LONGEST_FIELD:
            raise csv.Error(f"a line is longer than {LONGEST_FIELD} bytes")

    def _count(self, lines: list[bytes]) -> None:
        """Count the rows that end in lines, one after the other."""
        for line in lines:
            self._begun = self._begun or line not in (b"", b"\r")
            if self._quoted or b'"' in line:
                self._quoted = _ends_quoted(line, quoted=self._quoted)
            if not self._quoted:
                self._ended += self._begun
                self._begun = False

    @property
    def rows(self) -> int:
        """Rows behind the header.

        :raises WalmartReportFailedError: when not even a header went by.
        """
        lines = self._ended + (self._begun or self._rest not in (b"", b"\r"))
        if not lines:
            raise _no_header()
        return lines - 1


def _rows_if_plain(lines: bytes) -> int | None:
    """Return how many rows whole lines hold, where that shows without a look at each of them; None where it doesn't.

    That is where each line is one of a row, and each quotation mark begins a field, ends it, or is doubled inside of it: then the
    text between every second and third of them, fourth and fifth, and so on, is what stands outside of quotes.
    """
    outside = lines
    if b'"' in lines:
        parts = lines.split(b'"')
        marks, is_open = divmod(len(parts) - 1, 2)
        outside = b'"'.join(parts[::2])
        marks -= outside.startswith(b'"')
        # One after the other: most files quote behind commas alone.
        for opening in (b',"', b'\n"', b'""'):
            marks -= outside.count(opening) if marks else 0
        if is_open or marks:
            return None
    if outside.startswith((b"\n", b"\r\n")) or BLANK_LINE.search(outside):
        return None
    return outside.count(b"\n")


def _ends_quoted(line: bytes, *, quoted: bool) -> bool:
    """Return whether the end of a line is inside of quotes.

    :param quoted: whether its begin is.
    """
    place = 0
    while True:
        if not quoted:
            opening = OPENING.search(line, place)
            if not opening:
                return False
            place = opening.end()
        closing = CLOSING.match(line, place)
        if not closing:
            return True
        place, quoted = closing.end(), False


def _no_header() -> WalmartReportFailedError:
    return WalmartReportFailedError("The downloaded report is empty: it has not even a header.")


def _chunks(table: IO[bytes], counter: _RowCounter) -> Iterator[bytes]:
    while chunk := table.read(CHUNK):
        counter.add(chunk)
        yield chunk


def _copy(table: IO[bytes], output_path: str) -> int:
    counter = _RowCounter()
    with atomic_write(output_path, "wb") as file:
        for chunk in _chunks(table, counter):
            file.write(chunk)
        return counter.rows


def _keep(archive: IO[bytes], output_path: str) -> int:
    # Read to its end first: that is what finds a damaged archive.
    rows = 0
    with zipfile.ZipFile(archive) as opened:
        for member in _members(opened):
            counter = _RowCounter()
            with opened.open(member) as table:
                for _ in _chunks(table, counter):
                    pass
            rows += counter.rows
        if not _members(opened):
            _only_member(opened)
    archive.seek(0)
    with atomic_write(output_path, "wb") as file:
        while chunk := archive.read(CHUNK):
            file.write(chunk)
    return rows


def header_and_batches(table: IO[bytes]) -> tuple[list[str], Iterator[list[list[str]]]]:
    """Return the header of a CSV file, and its rows, some at a time, all as long as the header.

    :raises WalmartReportFailedError: when it is no such table, on the way.
    """
    # For the whole process, since the csv module has no other way; raised and never lowered, which disturbs nobody.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    rows = filter(None, csv.reader(io.TextIOWrapper(table, encoding="utf-8-sig", newline="")))
    header = next(rows, None)
    if header is None:
        raise _no_header()
    if len(set(header)) != len(header):
        raise WalmartReportFailedError("The downloaded report has two columns of one name; land it as csv.")
    return header, _batches(header, rows)


def _batches(header: list[str], rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    before = 0
    while batch := list(itertools.islice(rows, BATCH)):
        for number, row in enumerate(batch, start=before + 1):
            if len(row) != len(header):
                raise WalmartReportFailedError(
                    f"Row {number} of the downloaded report has {len(row)} columns, its header {len(header)}; land it as "
                    "csv."
                )
        yield batch
        before += len(batch)


def _converted(archive: IO[bytes], output_path: str, *, is_parquet: bool) -> int:
    """Write a report in another format: read by Arrow where it is there, which takes a third of the time of the csv module."""
    if find_spec("pyarrow"):
        import pyarrow as pa

        header = _header_of(archive)
        # Whatever Arrow finds wrong with a table, the csv module says in the same words for each format.
        with contextlib.suppress(pa.ArrowInvalid), report_table(archive) as table:
            reader = _arrow_reader(table, header)
            if is_parquet:
                return _write_parquet(output_path, reader.schema, _row_groups(reader))
            rows = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in reader)
            return _write_jsonl(output_path, header, rows)
    with report_table(archive) as table:
        header, batches = header_and_batches(table)
        if not is_parquet:
            return _write_jsonl(output_path, header, batches)
        schema = pa.schema([(name, pa.string()) for name in header])
        columns = (list(zip(*batch, strict=True)) for batch in batches)
        tables = (pa.table(list(map(pa.array, one)), schema=schema) for one in columns)
        return _write_parquet(output_path, schema, tables)


def _header_of(archive: IO[bytes]) -> list[str]:
    with report_table(archive) as table:
        return header_and_batches(io.BytesIO(table.read(CHUNK)))[0]


def _arrow_reader(table: IO[bytes], header: list[str]) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    reader = arrow_csv.open_csv(
        table,
        read_options=arrow_csv.ReadOptions(block_size=ARROW_BLOCK, use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string())),
    )
    if reader.schema.names != header:
        raise pa.ArrowInvalid("Arrow reads another header.")
    return reader


def _write_jsonl(output_path: str, header: list[str], batches: Iterable[Iterable[Sequence[str]]]) -> int:
    row_of = _row_type(header)
    encode = msgspec.json.Encoder().encode_lines
    count = 0
    with atomic_write(output_path, "wb") as file:
        for batch in batches:
            rows = list(itertools.starmap(row_of, batch))
            file.write(encode(rows))
            count += len(rows)
    return count


def _row_type(header: list[str]) -> Callable[..., Any]:
    """Return what makes of the fields of a row something that is a JSON object with the names of the header."""
    names = {f"column_{number}": name for number, name in enumerate(header)}
    try:
        # Many times as fast to make and to write as a dict.
        return msgspec.defstruct("Row", [(name, str) for name in names], rename=names, gc=False)
    except ValueError:
        # A name that JSON has to escape.
        return lambda *row: dict(zip(header, row, strict=True))


def _row_groups(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield record batches put together: small row groups make large files."""
    import pyarrow as pa

    pending: list[Any] = []
    for batch in batches:
        pending.append(batch)
        if sum(one.num_rows for one in pending) >= BATCH:
            yield pa.Table.from_batches(pending)
            pending.clear()
    if pending:
        yield pa.Table.from_batches(pending)


def _write_parquet(output_path: str, schema: Any, tables: Iterable[Any]) -> int:
    from pyarrow.parquet import ParquetWriter

    count = 0
    with atomic_write(output_path, "wb") as file, ParquetWriter(file, schema) as writer:
        for table in tables:
            writer.write_table(table)
            count += table.num_rows
    return count
