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
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_walmart.client.errors import WalmartAuthError
from airflow_provider_walmart.client.feeds.results import progress
from airflow_provider_walmart.client.feeds.verdict import is_finished
from airflow_provider_walmart.task.poll_failures import PollFailures
from airflow_provider_walmart.triggers.accounts import Account, account_of

T = TypeVar("T")

log = logging.getLogger(__name__)

# What is due within this time, or this share of its pause, is polled in the same round: things that are polled
# together cost fewer calls. Seconds.
TOGETHER = 2.0
TOGETHER_SHARE = 0.25
# After so many things, others on the event loop get their turn.
AT_A_TIME = 50


class _Waiting:
    """One thing that somebody waits for."""

    def __init__(self, pause: Callable[[], float]) -> None:
        self.done: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self.polled = asyncio.Event()
        self.waiters = 1
        self.failures = PollFailures()
        self.began = time.monotonic()
        self.due = self.early = 0.0
        self._pause = pause
        self._logged = ""
        # What is logged about it goes to the log of the trigger that waits for it.
        self._context = contextvars.copy_context()
        self.poll_later()

    def poll_later(self) -> None:
        """Set the time of the next poll."""
        pause = self._pause()
        self.due = time.monotonic() + pause
        self.early = self.due - max(TOGETHER, pause * TOGETHER_SHARE)

    def poll_now(self) -> None:
        """Have the next poll at once, and `polled` set after it."""
        self.polled.clear()
        self.due = self.early = time.monotonic()

    def postpone(self, error: Exception) -> None:
        """Poll later after a failed poll, and not before the time that Walmart named."""
        self.poll_later()
        if retry_at := getattr(error, "retry_at", None):
            self.early = time.monotonic() + retry_at.timestamp() - time.time()
            self.due = max(self.due, self.early)
        pause = self.due - time.monotonic()
        self._context.run(log.warning, "Polling Walmart failed, next poll in %.0f s: %s", pause, error)

    def log_progress(self, text: str) -> None:
        """Log how far it is, once."""
        if text != self._logged:
            self._logged = text
            self._context.run(log.info, "Waiting: %s", text)


class Poller:
    """Polls for all things of one kind and account that triggers of this process wait for.

    :param read: ``read(ids)`` polls Walmart, blocking, and returns what it learnt: things by id, None for one that
        Walmart doesn't know, an error for one that can't be read. Things that are not due may be in it, too.
    :param is_done: whether nothing more will happen to a thing.
    :param progress: how far a thing is, in words for the log.
    :param unknown_for: how long a thing may be unknown before that is believed, in seconds.
    :param account: whose threads it polls in; None: threads that all share.
    """

    def __init__(
        self,
        read: Callable[[Collection[str]], Mapping[str, Any]],
        is_done: Callable[[dict[str, Any]], bool],
        progress: Callable[[dict[str, Any]], str],
        *,
        unknown_for: float = 0.0,
        account: Account | None = None,
    ) -> None:
        self._read = read
        self._is_done = is_done
        self._progress = progress
        self._unknown_for = unknown_for
        self._run_blocking = account.run if account else asyncio.to_thread
        # When a round last went well, seconds since 1970 UTC, and when its keys, or whatever else concerns all, made it give
        # up (`time.monotonic`).
        self.worked_at = self.ended_at = -math.inf
        self._waiting: dict[str, _Waiting] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._sooner = asyncio.Event()
        self._next_poll = 0.0
        self._failures = PollFailures()

    async def wait(
        self,
        thing_id: str,
        pause: Callable[[], float],
        *,
        deadline: float = math.inf,
    ) -> dict[str, Any] | None:
        """Return a thing once nothing more will happen to it; None when Walmart doesn't know it.

        :param pause: returns how long to wait before the next poll, in seconds.
        :param deadline: when to poll for the last time, seconds since 1970 UTC.
        :raises asyncio.TimeoutError: when that poll, too, showed that it goes on.
        :raises WalmartError: when it can't be read, or too many polls in a row failed.
        """
        waiting = self._waiting.get(thing_id)
        if waiting is None:
            waiting = self._waiting[thing_id] = _Waiting(pause)
        else:
            waiting.waiters += 1
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._run(), name="walmart-poller")
        if waiting.due < self._next_poll:
            self._sooner.set()
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(asyncio.shield(waiting.done), max(0.0, deadline - time.time()))
            waiting.poll_now()
            self._sooner.set()
            await waiting.polled.wait()
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
            self._next_poll = min(waiting.due for waiting in self._waiting.values())
            pause = self._next_poll - time.monotonic()
            if pause > 0:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._sooner.wait(), pause)
                continue
            now = time.monotonic()
            await self._poll(
                [thing_id for thing_id, waiting in self._waiting.items() if waiting.early <= now]
            )

    async def _poll(self, due: Collection[str]) -> None:
        """Do one round."""
        try:
            found = await self._run_blocking(self._read, due)
        except Exception as error:
            await self._fail(due, error)
        else:
            self._failures.reset()
            self.worked_at = time.time()
            # Also what was seen without being due: so all of them come to be polled in the same rounds.
            await self._each({*due, *found}, lambda _, waiting: waiting.poll_later())
            await self._each(found, lambda thing_id, waiting: self._learn(thing_id, waiting, found[thing_id]))
        await self._each(due, lambda _, waiting: waiting.polled.set())

    async def _fail(self, due: Collection[str], error: Exception) -> None:
        """Poll later after a round that failed, or give up for all."""
        if _may_go_on(self._failures, error):
            await self._each(due, lambda _, waiting: waiting.postpone(error))
        else:
            self._failures.reset()
            self.ended_at = time.monotonic()
            await self._each(tuple(self._waiting), lambda thing_id, _: self._end(thing_id, error))

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
        """Take note of what a round showed of one thing."""
        if isinstance(seen, Exception):
            if _may_go_on(waiting.failures, seen):
                waiting.postpone(seen)
            else:
                self._end(thing_id, seen)
            return
        waiting.failures.reset()
        if seen is None and time.monotonic() - waiting.began < self._unknown_for:
            waiting.log_progress(f"Walmart doesn't list {thing_id} yet")
        elif seen is None or self._is_done(seen):
            self._end(thing_id, seen)
        else:
            waiting.log_progress(self._progress(seen))

    def _end(self, thing_id: str, outcome: dict[str, Any] | Exception | None) -> None:
        waiting = self._waiting.pop(thing_id)
        if isinstance(outcome, Exception):
            waiting.done.set_exception(outcome)
        else:
            waiting.done.set_result(outcome)
        waiting.polled.set()


