"""What Walmart refuses in an item although its spec allows it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_walmart.client.values.rows import shown

# Digits of each kind of product id; the check digit of all of them but the ten digits of an ISBN is that of GS1.
LENGTHS = {"GTIN": (14,), "UPC": (12,), "EAN": (13,), "ISBN": (10, 13)}
_DIGITS = re.compile(r"[0-9]+|[0-9]{9}[Xx]")
# A variant is one when it has all of them, and no variant when it has none.
VARIANT = ("variantGroupId", "variantAttributeNames", "isPrimaryVariant")
# Hosts that RFC 2606 keeps for examples, and services that serve placeholders.
_EXAMPLE_HOSTS = ("example.com", "example.net", "example.org", "localhost", "127.0.0.1")
_EXAMPLE_ENDINGS = (".example", ".test", ".invalid", ".localhost", ".local")
_PLACEHOLDERS = ("placeholder", "placehold.", "dummyimage.com", "lorempixel.com", "picsum.photos")


def broken_rules(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an item beyond its spec, as field and sentence.

    :param item: entry of an item feed.
    """
    orderable = item.get("Orderable")
    if isinstance(orderable, Mapping):
        yield from _product_id(orderable.get("productIdentifiers"))
        price = orderable.get("price")
        if isinstance(price, (int, float)) and not isinstance(price, bool) and price == 0:
            yield "Orderable.price", "is 0; allowed: above 0"
    visible = item.get("Visible")
    if isinstance(visible, Mapping):
        for product_type, content in visible.items():
            if isinstance(content, Mapping):
                yield from _variant(f"Visible.{product_type}", content)
    yield from _placeholders("", item)


def has_check_digit(digits: str) -> bool:
    """Return whether the last digit of a product id is the one that the others give: by GS1's sum, or by that of ISBN.

    :param digits: digits alone; the last of ten may be an X.
    """
    values = [10 if digit in "Xx" else int(digit) for digit in reversed(digits)]
    if len(values) == 10:
        return sum(value * place for place, value in enumerate(values, start=1)) % 11 == 0
    return sum(value * (3 if place % 2 else 1) for place, value in enumerate(values)) % 10 == 0


def _product_id(identifiers: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(identifiers, Mapping):
        return
    kind, value = str(identifiers.get("productIdType")), identifiers.get("productId")
    if kind not in LENGTHS or not isinstance(value, str):
        return
    field = "Orderable.productIdentifiers.productId"
    if not _DIGITS.fullmatch(value) or len(value) not in LENGTHS[kind]:
        many = " or ".join(map(str, LENGTHS[kind]))
        yield field, f"is {shown(value)}; a {kind} has {many} digits, with zeros in front where it is shorter"
    elif not has_check_digit(value):
        yield field, f"is {shown(value)}, whose check digit is wrong: a digit of the {kind} is mistyped"


def _variant(where: str, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    missing = [name for name in VARIANT if content.get(name) in (None, "", [])]
    if missing and len(missing) < len(VARIANT):
        present = next(name for name in VARIANT if name not in missing)
        for name in missing:
            yield (
                f"{where}.{name}",
                f"is missing; an item with {present} needs {', '.join(VARIANT)}, all of them",
            )


def _placeholders(where: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _placeholders(f"{where}.{name}" if where else str(name), inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _placeholders(f"{where}[{number}]", inner)
    elif (
        isinstance(value, str)
        and value[:8].lower().startswith(("http://", "https://"))
        and is_placeholder(value)
    ):
        yield (
            where,
            f"is {shown(value)}, an address of an example or a placeholder; allowed: one that Walmart can load",
        )


def is_placeholder(url: str) -> bool:
    """Return whether a URL is one of an example or a placeholder, which Walmart cannot load.

    :param url: begins with ``http://`` or ``https://``.
    """
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return False
    return (
        any(host == example or host.endswith(f".{example}") for example in _EXAMPLE_HOSTS)
        or host.endswith(_EXAMPLE_ENDINGS)
        or any(word in host for word in _PLACEHOLDERS)
    )
