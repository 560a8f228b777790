"""Reading fields of many records at once into columns, by what the declarations say.

Whatever Walmart sends makes rows: what no column takes is kept in ``_extra``, in the place where it was. Looking at the
types of a whole column at once leaves only odd ones to be looked at one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, Protocol

from airflow_provider_walmart.storage.tables.declarations import Column, Table
from airflow_provider_walmart.storage.tables.personal import PERSONAL_NAME, Personal
from airflow_provider_walmart.storage.tables.rows import Counts, Path, Reading
from airflow_provider_walmart.storage.tables.values import (
    CONVERTERS,
    MISFIT,
    all_fit,
    converted,
    json_text,
    rounded,
)

WHOLE_RECORD = "#record"
_EMPTY: dict[str, Any] = {}


class Field(Protocol):
    """What reads a field of records."""

    def read(self, values: Sequence[Any], reading: Reading) -> None:
        """Read the values of a field, one for each row."""


class Unfit:
    """What becomes of values that no column takes.

    :param table: name of the table.
    :param counts: where they are counted.
    :param personal: what to do with personal data.
    :param personal_parts: objects in a record that are about a person, dotted.
    """

    def __init__(
        self, table: str, counts: Counts, personal: Personal, personal_parts: tuple[str, ...]
    ) -> None:
        self._table, self._counts = table, counts
        self.personal = personal
        self._parts = [tuple(part.split(".")) for part in personal_parts]

    def _is_personal(self, path: Path) -> bool:
        return any(path[: len(part)] == part for part in self._parts)

    def misfit(self, row: int, path: Path, value: Any, reading: Reading) -> None:
        """Keep a value that is not as its column is declared."""
        self._counts.count(self._counts.misfits, ".".join((self._table, *path)))
        reading.keep(row, path, self.personal.unknown(value, self._is_personal(path)))

    def unknown(self, path: Path, values: Sequence[Any], reading: Reading) -> None:
        """Keep the values of a field that no column is declared for."""
        is_personal = (
            path[-1] == WHOLE_RECORD or PERSONAL_NAME.search(path[-1]) is not None or self._is_personal(path)
        )
        present = [(row, value) for row, value in enumerate(values) if value is not None]
        if present:
            self._counts.count(self._counts.unknown, ".".join((self._table, *path)), len(present))
        for row, value in present:
            reading.keep(row, path, self.personal.unknown(value, is_personal))


class PlainField:
    """A field whose value goes to a column as the type of that."""

    def __init__(self, slot: int, column: Column, path: Path, unfit: Unfit) -> None:
        self._slot, self._type, self._path, self._unfit = slot, column.type, path, unfit

    def read(self, values: Sequence[Any], reading: Reading) -> None:
        """Read values of the field."""
        if not all_fit(self._type, values):
            values, given = converted(self._type, values), values
            if MISFIT in values:
                for row, value in enumerate(values):
                    if value is MISFIT:
                        self._unfit.misfit(row, self._path, given[row], reading)
                values = [None if value is MISFIT else value for value in values]
        reading.columns[self._slot] = list(values)


class DerivedField:
    """A field whose value is made into another one first, or, for an amount, rounded."""

    def __init__(self, slot: int, column: Column, path: Path, unfit: Unfit) -> None:
        self._slot, self._path, self._unfit = slot, path, unfit
        self._convert, self._derive = CONVERTERS[column.type], column.derive
        self._is_rounded = column.type == "decimal"

    def read(self, values: Sequence[Any], reading: Reading) -> None:
        """Read values of the field."""
        found = [self._convert(self._derive(value) if self._derive else value) for value in values]
        for row, value in enumerate(found):
            if value is MISFIT:
                found[row] = None
                self._unfit.misfit(row, self._path, values[row], reading)
            elif self._is_rounded and value is not None and (short := rounded(value)) is not value:
                found[row] = short
                if short != value and not self._derive:
                    self._unfit.misfit(row, self._path, values[row], reading)
        reading.columns[self._slot] = found


class PersonalField:
    """A field about a person: what does not fit stays as private as what does."""

    def __init__(self, slot: int, column: Column, personal: Personal) -> None:
        self._slot, self._personal = slot, personal
        is_json = column.type == "json" and personal.choice == "keep"
        self._convert = json_text if is_json else personal.value

    def read(self, values: Sequence[Any], reading: Reading) -> None:
        """Read values of the field."""
        if self._personal.choice != "drop":
            reading.columns[self._slot] = list(map(self._convert, values))


class SeveralFields:
    """A field that goes to several columns."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    def read(self, values: Sequence[Any], reading: Reading) -> None:
        """Read values of the field."""
        for one in self._fields:
            one.read(values, reading)


