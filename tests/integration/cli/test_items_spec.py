"""``walmart items spec`` against the sandbox."""

from __future__ import annotations

import json

import pytest

from tests.helpers.item_rows import VERSION


@pytest.fixture
def spec(shop, walmart):
    return lambda *arguments: walmart("items", "spec", *arguments)


def test_required_fields_are_listed_with_what_is_allowed(spec):
    code, out, err = spec("Mugs", "--version", VERSION, "-o", "json")
    assert code == 0, err
    rows = {row["field"]: row for row in json.loads(out)}
    assert rows["Visible.Mugs.isProp65WarningRequired"]["allowed"] == ["Yes", "No"]
    assert "Visible.Mugs.color" not in rows
    assert all(row["required"] for row in rows.values())


def test_the_current_version_is_asked_for_with_an_item(spec):
    _, out, _ = spec("Mugs", "--gtin", "00012345678905", "--all", "-o", "json")
    rows = {row["field"]: row for row in json.loads(out)}
    assert rows["Visible.Mugs.color"]["version"] == "5.0.20260803-17_50_56-api"


def test_a_product_type_that_is_none_is_bad_input(spec):
    code, out, err = spec("Carrot", "--version", VERSION)
    assert (code, out) == (2, "")
    assert "no product type 'Carrot'" in err
