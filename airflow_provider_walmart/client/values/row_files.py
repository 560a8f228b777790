"""Rows out of a file: JSON lines or CSV, either of them compressed with gzip, as the file's name says.

The file is read as a stream, one row at a time.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.rows import FileRow

JSON_LINES = (".jsonl", ".ndjson", ".json")
CSV = (".csv",)
# No feed is that large, so neither is a row; a file without line ends must not fill the memory.
_LONGEST_LINE = 25_000_000


def rows(file: BinaryIO, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of an open file, in its order.

    Empty lines are left out. Values of CSV files are text, as they stand.

    :param file: opened for reading bytes; it is left open.
    :param name: its name or address: ends in ``.jsonl``, ``.ndjson`` or ``.json`` for one JSON object per line,
        or in ``.csv`` for UTF-8 text with a line of column names, and with commas, semicolons or tabs, whichever that line
        has; with ``.gz`` behind it when
        compressed.
    :raises WalmartConfigError: for another ending, and for a line that cannot be read, with its number.
    """
    ending = name.lower()
    compressed = ending.endswith(".gz")
    ending = ending.removesuffix(".gz")
    if ending.endswith(JSON_LINES):
        read = _json_rows
    elif ending.endswith(CSV):
        read = _csv_rows
    else:
        raise WalmartConfigError(
            f"{name}: the name must end in {', '.join(JSON_LINES)} or {CSV[0]}, optionally with .gz behind it."
        )
    return read(_lines(file, name, compressed=compressed), name)


class _Source(io.RawIOBase):
    """Reads from a file, and leaves it open: it belongs to the caller.

    Files of object storage aren't read line by line: for each line they are asked whether they are still open, which takes
    them longer than a line does.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _lines(file: BinaryIO, name: str, *, compressed: bool) -> Iterator[tuple[int, bytes]]:
    """Yield numbered lines with their ends, without byte order mark."""
    buffered = io.BufferedReader(_Source(file), 1 << 16)
    source = gzip.GzipFile(fileobj=buffered) if compressed else buffered
    number = 0
    try:
        while line := source.readline(_LONGEST_LINE + 1):
            number += 1
            if number == 1:
                _refuse_other_encodings(line, name)
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) > _LONGEST_LINE:
                raise _bad(name, number, f"is longer than {_LONGEST_LINE:,} bytes")
            if b"\0" in line:
                raise _bad(name, number, "holds a zero byte, so this is not UTF-8 text")
            yield number, line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise WalmartConfigError(
            f"{name}: cannot be unpacked as gzip behind line {number} ({error})."
        ) from None


def _json_rows(lines: Iterator[tuple[int, bytes]], name: str) -> Iterator[dict[str, Any]]:
    decode = msgspec.json.Decoder().decode
    for number, line in lines:
        try:
            row = decode(line)
        except UnicodeDecodeError as error:
            raise _not_utf8(name, number, error) from None
        except (ValueError, RecursionError) as error:
            if not line.strip():
                continue
            raise _bad(name, number, f"is not one JSON object ({error})") from None
        if not isinstance(row, dict):
            raise _bad(name, number, "is JSON, but not an object; expected one object per line")
        yield row


def _csv_rows(lines: Iterator[tuple[int, bytes]], name: str) -> Iterator[dict[str, Any]]:
    records = _csv_records(lines, name)
    first = next(records, None)
    if first is None:
        return
    line, fields = first
    header = _header(fields, name, line)
    count = len(header)
    for line, fields in records:
        if len(fields) != count:
            raise _bad(name, line, f"has {len(fields)} fields; there are {count} columns")
        row = FileRow(zip(header, fields, strict=True))
        row.line = line
        yield row


def _csv_records(lines: Iterator[tuple[int, bytes]], name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each record that has any, with the number of its first line."""
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for number, line in lines:
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise _not_utf8(name, number, error) from None

    source = texts()
    first = next((text for text in source if text.strip()), "")
    # A spreadsheet writes semicolons where commas stand in numbers.
    delimiter = "," if "," in first else next((mark for mark in ";\t" if mark in first), ",")
    reader = csv.reader(itertools.chain([first], source), delimiter=delimiter, strict=True)
    start = 1
    try:
        for fields in reader:
            if "".join(fields).strip():
                yield start, fields
            start = number + 1
    except csv.Error as error:
        where = f"{start} to {number}" if number > start else f"{start}"
        raise _bad(name, where, f"is not CSV ({error})") from None


def _header(fields: list[str], name: str, line: int) -> list[str]:
    header = [field.strip() for field in fields]
    if len(header) == 1 and "|" in header[0]:
        raise _bad(name, line, f"has no comma between column names: {header[0][:60]!r}")
    if "" in header:
        raise _bad(name, line, f"has no name for column {header.index('') + 1}")
    if twice := [column for column in header if header.count(column) > 1]:
        raise _bad(name, line, f"names column {twice[0][:60]!r} twice")
    return header


def _refuse_other_encodings(line: bytes, name: str) -> None:
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise WalmartConfigError(f"{name}: is UTF-16; expected UTF-8.")
    if line.startswith(b"\x1f\x8b"):
        raise WalmartConfigError(f"{name}: is compressed with gzip, but its name does not end in .gz.")


def _not_utf8(name: str, line: int, error: UnicodeDecodeError) -> WalmartConfigError:
    byte = error.object[error.start]
    return _bad(name, line, f"is not UTF-8: it holds the byte 0x{byte:02x}")


def _bad(name: str, line: int | str, problem: str) -> WalmartConfigError:
    return WalmartConfigError(f"{name}, line {line}: {problem}.")