class ListField:
    """A field with rows of another table.

    :param reader: what reads those; None: nobody wants them.
    """

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def read(self, values: Sequence[Any], reading: Reading) -> None:
        """Put values of the field aside until the rows around them are complete."""
        if self._reader is not None:
            reading.lists.setdefault(self._reader, []).append(list(values))


class Level:
    """An object inside a record: fields into columns, lists into the tables of their own.

    :param path: where it is in the record.
    :param unfit: what becomes of values that no column takes.
    """

    def __init__(self, path: Path, unfit: Unfit) -> None:
        self._path, self._unfit = path, unfit
        self._fields: dict[str, Field] = {}

    def add_column(self, path: Path, slot: int, column: Column) -> None:
        """Declare that a field goes to a column."""
        level, name = self._parent_of(path)
        field = _field_of(slot, column, (*level._path, name), self._unfit)
        before = level._fields.get(name)
        level._fields[name] = SeveralFields([before, field]) if before else field

    def add_rows(self, path: Path, reader: Any) -> None:
        """Declare that a list is rows of another table."""
        level, name = self._parent_of(path)
        level._fields[name] = ListField(reader)

    def _parent_of(self, path: Path) -> tuple[Level, str]:
        """Return the object with the last name of a path, and that name."""
        level = self
        for name in path[:-1]:
            inner = level._fields.setdefault(name, Level((*level._path, name), self._unfit))
            assert isinstance(inner, Level), f"{path} is a column already"  # noqa: S101
            level = inner
        return level, path[-1]

    def read(self, values: Sequence[Any], reading: Reading) -> None:
        """Read objects, one for each row."""
        objects = values
        if set(map(type, values)) != {dict}:
            objects = [
                value if type(value) is dict else self._object(row, value, reading)
                for row, value in enumerate(values)
            ]
        for name in dict.fromkeys(chain.from_iterable(objects)):
            inner = list(map(dict.get, objects, repeat(name)))
            if field := self._fields.get(name):
                field.read(inner, reading)
            else:
                self._unfit.unknown((*self._path, name), inner, reading)

    def _object(self, row: int, value: Any, reading: Reading) -> dict[str, Any]:
        """Return an object of what came in its place: nothing, one in a list, or the list that should be in it."""
        if value is None or value == "" or value == []:
            return _EMPTY
        if isinstance(value, list):
            wrapped = self._wrapped_list()
            if len(value) == 1 and type(value[0]) is dict and (not wrapped or wrapped in value[0]):
                return dict(value[0])
            if wrapped:
                return {wrapped: value}
        self._unfit.misfit(row, self._path, value, reading)
        return _EMPTY

    def _wrapped_list(self) -> str:
        """Return the name of the list where the object has nothing else."""
        name, *others = self._fields
        return "" if others or not isinstance(self._fields[name], ListField) else name


def _field_of(slot: int, column: Column, path: Path, unfit: Unfit) -> Field:
    if column.personal:
        return PersonalField(slot, column, unfit.personal)
    if column.derive or column.type == "decimal":
        return DerivedField(slot, column, path, unfit)
    return PlainField(slot, column, path, unfit)


def level_of(table: Table, slots: dict[str, int], unfit: Unfit) -> Level:
    """Return what reads the records of a table, without those of other tables inside.

    :param slots: positions of columns, and of the second places of columns.
    """
    level = Level((), unfit)
    for column in table.columns:
        level.add_column(tuple(column.path.split(".")), slots[column.name], column)
        if column.or_path:
            level.add_column(tuple(column.or_path.split(".")), slots[column.or_path], column)
    return level
