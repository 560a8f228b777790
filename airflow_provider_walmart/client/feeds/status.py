"""Feeds: where they are listed, what became of them, and which items did not make it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_walmart.client.calls.parallel import in_order
from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartServerError
from airflow_provider_walmart.client.feeds.results import submitted_at
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.transport.error_bodies import json_error_details
from airflow_provider_walmart.client.transport.tokens import TokenBudget
from airflow_provider_walmart.client.values.lists import objects_in
from airflow_provider_walmart.client.values.names import names_of

log = logging.getLogger(__name__)

# The largest page that all of Walmart's documents agree on, for feeds and for the items of a feed.
PAGE = 50
# By so much may feeds that came at about the same time be listed in another order.
SWAPPED = timedelta(minutes=1)


class NewestFirst:
    """Whether a list of feeds, as far as it was read, has shown that it has the newest ones first.

    Walmart promises no order, so a reading may end before the list does only where that is shown: by dates that fall,
    over a page at least.
    """

    def __init__(self) -> None:
        self._dates = 0
        self._falls = True
        self._first = self._lowest = datetime.max.replace(tzinfo=timezone.utc)

    def add(self, feed: dict[str, Any]) -> None:
        """Take note of the next feed."""
        when = submitted_at(feed)
        if when is None:
            return
        self._first = self._first if self._dates else when
        self._dates += 1
        self._falls &= when - self._lowest <= SWAPPED
        self._lowest = min(self._lowest, when)

    @property
    def is_shown(self) -> bool:
        """Whether all that was not read is older than what was."""
        return self._dates >= PAGE and self._falls and self._first - self._lowest > SWAPPED


def iter_feeds(
    client: MarketplaceClient,
    *,
    feed_types: Collection[str] | str | None = None,
    since: datetime | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the feeds of an account as Walmart lists them: newest first, though it promises no order.

    :param feed_types: only these, as a list or as text with commas between; compared without regard to case since
        Walmart's list spells ``lagtime`` as ``LAGTIME``; default: all.
    :param since: only feeds submitted at this time (aware) or later; of a list that has the newest ones first, the
        paging ends behind a page of older ones. Default: all that Walmart keeps.
    :return: iterator over dicts with ``feedId``, ``feedType``, ``feedStatus``, counts and ``feedDate``.
    """
    if since is not None and since.tzinfo is None:
        raise WalmartConfigError(f"since is {since!r}: it needs a time zone.")
    wanted = {name.casefold() for name in names_of("feed_types", feed_types, "MP_ITEM")}
    found, others = False, set()
    for feed in _recent(client, since):
        feed_type = str(feed.get("feedType"))
        if not wanted or feed_type.casefold() in wanted:
            found = True
            yield feed
        else:
            others.add(feed_type[:60])
    if others and not found:
        log.warning(
            "None of the feeds is of the types wanted (%s); there are: %s",
            ", ".join(sorted(wanted)),
            ", ".join(sorted(others)),
        )


