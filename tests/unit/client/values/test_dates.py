"""Points in time in every form in which they come."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from airflow_provider_walmart.client.calls.build import build_request
from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.values.dates import parse_day, parse_http_date, parse_time, utc_text

UTC = timezone.utc
WHEN = datetime(2026, 3, 16, 10, 30, 15, tzinfo=UTC)
PART = WHEN.replace(microsecond=396000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-16T10:30:15Z", WHEN),
        ("2026-03-16t10:30:15z", WHEN),
        ("2026-03-16 10:30:15", WHEN),
        (" 2026-03-16T10:30:15+00:00 ", WHEN),
        ("2026-03-16T12:30:15+02:00", WHEN),
        ("2026-03-16T12:30:15+0200", WHEN),
        ("2026-03-16T12:30:15+02", WHEN),
        ("2026-03-16 05:00:15 -05:30", WHEN),
        ("2026-03-16T10:30:15.396Z", PART),
        ("2026-03-16T10:30:15,396Z", PART),
        ("2026-03-16T10:30:15.396000+00:00", PART),
        ("2026-03-16T10:30:15.3960000Z", PART),
        ("2026-03-16T10:30:15.4Z", WHEN.replace(microsecond=400000)),
        ("2026-03-16T10:30Z", WHEN.replace(second=0)),
        ("2026-03-16", datetime(2026, 3, 16, tzinfo=UTC)),
        (date(2026, 3, 16), datetime(2026, 3, 16, tzinfo=UTC)),
        (datetime(2026, 3, 16, 10, 30, 15), WHEN),  # noqa: DTZ001 - naive on purpose
        (WHEN.astimezone(timezone(timedelta(hours=-7))), WHEN),
        (1773657015000, WHEN),
        (1773657015396.0, PART),
        ("1773657015000", WHEN),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_point_in_time_is_read_in_every_form(value, expected):
    found = parse_time(value)
    assert found == expected
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        "", "x", "2026-13-01", "2026-03-16T25:00:00Z", "2026-03-16T10:30:15.Z", "2026-03-16Z", "20260316", "1773657015",
        "2026-03-16T10:30:15+99:00", "0001-01-01T00:00:00+01:00", True, None, [], {}, float("nan"), float("inf"), 1e30,
    ],
)  # fmt: skip
def test_what_is_no_point_in_time_is_none(value):
    assert parse_time(value) is None


def test_a_day_is_none_where_it_has_a_time():
    assert parse_day("2026-12-31") == parse_day(date(2026, 12, 31)) == date(2026, 12, 31)
    assert [parse_day(value) for value in ("2026-12-31T00:00:00Z", "20261231", "2026-12-32", WHEN, 5)] == [
        None
    ] * 5


def test_a_date_of_http_is_read_whatever_its_zone():
    assert parse_http_date("Mon, 16 Mar 2026 10:30:15 GMT") == WHEN
    assert parse_http_date("Mon, 16 Mar 2026 12:30:15 +0200") == WHEN
    assert parse_http_date("16 March") is None


def test_points_in_time_are_written_in_utc():
    assert utc_text(PART.astimezone(timezone(timedelta(hours=2)))) == "2026-03-16T10:30:15Z"
    assert utc_text(PART, "milliseconds") == "2026-03-16T10:30:15.396Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-16 10:30:15.396123+00:00",
        "2026-03-16T10:30:15.396123+00:00",
        "2026-03-16T10:30:15.396Z",
        "2026-03-16 10:30:15Z",
        "2026-03-16 10:30:15",
        "2026-03-16T10:30:15.3",
        "2026-03-16 12:30:15+0200",
    ],
)
def test_text_of_a_point_in_time_is_sent_in_whole_seconds_and_utc(text):
    query = build_request(find("getAllOrders"), {"createdStartDate": text}).query
    assert query == "createdStartDate=2026-03-16T10%3A30%3A15Z"


@pytest.mark.parametrize("text", ["2026-03-16", "2026-03-16T10:30:15Z", "2026-03-16T12:30:15+02:00"])
def test_text_that_walmart_takes_is_sent_as_it_is(text):
    query = build_request(find("getAllOrders"), {"createdStartDate": text}).query
    assert query == "createdStartDate=" + text.replace(":", "%3A").replace("+", "%2B")


def test_text_that_may_be_no_point_in_time_is_sent_as_it_is():
    assert (
        build_request(find("getInventory"), {"sku": "2026-03-16 10:30:15"}).query
        == "sku=2026-03-16%2010%3A30%3A15"
    )
