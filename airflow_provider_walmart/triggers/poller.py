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
    from airflow_provider_walmart.client.golocal import GoLocalClient
    from airflow_provider_walmart.client.marketplace import MarketplaceClient
    from airflow_provider_walmart.hooks.account import AccountHook

log = logging.getLogger(__name__)

# Rounds in a row that may fail before it counts as more than bad weather.
MAX_FAILED_ROUNDS = 10
# What is due this soon is looked at in the same round. Seconds.
TOGETHER = 2.0
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="walmart-poll")


@dataclass
class _Waiting:
    """One thing that somebody waits for."""

    pause: Callable[[dict[str, Any] | None], float]
    due: float
    done: asyncio.Future[dict[str, Any] | None]
    latest: dict[str, Any] | None = None
    said: str = ""
    waiters: int = 1
    # What is said about it goes to the log of the trigger that waits for it.
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


class Poller:
    """Looks after all things of one kind and account that triggers of this process wait for.

    :param look: ``look(ids)`` asks Walmart, blocking, and returns what it learnt: things by id, None for one that
        Walmart doesn't know.
    :param is_done: whether nothing more will happen to a thing.
    :param progress: how far a thing is, in words for the log.
    """

    def __init__(
        self,
        look: Callable[[Collection[str]], dict[str, dict[str, Any] | None]],
        is_done: Callable[[dict[str, Any]], bool],
        progress: Callable[[dict[str, Any]], str],
    ) -> None:
        self._look = look
        self._is_done = is_done
        self._progress = progress
        self._waiting: dict[str, _Waiting] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._failed_rounds = 0

    async def wait(
        self, thing_id: str, pause: Callable[[dict[str, Any] | None], float]
    ) -> dict[str, Any] | None:
        """Return a thing once nothing more will happen to it; None when Walmart doesn't know it.

        :param pause: how long to wait before the next look, given what the last one showed. Seconds.
        :raises WalmartError: when too many rounds in a row failed.
        """
        waiting = self._waiting.get(thing_id)
        if waiting is None:
            loop = asyncio.get_running_loop()
            waiting = _Waiting(pause, time.monotonic() + pause(None), loop.create_future())
            self._waiting[thing_id] = waiting
        else:
            waiting.waiters += 1
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._run(), name="walmart-poller")
        self._changed.set()
        try:
            return await asyncio.shield(waiting.done)
        finally:
            waiting.waiters -= 1
            if waiting.waiters == 0 and self._waiting.get(thing_id) is waiting:
                del self._waiting[thing_id]

    async def _run(self) -> None:
        while self._waiting:
            self._changed.clear()
            pause = min(waiting.due for waiting in self._waiting.values()) - time.monotonic()
            if pause > 0:
                # One that is added meanwhile may be due sooner.
                try:
                    await asyncio.wait_for(self._changed.wait(), pause)
                except asyncio.TimeoutError:
                    pass
                else:
                    continue
            now = time.monotonic()
            due = [thing_id for thing_id, waiting in self._waiting.items() if waiting.due <= now + TOGETHER]
            if due:
                await self._round(due)

    async def _round(self, due: Collection[str]) -> None:
        try:
            found = await in_thread(self._look, due)
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
        for thing_id in due:
            waiting = self._waiting.get(thing_id)
            if waiting is None:
                continue
            if thing_id in found:
                waiting.latest = thing = found[thing_id]
                if (thing is None or self._is_done(thing)) and not waiting.done.done():
                    waiting.done.set_result(thing)
                    self._waiting.pop(thing_id)
                    continue
                text = self._progress(thing) if thing else ""
                if text != waiting.said:
                    waiting.said = text
                    waiting.context.run(log.info, "Waiting: %s", text)
            waiting.due = now + waiting.pause(waiting.latest)

    def _postpone(self, due: Collection[str], error: Exception) -> None:
        retry_at = getattr(error, "retry_at", None)
        for thing_id in due:
            if waiting := self._waiting.get(thing_id):
                pause = waiting.pause(waiting.latest)
                if retry_at:
                    pause = max(pause, retry_at.timestamp() - time.time())
                waiting.due = time.monotonic() + pause
                waiting.context.run(
                    log.warning, "Looking at Walmart failed, next look in %.0f s: %s", pause, error
                )

    def _fail(self, error: Exception) -> None:
        self._failed_rounds = 0
        for waiting in self._waiting.values():
            if not waiting.done.done():
                waiting.done.set_exception(error)
        self._waiting.clear()


class FeedPoller(Poller):
    """Looks after the feeds of one account.

    :param client: the account.
    """

    def __init__(self, client: MarketplaceClient) -> None:
        from airflow_provider_walmart.client.feed_watch import FeedWatch

        super().__init__(FeedWatch(client).look, lambda feed: is_finished(summarize(feed)), progress)


# Clients and pollers of this process, by event loop and account.
_clients: dict[tuple[int, object], Any] = {}
_pollers: dict[tuple[int, object, str], Poller] = {}


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a blocking function returns, without blocking the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_pool, work, *arguments)


async def client_of(walmart_conn_id: str) -> MarketplaceClient:
    """Return the client of a connection's account: one for all connections with the same keys."""
    client: MarketplaceClient = _clients[await _account_of(walmart_conn_id)]
    return client


async def golocal_client_of(walmart_golocal_conn_id: str) -> GoLocalClient:
    """Return the GoLocal client of a connection's account, likewise."""
    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

    client: GoLocalClient = _clients[await _account_of(walmart_golocal_conn_id, WalmartGoLocalHook)]
    return client


async def poller_of(
    walmart_conn_id: str, kind: str = "feeds", make: Callable[[MarketplaceClient], Poller] = FeedPoller
) -> Poller:
    """Return the poller of a connection's account.

    :param kind: what it looks after; there is one poller per account and kind.
    :param make: makes it.
    """
    key = await _account_of(walmart_conn_id)
    return _pollers.setdefault((*key, kind), make(_clients[key]))


async def _account_of(conn_id: str, hook: type[AccountHook[Any, Any]] | None = None) -> tuple[int, object]:
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    hook = hook or WalmartHook
    connection = await hook.aget_connection(conn_id)
    # Registering secrets with Airflow's masker blocks, and so doesn't belong on the event loop.
    settings = await in_thread(hook.settings_of, connection)
    key = (id(asyncio.get_running_loop()), settings)
    if key not in _clients:
        _clients[key] = await in_thread(hook.client_of, settings)
    return key
