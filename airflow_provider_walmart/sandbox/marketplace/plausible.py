"""Plausible values for the fields of an answer, by their names and kinds: the same each time."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from airflow_provider_walmart.sandbox.core import products

#: Entries of lists that are not what a call pages through.
ENTRIES = 2

#: Names of lengths of time, which are no points in time.
_DURATIONS = ("transittime", "lagtime", "leadtime", "processingtime")
_NOT_PLAUSIBLE = re.compile(r"ERROR|FAIL|INVALID|DENIED|REJECT|CANCEL|RETIRED|EXPIRED|URGENT|VOID", re.I)
_TOTAL = re.compile(r"total(Count|Results|Items|Records|Elements|Exemptions|Size)$")
_CURSOR = ("nextCursor", "scrollId", "nextCursorMark")
#: What is not so unless something went wrong, in lower case.
_FALSE = ("isduplicate", "haserrors", "iserror", "deleted")
#: Lists and objects that say what went wrong: nothing did.
_TROUBLE = re.compile(r"error|cause|warning|fail", re.I)


class Page(Protocol):
    """Which part of a list is asked for."""

    start: int
    end: int
    next: str
    total: int


def overlay(answer: Any, told: Any, shape: Any) -> Any:
    """Return an answer with what was told, where it has such fields and they may hold it.

    :param answer: the answer.
    :param told: what was told, in the form of the answer.
    :param shape: the shape of the answer.
    """
    if isinstance(answer, dict):
        return _overlay_object(answer, told, shape)
    if not _is_like(told, answer) or not _is_allowed(told, shape):
        return answer
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        # Each entry in the documented form, whatever was written: undeclared fields and nulls stay out.
        entries = shape[0] if isinstance(shape, list) else None
        return [overlay(answer[0], entry, entries) for entry in told]
    return told


def _overlay_object(answer: dict[str, Any], told: Any, shape: Any) -> Any:
    known = told if isinstance(told, dict) else {}
    parts = shape if isinstance(shape, dict) else {}
    return {
        name: overlay(value, known[name], parts.get(name)) if name in known else value
        for name, value in answer.items()
    }


def _is_allowed(told: Any, shape: Any) -> bool:
    """Return whether a value is one of those that a shape allows; of a list, whether all are."""
    if not isinstance(shape, list):
        return True
    if len(shape) == 1:
        return all(_is_allowed(entry, shape[0]) for entry in told)
    if isinstance(shape[1], str):
        return isinstance(told, str) and bool(re.search(shape[1], told))
    return told in shape[1]


def _is_like(told: Any, answer: Any) -> bool:
    """Return whether two values are of one kind; whole numbers are numbers."""
    if isinstance(told, bool) or isinstance(answer, bool):
        return type(told) is type(answer)
    return type(told) is type(answer) or (isinstance(told, (int, float)) and isinstance(answer, (int, float)))


class Answers:
    """Makes answers.

    :param given: plain values of the request, which the answer repeats under the same names.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def of(self, shape: Any, *, path: str, page: Page, records: Sequence[Any] | None = None) -> Any:
        """Return the answer to a call.

        :param shape: its shape.
        :param path: path of the call, on which the values depend.
        :param page: which part of its list it asks for.
        :param records: what its list holds, all of it; default plausible ones.
        """
        self._seed, self._page, self._told = zlib.crc32(path.encode()), page, records
        self._records = _list_in(shape)
        return self._value(shape, "", 0)

    def _value(self, shape: Any, name: str, number: int) -> Any:
        if isinstance(shape, dict):
            return self._object(shape, number)
        if not isinstance(shape, list):
            return self._plain(shape, name, number)
        if len(shape) == 1:
            return self._entries(shape, name, number)
        if isinstance(shape[1], str):
            made = self._plain(shape[0], name, number)
            return next(text for text in (made, *_SAMPLES) if re.search(shape[1], text))
        return self._one_of(shape[1], name, number)

    def _object(self, shape: dict[str, Any], number: int) -> dict[str, Any]:
        return {
            key: self._value(part, key, number)
            for key, part in shape.items()
            if not (key in _CURSOR and not self._page.next)
            and not (isinstance(part, dict) and _TROUBLE.search(key))
        }

    def _entries(self, shape: list[Any], name: str, number: int) -> list[Any]:
        if shape is self._records and self._told is not None:
            return [
                overlay(self._value(shape[0], name, place + 1), self._told[place], shape[0])
                for place in range(self._page.start, self._page.end)
            ]
        if shape is self._records:
            # Counted from 1, as the products are, so that a list holds those of the shop.
            places = range(self._page.start + 1, self._page.end + 1)
        else:
            places = range(number, number + (0 if _TROUBLE.search(name) else ENTRIES))
        return [self._value(shape[0], name, place) for place in places]

    def _one_of(self, values: list[Any], name: str, number: int) -> Any:
        given = self._given.get(name)
        if given is not None and given in values:
            return given
        good = _good(tuple(values))
        return good[number % len(good)]

    def _plain(self, kind: str, name: str, number: int) -> Any:
        if kind == "boolean":
            return name.lower() not in _FALSE
        is_number = kind in ("integer", "number")
        if _TOTAL.search(name):
            return self._page.total if is_number else str(self._page.total)
        if name in _CURSOR:
            return self._page.next
        given = self._given.get(name)
        if not is_number:
            is_text = isinstance(given, (str, int)) and not isinstance(given, bool)
            return str(given) if is_text else self._text(kind, name, number)
        if re.fullmatch(r"\d{1,15}", str(given)):
            return int(str(given))
        return self._number(name, number) if kind == "integer" else self._amount(name, number)

    def _number(self, name: str, number: int) -> int:
        lower = name.lower()
        if lower in ("status", "statuscode", "code"):
            return 200
        if ("date" in lower or "time" in lower) and not lower.endswith(_DURATIONS):
            return 1_790_000_000_000 + number * 60_000
        if lower.endswith("id"):
            return 10_000_000 + self._seed % 1_000_000 + number
        return 1 + (self._seed + number) % 20

    def _amount(self, name: str, number: int) -> float:
        if "rate" in name.lower() or "score" in name.lower() or "percent" in name.lower():
            return round(95 + (self._seed + number) % 50 / 10, 1)
        return products.price(max(number, 1))

    def _text(self, kind: str, name: str, number: int) -> str:
        if kind in ("date", "date-time"):
            return _day(number) if kind == "date" else _moment(number)
        make = _maker(name)
        if make is not None:
            return make(max(number, 1))
        if name.lower().endswith(("id", "number", "no", "code", "key")):
            return f"{10_000_000 + self._seed % 1_000_000 + number}"
        return f"{name or 'value'} {max(number, 1)}"


