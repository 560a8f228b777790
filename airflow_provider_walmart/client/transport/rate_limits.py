"""Rate budgets that all processes of a deployment share.

Two sources say how fast an account may call: the limits that Walmart publishes, kept as token buckets in
the shared state store, and the answers themselves, which name the time to come back at. Slots are
reserved ahead: whoever has to wait knows for how long and sends no request to find out.

What is guaranteed once an answer has named a time: from the moment it is in the store, no process that shares
the store sends anything more to that bucket before then. What was on its way by that moment, at most one call
for every thread that is calling, can't be taken back.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from pyrate_limiter import Rate, TokenBucket

from airflow_provider_walmart.client.catalogue.operations import (
    Operation,
    RateLimit,
    all_operations,
    limits_of,
)
from airflow_provider_walmart.client.errors import WalmartRateLimitError
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.forks import let_go_after_fork
from airflow_provider_walmart.client.transport.retry_after import LONGEST_BLOCK, retry_time
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.values.dates import from_epoch

log = logging.getLogger(__name__)

# For operations whose limit is not published: an answer of 429 teaches the rest.
DEFAULT_LIMIT = (60, 60)
# A process takes at once what refills in this time, so that a fast bucket costs no lock per call. Seconds.
LEASE_WORTH = 3.0
# Taken slots that aren't used within this time are gone. Seconds.
LEASE_LIFE = 2.0
# Walmart counts calls as they arrive: one that took its time makes the next one seem early. Seconds.
LAG = LEASE_LIFE + 1.0
# Said in the log from this wait on. Seconds.
WORTH_SAYING = 5.0
LOCK_TIMEOUT = 5.0
WALMARTS_WORD = "Walmart's own word"

_algorithm = TokenBucket()


class Throttle:
    """Keeps the calls of an account inside its rate budgets, together with all other processes.

    :param settings: the account; each has budgets of its own.
    :param store: shared state store.
    :param max_wait: a longer wait raises instead of blocking, in seconds.
    :param clock: seconds since 1970 UTC.
    :param sleep: waits for so many seconds.
    :param published: False keeps to what answers say alone.
    :param leave: share of each budget that is left to others: a call that would take of it is refused.
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
        leave: float = 0.0,
    ) -> None:
        self._account = settings.account
        self._market = settings.market
        self._store = store
        self._max_wait = max_wait
        self._clock = clock
        self._sleep = sleep
        self._published = published
        self._leave = leave
        self._leases: dict[str, _Lease] = {}
        self._names: dict[tuple[str, str], str] = {}
        let_go_after_fork(self)

    def after_fork(self) -> None:
        """Leave the slots that were taken ahead to the parent process."""
        self._leases.clear()

    def wait(self, method: str, path: str, query: str, *, has_slot: bool = False) -> None:
        """Wait until a call may be sent, and take its slot.

        :param has_slot: it has one, and waits only where an answer has named a time meanwhile.
        :raises WalmartRateLimitError: when that would take longer than ``max_wait``; no slot is taken then.
        """
        limits = _limits(self._market, method, path, query)
        call = _Call(method, path, self._clock() + self._max_wait)
        is_taken = has_slot or not self._published
        while True:
            blocked = {limit.bucket: self._blocked_until(limit.bucket) for limit in limits}
            until = max(blocked.values())
            if until > self._clock():
                call.refuse_after_deadline(until, self._clock(), WALMARTS_WORD)
                self._sleep_until(until, call, WALMARTS_WORD)
                # Others have waited for the same moment: slots are given out anew.
                is_taken = not self._published
            elif is_taken:
                return
            else:
                starts = []
                # The scarcest first: when it refuses, nothing has been taken from the others.
                for limit in limits:
                    starts.append(self._take(limit, blocked[limit.bucket], call))
                    self._sleep_until(starts[-1], call, _budget(limit))
                if not any(starts):
                    return
                # Time has passed: an answer may have come.
                is_taken = True

    def learn(self, method: str, path: str, query: str, status: int, headers: Mapping[str, str]) -> None:
        """Remember, for all processes, what an answer says: that a budget is used up, and until when."""
        if status != 429 and not _none_left(headers.get("x-current-token-count", "")):
            return
        now = self._clock()
        when = retry_time(headers, from_epoch(now))
        for limit in _limits(self._market, method, path, query):
            if when is None and not self._published:
                continue
            until = when.timestamp() if when else now + limit.per_seconds / limit.count
            name = self._name("block", limit.bucket)
            with self._store.lock(name, LOCK_TIMEOUT):
                if until > self._blocked_until(limit.bucket):
                    self._store.put(name, repr(until).encode(), until - now + limit.per_seconds)

    def budgets(self) -> list[Budget]:
        """Return the published budgets of the account's market, as they are in the store right now."""
        found: dict[str, Budget] = {}
        now = self._clock()
        for operation in all_operations():
            for limit in operation.limits if operation.market in ("us", self._market) else ():
                name = self._name(_budget(limit), limit.bucket)
                if name in found:
                    continue
                blocked = self._blocked_until(limit.bucket)
                found[name] = Budget(
                    limit.bucket,
                    limit.count,
                    limit.per_seconds,
                    self._left(limit, self._stored(name, math.inf), now),
                    from_epoch(blocked) if blocked > now else None,
                )
        return list(found.values())

    @staticmethod
    def _left(limit: RateLimit, state: float, now: float) -> int:
        rate = Rate(limit.count, limit.per_seconds * 1000)
        return max(0, limit.count - _algorithm.consumed([rate], (state,), int(now * 1000)))

    # -- slots ---------------------------------------------------------------------------------------

    def _take(self, limit: RateLimit, blocked: float, call: _Call) -> float:
        """Take the next slot of a budget and return when it is; 0 for one that was taken ahead.

        :param blocked: until when Walmart wanted no call of this bucket; lies in the past.
        """
        name = self._name(_budget(limit), limit.bucket)
        if self._use_lease(name, blocked):
            return 0.0
        bucket = _Bucket(limit)
        with self._store.lock(name, LOCK_TIMEOUT):
            # Another thread may have taken some meanwhile: those of this one would put them out of reach.
            if self._use_lease(name, blocked):
                return 0.0
            now = self._clock()
            state = bucket.state(self._stored(name, bucket.latest(now + self._max_wait)), now, blocked)
            if self._leave and self._left(limit, state, now) - 1 < self._leave * limit.count:
                raise WalmartRateLimitError(
                    f"Not sent: what is left of {_budget(limit)} is left to others.",
                    method=call.method,
                    path=call.path,
                )
            lease = self._leases.get(name)
            ahead = min(bucket.most_ahead, lease.next_size(now)) if lease else 1
            for size in sorted({ahead, 1}, reverse=True):
                after, start = bucket.take(state, now, size)
                if start <= now:
                    self._leases[name] = _Lease(size, now)
                    break
            else:
                call.refuse_after_deadline(start, now, _budget(limit))
                after, start = bucket.take(state, start, 1)
                self._leases.pop(name, None)
            self._store.put(name, repr(after).encode(), 2.0 * limit.per_seconds)
        return start

    def _use_lease(self, name: str, blocked: float) -> bool:
        lease = self._leases.get(name)
        return lease is not None and lease.use(self._clock(), blocked)

    def _blocked_until(self, bucket: str) -> float:
        return self._stored(self._name("block", bucket), self._clock() + LONGEST_BLOCK)

    def _stored(self, name: str, latest: float) -> float:
        """Return a moment out of the store; 0 when there is none, or one that makes no sense."""
        stored = self._store.get(name)
        if stored is None:
            return 0.0
        try:
            moment = float(stored)
        except ValueError:
            moment = math.nan
        if not 0 <= moment <= latest:
            self._store.left_out("damaged or from the future")
            return 0.0
        return moment

    def _sleep_until(self, until: float, call: _Call, reason: str) -> None:
        seconds = until - self._clock()
        if seconds <= 0:
            return
        if seconds >= WORTH_SAYING:
            log.info("Waiting %.1f s before %s %s: %s", seconds, call.method, call.path, reason)
        self._sleep(seconds)

    def _name(self, kind: str, bucket: str) -> str:
        name = self._names.get((kind, bucket))
        if name is None:
            name = hashlib.sha256(json.dumps([kind, bucket, *self._account]).encode()).hexdigest()
            self._names[kind, bucket] = name
        return name


