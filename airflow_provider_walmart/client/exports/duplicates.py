"""Giving each record once: records that move on while a list is read come again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

Raw = msgspec.Raw


class Duplicates:
    """Leaves out records that came before, in this batch or the one before it; more is not kept in memory.

    :param key: what makes a record unique: names of fields, texts or numbers, as for `keys_of`. None: all of it.
    """

    def __init__(self, key: Sequence[str] = ()) -> None:
        self._keys = keys_of(key)
        self._before: set[Hashable] = set()
        self._now: set[Hashable] = set()

    @property
    def count(self) -> int:
        """How many different records came in this batch."""
        return len(self._now)

    @property
    def keys(self) -> set[Hashable]:
        """The keys of the records of this batch."""
        return self._now

    def next_batch(self) -> None:
        """Begin another batch: what came before this one may come again from now on."""
        self._before, self._now = self._now, set()

    def fresh(self, page: list[Raw]) -> list[Raw]:
        """Return the records of a page that are new, in their order."""
        keys = self._keys(page)
        different = set(keys)
        if (
            len(different) == len(page)
            and self._now.isdisjoint(different)
            and self._before.isdisjoint(different)
        ):
            self._now |= different
            return page
        kept = []
        for key, record in zip(keys, page, strict=True):
            if key not in self._now and key not in self._before:
                kept.append(record)
            self._now.add(key)
        return kept


def keys_of(names: Sequence[str]) -> Callable[[Sequence[Raw]], list[Hashable]]:
    """Return a function that takes the keys out of records, and decodes nothing else of them.

    :param names: the fields that make up the key; dotted for one inside another.
    :return: the function; the key of a record without all those fields is a digest of the whole record.
    """
    if not names:
        return lambda page: [_digest(record) for record in page]
    decode = msgspec.json.Decoder(_kind([name.split(".") for name in names])).decode
    is_single = len(names) == 1 and "." not in names[0]

    def key(record: Raw) -> Hashable:
        try:
            found: Any = decode(record)
        except ValueError:
            return _digest(record)
        return found.field_0.encode() if is_single and isinstance(found.field_0, str) else found

    if not is_single:
        return lambda page: [key(record) for record in page]
    # Most records begin with their key, and what follows is a thousand times as long. A text without escapes is what it
    # says.
    beginning = re.compile(rb'\s*\{\s*"%b"\s*:\s*"([^"\\]*)"' % re.escape(names[0].encode())).match
    return lambda page: [found[1] if (found := beginning(record)) else key(record) for record in page]


def _kind(paths: Sequence[Sequence[str]]) -> Any:
    """Return the type that records are decoded to, which holds their key alone and can be compared."""
    fields = [
        (f"field_{number}", _kind([path[1:]]) if path[1:] else str | int) for number, path in enumerate(paths)
    ]
    renamed = {f"field_{number}": path[0] for number, path in enumerate(paths)}
    return msgspec.defstruct("Key", fields, rename=renamed, frozen=True, gc=False)


def _digest(record: Raw) -> bytes:
    return hashlib.blake2b(record, digest_size=16).digest()
