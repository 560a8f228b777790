"""Feeds: where they are listed, what became of them, and which items did not make it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.marketplace import MarketplaceClient

PATH = "/v3/feeds"
# The largest page that all of Walmart's documents agree on, for feeds and for the items of a feed.
PAGE = 50


def iter_feeds(
    client: MarketplaceClient,
    *,
    feed_types: Collection[str] | None = None,
    since: datetime | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the feeds of an account, newest first, as Walmart lists them.

    :param feed_types: only these, compared without regard to case since Walmart's list spells
        ``lagtime`` as ``LAGTIME``; default: all.
    :param since: only feeds submitted at this time (aware) or later; ends the paging at the first page
        that holds older ones only. Default: all that Walmart keeps.
    :return: iterator over dicts with ``feedId``, ``feedType``, ``feedStatus``, counts and ``feedDate``.
    """
    if since is not None and since.tzinfo is None:
        raise WalmartConfigError(f"since is {since!r}: it needs a time zone.")
    wanted = {feed_type.casefold() for feed_type in feed_types} if feed_types else None
    seen: set[str] = set()
    offset = 0
    while True:
        page = client.get_json(PATH, {"offset": offset, "limit": PAGE})
        feeds = _records(page.get("results"), "feed")
        # New feeds push older ones onto the next page while we read: those come twice.
        fresh = [feed for feed in feeds if feed.get("feedId") not in seen]
        seen.update(str(feed.get("feedId")) for feed in fresh)
        recent = [feed for feed in fresh if since is None or (submitted_at(feed) or since) >= since]
        for feed in recent:
            if wanted is None or str(feed.get("feedType")).casefold() in wanted:
                yield feed
        offset += len(feeds)
        if not recent or _is_last(feeds, offset, page.get("totalResults")):
            return


def get_feed(
    client: MarketplaceClient, feed_id: str, *, include_details: bool = False, offset: int = 0
) -> dict[str, Any]:
    """Return the status of one feed, as Walmart answers it.

    :param feed_id: with its ``@``; encoded for the path here.
    :param include_details: with one page of up to 50 items under ``itemDetails.itemIngestionStatus``.
    :param offset: first item of that page.
    :raises WalmartNotFoundError: when Walmart knows no such feed.
    """
    params = {"includeDetails": "true", "offset": offset, "limit": PAGE} if include_details else None
    return client.get_json(feed_path(feed_id), params)


def find_feed(client: MarketplaceClient, feed_id: str) -> dict[str, Any] | None:
    """Return one feed as the list of feeds has it, which names its type; None when it isn't there."""
    feed_path(feed_id)
    found = _records(client.get_json(PATH, {"feedId": feed_id, "limit": PAGE}).get("results"), "feed")
    return next((feed for feed in found if feed.get("feedId") == feed_id), None)


def iter_feed_items(client: MarketplaceClient, feed_id: str) -> Iterator[dict[str, Any]]:
    """Yield the items of a feed with what became of them, page by page.

    :return: iterator over dicts with ``sku``, ``index``, ``ingestionStatus`` and ``ingestionErrors``.
    """
    offset = 0
    while True:
        page = get_feed(client, feed_id, include_details=True, offset=offset)
        items = _records(page.get("itemDetails"), "itemIngestionStatus")
        yield from items
        offset += len(items)
        if _is_last(items, offset, page.get("itemsReceived")):
            return


def feed_path(feed_id: str) -> str:
    """Return the path of one feed.

    :raises WalmartConfigError: when the id can't be one.
    """
    text = (feed_id or "").strip() if isinstance(feed_id, str) else ""
    if not text or set(text) == {"."}:
        raise WalmartConfigError(f"feed_id is {feed_id!r}; expected an id such as 'F129C1...@AU8BAQA'.")
    return f"{PATH}/{quote(text, safe='')}"


def submitted_at(feed: dict[str, Any]) -> datetime | None:
    """Return when a feed was submitted (aware, UTC): epoch milliseconds in JSON, ISO text in older answers."""
    value = feed.get("feedDate") or feed.get("feedSubmissionDate")
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value / 1000, timezone.utc)
        if isinstance(value, str):
            when = datetime.fromisoformat(value.replace("Z", "+00:00"))
            return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _records(container: Any, key: str) -> list[dict[str, Any]]:
    """Return a list that may be missing, null, or hold what is no record."""
    found = container.get(key) if isinstance(container, dict) else None
    return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []


def _is_last(page: list[dict[str, Any]], seen: int, total: Any) -> bool:
    # Pages may be shorter than asked for, so only the total tells, where there is one.
    if not page:
        return True
    return seen >= total if isinstance(total, int) else len(page) < PAGE
