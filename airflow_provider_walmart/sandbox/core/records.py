"""Records that are made when they are asked for, from their number: a million of them costs nothing to hold."""

from __future__ import annotations

import copy
import json
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct


class Template:
    """JSON text of a record, with holes for what differs from record to record.

    :param sample: a record. ``<name>`` inside a string is a hole for text; a string that is ``#name`` as a
        whole is a hole for a number.
    """

    def __init__(self, sample: dict[str, Any]) -> None:
        text = json.dumps(sample, separators=(",", ":")).replace("%", "%%")
        text = re.sub(r'"#(\w+)"', r"%(\1)s", text)
        self._text = re.sub(r"<(\w+)>", r"%(\1)s", text)

    def narrow(self, values: dict[str, Any]) -> Template:
        """Return a template with some of the holes filled.

        :param values: name of a hole -> what to put there, as in :meth:`fill`.
        """
        narrowed = copy.copy(self)
        for name, value in values.items():
            narrowed._text = narrowed._text.replace(f"%({name})s", str(value).replace("%", "%%"))
        return narrowed

    def around(self, *names: str) -> tuple[str, ...]:
        """Return the texts before, between and behind the holes, for who fills them faster than :meth:`fill`.

        :param names: the holes in their order, which has to be right.
        """
        pieces = re.split(r"%\((\w+)\)s", self._text)
        if tuple(pieces[1::2]) != names:
            raise ValueError(f"the holes are {pieces[1::2]}")
        return tuple(piece.replace("%%", "%") for piece in pieces[::2])

    def fill(self, values: dict[str, Any]) -> str:
        """Return the JSON text of a record.

        :param values: name of a hole -> its number, or its text, in which nothing needs escaping in JSON.
        """
        return self._text % values


class Batch(Struct):
    """Records with numbers in a row, created one after the other.

    :param first: number of the oldest record.
    :param count: how many records.
    :param newest: when the newest one was created, sandbox time in epoch seconds.
    :param spacing: seconds between two records.
    :param status: status all of them have, until they are changed one by one.
    :param kind: what else sets the batch apart.
    :param times: when each record was created, epoch milliseconds, where they are not evenly spaced.
    """

    first: int
    count: int
    newest: float
    spacing: float
    status: str
    kind: str = ""
    times: list[int] = []

    @property
    def numbers(self) -> range:
        """Numbers of the records, oldest first."""
        return range(self.first, self.first + self.count)

    def created(self, number: int) -> int:
        """Return when a record was created, in epoch milliseconds.

        :param number: the record.
        """
        if self.times:
            return self.times[number - self.first]
        age = (self.first + self.count - 1 - number) * self.spacing
        return math.floor((self.newest - age) * 1000)

    def between(self, start: int, end: int) -> range:
        """Return the numbers of the records created in a period, oldest first.

        :param start: epoch milliseconds, inclusive.
        :param end: epoch milliseconds, inclusive.
        """
        numbers = self.numbers
        low = bisect_left(numbers, start, key=self.created)
        high = bisect_right(numbers, end, key=self.created)
        return numbers[low:high]


class Changed(Struct):
    """A record that is no longer as it was made.

    :param record: the whole record.
    :param modified: when it was changed last, epoch milliseconds.
    """

    record: dict[str, Any]
    modified: int


def append(
    batches: list[Batch],
    count: int,
    now: float,
    *,
    spacing: float,
    age: float,
    status: str,
    kind: str = "",
    least: int = 0,
) -> range:
    """Make a batch of new records; return their numbers.

    Without an age the records are younger than all there are, so that who remembers the newest one he has seen
    finds the new ones: they move closer together where needed.

    :param batches: the batches so far, which get the new one.
    :param count: how many records.
    :param now: sandbox time in epoch seconds.
    :param spacing: seconds between two records.
    :param age: seconds since the newest one was created.
    :param status: status of the batch.
    :param kind: kind of the batch.
    :param least: smallest number they may have.
    """
    first = max(least, next_number(batches))
    if batches and count and not age:
        # A millisecond between the two is the least that can be seen.
        room = now - max(batch.newest for batch in batches) - 0.001
        spacing = min(spacing, max(0.0, room) / count)
    batch = Batch(first, count, now - age, spacing, status, kind)
    if count:
        batches.append(batch)
    return batch.numbers


def next_number(batches: Sequence[Batch]) -> int:
    """Return the number that a new record gets.

    :param batches: all batches.
    """
    return batches[-1].first + batches[-1].count if batches else 0


def batch_of(batches: Iterable[Batch], number: int) -> Batch | None:
    """Return the batch a record belongs to, if there is such a record.

    :param batches: all batches.
    :param number: the record.
    """
    return next((batch for batch in batches if number in batch.numbers), None)


def page(ranges: Sequence[Sequence[int]], offset: int, limit: int) -> list[int]:
    """Return a page out of several sequences put one behind the other.

    :param ranges: the sequences.
    :param offset: how many elements to leave out.
    :param limit: how many elements to return at most.
    """
    found: list[int] = []
    for numbers in ranges:
        found.extend(islice(numbers[offset:], limit - len(found)) if offset < len(numbers) else ())
        offset = max(0, offset - len(numbers))
    return found
