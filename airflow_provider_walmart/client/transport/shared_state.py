"""The shared state store: what must outlive a process, since every Airflow task is a new one.

Values are bytes under hashed names. The store keeps nothing that could not be fetched again, so a broken
one costs speed and never correctness: `Resilient` turns every failure of a store into one warning.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from airflow_provider_walmart.client.errors import WalmartConfigError

log = logging.getLogger(__name__)


class StateStore(Protocol):
    """Where values live that all processes of a deployment share."""

    def get(self, name: str) -> bytes | None:
        """Return the value, or None."""

    def put(self, name: str, value: bytes, ttl: float) -> None:
        """Keep the value for at least ``ttl`` seconds, unless the store breaks."""

    def lock(self, name: str, timeout: float) -> AbstractContextManager[Any]:
        """Return a lock that one process at a time holds, for ``timeout`` seconds at most.

        Entering and leaving it raise `filelock.Timeout` when somebody holds or held it for too long.
        """


class MemoryStore:
    """Shares nothing beyond this process."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._locks: dict[tuple[int, str], threading.Lock] = {}

    def get(self, name: str) -> bytes | None:
        """Return the value, or None."""
        return self._values.get(name)

    def put(self, name: str, value: bytes, ttl: float) -> None:
        """Keep the value as long as the process lives."""
        self._values[name] = value

    def lock(self, name: str, timeout: float) -> AbstractContextManager[Any]:
        """Return the lock of a name within this process."""
        # A fork inherits locks that nobody in it would ever give back.
        return self._locks.setdefault((os.getpid(), name), threading.Lock())


class FileStore:
    """Files that the processes of one host share.

    :param folder: made with mode 0700 when missing; files in it get mode 0600.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)

    def get(self, name: str) -> bytes | None:
        """Return the value, or None."""
        try:
            # On the way of every call: plain open is a third of what pathlib takes.
            with open(f"{self._folder}/{name}", "rb", buffering=0) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def put(self, name: str, value: bytes, ttl: float) -> None:
        """Write the value beside its place, then rename it there."""
        self._make_folder()
        handle, temporary = tempfile.mkstemp(prefix=f".{name[:8]}-", dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(value)
            os.replace(temporary, self._folder / name)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def lock(self, name: str, timeout: float) -> AbstractContextManager[Any]:
        """Return a lock that the operating system gives back when its holder dies."""
        self._make_folder()
        return FileLock(self._folder / f"{name}.lock", timeout=timeout, mode=0o600, thread_local=False)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)


class RedisStore:
    """A Redis that the hosts of a cluster share.

    :param url: ``redis://`` or ``rediss://`` URL; may hold a password, so it is never logged.
    :raises WalmartConfigError: when the ``redis`` package is missing or the URL is none.
    """

    PREFIX = "airflow-provider-walmart:"

    def __init__(self, url: str) -> None:
        try:
            import redis
        except ImportError:
            raise WalmartConfigError(
                "[walmart] shared_state is 'redis', but the redis package is not installed: "
                "pip install 'airflow-provider-walmart[redis]'."
            ) from None
        self._not_owned = redis.exceptions.LockNotOwnedError
        try:
            self._redis = redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
        except ValueError:
            raise WalmartConfigError(
                "[walmart] shared_state_url is not a redis:// or rediss:// URL (not repeated: it may hold a password)."
            ) from None

    def get(self, name: str) -> bytes | None:
        """Return the value, or None."""
        value: Any = self._redis.get(self.PREFIX + name)
        return value if isinstance(value, bytes) else None

    def put(self, name: str, value: bytes, ttl: float) -> None:
        """Keep the value for ``ttl`` seconds."""
        self._redis.set(self.PREFIX + name, value, px=max(1, int(ttl * 1000)))

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float) -> Iterator[None]:
        """Hold a lock that Redis gives back after ``timeout`` seconds, should its holder die."""
        # Who waits for one whose holder died waits until after that.
        lock = self._redis.lock(
            f"{self.PREFIX}{name}.lock", timeout=timeout, sleep=0.05, blocking_timeout=timeout + 1.0
        )
        if not lock.acquire():
            raise Timeout(name)
        try:
            yield
        finally:
            try:
                lock.release()
            except self._not_owned:
                raise Timeout(name) from None


class Resilient:
    """Turns the failures of a store into one warning of each kind, and goes on in memory.

    :param store: the store to use while it works. After a failure it is left alone for `REST` seconds,
        so that a store that takes its time to fail doesn't do so on every call.
    """

    REST = 30.0

    def __init__(self, store: StateStore) -> None:
        # What this process knows already, by name: spares asking the store on every call.
        self.known: dict[str, Any] = {}
        self._store = store
        self._memory = MemoryStore()
        self._warned: set[str] = set()
        self._rest_until = 0.0

    def get(self, name: str) -> bytes | None:
        """Return the value out of the store, or out of memory while it fails."""
        if not self._resting():
            try:
                return self._store.get(name)
            except Exception as error:  # any failure of a third party's store must cost speed only
                self._failed(error)
        return self._memory.get(name)

    def put(self, name: str, value: bytes, ttl: float) -> None:
        """Keep the value in the store, or in memory while it fails."""
        if not self._resting():
            try:
                self._store.put(name, value, ttl)
                return
            except Exception as error:
                self._failed(error)
        self._memory.put(name, value, ttl)

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float) -> Iterator[None]:
        """Hold the lock of the store, or go on without it where there is none to be had."""
        with contextlib.ExitStack() as stack:
            if not self._resting():
                try:
                    held = self._store.lock(name, timeout)
                    held.__enter__()
                except Exception as error:
                    self._failed(error)
                else:
                    stack.callback(self._release, held)
            yield

    def left_out(self, why: str) -> None:
        """Say once per process that an entry of the store, which works, is not used.

        :param why: what is wrong with it.
        """
        self._warn(
            "An entry in the shared state store is %s: it is not used, and a new one takes its place.", why
        )

    def _warn(self, text: str, *details: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            log.warning(text, *details)

    def _resting(self) -> bool:
        return time.monotonic() < self._rest_until

    def _failed(self, error: Exception) -> None:
        if isinstance(error, Timeout):
            self._warn("A lock in the shared state store was held too long: this step goes on without it.")
            return
        self._rest_until = time.monotonic() + self.REST
        # Only the kind of error: its text may hold the URL of the store.
        words = error.strerror if isinstance(error, OSError) else None
        self._warn(
            "The shared state store is of no use right now (%s): going on in memory, so processes don't share tokens and "
            "rate budgets.",
            f"{type(error).__name__}, {words}" if words else type(error).__name__,
        )

    def _release(self, held: AbstractContextManager[Any]) -> None:
        try:
            held.__exit__(None, None, None)
        except Exception as error:
            self._failed(error)
