"""What rows become, against documents written down here and against Walmart's own."""

from __future__ import annotations

import functools
import json
import os
import re
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from airflow_provider_walmart.client.catalogue import operations as catalogue
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feeds.feed_types import format_of, upload_of, value_of
from airflow_provider_walmart.client.values.json_values import encode
from airflow_provider_walmart.client.values.rows import RowError

REPOSITORY = Path(__file__).parents[4]
DOCUMENTS = (
    Path(os.environ.get("WALMART_OPENAPI_DIR") or REPOSITORY.parent / "shared" / "walmart-openapi")
    / "us-mp-2026"
)
NOW = datetime(2026, 11, 23, 4, 5, 6, 789000, tzinfo=timezone.utc)
# Its decimal digits are more than Python is willing to write.
HUGE = 1 << 20_000
KNOWN = (
    "inventory",
    "MP_INVENTORY",
    "price",
    "PRICE_AND_PROMOTION",
    "lagtime",
    "RETIRE_ITEM",
    "SKU_TEMPLATE_MAP",
    "RETURNS_OVERRIDES",
)


def document(feed_type, *rows, now=NOW, **options):
    """Return the document of some rows, joined as far as they join."""
    feed_format = format_of(feed_type, **options)
    pieces = []
    for row in rows:
        piece = feed_format.piece(row)
        if pieces and piece.join and pieces[-1].join and pieces[-1].subject == piece.subject:
            pieces[-1].join(pieces[-1].entry, piece.entry)
        else:
            pieces.append(piece)
    head, tail = feed_format.frame(now)
    return json.loads(head + b",".join(encode(piece.entry) for piece in pieces) + tail)


def entry(feed_type, row, **options):
    return format_of(feed_type, **options).piece(row).entry


def error_text(feed_type, row, **options):
    with pytest.raises(RowError) as caught:
        entry(feed_type, row, **options)
    return str(caught.value)


# --- the documents of the known types


def test_inventory():
    rows = (
        {"sku": "A", "quantity": 5},
        {"sku": "B", "quantity": "0", "ship_node": "N", "inventory_available_date": "2026-12-01"},
    )
    assert document("inventory", *rows) == {
        "InventoryHeader": {"version": "1.4"},
        "Inventory": [
            {"sku": "A", "quantity": {"unit": "EACH", "amount": 5}},
            {"sku": "B", "quantity": {"unit": "EACH", "amount": 0}, "inventoryAvailableDate": "2026-12-01"},
        ],
    }
    assert [format_of("inventory").piece(row).ship_node for row in rows] == ["", "N"]


def test_mp_inventory_joins_ship_nodes_of_a_sku():
    assert document(
        "MP_INVENTORY",
        {"sku": "A", "quantity": 5, "ship_node": "N1", "inventory_available_date": date(2026, 12, 1)},
        {"sku": "A", "quantity": 6, "ship_node": 2},
        {"sku": "B", "quantity": 7},
    ) == {
        "inventoryHeader": {"version": "1.5"},
        "inventory": [
            {
                "sku": "A",
                "shipNodes": [
                    {
                        "shipNode": "N1",
                        "quantity": {"unit": "EACH", "amount": 5},
                        "inventoryAvailableDate": "2026-12-01",
                    },
                    {"shipNode": "2", "quantity": {"unit": "EACH", "amount": 6}},
                ],
            },
            {"sku": "B", "shipNodes": [{"quantity": {"unit": "EACH", "amount": 7}}]},
        ],
    }


def test_price_joins_prices_of_a_sku():
    assert document(
        "price",
        {"sku": "A", "price": 19.99},
        {
            "sku": "A",
            "price": "15",
            "currency": "cad",
            "comparison_price": Decimal("20.50"),
            "price_type": "clearance",
            "effective_date": "2026-12-01",
            "expiration_date": "2026-12-31T18:00:00-05:00",
        },
        {"sku": "B", "price": 1, "currency": "CAD"},
    ) == {
        "PriceHeader": {"version": "1.7"},
        "Price": [
            {
                "sku": "A",
                "pricing": [
                    {"currentPrice": {"currency": "USD", "amount": 19.99}, "currentPriceType": "BASE"},
                    {
                        "currentPrice": {"currency": "CAD", "amount": 15},
                        "currentPriceType": "CLEARANCE",
                        "comparisonPriceType": "BASE",
                        "comparisonPrice": {"currency": "CAD", "amount": 20.5},
                        "effectiveDate": "2026-12-01T00:00:00.000Z",
                        "expirationDate": "2026-12-31T23:00:00.000Z",
                        "processMode": "UPSERT",
                    },
                ],
            },
            {
                "sku": "B",
                "pricing": [{"currentPrice": {"currency": "CAD", "amount": 1}, "currentPriceType": "BASE"}],
            },
        ],
    }


