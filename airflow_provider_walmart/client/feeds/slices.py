"""From rows to documents that fit Walmart's caps.

`plan` reads the rows once, checks every one of them, decides where to cut, and writes what becomes of them into a file; `build`
makes the documents of that. So nothing is sent before all rows are known to be good, what is sent is what was checked, and of a
million rows only one document is in memory at a time.

Uploads are scarce, a few per hour, so a slice is as full as the caps allow. The same rows always give the same
slices with the same fingerprints: those tell after a crash which documents Walmart already has.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import sqlite3
import sys
import tempfile
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, BinaryIO

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feeds.feed_types import FeedFormat, Piece, lasting, upload_of
from airflow_provider_walmart.client.values.json_values import encode
from airflow_provider_walmart.client.values.rows import Lines, RowError, RowProblems, no_lines

# Returns all rows, each with its number.
Rows = Callable[[], Iterable[tuple[int, Mapping[str, Any]]]]

# Rows of one entry. No seller has as many ship nodes, and an entry is in memory as a whole.
_MOST_JOINED = 10_000
# Of a temporary file, what is kept in memory. Bytes.
_IN_MEMORY = 1 << 19
# What is read of the file of entries at once. Bytes.
_PIECE = 1 << 16
# Any time does: frames of all times are equally long.
_SOME_TIME = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class SlicePlan:
    """One document to send.

    :param number: 1 for the first slice.
    :param items: entries in it, which is what Walmart counts; 0 when unknown.
    :param first_row: number of its first row, counted from 1.
    :param last_row: its last row; the same as ``items`` for a ready document.
    :param fingerprint: SHA-256 in hex of what the document says, for whom; without the date in its header. Neither the order of
        keys nor the way in which a number is written changes it, unless it is of a ready document.
    :param bytes: length of the document.
    :param ship_node: ship node that the upload must name; empty for none.
    :param identity: as for `plan`.
    :param checksum: the same of the document as it is written; empty for a ready one.
    """

    number: int
    items: int
    first_row: int
    last_row: int
    fingerprint: str
    bytes: int
    ship_node: str = ""
    identity: str = ""
    checksum: str = ""


def plan(
    feed_format: FeedFormat,
    rows: Rows,
    entries: BinaryIO | None = None,
    *,
    identity: str = "",
    lines: Lines = no_lines,
) -> list[SlicePlan]:
    """Check all rows and say how they will be cut.

    :param feed_format: what the document looks like.
    :param rows: returns all rows, each with its number, by which it is named; called again to name rows that are about the same.
    :param entries: an empty file for the entries of all slices, one behind the other; None: they are not kept.
    :param identity: becomes part of the fingerprints, to distinguish equal payloads that are meant twice.
    :param lines: finds the lines of rows that are out of a file.
    :raises WalmartConfigError: listing the first 20 problems with row numbers, or when there are no rows.
    """
    problems = RowProblems(f"can't be sent as a feed of type {feed_format.feed_type}", lines)
    with contextlib.closing(_Keys()) as keys:
        found = _entries(feed_format, rows(), problems.add, keys.add)
        plans = list(_cut(feed_format, found, identity, problems.add, entries))
        may_clash = keys.may_clash()
    if may_clash:
        for row, text in _clashes(feed_format, rows()):
            problems.add(row, text)
    problems.raise_if_any()
    if not plans:
        raise WalmartConfigError(f"There are no rows for feed type {feed_format.feed_type}: nothing to send.")
    return plans


def build(
    feed_format: FeedFormat,
    entries: BinaryIO,
    plans: Sequence[SlicePlan],
    *,
    wanted: Collection[int] | None = None,
    now: datetime,
) -> Iterator[tuple[SlicePlan, bytes]]:
    """Yield planned documents with their plans, one at a time in memory.

    :param feed_format: as for `plan`.
    :param entries: the file that `plan` wrote.
    :param plans: what `plan` returned, all of it.
    :param wanted: numbers of the slices to build; default: all.
    :param now: time of the upload, aware, for documents that state it.
    :raises WalmartConfigError: when the file doesn't hold what was planned.
    """
    head, tail = feed_format.frame(now)
    end = 0
    for planned in plans:
        start, end = end, end + planned.bytes - len(head) - len(tail)
        if wanted is not None and planned.number not in wanted:
            continue
        entries.seek(start)
        digest, document = _digest(feed_format, planned.identity, planned.ship_node), io.BytesIO()
        document.write(head)
        for place in range(start, end, _PIECE):
            data = entries.read(min(_PIECE, end - place))
            digest.update(data)
            document.write(data)
        document.write(tail)
        if digest.hexdigest() != planned.checksum:
            raise WalmartConfigError(
                f"Slice {planned.number} of feed type {feed_format.feed_type} (rows {planned.first_row} to {planned.last_row})"
                " is not what was planned, and was not sent."
            )
        yield planned, document.getvalue()
        del document  # or else it would be there while the next one is built


def plan_document(feed_type: str, content: bytes, *, file_name: str, identity: str = "") -> SlicePlan:
    """Check a ready document: it is sent as it is, in one piece.

    :param feed_type: any value of ``feedType``.
    :param content: JSON, XML or zip.
    :param file_name: names it in errors.
    :param identity: as for `plan`.
    :return: its plan; ``items`` is the length of the longest list in a JSON object, else 0.
    :raises WalmartConfigError: when it is empty, too large for its type, malformed JSON or nothing of these.
    """
    upload = upload_of(feed_type)
    start = content.removeprefix(codecs.BOM_UTF8).lstrip()[:4]
    if not start:
        raise WalmartConfigError(f"{file_name} is empty.")
    if len(content) > upload.max_bytes:
        raise WalmartConfigError(
            f"{file_name} has more than the {upload.max_bytes:,} bytes that {upload.feed_type} allows."
        )
    items = 0
    said: Iterable[bytes | memoryview] = (content,)
    if start.startswith((b"{", b"[")):
        items, said = _read_json(content, file_name)
    elif not start.startswith((b"<", b"PK\x03\x04")):
        raise WalmartConfigError(f"{file_name} is neither JSON nor XML nor a zip file.")
    if upload.max_items and items > upload.max_items:
        raise WalmartConfigError(
            f"{file_name} has {items:,} items; {upload.feed_type} allows {upload.max_items:,}."
        )
    fingerprint = hashlib.sha256(encode([upload.feed_type.lower(), identity]))
    for part in said:
        fingerprint.update(part)
    return SlicePlan(1, items, 1, items, fingerprint.hexdigest(), len(content), identity=identity)


def parts_of(content: bytes, file_name: str) -> tuple[dict[str, Any], str, list[Any]]:
    """Return header, name of the list and items of a ready document.

    :param content: as `plan_document` takes it, and checked by it.
    :param file_name: names it in errors.
    :raises WalmartConfigError: when it is no JSON object with one object and one list.
    """
    start = content.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    document = msgspec.json.decode(content.removeprefix(codecs.BOM_UTF8)) if start == b"{" else {}
    lists = [name for name, value in document.items() if isinstance(value, list)]
    others = [name for name, value in document.items() if isinstance(value, dict)]
    if len(document) != 2 or len(lists) != 1 or len(others) != 1:
        raise WalmartConfigError(
            f"{file_name} is no JSON object of a header and a list of items, so its items can't be read. Nothing was sent."
        )
    return {others[0]: document[others[0]]}, lists[0], document[lists[0]]


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a document, ready to be written; ``meaning`` is that of its piece."""

    data: bytes
    first_row: int
    last_row: int
    ship_node: str
    meaning: bytes


