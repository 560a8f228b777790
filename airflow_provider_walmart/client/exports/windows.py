"""Splitting a date range where Walmart caps how much one search finds, and where its parts can be read side by side.

A search of orders finds 10,000 at most, in the last 180 days. The first page of a search says how many records it finds;
a search of more is refused. What is refused, or takes many pages, is searched again in parts, whose pages come side by
side. How a range is split follows from what Walmart says alone, so the same records come in the same order however many
calls are on their way.

Whether the edges of a search belong to it is documented both ways: "on or after" and "on or before" for returns,
"after" and "before" for orders; and edges are sent in whole seconds. So every window is searched from one second
before its start up to its end. Then nothing is lost at an edge, whichever way edges are read: what is found in two
windows is given once (see `duplicates`), and of the second before the whole range, and of its very end, records may
come along.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
from airflow_provider_walmart.client.values.dates import in_utc

# Most orders that one search finds.
CAP = 10_000
# Into how many windows one is split whose search finds too many, and at most otherwise.
PARTS = 16
# A split costs its first page, and half a page for every part: one part for so many pages keeps that below a tenth.
PAGES_A_PART = 8
# A part with more of the records of the whole than this is read as it is: splitting it on and on would find little.
CROWDED = 0.7
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """One part of a date range. All times are whole seconds in UTC.

    :param start: first moment of the window.
    :param end: first moment after it.
    """

    start: datetime
    end: datetime

    @property
    def search_start(self) -> datetime:
        """What to send as start of the search, one second before the window. Its end is ``end``."""
        return self.start - SECOND

    def split(self, parts: int) -> list[Window]:
        """Return windows of about the same length that together are this one.

        :param parts: how many; fewer where that would be less than a second each.
        """
        seconds = int((self.end - self.start).total_seconds())
        parts = max(1, min(parts, seconds))
        edges = [self.start + timedelta(seconds=seconds * number // parts) for number in range(parts + 1)]
        return [Window(*edges) for edges in itertools.pairwise(edges)]


def window_of(start: datetime, end: datetime) -> Window:
    """Return the window of a date range.

    :param start: first moment of the range, aware; a fraction of a second is rounded down.
    :param end: first moment after the range, aware; rounded up.
    :raises WalmartConfigError: for a range without time zone, from late to early, or outside of the calendar.
    """
    try:
        window = Window(_whole_seconds("start", start, up=False), _whole_seconds("end", end, up=True))
        _ = window.search_start
    except OverflowError:
        raise WalmartConfigError("start or end lies outside the calendar.") from None
    if window.start > window.end:
        raise WalmartConfigError(f"start is {start.isoformat()}, later than end, which is {end.isoformat()}.")
    return window


def parts_of(window: Window, total: int | None, page_size: int, of_total: int | None = None) -> list[Window]:
    """Return the windows to read in place of one; none when it is to be read as it is.

    :param window: what was searched.
    :param total: how many records that found; None when Walmart refused to find so many.
    :param page_size: how many of them its first page holds.
    :param of_total: how many records the window holds that this one is a part of; None when unknown.
    :raises WalmartError: when a single second holds more than a search finds.
    """
    is_refused = total is None or total > CAP
    if is_refused and window.end - window.start <= SECOND:
        raise WalmartError(
            f"There are more records from {window.start.isoformat()} to {window.end.isoformat()} than the {CAP} that "
            "one search finds.",
            hint="Narrow the search by other parameters.",
        )
    if total is None or is_refused:
        return window.split(PARTS)
    if of_total is not None and total > CROWDED * of_total:
        return []
    parts = window.split(min(PARTS, total // max(page_size, 1) // PAGES_A_PART))
    return parts if len(parts) > 1 else []


def _whole_seconds(name: str, moment: datetime, *, up: bool) -> datetime:
    if moment.utcoffset() is None:
        raise WalmartConfigError(f"{name} is {moment.isoformat()}; expected a time with a time zone.")
    whole = in_utc(moment).replace(microsecond=0)
    return whole + SECOND if up and moment.microsecond else whole
