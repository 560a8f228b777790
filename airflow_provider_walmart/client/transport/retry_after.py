"""When may we come back? Read from the headers of an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

REPLENISHMENT_HEADERS = ("X-Next-Replenishment-Time", "x-next-replenish-time", "X-RateLimit-Reset")
# Epoch numbers are told apart by size: seconds stay below this until the year 5138, milliseconds are above.
MILLISECONDS_FROM = 1e11
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
    now = now or datetime.now(timezone.utc)
    skew = timedelta(0)
    server_now = _http_date(headers.get("Date", ""))
    if server_now and abs(server_now - now) > CLOCK_TOLERANCE:
        skew = now - server_now
    for name in (*REPLENISHMENT_HEADERS, "Retry-After"):
        when = _moment(headers.get(name, "").strip(), now, skew)
        if when and now < when <= now + LONGEST_WAIT:
            return when
    return None


def _moment(text: str, now: datetime, skew: timedelta) -> datetime | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        when = _iso(text) or _http_date(text)
    else:
        if not math.isfinite(number) or number < 0:
            return None
        if number < EPOCH_FROM:
            return now + min(timedelta(seconds=number), 2 * LONGEST_WAIT)
        when = _epoch(number / 1000 if number >= MILLISECONDS_FROM else number)
    try:
        return when + skew if when else None
    except OverflowError:
        return None


def _epoch(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)


def _http_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
