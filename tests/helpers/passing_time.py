"""Time that passes for the sandbox when something has happened, and not by the speed of this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import requests

from tests.helpers.shop import Shop


@contextlib.contextmanager
def time_passes(shop: Shop, *steps: float, after: int, path: str) -> Iterator[None]:
    """Move the sandbox's clock once so many more requests have been answered.

    :param steps: by how much, in seconds; with several, each of them takes as many requests more.
    :param after: number of requests, counted from now on.
    :param path: regular expression of their paths.
    """
    over = threading.Event()
    control = requests.Session()

    def answered() -> int:
        entries = control.get(f"{shop.url}/_sandbox/requests", params={"path": path}).json()
        return sum(entry["status"] is not None for entry in entries)

    enough = answered() + after

    def watch(enough: int) -> None:
        for seconds in steps:
            while answered() < enough:
                if over.wait(0.02):
                    return
            control.post(f"{shop.url}/_sandbox/clock", json={"advance": seconds})
            enough = answered() + after

    watcher = threading.Thread(target=watch, args=(enough,))
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        control.close()
