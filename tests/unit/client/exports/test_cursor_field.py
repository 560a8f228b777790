"""The date in a record that an export goes by."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.exports.cursor_field import CursorField, Raw

NOON = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)


def raw(record: object) -> Raw:
    return Raw(json.dumps(record).encode())


@pytest.mark.parametrize(
    ("path", "record", "expected"),
    [
        ("when", {"when": NOON.timestamp() * 1000}, NOON),
        ("when", {"other": [{}], "when": "2026-11-01T12:00:00Z"}, NOON),
        ("when", {"when": "2026-11-01T13:00:00+01:00"}, NOON),
        ("a.b", {"a": {"x": 1, "b": "2026-11-01T12:00:00.000Z"}}, NOON),
        ("a.b", {"a": {"b": "2026-11-01"}}, NOON.replace(hour=0)),
        ("a.b", {"a": 1}, None),
        ("a.b", {"a": None}, None),
        ("a.b", {}, None),
        ("when", {"when": "yesterday"}, None),
        ("when", {"when": [1]}, None),
        ("when", ["when"], None),
    ],
)
def test_the_date_of_a_record(path, record, expected):
    assert CursorField(path).span(raw(record))[0] == expected


@pytest.mark.parametrize("path", ["", ".", "a.", 5])
def test_what_is_no_name_is_refused(path):
    with pytest.raises(WalmartConfigError, match="cursor_field"):
        CursorField(path)


def test_records_outside_of_the_window_are_left_out_and_the_newest_date_is_known():
    pages = [[raw({"n": hour, "when": f"2026-11-01T{hour:02}:00:00Z"}) for hour in (10, 11, 12, 13)], []]
    pages.append([raw({"n": "no date"}), raw({"n": 9, "when": "2026-11-01T09:00:00Z"})])
    cursor = CursorField("when")
    found = list(cursor.inside(pages, NOON.replace(hour=11), NOON.replace(hour=13)))
    assert [[json.loads(bytes(record))["n"] for record in page] for page in found] == [
        [11, 12],
        [],
        ["no date"],
    ]
    assert cursor.newest == NOON
    assert len(next(CursorField("when").inside(pages, None, None))) == 4


def test_a_record_of_a_day_belongs_to_every_window_that_has_a_part_of_it():
    page = [raw({"day": f"2026-11-0{day}"}) for day in range(1, 6)]
    cursor = CursorField("day")
    (kept,) = cursor.inside([page], NOON.replace(day=2), NOON.replace(day=4))
    assert kept == page[1:4]
    assert cursor.newest == NOON.replace(day=4, hour=0)
