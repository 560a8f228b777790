"""Giving each record once."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.client.exports.duplicates import Duplicates, Raw, keys_of


def raw(*records: object) -> list[Raw]:
    return [Raw(json.dumps(record).encode()) for record in records]


def ids(*names: object) -> list[Raw]:
    return raw(*({"id": name, "other": [1]} for name in names))


def test_duplicates_are_dropped_in_neighbouring_batches_and_within_one():
    duplicates, found = Duplicates(["id"]), []
    for batch in (["a", "b", "b"], ["b", "c"], ["c", "a"], []):
        duplicates.next_batch()
        found += [[json.loads(bytes(record))["id"] for record in duplicates.fresh(ids(*batch))]]
        assert duplicates.count == len(set(batch))
    assert found == [["a", "b"], ["c"], ["a"], []]


def test_duplicates_are_dropped_in_two_pages_of_one_batch():
    duplicates = Duplicates(["id"])
    assert duplicates.fresh(ids("a", "b")) == ids("a", "b")
    assert duplicates.fresh(ids("c", "b", "d")) == ids("c", "d")
    assert duplicates.count == 4


def test_a_page_without_duplicates_is_given_as_it_is():
    page = ids("a", "b")
    assert Duplicates(["id"]).fresh(page) is page


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"id": "x", "other": [1, {"id": 2}]}', b'{"other": 5, "id": "x"}'),
        (b' { "id" : "\\u00fc" , "other": 1}', '{"id":"\u00fc"}'.encode()),
        (b'{"id":"a\\"b"}', b'{"more": 1, "id": "a\\u0022b"}'),
        (b'{"inner": {"id": 2}, "id": 12345678901234567890}', b'{"id":12345678901234567890}'),
    ],
)
def test_records_with_the_same_key_are_the_same(one, other):
    keys = keys_of(["id"])([Raw(one), Raw(other)])
    assert keys[0] == keys[1]
    assert hash(keys[0]) == hash(keys[1])


@pytest.mark.parametrize(
    "record",
    [
        b'{"inner": {"id": "x"}}',
        b'{"id": null}',
        b'{"id": ["x"]}',
        b'{"id": "\\ud83d"}',
        b'"id"',
    ],
)
def test_a_record_without_a_key_is_equal_to_itself_alone(record):
    keys = keys_of(["id"])
    page = [Raw(record), Raw(b'{"id": "x"}'), Raw(record + b" "), Raw(record)]
    first, known, similar, same = keys(page)
    assert first == same
    assert len({first, known, similar}) == 3


def test_a_number_and_a_text_are_different_keys():
    assert len(Duplicates(["id"]).fresh(raw({"id": 1}, {"id": "1"}, {"id": 1, "more": 2}))) == 2


def test_a_key_may_be_made_of_several_fields():
    page = raw({"sku": "a", "id": 1}, {"sku": "a", "id": "1"}, {"id": 1, "sku": "a", "more": 2}, {"sku": "a"})
    assert len(Duplicates(["sku", "id"]).fresh(page)) == 3


def test_a_field_of_the_key_may_be_inside_another():
    page = raw(
        {"a": {"sku": "x"}, "n": 1}, {"n": 2, "a": {"b": 1, "sku": "x"}}, {"a": {"sku": "y"}}, {"a": "x"}
    )
    assert Duplicates(["a.sku"]).fresh(page) == [page[0], *page[2:]]


def test_without_a_key_all_of_a_record_counts():
    assert Duplicates().fresh(raw({"a": 1}, {"a": 2}, {"a": 1})) == raw({"a": 1}, {"a": 2})
