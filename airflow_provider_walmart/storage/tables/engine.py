"""Reading records of Walmart's into rows of tables, by what the declarations say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec

from airflow_provider_walmart.storage.tables.declarations import (
    ADDED,
    UNWRITTEN,
    Column,
    Table,
    columns_of,
    with_children,
)
from airflow_provider_walmart.storage.tables.fields import WHOLE_RECORD, Unfit, level_of
from airflow_provider_walmart.storage.tables.odd_shapes import as_list
from airflow_provider_walmart.storage.tables.personal import Personal
from airflow_provider_walmart.storage.tables.rows import Counts, Reading, Rows
from airflow_provider_walmart.storage.tables.values import encode

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Engine:
    """Reads records into rows.

    :param table: table of the records.
    :param names: names of the tables to fill.
    :param personal: what to do with personal data.
    :param added: values for the columns that every table has, ``_extra`` aside.
    :param params: parameters of the call, for columns whose path begins with ``#params``.
    """

    def __init__(
        self,
        table: Table,
        names: Iterable[str],
        personal: Personal,
        added: tuple[Any, Any, Any],
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self._prepare = table.prepare
        self._params = (
            dict(params or {}) if any("#params" in column.path for column in table.columns) else None
        )
        self.counts = Counts()
        self._records: list[dict[str, Any]] = []
        self._names = set(names)
        self._root = _TableReader(table, _Given(self._names, self.counts, personal, added))

    def read(self, raw: bytes | memoryview | msgspec.Raw) -> None:
        """Read a record, whatever it is."""
        try:
            record = _decode(raw)
        except (ValueError, RecursionError):
            record = _by_the_standard_library(bytes(raw))
        self.read_record(record)

    def read_record(self, record: Any) -> None:
        """Read a decoded record, which may be changed by that; its fractions are of type `Decimal`."""
        if not isinstance(record, dict):
            record = {WHOLE_RECORD: record}
        if self._params is not None:
            record["#params"] = self._params
        if self._prepare:
            self._prepare(record)
        self._records.append(record)

    def take(self) -> dict[str, Rows]:
        """Return the rows of all records that were read since the last time, by table."""
        rows: dict[str, Rows] = {}
        self._root.read(self._records, rows)
        self._records = []
        nothing = Rows(0, [])
        return {name: rows.get(name, nothing) for name in self._names}


def _by_the_standard_library(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


@dataclass(frozen=True)
class _Given:
    """What the readers of all tables of an engine have in common."""

    names: set[str]
    counts: Counts
    personal: Personal
    added: tuple[Any, Any, Any]


class _TableReader:
    """Reads objects into the rows of a table, and what is inside them into those of its children.

    :param above: columns of the table around it.
    :param stands_for_parent: whether the table around it is not written, so that its rows tell of that, too.
    """

    def __init__(
        self, table: Table, given: _Given, above: tuple[Column, ...] = (), *, stands_for_parent: bool = False
    ) -> None:
        columns = columns_of(table, above)
        self._stands_for_parent = stands_for_parent
        self._table, self._is_wanted, self._added = table, table.name in given.names, given.added
        self._width = len(columns)
        # The value of a second place is kept behind the row until it is known whether it is needed.
        second = [column for column in table.columns if column.or_path]
        slots = {column.name: slot for slot, column in enumerate(columns)}
        slots |= {column.or_path: self._width + number for number, column in enumerate(second)}
        self._second = [(slots[one.name], slots[one.or_path], one.or_path) for one in second]
        self._blank: list[list[Any] | None] = [None] * (self._width + len(second))
        self._index = slots[table.index] if table.index else None
        of_above = {column.name: slot for slot, column in enumerate(above)}
        inherited = columns[: self._width - len(ADDED) - len(table.columns) - bool(table.index)]
        self._inherited = [(slot, of_above[column.name]) for slot, column in enumerate(inherited)]
        unfit = Unfit(table.name, given.counts, given.personal, table.personal_parts)
        self._level = level_of(table, slots, unfit)
        self._children: list[_TableReader] = []
        self._add_children(given, columns)

    def _add_children(self, given: _Given, columns: tuple[Column, ...]) -> None:
        is_unwritten = self._table.name in UNWRITTEN
        for child in self._table.children:
            reader = None
            if {one.name for one in with_children(child)} & given.names:
                reader = _TableReader(child, given, columns, stands_for_parent=is_unwritten)
                self._children.append(reader)
            for path in child.rows:
                self._level.add_rows(tuple(path.split(".")), reader)

    def read(self, records: Sequence[dict[str, Any]], rows: dict[str, Rows]) -> None:
        """Read records.

        :param rows: where rows are put, by table.
        """
        self._read(records, Reading(self._blank.copy()), rows)

    def _read(self, objects: Sequence[Any], reading: Reading, rows: dict[str, Rows]) -> None:
        if not objects:
            return
        self._level.read(objects, reading)
        for slot, second, path in self._second:
            _fill(slot, second, path, reading)
        for child in self._children:
            child._read_inside(reading, len(objects), rows)
        if self._is_wanted:
            rows[self._table.name] = self._rows(len(objects), reading)

    def _rows(self, count: int, reading: Reading) -> Rows:
        for slot, value in enumerate(self._added, self._width - len(ADDED)):
            reading.columns[slot] = [value] * count
        for row, left in reading.passed_on.items():
            reading.extras[row] = {**reading.extras.get(row, {}), **left}
        if reading.extras:
            extras: list[Any] = [None] * count
            for row, left in reading.extras.items():
                extras[row] = encode(left)
            reading.columns[self._width - 1] = extras
        return Rows(count, reading.columns[: self._width])

    def _read_inside(self, above: Reading, count: int, rows: dict[str, Rows]) -> None:
        """Read the lists inside the rows of the table around this one.

        :param above: those rows.
        :param count: how many they are.
        """
        objects, parents, positions = self._inside(above, count)
        reading = Reading(self._blank.copy())
        for slot, source in self._inherited:
            if (column := above.columns[source]) is not None:
                reading.columns[slot] = list(map(column.__getitem__, parents))
        if self._index is not None:
            reading.columns[self._index] = positions
        if self._stands_for_parent:
            reading.passed_on = {
                row: above.extras[parent] for row, parent in enumerate(parents) if parent in above.extras
            }
        self._read(objects, reading, rows)

    def _inside(self, above: Reading, count: int) -> tuple[list[dict[str, Any]], list[int], list[int]]:
        """Return the objects in the lists of all rows of the table around this one, with row and position of each."""
        objects: list[dict[str, Any]] = []
        parents: list[int] = []
        positions: list[int] = []
        for parent, listed in enumerate(self._listed(above.lists.get(self, [[None] * count]))):
            for position, one in enumerate(listed):
                if type(one) is dict:
                    objects.append(one)
                    parents.append(parent)
                    positions.append(position)
                elif one is not None:
                    above.extras.setdefault(parent, {}).setdefault(f"#{self._table.name}", []).append(one)
            if self._stands_for_parent and not (parents and parents[-1] == parent):
                # Nothing else would tell of it.
                objects.append({})
                parents.append(parent)
        return objects, parents, positions

    def _listed(self, places: Sequence[Sequence[Any]]) -> Iterator[list[Any]]:
        """Return what stands at all places, as one list for each row of the table around this one."""
        arranged = [map(self._table.arrange or as_list, values) for values in places]
        if len(arranged) == 1:
            return arranged[0]
        return ([*chain.from_iterable(lists)] for lists in zip(*arranged, strict=True))


def _fill(slot: int, second: int, path: str, reading: Reading) -> None:
    """Take the value of the second place where the first one is empty; another one than there is kept."""
    spare, values = reading.columns[second], reading.columns[slot]
    if spare is None:
        return
    if values is None:
        reading.columns[slot] = spare
        return
    for row, other in enumerate(spare):
        if values[row] is None:
            values[row] = other
        elif other is not None and other != values[row]:
            reading.keep(row, (path,), other)
