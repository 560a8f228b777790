"""Lists of names: what people write, and what templates make of it."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.names import names_of


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["price", " lagtime "], ["price", "lagtime"]),
        (("price",), ["price"]),
        ({"price"}, ["price"]),
        ({"price": 1}.keys(), ["price"]),
        ("price", ["price"]),
        (" MP_ITEM\n", ["MP_ITEM"]),
        ("price,lagtime , Cost", ["price", "lagtime", "Cost"]),
        ("['price', 'lagtime']", ["price", "lagtime"]),
        ('["price"]', ["price"]),
        (None, []),
        ([], []),
        ("[]", []),
        ("  ", []),
    ],
)
def test_names(given, names):
    assert names_of("feed_types", given, "MP_ITEM") == names


@pytest.mark.parametrize(
    "given",
    [
        5,
        True,
        b"price",
        {"price": 1},
        iter(["price"]),
        [None],
        [5],
        [""],
        ["price", " "],
        ["price,lagtime"],
        ["['price']"],
        "None",
        ["None"],
        "price,",
        ",",
        "[price]",
        "['price'",
        "[None]",
        "[" * 10_000,
        "['price', 'la\x00gtime']",
        "('price', 'lagtime')",
        "{{ params.types }}",
    ],
)
def test_anything_else_is_refused_with_field_value_and_what_is_allowed(given):
    with pytest.raises(WalmartConfigError) as caught:
        names_of("feed_types", given, "MP_ITEM")
    assert str(caught.value).startswith(f"feed_types is {str(given)[:200]!r}; allowed: names such as MP_ITEM")
