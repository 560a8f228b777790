"""Working on one thing while the next one is being fetched."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Generator, Iterable
from queue import SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(source: Iterable[Item]) -> Generator[Item, None, None]:
    """Yield what an iterable yields; while one item is worked on, a thread fetches the next one, and no more.

    The first item is worked on alone: when that fails, nothing was asked for in vain.

    :param source: what to iterate over, one item after the other, never two at a time.
    :raises BaseException: whatever the source raises, when its turn comes.
    """
    fetched: SimpleQueue[tuple[bool, Item | None, BaseException | None]] = SimpleQueue()
    wanted = threading.Semaphore(0)
    is_over = False

    def fetch() -> None:
        try:
            for item in source:
                fetched.put((True, item, None))
                wanted.acquire()
                if is_over:
                    return
        except BaseException as error:
            fetched.put((False, None, error))
        else:
            fetched.put((False, None, None))

    # A daemon, so that a task that is to stop need not wait for an answer of a slow server.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(fetch,), name="walmart-prefetch", daemon=True).start()
    is_first = True
    try:
        while True:
            is_item, item, error = fetched.get()
            if error:
                raise error
            if not is_item:
                return
            if not is_first:
                wanted.release()
            yield item  # type: ignore[misc] # an item of the source's own type
            if is_first:
                wanted.release()
                is_first = False
    finally:
        is_over = True
        wanted.release()