def _may_go_on(failures: PollFailures, error: Exception) -> bool:
    """Return whether to poll again with the same keys: of refused ones `with_current_keys` knows more."""
    return not isinstance(error, WalmartAuthError) and failures.may_go_on(error)


class FeedPoller(Poller):
    """Polls for the feeds of one account.

    :param account: the account.
    """

    def __init__(self, account: Account) -> None:
        from airflow_provider_walmart.client.feeds.watch import LISTED_WITHIN, FeedWatch

        watch = FeedWatch(account.client)
        super().__init__(
            lambda due: watch.poll(due, tuple(self._waiting)),
            is_finished,
            progress,
            unknown_for=LISTED_WITHIN,
            account=account,
        )


# For each event loop, what triggers of this process share: pollers by account and kind.
_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Account, str], Poller]] = (
    WeakKeyDictionary()
)


async def poller_of(
    walmart_conn_id: str,
    kind: str = "feeds",
    make: Callable[[Account], Poller] = FeedPoller,
    *,
    newer_than: float = -math.inf,
) -> Poller:
    """Return the poller of a connection's account.

    :param kind: what it polls; there is one poller per account and kind.
    :param make: makes it.
    :param newer_than: as for `account_of`.
    """
    account = await account_of(walmart_conn_id, newer_than=newer_than)
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    if (account, kind) not in pollers:
        pollers[account, kind] = make(account)
    return pollers[account, kind]


async def with_current_keys(
    wait: Callable[[Poller], Awaitable[T]], *poller: Any, deadline: float = math.inf
) -> T:
    """Return what is waited for with a poller, going on with another one when its keys were refused and edited since.

    :param wait: waits.
    :param poller: arguments of `poller_of`.
    :param deadline: until when the connection is read again, seconds since 1970 UTC.
    :raises WalmartAuthError: when the keys are still refused then, or after an hour.
    """

    async def read_again(newer_than: float) -> Poller:
        try:
            return await poller_of(*poller, newer_than=newer_than)
        except Exception as error:
            # Somebody may be in the middle of editing it.
            log.warning("The connection can't be used as it is now: %s", error)
            return current

    failures = PollFailures(keys_worked=True)
    current, newer_than = await poller_of(*poller), -math.inf
    while True:
        try:
            return await wait(current)
        except WalmartAuthError as error:
            refused = error
        if failures.refused_since and current.worked_at > failures.refused_since:
            failures.reset()
        edited = await read_again(max(newer_than, current.ended_at))
        if edited is current:
            if time.time() >= deadline or not failures.may_go_on(refused):
                raise refused
            log.warning(failures.text(refused))
            newer_than = time.monotonic()
            await asyncio.sleep(max(0.0, min(failures.pause(), deadline - time.time())))
            edited = await read_again(newer_than)
        if edited is not current:
            log.info("The connection was edited: going on with what it says now")
            current = edited
