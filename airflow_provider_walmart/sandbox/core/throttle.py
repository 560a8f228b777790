"""Rate limits: a token bucket per client, seller and API, on the sandbox's clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_walmart.sandbox.core import bounded
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.state import Bucket, State

_SLACK = 1e-6


@dataclass(frozen=True)
class Limit:
    """A published limit.

    :param calls: calls that may be made at once, and per period.
    :param seconds: the period.
    :param bucket: name under which endpoints share the limit.
    """

    calls: int
    seconds: float
    bucket: str


def per_minute(calls: int, bucket: str) -> Limit:
    """Return a limit of calls per minute.

    :param calls: how many.
    :param bucket: name under which endpoints share it.
    """
    return Limit(calls, 60, bucket)


def per_hour(calls: int, bucket: str) -> Limit:
    """Return a limit of calls per hour.

    :param calls: how many.
    :param bucket: name under which endpoints share it.
    """
    return Limit(calls, 3600, bucket)


def spend(state: State, owner: str, limit: Limit | None, names: Iterable[str]) -> dict[str, str]:
    """Take one call out of a bucket; return the headers that tell the caller how it stands.

    :param state: the sandbox's state.
    :param owner: whose bucket: client and seller.
    :param limit: the published limit, ``None`` when there is none.
    :param names: names of the endpoint under which its limit may be overridden, the most exact first.
    :raises Refusal: 429 when the bucket is empty.
    """
    limit = _effective(state, limit, names)
    if limit is None:
        return {}
    now, rate = state.clock.now(), limit.calls / limit.seconds
    key = f"{owner}/{limit.bucket}"
    bucket = state.buckets.get(key) or Bucket(limit.calls, now)
    bounded.put(state.buckets, key, bucket)
    level = min(limit.calls, bucket.level + max(0.0, now - bucket.at) * rate)
    granted = level >= 1 - _SLACK
    bucket.level, bucket.at = max(0.0, level - granted), now
    to_next = (math.floor(bucket.level + _SLACK) + 1 - bucket.level) / rate
    headers = {
        "x-current-token-count": str(math.floor(bucket.level + _SLACK)),
        "X-Next-Replenishment-Time": str(math.ceil(state.clock.to_wall(now + to_next) * 1000)),
    }
    if not granted:
        raise Refusal(
            429,
            description="Request threshold violated",
            info="Too many requests. Wait until X-Next-Replenishment-Time.",
            headers=headers,
        )
    return headers


def _effective(state: State, limit: Limit | None, names: Iterable[str]) -> Limit | None:
    overrides = state.settings.limits
    if isinstance(overrides, bool):
        return limit if overrides else None
    for name in names:
        if name in overrides:
            override = overrides[name]
            return override and Limit(override[0], override[1], f"override {name}")
    return limit
