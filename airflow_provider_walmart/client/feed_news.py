"""Which feeds have finished since we last looked: each is news once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Any

from airflow_provider_walmart.client.feed_results import is_finished, summarize

# How far back feeds are remembered, and listed. An unfinished one is followed beyond that.
LOOK_BACK_HOURS = 24
LOOK_BACK_MS = LOOK_BACK_HOURS * 3600 * 1000


class FeedNews:
    """Tells finished feeds that are new from those that were announced before.

    What was finished when it first looked is no news.

    :param state: what `state` returned earlier, JSON; None at the very first look.
    :param feed_types: only these, without regard to case; None: all.
    """

    def __init__(self, state: dict[str, Any] | None, feed_types: Collection[str] | None = None) -> None:
        known = state or {}
        self._first = not known
        self._from = int(known.get("from", 0))
        self._pending = set(known.get("pending", ()))
        self._done: dict[str, int] = dict(known.get("done", {}))
        self._types = {feed_type.casefold() for feed_type in feed_types} if feed_types else None

    def of(self, feeds: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the summaries of feeds that have finished and were not announced yet, oldest first.

        :param feeds: feeds as Walmart lists them.
        """
        news = []
        pending = set()
        newest = self._from + LOOK_BACK_MS
        for feed in feeds:
            feed_id, date = str(feed.get("feedId")), _date(feed)
            newest = max(newest, date)
            if not is_finished(summarize(feed)):
                pending.add(feed_id)
                continue
            name = hashlib.sha256(feed_id.encode()).hexdigest()[:12]
            if name not in self._done and (date >= self._from or feed_id in self._pending):
                self._done[name] = max(date, self._from)
                if not self._first and self._wanted(feed):
                    news.append((date, summarize(feed)))
        self._first = False
        self._pending = pending
        self._from = newest - LOOK_BACK_MS
        self._done = {name: date for name, date in self._done.items() if date >= self._from}
        return [summary for _, summary in sorted(news, key=lambda entry: entry[0])]

    def state(self) -> dict[str, Any]:
        """Return what to keep for the next look, JSON."""
        return {"from": self._from, "pending": sorted(self._pending), "done": self._done}

    def _wanted(self, feed: dict[str, Any]) -> bool:
        return self._types is None or str(feed.get("feedType")).casefold() in self._types


def _date(feed: dict[str, Any]) -> int:
    date = feed.get("feedDate")
    return int(date) if isinstance(date, (int, float)) else 0
