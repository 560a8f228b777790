"""One loop that polls at Walmart for all watchers of a connection that want to see the same kind of thing."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from airflow_provider_walmart.client.events.scope import PollScope
from airflow_provider_walmart.triggers.accounts import Account, account_of

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import SharedStreamProducer

    from airflow_provider_walmart.client.marketplace import MarketplaceClient

log = logging.getLogger(__name__)


class Tracker(Protocol):
    """Separates what is new from what was announced before."""

    @property
    def scope(self) -> PollScope:
        """What the next poll has to show."""

    def of(self, *found: Any) -> list[dict[str, Any]]:
        """Return the payloads of events, given what a poll returned."""

    def state(self) -> dict[str, Any]:
        """Return what to keep, JSON."""


class Memory:
    """Keeps what a watcher has announced, in the state stores of its assets (Airflow 3.3).

    Watchers that are equal share one trigger, whatever the number of their assets. All of these get the state, so that
    any of them may go and others come.

    :param stores: the stores.
    :param key: under what to keep it.
    """

    def __init__(self, stores: list[Any], key: str) -> None:
        self._stores = stores
        self._key = key
        self._kept: dict[str, Any] | None = None

    async def recall(self) -> dict[str, Any] | None:
        """Return the latest state that any store has; None for none."""
        states = [await store.aget(self._key) for store in self._stores]
        return max((state for state in states if state), key=lambda state: state["from"], default=None)

    async def keep(self, state: dict[str, Any]) -> None:
        """Keep a state; when that fails, the next one will do."""
        if state == self._kept:
            return
        try:
            for store in self._stores:
                await store.aset(self._key, state)
        except Exception as error:
            log.warning("What was announced could not be kept, trying again after the next poll: %s", error)
        else:
            self._kept = state


class Poll:
    """What a poll showed.

    :param scope: what it had to show.
    :param found: what the poll returned.
    """

    def __init__(self, scope: PollScope, found: tuple[Any, ...]) -> None:
        self.scope = scope
        self.found = found
        self._to_keep: list[tuple[Memory, dict[str, Any]]] = []

    def digested(self, memory: Memory, state: dict[str, Any]) -> None:
        """Note what a watcher is to remember once its events are safe."""
        self._to_keep.append((memory, state))

    async def events_are_safe(self) -> None:
        """Have all watchers remember what they announced."""
        for memory, state in self._to_keep:
            await memory.keep(state)


class EventStream:
    """Polls at Walmart for its watchers, for ever.

    :param walmart_conn_id: id of the connection.
    :param poll: ``poll(client, scope)``, blocking, returns what ``of`` of the watchers' trackers takes.
    :param kind: what it polls at, in words for the log.
    """

    def __init__(
        self, walmart_conn_id: str, poll: Callable[[MarketplaceClient, PollScope], tuple[Any, ...]], kind: str
    ) -> None:
        self._conn_id = walmart_conn_id
        self._poll = poll
        self._kind = kind
        self._watchers: dict[Tracker, float] = {}
        self._is_watched = asyncio.Event()
        self._somebody_came = asyncio.Event()
        self._polled_at = -math.inf
        self._not_before = 0.0

    @contextmanager
    def watched(self, tracker: Tracker, poll_interval: float) -> Iterator[None]:
        """Show somebody what he needs for a while.

        :param poll_interval: how often to poll, in seconds; the most impatient watcher decides.
        """
        self._watchers[tracker] = poll_interval
        self._is_watched.set()
        self._somebody_came.set()
        try:
            yield
        finally:
            del self._watchers[tracker]
            if not self._watchers:
                self._is_watched.clear()

    async def polls(self) -> AsyncIterator[Poll]:
        """Yield polls that show what all watchers need; a failed one is tolerated.

        There is a pause behind every poll, also when that failed, or when the loop broke off and begins anew.
        """
        while True:
            await self._is_watched.wait()
            if (pause := self._pause()) > 0:
                await self._sleep(pause)
                continue
            scope = reduce(or_, (tracker.scope for tracker in self._watchers))
            try:
                # Asked for anew each time, since the connection may have been edited.
                account = await account_of(self._conn_id)
                poll = Poll(scope, await in_thread(account, self._poll, account.client, scope))
            except Exception as error:
                self._polled_at = time.monotonic()
                if retry_at := getattr(error, "retry_at", None):
                    self._not_before = self._polled_at + retry_at.timestamp() - time.time()
                pause = self._pause()
                log.warning("Polling %s failed, polling again in %.0f s: %s", self._kind, pause, error)
            else:
                self._polled_at = time.monotonic()
                yield poll

    def _pause(self) -> float:
        interval = min(self._watchers.values(), default=0.0)
        return max(self._polled_at + interval, self._not_before) - time.monotonic()

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not when somebody comes who may want to poll sooner."""
        self._somebody_came.clear()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._somebody_came.wait(), seconds)


async def in_thread(account: Account, work: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a blocking function returns, run in a thread of an account."""
    return await account.run(work, *arguments)


def stream_of(
    walmart_conn_id: str, make_poll: Callable[[], Callable[..., tuple[Any, ...]]], kind: str
) -> EventStream:
    """Return the stream that all watchers of a connection and kind in this process share."""
    streams = _streams.setdefault(asyncio.get_running_loop(), {})
    if (walmart_conn_id, kind) not in streams:
        streams[walmart_conn_id, kind] = EventStream(walmart_conn_id, make_poll(), kind)
    return streams[walmart_conn_id, kind]


def producer_of(stream: EventStream) -> SharedStreamProducer:
    """Return a stream in the form in which Airflow 3.3 shares it between triggers.

    Airflow calls ``advance`` once the events made of a poll are in its database. Whatever happens before that makes the
    watchers announce them again, rather than not at all.
    """
    from airflow.triggers.shared_stream import SharedStreamProducer

    class Polls(SharedStreamProducer):
        async def open_stream(self) -> AsyncIterator[tuple[Poll, Poll]]:
            async for poll in stream.polls():
                yield poll, poll

        async def advance(self, batch: Any) -> None:
            for poll, outcome in batch:
                if outcome.is_clean:
                    await poll.events_are_safe()

    return Polls()


_streams: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], EventStream]] = (
    WeakKeyDictionary()
)
