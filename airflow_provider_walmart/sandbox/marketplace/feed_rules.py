"""What a feed file holds: its rows, their SKUs and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from airflow_provider_walmart.sandbox.core.state import ItemError
from airflow_provider_walmart.sandbox.marketplace import item_specs

MISSING_SKU = ItemError(code="ERR_PDI_0001", description="The SKU is missing or blank.", field="sku")
DUPLICATE_SKU = ItemError(code="ERR_PDI_0034", description="The SKU occurs more than once.", field="sku")
BAD_QUANTITY = ItemError(
    code="ERR_EXT_DATA_0101116",
    description="The quantity must be a whole number of at least 0.",
    field="quantity",
)
BAD_PRICE = ItemError(
    code="ERR_EXT_DATA_4001029",
    description="The price must be a number above 0 with at most 2 decimals.",
    field="price",
)
UNREADABLE = ItemError(code="ERR_INT_DATA_01010092", description="The feed file is not a valid document.")
NO_ROWS = ItemError(code="ERR_INT_DATA_01010092", description="The feed file holds no items.")
TOO_MANY_ROWS = ItemError(
    code="ERR_INT_DATA_01010092", description="The feed file holds more than 10,000 items."
)

#: Items per item feed.
MOST_ITEMS = 10_000
#: Largest quantity and largest price.
MOST = 1_000_000_000

_QUANTITIES = {"quantity", "inputqty"}
_PRICES = {"currentprice", "comparisonprice", "price", "msrp"}
_XML_SKU = re.compile(rb"<(?:\w+:)?sku>([^<]*)</")


@dataclass
class Content:
    """What was found in a feed file.

    :param rows: the rows; empty when the file was not looked into.
    :param skus: SKU of every row, empty where it is missing.
    :param errors: index of a row -> its errors.
    :param feed_errors: why the file as a whole cannot be processed.
    """

    rows: list[Any] = field(default_factory=list)
    skus: list[str] = field(default_factory=list)
    errors: dict[int, list[ItemError]] = field(default_factory=dict)
    feed_errors: list[ItemError] = field(default_factory=list)


def read(feed_type: str, data: bytes) -> Content:
    """Read a feed file. XML and archives are not looked into, except for the SKUs an XML file names.

    :param feed_type: type of the feed.
    :param data: the file.
    """
    if data.lstrip()[:1] == b"<":
        return Content(skus=[sku.decode("utf-8", "replace") for sku in _XML_SKU.findall(data)] or [""])
    if data[:2] == b"PK":
        return Content(skus=[""])
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return Content(feed_errors=[UNREADABLE])
    rows = _rows(document)
    feed_errors = _feed_errors(feed_type, document, rows)
    return Content(feed_errors=feed_errors) if feed_errors else _checked(feed_type, document, rows)


def _feed_errors(feed_type: str, document: Any, rows: list[Any]) -> list[ItemError]:
    """Return why a feed file as a whole cannot be processed."""
    if not rows:
        return [NO_ROWS]
    if "item" in feed_type.lower() and len(rows) > MOST_ITEMS:
        return [TOO_MANY_ROWS]
    return item_specs.feed_errors(feed_type, document)


def _checked(feed_type: str, document: Any, rows: list[Any]) -> Content:
    """Return the rows of a feed, each with its SKU and its errors."""
    id_field = "productid" if feed_type.upper() == "OMNI_RICH_MEDIA" else "sku"
    content = Content(rows=rows)
    for index, row in enumerate(rows):
        sku = first(row, id_field)
        content.skus.append(sku.strip() if isinstance(sku, str) else "")
        if errors := list(_row_errors(row)) if content.skus[-1] else [MISSING_SKU]:
            content.errors[index] = errors
    seen: set[str] = set()
    for index, sku in enumerate(content.skus):
        if sku and sku in seen:
            content.errors.setdefault(index, []).append(DUPLICATE_SKU)
        seen.add(sku)
    for index, errors in item_specs.row_errors(feed_type, document, rows):
        content.errors.setdefault(index, []).extend(errors)
    return content


def first(row: Any, name: str) -> Any:
    """Return the value of a field, searched in the row first and then in the objects it holds.

    :param row: the row.
    :param name: name of the field in lower case.
    """
    if not isinstance(row, dict):
        return None
    for key, value in row.items():
        if key.lower() == name:
            return value
    return next((found for value in row.values() if (found := first(value, name)) is not None), None)


def amount(value: Any) -> Any:
    """Return the number of a quantity or a price, which may be wrapped in an object.

    :param value: the number or the object.
    """
    return value.get("amount") if isinstance(value, dict) else value


def is_price(value: Any) -> bool:
    """Return whether something is a number above 0 with at most 2 decimals.

    :param value: the thing.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not 0 < value <= MOST:
        return False
    exact = Decimal(str(value))
    return exact == round(exact, 2)


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def _rows(document: Any) -> list[Any]:
    """Return the longest list of the document, one near the root when several are equally long."""
    if isinstance(document, list):
        return document
    longest: list[Any] = []
    level = [document]
    while level and not longest:
        values = [value for item in level if isinstance(item, dict) for value in item.values()]
        longest = max((value for value in values if isinstance(value, list)), key=len, default=[])
        level = values
    return longest


def _row_errors(value: Any) -> Iterator[ItemError]:
    if isinstance(value, list):
        for item in value:
            yield from _row_errors(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.lower() in _QUANTITIES:
                if not _is_quantity(amount(item)):
                    yield BAD_QUANTITY
            elif key.lower() in _PRICES:
                if not is_price(amount(item)):
                    yield BAD_PRICE
            else:
                yield from _row_errors(item)


def _is_quantity(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST
