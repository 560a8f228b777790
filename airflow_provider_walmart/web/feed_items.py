"""The failed items of a feed, read in the background: a large feed takes hundreds of calls."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from cachetools import TTLCache

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.feeds.errors import read_feed_errors
from airflow_provider_walmart.client.feeds.results import summarize
from airflow_provider_walmart.client.feeds.verdict import is_finished
from airflow_provider_walmart.client.marketplace import MarketplaceClient

# What a page reads of one feed: 50 items are a call, and rows are memory of the API server.
MOST_ITEMS = 20_000
MOST_ROWS = 5_000
# Feeds that may wait for their turn.
QUEUE = 4
# So many feeds are kept, for so many seconds.
MOST_FEEDS = 10
KEPT = 600.0


class FailedItems:
    """The errors of one feed and the items that failed, as far as they were read.

    :param feed: the feed as Walmart's list or status call has it.
    """

    def __init__(self, feed: dict[str, Any]) -> None:
        #: Rows of the feed as a whole, and of its items.
        self.of_feed: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.read = 0
        self.failed = 0
        #: Whether it ended early because a page reads no more of one feed.
        self.is_cut = False
        self.error: WalmartError | None = None
        self._feed = feed
        self._reading: Future[None] = Future()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be read."""
        return self._reading.done()

    async def wait(self, timeout: float) -> bool:
        """Wait until nothing more will be read; return whether that is so.

        :param timeout: for so long at most. Seconds.
        """
        # In no thread: the API server has few, and they are for all of its requests.
        await asyncio.wait([asyncio.wrap_future(self._reading)], timeout=timeout)
        return self.has_ended

    def begin(self, pool: Executor, client: Callable[[], MarketplaceClient]) -> None:
        """Begin to read.

        :param pool: whose threads read.
        :param client: makes the client to read with.
        """
        self._reading = pool.submit(self._fill, client)

    def _fill(self, client: Callable[[], MarketplaceClient]) -> None:
        """Read to the last item, since items that Walmart counts as succeeded may carry errors.

        Of a feed that is still in work, until those are found that have failed by now.
        """
        expected = None if is_finished(self._feed) else summarize(self._feed)["itemsFailed"]
        try:
            errors = read_feed_errors(client(), self._feed)
            self.of_feed.extend(errors.rows_of_feed())
            for _, rows in errors.rows_of_items():
                self.rows.extend(rows)
                self.read, self.failed = errors.read, errors.failed
                if errors.failed == expected:
                    return
                if errors.read >= MOST_ITEMS or len(self.rows) >= MOST_ROWS:
                    self.is_cut = True
                    return
        except WalmartError as error:
            self.error = error
        except Exception as error:
            # Not its text, which the page would show.
            self.error = WalmartError(f"It ended with {type(error).__name__}, which should not happen.")


class Readings:
    """Reads the failed items of feeds, one feed at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="walmart-feed-items")
        self._lock = threading.Lock()
        self._known: TTLCache[tuple[str, str, bool, int], FailedItems] = TTLCache(MOST_FEEDS, KEPT)

    def of(
        self, conn_id: str, feed: dict[str, Any], client: Callable[[], MarketplaceClient]
    ) -> FailedItems | None:
        """Return what was read of a feed, having begun with it; None when too many others wait.

        :param conn_id: whose feed it is.
        :param feed: the feed; once more of its items have failed, or it is finished, it is read anew.
        :param client: makes the client to read with.
        """
        summary = summarize(feed)
        key = (conn_id, summary["feedId"], is_finished(feed), summary["itemsFailed"])
        with self._lock:
            found = self._known.get(key)
            if found is None or found.error:
                if sum(not each.has_ended for each in self._known.values()) > QUEUE:
                    return None
                found = self._known[key] = FailedItems(feed)
                found.begin(self._pool, client)
        return found


@functools.cache
def readings() -> Readings:
    """Return the readings of this process."""
    return Readings()
