"""One poller per account in a triggerer process, whatever number of triggers wait.

Polling itself is the client's plain, blocking code, in a small thread pool; all waiting is asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import math
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_walmart.client.errors import WalmartError, WalmartRateLimitError
from airflow_provider_walmart.client.feeds.results import is_finished, progress

if TYPE_CHECKING:
    from airflow_provider_walmart.client.golocal.client import GoLocalClient
    from airflow_provider_walmart.client.marketplace import MarketplaceClient
    from airflow_provider_walmart.hooks.account import AccountHook

log = logging.getLogger(__name__)

# Looks in a row that may fail before it counts as more than bad weather.
MAX_FAILED_LOOKS = 10
# What is due within this time, or this share of its pause, is looked at in the same round: things that are looked at
# together cost fewer calls. Seconds.
TOGETHER = 2.0
TOGETHER_SHARE = 0.25
# After so many things, others on the event loop get their turn.
AT_A_TIME = 50
# For so long the account of a connection is taken for what it was: when a triggerer starts, all of its triggers do so at
# once. Seconds.
FRESH = 10.0
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="walmart-poll")


class _Waiting:
    """One thing that somebody waits for."""

    def __init__(self, pause: Callable[[dict[str, Any] | None], float]) -> None:
        self.done: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self.looked = asyncio.Event()
        self.waiters = 1
        self.failed_looks = 0
        self.began = time.monotonic()
        self.due = self.early = 0.0
        self._pause = pause
        self._latest: dict[str, Any] | None = None
        self._said = ""
        # What is said about it goes to the log of the trigger that waits for it.
        self._context = contextvars.copy_context()
        self.look_later()

    def look_later(self, latest: dict[str, Any] | None = None) -> None:
        """Set the time of the next look, given what the last one showed."""
        self._latest = latest or self._latest
        pause = self._pause(self._latest)
        self.due = time.monotonic() + pause
        self.early = self.due - max(TOGETHER, pause * TOGETHER_SHARE)

    def look_now(self) -> None:
        """Have the next look at once, and `looked` set after it."""
        self.looked.clear()
        self.due = self.early = time.monotonic()

    def postpone(self, error: Exception) -> None:
        """Look later after a failed look, and not before the time that Walmart named."""
        self.look_later()
        if retry_at := getattr(error, "retry_at", None):
            self.early = time.monotonic() + retry_at.timestamp() - time.time()
            self.due = max(self.due, self.early)
        pause = self.due - time.monotonic()
        self._context.run(log.warning, "Looking at Walmart failed, next look in %.0f s: %s", pause, error)

    def say(self, text: str) -> None:
        """Log how far it is, once."""
        if text != self._said:
            self._said = text
            self._context.run(log.info, "Waiting: %s", text)


class Poller:
    """Looks after all things of one kind and account that triggers of this process wait for.

    :param look: ``look(ids)`` asks Walmart, blocking, and returns what it learnt: things by id, None for one that
        Walmart doesn't know, an error for one that can't be looked at. Things that are not due may be in it, too.
    :param is_done: whether nothing more will happen to a thing.
    :param progress: how far a thing is, in words for the log.
    :param unknown_for: how long a thing may be unknown before that is believed, in seconds.
    """

    def __init__(
        self,
        look: Callable[[Collection[str]], Mapping[str, Any]],
        is_done: Callable[[dict[str, Any]], bool],
        progress: Callable[[dict[str, Any]], str],
        *,
        unknown_for: float = 0.0,
    ) -> None:
        self._look = look
        self._is_done = is_done
        self._progress = progress
        self._unknown_for = unknown_for
        self._waiting: dict[str, _Waiting] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._sooner = asyncio.Event()
        self._next_look = 0.0
        self._failed_rounds = 0

    async def wait(
        self,
        thing_id: str,
        pause: Callable[[dict[str, Any] | None], float],
        *,
        deadline: float = math.inf,
    ) -> dict[str, Any] | None:
        """Return a thing once nothing more will happen to it; None when Walmart doesn't know it.

        :param pause: how long to wait before the next look, given what the last one showed. Seconds.
        :param deadline: when to look for the last time, seconds since 1970 UTC.
        :raises asyncio.TimeoutError: when that look, too, showed that it goes on.
        :raises WalmartError: when it can't be looked at, or too many looks in a row failed.
        """
        waiting = self._waiting.get(thing_id)
        if waiting is None:
            waiting = self._waiting[thing_id] = _Waiting(pause)
        else:
            waiting.waiters += 1
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._run(), name="walmart-poller")
        if waiting.due < self._next_look:
            self._sooner.set()
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(asyncio.shield(waiting.done), max(0.0, deadline - time.time()))
            waiting.look_now()
            self._sooner.set()
            await waiting.looked.wait()
            if not waiting.done.done():
                raise asyncio.TimeoutError
            return waiting.done.result()
        finally:
            waiting.waiters -= 1
            if waiting.waiters == 0 and self._waiting.get(thing_id) is waiting:
                del self._waiting[thing_id]

    async def _run(self) -> None:
        while self._waiting:
            self._sooner.clear()
            self._next_look = min(waiting.due for waiting in self._waiting.values())
            pause = self._next_look - time.monotonic()
            if pause > 0:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._sooner.wait(), pause)
                continue
            now = time.monotonic()
            await self._round(
                [thing_id for thing_id, waiting in self._waiting.items() if waiting.early <= now]
            )

    async def _round(self, due: Collection[str]) -> None:
        try:
            found = await in_thread(self._look, due)
        except Exception as error:
            failure = error
            # A 429 is no failure: it says when to come back.
            self._failed_rounds += not isinstance(error, WalmartRateLimitError)
            if self._failed_rounds >= MAX_FAILED_LOOKS or _is_final(error):
                self._failed_rounds = 0
                await self._each(tuple(self._waiting), lambda thing_id, _: self._end(thing_id, failure))
            else:
                await self._each(due, lambda _, waiting: waiting.postpone(failure))
            await self._each(due, lambda _, waiting: waiting.looked.set())
            return
        self._failed_rounds = 0
        await self._each(due, lambda _, waiting: waiting.look_later())
        await self._each(found, lambda thing_id, waiting: self._learn(thing_id, waiting, found[thing_id]))
        await self._each(due, lambda _, waiting: waiting.looked.set())

    async def _each(self, thing_ids: Collection[str], do: Callable[[str, _Waiting], None]) -> None:
        for number, thing_id in enumerate(thing_ids, start=1):
            if waiting := self._waiting.get(thing_id):
                try:
                    do(thing_id, waiting)
                except Exception as error:
                    self._end(thing_id, error)
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)

    def _learn(self, thing_id: str, waiting: _Waiting, seen: dict[str, Any] | Exception | None) -> None:
        if isinstance(seen, Exception):
            waiting.failed_looks += 1
            if waiting.failed_looks >= MAX_FAILED_LOOKS or _is_final(seen):
                self._end(thing_id, seen)
            else:
                waiting.postpone(seen)
            return
        waiting.failed_looks = 0
        if seen is None and time.monotonic() - waiting.began < self._unknown_for:
            waiting.say(f"Walmart doesn't list {thing_id} yet")
        elif seen is None or self._is_done(seen):
            self._end(thing_id, seen)
        else:
            waiting.say(self._progress(seen))
            waiting.look_later(seen)

    def _end(self, thing_id: str, outcome: dict[str, Any] | Exception | None) -> None:
        waiting = self._waiting.pop(thing_id)
        if isinstance(outcome, Exception):
            waiting.done.set_exception(outcome)
        else:
            waiting.done.set_result(outcome)
        waiting.looked.set()


class FeedPoller(Poller):
    """Looks after the feeds of one account.

    :param client: the account.
    """

    def __init__(self, client: MarketplaceClient) -> None:
        from airflow_provider_walmart.client.feeds.watch import LISTED_WITHIN, FeedWatch

        watch = FeedWatch(client)
        super().__init__(
            lambda due: watch.look(due, tuple(self._waiting)),
            is_finished,
            progress,
            unknown_for=LISTED_WITHIN,
        )


def _is_final(error: Exception) -> bool:
    return isinstance(error, WalmartError) and error.is_final


# What triggers of this process share: clients by account, and pollers by account and kind, for each event loop.
_clients: dict[object, Any] = {}
_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[object, str], Poller]] = WeakKeyDictionary()
# Searches for the accounts of connections, with the time at which they began.
_searches: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[tuple[str, object], tuple[float, asyncio.Task[object]]]
] = WeakKeyDictionary()


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
    account = await _account_of(walmart_conn_id)
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    if (account, kind) not in pollers:
        pollers[account, kind] = make(_clients[account])
    return pollers[account, kind]


async def _account_of(conn_id: str, hook: type[AccountHook[Any, Any]] | None = None) -> object:
    """Return what tells the account of a connection from others, having made its client."""
    searches = _searches.setdefault(asyncio.get_running_loop(), {})
    began, search = searches.get((conn_id, hook), (0.0, None))
    if search is None or time.monotonic() - began > FRESH or (search.done() and search.exception()):
        search = asyncio.create_task(_find_account(conn_id, hook))
        searches[conn_id, hook] = time.monotonic(), search
    # A trigger that is cancelled must not take the answer away from the others, nor, below Airflow 3.2, from the talk of
    # the triggerer with Airflow, which would lose its place.
    return await asyncio.shield(search)


async def _find_account(conn_id: str, hook: type[AccountHook[Any, Any]] | None) -> object:
    from airflow_provider_walmart.hooks.masking import mask_through
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    mask_through(asyncio.get_running_loop())
    hook = hook or WalmartHook
    connection = await hook.aget_connection(conn_id)
    # Registering secrets with Airflow's masker blocks, and so doesn't belong on the event loop.
    settings = await in_thread(hook.settings_of, connection)
    if settings not in _clients:
        client = await in_thread(hook.client_of, settings)
        # Another trigger may have been quicker.
        _clients.setdefault(settings, client)
    return settings
