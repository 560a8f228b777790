"""Splitting a date range into windows that one search can answer."""

from __future__ import annotations

import itertools
import operator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError, WalmartRequestError
from airflow_provider_walmart.client.exports.windows import CAP, Window, windows

UTC = timezone.utc
START = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Server:
    """Records at points in time, searched with edges that belong to the search or not.

    :param moments: when each record was made.
    :param after: ``operator.ge`` when the start of a search belongs to it, ``operator.gt`` when not.
    :param before: likewise ``operator.le`` or ``operator.lt`` for the end.
    :param whole: whether records are compared by whole seconds, as they are sent.
    """

    def __init__(self, moments, after=operator.ge, before=operator.le, whole=False):
        self.records = list(enumerate(moments))
        self.after, self.before, self.whole = after, before, whole
        self.counted = []

    def search(self, start, end):
        assert not start.microsecond
        assert not end.microsecond
        return [record for record in self.records if self._inside(record[1], start, end)]

    def _inside(self, moment, start, end):
        moment = moment.replace(microsecond=0) if self.whole else moment
        return self.after(moment, start) and self.before(moment, end)

    def count(self, start, end):
        self.counted.append((start, end))
        return len(self.search(start, end))


def test_a_small_range_is_one_window():
    server = Server([at(1), at(2)])
    assert list(windows(at(0), at(60), server.count)) == [Window(at(0), at(60), at(-1), 2)]
    assert server.counted == [(at(-1), at(60))]


def test_a_count_that_is_refused_with_400_found_too_many():
    server = Server([at(second) for second in range(100)])

    def count(start, end):
        if len(server.search(start, end)) > 40:
            raise WalmartRequestError("too many", status=400)
        return server.count(start, end)

    found = list(windows(at(0), at(100), count))
    assert {record for window in found for record in server.search(window.search_start, window.end)} == set(
        server.records
    )
    assert all(window.count <= 40 for window in found)


@pytest.mark.parametrize(("status", "calls"), [(400, 2), (422, 1)])
def test_a_refusal_for_another_reason_is_raised(status, calls):
    tried = []

    def count(start, end):
        tried.append((start, end))
        raise WalmartRequestError("no", status=status)

    with pytest.raises(WalmartRequestError):
        list(windows(at(0), at(60), count))
    assert len(tried) == calls


def test_a_range_without_records_is_one_window_and_an_empty_range_has_none():
    assert [window.count for window in windows(at(0), at(60), Server([]).count)] == [0]
    assert list(windows(at(5), at(5), Server([]).count)) == []


def test_a_full_search_is_not_split_and_one_record_more_is():
    assert CAP == 10_000
    assert len(list(windows(at(0), at(64), lambda start, end: 10_000))) == 1
    server = Server([at(number / 200) for number in range(10_001)])
    assert len(list(windows(at(0), at(64), server.count))) > 1


def test_windows_are_counted_when_their_turn_comes():
    server = Server([at(number) for number in range(100)])
    found = windows(at(0), at(100), server.count, cap=10)
    assert server.counted == []
    next(found)
    counted = len(server.counted)
    next(found)
    assert len(server.counted) > counted