def test_price_and_promotion_joins_base_price_and_promotion_of_a_sku():
    assert document(
        "PRICE_AND_PROMOTION",
        {"sku": "A", "price": 11, "comparison_price": 15},
        {
            "sku": "A",
            "price": 8.5,
            "effective_date": "2026-12-01T08:00:00Z",
            "expiration_date": "2026-12-31T08:00:00Z",
        },
        {"sku": "B", "price": "3.10", "price_type": "Clearance", "currency": "usd"},
    ) == {
        "MPItemFeedHeader": {
            "businessUnit": "WALMART_US",
            "version": "2.0.20240126-12_25_52-api",
            "locale": "en",
        },
        "MPItem": [
            {
                "Promo&Discount": {
                    "sku": "A",
                    "price": 11,
                    "msrp": 15,
                    "promotionInformation": {
                        "promotionSettingAction": "Create",
                        "promotionType": "Reduced",
                        "promotionPrice": 8.5,
                        "promotionPriceStartDateTime": "2026-12-01T08:00:00Z",
                        "promotionPriceEndDateTime": "2026-12-31T08:00:00Z",
                    },
                }
            },
            {
                "Promo&Discount": {
                    "sku": "B",
                    "promotionInformation": {
                        "promotionSettingAction": "Create",
                        "promotionType": "Clearance",
                        "promotionPrice": 3.1,
                    },
                }
            },
        ],
    }


def test_two_comparison_prices_of_a_sku_contradict_each_other():
    base = {"sku": "A", "price": 11, "comparison_price": 15}
    promotion = {"sku": "A", "price": 8, "price_type": "REDUCED", "comparison_price": 16}
    with pytest.raises(RowError, match="comparison_price differs"):
        document("PRICE_AND_PROMOTION", base, promotion)
    for other in (15, None):
        joined = document("PRICE_AND_PROMOTION", base, {**promotion, "comparison_price": other})["MPItem"]
        assert joined[0]["Promo&Discount"]["msrp"] == 15


def test_lagtime_is_text():
    assert document("lagtime", {"sku": "A", "lag_time": 1}, {"sku": "B", "lag_time": "0"}) == {
        "LagTimeHeader": {"version": "1.0"},
        "lagTime": [{"sku": "A", "fulfillmentLagTime": "1"}, {"sku": "B", "fulfillmentLagTime": "0"}],
    }


def test_retire_item_says_when():
    assert document("RETIRE_ITEM", {"sku": "A"}) == {
        "RetireItemHeader": {"version": "1.0", "feedDate": "2026-11-23T04:05:06.789Z"},
        "RetireItem": [{"sku": "A"}],
    }


def test_sku_template_map():
    assert document(
        "SKU_TEMPLATE_MAP",
        {"sku": "A", "template_id": 8374652987346572, "fulfillment_center_id": "F"},
        {"sku": "A", "template_id": "T", "fulfillment_center_id": ""},
    ) == {
        "ItemFeedHeader": {"sellingChannel": "precisedelivery", "locale": "en", "version": "1.0"},
        "Item": [
            {
                "PreciseDelivery": {
                    "sku": "A",
                    "actionType": "Add",
                    "shippingTemplateId": "8374652987346572",
                    "fulfillmentCenterId": "F",
                }
            },
            {"PreciseDelivery": {"sku": "A", "actionType": "Add", "shippingTemplateId": "T"}},
        ],
    }


def test_returns_overrides():
    assert document(
        "RETURNS_OVERRIDES",
        {"sku": "A", "returnCenterAlias": "CAL1", "isKeepIt": "", "isReturnRestricted": "no"},
        {"sku": "B", "overrides": {"isKeepIt": ""}},
    ) == {
        "header": {"feedDate": "2026-11-23T04:05:06.789Z"},
        "overrideFeed": [
            {"sku": "A", "overrides": {"returnCenterAlias": "CAL1", "isReturnRestricted": "No"}},
            {"sku": "B", "overrides": {"isKeepIt": ""}},
        ],
    }
    message = error_text("RETURNS_OVERRIDES", {"sku": "A", "isKeepIt": " "})
    assert message == "overrides nothing; expected returnCenterAlias, isKeepIt or isReturnRestricted"


# --- which price type


@pytest.mark.parametrize(
    ("feed_type", "columns", "expected"),
    [
        ("price", {}, "BASE"),
        ("price", {"comparison_price": 9}, "REDUCED"),
        ("price", {"effective_date": "2026-12-01"}, "REDUCED"),
        ("price", {"expiration_date": "2026-12-01"}, "REDUCED"),
        ("price", {"comparison_price": 9, "price_type": "BASE"}, "BASE"),
        ("PRICE_AND_PROMOTION", {}, "base"),
        ("PRICE_AND_PROMOTION", {"comparison_price": 9}, "base"),
        ("PRICE_AND_PROMOTION", {"expiration_date": "2026-12-01"}, "promotion"),
    ],
)
def test_price_type_by_default(feed_type, columns, expected):
    made = entry(feed_type, {"sku": "A", "price": 5, **columns})
    if feed_type == "price":
        assert made["pricing"][0]["currentPriceType"] == expected
    else:
        content = made["Promo&Discount"]
        assert ("price" in content, "promotionInformation" in content) == (
            expected == "base",
            expected == "promotion",
        )


