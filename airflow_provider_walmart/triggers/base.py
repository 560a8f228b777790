"""What all triggers that wait for something have in common."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.task.durations import duration, poll_seconds


class WalmartWaitTrigger(BaseTrigger):
    """Base of the triggers that wait for something at Walmart until a deadline.

    :param since: when waiting began, seconds since 1970 UTC.
    :param deadline: when to give up, seconds since 1970 UTC.
    :param poll_interval: time between two polls, as timedelta or seconds; None (default): by age and kind of the thing that is
        waited for.
    :param exponential_backoff: True doubles the time between two polls each time, beginning with ``poll_interval``;
        default False.
    :param max_wait: longest time between two polls then, as timedelta or seconds; None (default): no limit.
    :param resume: what the task needs to go on, JSON; it comes back in the event, since ``dag.test()`` gives a task nothing
        else.
    """

    # Names of the arguments that a trigger has besides these.
    own_arguments: ClassVar[tuple[str, ...]] = ()
    _arguments = ("since", "deadline", "poll_interval", "exponential_backoff", "max_wait", "resume")

    def __init__(
        self,
        *,
        since: float,
        deadline: float,
        poll_interval: timedelta | float | None = None,
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        resume: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.since = since
        self.deadline = deadline
        self.poll_interval = poll_seconds(poll_interval)
        self.exponential_backoff = exponential_backoff
        self.max_wait = None if max_wait is None else duration("max_wait", max_wait).total_seconds()
        self.resume = dict(resume or {})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, plain JSON without secrets."""
        names = (*self.own_arguments, *self._arguments)
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in names},
        )

    @abstractmethod
    async def wait(self) -> dict[str, Any]:
        """Return what an event of success holds.

        :raises asyncio.TimeoutError: when the deadline has passed.
        :raises WalmartError: when it can't be waited for.
        """

    @abstractmethod
    def usual_pause(self, age: float) -> float:
        """Return the seconds between two polls where there is no ``poll_interval``.

        :param age: for how long it has been waited for, in seconds.
        """

    def pause(self) -> float:
        """Return the seconds until the next poll."""
        age = max(0.0, time.time() - self.since)
        if self.poll_interval is None:
            return self.usual_pause(age)
        if not self.exponential_backoff:
            return self.poll_interval
        # To wait as long again as until now doubles it each time, whatever restarts in between.
        grown = max(self.poll_interval, age)
        return grown if self.max_wait is None else min(grown, self.max_wait)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event.

        Its ``status`` is ``success``, with what the trigger waited for, ``timeout``, or ``error``, with ``message`` and
        ``retryable``; ``resume`` is what the trigger was given.
        """
        try:
            event = {"status": "success", **await self.wait()}
        except asyncio.TimeoutError as error:
            pending = {"pending": list(error.args[0])} if error.args else {}
            event = {"status": "timeout", **pending}
        except WalmartError as error:
            event = {"status": "error", "message": str(error), "retryable": not error.is_final}
        yield TriggerEvent({**event, "resume": self.resume})


class WalmartTimeTrigger(BaseTrigger):
    """Waits for a time, and gives the task back what it needs to go on.

    :param at: seconds since 1970 UTC.
    :param resume: as for `WalmartWaitTrigger`.
    """

    def __init__(self, *, at: float, resume: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.at = at
        self.resume = dict(resume)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, plain JSON without secrets."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"at": self.at, "resume": self.resume}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with ``status`` and ``resume``, at that time."""
        await asyncio.sleep(max(0.0, self.at - time.time()))
        yield TriggerEvent({"status": "success", "resume": self.resume})
