"""Starts DAGs when feeds finish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Hashable
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_walmart.client.feed_news import LOOK_BACK_HOURS, FeedNews
from airflow_provider_walmart.triggers.poller import client_of, in_thread

log = logging.getLogger(__name__)

STATE_KEY = "walmart_feed_news"


class WalmartFeedFinishedTrigger(BaseEventTrigger):
    """Fires for every feed that finishes, to be used in an `AssetWatcher`.

    All watchers of a connection share one poll loop (Airflow 3.3). What was announced is kept in the state store of
    the asset, so a restart of the triggerer neither loses a feed nor announces one twice; below 3.3 there is no such
    store, and a restart begins anew with what finishes from then on.

    :param walmart_conn_id: id of a connection of type ``walmart``.
    :param feed_types: only feeds of these types, without regard to case; default: all.
    :param poll_interval: seconds between two looks at the list of feeds; default 60.
    :return: events with the summary of one feed each: ``feedId``, ``feedType``, ``feedStatus`` and the counts.
    """

    def __init__(
        self,
        *,
        walmart_conn_id: str = "walmart_default",
        feed_types: Collection[str] | None = None,
        poll_interval: float = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.walmart_conn_id = walmart_conn_id
        self.feed_types = sorted(feed_types) if feed_types else None
        self.poll_interval = max(1.0, float(poll_interval))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, plain JSON without secrets."""
        return (
            "airflow_provider_walmart.triggers.feed_events.WalmartFeedFinishedTrigger",
            {
                "walmart_conn_id": self.walmart_conn_id,
                "feed_types": self.feed_types,
                "poll_interval": self.poll_interval,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """Share the poll loop with all watchers of the connection that look equally often."""
        return ("walmart-feeds", self.walmart_conn_id, self.poll_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the recent feeds, look by look, for ever; a failed look is weather."""
        open_ids: set[str] = set()
        while True:
            try:
                client = await client_of(kwargs["walmart_conn_id"])
                feeds = await in_thread(_recent_feeds, client, open_ids)
            except Exception as error:
                log.warning(
                    "Looking at the list of feeds failed, looking again in %s s: %s",
                    kwargs["poll_interval"],
                    error,
                )
            else:
                yield feeds
            await asyncio.sleep(kwargs["poll_interval"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each feed that finished and was not announced yet."""
        store = _state_of_asset(self)
        if store is None:
            log.warning(
                "This Airflow keeps no state for assets (3.3 does): beginning with what finishes from now on."
            )
        news = FeedNews(await store.aget(STATE_KEY) if store else None, self.feed_types)
        kept: dict[str, Any] | None = None
        async for feeds in shared_stream:
            for summary in news.of(feeds):
                yield TriggerEvent(summary)
            # After the events were handed over: a crash in between repeats them rather than losing them.
            if store and news.state() != kept:
                kept = news.state()
                await store.aset(STATE_KEY, kept)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Do the same with a poll loop of its own, as Airflow below 3.3 needs it."""
        _, kwargs = self.serialize()
        async for event in self.filter_shared_stream(self.open_shared_stream(kwargs)):
            yield event


def _recent_feeds(client: Any, open_ids: set[str]) -> list[dict[str, Any]]:
    """Return the feeds of the last day, and older ones that were unfinished at the last look."""
    from airflow_provider_walmart.client.errors import WalmartNotFoundError
    from airflow_provider_walmart.client.feed_results import is_finished, summarize
    from airflow_provider_walmart.client.feeds import get_feed, iter_feeds

    since = datetime.now(timezone.utc) - timedelta(hours=LOOK_BACK_HOURS)
    feeds = list(iter_feeds(client, since=since))
    for feed_id in sorted(open_ids - {str(feed.get("feedId")) for feed in feeds}):
        try:
            feeds.append(get_feed(client, feed_id))
        except WalmartNotFoundError:
            open_ids.discard(feed_id)
    open_ids.clear()
    open_ids.update(str(feed.get("feedId")) for feed in feeds if not is_finished(summarize(feed)))
    return feeds


def _state_of_asset(trigger: BaseEventTrigger) -> Any:
    """Return the state store of the trigger's asset; None where Airflow has none."""
    stores = getattr(trigger, "asset_state_store", None)
    if stores is None:
        return None
    # Several assets with equal watchers share one trigger; the first by name keeps its state.
    by_name = getattr(stores, "_by_name", None) or {}
    return by_name[min(by_name)] if by_name else stores
