"""Rows out of a file: JSON lines or CSV, either of them compressed with gzip, as the file's name says.

The file is read as a stream, a block of lines at a time.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError

JSON_LINES = (".jsonl", ".ndjson", ".json")
CSV = (".csv",)
# No feed is that large, so neither is a row; a file without line ends must not fill the memory.
_LONGEST_LINE = 25_000_000
# What is read at once. Bytes.
_BLOCK = 1 << 15


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
    texts, is_csv = _open(file, name)
    return _csv_rows(texts, name) if is_csv else _json_rows(texts, name)


def row_lines(file: BinaryIO, name: str) -> Iterator[int]:
    """Yield the line that each of the rows begins in, counted from 1, up to one that can't be read.

    :param file: as for `rows`, and so is the name.
    """
    texts, is_csv = _open(file, name)
    if is_csv:
        # The first one has the names of the columns.
        return itertools.islice(_csv_lines(texts), 1, None)
    return (number for number, line in enumerate(texts, 1) if line.strip())


def _open(file: BinaryIO, name: str) -> tuple[Iterator[bytes], bool]:
    """Return the lines of a file, and whether they are CSV."""
    ending = name.lower()
    compressed = ending.endswith(".gz")
    ending = ending.removesuffix(".gz")
    if not ending.endswith((*JSON_LINES, *CSV)):
        raise WalmartConfigError(
            f"{name}: the name must end in {', '.join(JSON_LINES)} or {CSV[0]}, optionally with .gz behind it."
        )
    blocks = _blocks(gzip.GzipFile(fileobj=file) if compressed else file, name)
    return itertools.chain.from_iterable(map(io.BytesIO, blocks)), ending.endswith(CSV)


def _blocks(source: BinaryIO | gzip.GzipFile, name: str) -> Iterator[bytes]:
    """Yield whole lines, many at once, without byte order mark.

    To read line by line takes longer: object storage is asked for each line whether it is still open.
    """
    number, rest = 1, bytearray()
    try:
        while data := source.read(_BLOCK):
            end = data.rfind(b"\n") + 1
            rest += data[:end] or data
            if end or len(rest) > _LONGEST_LINE:
                yield from _checked(bytes(rest), number, name)
                number += rest.count(b"\n")
                rest = bytearray(data[end:])
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise WalmartConfigError(
            f"{name}: cannot be unpacked as gzip behind line {number - 1} ({error})."
        ) from None
    yield from _checked(bytes(rest), number, name)


def _checked(block: bytes, number: int, name: str) -> Iterator[bytes]:
    """Yield the lines of a block, up to one that is no line of text.

    :param number: that of its first line, counted from 1.
    """
    if number == 1:
        _refuse_other_encodings(block, name)
        block = block.removeprefix(codecs.BOM_UTF8)
    if len(block) <= _LONGEST_LINE and b"\0" not in block:
        yield block
        return
    for place, line in enumerate(io.BytesIO(block), number):
        if len(line) > _LONGEST_LINE:
            raise _bad(name, place, f"is longer than {_LONGEST_LINE:,} bytes")
        if b"\0" in line:
            raise _bad(name, place, "holds a zero byte, so this is not UTF-8 text")
        yield line


def _json_rows(lines: Iterator[bytes], name: str) -> Iterator[dict[str, Any]]:
    decode = msgspec.json.Decoder().decode
    for number, line in enumerate(lines, 1):
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


def _csv_reader(lines: Iterator[bytes]) -> Any:
    """Return a reader of what stands between commas, semicolons or tabs, whichever the first line has."""
    head = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    # A spreadsheet writes semicolons where commas stand in numbers.
    delimiter = next((mark for mark in ",;\t" if mark.encode() in head[-1]), ",") if head else ","
    texts = map(bytes.decode, itertools.chain(head, lines))
    return csv.reader(texts, delimiter=delimiter, strict=True)


def _csv_lines(lines: Iterator[bytes]) -> Iterator[int]:
    """Yield the lines in which the header and the rows begin."""
    reader, start = _csv_reader(lines), 1
    with contextlib.suppress(csv.Error, UnicodeDecodeError):
        for fields in reader:
            if "".join(fields).strip():
                yield start
            start = reader.line_num + 1


def _csv_rows(lines: Iterator[bytes], name: str) -> Iterator[dict[str, Any]]:
    reader = _csv_reader(lines)
    header: list[str] = []
    start = 1
    try:
        for fields in reader:
            if not "".join(fields).strip():
                pass
            elif not header:
                header = _header(fields, name, start)
            elif len(fields) != len(header):
                raise _bad(name, start, f"has {len(fields)} fields; there are {len(header)} columns")
            else:
                # To have zip compare their lengths again takes a third of the time of a row.
                yield dict(zip(header, fields))  # noqa: B905
            start = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise _not_utf8(name, reader.line_num + 1, error) from None
    except csv.Error as error:
        where = f"{start} to {reader.line_num}" if reader.line_num > start else f"{start}"
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
