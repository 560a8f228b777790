"""Reading the values of a row: as they come from JSON and CSV files, checked, worded for the person who has to mend them."""

from __future__ import annotations

import bisect
import difflib
import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import MILLISECONDS_FROM, parse_day, parse_time

# Problems that an error lists; the rest is counted.
LISTED = 20
# Beyond these a value is a mistake, and a float no longer holds every cent.
_MOST_UNITS = 2**31 - 1
_MOST_MONEY = 999_999_999
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")
# A sign in the exponent is what distinguishes a number from an id such as 1E5, which may be one.
_is_exponent = re.compile(r"[+-]?\d+([.,]\d+)?[eE]\+\d+", re.ASCII).fullmatch
# What nearly all amounts are, in the way in which most of them are written.
_is_amount = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII).fullmatch
_is_number = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})", re.ASCII).fullmatch


# Prices as many countries write them; 1,000 may be a thousand.
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d{1,2}")
# So many rows that are wrong are kept one by one.
MOST_ROWS = 100_000


# Returns the lines of a file in which rows begin, by the numbers of the rows; for rows that are out of no file, none.
Lines = Callable[[Collection[int]], Mapping[int, int]]


def no_lines(_: Collection[int]) -> Mapping[int, int]:
    """Return the lines of rows that are out of no file."""
    return {}


def row_names(rows: Collection[int], lines: Lines) -> dict[int, str]:
    """Return what rows are called in a message, by their numbers, counted from 1."""
    found = lines(rows)
    return {row: f"row {row} (line {found[row]})" if row in found else f"row {row}" for row in rows}


class RowError(ValueError):
    """What is wrong with one row, worded to follow ``row 3:``."""


class RowProblems:
    """What is wrong with the rows of an input: the first few, and how many there are.

    :param what: what that means for them, worded to follow ``These rows``.
    :param lines: finds their lines, where they are out of a file.
    """

    def __init__(self, what: str, lines: Lines = no_lines) -> None:
        self._what = what
        self._lines = lines
        self._first: list[tuple[int, str]] = []
        self._rows: dict[int, str] = {}
        self._count = 0

    def add(self, row: int, text: str) -> None:
        """Take note of a problem of a row.

        :param row: its number, counted from 1.
        """
        self._count += 1
        if len(self._rows) < MOST_ROWS:
            self._rows.setdefault(row, text)
        bisect.insort(self._first, (row, text))
        del self._first[LISTED:]

    def raise_if_any(self) -> None:
        """Pass when there are none.

        :raises WalmartConfigError: listing the first 20.
        """
        if self._count:
            names = row_names([row for row, _ in self._first], self._lines)
            lines = [f"{names[row]}: {text}" for row, text in self._first]
            if self._count > LISTED:
                lines.append(f"and {self._count - LISTED:,} more")
            raise WalmartConfigError(
                f"These rows {self._what}, so nothing was sent (to send the others now, take these out of the input):\n  "
                + "\n  ".join(lines),
                rows=self._rows if len(self._rows) < MOST_ROWS else None,
            )


def given(row: Mapping[str, Any], column: str) -> Any:
    """Return a value without surrounding white space; None when it is absent."""
    value = row.get(column)
    if value is None:
        return None
    return value.strip() or None if isinstance(value, str) else value


def text_of(row: Mapping[str, Any], column: str) -> str:
    """Return a text that must be there."""
    if (text := optional_text(row, column)) is None:
        raise RowError(f"{column} is missing")
    return text


def optional_text(row: Mapping[str, Any], column: str) -> str | None:
    """Return a text, or a whole number as text; None when it is absent."""
    value = given(row, column)
    if value is None:
        return None
    if isinstance(value, str):
        check_text(value, column)
        return value
    # Ids are often numbers in JSON. A float has lost digits already.
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 128:
        return str(value)
    raise RowError(f"{column} is {shown(value)}; expected text")


def id_of(row: Mapping[str, Any], column: str) -> str:
    """Return an id that must be there."""
    if (text := optional_id(row, column)) is None:
        raise RowError(f"{column} is missing")
    return text


def optional_id(row: Mapping[str, Any], column: str) -> str | None:
    """Return an id: text that never was a number with a decimal point or an exponent; None when it is absent."""
    value = row.get(column)
    if value is None:
        return None
    # As nearly all of them are: text that can be neither a number's nor invalid.
    if type(value) is str and value.isascii() and "+" not in value:
        return value.strip() or None
    if (value := given(row, column)) is None:
        return None
    if isinstance(value, float):
        raise RowError(
            f"{column} is {shown(value)}; expected text (as a number an id loses its form, which a template does to it where "
            "render_template_as_native_obj is set)"
        )
    text = optional_text(row, column)
    if text and _is_exponent(text):
        raise RowError(
            f"{column} is {shown(text)}, which is what a spreadsheet makes of a long number; format the column as text"
        )
    return text


def boolean_of(row: Mapping[str, Any], column: str) -> bool | None:
    """Return a yes or no; None when it is absent."""
    value = given(row, column)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise RowError(f"{column} is {shown(value)}; expected true or false")


def choice_of(row: Mapping[str, Any], column: str, *choices: str) -> str | None:
    """Return one of several words, spelled as they are here; None when it is absent."""
    text = optional_text(row, column)
    if text is None:
        return None
    for choice in choices:
        if text.casefold() == choice.casefold():
            return choice
    raise RowError(f"{column} is {shown(text)}; expected {either(choices)}")


