"""The failure policy as a number, and the tally of errors."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feeds.item_errors import error_rows
from airflow_provider_walmart.client.values.allowed_failures import (
    ErrorTally,
    parse_allowed_failures,
)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (0, 0),
        (5, 5),
        ("0", 0),
        ("5", 5),
        (" 5 ", 5),
        (0.0, 0.0),
        (0.25, 0.25),
        (1.0, 1.0),
        ("0.25", 0.25),
        ("1.0", 1.0),
        ("1e-2", 0.01),
        ("5%", 0.05),
        (" 12.5 % ", 0.125),
        ("0%", 0.0),
        ("100%", 1.0),
    ],
)
def test_allowed_failures(given, number):
    parsed = parse_allowed_failures(given)
    assert (parsed, type(parsed)) == (number, type(number))


@pytest.mark.parametrize(
    "given",
    [-1, -0.1, 1.5, 5.0, "101%", "-1%", "%", "5%%", "nan%", "", " ", "none", "nan", "inf", "-1", None, True, False, [], {}, float("nan"), float("inf"), object, "9" * 5000 + "x"],
)  # fmt: skip
def test_allowed_failures_that_are_none(given):
    with pytest.raises(WalmartConfigError, match=r"allowed_failures is .*; allowed: a number of items"):
        parse_allowed_failures(given)


def test_the_most_frequent_codes_come_first_with_examples():
    tally = ErrorTally()
    for number in range(1000):
        for row in error_rows(
            "F", {"sku": f"S{number}", "ingestionErrors": {"ingestionError": [{"code": f"C{number % 20}"}]}}
        ):
            tally.add(row)
    for _ in range(60):
        tally.add({"code": "C7", "status": "", "sku": None, "description": "new\nline " * 100})
    top = tally.top()
    assert len(top) == 10
    assert top[0][:3] == ("C7", 110, "S7, S27, S47")
    assert [code for code, *_ in top[1:4]] == ["C0", "C1", "C10"]
    assert str(tally).startswith("C7 x 110 (such as S7, S27, S47): new line")
    assert str(tally).endswith("...; C0 x 50 (such as S0, S20, S40); C1 x 50 (such as S1, S21, S41)")
    assert len(str(tally)) < 500


def feed_error(**error):
    return next(error_rows("F@1", {"sku": "A", "ingestionErrors": {"ingestionError": [error]}}))


def test_field_and_words_of_walmart_are_shown_before_our_hint():
    tally = ErrorTally()
    tally.add(
        feed_error(
            type="SYSTEM_ERROR", code="ERR_INT_SYS_0801003", field="WM_SPEC_MODE", description="glitch"
        )
    )
    tally.add(feed_error(code="ERR_EXT_DATA_0101211", description="set up with a different Product ID"))
    texts = {code: text for code, _, _, text in tally.top()}
    assert texts["ERR_INT_SYS_0801003"].startswith("WM_SPEC_MODE: glitch [The version in the header")
    assert texts["ERR_EXT_DATA_0101211"].startswith("set up with a different Product ID [The SKU is locked")
    for text in texts.values():
        assert text in str(tally)


def test_errors_of_one_code_are_counted_by_field():
    tally = ErrorTally()
    for name in ("price", "upc", "price"):
        tally.add(feed_error(code="ERR_PDI_0001", field=name, description=f"{name} is wrong"))
    assert tally.top() == [
        ("ERR_PDI_0001", 2, "A, A", "price: price is wrong"),
        ("ERR_PDI_0001", 1, "A", "upc: upc is wrong"),
    ]


def test_a_long_text_is_cut_and_the_hint_behind_it_is_not():
    tally = ErrorTally()
    tally.add(feed_error(code="ERR_EXT_DATA_0101119", description="x" * 1000))
    ((_, _, _, text),) = tally.top()
    assert text.startswith("x" * 200 + "... [Another item")
    assert len(str(tally)) < 400
