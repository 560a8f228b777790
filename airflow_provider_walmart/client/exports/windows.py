"""Splitting a date range where Walmart caps how much one search finds.

A search of orders finds 10,000 at most, in the last 180 days. A longer range is read in windows, each small enough.

Whether the edges of a search belong to it is documented both ways: "on or after" and "on or before" for returns,
"after" and "before" for orders; and edges are sent in whole seconds. So every window is searched from one second
before its start up to its end. Then nothing is lost at an edge, whichever way edges are read: what is found in two
windows is given once (see `duplicates`), and of the second before the whole range, and of its very end, records may
come along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError, WalmartRequestError

# Most orders that one search finds.
CAP = 10_000
# How full the windows of records that come evenly are to be: room for those that don't.
FILL = 0.9
# How many times as wide as the last window the next one may be.
GROWTH = 4.0
SECOND = timedelta(seconds=1)
# The search of the shortest window.
SHORTEST = 2 * SECOND


@dataclass(frozen=True)
class Window:
    """One part of a date range. All times are whole seconds in UTC.

    :param start: first moment of the window.
    :param end: first moment after it.
    :param search_start: what to send as start of the search, one second before the window. Its end is ``end``.
    :param count: how many records that search finds.
    """

    start: datetime
    end: datetime
    search_start: datetime
    count: int


def windows(
    start: datetime,
    end: datetime,
    count: Callable[[datetime, datetime], int],
    *,
    cap: int = CAP,
) -> Iterator[Window]:
    """Yield the windows of a range, oldest first, each with no more records than a search finds.

    :param start: first moment of the range, aware; a fraction of a second is rounded down.
    :param end: first moment after the range, aware; rounded up. An empty range has no windows.
    :param count: ``count(search_start, end)`` says how many records a search finds, for instance the total of a
        search with ``limit=1``. Called once for every window tried, when its turn comes. That Walmart refuses it with a
        400 means that it finds too many, unless the search of a single second is refused as well.
    :param cap: most records of a window, at least 1. Leave room for records that arrive meanwhile.
    :raises WalmartConfigError: for a range without time zone or from late to early, and for other bad input.
    :raises WalmartError: when a single second holds more than ``cap``.
    """
    try:
        first = _whole_seconds("start", start, up=False)
        last = _whole_seconds("end", end, up=True)
        first - SECOND
    except OverflowError:
        raise WalmartConfigError("start or end lies outside the calendar.") from None
    if first > last:
        raise WalmartConfigError(f"start is {start.isoformat()}, later than end, which is {end.isoformat()}.")
    if cap < 1:
        raise WalmartConfigError(f"cap is {cap}; expected at least 1.")
    return _split(first, last, count, cap)


def _split(
    first: datetime, last: datetime, count: Callable[[datetime, datetime], int], cap: int
) -> Iterator[Window]:
    start, width = first, last - first
    while start < last:
        end = min(start + width, last)
        search_start = start - SECOND
        found = _found(count, search_start, end, cap)
        if found <= cap:
            yield Window(start, end, search_start, found)
            start, most = end, GROWTH
        elif end - start > SECOND:
            most = 0.5
        else:
            raise WalmartError(
                f"There are {found} records from {start.isoformat()} to {end.isoformat()}, more than the {cap} that "
                "one search finds.",
                hint="Narrow the search by other parameters.",
            )
        # Nearly full, should records go on coming as they do.
        fitting = min(most, FILL * cap / max(found, 1))
        width = max(SECOND, timedelta(seconds=int(width.total_seconds() * fitting)))


def _found(count: Callable[[datetime, datetime], int], first: datetime, last: datetime, cap: int) -> int:
    """Return how many records a search finds, more than ``cap`` for one that is refused for finding too many."""
    try:
        return count(first, last)
    except WalmartRequestError as error:
        if error.status != 400 or last - first <= SHORTEST:
            raise
        # A 400 for another reason comes whatever the dates.
        count(last - SECOND, last)
        return cap + 1


def _whole_seconds(name: str, moment: datetime, *, up: bool) -> datetime:
    if moment.utcoffset() is None:
        raise WalmartConfigError(f"{name} is {moment.isoformat()}; expected a time with a time zone.")
    whole = moment.astimezone(timezone.utc).replace(microsecond=0)
    return whole + SECOND if up and moment.microsecond else whole
