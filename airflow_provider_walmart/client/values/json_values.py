"""What can be sent as JSON: request bodies, feeds, bookings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from airflow_provider_walmart.client.values.names import LOST_FORM
from airflow_provider_walmart.client.values.rows import RowError, is_finite, is_unicode, shown

_DEEPEST = 50
# An exponent beyond this is a mistake, and takes for ever to write out.
_LARGEST_EXPONENT = 300
# Names of fields that hold an id, or several, which is text. Those that end with SKUs are counts.
_ID = re.compile(r"(Id|ID|_id|Sku|Gtin|GTIN)s?$|^(?i:id|sku|upc|gtin|ean|isbn|trackingNumber|shipNode)s?$")


def _plain(value: Any) -> Any:
    """Return a value of a kind of text or number, such as that of numpy, as the text or number it is."""
    for kind in (str, float, int):
        if isinstance(value, kind):
            return kind.__str__(value) if kind is str else kind(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


# Decimals are sent with all their digits.
encode = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain).encode
# The same whatever the order of keys.
encode_sorted = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain, order="sorted").encode


def check_json(value: Any, where: str, depth: int = 0) -> bool:
    """Refuse what has no form in JSON, or one that Walmart would read differently.

    :param value: anything.
    :param where: what it is called in the error; empty for a row.
    :return: whether it holds a number that may be written in another way, as 5.0 may be 5.
    :raises RowError: saying where what is.
    """
    check = _CHECKS.get(type(value)) or next(
        (check for kind, check in _CHECKS.items() if isinstance(value, kind)), None
    )
    if check is None:
        raise RowError(f"{where} is {shown(value)}, which has no form in JSON")
    return check(value, where, depth)


def _pass(value: bool | None, where: str, depth: int) -> bool:
    """Pass."""
    return False


def _check_text(value: str, where: str, depth: int) -> bool:
    if not is_unicode(value):
        raise RowError(f"{where} is not valid Unicode")
    return False


def _check_whole(value: int, where: str, depth: int) -> bool:
    if value.bit_length() > 64:
        raise RowError(f"{where} is {shown(value)}, which is too large")
    return False


def _check_number(value: float | Decimal, where: str, depth: int) -> bool:
    is_extreme = isinstance(value, Decimal) and not -_LARGEST_EXPONENT < value.adjusted() < _LARGEST_EXPONENT
    if not is_finite(value) or is_extreme:
        raise RowError(f"{where} is {shown(value)}, which is not a number that JSON can hold")
    return isinstance(value, Decimal) or value.is_integer()


def _check_object(value: dict[Any, Any], where: str, depth: int) -> bool:
    _check_depth(where, depth)
    varies = False
    for key, item in value.items():
        # As most of what there is.
        if type(item) is str and item.isascii() and type(key) is str and key.isascii():
            continue
        _check_key(key, where)
        name = f"{where}.{key}" if where else key
        _check_id(item, key, name)
        varies |= check_json(item, name, depth + 1)
    return varies


def _check_key(key: Any, where: str) -> None:
    if not isinstance(key, str):
        raise RowError(f"{where or 'the row'} has the key {shown(key)}; expected text")
    if not is_unicode(key):
        raise RowError(f"{where or 'a column'} is {shown(key)}, which is not valid Unicode")


def _check_list(value: Iterable[Any], where: str, depth: int) -> bool:
    _check_depth(where, depth)
    varies = False
    for item in value:
        if type(item) is str and item.isascii():
            continue
        _check_id(item, where.rpartition(".")[2], where)
        varies |= check_json(item, where, depth + 1)
    return varies


def _check_id(value: Any, key: str, where: str) -> None:
    """Refuse a number with a fraction, and a truth value, as an id."""
    if isinstance(value, (float, Decimal, bool)) and _ID.search(key):
        why = "" if isinstance(value, bool) else f", and {LOST_FORM}"
        raise RowError(f"{where} is {shown(value)}; an id is text{why}")


def _check_depth(where: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise RowError(f"{where.split('.')[0]} is nested more than {_DEEPEST} levels deep")


# In the order in which kinds of a kind are distinguished.
_CHECKS: dict[type, Callable[[Any, str, int], bool]] = {
    str: _check_text,
    bool: _pass,
    int: _check_whole,
    float: _check_number,
    type(None): _pass,
    dict: _check_object,
    list: _check_list,
    tuple: _check_list,
    Decimal: _check_number,
}
