"""Starts DAGs when feeds finish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Hashable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_walmart.client.feed_news import LOOK_BACK, FeedNews
from airflow_provider_walmart.triggers.poller import client_of, in_thread

if TYPE_CHECKING:
    from airflow_provider_walmart.client.feed_watch import FeedWatch

log = logging.getLogger(__name__)

STATE_KEY = "walmart_feed_news"
# The triggerer has passed an event on within this time. Seconds.
HANDED_OVER = 5.0


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
        return _stream_key(self.walmart_conn_id, self.poll_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the feeds that watchers need to know of, look by look, for ever."""
        conn_id, poll_interval = kwargs["walmart_conn_id"], kwargs["poll_interval"]
        needs = _shared_needs.setdefault(_stream_key(conn_id, poll_interval), _Needs())
        async for feeds in _looks(conn_id, poll_interval, needs):
            yield feeds

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each feed that finished and was not announced yet."""
        needs = _shared_needs.setdefault(self.shared_stream_key(), _Needs())
        async for event in self._events(shared_stream, needs):
            yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Do the same with a poll loop of its own, as Airflow below 3.3 needs it."""
        needs = _Needs()
        async for event in self._events(_looks(self.walmart_conn_id, self.poll_interval, needs), needs):
            yield event

    async def _events(
        self, looks: AsyncIterator[list[dict[str, Any]]], needs: _Needs
    ) -> AsyncIterator[TriggerEvent]:
        store = _state_of_asset(self)
        if store is None:
            log.warning(
                "This Airflow keeps no state for assets (3.3 does): beginning with what finishes from now on."
            )
        key = "_".join([STATE_KEY, self.walmart_conn_id, *(self.feed_types or ())])
        news = FeedNews(await store.aget(key) if store else None, self.feed_types)
        needs.add(news)
        kept: dict[str, Any] | None = None
        async for feeds in looks:
            summaries = news.of(feeds)
            for summary in summaries:
                yield TriggerEvent(summary)
            state = news.state()
            if store is None or state == kept:
                continue
            if summaries:
                # A crash before the events are in the database must repeat them rather than lose them.
                await asyncio.sleep(HANDED_OVER)
            try:
                await store.aset(key, state)
            except Exception as error:
                log.warning(
                    "What was announced could not be kept, trying again after the next look: %s", error
                )
            else:
                kept = state


class _Needs:
    """What watchers need to know of: all feeds since some time, and some older ones."""

    def __init__(self) -> None:
        self.since = datetime.now(timezone.utc) - LOOK_BACK
        self.open_ids: set[str] = set()

    def add(self, news: FeedNews) -> None:
        """Take in what another watcher needs."""
        self.since = min(self.since, news.since)
        self.open_ids.update(news.pending)


async def _looks(
    walmart_conn_id: str, poll_interval: float, needs: _Needs
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield feeds, look by look; a failed look is weather."""
    from airflow_provider_walmart.client.feed_watch import FeedWatch

    watch = None
    while True:
        try:
            # Asked for anew each time, since the connection may have been edited.
            client = await client_of(walmart_conn_id)
            if watch is None or watch.client is not client:
                watch = FeedWatch(client)
            since = needs.since
            feeds, gone = await in_thread(_look, watch, since, frozenset(needs.open_ids))
        except Exception as error:
            log.warning(
                "Looking at the list of feeds failed, looking again in %.0f s: %s", poll_interval, error
            )
        else:
            # What is learnt is the same for all watchers, but one may have come meanwhile that needs more.
            overview = FeedNews(None)
            overview.of(feeds)
            needs.open_ids -= gone | {str(feed.get("feedId")) for feed in feeds}
            needs.open_ids.update(overview.pending)
            if needs.since == since:
                needs.since = max(since, overview.since)
            yield feeds
        await asyncio.sleep(poll_interval)


def _look(
    watch: FeedWatch, since: datetime, open_ids: frozenset[str]
) -> tuple[list[dict[str, Any]], set[str]]:
    """Return all feeds since some time with older ones of these ids, and those ids that Walmart doesn't know."""
    from airflow_provider_walmart.client.feeds import iter_feeds

    feeds = list(iter_feeds(watch.client, since=since))
    older = open_ids - {str(feed.get("feedId")) for feed in feeds}
    found = watch.look(older)
    feeds += [feed for feed in found.values() if isinstance(feed, dict)]
    return feeds, {feed_id for feed_id, feed in found.items() if feed is None}


def _stream_key(walmart_conn_id: str, poll_interval: float) -> Hashable:
    return ("walmart-feeds", walmart_conn_id, poll_interval)


# By stream: what its watchers need, for the loop that all of them share.
_shared_needs: dict[Hashable, _Needs] = {}


def _state_of_asset(trigger: BaseEventTrigger) -> Any:
    """Return the state store of the trigger's asset; None where Airflow has none."""
    stores = getattr(trigger, "asset_state_store", None)
    if stores is None:
        return None
    # Several assets with equal watchers share one trigger; the first by name keeps its state.
    by_name = getattr(stores, "_by_name", None) or {}
    return by_name[min(by_name)] if by_name else stores
