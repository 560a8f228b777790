"""One poller per account in a triggerer process, whatever number of triggers wait.

Polling itself is the client's plain, blocking code, in a small thread pool; all waiting is asyncio.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartError, WalmartRateLimitError
from airflow_provider_walmart.client.feed_results import is_finished, progress, summarize

if TYPE_CHECKING:
    from airflow_provider_walmart.client.marketplace import MarketplaceClient

log = logging.getLogger(__name__)

# Rounds in a row that may fail before it counts as more than bad weather.
MAX_FAILED_ROUNDS = 10
# Feeds that are due this soon are looked at in the same round. Seconds.
TOGETHER = 2.0
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="walmart-poll")


@dataclass
class _Waiting:
    """One feed that somebody waits for."""

    pause: Callable[[dict[str, Any] | None], float]
    due: float
    done: asyncio.Future[dict[str, Any] | None]
    latest: dict[str, Any] | None = None
    said: str = ""
    waiters: int = 1
    # What is said about a feed goes to the log of the trigger that waits for it.
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


class FeedPoller:
    """Looks after all feeds of one account that triggers of this process wait for.

    :param client: the account.
    """

    def __init__(self, client: MarketplaceClient) -> None:
        from airflow_provider_walmart.client.feed_watch import FeedWatch

        self._watch = FeedWatch(client)
        self._waiting: dict[str, _Waiting] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._failed_rounds = 0

    async def wait(
        self, feed_id: str, pause: Callable[[dict[str, Any] | None], float]
    ) -> dict[str, Any] | None:
        """Return a feed once it is finished; None when Walmart doesn't know it.

        :param pause: how long to wait before the next look, given what the last one showed. Seconds.
        :raises WalmartError: when too many rounds in a row failed.
        """
        waiting = self._waiting.get(feed_id)
        if waiting is None:
            loop = asyncio.get_running_loop()
            waiting = _Waiting(pause, time.monotonic() + pause(None), loop.create_future())
            self._waiting[feed_id] = waiting
        else:
            waiting.waiters += 1
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._run(), name="walmart-feed-poller")
        self._changed.set()
        try:
            return await asyncio.shield(waiting.done)
        finally:
            waiting.waiters -= 1
            if waiting.waiters == 0:
                self._waiting.pop(feed_id, None)

    async def _run(self) -> None:
        while self._waiting:
            self._changed.clear()
            pause = min(waiting.due for waiting in self._waiting.values()) - time.monotonic()
            if pause > 0:
                # A feed that is added meanwhile may be due sooner.
                try:
                    await asyncio.wait_for(self._changed.wait(), pause)
                except asyncio.TimeoutError:
                    pass
                else:
                    continue
            now = time.monotonic()
            due = [feed_id for feed_id, waiting in self._waiting.items() if waiting.due <= now + TOGETHER]
            if due:
                await self._round(due)

    async def _round(self, due: Collection[str]) -> None:
        try:
            found = await in_thread(self._watch.look, due)
        except WalmartRateLimitError as error:
            # Known weather: nobody may ask before the named time.
            self._postpone(due, error)
            return
        except Exception as error:
            self._failed_rounds += 1
            if self._failed_rounds >= MAX_FAILED_ROUNDS or (
                isinstance(error, WalmartError) and error.is_final
            ):
                self._fail(error)
                return
            self._postpone(due, error)
            return
        self._failed_rounds = 0
        now = time.monotonic()
        for feed_id in due:
            waiting = self._waiting.get(feed_id)
            if waiting is None:
                continue
            if feed_id in found:
                waiting.latest = feed = found[feed_id]
                if (feed is None or is_finished(summarize(feed))) and not waiting.done.done():
                    waiting.done.set_result(feed)
                    self._waiting.pop(feed_id)
                    continue
                text = progress(feed) if feed else ""
                if text != waiting.said:
                    waiting.said = text
                    waiting.context.run(log.info, "Waiting: %s", text)
            waiting.due = now + waiting.pause(waiting.latest)

    def _postpone(self, due: Collection[str], error: Exception) -> None:
        retry_at = getattr(error, "retry_at", None)
        for feed_id in due:
            if waiting := self._waiting.get(feed_id):
                pause = waiting.pause(waiting.latest)
                if retry_at:
                    pause = max(pause, retry_at.timestamp() - time.time())
                waiting.due = time.monotonic() + pause
                waiting.context.run(
                    log.warning, "Looking at feeds failed, next look in %.0f s: %s", pause, error
                )

    def _fail(self, error: Exception) -> None:
        self._failed_rounds = 0
        for waiting in self._waiting.values():
            if not waiting.done.done():
                waiting.done.set_exception(error)
        self._waiting.clear()


# Clients and pollers of this process, by event loop and account.
_clients: dict[tuple[int, object], MarketplaceClient] = {}
_pollers: dict[tuple[int, object], FeedPoller] = {}


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a blocking function returns, without blocking the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_pool, work, *arguments)


async def client_of(walmart_conn_id: str) -> MarketplaceClient:
    """Return the client of a connection's account: one for all connections with the same keys."""
    key = await _account_of(walmart_conn_id)
    return _clients[key]


async def poller_of(walmart_conn_id: str) -> FeedPoller:
    """Return the poller of a connection's account."""
    key = await _account_of(walmart_conn_id)
    return _pollers.setdefault(key, FeedPoller(_clients[key]))


async def _account_of(walmart_conn_id: str) -> tuple[int, object]:
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    connection = await WalmartHook.aget_connection(walmart_conn_id)
    # Registering secrets with Airflow's masker blocks, and so doesn't belong on the event loop.
    settings = await in_thread(WalmartHook.settings_of, connection)
    key = (id(asyncio.get_running_loop()), settings)
    if key not in _clients:
        _clients[key] = await in_thread(WalmartHook.client_of, settings)
    return key