def whole_number(row: Mapping[str, Any], column: str) -> int:
    """Return a number of units: whole, not negative."""
    value = row.get(column)
    if type(value) is int and 0 <= value <= _MOST_UNITS:
        return value
    # Fewer digits than the most have, as nearly all have that are text.
    if type(value) is str and len(value) < 10 and value.isdecimal() and value.isascii():
        return int(value)
    number = number_of(row, column)
    if number < 0:
        raise RowError(f"{column} is {shown(row[column])}, which is negative")
    if number > _MOST_UNITS:
        raise RowError(f"{column} is {shown(row[column])}, which is more than {_MOST_UNITS:,}")
    if number != int(number):
        raise RowError(f"{column} is {shown(row[column])}, which is not a whole number")
    return int(number)


def money_of(row: Mapping[str, Any], column: str) -> int | float:
    """Return an amount of money: above zero, with two decimals at most."""
    value: Any = row.get(column)
    is_amount = type(value) is str and _is_amount(value)
    if is_amount:
        value = float(value)
    if type(value) is float and 0 < value <= _MOST_MONEY and (is_amount or value == round(value, 2)):
        return int(value) if value.is_integer() else value
    return _checked_money(row, column)


def _checked_money(row: Mapping[str, Any], column: str) -> int | float:
    number = number_of(row, column)
    if number <= 0:
        raise RowError(f"{column} is {shown(row[column])}; it must be above 0")
    if number > _MOST_MONEY:
        raise RowError(f"{column} is {shown(row[column])}, which is more than {_MOST_MONEY:,}")
    cents = round(float(number), 2)
    if isinstance(number, float):
        # One that was calculated is off by a little.
        is_money = math.isclose(cents, number, rel_tol=1e-14)
    else:
        is_money = Decimal(str(cents)) == number
    if not is_money:
        raise RowError(f"{column} is {shown(row[column])}, which has more than 2 decimals")
    return int(cents) if cents.is_integer() else cents


def number_of(row: Mapping[str, Any], column: str) -> int | float | Decimal:
    """Return a finite number."""
    value = row.get(column)
    if isinstance(value, str):
        value = value.strip()
        if _is_number(value):
            return Decimal(value)
        if value:
            hint = "; write a point in place of the comma" if _DECIMAL_COMMA.fullmatch(value) else ""
            raise RowError(f"{column} is {shown(value)}, which is not a number{hint}")
        value = None
    if value is None:
        raise RowError(f"{column} is missing")
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and is_finite(value):
        return value
    raise RowError(f"{column} is {shown(value)}, which is not a number")


def is_finite(number: int | float | Decimal) -> bool:
    """Return whether a number is neither infinite nor NaN."""
    # `math.isfinite` makes a float of it, which large numbers don't fit in.
    if isinstance(number, Decimal):
        return number.is_finite()
    return isinstance(number, int) or math.isfinite(number)


def day_of(row: Mapping[str, Any], column: str) -> str | None:
    """Return a day as ``YYYY-MM-DD``; None when it is absent."""
    value = given(row, column)
    if value is None:
        return None
    if (day := parse_day(value)) is None:
        raise RowError(f"{column} is {shown(value)}; expected a day such as 2026-12-31")
    return day.isoformat()


def time_of(row: Mapping[str, Any], column: str) -> datetime | None:
    """Return a point in time, in UTC: times without zone are UTC, days begin at midnight, numbers are epoch ms."""
    value = given(row, column)
    if value is None:
        return None
    # A smaller number counts seconds, or is no time at all.
    is_small = isinstance(value, (int, float)) and value < MILLISECONDS_FROM
    if is_small or (when := parse_time(value)) is None:
        raise RowError(f"{column} is {shown(value)}; expected a time such as 2026-12-31T18:00:00Z")
    return when


def check_text(text: str, where: str) -> None:
    """Pass for a text that can be sent."""
    if not is_unicode(text):
        raise RowError(f"{where} is {shown(text)}, which is not valid Unicode")


def is_unicode(text: str) -> bool:
    """Return whether a text can be written as UTF-8: halves of surrogate pairs cannot."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def known_columns(row: Mapping[str, Any], columns: frozenset[str]) -> Mapping[str, Any]:
    """Return a row under the names of its columns as they are known; in which case they are written doesn't matter.

    :raises RowError: for a column that is not known, or is there twice.
    """
    if row.keys() <= columns:
        return row
    names = {column.casefold(): column for column in columns}
    found: dict[str, Any] = {}
    for name, value in row.items():
        known = name if name in columns else names.get(_plain(name))
        if known is None:
            raise RowError(_unknown_column(name, columns))
        if known in found:
            raise RowError(f"column {known} is there twice")
        found[known] = value
    return found


def _plain(name: Any) -> str:
    return re.sub(r"[\s-]+", "_", str(name)[:80].strip().casefold())


def _unknown_column(name: Any, columns: frozenset[str]) -> str:
    """Say what was probably meant by a column that is not known."""
    wanted = _plain(name)
    close = difflib.get_close_matches(wanted, sorted(columns), n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(columns))}"
    return f"unknown column {shown(name)}; {hint}"


def either(names: Any) -> str:
    """Return names as an enumeration."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def shown(value: object) -> str:
    """Return a value as an error message shows it: short, whatever it is."""
    if isinstance(value, str):
        return repr(value[:60]) + ("..." if len(value) > 60 else "")
    if isinstance(value, int) and value.bit_length() > 128:
        return "a very large number"
    if isinstance(value, (int, float, Decimal, date, type(None))):
        return str(value)[:60]
    return f"of type {type(value).__name__}"
