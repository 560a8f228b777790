"""The failed items of a feed, read in the background: a large feed takes hundreds of calls."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cachetools import TTLCache

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.feeds.results import error_rows, has_failed
from airflow_provider_walmart.client.feeds.status import iter_feed_items
from airflow_provider_walmart.client.marketplace import MarketplaceClient

# What a page reads of one feed: 50 of them are a call.
MOST_ITEMS = 20_000
# Feeds that may wait for their turn.
QUEUE = 4
# Seconds that what was read is kept; that of a feed still in work is read again after a page's time.
KEPT = 600.0


class FailedItems:
    """The failed items of one feed, as far as they were read.

    :param feed_id: the feed.
    :param expected: failed items that it has, by Walmart's count.
    """

    def __init__(self, feed_id: str, expected: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.read = 0
        self.failed = 0
        #: Whether nothing more will be read.
        self.ended = threading.Event()
        #: Whether that is because a page reads no more of one feed.
        self.is_cut = False
        self.error: WalmartError | None = None
        self.feed_id = feed_id
        self.expected = expected

    def fill(self, client: Callable[[], MarketplaceClient]) -> None:
        """Read until all failed items are found."""
        try:
            for item in iter_feed_items(client(), self.feed_id):
                self.read += 1
                if has_failed(item):
                    self.failed += 1
                    self.rows.extend(error_rows(self.feed_id, item))
                if self.failed >= self.expected:
                    return
                if self.read >= MOST_ITEMS:
                    self.is_cut = True
                    return
        except WalmartError as error:
            self.error = error
        finally:
            self.ended.set()


class Readings:
    """Reads the failed items of feeds, one feed at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="walmart-feed-items")
        self._lock = threading.Lock()
        self._known: TTLCache[tuple[str, str, int], FailedItems] = TTLCache(50, KEPT)

    def of(
        self, conn_id: str, feed_id: str, expected: int, client: Callable[[], MarketplaceClient]
    ) -> FailedItems | None:
        """Return what was read of a feed, having begun with it; None when too many others wait.

        :param conn_id: whose feed it is.
        :param expected: failed items that it has by now; with more of them it is read anew.
        :param client: makes the client to read with.
        """
        key = (conn_id, feed_id, expected)
        with self._lock:
            found = self._known.get(key)
            if found is None or found.error:
                if sum(not each.ended.is_set() for each in self._known.values()) > QUEUE:
                    return None
                found = self._known[key] = FailedItems(feed_id, expected)
                self._pool.submit(found.fill, client)
        return found


@functools.cache
def readings() -> Readings:
    """Return the readings of this process."""
    return Readings()
