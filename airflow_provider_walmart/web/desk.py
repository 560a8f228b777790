"""Asking on behalf of a page, Walmart mostly: in few threads of our own, briefly, and not twice for the same.

The API server shares forty threads among all requests: a slow Walmart must not hold them. And what a page asks for is
taken from the budgets that tasks need, so half of each is left to them.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import TTLCache

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
from airflow_provider_walmart.hooks.shared_state import shared_state
from airflow_provider_walmart.hooks.walmart import WalmartHook

if TYPE_CHECKING:
    from airflow_provider_walmart.client.golocal.client import GoLocalClient
    from airflow_provider_walmart.client.marketplace import MarketplaceClient

T = TypeVar("T")

# Seconds to wait for each answer of Walmart, and for all that a page needs.
ANSWER_TIMEOUT = 8.0
PAGE_TIMEOUT = 12.0
# Seconds that an answer is shown again for, and a failure.
FRESH = 45.0
FAILURE_FRESH = 10.0
THREADS = 4
# What waits for a thread besides what is being asked; more is refused.
QUEUE = 8
# Share of each rate budget that pages leave to tasks.
LEAVE = 0.5


class BusyError(Exception):
    """Too many pages ask already, or the answer takes too long: to be said in a sentence."""


class Desk:
    """Asks for pages.

    :param whom: who is asked, as sentences name it.
    :param threads: questions at the same time.
    :param queue: questions that may wait.
    :param timeout: how long a page waits for its answer. Seconds.
    """

    def __init__(
        self,
        whom: str = "Walmart",
        *,
        threads: int = THREADS,
        queue: int = QUEUE,
        timeout: float = PAGE_TIMEOUT,
    ) -> None:
        self._whom = whom
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="walmart-page")
        self._most = threads + queue
        self._timeout = timeout
        self._open = 0
        self._lock = threading.Lock()
        self._answers: TTLCache[Hashable, tuple[float, Future[Any]]] = TTLCache(1000, FRESH)

    async def ask(self, key: Hashable, question: Callable[[], T], fresh: float = FRESH) -> T:
        """Return what a question is answered with, from the cache where it is fresh.

        :param key: what is asked; the same key is the same answer.
        :param question: asks, and blocks.
        :param fresh: how long its answer is shown again, 45 s at most. Seconds.
        :raises BusyError: when it can't be asked now, or is not answered in time.
        """
        future = self._asked(key, question, fresh)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self._timeout)
        except asyncio.TimeoutError:
            raise BusyError(f"{self._whom} has not answered within {self._timeout:g} seconds.") from None

    def _asked(self, key: Hashable, question: Callable[[], T], fresh: float) -> Future[T]:
        with self._lock:
            at, future = self._answers.get(key, (0.0, None))
            if future and _is_fresh(future, time.monotonic() - at, fresh):
                return future
            if self._open >= self._most:
                raise BusyError(f"Many pages are asking {self._whom} at the moment, so this one did not.")
            self._open += 1
            future = self._pool.submit(question)
            self._answers[key] = time.monotonic(), future
        future.add_done_callback(self._closed)
        return future

    def _closed(self, future: Future[Any]) -> None:
        with self._lock:
            self._open -= 1


def _is_fresh(future: Future[Any], age: float, fresh: float) -> bool:
    if not future.done():
        return True
    return age < (min(fresh, FAILURE_FRESH) if future.exception() else fresh)


@functools.cache
def desk() -> Desk:
    """Return the desk of this process."""
    return Desk()


def marketplace(conn_id: str) -> MarketplaceClient:
    """Return a client for pages: briefly asked, nothing sent twice, and half of each budget left to tasks.

    To be called where it may block: a connection may come from a secrets backend.

    :param conn_id: id of a connection of type ``walmart``, which the user may read.
    :raises WalmartConfigError: when there is no such connection, or it is of another type.
    """
    settings = WalmartHook.settings_of(_connection(conn_id, WalmartHook.conn_type))
    settings = replace(settings, timeout=min(settings.timeout, ANSWER_TIMEOUT))
    client = WalmartHook.client_of(settings, attempts=1)
    client.session.throttle = Throttle(settings, shared_state(), max_wait=1.0, leave=LEAVE)
    return client


def golocal(conn_id: str) -> GoLocalClient:
    """Return a client for pages, as `marketplace` does.

    :param conn_id: id of a connection of type ``walmart_golocal``, which the user may read.
    :raises WalmartConfigError: when there is no such connection, or it is of another type.
    """
    settings = WalmartGoLocalHook.settings_of(_connection(conn_id, WalmartGoLocalHook.conn_type))
    settings = replace(settings, timeout=min(settings.timeout, ANSWER_TIMEOUT))
    return WalmartGoLocalHook.client_of(settings, attempts=1)


def connection_type(conn_id: str) -> str:
    """Return the type of a connection; empty where there is none.

    :param conn_id: id of a connection that the user may read.
    """
    try:
        return str(WalmartHook.get_connection(conn_id).conn_type)
    except Exception:  # whatever a secrets backend may raise
        return ""


def _connection(conn_id: str, conn_type: str) -> Any:
    try:
        connection = WalmartHook.get_connection(conn_id)
    except Exception:
        raise WalmartConfigError(f"There is no connection {conn_id!r}, or it cannot be read.") from None
    if connection.conn_type != conn_type:
        raise WalmartConfigError(f"The connection {conn_id!r} is not of type {conn_type}.")
    return connection
