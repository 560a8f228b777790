"""Splitting a date range into windows that one search can answer, and that can be read side by side."""

from __future__ import annotations

import itertools
import operator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
from airflow_provider_walmart.client.exports.windows import CAP, Window, parts_of, window_of

UTC = timezone.utc
START = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAGE = 200
YEAR = 365 * 86_400


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def read(window: Window, count, of_total=None) -> tuple[list[Window], list[int]]:
    """Return the windows that are read, and how many calls each search takes.

    :param count: how many records there are in a window; None when a search of it is refused.
    """
    total = count(window)
    parts = parts_of(window, total, min(PAGE, total or 0), of_total)
    if not parts:
        return [window], [max(1, -(-total // PAGE))]
    windows, calls = [], [1]
    for part in parts:
        more_windows, more_calls = read(part, count, total)
        windows += more_windows
        calls += more_calls
    return windows, calls


def evenly(records: float, seconds: float):
    """Count records that come evenly, as Walmart does: not more than a search may find."""

    def count(window: Window) -> int | None:
        found = round((window.end - window.start).total_seconds() / seconds * records)
        return found if found <= CAP else None

    return count


@pytest.mark.parametrize("total", [0, 1, PAGE, 15 * PAGE])
def test_a_search_of_few_pages_is_read_as_it_is(total):
    assert parts_of(Window(at(0), at(60)), total, PAGE) == []


def test_a_search_that_is_refused_or_finds_more_than_walmart_gives_is_split():
    window = Window(at(0), at(64))
    assert len(parts_of(window, None, 0)) == len(parts_of(window, CAP + 1, PAGE)) == 16


def test_a_part_that_holds_nearly_all_of_the_whole_is_not_split_again():
    assert len(parts_of(Window(at(0), at(64)), 9_000, PAGE, None)) == 5
    assert len(parts_of(Window(at(0), at(64)), 9_000, PAGE, 20_000)) == 5
    assert parts_of(Window(at(0), at(64)), 9_000, PAGE, 9_500) == []


@pytest.mark.parametrize("records", [3_000, 5_000, 9_999, 10_001, 20_000, 250_000, 3_000_000])
def test_records_that_come_evenly_take_few_calls_more_than_their_pages(records):
    days = 180 * 86_400
    windows, calls = read(Window(at(0), at(days)), evenly(records, days))
    pages = -(-records // PAGE)
    # A search just above what Walmart gives is split into parts of three pages and a bit.
    assert sum(calls) <= 1.2 * pages + 4
    # No one of them keeps the others waiting.
    assert max(calls) <= 50
    assert records < 10_000 or len(windows) >= 16


def test_a_rush_in_quiet_times_takes_few_calls_more_than_its_pages():
    def between(start, end, low, high):
        return max(0.0, min(end, high) - max(start, low))

    def count(window: Window) -> int | None:
        first, last = (window.start - START).total_seconds(), (window.end - START).total_seconds()
        # An order an hour, and ten a second for three hours.
        found = round((last - first) / 3600 + 10 * between(first, last, YEAR / 3, YEAR / 3 + 3 * 3600))
        return found if found <= CAP else None

    _, calls = read(Window(at(0), at(YEAR)), count)
    pages = -(-(365 * 24 + 108_000) // PAGE)
    assert sum(calls) <= 1.4 * pages


def test_all_records_in_a_moment_of_a_long_range_take_few_calls_more_than_their_pages():
    def count(window: Window) -> int:
        return 9_000 if window.start <= at(1000) < window.end else 0

    windows, calls = read(Window(at(0), at(YEAR)), count)
    assert sum(calls) <= 1.2 * 45
    assert len(windows) == 5


@pytest.mark.parametrize("total", [None, CAP + 1, 10**18])
def test_more_records_in_the_smallest_window_than_a_search_finds_is_a_clear_error(total):
    with pytest.raises(
        WalmartError, match=r"more records from 2026-03-01T00:00:05.* than the 10000 .*Narrow"
    ):
        parts_of(Window(at(5), at(6)), total, PAGE)


@given(seconds=st.integers(1, 10**7), parts=st.integers(0, 40))
def test_parts_follow_each_other_and_are_together_the_whole(seconds, parts):
    found = Window(at(0), at(seconds)).split(parts)
    assert 1 <= len(found) <= max(1, parts)
    assert (found[0].start, found[-1].end) == (at(0), at(seconds))
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    lengths = {window.end - window.start for window in found}
    assert min(lengths) >= SECOND
    assert max(lengths) - min(lengths) <= SECOND


def test_times_of_other_zones_are_turned_into_utc_and_whole_seconds():
    zone = timezone(timedelta(hours=-5))
    window = window_of(at(0.7).astimezone(zone), at(9.2).astimezone(zone))
    assert window == Window(at(0), at(10))
    assert window.start.tzinfo is UTC
    assert window.search_start == at(-1)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (START.replace(tzinfo=None), at(1), "start is 2026-03-01T00:00:00; expected a time with a time zone"),
        (at(0), START.replace(tzinfo=None), "end is 2026-03-01T00:00:00; expected a time with a time zone"),
        (at(1), at(0), "later than end"),
        (datetime.min.replace(tzinfo=UTC), at(1), "outside the calendar"),
        (at(0), datetime.max.replace(tzinfo=UTC), "outside the calendar"),
    ],
)
def test_bad_ranges_are_refused(start, end, message):
    with pytest.raises(WalmartConfigError, match=message):
        window_of(start, end)


EDGES = list(itertools.product((operator.ge, operator.gt), (operator.le, operator.lt), (False, True)))
moments = st.lists(st.integers(-3_000, 103_000).map(lambda number: at(number / 1000)), max_size=60)


@pytest.mark.parametrize(("after", "before", "whole"), EDGES)
@given(moments=moments, parts=st.integers(1, 100))
@example(moments=[at(number) for number in range(-2, 103)], parts=100)
def test_nothing_is_lost_or_duplicated_whatever_belongs_to_a_search(after, before, whole, moments, parts):
    """Edges belong to a search or not, and records are compared by whole seconds, as they are sent, or not."""

    def search(start, end):
        shown = (
            (number, moment.replace(microsecond=0) if whole else moment, moment)
            for number, moment in enumerate(moments)
        )
        return [
            (number, moment) for number, seen, moment in shown if after(seen, start) and before(seen, end)
        ]

    start, end = at(0), at(100)
    batches = [search(window.search_start, window.end) for window in Window(start, end).split(parts)]
    records = {record for batch in batches for record in batch}
    # What comes again does so in the very next window, or it would not be noticed.
    last: dict = {}
    for number, batch in enumerate(batches):
        assert all(last.get(record, number) >= number - 1 for record in batch)
        last.update(dict.fromkeys(batch, number))
    assert set(search(start, end)) <= records
    assert {record for record in enumerate(moments) if start <= record[1] < end} <= records
    # What may come along: the second before, and the second that begins at the end.
    assert all(start - SECOND <= moment < end + SECOND for _, moment in records)
