"""Watching feeds until they are finished, at the price of few calls."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartNotFoundError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.feeds.status import PAGE, get_feed
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.values.lists import objects_in

# Up to so many feeds are asked for one by one.
FEW = 3
# A round may cost so many calls, however few feeds are waited for.
LEAST_CALLS = 20
# A feed that was accepted is known to Walmart's own list within this time. Seconds.
LISTED_WITHIN = 90.0
MINUTE = 60.0
# Longest pause between two polls, by what a feed type takes (facts of Walmart's guides: prices about a quarter of an
# hour, inventory half an hour, items up to four hours and more).
LONGEST_PAUSE = {"item": 15 * MINUTE, "retire": 15 * MINUTE, "": 5 * MINUTE}
FIRST_LOOK = 15.0
FEW_ITEMS = 1000
# What is learnt of a feed: its state, None when Walmart doesn't know it, or why it could not be read.
Seen = dict[str, Any] | WalmartError | None


def pause_before_next_poll(age: float, feed_type: str, items: int) -> float:
    """Return how long to wait before polling a feed again, in seconds.

    It grows with the age of the feed, a quarter of it, so that a feed is noticed late by a quarter of the time it
    took at most.

    :param age: seconds since the feed was submitted, or since it is waited for.
    :param feed_type: items take hours, prices and inventory minutes.
    :param items: how many items it holds; small feeds are polled sooner.
    """
    kind = next((kind for kind in LONGEST_PAUSE if kind in feed_type.casefold()), "")
    first = FIRST_LOOK if items <= FEW_ITEMS else MINUTE
    return min(max(first, age / 4), LONGEST_PAUSE[kind])


class FeedWatch:
    """Asks for the state of many feeds of one account, round by round.

    A round costs one call per 50 feeds that are waited for, or `LEAST_CALLS`, at most. The list of feeds is read from
    the top, where the newest ones are, until it has shown what is due; when the calls don't reach that far, the next
    round goes on there. A feed that the list didn't show has fallen off it, or lies far down, and is asked for by
    itself from then on.

    :param client: the account.
    """

    def __init__(self, client: MarketplaceClient) -> None:
        self.client = client
        # A reading of the list that takes several rounds: how far it is, and what it has not shown so far.
        self._reached = 0
        self._unseen: set[str] = set()
        # Feeds that the list doesn't show, in the order in which they were asked for.
        self._off_list: dict[str, None] = {}

    def poll(self, due: Collection[str], waiting: Collection[str] = ()) -> dict[str, Seen]:
        """Return what this round learnt, by feed id.

        :param due: the feeds to learn about.
        :param waiting: all feeds that are waited for: what a page shows of them comes for free.
        :raises WalmartError: when a call fails that concerns all of them; the next round asks again.
        """
        found: dict[str, Seen] = {}
        if len(due) <= FEW:
            self._ask(due, found)
            return found
        waiting = {*due, *waiting}
        calls = max(LEAST_CALLS, math.ceil(len(waiting) / PAGE))
        self._off_list = dict.fromkeys(feed_id for feed_id in self._off_list if feed_id in waiting)
        off_list = [feed_id for feed_id in self._off_list if feed_id in due]
        # However long the list, a quarter of the calls is for those that it doesn't show.
        at_once = off_list[: calls // 4]
        self._ask(at_once, found)
        calls -= len(at_once)
        if self._reached == 0:
            self._unseen = set(waiting)
        calls -= self._read({*due} - {*off_list}, waiting, calls, found)
        self._ask(off_list[len(at_once) :][:calls], found)
        return found

    def _read(self, due: set[str], waiting: set[str], calls: int, found: dict[str, Seen]) -> int:
        """Read the list, in so many calls at most, until it has shown what is due; return how many it took."""
        offset = taken = 0
        missing = due - found.keys()
        while len(missing) > min(FEW, calls - taken):
            if taken == calls:
                self._reached = offset
                return taken
            page, total = self._page(offset)
            taken += 1
            offset += len(page)
            found.update({feed_id: page[feed_id] for feed_id in page.keys() & waiting})
            is_new = not missing.isdisjoint(page)
            missing.difference_update(page)
            self._note_listed(page.keys())
            if offset >= min(total, max(4 * len(waiting), LEAST_CALLS * PAGE)):
                self._off_list.update(dict.fromkeys(self._unseen & waiting))
                self._reached = 0
                return taken
            # Half of the calls for the top, or less when nothing is there; the rest where the last round stopped, unless
            # this reading has shown all that is missing already.
            if (not is_new or taken >= calls // 2) and not self._unseen.isdisjoint(missing):
                offset = max(offset, self._reached)
        self._ask(missing, found)
        if offset >= self._reached or self._unseen.isdisjoint(waiting):
            self._reached = 0
        return taken + len(missing)

    def _note_listed(self, feed_ids: Collection[str]) -> None:
        self._unseen.difference_update(feed_ids)
        for feed_id in feed_ids:
            self._off_list.pop(feed_id, None)

    def _page(self, offset: int) -> tuple[dict[str, dict[str, Any]], float]:
        """Return the feeds of one page by id, and how many there are in all: 0 where a page has none."""
        try:
            page = self.client.call("getAllFeedStatuses", params={"offset": offset, "limit": PAGE}) or {}
        except WalmartRequestError:
            if offset == 0:
                raise
            # So far down nobody is served.
            return {}, 0
        listed = objects_in((page.get("results") or {}).get("feed"))
        feeds = {feed["feedId"]: feed for feed in listed if feed.get("feedId")}
        total = page.get("totalResults")
        if not feeds:
            return {}, 0
        return feeds, total if isinstance(total, int) and total > 0 else math.inf

    def _ask(self, feed_ids: Iterable[str], found: dict[str, Seen]) -> None:
        """Ask for feeds one by one."""
        for feed_id in feed_ids:
            try:
                found[feed_id] = get_feed(self.client, feed_id)
            except WalmartNotFoundError:
                found[feed_id] = None
            except (WalmartConfigError, WalmartRequestError, WalmartServerError) as error:
                # What is wrong with one feed must not hide the others.
                found[feed_id] = error
            if feed_id in self._off_list:
                del self._off_list[feed_id]
                self._off_list[feed_id] = None