@pytest.mark.parametrize("feed_type", ["price", "PRICE_AND_PROMOTION"])
def test_a_base_price_does_not_wait_for_a_date(feed_type):
    row = {"sku": "A", "price": 5, "price_type": "BASE", "effective_date": "2026-12-01"}
    assert "BASE, which has no dates" in error_text(feed_type, row)


def test_currency():
    row = {"sku": "A", "price": 5}
    assert entry("price", row, currency="MXN")["pricing"][0]["currentPrice"]["currency"] == "MXN"
    assert "expected three letters" in error_text("price", {**row, "currency": "$"})
    assert "are in USD" in error_text("PRICE_AND_PROMOTION", {**row, "currency": "CAD"})
    assert entry("PRICE_AND_PROMOTION", {**row, "currency": "CAD"}, currency="CAD")
    with pytest.raises(WalmartConfigError, match="currency is 'usd'"):
        format_of("price", currency="usd")


# --- values


@pytest.mark.parametrize("value", [5, 5.0, "5", " 5 ", "5.0", "+5", "005", "5.", Decimal(5), Decimal("5.00")])
def test_whole_numbers(value):
    for feed_type, column in (("inventory", "quantity"), ("lagtime", "lag_time")):
        made = entry(feed_type, {"sku": "A", column: value})
        assert made in (
            {"sku": "A", "quantity": {"unit": "EACH", "amount": 5}},
            {"sku": "A", "fulfillmentLagTime": "5"},
        )


@pytest.mark.parametrize("value", [0, -0.0, "0", "-0", "0.0"])
def test_zero_is_a_quantity(value):
    assert encode(entry("inventory", {"sku": "A", "quantity": value})["quantity"]["amount"]) == b"0"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "is missing"),
        ("", "is missing"),
        ("  ", "is missing"),
        (-1, "is -1, which is negative"),
        ("-1", "is '-1', which is negative"),
        (-0.5, "is -0.5, which is negative"),
        (5.5, "is 5.5, which is not a whole number"),
        ("5.5", "is '5.5', which is not a whole number"),
        (True, "is True, which is not a number"),
        (False, "is False, which is not a number"),
        (float("nan"), "is nan, which is not a number"),
        (float("inf"), "is inf, which is not a number"),
        (float("-inf"), "is -inf, which is not a number"),
        (Decimal("NaN"), "is NaN, which is not a number"),
        (Decimal("sNaN"), "is sNaN, which is not a number"),
        (Decimal("Infinity"), "is Infinity, which is not a number"),
        ("NaN", "is 'NaN', which is not a number"),
        ("inf", "is 'inf', which is not a number"),
        ("five", "is 'five', which is not a number"),
        ("1_000", "is '1_000', which is not a number"),
        ("1,000", "is '1,000', which is not a number"),
        ("1e3", "is '1e3', which is not a number"),
        ("\u0665", "is '\u0665', which is not a number"),
        ("5" * 5000, f"is '{'5' * 60}'..., which is not a number"),
        (2**31, "is 2147483648, which is more than 2,147,483,647"),
        pytest.param(HUGE, "is a very large number, which is more than 2,147,483,647", id="huge"),
        (1e300, "is 1e+300, which is more than 2,147,483,647"),
        (Decimal("1E+999999"), "is 1E+999999, which is more than 2,147,483,647"),
        (Decimal("1E-999999"), "is 1E-999999, which is not a whole number"),
        ([5], "is of type list, which is not a number"),
        (b"5", "is of type bytes, which is not a number"),
    ],
)
def test_no_whole_numbers(value, message):
    row = {"sku": "A", "quantity": value}
    assert error_text("inventory", row) == f"quantity {message}"
    assert error_text("lagtime", {"sku": "A", "lag_time": value}) == f"lag_time {message}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (19.99, b"19.99"),
        ("19.99", b"19.99"),
        (" 19.990 ", b"19.99"),
        (Decimal("19.99"), b"19.99"),
        (20, b"20"),
        (20.0, b"20"),
        ("20.00", b"20"),
        (".5", b"0.5"),
        (0.01, b"0.01"),
        (1.1 * 10, b"11"),
        (0.1 + 0.2, b"0.3"),
        (999_999_998.99, b"999999998.99"),
        (10**8, b"100000000"),
    ],
)
def test_prices(value, written):
    made = entry("price", {"sku": "A", "price": value, "comparison_price": value})["pricing"][0]
    assert encode(made["currentPrice"]["amount"]) == encode(made["comparisonPrice"]["amount"]) == written


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "is 0; it must be above 0"),
        ("0.00", "is '0.00'; it must be above 0"),
        (-5, "is -5; it must be above 0"),
        (19.999, "is 19.999, which has more than 2 decimals"),
        ("19.999", "is '19.999', which has more than 2 decimals"),
        (Decimal("19.999"), "is 19.999, which has more than 2 decimals"),
        (19.990000001, "is 19.990000001, which has more than 2 decimals"),
        ("19.99000000000000001", "is '19.99000000000000001', which has more than 2 decimals"),
        (999_999_998.999, "is 999999998.999, which has more than 2 decimals"),
        (0.001, "is 0.001, which has more than 2 decimals"),
        (1e-300, "is 1e-300, which has more than 2 decimals"),
        (Decimal("1E-999999"), "is 1E-999999, which has more than 2 decimals"),
        (10**9, "is 1000000000, which is more than 999,999,999"),
        ("$5", "is '$5', which is not a number"),
        ("19,99", "is '19,99', which is not a number; write a point in place of the comma"),
        (True, "is True, which is not a number"),
        (float("nan"), "is nan, which is not a number"),
    ],
)
def test_no_prices(value, message):
    for feed_type in ("price", "PRICE_AND_PROMOTION"):
        assert error_text(feed_type, {"sku": "A", "price": value}) == f"price {message}"
        row = {"sku": "A", "price": 1, "comparison_price": value}
        assert error_text(feed_type, row) == f"comparison_price {message}"


