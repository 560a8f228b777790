"""Looking after feeds until they are finished, at the price of few calls."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from airflow_provider_walmart.client.errors import WalmartNotFoundError
from airflow_provider_walmart.client.feeds import PAGE, get_feed
from airflow_provider_walmart.client.marketplace import MarketplaceClient

# Up to so many feeds are asked for one by one; for more the list is read.
FEW = 3
MINUTE = 60.0
# Longest pause between two looks, by what a feed type takes (facts of Walmart's guides: prices about a quarter of an
# hour, inventory half an hour, items up to four hours and more).
LONGEST_PAUSE = {"item": 15 * MINUTE, "retire": 15 * MINUTE, "": 5 * MINUTE}
FIRST_LOOK = 15.0
FEW_ITEMS = 1000


def pause_before_next_look(age: float, feed_type: str, items: int) -> float:
    """Return how long to wait before looking at a feed again, in seconds.

    It grows with the age of the feed, a quarter of it, so that a feed is noticed late by a quarter of the time it
    took at most.

    :param age: seconds since the feed was submitted, or since it is waited for.
    :param feed_type: items take hours, prices and inventory minutes.
    :param items: how many items it holds; small feeds are looked at sooner.
    """
    kind = next((kind for kind in LONGEST_PAUSE if kind in feed_type.casefold()), "")
    first = FIRST_LOOK if items <= FEW_ITEMS else MINUTE
    return min(max(first, age / 4), LONGEST_PAUSE[kind])


class FeedWatch:
    """Asks for the state of many feeds of one account, round by round.

    A round costs one call per 50 feeds at most: few feeds are asked for one by one, more by reading the list, going
    on in the next round where this one stopped. A feed that a reading of the list didn't show has fallen off it,
    or lies far down, and is asked for by itself.

    :param client: the account.
    """

    def __init__(self, client: MarketplaceClient) -> None:
        self._client = client
        self._offset = 0
        self._unseen: set[str] = set()
        self._fallen: list[str] = []

    def look(self, feed_ids: Collection[str]) -> dict[str, dict[str, Any] | None]:
        """Return what this round learnt: feeds by id, None for one that Walmart doesn't know.

        :raises WalmartError: when a call fails; the next round asks again.
        """
        wanted = set(feed_ids)
        if len(wanted) <= FEW:
            return {feed_id: self._one(feed_id) for feed_id in wanted}
        found: dict[str, dict[str, Any] | None] = {}
        self._fallen = [feed_id for feed_id in self._fallen if feed_id in wanted]
        for _ in range(math.ceil(len(wanted) / PAGE)):
            if self._fallen:
                feed_id = self._fallen.pop()
                found[feed_id] = self._one(feed_id)
            elif self._read_page(wanted, found):
                break
        return found

    def _read_page(self, wanted: set[str], found: dict[str, dict[str, Any] | None]) -> bool:
        """Read one page of the list; return whether that was the last one worth reading."""
        if self._offset == 0:
            self._unseen = set(wanted)
        page = self._client.call("getAllFeedStatuses", params={"offset": self._offset, "limit": PAGE}) or {}
        feeds = (page.get("results") or {}).get("feed") or []
        found.update((feed["feedId"], feed) for feed in feeds if feed.get("feedId") in wanted)
        self._unseen -= found.keys()
        self._offset += len(feeds)
        total = page.get("totalResults")
        # Newer feeds must not wait while we search for an old one all the way down.
        end = min(total if isinstance(total, int) else math.inf, max(4 * len(wanted), 4 * PAGE))
        if feeds and self._unseen and self._offset < end:
            return False
        self._offset = 0
        self._fallen = sorted(self._unseen & wanted)
        return True

    def _one(self, feed_id: str) -> dict[str, Any] | None:
        try:
            return get_feed(self._client, feed_id)
        except WalmartNotFoundError:
            return None
