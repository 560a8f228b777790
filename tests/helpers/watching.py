"""Watchers as a triggerer runs them, and what they announce: ``async with Watching(trigger) as watching``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from contextvars import ContextVar

import pytest

from airflow_provider_walmart.triggers import event_stream, events

with contextlib.suppress(ImportError):
    from airflow.triggers.shared_stream import SharedStreamManager

HAS_SHARED_STREAMS = "SharedStreamManager" in globals()
needs_shared_streams = pytest.mark.skipif(
    not HAS_SHARED_STREAMS, reason="shared streams and the state of assets came with Airflow 3.3"
)
# Ways in which Airflow runs a watcher: with a loop of its own before 3.3, with a shared one from there on.
LOOPS = [
    pytest.param(False, id="own loop"),
    pytest.param(True, id="shared loop", marks=needs_shared_streams),
]


# Which watcher of a `Watching` has a loop of its own; the shared loop is that of nobody.
_owner: ContextVar[int] = ContextVar("owner", default=0)


class AssetStore:
    """State of an asset that outlives the triggerer."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.broken = 0

    async def aget(self, key):
        return json.loads(self.values.get(key, "null"))

    async def aset(self, key, value):
        if self.broken:
            self.broken -= 1
            raise RuntimeError("the API server is away")
        self.values[key] = json.dumps(value)


def as_a_triggerer_makes_it(trigger, store=None):
    """Return a trigger made anew from what Airflow keeps of it."""
    _, kwargs = json.loads(json.dumps(trigger.serialize()))
    trigger = type(trigger)(**kwargs)
    trigger.poll_interval = 0.05
    trigger.asset_state_store = store
    return trigger


class Watching:
    """Runs triggers and collects their events.

    :param shared: with one loop for all of them, by Airflow's own means; otherwise each with its own.
    :param safe: whether events come to be in Airflow's database; otherwise the triggerer dies with them in its hands.
    :param apart: how far apart the last two events of a poll are, in seconds.
    """

    def __init__(self, *triggers, shared=HAS_SHARED_STREAMS, safe=True, apart=0.0) -> None:
        self.triggers = triggers
        self.shared = shared
        self.safe = safe
        self.apart = apart
        self.events: list[list[dict]] = [[] for _ in triggers]
        self.times: list[list[float]] = [[] for _ in triggers]
        self._polls: Counter[int] = Counter()

    @property
    def polls(self) -> int:
        """How many polls have begun, in all loops."""
        return self._polls.total()

    async def __aenter__(self):
        self._in_thread, event_stream.in_thread = event_stream.in_thread, self._counting
        self._apart, events.APART = events.APART, self.apart
        self._in_threads: list[asyncio.Task] = []
        self._manager = SharedStreamManager() if self.shared else None
        self._tasks = [
            asyncio.create_task(self._collect(number, trigger))
            for number, trigger in enumerate(self.triggers)
        ]
        await self.poll()
        return self

    async def __aexit__(self, *_):
        event_stream.in_thread = self._in_thread
        events.APART = self._apart
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._in_threads, return_exceptions=True)

    def join(self, trigger):
        """Start one more trigger, whose events go to a list of their own."""
        self.events.append([])
        self.times.append([])
        self._tasks.append(asyncio.create_task(self._collect(len(self.events) - 1, trigger)))

    async def poll(self) -> None:
        """Wait until everything there is now was polled, and that was digested."""
        # A poll that begins after the next one is over began with what is there now.
        loops = (0,) if self.shared else range(len(self._tasks))
        wanted = {loop: self._polls[loop] + 2 for loop in loops}
        while any(self._polls[loop] < polls for loop, polls in wanted.items()):
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)

    async def _counting(self, *work):
        self._polls[_owner.get()] += 1
        # A thread goes on when nobody waits for it any more, and must not get into the next test.
        self._in_threads.append(asyncio.create_task(self._in_thread(*work)))
        return await asyncio.shield(self._in_threads[-1])

    def _note(self, number, event) -> None:
        self.events[number].append(json.loads(json.dumps(event.payload)))
        self.times[number].append(time.monotonic())

    async def _collect(self, number, trigger):
        if not self.shared:
            _owner.set(number)
            async for event in trigger.run():
                self._note(number, event)
            return
        key = trigger.shared_stream_key()
        polls = self._manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(polls):
                self._note(number, event)
                in_database = self._manager.bind_pending_event(trigger_id=number, key=key)
                if self.safe:
                    self._manager.confirm_persisted([in_database])
        finally:
            await self._manager.unsubscribe(number, key)