PLAIN = {
    "inventory": {"quantity": 1},
    "MP_INVENTORY": {"quantity": 1},
    "price": {"price": 1},
    "PRICE_AND_PROMOTION": {"price": 1},
    "lagtime": {"lag_time": 1},
    "RETIRE_ITEM": {},
    "SKU_TEMPLATE_MAP": {"template_id": "T"},
    "RETURNS_OVERRIDES": {"isKeepIt": "Yes"},
}
WRAPPERS = {"PRICE_AND_PROMOTION": "Promo&Discount", "SKU_TEMPLATE_MAP": "PreciseDelivery"}


@pytest.mark.parametrize(
    ("value", "sku"),
    [("A", "A"), ("  A b ", "A b"), (12, "12"), (0, "0"), ("\u00fc\U0001f4a1", "\u00fc\U0001f4a1")],
)
@pytest.mark.parametrize("feed_type", KNOWN)
def test_skus(feed_type, value, sku):
    made = entry(feed_type, {"sku": value, **PLAIN[feed_type]})
    assert made.get(WRAPPERS.get(feed_type), made)["sku"] == sku


LOST = "(as a number an id loses its form, which a template does to it where render_template_as_native_obj is set)"


@pytest.mark.parametrize("sku", ["9.4E+21", "1e+5", "9,4E+21"])
@pytest.mark.parametrize("feed_type", KNOWN)
def test_a_sku_that_a_spreadsheet_made_a_number_of_is_refused(feed_type, sku):
    message = error_text(feed_type, {**PLAIN[feed_type], "sku": sku})
    assert (
        message
        == f"sku is '{sku}', which is what a spreadsheet makes of a long number; format the column as text"
    )


@pytest.mark.parametrize("sku", ["1E5", "0012", "1e-5", "E+5", "12345678901234567890"])
def test_a_sku_that_only_looks_like_a_number_goes_out_as_it_is(sku):
    assert entry("RETIRE_ITEM", {"sku": sku})["sku"] == sku


@pytest.mark.parametrize("header", ["SKU", "Sku ", " sku"])
def test_columns_are_found_in_whatever_case_they_are_written(header):
    row = {header: "A", "Quantity": 1, "Ship Node": "N", "INVENTORY-available_DATE": "2026-12-31"}
    plain = {"sku": "A", "quantity": 1, "ship_node": "N", "inventory_available_date": "2026-12-31"}
    assert entry("inventory", row) == entry("inventory", plain)


def test_a_column_that_is_there_in_two_spellings_is_refused():
    assert error_text("RETIRE_ITEM", {"sku": "A", "SKU": "B"}) == "column sku is there twice"


@pytest.mark.parametrize("feed_type", KNOWN)
def test_no_skus(feed_type):
    rest = PLAIN[feed_type]
    for bad, message in (
        (None, "sku is missing"),
        ("", "sku is missing"),
        ("\t\n ", "sku is missing"),
        (True, "sku is True; expected text"),
        (12.0, f"sku is 12.0; expected text {LOST}"),
        (float("nan"), f"sku is nan; expected text {LOST}"),
        (["A"], "sku is of type list; expected text"),
        (HUGE, "sku is a very large number; expected text"),
        ("A\ud800", "sku is 'A\\ud800', which is not valid Unicode"),
    ):
        assert error_text(feed_type, {"sku": bad, **rest}) == message
    assert error_text(feed_type, rest) == "sku is missing"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00.000Z"),
        (" 2026-12-01 10:00:00 ", "2026-12-01T10:00:00.000Z"),
        ("2026-12-01T10:00:00.1234567+02:00", "2026-12-01T08:00:00.123Z"),
        ("2026-12-01", "2026-12-01T00:00:00.000Z"),
        (date(2026, 12, 1), "2026-12-01T00:00:00.000Z"),
        (datetime.fromisoformat("2026-12-01T10:00:00"), "2026-12-01T10:00:00.000Z"),
        (
            datetime(2026, 12, 1, 10, tzinfo=timezone(timedelta(hours=-5))),
            "2026-12-01T15:00:00.000Z",
        ),
    ],
)
def test_times(value, written):
    row = {"sku": "A", "price": 1, "effective_date": value, "expiration_date": "2027-01-01"}
    assert entry("price", row)["pricing"][0]["effectiveDate"] == written
    promotion = entry("PRICE_AND_PROMOTION", row)["Promo&Discount"]["promotionInformation"]
    assert promotion["promotionPriceStartDateTime"] == f"{written[:19]}Z"


