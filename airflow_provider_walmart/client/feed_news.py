"""Which feeds have finished since we last looked: each is news once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_walmart.client.feed_results import is_finished, submitted_at, summarize

HOUR_MS = 3600 * 1000
# A feed is listed within this time after it was submitted.
LISTED_WITHIN_MS = HOUR_MS
# An unfinished feed is followed for so long.
LONGEST_MS = 7 * 24 * HOUR_MS
# How far back the first look goes for feeds that are unfinished.
LOOK_BACK = timedelta(hours=24)


class FeedNews:
    """Tells finished feeds that are new from those that were announced before.

    What was finished when it first looked is no news. All times are Walmart's.

    :param state: what `state` returned earlier, JSON; None at the very first look.
    :param feed_types: only these, without regard to case; None: all.
    """

    def __init__(self, state: dict[str, Any] | None, feed_types: Collection[str] | None = None) -> None:
        known = state or {}
        self._first = not known
        # Finished feeds that are older and not pending were announced.
        self._from = int(known.get("from", 0))
        # Unfinished ones: type and date by id, since the status of a feed by itself names neither.
        self._pending: dict[str, list[Any]] = dict(known.get("pending", {}))
        self._done: dict[str, int] = dict(known.get("done", {}))
        self._types = {feed_type.casefold() for feed_type in feed_types} if feed_types else None

    def of(self, feeds: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the summaries of feeds that have finished and were not announced yet, oldest first.

        :param feeds: feeds as Walmart lists them: all since `since`, and pending ones.
        """
        news = []
        newest = self._from + LISTED_WITHIN_MS
        for feed in feeds:
            feed_id = str(feed.get("feedId"))
            feed_type, date = self._pending.get(feed_id) or (feed.get("feedType"), _date(feed, newest))
            newest = max(newest, date)
            if not is_finished(summarize(feed)):
                self._pending[feed_id] = [feed_type, date]
                continue
            was_pending = self._pending.pop(feed_id, None) is not None
            name = hashlib.sha256(feed_id.encode()).hexdigest()[:12]
            if name not in self._done and (was_pending or date >= self._from):
                self._done[name] = max(date, self._from)
                if not self._first and self._wanted(feed_type):
                    news.append((date, summarize(feed, feed_type)))
        self._first = False
        self._from = newest - LISTED_WITHIN_MS
        self._done = {name: date for name, date in self._done.items() if date >= self._from}
        self._pending = {
            feed_id: known for feed_id, known in self._pending.items() if known[1] >= newest - LONGEST_MS
        }
        # Walmart lists the newest first, also among those of one moment.
        news.reverse()
        return [summary for _, summary in sorted(news, key=lambda entry: entry[0])]

    @property
    def pending(self) -> Collection[str]:
        """The feeds that were unfinished when they were last seen."""
        return self._pending.keys()

    @property
    def since(self) -> datetime:
        """From when on a look needs all feeds."""
        if self._first:
            return datetime.now(timezone.utc) - LOOK_BACK
        return datetime.fromtimestamp(self._from / 1000, timezone.utc)

    def state(self) -> dict[str, Any]:
        """Return what to keep for the next look, JSON."""
        return {"from": self._from, "pending": dict(self._pending), "done": dict(self._done)}

    def _wanted(self, feed_type: Any) -> bool:
        return self._types is None or str(feed_type).casefold() in self._types


def _date(feed: dict[str, Any], default: int) -> int:
    date = submitted_at(feed)
    return int(date.timestamp() * 1000) if date else default
