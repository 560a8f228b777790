"""Reading records of Walmart's into rows of tables, by what the declarations say.

Whatever Walmart sends makes rows: what no column takes is kept in ``_extra``, in the place where it was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from airflow_provider_walmart.storage.tables.declarations import (
    ADDED,
    UNWRITTEN,
    Column,
    Table,
    with_children,
)
from airflow_provider_walmart.storage.tables.personal import PERSONAL_NAME, Personal
from airflow_provider_walmart.storage.tables.values import CONVERTERS, MISFIT, PLACES, encode, json_text, text

Row = list[Any]
#: A row and where to put it in the extras of what is above: ``None`` when all of it found a column.
Handler = Callable[[Any, Row, "list[tuple[_Rows, Any]]"], Any]

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
# Names that are new at Walmart may be any number; a log line takes only some.
MOST_NAMES = 50
WHOLE_RECORD = "#record"


def columns_of(table: Table, above: tuple[Column, ...] = ()) -> tuple[Column, ...]:
    """Return all columns of a table: its key first, its own, then those that every table has.

    :param above: columns of the table around it.
    """
    own = {column.name for column in table.columns}
    inherited = tuple(column for column in above if column.name in table.key and column.name not in own)
    index = (Column(table.index, "int64"),) if table.index else ()
    return (*inherited, *index, *table.columns, *ADDED)


def all_columns(table: Table, above: tuple[Column, ...] = ()) -> dict[str, tuple[Column, ...]]:
    """Return the columns of a table and of all tables inside its rows, by table."""
    found = {table.name: columns_of(table, above)}
    for child in table.children:
        found |= all_columns(child, found[table.name])
    return {name: columns for name, columns in found.items() if name not in UNWRITTEN}


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
        self._personal = personal
        #: Rows that were read, by table; whoever takes them leaves the lists empty.
        self.rows: dict[str, list[Row]] = {one.name: [] for one in with_children(table)}
        #: How often a value did not fit the type of its column, or was rounded, by table and field.
        self.misfits: Counter[str] = Counter()
        #: How often a field came that no column is declared for.
        self.unknown: Counter[str] = Counter()
        self._root = _Rows(table, set(names), self, added, (), personal)

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
        self._root.read([record], None)

    def summary(self) -> str:
        """Return what a log says of values that found no column, empty for none."""
        parts = []
        for what, counter in (("not as declared", self.misfits), ("not known", self.unknown)):
            if counter:
                listed = ", ".join(f"{name} ({count})" for name, count in counter.most_common(10))
                more = f" and {len(counter) - 10} more" if len(counter) > 10 else ""
                parts.append(f"{what}: {listed}{more}")
        return "; ".join(parts)

    def count(self, counter: Counter[str], name: str) -> None:
        """Count a name, up to so many of them."""
        counter[name if name in counter or len(counter) < MOST_NAMES else "other fields"] += 1


def _by_the_standard_library(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


class _Rows:
    """Reads a list of objects into the rows of a table, and what is inside them into those of its children."""

    def __init__(
        self,
        table: Table,
        names: set[str],
        engine: Engine,
        added: tuple[Any, Any, Any],
        above: tuple[Column, ...],
        personal: Personal,
    ) -> None:
        columns = columns_of(table, above)
        slots = {column.name: slot for slot, column in enumerate(columns)}
        self.table = table
        self._arrange = table.arrange
        self._out = engine.rows[table.name].append if table.name in names else None
        self._is_passed_on = table.name in UNWRITTEN
        own = {column.name for column in table.columns}
        above_slots = {column.name: slot for slot, column in enumerate(above)}
        self._inherited = [
            (slots[name], above_slots[name]) for name in table.key if name not in own and name != table.index
        ]
        self._index = slots[table.index] if table.index else None
        self._extra = len(columns) - 1
        # A fallback is kept behind the row until it is known whether it is needed.
        self._fallbacks: list[tuple[int, int, str]] = []
        for column in table.columns:
            if column.or_path:
                self._fallbacks.append(
                    (slots[column.name], len(columns) + len(self._fallbacks), column.or_path)
                )
        self._blank: Row = [None] * (len(columns) + len(self._fallbacks))
        for name, value in zip(ADDED, added, strict=False):
            self._blank[slots[name.name]] = value
        self._length = len(columns)
        self._level = _Level(table.name, "", engine, personal, table.personal_parts)
        spare = {path: slot for _, slot, path in self._fallbacks}
        for column in table.columns:
            self._level.add(column.path.split("."), slots[column.name], column)
            if column.or_path:
                self._level.add(column.or_path.split("."), spare[column.or_path], column)
        for child in table.children:
            if {one.name for one in with_children(child)} & names:
                rows = _Rows(child, names, engine, added, columns, personal)
                for path in child.rows:
                    self._level.add_rows(path.split("."), rows)
            else:
                for path in child.rows:
                    self._level.add_rows(path.split("."), None)

    def read(
        self, value: Any, parent: Row | None, first: int = 0, passed_on: Any = None
    ) -> tuple[list[Any], int]:
        """Read a list, or what stands for one.

        :param parent: row that it is inside of.
        :param first: position of its first element.
        :param passed_on: what the extras of all rows hold besides.
        :return: elements that are no objects, and the position after the last one.
        """
        found = self._arrange(value) if self._arrange else value
        if type(found) is not list:
            found = [] if found is None else [found]
        strays = []
        position = first - 1
        for position, one in enumerate(found, first):
            if type(one) is not dict:
                if one is not None:
                    strays.append(one)
                continue
            row = self._blank.copy()
            if parent is not None:
                for slot, above in self._inherited:
                    row[slot] = parent[above]
            if self._index is not None:
                row[self._index] = position
            inside: list[tuple[_Rows, Any]] = []
            left = self._level.read(one, row, inside)
            for slot, spare, path in self._fallbacks:
                if row[spare] is not None:
                    if row[slot] is None:
                        row[slot] = row[spare]
                    elif row[slot] != row[spare]:
                        left = left or {}
                        left[path] = row[spare]
            if passed_on:
                left = {**(left or {}), **passed_on}
            if inside:
                left = self._read_inside(inside, row, left)
            if self._out is not None:
                if left is not None:
                    row[self._extra] = encode(left)
                del row[self._length :]
                self._out(row)
        return strays, position + 1

    def _read_inside(self, inside: list[tuple[_Rows, Any]], row: Row, left: Any) -> Any:
        """Read the lists inside a row, and return what is left of it."""
        positions: dict[_Rows, int] = {}
        for rows, value in inside:
            passed_on = left if self._is_passed_on else None
            strays, positions[rows] = rows.read(value, row, positions.get(rows, 0), passed_on)
            if strays:
                left = left or {}
                left.setdefault(f"#{rows.table.name}", []).extend(strays)
        return left


class _Level:
    """Reads an object inside a row: fields into columns, lists into the tables of their own."""

    def __init__(
        self, table: str, path: str, engine: Engine, personal: Personal, personal_parts: tuple[str, ...]
    ) -> None:
        self._name, self._path, self._engine = table, path, engine
        self._personal, self._personal_parts = personal, personal_parts
        self._is_personal = any(path == part or path.startswith(f"{part}.") for part in personal_parts)
        # Either slot and converter, for most fields, or a handler of everything else.
        self._fields: dict[str, tuple[int, Callable[[Any], Any] | None, Handler | None]] = {}
        self._levels: dict[str, _Level] = {}

    def add(self, path: list[str], slot: int, column: Column) -> None:
        """Declare that a field goes to a column."""
        name, *inside = path
        if inside:
            self._inner(name).add(inside, slot, column)
            return
        convert = CONVERTERS[column.type]
        handler: Handler | None = None
        if column.derive or name in self._fields or column.type == "decimal":
            handler = self._special(name, slot, column, self._fields.get(name))
        if column.personal:
            # What does not fit stays as private as what does.
            convert = self._private_json if column.type == "json" else self._personal.value
            handler = None
        self._fields[name] = (slot, convert, handler)

    def _private_json(self, value: Any) -> Any:
        return json_text(value) if self._personal.choice == "keep" else self._personal.value(value)

    def add_rows(self, path: list[str], rows: _Rows | None) -> None:
        """Declare that a list is rows of another table, or, for None, of one that nobody wants."""
        name, *inside = path
        if inside:
            self._inner(name).add_rows(inside, rows)
            return

        def handler(value: Any, row: Row, found: list[tuple[_Rows, Any]]) -> None:
            if rows is not None and value is not None:
                found.append((rows, value))

        self._fields[name] = (0, None, handler)

    def _inner(self, name: str) -> _Level:
        if name not in self._levels:
            path = f"{self._path}.{name}" if self._path else name
            level = _Level(self._name, path, self._engine, self._personal, self._personal_parts)
            self._levels[name] = level
            taken = self._fields.get(name)
            assert taken is None, f"{self._name}: {path} is a column already"  # noqa: S101
            self._fields[name] = (0, None, level.read)
        return self._levels[name]

    def _special(self, name: str, slot: int, column: Column, before: Any) -> Handler:
        """Return what reads a field that is derived from, rounded, or in several columns."""
        convert, derive, is_decimal = CONVERTERS[column.type], column.derive, column.type == "decimal"

        def handler(value: Any, row: Row, found: list[tuple[_Rows, Any]]) -> Any:
            left = None
            if before is not None:
                other_slot, other_convert, other_handler = before
                if other_handler:
                    left = other_handler(value, row, found)
                else:
                    row[other_slot] = other_convert(value)
            one = convert(derive(value) if derive else value)
            if one is MISFIT:
                return value
            if is_decimal and one is not None and one.as_tuple().exponent < -4:
                row[slot] = one.quantize(PLACES)
                return None if derive or row[slot] == one else value
            row[slot] = one
            return left

        return handler

    def read(self, value: Any, row: Row, found: list[tuple[_Rows, Any]]) -> Any:
        """Read an object into a row.

        :param found: lists of other tables, to be read when the row is complete.
        :return: what no column took, None for nothing.
        """
        if type(value) is not dict:
            if value is None or value == "":
                return None
            if type(value) is list:
                if not value:
                    return None
                name, only = next(iter(self._fields.items()))
                is_wrapper = len(self._fields) == 1 and only[1] is None and not self._levels
                if len(value) == 1 and type(value[0]) is dict and not (is_wrapper and name not in value[0]):
                    return self.read(value[0], row, found)
                if is_wrapper and only[2]:
                    # The list itself, without the object around it.
                    return only[2](value, row, found)
            self._engine.count(self._engine.misfits, f"{self._name}.{self._path}")
            return self._personal.unknown(value, self._is_personal)
        left: dict[str, Any] | None = None
        fields = self._fields
        for name, inner in value.items():
            field = fields.get(name)
            if field is None:
                kept = self._unknown(name, inner)
                if kept is None:
                    continue
            else:
                slot, convert, handler = field
                if convert is text and type(inner) is str and handler is None:
                    row[slot] = inner
                    continue
                if handler is None:
                    kept = convert(inner)  # type: ignore[misc] # there is one or the other
                    if kept is not MISFIT:
                        row[slot] = kept
                        continue
                    kept = inner
                else:
                    kept = handler(inner, row, found)
                    if kept is None:
                        continue
                if name not in self._levels:
                    self._engine.count(self._engine.misfits, self._label(name))
                    kept = self._personal.unknown(kept, self._is_personal)
            if kept is not None:
                if left is None:
                    left = {}
                left[name] = kept
        return left

    def _label(self, name: str) -> str:
        return f"{self._name}.{self._path}.{name}" if self._path else f"{self._name}.{name}"

    def _unknown(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        self._engine.count(self._engine.unknown, self._label(name))
        is_personal = self._is_personal or name == WHOLE_RECORD or PERSONAL_NAME.search(name) is not None
        return self._personal.unknown(value, is_personal)