@pytest.mark.parametrize(
    "value",
    [
        "tomorrow",
        "2026-13-01",
        "2026-02-30T00:00:00Z",
        "12/01/2026",
        "2026-12-01T10",
        "0001-01-01T00:00:00+14:00",
        "20261201",
        1764547200,
        ["2026-12-01"],
    ],
)
def test_no_times(value):
    for column in ("effective_date", "expiration_date"):
        message = error_text("price", {"sku": "A", "price": 1, column: value})
        assert message.startswith(f"{column} is ")
        assert message.endswith("; expected a time such as 2026-12-31T18:00:00Z")


@pytest.mark.parametrize("expiration", ["2026-12-01T10:00:00Z", "2026-11-30", "2026-12-01T11:00:00+02:00"])
def test_a_promotion_ends_after_it_begins(expiration):
    row = {"sku": "A", "price": 1, "effective_date": "2026-12-01T10:00:00Z", "expiration_date": expiration}
    assert error_text("price", row) == "expiration_date is not after effective_date"


@pytest.mark.parametrize(
    "value",
    ["2026-12-01T00:00:00Z", "1.12.2026", "2026-12-32", 20261201, datetime.fromisoformat("2026-12-01")],
)
def test_no_days(value):
    message = error_text("inventory", {"sku": "A", "quantity": 1, "inventory_available_date": value})
    assert message.startswith("inventory_available_date is ")
    assert message.endswith("; expected a day such as 2026-12-31")


@pytest.mark.parametrize(
    ("feed_type", "row", "message"),
    [
        ("price", {"price_type": "SALE"}, "price_type is 'SALE'; expected BASE, REDUCED or CLEARANCE"),
        ("RETURNS_OVERRIDES", {"isKeepIt": "maybe"}, "isKeepIt is 'maybe'; expected Yes or No"),
        ("RETURNS_OVERRIDES", {"isKeepIt": True}, "isKeepIt is True; expected text"),
        ("SKU_TEMPLATE_MAP", {"template_id": " "}, "template_id is missing"),
        (
            "MP_INVENTORY",
            {"quantity": 1, "ship_node": 1.5},
            "ship_node is 1.5; expected text (as a number an id loses its form, which a template does to it where render_template_as_native_obj is set)",
        ),
    ],
)
def test_other_bad_values(feed_type, row, message):
    rest = {"price": 1} if feed_type == "price" else {}
    assert error_text(feed_type, {"sku": "A", **rest, **row}) == message


@pytest.mark.parametrize(
    ("feed_type", "column", "hint"),
    [
        ("inventory", "qty", "there are inventory_available_date, quantity, ship_node, sku"),
        ("inventory", "quantiy", "did you mean quantity?"),
        ("inventory", "shipNode", "did you mean ship_node?"),
        ("price", "compare-price", "did you mean comparison_price?"),
        ("price", "\ud800", "there are comparison_price, currency,"),
        ("price", None, "there are comparison_price, currency,"),
        ("lagtime", 5, "there are lag_time, sku"),
        ("RETIRE_ITEM", "quantity", "there are sku"),
        ("MP_INVENTORY", "shipNodes", "did you mean ship_node?"),
    ],
)
def test_unknown_columns(feed_type, column, hint):
    message = error_text(feed_type, {"sku": "A", column: "1"})
    assert message.startswith("unknown column ")
    assert hint in message
    message.encode()


@pytest.mark.parametrize(
    ("row", "shown"),
    [(None, "None"), ("sku", "'sku'"), (["sku"], "of type list"), (1, "1"), ((), "of type tuple")],
)
@pytest.mark.parametrize("feed_type", KNOWN)
def test_rows_are_mappings(feed_type, row, shown):
    assert error_text(feed_type, row) == f"is {shown}; expected an object with columns"


# --- Walmart's own form

OWN = {
    "inventory": {"sku": "A", "quantity": {"unit": "EACH", "amount": 1}, "fulfillmentLagTime": 1},
    "MP_INVENTORY": {"sku": "A", "shipNodes": [{"shipNode": "N", "quantity": {"unit": "EACH", "amount": 1}}]},
    "price": {"sku": "A", "replaceAll": "true", "pricing": [{"currentPrice": {"amount": 19.99}}]},
    "PRICE_AND_PROMOTION": {"Promo&Discount": {"sku": "A", "price": 19.99, "promoid": "1"}},
    "lagtime": {"sku": "A", "fulfillmentLagTime": "1", "additionalAttributes": []},
    "RETIRE_ITEM": {"sku": "A"},
    "SKU_TEMPLATE_MAP": {"PreciseDelivery": {"sku": "A", "actionType": "Remove", "shippingTemplateId": "T"}},
    "RETURNS_OVERRIDES": {"sku": "A", "overrides": {"isKeepIt": ""}},
}


@pytest.mark.parametrize("feed_type", KNOWN)
def test_walmarts_own_form_is_left_as_it_is(feed_type):
    row = json.loads(json.dumps(OWN[feed_type]))
    piece = format_of(feed_type).piece(row)
    assert piece.entry == row == OWN[feed_type]
    assert piece.join is None
    assert piece.subject.startswith("sku 'A'")


