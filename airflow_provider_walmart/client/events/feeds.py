"""Which feeds have finished since we last polled: each is announced once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from airflow_provider_walmart.client.events.completion import CompletionTracker
from airflow_provider_walmart.client.events.scope import PollScope
from airflow_provider_walmart.client.feeds.results import submitted_at, summarize
from airflow_provider_walmart.client.feeds.verdict import is_finished


class FeedTracker(CompletionTracker):
    """Separates finished feeds that are new from those that were announced before.

    :param state: what `state` returned earlier, JSON; None at the very first poll.
    :param feed_types: only these, without regard to case; None: all.
    """

    def __init__(self, state: dict[str, Any] | None, feed_types: Collection[str] | None = None) -> None:
        super().__init__(state)
        self._types = {feed_type.casefold() for feed_type in feed_types} if feed_types else None

    @property
    def scope(self) -> PollScope:
        """What the next poll has to show; its names are the ids of unfinished feeds."""
        return PollScope(self.since, frozenset(self.pending))

    def _id(self, thing: dict[str, Any]) -> str:
        return str(thing.get("feedId"))

    def _kind(self, thing: dict[str, Any]) -> Any:
        return thing.get("feedType")

    def _began(self, thing: dict[str, Any]) -> datetime | None:
        return submitted_at(thing)

    def _has_ended(self, thing: dict[str, Any]) -> bool:
        return is_finished(thing)

    def _announcement(self, thing: dict[str, Any], kind: Any) -> dict[str, Any] | None:
        wanted = self._types is None or str(kind).casefold() in self._types
        return summarize(thing, kind) if wanted else None