@pytest.mark.parametrize(("records", "most"), [(10_001, 3), (25_000, 4), (250_000, 32), (3_000_000, 400)])
def test_records_that_come_evenly_take_few_counts_for_their_windows(records, most):
    days = 180 * 86_400
    counted = []

    def count(start, end):
        counted.append((start, end))
        return round((end - start).total_seconds() / days * records)

    found = list(windows(at(0), at(days), count))
    assert len(counted) <= most
    assert len(found) <= -(-records // 8_000)


def test_records_that_walmart_does_not_count_beyond_the_cap_take_few_searches():
    days, tried = 180 * 86_400, []

    def count(start, end):
        tried.append((start, end))
        return min(CAP + 1, round((end - start).total_seconds() / days * 250_000))

    assert len(list(windows(at(0), at(days), count))) <= 32
    assert len(tried) <= 40


def test_a_rush_in_quiet_times_takes_few_counts():
    year, tried = 365 * 86_400, []

    def between(start, end, low, high):
        return max(0.0, min(end, high) - max(start, low))

    def count(start, end):
        first, last = (start - START).total_seconds(), (end - START).total_seconds()
        tried.append((start, end))
        # An order an hour, and ten a second for three hours.
        return round((last - first) / 3600 + 10 * between(first, last, year / 3, year / 3 + 3 * 3600))

    found = list(windows(at(0), at(year), count))
    assert sum(window.count for window in found) >= 108_000
    assert len(tried) <= 60


def test_a_count_beyond_all_measure_ends_in_a_clear_error():
    found = windows(at(0), at(10**9), lambda start, end: 10**18)
    with pytest.raises(WalmartError, match="more than the 10000 "):
        next(found)


def test_more_records_in_the_smallest_window_than_a_search_finds_is_a_clear_error():
    server = Server([at(30.5)] * 11)
    found = windows(at(0), at(60), server.count, cap=10)
    with pytest.raises(
        WalmartError, match=r"11 records from 2026-03-01T00:00:\d\d.*more than the 10 .*Narrow"
    ):
        list(found)


def test_times_of_other_zones_are_turned_into_utc_and_whole_seconds():
    zone = timezone(timedelta(hours=-5))
    start = at(0.7).astimezone(zone)
    end = at(9.2).astimezone(zone)
    (window,) = windows(start, end, Server([]).count)
    assert window == Window(at(0), at(10), at(-1), 0)
    assert window.start.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "end", "options", "message"),
    [
        (
            START.replace(tzinfo=None),
            at(1),
            {},
            "start is 2026-03-01T00:00:00; expected a time with a time zone",
        ),
        (
            at(0),
            START.replace(tzinfo=None),
            {},
            "end is 2026-03-01T00:00:00; expected a time with a time zone",
        ),
        (at(1), at(0), {}, "later than end"),
        (at(0), at(1), {"cap": 0}, "cap is 0"),
        (datetime.min.replace(tzinfo=UTC), at(1), {}, "outside the calendar"),
        (at(0), datetime.max.replace(tzinfo=UTC), {}, "outside the calendar"),
    ],
)
def test_bad_ranges_are_refused_before_anything_is_counted(start, end, options, message):
    server = Server([])
    with pytest.raises(WalmartConfigError, match=message):
        windows(start, end, server.count, **options)
    assert server.counted == []


moments = st.lists(st.integers(-3_000, 103_000).map(lambda number: at(number / 1000)), max_size=60)


@given(moments=moments, cap=st.integers(1, 20), width=st.integers(0, 100))
def test_every_moment_lands_in_exactly_one_window(moments, cap, width):
    server = Server(moments)
    start, end = at(0), at(width)
    try:
        found = list(windows(start, end, server.count, cap=cap))
    except WalmartError:
        crowded = (len(server.search(at(second - 1), at(second + 1))) for second in range(width))
        assert max(crowded) > cap
        return
    assert [window.start for window in found] == [
        *[start][: len(found)],
        *[window.end for window in found[:-1]],
    ]
    assert not found or found[-1].end == end
    for moment in moments:
        inside = [window for window in found if window.start <= moment < window.end]
        assert len(inside) == (start <= moment < end)
    for window in found:
        assert window.start < window.end
        assert window.search_start == window.start - SECOND
        assert window.count == len(server.search(window.search_start, window.end)) <= cap


EDGES = list(itertools.product((operator.ge, operator.gt), (operator.le, operator.lt), (False, True)))


@pytest.mark.parametrize(("after", "before", "whole"), EDGES)
@given(moments=moments, cap=st.integers(3, 30))
@example(moments=[at(number) for number in range(-2, 103)], cap=3)
def test_nothing_is_lost_or_doubled_whatever_belongs_to_a_search(after, before, whole, moments, cap):
    server = Server(moments, after, before, whole)
    start, end = at(0), at(100)
    try:
        found = list(windows(start, end, server.count, cap=cap))
    except WalmartError:
        return
    batches = [server.search(window.search_start, window.end) for window in found]
    records = {record for batch in batches for record in batch}
    # What comes again does so in the very next window, or it would not be noticed.
    last: dict = {}
    for number, batch in enumerate(batches):
        assert all(last.get(record, number) >= number - 1 for record in batch)
        last.update(dict.fromkeys(batch, number))
    assert set(server.search(start, end)) <= set(records)
    assert {record for record in server.records if start <= record[1] < end} <= set(records)
    # What may come along: the second before, and the second that begins at the end.
    assert all(start - SECOND <= moment < end + SECOND for _, moment in records)
