"""Plausible values for the fields of an answer, by their names and kinds: the same each time."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any, Protocol

from airflow_provider_walmart.sandbox.core import products

#: Entries of lists that are not what a call pages through.
ENTRIES = 2

_NOT_PLAUSIBLE = re.compile(r"ERROR|FAIL|INVALID|DENIED|REJECT|CANCEL|RETIRED|EXPIRED|URGENT|VOID", re.I)
_TOTAL = re.compile(r"total(Count|Results|Items|Records|Elements|Exemptions|Size)$")
_CURSOR = ("nextCursor", "scrollId", "nextCursorMark")
#: Lists and objects that say what went wrong: nothing did.
_TROUBLE = re.compile(r"error|cause|warning|fail", re.I)


class Page(Protocol):
    """Which part of a list is asked for."""

    start: int
    end: int
    next: str
    total: int


class Answers:
    """Makes answers.

    :param given: plain values of the request, which the answer repeats under the same names.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def of(self, shape: Any, *, path: str, page: Page) -> Any:
        """Return the answer to a call.

        :param shape: its shape.
        :param path: path of the call, on which the values depend.
        :param page: which part of its list it asks for.
        """
        self._seed, self._page = zlib.crc32(path.encode()), page
        self._records = _list_in(shape)
        return self._value(shape, "", 0)

    def _value(self, shape: Any, name: str, number: int) -> Any:
        if isinstance(shape, dict):
            return {
                key: self._value(part, key, number)
                for key, part in shape.items()
                if not (key in _CURSOR and not self._page.next)
                and not (_TROUBLE.search(key) and isinstance(part, dict))
            }
        if isinstance(shape, list) and len(shape) == 1:
            if _TROUBLE.search(name):
                return []
            if shape is self._records:
                # Counted from 1, as the products are, so that a list holds those of the shop.
                return [
                    self._value(shape[0], name, place + 1)
                    for place in range(self._page.start, self._page.end)
                ]
            return [self._value(shape[0], name, number + place) for place in range(ENTRIES)]
        if isinstance(shape, list):
            return self._one_of(shape[1], name, number)
        return self._plain(shape, name, number)

    def _one_of(self, values: list[Any], name: str, number: int) -> Any:
        given = self._given.get(name)
        if given is not None and given in values:
            return given
        good = [value for value in values if not _NOT_PLAUSIBLE.search(str(value))] or values
        return good[number % len(good)]

    def _plain(self, kind: str, name: str, number: int) -> Any:
        given = self._given.get(name)
        if kind in ("integer", "number"):
            if _TOTAL.search(name):
                return self._page.total
            if given is not None and re.fullmatch(r"\d{1,15}", str(given)):
                return int(given)
            return self._number(name, number) if kind == "integer" else self._amount(name, number)
        if kind == "boolean":
            return name.lower() not in ("isduplicate", "haserrors", "iserror", "deleted")
        if _TOTAL.search(name):
            return str(self._page.total)
        if name in _CURSOR:
            return self._page.next
        if given is not None and isinstance(given, (str, int)) and not isinstance(given, bool):
            return str(given)
        return self._text(kind, name, number)

    def _number(self, name: str, number: int) -> int:
        lower = name.lower()
        if lower in ("status", "statuscode", "code"):
            return 200
        if "date" in lower or "time" in lower:
            return 1_790_000_000_000 + number * 60_000
        if lower.endswith("id"):
            return 10_000_000 + self._seed % 1_000_000 + number
        return 1 + (self._seed + number) % 20

    def _amount(self, name: str, number: int) -> float:
        if "rate" in name.lower() or "score" in name.lower() or "percent" in name.lower():
            return round(95 + (self._seed + number) % 50 / 10, 1)
        return products.price(max(number, 1))

    def _text(self, kind: str, name: str, number: int) -> str:
        lower = name.lower()
        item = max(number, 1)
        day = f"2026-09-{1 + number % 28:02d}"
        if kind == "date":
            return day
        if kind == "date-time" or lower.endswith(("date", "time", "timestamp", "dttm")):
            return f"{day}T{number % 24:02d}:30:00.000Z"
        for ending, value in (
            ("sku", products.sku(item)),
            ("upc", products.upc(item)),
            ("gtin", products.gtin(item)),
            ("itemid", products.item_id(item)),
            ("wpid", products.wpid(item)),
            ("currency", "USD"),
            ("currencycode", "USD"),
            ("country", "US"),
            ("state", "CA"),
            ("city", "Sunnyvale"),
            ("postalcode", "94086"),
            ("zipcode", "94086"),
            ("phone", "5550100"),
            ("email", "buyer@example.com"),
            ("url", f"https://example.com/{lower}/{item}"),
            ("statuscode", "200"),
            ("status", "OK"),
            ("amount", f"{products.price(item):.2f}"),
            ("price", f"{products.price(item):.2f}"),
            ("productname", products.name(item)),
            ("itemname", products.name(item)),
            ("title", products.name(item)),
            ("quantity", str(1 + item % 9)),
        ):
            if lower.endswith(ending):
                return value
        if lower.endswith(("id", "number", "no", "code", "key")):
            return f"{10_000_000 + self._seed % 1_000_000 + number}"
        return f"{name or 'value'} {item}"


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
