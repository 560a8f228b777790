"""The errors of one feed: those of it as a whole, and those of its items, read to the last one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_walmart.client.feeds.item_errors import error_rows, item_errors
from airflow_provider_walmart.client.feeds.results import summarize
from airflow_provider_walmart.client.feeds.status import get_feed_with_items
from airflow_provider_walmart.client.feeds.verdict import has_failed
from airflow_provider_walmart.client.marketplace import MarketplaceClient


@dataclass
class FeedErrors:
    """The errors of one feed, as rows that `error_rows` makes.

    :param feed: the feed as a whole.
    :param items: its items, each with what became of it.
    :param read: items that have been read by now.
    :param failed: those of them that failed.
    """

    feed: dict[str, Any]
    items: Iterable[dict[str, Any]] = ()
    read: int = 0
    failed: int = 0

    def rows_of_feed(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the feed as a whole."""
        summary = summarize(self.feed)
        # Where neither feed nor items say why, that it failed is all there is to say.
        says_nothing = summary["feedStatus"] == "ERROR" and not summary["itemsFailed"]
        if item_errors(self.feed) or says_nothing:
            yield from error_rows(summary["feedId"], self.feed)

    def rows_of_items(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Yield each item with its rows: none for an item that did not fail."""
        feed_id = summarize(self.feed)["feedId"]
        for item in self.items:
            self.read += 1
            rows = list(error_rows(feed_id, item)) if has_failed(item) else []
            self.failed += bool(rows)
            yield item, rows


def read_feed_errors(client: MarketplaceClient, feed: dict[str, Any]) -> FeedErrors:
    """Return the errors of a feed; its items are read page by page, as they are asked for.

    :param feed: the feed as Walmart's list or status call has it, its ``feedId`` at least. What it lacks is added from its
        details: the list doesn't say what is wrong with a feed as a whole.
    :raises WalmartNotFoundError: when Walmart knows no such feed.
    """
    details, items = get_feed_with_items(client, summarize(feed)["feedId"])
    whole = {**details, **feed}
    if not item_errors(feed) and "ingestionErrors" in details:
        whole["ingestionErrors"] = details["ingestionErrors"]
    return FeedErrors(whole, items)
