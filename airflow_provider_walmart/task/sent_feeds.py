"""The feeds that a task sent, with those in which items were sent again, as they go through a deferral."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_walmart.client.feeds.submit import FeedFile
    from airflow_provider_walmart.client.once.records import Records


@dataclass
class SentFeeds:
    """The feeds that a task sent.

    :param chains: their ids: for each feed its own, then those of the feeds in which items of it were sent again.
    :param items: how many items each of them holds.
    :param rows: what is to be known of rows when the feeds are finished.
    :param again: how often items were sent again.
    """

    chains: list[list[str]]
    items: list[list[int]]
    rows: dict[str, Any]
    again: int = 0
    #: What was kept of feeds before a deferral, where there is no task state.
    records: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, for a trigger."""
        return asdict(self)

    @property
    def ids(self) -> list[str]:
        """All ids, first those that the task began with."""
        longest = max(map(len, self.chains), default=0)
        return [chain[place] for place in range(longest) for chain in self.chains if place < len(chain)]

    @property
    def last(self) -> dict[str, int]:
        """The feeds that were sent in the last round, with how many items they hold."""
        return {
            chain[-1]: counts[-1]
            for chain, counts in zip(self.chains, self.items, strict=True)
            if len(chain) == self.again + 1
        }


def was_sent(records: Records, feed: FeedFile, feed_id: str) -> bool:
    """Return whether a feed is the one that was sent under an id, to its last byte that matters."""
    return (records.get(feed.key) or {}).get("feedId") == feed_id


def due_at(records: Records, feeds: Iterable[FeedFile], after: timedelta) -> float:
    """Return when feeds of failed items are to be sent, the same for all tries of a task; seconds since 1970 UTC.

    :param records: where that is kept.
    :param after: how long after it was known which items failed.
    """
    due = 0.0
    for feed in feeds:
        key = f"{feed.key}_at"
        if records.get(feed.key):
            continue
        if not records.get(key):
            records.set(key, time.time() + after.total_seconds())
        due = max(due, records.get(key))
    return due