class _Keys:
    """Finds out whether several entries may be about the same thing, in little time and memory: by hashes of what they are about.

    Hashes are spread over groups, of which one at a time is looked into, and lie in a file meanwhile.
    """

    GROUPS = 64
    IN_MEMORY = 50_000

    def __init__(self) -> None:
        self._groups = [array("q") for _ in range(self.GROUPS)]
        self._pending = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it is closed with this
        self._written: list[list[int]] = []
        self._parts: set[str] = set()
        self._is_twice = False

    def add(self, piece: Piece, row: int, entry: int) -> None:
        """Take note of a row.

        :param entry: first row of the entry that the row belongs to.
        """
        if row != entry:
            self._is_twice |= piece.part in self._parts
            self._parts.add(piece.part)
            return
        if piece.join:
            self._parts = {piece.part}
        key = hash(piece.subject or piece.part)
        self._groups[key % self.GROUPS].append(key)
        self._pending += 1
        if self._pending == self.IN_MEMORY:
            self._write()

    def may_clash(self) -> bool:
        """Return whether two rows may be about the same; where they aren't, that is rare."""
        self._write()
        return self._is_twice or any(
            len(set(group)) < len(group) for group in map(self._group, range(self.GROUPS))
        )

    def close(self) -> None:
        self._file.close()

    def _write(self) -> None:
        self._written.append([len(group) for group in self._groups])
        for group in self._groups:
            group.tofile(self._file)
            del group[:]
        self._pending = 0

    def _group(self, number: int) -> array[int]:
        """Return all keys of a group."""
        keys: array[int] = array("q")
        place = 0
        for sizes in self._written:
            self._file.seek((place + sum(sizes[:number])) * keys.itemsize)
            keys.fromfile(self._file, sizes[number])
            place += sum(sizes)
        return keys


