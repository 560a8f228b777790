"""Pages whose records stay the JSON they are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from airflow_provider_walmart.client.calls.paging import records, total_of
from airflow_provider_walmart.client.calls.raw_pages import Raw, as_raw, decode_page, json_lines
from airflow_provider_walmart.client.catalogue.operations import all_operations, find
from airflow_provider_walmart.client.errors import WalmartError

ORDERS = find("getAllOrders")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
orders = st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=5)


def page_of(found: object, **meta: object) -> dict:
    return {"list": {"meta": {"totalCount": 7, **meta}, "elements": {"order": found}}}


def plain(found: list[Raw]) -> list[object]:
    return [json.loads(bytes(record)) for record in found]


@given(orders, st.sampled_from([None, 1]), st.booleans())
def test_pages_and_lines_say_what_json_says(found, indent, ascii_only):
    content = json.dumps(page_of(found, nextCursor="?a=b"), indent=indent, ensure_ascii=ascii_only).encode()
    page = decode_page(content, ORDERS.paging)
    raw = records(ORDERS, page)
    assert plain(raw) == found
    assert total_of(ORDERS, page) == 7
    assert page["list"]["meta"]["nextCursor"] == "?a=b"
    assert all(isinstance(record, Raw) for record in raw)
    lines = json_lines(raw)
    assert lines.count(b"\n") == len(found)
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == found


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"list": None},
        {"list": {"meta": {}, "elements": None}},
        {"list": {"elements": {"order": None}}},
        {"list": {"elements": {}}},
        {"list": [1, 2]},
        {"list": {"elements": {"order": "text"}}},
        {"list": {"meta": {"totalCount": "7"}, "elements": {"order": 5}}},
        [],
        None,
        7,
    ],
)
def test_pages_without_a_list_say_what_they_say_decoded(page):
    def said(page):
        try:
            return records(ORDERS, page), total_of(ORDERS, page)
        except WalmartError as error:
            return str(error)

    assert said(decode_page(json.dumps(page).encode(), ORDERS.paging)) == said(page)


def test_a_single_record_without_a_list_is_a_record():
    page = decode_page(json.dumps(page_of({"a": 1})).encode(), ORDERS.paging)
    assert plain(records(ORDERS, page)) == [{"a": 1}]


@pytest.mark.parametrize("d", ['[{"y": 1}]', '{"y": 1}'])
def test_records_are_found_at_any_of_several_paths(d):
    paging = replace(ORDERS.paging, records=("a.b", "a.c", "d"))
    page = decode_page(b' {"a": {"c": [ {"x" : 1} ], "b": null}, "d": %s, "e": [1]}' % d.encode(), paging)
    assert bytes(page["a"]["c"][0]) == b'{"x" : 1}'
    assert page["a"]["b"] is None
    assert bytes(page["d"][0]) == b'{"y": 1}'


@pytest.mark.parametrize("content", [b"", b"  ", b"<html>", b'{"a": 1', b'{"a": "\xff"}', b"{} {}"])
def test_what_is_no_json_is_an_error(content):
    with pytest.raises(ValueError, match=r".*"):
        decode_page(content, ORDERS.paging)


def test_equal_records_are_equal_so_that_pages_that_come_again_are_noticed():
    content = json.dumps(page_of([{"a": 1}])).encode()
    first, second = (records(ORDERS, decode_page(content, ORDERS.paging)) for _ in range(2))
    assert first == second


def test_a_decoded_record_becomes_raw():
    record = {"text": "é\ud83d\n", "n": 1.5}
    assert json.loads(bytes(as_raw(record))) == record
    raw = Raw(b'{"a" : 1}')
    assert as_raw(raw) is raw


@pytest.mark.parametrize(
    "operation", [one for one in all_operations() if one.paging], ids=lambda one: one.name
)
def test_pages_of_every_operation_can_be_decoded(operation):
    def nested(path: str, value: object) -> object:
        name, _, rest = path.partition(".")
        return {name: nested(rest, value) if rest else value}

    for path in operation.paging.records:
        page = decode_page(json.dumps(nested(path, [{"a": 1}])).encode(), operation.paging)
        assert plain(records(operation, page)) == [{"a": 1}]
