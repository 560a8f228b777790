"""Who observes what goes over the wire: for metrics."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from typing import Protocol

import requests

# What stands behind the version: /v3/orders, /api/v1/deliveries.
_group = re.compile(r"/v\d+/([A-Za-z0-9_-]{1,40})").search


class Observer(Protocol):
    """Takes note of what a client does."""

    def answered(self, group: str, status: int) -> None:
        """Take note of one request on the wire, token calls and every attempt included.

        :param group: what it was about, such as ``orders``, or ``token``.
        :param status: status of the answer; 0 when there was none.
        """

    def throttled(self, seconds: float) -> None:
        """Take note of a wait that a rate limit asked for."""


def observe(
    observer: Observer, request: requests.PreparedRequest, response: requests.Response | None
) -> None:
    """Notify an observer of a request, and of those that its session sent on the way to its answer."""
    group = group_of(request.path_url.partition("?")[0])
    if response is None:
        observer.answered(group, 0)
        return
    # Redirects come by one by one; the answer that refused a token doesn't.
    earlier = response.history
    answers = earlier[:1] if earlier and earlier[0].is_redirect else [*earlier, response]
    for answer in answers:
        observer.answered(group, answer.status_code)


def observed_sleep(observer: Observer | None) -> Callable[[float], None]:
    """Return a sleep that notifies an observer of how long."""
    if observer is None:
        return time.sleep
    observed = observer

    def sleep(seconds: float) -> None:
        observed.throttled(seconds)
        time.sleep(seconds)

    return sleep


@functools.lru_cache(maxsize=256)
def group_of(path: str) -> str:
    """Return what a call is about: the first part of its path behind the version, or ``other``."""
    found = _group(path)
    return found.group(1) if found else "other"