def _clashes(feed_format: FeedFormat, rows: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, str]]:
    """Yield the rows that clash with an earlier one, with what is wrong with them."""
    with contextlib.closing(_Subjects()) as subjects:
        for _ in _entries(feed_format, rows, lambda *_: None, subjects.add):
            pass
        yield from subjects.clashes()


class _Subjects:
    """Which row is about what: finds the same thing in several rows, in little memory."""

    def __init__(self) -> None:
        # A database without name is a temporary file, with a cache of 2 MB.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (subject, part, row, entry)")
        self._pending: list[tuple[str, str, int, int]] = []

    def add(self, piece: Piece, row: int, entry: int) -> None:
        """Remember a row.

        :param entry: first row of the entry that the row belongs to.
        """
        self._pending.append((piece.subject, piece.part, row, entry))
        if len(self._pending) >= 1000:
            self._write()

    def clashes(self) -> Iterator[tuple[int, str]]:
        """Yield rows that clash with an earlier one, with what is wrong with them."""
        self._write()
        self._database.execute(
            "CREATE TEMP TABLE twice AS"
            " SELECT subject, part, min(row) AS first FROM seen GROUP BY subject, part HAVING count(*) > 1"
        )
        self._database.execute(
            "CREATE TEMP TABLE apart AS SELECT subject, min(entry) AS first FROM seen"
            " WHERE subject <> '' GROUP BY subject HAVING max(entry) > min(entry)"
        )
        if not self._database.execute("SELECT 1 FROM twice UNION ALL SELECT 1 FROM apart LIMIT 1").fetchone():
            return
        found = self._database.execute(
            "SELECT row, seen.subject, seen.part, twice.first, apart.first FROM seen"
            " LEFT JOIN twice ON twice.subject = seen.subject AND twice.part = seen.part"
            " LEFT JOIN apart ON apart.subject = seen.subject"
            " WHERE row > twice.first OR row = entry AND entry > apart.first ORDER BY row"
        )
        for row, subject, part, same, other in found:
            if same is not None and row > same:
                what = ", ".join(filter(None, (subject, part))) if subject else "the same"
                yield row, f"{what} is in row {same} already"
            else:
                yield (
                    row,
                    f"{subject} is in row {other} already; its rows must follow one another,"
                    " and one in Walmart's own form stands alone",
                )

    def close(self) -> None:
        self._database.close()

    def _write(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?)", self._pending)
        self._database.execute("COMMIT")
        self._pending.clear()


def _entries(
    feed_format: FeedFormat,
    rows: Iterable[tuple[int, Any]],
    problem: Callable[[int, str], None],
    note: Callable[[Piece, int, int], None],
) -> Iterator[_Entry]:
    """Yield the entries that the rows become; rows that follow one another are joined where that is possible.

    :param problem: called with a row number, and what is wrong with that row, which is left out then.
    :param note: called with every good row, its number, and that of the first row of its entry.
    """
    last: Piece | None = None
    first_row = last_row = 0
    for number, row in rows:
        try:
            piece = feed_format.piece(row)
            if last and last.join and piece.join and piece.subject == last.subject:
                if number - first_row >= _MOST_JOINED:
                    raise RowError(f"{piece.subject} has more than {_MOST_JOINED:,} rows")
                last.join(last.entry, piece.entry)
                last_row = number
                note(piece, number, first_row)
                continue
        except RowError as error:
            problem(number, str(error))
            continue
        if last:
            yield _Entry(encode(last.entry), first_row, last_row, last.ship_node, last.meaning)
        last, first_row, last_row = piece, number, number
        note(piece, number, number)
    if last:
        yield _Entry(encode(last.entry), first_row, last_row, last.ship_node, last.meaning)


class _Slice:
    """A slice that is being filled."""

    def __init__(
        self, feed_format: FeedFormat, number: int, identity: str, entry: _Entry, file: BinaryIO | None
    ) -> None:
        self._number = number
        self._identity = identity
        self._first = self._last = entry
        self._items = 1
        self._said = _Said(feed_format, identity, entry.ship_node, file)
        self._said.add(entry)
        self._bytes = _frame_length(feed_format) + len(entry.data)
        self._most_items = feed_format.max_items or sys.maxsize
        self._most_bytes = feed_format.max_bytes

    def takes(self, entry: _Entry) -> bool:
        """Add an entry if there is room for it, and say so."""
        size = self._bytes + 1 + len(entry.data)
        if size > self._most_bytes or self._items == self._most_items:
            return False
        self._bytes = size
        self._items += 1
        self._last = entry
        self._said.add(entry)
        return True

    def plan(self) -> SlicePlan:
        return SlicePlan(
            number=self._number,
            items=self._items,
            first_row=self._first.first_row,
            last_row=self._last.last_row,
            **self._said.digests(),
            bytes=self._bytes,
            ship_node=self._first.ship_node,
            identity=self._identity,
        )


