"""Triggers for feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.triggers.base import WalmartWaitTrigger

if TYPE_CHECKING:
    from airflow_provider_walmart.triggers.poller import Poller


class WalmartFeedTrigger(WalmartWaitTrigger):
    """Waits until feeds are finished.

    All triggers of a triggerer process share one poller per account, so that thousands of waiting feeds cost one
    call per 50 of them and round. An event of success has ``feeds`` in the order of ``feed_ids``, None for one that
    Walmart doesn't know; one of a time-out those ``pending``.

    :param walmart_conn_id: id of a connection of type ``walmart``.
    :param feed_ids: the feeds.
    :param feed_type: their type; decides how often to poll. May be empty.
    :param items: items of the largest feed; small feeds are polled sooner.
    :param known: as for `WalmartWaitTrigger`.
    """

    own_arguments = ("walmart_conn_id", "feed_ids", "feed_type", "items")

    def __init__(
        self,
        *,
        walmart_conn_id: str,
        feed_ids: Sequence[str],
        feed_type: str = "",
        items: int = 0,
        **known: Any,
    ) -> None:
        super().__init__(**known)
        self.walmart_conn_id = walmart_conn_id
        self.feed_ids = list(feed_ids)
        self.feed_type = feed_type
        self.items = items

    async def wait(self) -> dict[str, Any]:
        """Return the feeds."""
        from airflow_provider_walmart.triggers import poller

        pending: list[str] = []

        async def wait_for(feed_poller: Poller, feed_id: str) -> dict[str, Any] | None:
            try:
                return await feed_poller.wait(feed_id, self.pause, deadline=self.deadline)
            except asyncio.TimeoutError:
                pending.append(feed_id)
                return None

        async def wait_for_all(feed_poller: Poller) -> list[dict[str, Any] | None]:
            waits = [asyncio.create_task(wait_for(feed_poller, feed_id)) for feed_id in self.feed_ids]
            try:
                return await asyncio.gather(*waits)
            finally:
                for task in waits:
                    task.cancel()

        feeds = await poller.with_current_keys(wait_for_all, self.walmart_conn_id, deadline=self.deadline)
        if pending:
            raise asyncio.TimeoutError(sorted(pending, key=self.feed_ids.index))
        return {"feeds": feeds}

    def usual_pause(self, age: float) -> float:
        """Return a pause by age and type of the feed."""
        from airflow_provider_walmart.client.feeds.watch import pause_before_next_poll

        return pause_before_next_poll(age, self.feed_type, self.items)

    async def on_kill(self) -> None:
        """Say that the feeds go on at Walmart: there is no call that recalls one."""
        self.log.warning(
            "Nobody waits for feeds %s any more. Walmart cannot recall a feed: it goes on with them.",
            ", ".join(self.feed_ids),
        )
