"""What the shop sells: every product follows from its number, which is that in its SKU and counts from 1."""

from __future__ import annotations

import re

_PRODUCTS = ("Enamel Mug", "Desk Lamp", "Wool Blanket", "Bread Box", "Garden Hose", "Picture Frame")
_FIRST_ITEM_ID = 500_000_000


def name(number: int) -> str:
    """Return the name of a product.

    :param number: its number.
    """
    return f"{_PRODUCTS[number % len(_PRODUCTS)]} No. {number}"


def cents(number: int) -> int:
    """Return the first price of a product, in cents.

    :param number: its number.
    """
    return 499 + number * 37 % 9500


def price(number: int) -> float:
    """Return the first price of a product.

    :param number: its number.
    """
    return cents(number) / 100


def gtin(number: int) -> str:
    """Return the 14-digit trade item number of a product.

    :param number: its number.
    """
    return f"00{upc(number)}"


def upc(number: int) -> str:
    """Return the 12-digit product code of a product.

    :param number: its number.
    """
    digits = f"{number:011d}"
    return digits + check_digit(digits)


def check_digit(digits: str) -> str:
    """Return the digit that ends a product code (GS1: UPC, EAN, GTIN).

    :param digits: the digits before it.
    """
    weighted = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def has_check_digit(code: str) -> bool:
    """Return whether a text is a UPC, an EAN or a GTIN with the right check digit.

    :param code: the text.
    """
    is_code = code.isascii() and code.isdigit() and len(code) in (8, 12, 13, 14)
    return is_code and check_digit(code[:-1]) == code[-1]


def item_id(number: int) -> str:
    """Return the item id of a product.

    :param number: its number.
    """
    return str(_FIRST_ITEM_ID + number)


def wpid(number: int) -> str:
    """Return Walmart's product id of a product.

    :param number: its number.
    """
    return f"{number:012X}"


def sku(number: int) -> str:
    """Return the SKU of a product.

    :param number: its number.
    """
    return f"SKU-{number:06d}"


def number_of(kind: str, value: str) -> int:
    """Return the number of the product with an id, 0 or less when it can be none.

    :param kind: ``SKU``, ``GTIN``, ``UPC`` or ``ITEM_ID``; other kinds belong to no product.
    :param value: the id.
    """
    if kind == "SKU":
        number = whole(value.removeprefix("SKU-"))
        return number if sku(number) == value else 0
    if kind not in ("GTIN", "UPC", "ITEM_ID"):
        return 0
    if kind == "ITEM_ID":
        return whole(value) - _FIRST_ITEM_ID
    number = whole(value) // 10
    if number < 1:
        return 0
    return number if value == (upc(number) if kind == "UPC" else gtin(number)) else 0


def whole(text: str) -> int:
    """Return the number that is written in a text, -1 when it is anything but up to 18 digits.

    :param text: the text.
    """
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else -1
