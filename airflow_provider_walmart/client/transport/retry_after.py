"""When may we come back? Read from the headers of an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from airflow_provider_walmart.client.values.dates import (
    MILLISECONDS_FROM,
    parse_epoch,
    parse_http_date,
    parse_iso,
    utc_now,
)

REPLENISHMENT_HEADERS = ("X-Next-Replenishment-Time", "x-next-replenish-time", "X-RateLimit-Reset")
# A smaller number can't be a time: whoever sent it meant "in so many seconds".
EPOCH_FROM = 1e9
# A named time further away than this is nonsense; the longest published window is a day.
LONGEST_WAIT = timedelta(days=1)
# One out of the shared state that is further away was written by a clock that is wrong. Seconds.
LONGEST_BLOCK = 2 * LONGEST_WAIT.total_seconds()
# `Date` has whole seconds, so a smaller difference says nothing about the clocks.
CLOCK_TOLERANCE = timedelta(seconds=2)


def retry_time(headers: Mapping[str, str], now: datetime | None = None) -> datetime | None:
    """Return the time (aware, UTC, by our own clock) before which Walmart wants no further call.

    ``X-Next-Replenishment-Time`` in either spelling wins over ``Retry-After``. Epoch milliseconds (the
    documented form), epoch seconds, ISO 8601, HTTP dates and plain seconds are understood. A named time is
    moved by the difference between our clock and the server's ``Date``, so a wrong clock waits no hour.

    :param headers: response headers, looked up without regard to case.
    :param now: the current time (aware); default: the clock.
    :return: None when no header names a sensible time in the future.
    """
    now = now or utc_now()
    skew = timedelta(0)
    server_now = parse_http_date(headers.get("Date", ""))
    if server_now and abs(server_now - now) > CLOCK_TOLERANCE:
        skew = now - server_now
    for name in (*REPLENISHMENT_HEADERS, "Retry-After"):
        when = _named_time(headers.get(name, "").strip(), now, skew)
        if when and now < when <= now + LONGEST_WAIT:
            return when
    return None


def _named_time(text: str, now: datetime, skew: timedelta) -> datetime | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        when = parse_iso(text) or parse_http_date(text)
    else:
        if not 0 <= number < math.inf:
            return None
        if number < EPOCH_FROM:
            return now + min(timedelta(seconds=number), 2 * LONGEST_WAIT)
        when = parse_epoch(number / 1000 if number >= MILLISECONDS_FROM else number)
    try:
        return when + skew if when else None
    except OverflowError:
        return None
