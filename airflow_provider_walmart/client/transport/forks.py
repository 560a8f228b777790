"""What a process that a fork makes must not share with its parent: open connections, and what was taken ahead."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """What holds something that belongs to one process."""

    def after_fork(self) -> None:
        """Let go, in the child, of what belongs to the parent."""


_holders: WeakSet[ForkAware] = WeakSet()


def let_go_after_fork(holder: ForkAware) -> None:
    """Have ``after_fork`` of an object called in every process that is forked from this one."""
    _holders.add(holder)


def _after_fork() -> None:
    for holder in list(_holders):
        holder.after_fork()


os.register_at_fork(after_in_child=_after_fork)
