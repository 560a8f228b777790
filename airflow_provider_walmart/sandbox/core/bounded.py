"""What callers make in passing, such as tokens and cursors, is kept up to a number; the oldest is forgotten."""

from __future__ import annotations

from typing import TypeVar

#: Entries kept of each kind.
KEPT = 10_000

Value = TypeVar("Value")


def put(entries: dict[str, Value], key: str, value: Value) -> None:
    """Put an entry behind the others, and forget the oldest ones where there are too many.

    :param entries: the entries, oldest first.
    :param key: key of the entry.
    :param value: the entry.
    """
    entries.pop(key, None)
    entries[key] = value
    while len(entries) > KEPT:
        del entries[next(iter(entries))]
