"""Polls Walmart for those who watch feeds, orders or reports.

A poll returns what ``of`` of the tracker takes: `FeedTracker`, `OrderTracker`, `ReportTracker`.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_walmart.client.errors import WalmartRequestError
from airflow_provider_walmart.client.events.orders import OrderSnapshot, snapshot_of
from airflow_provider_walmart.client.events.scope import PollScope
from airflow_provider_walmart.client.exports.pages import LONGEST_HISTORY, export_pages
from airflow_provider_walmart.client.feeds.status import iter_feeds
from airflow_provider_walmart.client.feeds.watch import FeedWatch
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.reports.requests import find_report_requests, is_documented
from airflow_provider_walmart.client.values.dates import utc_now

log = logging.getLogger(__name__)

# After a long absence, orders are caught up with in steps, each of which is remembered.
LONGEST_LOOK = timedelta(days=2)


class FeedPoll:
    """Polls feeds: all since some time, and older ones by their ids."""

    def __init__(self) -> None:
        self._watch: FeedWatch | None = None

    def __call__(self, client: MarketplaceClient, scope: PollScope) -> tuple[list[dict[str, Any]], set[str]]:
        """Return feeds, and those ids that Walmart doesn't know."""
        if self._watch is None or self._watch.client is not client:
            self._watch = FeedWatch(client)
        feeds = list(iter_feeds(client, since=scope.since))
        found = self._watch.poll(scope.names - {str(feed.get("feedId")) for feed in feeds})
        feeds += [feed for feed in found.values() if isinstance(feed, dict)]
        return feeds, {feed_id for feed_id, feed in found.items() if feed is None}


def poll_orders(client: MarketplaceClient, scope: PollScope) -> tuple[list[OrderSnapshot], datetime | None]:
    """Return the orders of some ship node types modified since some time, and when the poll ended before now."""
    now = utc_now()
    # A little less than Walmart keeps, or the beginning would be gone before it is read.
    since = max(scope.since, now - LONGEST_HISTORY + timedelta(hours=2))
    end = min(now, since + LONGEST_LOOK)
    seen = [
        snapshot_of(msgspec.json.decode(raw), node_type)
        for node_type in sorted(scope.names)
        for page in export_pages(client, "getAllOrders", {"shipNodeType": node_type}, since, end)
        for raw in page
    ]
    return [snapshot for snapshot in seen if snapshot is not None], end if end < now else None


def poll_reports(client: MarketplaceClient, scope: PollScope) -> tuple[list[dict[str, Any]]]:
    """Return the report requests of some types since some time; none of a type that there is not."""
    found: list[Any] = []
    for report_type in sorted(scope.names):
        try:
            found += find_report_requests(client, report_type, since=scope.since)
        except WalmartRequestError as error:
            # A word that one DAG misspells must not blind the watchers of the others.
            if is_documented(report_type):
                raise
            log.warning(
                "Walmart lists no reports of type %s; is that how it is written? %s", report_type, error
            )
    return ([request for request in found if isinstance(request, dict)],)