@dataclass(frozen=True)
class Budget:
    """What is known of one published rate budget of an account.

    :param bucket: its name: method and path, for most.
    :param count: so many calls are allowed ...
    :param per_seconds: ... within so many seconds.
    :param left: calls that may be made at once.
    :param blocked_until: the time (aware, UTC) that Walmart named after a 429; None when it named none, or it is past.
    """

    bucket: str
    count: int
    per_seconds: int
    left: int
    blocked_until: datetime | None


@dataclass
class _Call:
    """One call that wants to go out.

    :param deadline: it waits no longer than this.
    """

    method: str
    path: str
    deadline: float

    def refuse_after_deadline(self, start: float, now: float, reason: str) -> None:
        """Raise when a call can't start in time."""
        if start > self.deadline:
            raise WalmartRateLimitError(
                f"Not sent: by {reason} the next {self.method} {self.path} is due in {start - now:.0f} s.",
                retry_at=from_epoch(start),
                method=self.method,
                path=self.path,
            )


class _Bucket:
    """The token bucket of a limit, by the arithmetic of `pyrate_limiter`; all times are seconds since 1970 UTC.

    Its state is one number, the time at which the bucket is full again, in microseconds as the store has it.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        # A budget of one call has nothing that could be held back, so its calls are further apart.
        self._spare = LAG if limit.count == 1 else 0.0
        self._rate = Rate(limit.count, int((limit.per_seconds + self._spare) * 1000))
        self.most_ahead = max(1, int(limit.count / limit.per_seconds * LEASE_WORTH))

    def latest(self, deadline: float) -> float:
        """Return the largest state that makes sense, for calls that start at a time at the latest."""
        return (deadline + self._limit.per_seconds + self._spare + LAG) * 1e6

    def state(self, stored: float, now: float, blocked: float) -> float:
        """Return the state before a call.

        :param stored: what the store has.
        :param blocked: until when Walmart wanted no call.
        """
        return max(
            stored,
            # Held back, for calls that take longer to arrive than those after them.
            (now + LAG - self._spare) * 1e6,
            # By Walmart's word there was one call left at that moment.
            (blocked + self._limit.per_seconds * (1 - 1 / self._limit.count)) * 1e6,
        )

    def take(self, state: float, at: float, slots: int) -> tuple[float, float]:
        """Return the state after so many slots, and when they are; later than asked for when there are none yet."""
        milliseconds = _whole_milliseconds(at)
        (after,), decision = _algorithm.step([self._rate], (state,), milliseconds, slots)
        if decision.allowed:
            return after, at
        return state, (milliseconds + (decision.retry_after_ms or 0)) / 1000


class _Lease:
    """Slots of a budget that this process has taken ahead; the first one is used at once.

    The next one is twice as large when all slots were used so fast that twice as many would have been, and as large
    as what was used of one that expired: neither does a busy process keep asking the store, nor does a quiet one let
    slots expire.
    """

    def __init__(self, size: int, now: float) -> None:
        self._size = size
        self._taken_at = now
        # Several threads may take from its end at the same time.
        self._left = deque(range(size - 1))

    def use(self, now: float, blocked: float) -> bool:
        """Use a slot, if there is one that is neither expired nor from before a time that Walmart named."""
        if not blocked < self._taken_at <= now <= self._taken_at + LEASE_LIFE:
            return False
        try:
            self._left.pop()
        except IndexError:
            return False
        return True

    def next_size(self, now: float) -> int:
        """Return how many slots to take next."""
        age = now - self._taken_at
        if age > LEASE_LIFE:
            return max(1, self._size - len(self._left))
        return self._size * 2 if age <= LEASE_LIFE / 2 else self._size


def _whole_milliseconds(seconds: float) -> int:
    # A time that was made of milliseconds may be a little less than they are.
    return int(seconds * 1000 + 1e-3)


def _budget(limit: RateLimit) -> str:
    return f"the budget of {limit.count} per {limit.per_seconds} s"


def _none_left(token_count: str) -> bool:
    try:
        return float(token_count) < 1
    except ValueError:
        return False


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
    """Return the catalogued operation that a call is, as far as method and path show."""
    parts = path.split("/")
    best = None
    for operation, template in _by_shape().get(_shape(method, parts), ()):
        if all(want == have or want[:1] == "{" for want, have in zip(template, parts, strict=True)):
            # A spelled-out path wins over one with a parameter there; the market's own over that of the US.
            rank = (operation.market == market, -operation.path.count("{"))
            if best is None or rank > best[0]:
                best = (rank, operation)
    return best[1] if best else None


def _shape(method: str, parts: Sequence[str]) -> tuple[str, int, str]:
    # No path has a parameter in its first two parts, such as "v3" and "orders".
    return method, len(parts), parts[2] if len(parts) > 2 else ""


@functools.cache
def _by_shape() -> Mapping[tuple[str, int, str], Sequence[tuple[Operation, Sequence[str]]]]:
    shapes = defaultdict(list)
    for operation in all_operations():
        template = operation.path.split("/")
        shapes[_shape(operation.method, template)].append((operation, template))
    return shapes