def _recent(client: MarketplaceClient, since: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the feeds of an account once each, without those submitted before ``since``."""
    seen: set[str] = set()
    order = NewestFirst()
    older = 0
    for feed in _objects(client.paginate("getAllFeedStatuses")):
        # New feeds push older ones onto the next page while we read: those come twice.
        feed_id = str(feed.get("feedId"))
        if feed_id in seen:
            continue
        seen.add(feed_id)
        order.add(feed)
        if since and (submitted_at(feed) or since) < since:
            older += 1
            # One older feed is not the end, but a page of them is.
            if older >= PAGE and order.is_shown:
                return
            continue
        older = 0
        yield feed


def get_feed(client: MarketplaceClient, feed_id: str, *, include_details: bool = False) -> dict[str, Any]:
    """Return the status of one feed, as Walmart answers it.

    :param feed_id: with its ``@``; encoded for the path here.
    :param include_details: with the first 50 items under ``itemDetails.itemIngestionStatus``.
    :raises WalmartNotFoundError: when Walmart knows no such feed.
    :raises WalmartServerError: when the answer holds no ``feedStatus``.
    """
    params = {"feedId": _checked(feed_id), "includeDetails": True if include_details else None}
    return _with_status(client.call("getFeedItemStatus", params=params))


def _with_status(feed: Any) -> dict[str, Any]:
    if not isinstance(feed, dict) or not feed.get("feedStatus"):
        details = json_error_details(feed)
        raise WalmartServerError("GET /v3/feeds/{feedId} answered without a feedStatus", details=details)
    return feed


def find_feed(client: MarketplaceClient, feed_id: str) -> dict[str, Any] | None:
    """Return one feed as the list of feeds has it, which names its type; None when it isn't there."""
    feed_id = _checked(feed_id)
    found = client.paginate("getAllFeedStatuses", params={"feedId": feed_id}, max_records=PAGE)
    return next((feed for feed in _objects(found) if feed.get("feedId") == feed_id), None)


def read_feed(
    client: MarketplaceClient, feed_id: str
) -> tuple[dict[str, Any], dict[str, Any], Iterator[dict[str, Any]]]:
    """Return all that Walmart says of one feed: what its list has, which names the type, the feed, and its items.

    The list and the first items are asked for at the same time.

    :return: the feed as the list has it, empty where it isn't there; and what `get_feed_with_items` returns.
    :raises WalmartNotFoundError: when Walmart knows no such feed.
    :raises WalmartServerError: when the answer holds no ``feedStatus``.
    """
    feed_id = _checked(feed_id)
    # Before two calls want it.
    client.tokens.get(budget=TokenBudget())

    def read(call: Callable[[MarketplaceClient, str], Any], _stop: object) -> Any:
        return call(client, feed_id)

    (feed, items), listed = in_order([get_feed_with_items, find_feed], read, 2)
    return listed or {}, _with_status(feed), items


def get_feed_with_items(
    client: MarketplaceClient, feed_id: str
) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return a feed, errors that concern it as a whole among it, and its items, page by page.

    Of a feed that lists fewer items than it received, those that there are: what is missing is for the caller to judge.

    :raises WalmartNotFoundError: when Walmart knows no such feed.
    """
    feed_id = _checked(feed_id)
    feed, first = _details(client, feed_id, 0)

    def items() -> Iterator[dict[str, Any]]:
        page, read = first, 0
        while page:
            yield from page
            read += len(page)
            received = feed.get("itemsReceived")
            if read >= received if isinstance(received, int) else len(page) < PAGE:
                return
            _, page = _details(client, feed_id, read)

    return feed, items()


def _details(
    client: MarketplaceClient, feed_id: str, offset: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    params = {"feedId": feed_id, "includeDetails": True, "offset": offset, "limit": PAGE}
    feed = client.call("getFeedItemStatus", params=params)
    feed = feed if isinstance(feed, dict) else {}
    details = feed.pop("itemDetails", None)
    return feed, objects_in(details.get("itemIngestionStatus") if isinstance(details, dict) else details)


def iter_feed_items(client: MarketplaceClient, feed_id: str) -> Iterator[dict[str, Any]]:
    """Yield the items of a feed with what became of them, page by page.

    :return: iterator over dicts with ``sku``, ``index``, ``ingestionStatus`` and ``ingestionErrors``.
    """
    return _objects(client.paginate("getFeedItemStatus", params={"feedId": _checked(feed_id)}))


def _objects(records: Iterator[Any]) -> Iterator[dict[str, Any]]:
    """Return records without those that are none."""
    return (record for record in records if isinstance(record, dict) and record)


def _checked(feed_id: Any) -> str:
    text = feed_id.strip() if isinstance(feed_id, str) else ""
    # A path of dots alone is that of something else.
    if not text.strip("."):
        raise WalmartConfigError(f"feed_id is {feed_id!r}; expected an id such as 'F129C1...@AU8BAQA'.")
    return text