@pytest.mark.parametrize("sku", [None, "", "  ", True, 1.0, [], "\ud800"])
@pytest.mark.parametrize("feed_type", KNOWN)
def test_walmarts_own_form_needs_a_sku(feed_type, sku):
    row = json.loads(json.dumps(OWN[feed_type]).replace('"sku": "A"', f'"sku": {json.dumps(sku)}'))
    assert "sku is " in error_text(feed_type, row)


@pytest.mark.parametrize("feed_type", sorted({*KNOWN} - {"RETIRE_ITEM"}))
def test_walmarts_own_form_without_sku(feed_type):
    row = json.loads(json.dumps(OWN[feed_type]).replace('"sku": "A"', '"other": "A"'))
    assert error_text(feed_type, row) == "sku is missing"


def test_the_two_forms_are_not_mixed():
    row = {**OWN["inventory"], "inventory_available_date": "2026-12-01"}
    assert error_text("inventory", row) == "is in Walmart's own form, which has no inventory_available_date"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "quantity.amount is nan, which is not a number that JSON can hold"),
        (Decimal("-Infinity"), "quantity.amount is -Infinity, which is not a number that JSON can hold"),
        (Decimal("1E+400"), "quantity.amount is 1E+400, which is not a number that JSON can hold"),
        (10**30, f"quantity.amount is {10**30}, which is too large"),
        ({1}, "quantity.amount is of type set, which has no form in JSON"),
        (b"1", "quantity.amount is of type bytes, which has no form in JSON"),
        (
            datetime.fromisoformat("2026-01-01"),
            "quantity.amount is 2026-01-01 00:00:00, which has no form in JSON",
        ),
        ({1: 2}, "quantity.amount has the key 1; expected text"),
        ({"\ud800": 2}, "quantity.amount is '\\ud800', which is not valid Unicode"),
        ([["\udfff"]], "quantity.amount is not valid Unicode"),
        (
            functools.reduce(lambda inner, _: [inner], range(60), 1),
            "quantity is nested more than 50 levels deep",
        ),
    ],
)
def test_walmarts_own_form_must_fit_json(value, message):
    assert error_text("inventory", {"sku": "A", "quantity": {"amount": value}}) == message


def test_decimals_stay_numbers():
    made = entry("inventory", {"sku": "A", "quantity": {"amount": Decimal("1.10")}})
    assert encode(made) == b'{"sku":"A","quantity":{"amount":1.10}}'


# --- other feed types

HEADER = {"MPItemFeedHeader": {"version": "4.8", "feedDate": "2026-01-01"}}


def test_an_unknown_type_needs_header_and_root_key():
    for options, missing in (
        ({}, "feed_header and root_key"),
        ({"header": HEADER}, "root_key"),
        ({"header": HEADER, "root_key": ""}, "root_key"),
        ({"root_key": "MPItem"}, "feed_header"),
        ({"root_key": "MPItem", "header": {}}, "feed_header"),
    ):
        with pytest.raises(WalmartConfigError, match=f"feed type NEW_THING: .* so {missing} must be given"):
            format_of("NEW_THING", **options)
    row = {"Orderable": {"sku": "A", "price": 1.5}}
    assert document("NEW_THING", row, header=HEADER, root_key="MPItem") == {**HEADER, "MPItem": [row]}


def test_rows_of_an_unknown_type():
    options = {"header": HEADER, "root_key": "MPItem"}
    assert error_text("NEW", {}, **options) == "is empty"
    assert error_text("NEW", {"a": {"b": float("inf")}}, **options).startswith("a.b is inf")
    assert error_text("NEW", [], **options) == "is of type list; expected an object with columns"
    pieces = [format_of("NEW", **options).piece(row) for row in ({"a": 1}, {"a": 2}, {"a": 1})]
    assert pieces[0] == pieces[2]
    assert pieces[0].part != pieces[1].part


def test_header_and_root_key_replace_those_of_a_known_type():
    made = document("RETIRE_ITEM", {"sku": "A"}, header={"Header": {"version": "2.0"}})
    assert made == {"Header": {"version": "2.0"}, "RetireItem": [{"sku": "A"}]}
    made = document("RETIRE_ITEM", {"sku": "A"}, root_key="Root")
    assert list(made) == ["RetireItemHeader", "Root"]


@pytest.mark.parametrize(
    "header",
    [
        {},
        [],
        "MPItemFeedHeader",
        {"A": {}, "B": {}},
        {"A": "1.4"},
        {"": {}},
        {1: {}},
        {"A": {"b": float("nan")}},
        {"A": {1: 2}},
        {"A": {"b": "\ud800"}},
        {"\ud800": {}},
    ],
)
def test_bad_headers(header):
    with pytest.raises(WalmartConfigError, match="header"):
        format_of("inventory", header=header)


@pytest.mark.parametrize("root_key", ["", " ", 5, ["A"], "InventoryHeader", "\ud800"])
def test_bad_root_keys(root_key):
    with pytest.raises(WalmartConfigError, match="root_key is "):
        format_of("inventory", root_key=root_key)


