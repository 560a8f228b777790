"""Triggers for feeds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.task.durations import poll_seconds

if TYPE_CHECKING:
    from airflow_provider_walmart.triggers.poller import Poller


class WalmartFeedTrigger(BaseTrigger):
    """Waits until feeds are finished.

    All triggers of a triggerer process share one poller per account, so that thousands of waiting feeds cost one
    call per 50 of them and round.

    :param walmart_conn_id: id of a connection of type ``walmart``.
    :param feed_ids: the feeds.
    :param feed_type: their type; decides how often to look. May be empty.
    :param items: items of the largest feed; small feeds are looked at sooner.
    :param since: when waiting began, seconds since 1970 UTC.
    :param deadline: when to give up, seconds since 1970 UTC.
    :param poll_interval: time between two polls, as timedelta or seconds; None: by age and type of the feed.
    """

    def __init__(
        self,
        *,
        walmart_conn_id: str,
        feed_ids: Sequence[str],
        since: float,
        deadline: float,
        feed_type: str = "",
        items: int = 0,
        poll_interval: timedelta | float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.walmart_conn_id = walmart_conn_id
        self.feed_ids = list(feed_ids)
        self.since = since
        self.deadline = deadline
        self.feed_type = feed_type
        self.items = items
        self.poll_interval = poll_seconds(poll_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, plain JSON without secrets."""
        return (
            "airflow_provider_walmart.triggers.feeds.WalmartFeedTrigger",
            {
                "walmart_conn_id": self.walmart_conn_id,
                "feed_ids": self.feed_ids,
                "since": self.since,
                "deadline": self.deadline,
                "feed_type": self.feed_type,
                "items": self.items,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event.

        Its ``status`` is ``success``, with ``feeds`` in the order of ``feed_ids`` (None for one that Walmart doesn't
        know), ``timeout``, with those ``pending``, or ``error``, with ``message`` and ``retryable``.
        """
        from airflow_provider_walmart.triggers.poller import poller_of

        pending: list[str] = []

        async def wait(poller: Poller, feed_id: str) -> dict[str, Any] | None:
            try:
                return await poller.wait(feed_id, self._pause, deadline=self.deadline)
            except asyncio.TimeoutError:
                pending.append(feed_id)
                return None

        waits: list[asyncio.Task[dict[str, Any] | None]] = []
        try:
            poller = await poller_of(self.walmart_conn_id)
            waits = [asyncio.create_task(wait(poller, feed_id)) for feed_id in self.feed_ids]
            feeds = await asyncio.gather(*waits)
        except WalmartError as error:
            yield TriggerEvent({"status": "error", "message": str(error), "retryable": not error.is_final})
        else:
            if pending:
                yield TriggerEvent({"status": "timeout", "pending": sorted(pending, key=self.feed_ids.index)})
            else:
                yield TriggerEvent({"status": "success", "feeds": feeds})
        finally:
            for task in waits:
                task.cancel()

    def _pause(self, feed: dict[str, Any] | None) -> float:
        from airflow_provider_walmart.client.feeds.watch import pause_before_next_look

        age = time.time() - self.since
        return self.poll_interval or pause_before_next_look(age, self.feed_type, self.items)

    async def on_kill(self) -> None:
        """Say that the feeds go on at Walmart: there is no call that recalls one."""
        self.log.warning(
            "Nobody waits for feeds %s any more. Walmart cannot recall a feed: it goes on with them.",
            ", ".join(self.feed_ids),
        )
