"""Starts DAGs when feeds finish."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from airflow_provider_walmart.client.events.feeds import FeedTracker
from airflow_provider_walmart.triggers.events import WalmartEventTrigger, list_of_names


class WalmartFeedFinishedTrigger(WalmartEventTrigger):
    """Fires for every feed that finishes, to be used in an `AssetWatcher`.

    All watchers of a connection share one poll loop (Airflow 3.3). Which feeds were announced is kept in the state store of
    the asset once the events are in Airflow's database: a restart of the triggerer loses no feed, and repeats those of
    the last poll at most. Below 3.3 there is no such store, and a restart begins anew with what finishes from then on.

    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :param feed_types: list of feed types, without regard to case; only feeds of these are announced. Default: all.
    :param poll_interval: time between two polls of the list of feeds, as timedelta or seconds, at least 1 second; default 60.
    :return: events with the summary of one feed each: ``feedId``, ``feedType``, ``feedStatus`` and the counts.
    :raises WalmartConfigError: for types that are no list.
    """

    kind = "feeds"

    def __init__(
        self,
        *,
        walmart_conn_id: str = "walmart_default",
        feed_types: Collection[str] | None = None,
        poll_interval: timedelta | float = 60.0,
    ) -> None:
        super().__init__(walmart_conn_id=walmart_conn_id, poll_interval=poll_interval)
        self.feed_types = (
            list_of_names("feed_types", feed_types, such_as="feed types such as price")
            if feed_types
            else None
        )

    def filters(self) -> dict[str, list[str] | None]:
        """Return the feed types."""
        return {"feed_types": self.feed_types}

    def tracker(self, state: dict[str, Any] | None) -> FeedTracker:
        """Return what separates feeds that finished from those announced before."""
        return FeedTracker(state, self.feed_types)

    @staticmethod
    def make_poll() -> Callable[..., tuple[Any, ...]]:
        """Return what polls at the list of feeds."""
        from airflow_provider_walmart.client.events.polls import FeedPoll

        return FeedPoll()