def _cut(
    feed_format: FeedFormat,
    entries: Iterator[_Entry],
    identity: str,
    problem: Callable[[int, str], None],
    file: BinaryIO | None,
) -> Iterator[SlicePlan]:
    """Yield slices, each as full as the caps allow."""
    frame = _frame_length(feed_format)
    ship_node = None
    number = 1
    current: _Slice | None = None
    for entry in entries:
        if frame + len(entry.data) > feed_format.max_bytes:
            problem(
                entry.first_row,
                f"makes a document of {frame + len(entry.data):,} bytes on its own;"
                f" {feed_format.feed_type} allows {feed_format.max_bytes:,}",
            )
        elif ship_node is not None and entry.ship_node != ship_node:
            problem(
                entry.first_row,
                f"ship_node is {entry.ship_node!r}, but {ship_node!r} in the rows before;"
                f" {feed_format.feed_type} is for one ship node at a time, MP_INVENTORY for many",
            )
        elif current is None:
            ship_node = entry.ship_node
            current = _Slice(feed_format, number, identity, entry, file)
        elif not current.takes(entry):
            yield current.plan()
            number += 1
            current = _Slice(feed_format, number, identity, entry, file)
    if current:
        yield current.plan()


def _digest(feed_format: FeedFormat, identity: str, ship_node: str) -> hashlib._Hash:
    return hashlib.sha256(feed_format.essence + encode([identity, ship_node]))


class _Said:
    """What a document says: its entries, to be digested, and kept as well.

    :param file: where they are kept; None: nowhere.
    """

    # Entries that are digested at once, since for each alone that takes longer than what it is made of.
    AT_ONCE = 500

    def __init__(
        self, feed_format: FeedFormat, identity: str, ship_node: str, file: BinaryIO | None = None
    ) -> None:
        self._written = self._meant = _digest(feed_format, identity, ship_node)
        self._file = file
        self._separator = b""
        self._pending: list[_Entry] = []

    def add(self, entry: _Entry) -> None:
        """Add an entry."""
        self._pending.append(entry)
        if len(self._pending) == self.AT_ONCE:
            self._write()

    def digests(self) -> dict[str, str]:
        """Return fingerprint and checksum of all that was added."""
        if self._pending:
            self._write()
        return {"fingerprint": self._meant.hexdigest(), "checksum": self._written.hexdigest()}

    def _write(self) -> None:
        data = self._separator + b",".join([entry.data for entry in self._pending])
        if any(entry.meaning for entry in self._pending):
            meant = self._separator + b",".join([entry.meaning or entry.data for entry in self._pending])
            if self._meant is self._written:
                self._meant = self._written.copy()
            self._meant.update(meant)
        elif self._meant is not self._written:
            self._meant.update(data)
        self._written.update(data)
        if self._file:
            self._file.write(data)
        self._separator = b","
        self._pending.clear()


def _frame_length(feed_format: FeedFormat) -> int:
    return sum(map(len, feed_format.frame(_SOME_TIME)))


def _read_json(content: bytes, file_name: str) -> tuple[int, list[bytes | memoryview]]:
    """Check that a document is JSON, and return the length of its longest list at the top, and what it says in pieces.

    What a header has that is new with every request doesn't count.
    """
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        # Decodes what is asked for, one level at a time, and checks the rest without making objects of it.
        top = msgspec.json.decode(content, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
        lists = [top] if isinstance(top, list) else (_list(value) for value in top.values())
        decoder = codecs.getincrementaldecoder("utf-8")()
        for start in range(0, len(content), 1 << 16):
            decoder.decode(content[start : start + (1 << 16)])
        said: list[bytes | memoryview] = [content]
        if isinstance(top, dict):
            said = [part for entry in top.items() for part in _said(*entry)]
        return max(map(len, lists), default=0), said
    except RecursionError:
        raise WalmartConfigError(f"{file_name} is nested too deeply.") from None
    except ValueError as error:
        raise WalmartConfigError(f"{file_name} begins like JSON, but is not: {error}.") from None


def _said(name: str, value: msgspec.Raw) -> tuple[bytes | memoryview, bytes | memoryview]:
    data = memoryview(value)
    if data[0] == ord("{"):
        data = memoryview(encode(lasting(msgspec.json.decode(value))))
    return encode([name]), data


def _list(value: msgspec.Raw) -> list[msgspec.Raw]:
    is_list = memoryview(value)[0] == ord("[")
    return msgspec.json.decode(value, type=list[msgspec.Raw]) if is_list else []
