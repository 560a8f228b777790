"""The sandbox's own time: it can be moved forward and run faster than the wall clock."""

from __future__ import annotations

import time

from msgspec import Struct


class Clock(Struct):
    """Time in epoch seconds, a straight line over the wall clock.

    :param wall: wall time at which the line was last bent.
    :param base: sandbox time at that moment.
    :param speed: sandbox seconds per wall second.
    """

    wall: float
    base: float
    speed: float = 1.0

    @classmethod
    def started(cls) -> Clock:
        """Return a clock that shows the wall time."""
        now = time.time()
        return cls(wall=now, base=now)

    def now(self) -> float:
        """Return the sandbox time in epoch seconds."""
        return self.base + (time.time() - self.wall) * self.speed

    def to_wall(self, moment: float) -> float:
        """Return the wall time at which this clock shows a moment.

        Callers are told wall times to wait for, because the wall clock is the only one they can read.

        :param moment: sandbox time in epoch seconds.
        """
        return time.time() + (moment - self.now()) / self.speed

    def advance(self, seconds: float) -> None:
        """Move the time forward.

        :param seconds: how far.
        """
        self.base += seconds

    def set_speed(self, speed: float) -> None:
        """Let the time run at another speed from now on.

        :param speed: sandbox seconds per wall second, above 0.
        """
        self.base, self.wall = self.now(), time.time()
        self.speed = speed
