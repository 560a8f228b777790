"""Rows in, documents out: nothing lost, nothing twice, no cap broken, and every problem named."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import math
import tempfile
import tracemalloc
import zipfile
from collections import OrderedDict
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feeds import slices as slices_module
from airflow_provider_walmart.client.feeds.feed_types import format_of
from airflow_provider_walmart.client.feeds.slices import build, plan, plan_document
from airflow_provider_walmart.client.values import json_values
from airflow_provider_walmart.client.values.rows import LISTED

NOW = dt.datetime(2026, 11, 23, 4, 5, 6, tzinfo=dt.timezone.utc)
HEADER = {"MPItemFeedHeader": {"version": "4.8"}}
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


def numbered(rows):
    """Return what gives rows with their numbers, as often as they are asked for."""
    return lambda: enumerate(rows, 1)


def slices(feed_type, rows, *, identity="", now=NOW, wanted=None, max_items=None, max_bytes=None, **options):
    """Plan and build; return the format, the plans, and the built documents by number."""
    feed_format = format_of(feed_type, **options)
    feed_format = replace(
        feed_format,
        max_items=max_items or feed_format.max_items,
        max_bytes=max_bytes or feed_format.max_bytes,
    )
    file = io.BytesIO()
    plans = plan(feed_format, numbered(rows), file, identity=identity)
    built = list(build(feed_format, file, plans, wanted=wanted, now=now))
    return feed_format, plans, built


def entries_of(document):
    header, entries = json.loads(document, parse_constant=pytest.fail).values()
    assert isinstance(header, dict)
    return entries


def all_entries(*args, **options):
    return [entry for _, document in slices(*args, **options)[2] for entry in entries_of(document)]


def error_text(feed_type, rows, **options):
    with pytest.raises(WalmartConfigError) as caught:
        plan(format_of(feed_type, **options), numbered(rows))
    return str(caught.value)


def problems(*args, **options):
    head, *lines = error_text(*args, **options).split("\n  ")
    assert head.startswith("These rows can't be sent as a feed of type ")
    return lines


def stock(*skus, **columns):
    return [{"sku": sku, "quantity": 1, **columns} for sku in skus]


# --- slices


def test_one_slice():
    _, plans, built = slices("inventory", stock("A", "B", "C"))
    ((planned, document),) = built
    assert plans == [planned]
    assert (planned.number, planned.items, planned.first_row, planned.last_row) == (1, 3, 1, 3)
    assert planned.bytes == len(document)
    assert b" " not in document
    assert json.loads(document)["InventoryHeader"] == {"version": "1.4"}
    with pytest.raises(FrozenInstanceError):
        planned.number = 2


def test_cut_by_items():
    _, plans, built = slices("inventory", stock(*"ABCDEFG"), max_items=3)
    assert [(one.number, one.items, one.first_row, one.last_row) for one in plans] == [
        (1, 3, 1, 3),
        (2, 3, 4, 6),
        (3, 1, 7, 7),
    ]
    assert [[entry["sku"] for entry in entries_of(document)] for _, document in built] == [
        ["A", "B", "C"],
        ["D", "E", "F"],
        ["G"],
    ]


def test_cut_by_bytes_to_the_last_one():
    rows = stock(*"ABCDEFG")
    three = slices("inventory", rows[:3])[1][0].bytes
    for cap, items in ((three, [3, 3, 1]), (three + 1, [3, 3, 1]), (three - 1, [2, 2, 2, 1])):
        _, plans, built = slices("inventory", rows, max_bytes=cap)
        assert [one.items for one in plans] == items
        assert [len(document) for _, document in built] == [one.bytes for one in plans]
        assert max(one.bytes for one in plans) <= cap


def test_real_caps():
    _, plans, _ = slices("price", [{"sku": f"{number}", "price": 1} for number in range(20_001)], wanted=())
    assert [one.items for one in plans] == [10_000, 10_000, 1]
    _, plans, built = slices("MP_INVENTORY", stock(*map(str, range(20_000)), ship_node="N" * 30))
    assert sum(one.items for one in plans) == 20_000
    assert all(999_800 < one.bytes <= 1_000_000 for one in plans[:-1])
    assert [len(document) for _, document in built] == [one.bytes for one in plans]


def test_bytes_are_bytes_not_characters():
    rows = stock("\u00fc" * 100, "\U0001f4a1" * 100)
    _, plans, built = slices("inventory", rows)
    assert plans[0].bytes == len(built[0][1]) > 600
    assert "\u00fc" * 100 in built[0][1].decode()
    assert len(slices("inventory", rows, max_bytes=plans[0].bytes - 1)[1]) == 2


def test_a_row_that_fits_nowhere():
    feed_format = replace(format_of("inventory"), max_bytes=200)
    rows = stock("A", "B" * 200, "C", "D" * 300)
    with pytest.raises(WalmartConfigError) as caught:
        plan(feed_format, numbered(rows))
    lines = str(caught.value).split("\n  ")[1:]
    assert [line.split(" bytes")[0] for line in lines] == [
        "row 2: makes a document of 300",
        "row 4: makes a document of 400",
    ]
    assert len(slices("inventory", rows[1:2], max_bytes=300)[2][0][1]) == 300


def test_rows_of_one_sku_become_one_entry():
    rows = [
        *stock("A", ship_node="N1"),
        *stock("A", ship_node="N2"),
        *stock("B"),
        *stock("C", ship_node="N1"),
        *stock("C", ship_node="N2"),
    ]
    _, plans, built = slices("MP_INVENTORY", rows, max_items=2)
    assert [(one.items, one.first_row, one.last_row) for one in plans] == [(2, 1, 3), (1, 4, 5)]
    assert [
        (entry["sku"], [node.get("shipNode") for node in entry["shipNodes"]])
        for _, document in built
        for entry in entries_of(document)
    ] == [("A", ["N1", "N2"]), ("B", [None]), ("C", ["N1", "N2"])]


def test_one_sku_does_not_fill_the_memory():
    rows = ({"sku": "A", "quantity": 1, "ship_node": node} for node in range(10_002))
    assert problems("MP_INVENTORY", rows) == [
        "row 10001: sku 'A' has more than 10,000 rows",
        "row 10002: sku 'A' has more than 10,000 rows",
    ]


def test_an_inventory_feed_is_for_one_ship_node():
    for node in ("", "N1"):
        _, plans, _ = slices("inventory", stock(*"ABC", ship_node=node), max_items=2)
        assert [one.ship_node for one in plans] == [node, node]
    rows = [*stock("A", ship_node="N1"), *stock("B", "C"), *stock("D", ship_node="N2")]
    lines = problems("inventory", rows)
    assert [line.split(";")[0] for line in lines] == [
        "row 2: ship_node is '', but 'N1' in the rows before",
        "row 3: ship_node is '', but 'N1' in the rows before",
        "row 4: ship_node is 'N2', but 'N1' in the rows before",
    ]


def test_the_date_of_the_header_is_that_of_the_upload():
    rows = [{"sku": "A"}]
    later = NOW + dt.timedelta(days=1, milliseconds=5)
    _, plans, ((_, document),) = slices("RETIRE_ITEM", rows, now=later)
    assert json.loads(document)["RetireItemHeader"]["feedDate"] == "2026-11-24T04:05:06.005Z"
    assert len(document) == plans[0].bytes


def test_other_feed_types_take_rows_as_they_are():
    rows = [{"Orderable": {"sku": "A", "price": 19.99}}, {"Orderable": {"sku": "A"}}, {"x": None}]
    _, plans, built = slices("NEW_THING", rows, header=HEADER, root_key="MPItem", max_items=2)
    assert json.loads(built[0][1]) == {**HEADER, "MPItem": rows[:2]}
    assert json.loads(built[1][1]) == {**HEADER, "MPItem": rows[2:]}
    assert len(plans) == 2


@pytest.mark.parametrize("feed_type", KNOWN)
def test_no_rows(feed_type):
    assert error_text(feed_type, []) == f"There are no rows for feed type {feed_type}: nothing to send."


# --- fingerprints


def fingerprints(*args, **options):
    return [one.fingerprint for one in slices(*args, **options)[1]]


def test_the_same_rows_have_the_same_fingerprints():
    rows = stock(*"ABCDE")
    first = fingerprints("inventory", rows, max_items=2)
    assert len({*first}) == 3
    assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in first)
    assert fingerprints("inventory", rows, max_items=2) == first
    assert fingerprints("INVENTORY", rows, max_items=2) == first
    as_text = [{"quantity": " 1.0 ", "sku": row["sku"], "ship_node": ""} for row in rows]
    assert fingerprints("inventory", as_text, max_items=2) == first


def test_other_payloads_have_other_fingerprints():
    rows = stock(*"AB")
    found = [
        *fingerprints("inventory", rows),
        *fingerprints("inventory", rows, identity="again"),
        *fingerprints("inventory", rows[::-1]),
        *fingerprints("inventory", stock(*"AC")),
        *fingerprints("inventory", stock(*"AB", ship_node="N")),
        *fingerprints("inventory", rows, header={"InventoryHeader": {"version": "1.3"}}),
        *fingerprints("inventory", rows, root_key="inventory"),
        *fingerprints("MP_INVENTORY", rows),
        *fingerprints("NEW", rows, header=HEADER, root_key="MPItem"),
    ]
    assert len({*found}) == len(found)


PLAIN_ROWS = {
    "inventory": [{"sku": "A", "quantity": 5}, {"sku": "B", "quantity": "7"}],
    "MP_INVENTORY": [
        {"sku": "A", "quantity": 5, "ship_node": "1"},
        {"sku": "A", "quantity": 6, "ship_node": "2"},
    ],
    "price": [{"sku": "A", "price": "5.00"}, {"sku": "B", "price": 7.5, "comparison_price": 9}],
    "PRICE_AND_PROMOTION": [{"sku": "A", "price": 5}],
    "lagtime": [{"sku": "A", "lag_time": 1}],
    "RETIRE_ITEM": [{"sku": "A"}],
    "SKU_TEMPLATE_MAP": [{"sku": "A", "template_id": "T"}],
    "RETURNS_OVERRIDES": [{"sku": "A", "isKeepIt": "Yes"}],
}
# By these feeds are found that were sent by versions before.
LASTING = {
    "inventory": "d2afa13bc6ba99c2993ed3df931fe0f206c3c583052bc6a63ae1b906dc188ef3",
    "MP_INVENTORY": "570f1fcb96562ef8935168239f80cf9ddca65a56887bb6cb7b2397a3de6b5a49",
    "price": "8310905340a994beaa0d801546c25578824a6d8ba05c7b1e2513ce4d4efd8656",
    "PRICE_AND_PROMOTION": "80cfe01248f074345a27f09f19ec6ba5b5794211a758d1e18765a0b94d3bd30a",
    "lagtime": "be2a9088799b7d8426908ed1c294c9308924729d01cd0eadf1483123ce3175d7",
    "RETIRE_ITEM": "efb4ba75ea7da084abcdf7c28a20e12bd973ed76a8b61662c4b7a4c6376fcbca",
    "SKU_TEMPLATE_MAP": "9a6f43a8062cd143365ae38281ce06e1d087d23d63330c31ee6b6e58c0b96b54",
    "RETURNS_OVERRIDES": "647b77b57d62652518fea21047d08d61af566fe1a4ef8a1d7b47f6c47c486fa7",
}


@pytest.mark.parametrize("feed_type", KNOWN)
def test_fingerprints_of_plain_rows_stay_the_same_from_version_to_version(feed_type):
    assert fingerprints(feed_type, PLAIN_ROWS[feed_type], identity="a run") == [LASTING[feed_type]]


OTHER = {"header": {"Header": {"a": 1, "b": "2"}}, "root_key": "Root"}
ALIKE = [
    {"sku": "A", "pricing": [{"currentPrice": {"amount": 5, "currency": "USD"}, "n": [1.5, None, True]}]},
    {"pricing": [{"n": [1.5, None, True], "currentPrice": {"currency": "USD", "amount": 5}}], "sku": "A"},
    {"sku": "A", "pricing": [{"currentPrice": {"amount": 5.0, "currency": "USD"}, "n": (1.5, None, True)}]},
    {
        "sku": "A",
        "pricing": [
            {
                "currentPrice": {"amount": Decimal("5.00"), "currency": "USD"},
                "n": [Decimal("1.50"), None, True],
            }
        ],
    },
    OrderedDict(
        pricing=[{"currentPrice": {"amount": Decimal("5E0"), "currency": "USD"}, "n": [1.5, None, True]}],
        sku="A",
    ),
]


@pytest.mark.parametrize(("feed_type", "options"), [("price", {}), ("NEW", OTHER)])
@pytest.mark.parametrize("again", ALIKE)
def test_rows_in_their_own_form_are_the_same_payload_in_any_order_of_keys_and_sent_as_they_are(
    feed_type, options, again
):
    first, (other,) = (
        fingerprints(feed_type, ALIKE[:1], **options),
        fingerprints(feed_type, [again], **options),
    )
    assert first == [other]
    ((_, document),) = slices(feed_type, [again], **options)[2]
    assert b"[%b]" % json_values.encode(dict(again)) in document
    changed = {**again, "pricing": [{**again["pricing"][0], "n": [1.5, None, False]}]}
    assert fingerprints(feed_type, [changed], **options) != first


def test_the_order_of_keys_of_a_header_is_no_part_of_the_fingerprint():
    header = {"Header": {"b": "2", "a": 1}}
    assert fingerprints("NEW", [{"a": 1}], **OTHER) == fingerprints(
        "NEW", [{"a": 1}], **{**OTHER, "header": header}
    )


@pytest.mark.parametrize("at_once", [1, 2, 500])
@pytest.mark.parametrize("max_items", [None, 2])
def test_plain_rows_among_others_are_cut_and_said_as_any(monkeypatch, at_once, max_items):
    own = [{"sku": f"O-{number}", "pricing": [{"amount": number + 0.5}]} for number in range(3)]
    plain = [{"sku": f"P-{number}", "price": number + 1} for number in range(4)]
    mixed = [plain[0], own[0], plain[1], plain[2], own[1], own[2], plain[3]]
    other = [{key: row[key] for key in reversed(row)} for row in mixed]
    expected = fingerprints("price", mixed, max_items=max_items)
    monkeypatch.setattr(slices_module._Said, "AT_ONCE", at_once)
    assert fingerprints("price", other, max_items=max_items) == expected
    sent = all_entries("price", other, max_items=max_items)
    assert [list(entry) for entry in sent if entry["sku"].startswith("O")] == [["pricing", "sku"]] * 3
    other[2] = {**other[2], "price": 9}
    assert fingerprints("price", other, max_items=max_items) != expected


def test_the_same_in_another_order_of_keys_is_the_same_row():
    assert problems("NEW", [{"a": 5, "b": 1}, {"b": 1.0, "a": 5}], **OTHER) == [
        "row 2: the same is in row 1 already"
    ]


def test_dates_of_the_header_are_no_part_of_the_fingerprint():
    rows = [{"a": 1}]
    assert len({*fingerprints("RETIRE_ITEM", [{"sku": "A"}], now=NOW + dt.timedelta(days=9))}) == 1
    found = {
        fingerprints("NEW", rows, header={"Header": {"v": "1", "feedDate": day}}, root_key="Root")[0]
        for day in ("2026-01-01", "2026-01-02")
    }
    assert len(found) == 1


def test_identity_and_feed_type_do_not_run_into_each_other():
    def of(feed_type, identity):
        return fingerprints(feed_type, [{"a": 1}], identity=identity, header={"H": {}}, root_key="R")[0]

    assert of("AB", "C") != of("A", "BC")


# --- building


def test_only_wanted_slices_are_built():
    rows = stock(*"ABCDEFG")
    for wanted in ([1], [2], [3], [1, 3], {3, 2}, []):
        _, _, built = slices("inventory", rows, max_items=3, wanted=wanted)
        assert [one.number for one, _ in built] == sorted(wanted)
        everything = {one.number: document for one, document in slices("inventory", rows, max_items=3)[2]}
        assert all(document == everything[one.number] for one, document in built)


def test_rows_are_read_once():
    rows = iter(stock(*"ABCD"))
    file = io.BytesIO()
    plans = plan(format_of("inventory"), numbered(rows), file)
    assert plans[0].items == 4
    for _ in range(2):
        ((_, document),) = build(format_of("inventory"), file, plans, now=NOW)
        assert [entry["sku"] for entry in entries_of(document)] == list("ABCD")


def test_what_was_written_is_checked_in_its_own_form_too():
    feed_format = format_of("NEW", **OTHER)
    file = io.BytesIO()
    plans = plan(feed_format, numbered([{"b": 1.0, "a": 5}]), file)
    for written in (b'{"a":5,"b":1}', b'{"b":1,"a":5}', b'{"b":1.0,"a":6}'):
        with pytest.raises(WalmartConfigError, match="is not what was planned, and was not sent"):
            list(build(feed_format, io.BytesIO(written.ljust(len(file.getvalue()))), plans, now=NOW))


@pytest.mark.parametrize(
    "damage", [lambda kept: kept[:-1], lambda kept: kept.replace(b"B", b"X"), lambda _: b""]
)
def test_what_is_not_what_was_planned_is_not_given(damage):
    feed_format = replace(format_of("inventory"), max_items=1)
    file = io.BytesIO()
    plans = plan(feed_format, numbered(stock(*"AB")), file)
    with pytest.raises(WalmartConfigError, match=r"Slice 2 .*\(rows 2 to 2\) is not what was planned"):
        list(build(feed_format, io.BytesIO(damage(file.getvalue())), plans, wanted=[2], now=NOW))


def test_another_identity_or_format_is_noticed():
    file = io.BytesIO()
    plans = plan(format_of("inventory"), numbered(stock(*"AB")), file, identity="one")
    assert plans[0].identity == "one"
    other = format_of("inventory", root_key="inventory")
    for feed_format, planned in (
        (format_of("inventory"), replace(plans[0], identity="two")),
        (other, plans[0]),
    ):
        with pytest.raises(WalmartConfigError, match="is not what was planned"):
            list(build(feed_format, file, [planned], now=NOW))


# --- problems


def test_problems_are_listed_with_their_rows():
    rows = [
        {"sku": "A", "quantity": 1},
        {"sku": " ", "quantity": 1},
        {"sku": "B", "quantity": -1},
        {"sku": "C", "qty": 1},
        {"sku": "A", "quantity": 1},
        "D",
        {"sku": "E", "quantity": 5},
    ]
    assert problems("inventory", rows) == [
        "row 2: sku is missing",
        "row 3: quantity is -1, which is negative",
        "row 4: unknown column 'qty'; there are inventory_available_date, quantity, ship_node, sku",
        "row 5: sku 'A' is in row 1 already",
        "row 6: is 'D'; expected an object with columns",
    ]


@pytest.mark.parametrize("count", [1, LISTED, LISTED + 1, 5000])
def test_only_so_many_problems_are_listed(count):
    rows = [*stock("A"), *({"sku": f"B{number}", "quantity": "x"} for number in range(count))]
    lines = problems("inventory", rows)
    expected = [
        f"row {row}: quantity is 'x', which is not a number" for row in range(2, min(count, LISTED) + 2)
    ]
    assert lines == expected + ([f"and {count - LISTED:,} more"] if count > LISTED else [])


def test_problems_of_all_kinds_are_in_the_order_of_the_rows():
    rows = [*stock(*"ABAB"), *({"sku": f"X{number}"} for number in range(30)), *stock("A")]
    lines = problems("inventory", rows)
    assert lines[:3] == [
        "row 3: sku 'A' is in row 1 already",
        "row 4: sku 'B' is in row 2 already",
        "row 5: quantity is missing",
    ]
    assert (len(lines), lines[-1]) == (LISTED + 1, "and 13 more")


APART = "; its rows must follow one another, and one in Walmart's own form stands alone"


@pytest.mark.parametrize(
    ("feed_type", "rows", "expected"),
    [
        ("inventory", stock("A", "B", " A "), ["row 3: sku 'A' is in row 1 already"]),
        ("inventory", stock(1, "1"), ["row 2: sku '1' is in row 1 already"]),
        (
            "inventory",
            [*stock("A"), {"sku": "A", "quantity": {"unit": "EACH", "amount": 2}}],
            ["row 2: sku 'A' is in row 1 already"],
        ),
        (
            "inventory",
            stock(*"AAA"),
            ["row 2: sku 'A' is in row 1 already", "row 3: sku 'A' is in row 1 already"],
        ),
        (
            "MP_INVENTORY",
            [*stock("A", ship_node="N"), *stock("A", ship_node="M"), *stock("A", ship_node="N")],
            ["row 3: sku 'A', ship_node 'N' is in row 1 already"],
        ),
        ("MP_INVENTORY", stock(*"AA"), ["row 2: sku 'A', without ship_node is in row 1 already"]),
        (
            "MP_INVENTORY",
            [*stock("A", ship_node="N"), *stock("B"), *stock("A", ship_node="M"), *stock("A", ship_node="N")],
            [
                f"row 3: sku 'A' is in row 1 already{APART}",
                "row 4: sku 'A', ship_node 'N' is in row 1 already",
            ],
        ),
        (
            "MP_INVENTORY",
            [*stock("A", ship_node="N"), *stock("B"), *stock("A", ship_node="M"), *stock("A", ship_node="O")],
            [f"row 3: sku 'A' is in row 1 already{APART}"],
        ),
        (
            "MP_INVENTORY",
            [*stock("A", ship_node="N"), {"sku": "A", "shipNodes": []}, *stock("A", ship_node="M")],
            [f"row 2: sku 'A' is in row 1 already{APART}", f"row 3: sku 'A' is in row 1 already{APART}"],
        ),
        (
            "price",
            [
                {"sku": "A", "price": 2},
                {"sku": "A", "price": 1, "effective_date": "2026-12-01"},
                {"sku": "A", "price": 1, "effective_date": "2026-12-02"},
                {"sku": "A", "price": 3},
                {"sku": "A", "price": 1, "effective_date": "2026-12-01T00:00:00Z"},
            ],
            [
                "row 4: sku 'A', price_type BASE is in row 1 already",
                "row 5: sku 'A', price_type REDUCED from 2026-12-01T00:00:00.000Z is in row 2 already",
            ],
        ),
        (
            "PRICE_AND_PROMOTION",
            [
                {"sku": "A", "price": 2},
                {"sku": "A", "price": 1, "effective_date": "2026-12-01"},
                {"sku": "A", "price": 1, "effective_date": "2026-12-02"},
            ],
            ["row 3: sku 'A', promotion is in row 2 already"],
        ),
        (
            "SKU_TEMPLATE_MAP",
            [
                {"sku": "A", "template_id": "T", "fulfillment_center_id": "F"},
                {"sku": "A", "template_id": "T", "fulfillment_center_id": "G"},
                {
                    "PreciseDelivery": {
                        "sku": "A",
                        "actionType": "Remove",
                        "shippingTemplateId": "S",
                        "fulfillmentCenterId": "F",
                    }
                },
                {"sku": "A", "template_id": "U", "fulfillment_center_id": "F"},
            ],
            ["row 4: sku 'A' (Add, center F) is in row 1 already"],
        ),
    ],
)
def test_nothing_is_said_twice(feed_type, rows, expected):
    assert problems(feed_type, rows) == expected


def test_equal_rows_of_an_unknown_type():
    rows = [{"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2}, {"a": 2}]
    assert problems("NEW", rows, header=HEADER, root_key="MPItem") == ["row 3: the same is in row 1 already"]


def test_contradicting_comparison_prices():
    rows = [
        {"sku": "A", "price": 2, "comparison_price": 3},
        {"sku": "A", "price": 1, "price_type": "REDUCED", "comparison_price": 4},
    ]
    assert problems("PRICE_AND_PROMOTION", rows) == [
        "row 2: comparison_price differs from that of the row before, and a sku has only one"
    ]


def test_duplicates_far_apart_are_found_in_little_memory():
    count = 40_000

    def rows():
        for number in range(count):
            yield {"sku": f"SKU-{number * 7919 % count:020d}", "quantity": number}
        yield {"sku": f"SKU-{7919:020d}", "quantity": 1}

    tracemalloc.start()
    try:
        with pytest.raises(WalmartConfigError) as caught:
            plan(format_of("inventory"), lambda: enumerate(rows(), 1))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value).endswith(f"row {count + 1}: sku 'SKU-{7919:020d}' is in row 2 already")
    assert peak < 1_000_000  # the SKUs alone are more than three times that


def test_documents_are_built_one_at_a_time():
    rows = [{"sku": f"{number:0200}", "quantity": number} for number in range(20_000)]
    feed_format = replace(format_of("inventory"), max_bytes=1_000_000)
    file = tempfile.TemporaryFile()  # noqa: SIM115
    plans = plan(feed_format, numbered(rows), file)
    assert len(plans) == 6
    tracemalloc.start()
    try:
        for _, document in build(feed_format, file, plans, now=NOW):
            del document
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_500_000


# --- ready documents


def document_plan(content, feed_type="MP_ITEM", **options):
    return plan_document(feed_type, content, file_name="items.json", **options)


@pytest.mark.parametrize(
    ("content", "items"),
    [
        (b'{"MPItemFeedHeader": {"x": [1, 2, 3, 4]}, "MPItem": [{}, {}, {"a": [1]}]}', 3),
        (b'\xef\xbb\xbf\r\n {"A": [], "B": [1]}\n', 1),
        (b'{"A": {}}', 0),
        (b"[1, [2], {}]", 3),
        (b"{}", 0),
        (b'<?xml version="1.0"?><PriceFeed/>', 0),
        (b" \n<PriceFeed/>", 0),
    ],
)
def test_ready_documents(content, items):
    planned = document_plan(content)
    assert (planned.number, planned.items, planned.bytes) == (1, items, len(content))
    assert (planned.first_row, planned.last_row) == (1, items)


def test_a_ready_zip_file():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.xml", "<a/>")
    assert document_plan(file.getvalue(), "FITMENT_ACES").items == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "items.json is empty."),
        (b" \r\n\t", "items.json is empty."),
        (b" " * 5000, "items.json is empty."),
        (b"\xef\xbb\xbf\n", "items.json is empty."),
        (b'{"MPItem": [{}', "items.json begins like JSON, but is not: "),
        (b'{"MPItem": [{"a": nul}]}', "items.json begins like JSON, but is not: "),
        (b'{"MPItem": [{}]} x', "items.json begins like JSON, but is not: "),
        (b'{"MPItem": ["\xfc"]}', "items.json begins like JSON, but is not: 'utf-8' codec"),
        (
            b'{"MPItem": ["' + b"a" * 100_000 + b'\xc3"]}',
            "items.json begins like JSON, but is not: 'utf-8' codec",
        ),
        (b'{"a": ' + b"[" * 100_000, "items.json is nested too deeply."),
        (b"sku,price\nA,1\n", "items.json is neither JSON nor XML nor a zip file."),
        ('{"a": []}'.encode("utf-16"), "items.json is neither JSON nor XML nor a zip file."),
        (
            b'{"MPItem": [' + b"1," * 10_000 + b"1]}",
            "items.json has 10,001 items; MP_ITEM allows 10,000.",
        ),
        (b"<" + b" " * 25_000_000, "items.json has more than the 25,000,000 bytes that MP_ITEM allows."),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_documents_that_are_not_ready(content, message):
    with pytest.raises(WalmartConfigError) as caught:
        document_plan(content)
    assert str(caught.value).startswith(message)


def test_fingerprints_of_ready_documents():
    content = b'{"MPItem": [{}]}'
    found = {
        document_plan(content).fingerprint,
        document_plan(content, identity="again").fingerprint,
        document_plan(b'{"MPItem": [{"a": 1}]}').fingerprint,
        document_plan(content, "MP_MAINTENANCE").fingerprint,
    }
    assert len(found) == 4
    assert document_plan(content, "mp_item").fingerprint in found
    assert plan_document("MP_ITEM", content, file_name="other.json").fingerprint in found


def test_date_and_request_id_in_the_header_of_a_ready_document_do_not_count():
    def fingerprint(header, items=b'[{"feedDate": "1"}]'):
        return document_plan(b'{"RetireItemHeader": %b, "RetireItem": %b}' % (header, items)).fingerprint

    one = fingerprint(b'{"version": "1.0", "feedDate": "2026-01-01T00:00:00.000Z", "requestId": "1"}')
    assert one == fingerprint(b'{"version": "1.0", "feedDate": "2026-01-01T00:15:00.000Z", "requestId": "2"}')
    assert one == fingerprint(b'{"version": "1.0"}')
    assert one != fingerprint(b'{"version": "1.1"}')
    assert one != fingerprint(b'{"version": "1.0"}', b'[{"feedDate": "2"}]')


@given(
    st.binary() | st.binary().map(lambda tail: b'{"a": [' + tail) | st.binary().map(lambda tail: b"<" + tail)
)
def test_any_bytes_are_planned_or_refused(content):
    try:
        planned = document_plan(content)
    except WalmartConfigError:
        return
    assert planned.bytes == len(content)
    if planned.items:
        json.loads(content.decode("utf-8-sig"))


# --- any rows

SKU = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(str.strip)
CENTS = st.integers(1, 99_999_999_900)
PRICE = CENTS.flatmap(
    lambda cents: st.sampled_from(
        [cents / 100, Decimal(cents) / 100, f"{Decimal(cents) / 100}", f" {cents / 100:.3f} "]
    )
)
NUMBER = st.integers(0, 2**31 - 1).flatmap(
    lambda number: st.sampled_from([number, float(number), Decimal(number), f"{number}", f" {number}.0 "])
)


def unique(rows):
    return st.lists(rows, min_size=1, max_size=30, unique_by=lambda row: row["sku"].strip())


CAPS = st.tuples(st.integers(1, 8), st.integers(300, 900))


@given(unique(st.fixed_dictionaries({"sku": SKU, "quantity": NUMBER})), CAPS)
def test_every_quantity_arrives_in_order_in_full_slices(rows, caps):
    max_items, max_bytes = caps
    feed_format, plans, built = slices("inventory", rows, max_items=max_items, max_bytes=max_bytes)
    found = [entry for _, document in built for entry in entries_of(document)]
    assert found == [
        {"sku": row["sku"].strip(), "quantity": {"unit": "EACH", "amount": int(Decimal(row["quantity"]))}}
        for row in rows
    ]
    check_slices(feed_format, plans, built)


def check_slices(feed_format, plans, built):
    """No cap is broken, no entry more would fit in any slice but the last, and the plans say what was built."""
    assert [one for one, _ in built] == plans
    assert [one.number for one in plans] == list(range(1, len(plans) + 1))
    for one, document in built:
        assert one.bytes == len(document) <= feed_format.max_bytes
        assert one.items == len(entries_of(document)) <= (feed_format.max_items or math.inf)
    for (one, document), (_, following) in pairwise(built):
        text = json.dumps(entries_of(following)[0], separators=(",", ":"), ensure_ascii=False)
        assert (
            one.items == feed_format.max_items
            or len(document) + 1 + len(text.encode()) > feed_format.max_bytes
        )
    borders = [(one.first_row, one.last_row) for one in plans]
    assert borders[0][0] == 1
    assert all(last + 1 == first for (_, last), (first, _) in pairwise(borders))


@given(unique(st.fixed_dictionaries({"sku": SKU, "price": PRICE}, optional={"comparison_price": PRICE})))
def test_every_price_arrives_to_the_cent(rows):
    for row, entry in zip(rows, all_entries("price", rows), strict=True):
        (price,) = entry["pricing"]
        assert entry["sku"] == row["sku"].strip()
        assert Decimal(str(price["currentPrice"]["amount"])) == round(Decimal(row["price"]), 2)
        if "comparison_price" in row:
            shown = Decimal(str(price["comparisonPrice"]["amount"]))
            assert shown == round(Decimal(row["comparison_price"]), 2)


@given(
    st.lists(
        st.tuples(SKU, st.sets(SKU, min_size=1, max_size=4)),
        min_size=1,
        max_size=10,
        unique_by=lambda one: one[0].strip(),
    ),
    CAPS,
)
def test_every_ship_node_arrives(places, caps):
    rows = [
        {"sku": sku, "ship_node": node, "quantity": number}
        for sku, nodes in places
        for number, node in enumerate({node.strip(): None for node in sorted(nodes)})
    ]
    max_items, max_bytes = caps
    feed_format, plans, built = slices("MP_INVENTORY", rows, max_items=max_items, max_bytes=max_bytes * 4)
    found = [
        {"sku": entry["sku"], "ship_node": node["shipNode"], "quantity": node["quantity"]["amount"]}
        for _, document in built
        for entry in entries_of(document)
        for node in entry["shipNodes"]
    ]
    assert found == [{**row, "sku": row["sku"].strip()} for row in rows]
    check_slices(feed_format, plans, built)


# Fields that hold an id take no fractions and no truth values.
NAMES = st.text(st.characters(codec="utf-8")).filter(lambda name: not json_values._ID.search(name))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64) + 1, 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@given(
    st.lists(
        st.dictionaries(NAMES, JSON, min_size=1, max_size=4),
        min_size=1,
        max_size=10,
        unique_by=lambda row: json.dumps(row),
    ),
    st.integers(1, 4),
)
def test_rows_of_unknown_types_come_back(rows, max_items):
    assert all_entries("NEW", rows, header=HEADER, root_key="MPItem", max_items=max_items) == rows


ANY_TEXT = st.text(st.characters())
HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 5).map(lambda power: 10 ** (10**power))
    | st.floats()
    | st.decimals()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(dt.timezone.utc))
    | st.binary(max_size=5)
    | st.complex_numbers()
    | st.just(object())
    | ANY_TEXT
    | st.sampled_from(
        [
            "",
            "A",
            "5",
            "19.99",
            "-1",
            "NaN",
            "1e5",
            "BASE",
            "Yes",
            "2026-12-01",
            "2026-12-01T00:00:00Z",
            "0001-01-01",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            ANY_TEXT | st.integers() | st.none() | st.sampled_from(["sku", "amount"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
COLUMN = st.sampled_from(
    [
        "sku", "quantity", "ship_node", "inventory_available_date", "price", "currency", "comparison_price",
        "price_type", "effective_date", "expiration_date", "lag_time", "template_id", "fulfillment_center_id",
        "returnCenterAlias", "isKeepIt", "isReturnRestricted", "shipNodes", "pricing", "Promo&Discount",
        "PreciseDelivery", "overrides", "fulfillmentLagTime",
    ]
)  # fmt: skip
REQUIRED = {
    "inventory": {"quantity": 1},
    "MP_INVENTORY": {"quantity": 1},
    "price": {"price": 1},
    "PRICE_AND_PROMOTION": {"price": 1},
    "lagtime": {"lag_time": 1},
    "RETIRE_ITEM": {},
    "SKU_TEMPLATE_MAP": {"template_id": "T"},
    "RETURNS_OVERRIDES": {"isKeepIt": "Yes"},
    "NEW": {},
}


@settings(max_examples=500)
@given(st.data(), st.sampled_from(sorted(REQUIRED)))
def test_any_rows_give_documents_or_a_clear_error(data, feed_type):
    good = {"sku": "A", **REQUIRED[feed_type]}
    row = st.dictionaries(COLUMN | ANY_TEXT | st.integers(), HOSTILE, max_size=4)
    nearly_good = row.map(lambda values: {**good, **values})
    one_off = st.tuples(st.sampled_from(sorted(good)), HOSTILE).map(
        lambda change: {**good, change[0]: change[1]}
    )
    rows = data.draw(st.lists(row | nearly_good | one_off | HOSTILE, max_size=4))
    options = {"header": HEADER, "root_key": "MPItem"} if feed_type == "NEW" else {}
    try:
        _, plans, built = slices(feed_type, rows, **options)
    except WalmartConfigError as error:
        str(error).encode()
    else:
        found = [entry for _, document in built for entry in entries_of(document)]
        assert len(found) == sum(one.items for one in plans) <= len(rows)
        assert json.dumps(found)


def test_the_fingerprint_is_sha_256_of_what_it_says_it_is():
    content = b'{"MPItem": [{}]}'
    expected = hashlib.sha256(b'["mp_item","me"]["MPItem"][{}]').hexdigest()
    assert document_plan(content, identity="me").fingerprint == expected


@pytest.mark.parametrize("in_memory", [1, 3, 50_000])
@pytest.mark.parametrize(("again", "clashes"), [(None, False), (0, True), (4, True), (9, True)])
def test_two_rows_about_the_same_are_found_wherever_they_lie(monkeypatch, in_memory, again, clashes):
    monkeypatch.setattr(slices_module._Keys, "IN_MEMORY", in_memory)
    skus = [f"A-{number}" for number in range(10)] + ([f"A-{again}"] if again is not None else [])
    rows = [{"sku": sku, "quantity": 1} for sku in skus]
    readings = []

    def read():
        readings.append(1)
        return enumerate(rows, 1)

    if not clashes:
        assert plan(format_of("inventory"), read)[0].items == 10
        assert len(readings) == 1
        return
    with pytest.raises(WalmartConfigError, match=f"row 11: sku 'A-{again}' is in row {again + 1} already"):
        plan(format_of("inventory"), read)


def test_rows_are_named_by_their_numbers_and_lines_whatever_was_left_out_between_them():
    rows = [
        (2, {"sku": "A", "quantity": 1}),
        (5, {"sku": "B", "quantity": "x"}),
        (7, {"sku": "A", "quantity": 1}),
    ]
    asked = []

    def lines(numbers):
        asked.extend(numbers)
        return {5: 9}

    with pytest.raises(WalmartConfigError) as caught:
        plan(format_of("inventory"), lambda: rows, lines=lines)
    assert str(caught.value).split("\n  ")[1:] == [
        "row 5 (line 9): quantity is 'x', which is not a number",
        "row 7: sku 'A' is in row 2 already",
    ]
    assert list(caught.value.rows) == asked == [5, 7]
    (planned,) = plan(format_of("inventory"), lambda: rows[::4] + rows[:1], lines=pytest.fail)
    assert (planned.first_row, planned.last_row) == (2, 2)


def test_rows_that_only_seem_to_be_about_the_same_are_a_feed(monkeypatch):
    monkeypatch.setattr(slices_module, "hash", lambda key: 1, raising=False)
    rows = [{"sku": f"A-{number}", "quantity": 1} for number in range(10)]
    assert plan(format_of("inventory"), numbered(rows))[0].items == 10
