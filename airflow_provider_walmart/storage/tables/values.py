"""One value of Walmart's as the type of a column: numbers that come as text, texts that come as numbers.

Each function returns the value for the column, None for nothing, or `MISFIT` for what the type can't hold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any

import msgspec

from airflow_provider_walmart.client.values.dates import parse_iso

MISFIT: Any = type("Misfit", (), {"__repr__": lambda _: "MISFIT"})()

ENCODER = msgspec.json.Encoder(decimal_format="number")
# decimal(18, 4) holds what is smaller than this.
MONEY_LIMIT = Decimal(10) ** 14
PLACES = Decimal("0.0001")
INT64 = range(-(2**63), 2**63)
# The times that Python and every warehouse know, years 1 to 9999, in epoch milliseconds.
TIMES = range(-62_135_596_800_000, 253_402_300_800_000)
DIGITS = re.compile(r"\s*[+-]?\d{1,20}(\.0*)?\s*", re.ASCII)
DIGITS_OF_DATE = re.compile(r"\d{8}", re.ASCII)
AMERICAN_DATE = re.compile(r"(\d\d?)/(\d\d?)/(\d{4})", re.ASCII)
TRUTHS = {
    "true": True,
    "y": True,
    "yes": True,
    "1": True,
    "false": False,
    "n": False,
    "no": False,
    "0": False,
}


def text(value: Any) -> Any:
    """Return a text; numbers as they are written, truth values as ``true`` and ``false``."""
    if type(value) is str:
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return str(value)
    return MISFIT


def integer(value: Any) -> Any:
    """Return a whole number of 64 bits."""
    if isinstance(value, str):
        if not value.strip():
            return None
        value = int(value.partition(".")[0]) if DIGITS.fullmatch(value) else MISFIT
    elif isinstance(value, Decimal) and -MONEY_LIMIT < value < MONEY_LIMIT and value == int(value):
        value = int(value)
    if type(value) is int:
        return value if value in INT64 else MISFIT
    return None if value is None else MISFIT


def amount(value: Any) -> Any:
    """Return a `Decimal` as it is; the column takes 14 digits before the point and 4 behind it."""
    kind = type(value)
    if kind is int:
        return Decimal(value) if -MONEY_LIMIT < value < MONEY_LIMIT else MISFIT
    if kind is str:
        if not value.strip():
            return None
        try:
            value = Decimal(value)
        except InvalidOperation:
            return MISFIT
    elif value is None:
        return None
    elif kind is not Decimal:
        return MISFIT
    return value if value.is_finite() and -MONEY_LIMIT < value < MONEY_LIMIT else MISFIT


def number(value: Any) -> Any:
    """Return a finite floating-point number."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        return MISFIT
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return MISFIT
    return found if math.isfinite(found) else MISFIT


def truth(value: Any) -> Any:
    """Return a truth value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        word = str(value).strip().lower()
        return TRUTHS.get(word, MISFIT) if word else None
    return MISFIT


def timestamp(value: Any) -> Any:
    """Return epoch milliseconds, of such or of text in ISO 8601."""
    if type(value) is int:
        return value if value in TIMES else MISFIT
    if value is None:
        return None
    if isinstance(value, str):
        if not value.strip():
            return None
        if DIGITS.fullmatch(value):
            return timestamp(integer(value))
        moment = parse_iso(value.strip())
        return MISFIT if moment is None else _milliseconds(moment)
    return timestamp(integer(value)) if isinstance(value, Decimal) else MISFIT


def day(value: Any) -> Any:
    """Return a date, of MM/DD/YYYY, of MMDDYYYY or of ISO 8601."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        return MISFIT
    try:
        return _day_of(value.strip())
    except ValueError:
        return MISFIT


def _day_of(written: str) -> date:
    if found := AMERICAN_DATE.match(written):
        month, of_month, year = map(int, found.groups())
        return date(year, month, of_month)
    if DIGITS_OF_DATE.fullmatch(written):
        if int(written[:2]) <= 12:
            return date(int(written[4:]), int(written[:2]), int(written[2:4]))
        return date(int(written[:4]), int(written[4:6]), int(written[6:]))
    return date.fromisoformat(written[:10])


def json_text(value: Any) -> Any:
    """Return JSON text; a text that holds a list or an object already is passed on."""
    if value is None:
        return None
    if isinstance(value, str):
        if not value:
            return None
        if value[0] in "[{":
            try:
                json.loads(value)
            except (ValueError, RecursionError):
                pass
            else:
                return value
    return encode(value)


def encode(value: Any) -> str:
    """Return JSON text; numbers keep all their digits."""
    try:
        return ENCODER.encode(value).decode()
    except (UnicodeError, msgspec.EncodeError, RecursionError):
        # An invalid Unicode surrogate stays escaped.
        return json.dumps(value, default=str)


def _milliseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


#: What reads a value, by the type of the column.
CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": text,
    "int64": integer,
    "decimal": amount,
    "double": number,
    "bool": truth,
    "timestamp": timestamp,
    "date": day,
    "json": json_text,
}
# What needs no reading, by the type of the column.
_PLAIN: dict[str, frozenset[type]] = {
    "text": frozenset({str, NoneType}),
    "bool": frozenset({bool, NoneType}),
    "int64": frozenset({int, NoneType}),
    "timestamp": frozenset({int, NoneType}),
}
_LIMITS = {"int64": INT64, "timestamp": TIMES}


def all_fit(kind: str, values: Sequence[Any]) -> bool:
    """Return whether values are what a column holds, so that none has to be converted.

    :param kind: type of the column.
    """
    types = set(map(type, values))
    if not types <= _PLAIN.get(kind, {NoneType}):
        return False
    if kind not in _LIMITS or int not in types:
        return True
    numbers = values if NoneType not in types else [value for value in values if value is not None]
    return min(numbers) in _LIMITS[kind] and max(numbers) in _LIMITS[kind]


def converted(kind: str, values: Sequence[Any]) -> list[Any]:
    """Return values for a column, each as the function of its type makes it.

    :param kind: type of the column.
    """
    # Walmart sends quantities as text; reading each by itself takes ten times as long.
    if kind == "int64" and set(map(type, values)) == {str} and max(map(len, values)) < 19:
        digits = "".join(values)
        if digits.isascii() and digits.isdecimal() and "" not in values:
            return list(map(int, values))
    return list(map(CONVERTERS[kind], values))


def rounded(value: Decimal) -> Decimal:
    """Return an amount with as many decimals as a column holds: the same object where it has no more."""
    exponent = value.as_tuple().exponent
    return value.quantize(PLACES) if isinstance(exponent, int) and exponent < -4 else value
