"""Landing a downloaded report: unpacked, converted, counted, and there as a whole or not at all."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from typing import IO, cast

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartReportFailedError
from airflow_provider_walmart.storage.files import atomic_write, checked_path
from airflow_provider_walmart.storage.suffixes import check_suffix, refuse_gzip

OUTPUT_FORMATS = ("csv", "zip", "jsonl", "parquet")
CHUNK = 1024 * 1024
# Rows that are converted at a time, and make a row group of parquet.
BATCH = 5_000
# A longer field is a quotation mark that is missing. Characters.
LONGEST_FIELD = 16 * 1024 * 1024
ZIP_START, GZIP_START = b"PK\x03\x04", b"\x1f\x8b"
# A quotation mark where a field begins, and what follows it up to the one that ends it: two of them are one in the text.
OPENING = re.compile(rb'(?:^|,)"')
CLOSING = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')


def check_output(output_path: str, output_format: str) -> None:
    """Pass for a place and a format that can be written here.

    :raises WalmartConfigError: naming the formats, what is wrong with the path, or the package that is missing.
    """
    if output_format not in OUTPUT_FORMATS:
        raise WalmartConfigError(f"output_format is {output_format!r}; allowed: {', '.join(OUTPUT_FORMATS)}.")
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
    rows = {"csv": _copy, "jsonl": _to_jsonl, "parquet": _to_parquet}[output_format]
    with report_table(archive) as table:
        return rows(table, output_path)


@contextmanager
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
                yield cast("IO[bytes]", table)
        elif _is_text(start):
            yield archive
        else:
            with zipfile.ZipFile(archive) as opened, opened.open(_only_member(opened)) as table:
                yield table


@contextmanager
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
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._begun = self._begun or line not in (b"", b"\r")
            if self._quoted or b'"' in line:
                self._quoted = _ends_quoted(line, quoted=self._quoted)
            if not self._quoted:
                self._ended += self._begun
                self._begun = False
        if len(self._rest) > LONGEST_FIELD:
            raise csv.Error(f"a line is longer than {LONGEST_FIELD} bytes")

    @property
    def rows(self) -> int:
        """Rows behind the header.

        :raises WalmartReportFailedError: when not even a header went by.
        """
        lines = self._ended + (self._begun or self._rest not in (b"", b"\r"))
        if not lines:
            raise _no_header()
        return lines - 1


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
    while batch := list(islice(rows, BATCH)):
        for number, row in enumerate(batch, start=before + 1):
            if len(row) != len(header):
                raise WalmartReportFailedError(
                    f"Row {number} of the downloaded report has {len(row)} columns, its header {len(header)}; land it as "
                    "csv."
                )
        yield batch
        before += len(batch)


def _to_jsonl(table: IO[bytes], output_path: str) -> int:
    header, batches = header_and_batches(table)
    encode = msgspec.json.Encoder().encode
    count = 0
    with atomic_write(output_path, "wb") as file:
        for batch in batches:
            file.write(b"".join(encode(dict(zip(header, row, strict=True))) + b"\n" for row in batch))
            count += len(batch)
    return count


def _to_parquet(table: IO[bytes], output_path: str) -> int:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    header, batches = header_and_batches(table)
    schema = pa.schema([(name, pa.string()) for name in header])
    count = 0
    with atomic_write(output_path, "wb") as file, ParquetWriter(file, schema) as writer:
        for batch in batches:
            columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            count += len(batch)
    return count