@functools.lru_cache(maxsize=1024)
def _good(values: tuple[Any, ...]) -> list[Any]:
    return [value for value in values if not _NOT_PLAUSIBLE.search(str(value))] or list(values)


def _day(number: int) -> str:
    return f"2026-09-{1 + number % 28:02d}"


def _moment(number: int) -> str:
    return f"{_day(number)}T{number % 24:02d}:30:00.000Z"


def _price(number: int) -> str:
    return f"{products.price(number):.2f}"


#: Texts of the forms that documents ask for by a pattern.
_SAMPLES = ("09/02/2026", "17:00", "2026-09-02", "1001", "Standard")

#: End of a field's name in lower case -> what makes its value from the number of an item; the first one that fits.
_MAKERS: dict[str, Callable[[int], str]] = {
    "shipondate": lambda number: f"09/{1 + number % 28:02d}/2026",
    **dict.fromkeys(("readytime", "closetime"), lambda _: "09:00:00Z"),
    **dict.fromkeys(("date", "time", "timestamp", "dttm"), _moment),
    "sku": products.sku,
    "upc": products.upc,
    "gtin": products.gtin,
    "itemid": products.item_id,
    "wpid": products.wpid,
    **dict.fromkeys(("currency", "currencycode"), lambda _: "USD"),
    "country": lambda _: "US",
    "state": lambda _: "CA",
    "city": lambda _: "Sunnyvale",
    **dict.fromkeys(("postalcode", "zipcode"), lambda _: "94086"),
    "phone": lambda _: "5550100",
    "email": lambda _: "buyer@example.com",
    "statuscode": lambda _: "200",
    "status": lambda _: "OK",
    **dict.fromkeys(("amount", "price"), _price),
    **dict.fromkeys(("productname", "itemname", "title"), products.name),
    "quantity": lambda item: str(1 + item % 9),
}


@functools.lru_cache(maxsize=4096)
def _maker(name: str) -> Callable[[int], str] | None:
    """Return what makes the values of a field, ``None`` when its name tells nothing."""
    lower = name.lower()
    if lower.endswith(("url", "link")):
        return lambda item: f"https://example.com/{lower}/{item}"
    return next((make for ending, make in _MAKERS.items() if lower.endswith(ending)), None)


def _list_in(shape: Any, depth: int = 4) -> Any:
    """Return the shape of the list that a call pages through: the first list of objects, one near the root."""
    level = [shape]
    for _ in range(depth):
        for part in level:
            if isinstance(part, list) and isinstance(part[0], dict):
                return part
        level = [
            value
            for part in level
            if isinstance(part, dict)
            for name, value in part.items()
            if not _TROUBLE.search(name)
        ]
    return None
