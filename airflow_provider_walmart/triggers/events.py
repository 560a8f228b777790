"""What all triggers that start DAGs on events at Walmart have in common."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Hashable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.task.durations import poll_seconds
from airflow_provider_walmart.triggers.event_stream import (
    EventStream,
    Memory,
    Poll,
    Tracker,
    producer_of,
    stream_of,
)

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import SharedStreamProducer

log = logging.getLogger(__name__)

# Airflow makes a run of the first event that its scheduler finds. Those that have come meanwhile get none: they lie until
# another one comes (apache/airflow#54659, #56050). So the last event of a poll keeps this distance from the one before it,
# and takes along what was left. Many times longer than a scheduler needs. Seconds.
APART = 20.0

# In characters, what Airflow's databases take.
LONGEST_KEY = 512


class WalmartEventTrigger(BaseEventTrigger):
    """Base of the event triggers: one loop for all watchers, each of which remembers what it has announced.

    On Airflow 3.3 all watchers of a connection and kind share a loop, and what was announced is kept in the state store
    of the asset once the events are in Airflow's database. Older Airflows have neither: there, every watcher has a loop
    of its own, and begins anew when the triggerer does.

    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :param poll_interval: time between two polls, as timedelta or seconds, at least 1 second; default 60.
    """

    # What it polls at, in the plural.
    kind: ClassVar[str]

    def __init__(
        self, *, walmart_conn_id: str = "walmart_default", poll_interval: timedelta | float = 60.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.walmart_conn_id = walmart_conn_id
        self.poll_interval = max(1.0, poll_seconds(poll_interval))

    @abstractmethod
    def filters(self) -> dict[str, list[str] | None]:
        """Return the arguments that say what is to be announced, each a sorted list, or None for everything."""

    @abstractmethod
    def tracker(self, state: dict[str, Any] | None) -> Tracker:
        """Return what separates what is new from what was announced before."""

    @staticmethod
    @abstractmethod
    def make_poll() -> Callable[..., tuple[Any, ...]]:
        """Return what polls at Walmart."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, plain JSON without secrets."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "walmart_conn_id": self.walmart_conn_id,
                **self.filters(),
                "poll_interval": self.poll_interval,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """Share the loop with all watchers of the connection, whatever they want to hear of."""
        return ("walmart", self.kind, self.walmart_conn_id)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return the loop."""
        return producer_of(cls(**kwargs)._shared_stream())

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Yield an event for what is new to this watcher."""
        async for event in self._events(self._shared_stream(), shared_stream):
            yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Do the same with a loop of its own, as Airflow below 3.3 needs it."""
        stream = EventStream(self.walmart_conn_id, self.make_poll(), self.kind)
        async for event in self._events(stream, stream.polls()):
            yield event

    async def _events(self, stream: EventStream, polls: AsyncIterator[Poll]) -> AsyncIterator[TriggerEvent]:
        stores = _stores_of(self)
        if not stores:
            log.warning(
                "This Airflow keeps no state for assets (3.3 does): beginning with what is new among %s from now on.",
                self.kind,
            )
        filters = [name for names in self.filters().values() for name in names or ()]
        memory = Memory(stores, _key("_".join(["walmart", self.kind, self.walmart_conn_id, *filters])))
        tracker = self.tracker(await memory.recall())
        last_event = -math.inf
        with stream.watched(tracker, self.poll_interval):
            async for poll in polls:
                # It may have begun before this watcher came.
                if not poll.scope.covers(tracker.scope):
                    continue
                payloads = tracker.of(*poll.found)
                for payload in payloads:
                    if payload is payloads[-1]:
                        await asyncio.sleep(last_event + APART - time.monotonic())
                    yield TriggerEvent(payload)
                    last_event = time.monotonic()
                poll.digested(memory, tracker.state())

    def _shared_stream(self) -> EventStream:
        return stream_of(self.walmart_conn_id, self.make_poll, self.kind)


def list_of_names(
    argument: str, values: Collection[str], *, among: Collection[str] = (), such_as: str = ""
) -> list[str]:
    """Return an argument that is a list of names, sorted.

    No text will do, though operators take it: that is for templates, which triggers have none of.

    :param argument: what it is called.
    :param values: what was given.
    :param among: what is allowed; default: anything.
    :param such_as: what the names are, in words, where anything is.
    :raises WalmartConfigError: for anything else: a single text above all, which is a collection of letters.
    """
    names = list(values) if isinstance(values, (list, tuple, set, frozenset)) else []
    are_names = names and all(isinstance(name, str) and name.strip() for name in names)
    if not are_names or not {*names} <= {*(among or names)}:
        raise WalmartConfigError(
            f"{argument} is {values!r}; allowed: a list of {such_as or ', '.join(among)}."
        )
    return sorted({*names})


def _key(text: str) -> str:
    """Return a key that the state store takes: a long one ends in a digest."""
    if len(text) <= LONGEST_KEY:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: LONGEST_KEY - len(digest)]}{digest}"


def _stores_of(trigger: BaseEventTrigger) -> list[Any]:
    """Return the state stores of the trigger's assets; none where Airflow has none."""
    stores = getattr(trigger, "asset_state_store", None)
    if stores is None:
        return []
    # Airflow has no other list of the assets that one trigger watches for.
    by_name = getattr(stores, "_by_name", None) or {}
    return [by_name[name] for name in sorted(by_name)] or [stores]
