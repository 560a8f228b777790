"""Reading what Walmart has until a write shows, or until it must have shown."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


def settle(
    read: Callable[[], T],
    *,
    sent_at: float | None,
    within: float,
    every: float,
    sleep: Callable[[float], None],
    write: str,
    shows: Callable[[T], bool] = bool,
) -> T:
    """Read until a write shows, or until it must have shown, and return what was read last.

    Walmart accepts a write some time before it shows it. So that a write is missing is believed only of a reading that
    began when everything that was sent must show.

    :param read: reads what Walmart has.
    :param sent_at: when the write was sent at the latest, seconds since 1970 UTC; None: nobody sent it, so one reading is
        enough.
    :param within: the time after which a write that arrived shows, in seconds.
    :param every: the pause between two readings, in seconds.
    :param sleep: waits for so many seconds.
    :param write: what may have been sent, in words for the log.
    :param shows: whether the write shows in what was read; default: whether anything was.
    """
    until = 0.0 if sent_at is None else sent_at + within
    while True:
        left = until - time.time()
        found = read()
        if left <= 0 or shows(found):
            return found
        log.info("%s may have been sent moments ago and does not show yet: reading again.", write)
        sleep(min(every, left))
