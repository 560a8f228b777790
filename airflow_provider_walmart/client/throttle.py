"""Rate budgets that all processes of a deployment share.

Two sources say how fast an account may call: the limits that Walmart publishes, kept as token buckets in
the shared state store, and the answers themselves, which name the time to come back at. Slots are
reserved ahead: whoever has to wait knows for how long and sends no request to find out.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from urllib.parse import parse_qsl

from pyrate_limiter import Rate, TokenBucket

from airflow_provider_walmart.client.catalogue import Operation, RateLimit, all_operations, limits_of
from airflow_provider_walmart.client.errors import WalmartRateLimitError
from airflow_provider_walmart.client.retry_after import retry_time
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.state import Resilient

log = logging.getLogger(__name__)

# For operations whose limit is not published: an answer of 429 teaches the rest.
DEFAULT_LIMIT = (60, 60)
# Share of a budget that a process takes at once, so that a fast bucket costs no look into the store per call.
LEASE_SHARE = 50
# Taken slots that aren't used within this time are gone. Seconds.
LEASE_LIFE = 2.0
# Said in the log from this wait on. Seconds.
WORTH_SAYING = 5.0
LOCK_TIMEOUT = 5.0
HOUR = 3600

_algorithm = TokenBucket()


class Throttle:
    """Keeps the calls of an account inside its rate budgets, together with all other processes.

    :param settings: the account; each has budgets of its own.
    :param store: shared state store.
    :param max_wait: a longer wait raises instead of blocking, in seconds.
    :param clock: seconds since 1970 UTC.
    :param sleep: waits for so many seconds.
    :param published: False keeps to what answers say alone.
    """

    def __init__(
        self,
        settings: WalmartSettings,
        store: Resilient,
        max_wait: float,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        published: bool = True,
    ) -> None:
        self._account = (settings.base_url, settings.client_id, settings.partner_id, settings.market)
        self._market = settings.market
        self._store = store
        self._max_wait = max_wait
        self._clock = clock
        self._sleep = sleep
        self._published = published
        self._leases: dict[str, tuple[int, float]] = {}
        self._mutex = threading.Lock()
        self._names: dict[tuple[str, str], str] = {}

    def wait(self, method: str, path: str, query: str) -> None:
        """Wait until a call may be sent, and take its slot.

        :raises WalmartRateLimitError: when that would take longer than ``max_wait``; no slot is taken then.
        """
        limits = _limits(self._market, method, path, query)
        if self._published:
            # The scarcest first: when it refuses, nothing has been taken from the others.
            for limit in limits:
                start = self._take(limit)
                self._sleep_until(start, f"the budget of {limit.count} per {limit.per_seconds} s", limit)
        for bucket in {limit.bucket for limit in limits}:
            # Others may learn of a later time while we sleep.
            while (blocked := self._blocked_until(bucket)) > self._clock():
                self._refuse_long_wait(blocked, "Walmart's own word", bucket)
                self._sleep_until(blocked, "Walmart's own word", limits[0])

    def learn(self, method: str, path: str, query: str, status: int, headers: Mapping[str, str]) -> None:
        """Remember, for all processes, that an answer named a time to come back at."""
        if status != 429 and headers.get("x-current-token-count", "").strip() not in ("0", "0.0"):
            return
        when = retry_time(headers, datetime.fromtimestamp(self._clock(), timezone.utc))
        if when is None:
            return
        until = when.timestamp()
        for bucket in {limit.bucket for limit in _limits(self._market, method, path, query)}:
            name = self._name("block", bucket)
            with self._store.lock(name, LOCK_TIMEOUT):
                if until > self._blocked_until(bucket):
                    self._store.put(name, json.dumps(until).encode(), until - self._clock() + 1)

    # -- slots ---------------------------------------------------------------------------------------

    def _take(self, limit: RateLimit) -> float:
        """Return when the next slot of a budget is, having taken it."""
        name = self._name(f"{limit.count}/{limit.per_seconds}", limit.bucket)
        with self._mutex:
            left, expires_at = self._leases.get(name, (0, 0.0))
            if left > 0 and self._clock() < expires_at:
                self._leases[name] = (left - 1, expires_at)
                return 0.0
        rate = Rate(limit.count, limit.per_seconds * 1000)
        with self._store.lock(name, LOCK_TIMEOUT):
            state = self._load(name)
            now = int(self._clock() * 1000)
            lease = max(1, limit.count // LEASE_SHARE)
            for weight in sorted({lease, 1}, reverse=True):
                after, decision = _algorithm.step([rate], state, now, weight)
                if decision.allowed:
                    self._save(name, after, limit)
                    with self._mutex:
                        self._leases[name] = (weight - 1, self._clock() + LEASE_LIFE)
                    return 0.0
            start = now + (decision.retry_after_ms or 0)
            self._refuse_long_wait(
                start / 1000, f"the budget of {limit.count} per {limit.per_seconds} s", limit.bucket
            )
            after, _ = _algorithm.step([rate], state, start, 1)
            self._save(name, after, limit)
        return start / 1000

    def _load(self, name: str) -> tuple[float, ...]:
        stored = self._store.get(name)
        try:
            return (float(json.loads(stored)),) if stored else (0,)
        except (ValueError, TypeError):
            self._store.warn("an entry in it is damaged")
            return (0,)

    def _save(self, name: str, state: tuple[float, ...], limit: RateLimit) -> None:
        self._store.put(name, json.dumps(state[0]).encode(), 2.0 * limit.per_seconds)

    # -- waiting -------------------------------------------------------------------------------------

    def _blocked_until(self, bucket: str) -> float:
        stored = self._store.get(self._name("block", bucket))
        try:
            return float(json.loads(stored)) if stored else 0.0
        except (ValueError, TypeError):
            return 0.0

    def _refuse_long_wait(self, until: float, reason: str, bucket: str) -> None:
        if until - self._clock() > self._max_wait:
            method, _, path = bucket.partition(" ")
            raise WalmartRateLimitError(
                f"Not sent: by {reason} the next call of {bucket} is due in {until - self._clock():.0f} s",
                retry_at=datetime.fromtimestamp(until, timezone.utc),
                method=method,
                path=path,
            )

    def _sleep_until(self, until: float, reason: str, limit: RateLimit) -> None:
        seconds = until - self._clock()
        if seconds <= 0:
            return
        if seconds >= WORTH_SAYING:
            log.info("Waiting %.1f s before the next call of %s: %s", seconds, limit.bucket, reason)
        self._sleep(seconds)

    def _name(self, kind: str, bucket: str) -> str:
        name = self._names.get((kind, bucket))
        if name is None:
            name = hashlib.sha256(json.dumps([kind, bucket, *self._account]).encode()).hexdigest()
            self._names[kind, bucket] = name
        return name


@functools.lru_cache(maxsize=1024)
def _limits(market: str, method: str, path: str, query: str) -> tuple[RateLimit, ...]:
    operation = operation_at(market, method, path)
    if operation is None:
        return (RateLimit(*DEFAULT_LIMIT, bucket=f"{method} {'/'.join(path.split('/')[:4])}"),)
    given = dict(parse_qsl(query))
    bucket = f"{operation.method} {operation.path}"
    if bucket == "POST /v3/reports/reportRequests":
        # Walmart counts each type of report apart.
        bucket += f"?reportType={given.get('reportType')}"
    limits = limits_of(operation, given) or (RateLimit(*DEFAULT_LIMIT, bucket=bucket),)
    return tuple(sorted(limits, key=lambda limit: limit.count / limit.per_seconds))


def operation_at(market: str, method: str, path: str) -> Operation | None:
    """Return the catalogued operation that a call is, as far as method and path tell."""
    parts = path.split("/")
    best = None
    for operation in _by_shape()[method, len(parts)]:
        template = operation.path.split("/")
        if all(want == have or want[:1] == "{" for want, have in zip(template, parts, strict=True)):
            # A spelled-out path wins over one with a parameter there; the market's own over that of the US.
            rank = (operation.market == market, -operation.path.count("{"))
            if best is None or rank > best[0]:
                best = (rank, operation)
    return best[1] if best else None


@functools.cache
def _by_shape() -> Mapping[tuple[str, int], Iterable[Operation]]:
    shapes: defaultdict[tuple[str, int], list[Operation]] = defaultdict(list)
    for operation in all_operations():
        shapes[operation.method, operation.path.count("/") + 1].append(operation)
    return shapes