@pytest.mark.parametrize("feed_type", ["", "  ", None, 5, "\ud800"])
def test_bad_feed_types(feed_type):
    with pytest.raises(WalmartConfigError, match="feed_type is "):
        format_of(feed_type)


# --- limits


@pytest.mark.parametrize("spelled", ["MP_inventory", "Price", " LAGTIME ", "retire_item"])
def test_feed_types_are_known_in_any_case_and_sent_as_spelled(spelled):
    assert format_of(spelled).feed_type == spelled.strip()
    assert format_of(spelled).essence == format_of(spelled.upper()).essence


@pytest.mark.parametrize(
    ("feed_type", "multipart", "max_items", "max_bytes"),
    [
        ("inventory", True, None, 10_000_000),
        ("MP_INVENTORY", True, None, 1_000_000),
        ("price", True, 10_000, 10_000_000),
        ("PRICE_AND_PROMOTION", False, 10_000, 25_000_000),
        ("lagtime", False, None, 10_000_000),
        ("RETIRE_ITEM", True, 10_000, 25_000_000),
        ("SKU_TEMPLATE_MAP", True, 10_000, 25_000_000),
        ("RETURNS_OVERRIDES", True, None, 400_000),
        ("MP_ITEM", True, 10_000, 25_000_000),
        ("FITMENT_ACES", True, None, 50_000_000),
        ("OMNI_RICH_MEDIA", False, None, 25_000_000),
        ("NEVER_HEARD_OF", True, None, 25_000_000),
    ],
)
def test_limits(feed_type, multipart, max_items, max_bytes):
    upload = upload_of(feed_type)
    assert (upload.multipart, upload.max_items, upload.max_bytes) == (multipart, max_items, max_bytes)
    if published := catalogue.feed_type(feed_type):
        assert published.max_bytes in (None, max_bytes)


def test_the_essence_leaves_out_what_is_new_with_every_request():
    def essence(**fields):
        return format_of("NEW", header={"Header": {"version": "1", **fields}}, root_key="Root").essence

    assert essence() == essence(feedDate="2026-01-01", requestId="1", requestBatchId="2")
    assert essence() != essence(processMode="REPLACE")
    assert format_of("lagtime").essence != format_of("lagtime", root_key="Other").essence


# --- Walmart's own documents


@functools.cache
def walmarts(group):
    return json.loads((DOCUMENTS / f"{group}.openapi.json").read_text("utf-8"))


def body(group, path="/v3/feeds", method="post", media="multipart/form-data"):
    return walmarts(group)["paths"][path][method]["requestBody"]["content"][media]


def example(name, *where, **place):
    found = body(*where, **place)["examples"][name]["value"]
    return found.get("file", found)


with_documents = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason="Walmart's API documents are not here; see WALMART_OPENAPI_DIR"
)


@with_documents
def test_inventory_as_walmart_shows_it():
    expected = example("json_singleNode_spec_1_4", "inventory-management")
    rows = [
        {
            "sku": item["sku"],
            "quantity": item["quantity"]["amount"],
            "inventory_available_date": item["inventoryAvailableDate"],
        }
        for item in expected["Inventory"]
    ]
    assert document("inventory", *rows) == expected


@with_documents
def test_mp_inventory_as_walmart_shows_it():
    expected = example("json_multiNode_spec_1_5", "inventory-management")
    rows = [
        {"sku": item["sku"], "ship_node": node["shipNode"], "quantity": node["quantity"]["amount"]}
        for item in expected["inventory"]
        for node in item["shipNodes"]
    ]
    assert len(rows) > len(expected["inventory"])
    assert document("MP_INVENTORY", *rows) == expected


@with_documents
def test_price_as_walmart_shows_it():
    expected = example("json1", "price-management")
    rows = [
        {
            "sku": item["sku"],
            "price": price["currentPrice"]["amount"],
            "comparison_price": price["comparisonPrice"]["amount"],
        }
        for item in expected["Price"]
        for price in item["pricing"]
    ]
    assert document("price", *rows) == expected


@with_documents
def test_promotion_as_walmart_shows_it():
    place = {"path": "/v3/price", "method": "put", "media": "application/json"}
    expected = example("Promotional Pricing Update JSON", "promotion-management", **place)
    (promotion,) = expected["pricing"]
    row = {
        "sku": expected["sku"],
        "price": promotion["currentPrice"]["amount"],
        "comparison_price": promotion["comparisonPrice"]["amount"],
        "price_type": promotion["currentPriceType"],
        "effective_date": promotion["effectiveDate"],
        "expiration_date": promotion["expirationDate"],
    }
    del promotion["priceDisplayCodes"]  # optional, and no column of ours
    assert entry("price", row) == expected


@with_documents
def test_price_and_promotion_as_walmart_describes_it():
    schema = body("promotion-management", "/v3/feeds?feedType=PRICE_AND_PROMOTION", media="application/json")
    expected = shown_by(schema["schema"])
    content = expected["MPItem"][0]["Promo&Discount"]
    del content["promoid"]  # for changing an existing promotion
    promotion = content["promotionInformation"]
    del promotion["promotionPlacement"]
    sku = content["sku"]
    rows = (
        {"sku": sku, "price": content["price"], "comparison_price": content["msrp"]},
        {
            "sku": sku,
            "price": promotion["promotionPrice"],
            "price_type": promotion["promotionType"],
            "effective_date": promotion["promotionPriceStartDateTime"],
            "expiration_date": promotion["promotionPriceEndDateTime"],
        },
    )
    assert document("PRICE_AND_PROMOTION", *rows) == expected


def shown_by(schema):
    """Return the example that a schema makes up from those of its fields."""
    if schema["type"] == "object":
        return {name: shown_by(inner) for name, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [shown_by(schema["items"])]
    return schema.get("example", schema.get("enum", [None])[0])


@with_documents
def test_lagtime_as_walmart_shows_it():
    expected = example("json1", "lag-time", media="application/json")
    rows = [{"sku": item["sku"], "lag_time": item["fulfillmentLagTime"]} for item in expected["lagTime"]]
    assert document("lagtime", *rows) == expected


@with_documents
def test_retire_item_as_walmart_shows_it():
    expected = example("RETIRE_ITEM", "item-management")
    when = datetime.fromisoformat(expected["RetireItemHeader"]["feedDate"].replace("Z", "+00:00"))
    assert document("RETIRE_ITEM", *expected["RetireItem"], now=when) == expected


@with_documents
def test_sku_template_map_as_walmart_shows_it():
    expected = example("SKU_TEMPLATE_MAP - Sample 1", "item-management")
    actions = Counter()
    rows = []
    for item in expected["Item"]:
        content = item["PreciseDelivery"]
        actions[content["actionType"]] += 1
        plain = {
            "sku": content["sku"],
            "template_id": content["shippingTemplateId"],
            "fulfillment_center_id": content["fulfillmentCenterId"],
        }
        rows.append(plain if content["actionType"] == "Add" else item)
    assert actions == {"Add": 1, "Remove": 1}
    assert document("SKU_TEMPLATE_MAP", *rows) == expected


@with_documents
@pytest.mark.parametrize("sample", ["sample1", "sample2", "sample3", "sample4"])
def test_returns_overrides_as_walmart_shows_it(sample):
    expected = example(sample, "returns-management")
    when = datetime.fromisoformat(expected["header"]["feedDate"].replace("Z", "+00:00"))
    assert document("RETURNS_OVERRIDES", *expected["overrideFeed"], now=when) == expected
    rows = [{"sku": item["sku"], **item["overrides"]} for item in expected["overrideFeed"]]
    if sample != "sample4":  # an empty value is an absent one in a plain row
        assert document("RETURNS_OVERRIDES", *rows, now=when) == expected


@with_documents
@pytest.mark.parametrize(
    ("feed_type", "group", "path"),
    [
        ("inventory", "inventory-management", "/v3/feeds"),
        ("MP_INVENTORY", "inventory-management", "/v3/feeds"),
        ("price", "price-management", "/v3/feeds"),
        ("PRICE_AND_PROMOTION", "price-management", "/v3/feeds?feedType=PRICE_AND_PROMOTION"),
        ("lagtime", "lag-time", "/v3/feeds"),
        ("RETIRE_ITEM", "item-management", "/v3/feeds"),
        ("RETURNS_OVERRIDES", "returns-management", "/v3/feeds"),
        ("OMNI_RICH_MEDIA", "rich-media", "/v3/feeds?feedType=OMNI_RICH_MEDIA"),
        ("INCENTIVE_ENROLLMENT", "price-management", "/v3/feeds?feedType=INCENTIVE_ENROLLMENT"),
        ("PROGRAM_ACTIONS", "simplified-shipping-settings", "/v3/feeds"),
    ],
)
def test_file_or_body_as_walmart_has_it(feed_type, group, path):
    content = walmarts(group)["paths"][path]["post"]["requestBody"]["content"]
    assert upload_of(feed_type).multipart == ("multipart/form-data" in content)


@pytest.mark.parametrize(
    ("feed_type", "hint"),
    [("prcie", "did you mean price? "), ("MP_INVENTRY", "did you mean MP_INVENTORY? "), ("QQQ", "")],
)
def test_a_misspelt_feed_type_is_answered_with_the_one_that_was_meant(feed_type, hint):
    with pytest.raises(
        WalmartConfigError, match=re.escape(f"feed type {feed_type}: {hint}Its document is not known")
    ):
        format_of(feed_type)


@pytest.mark.parametrize("amount", [3, 3.0, Decimal(3), Decimal("3.00")])
@pytest.mark.parametrize("feed_type", ["price", "SOME_TYPE"])
def test_equal_numbers_say_the_same_however_they_are_written(feed_type, amount):
    """As they are compared with what Walmart accepted: rows in Walmart's own form, and of types that are not known."""
    known = {} if feed_type == "price" else {"header": {"Header": {}}, "root_key": "Root"}

    def said(value) -> bytes:
        row = {"sku": "A", "pricing": [{"currentPrice": {"currency": "USD", "amount": value}}]}
        return value_of(format_of(feed_type, **known).piece(row))[2]

    assert said(amount) == said(3)
    assert said(amount) != said(3.5)
