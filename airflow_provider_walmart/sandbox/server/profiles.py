"""What an API is like on its usual days: how late it answers, how often it fails, how often a list comes empty."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from random import Random
from typing import Any

from airflow_provider_walmart.sandbox.core.state import Fault, Settings


@dataclass(frozen=True)
class Profile:
    """An API on its usual days.

    :param median: half of the answers come within so many seconds.
    :param spread: how far the others are from that: standard deviation of the logarithm.
    :param shortest: no answer comes within fewer seconds.
    :param longest: every answer comes within so many.
    :param errors: HTTP status of a transient error -> how many requests of one get it.
    :param after_effect: how many of the failed requests have taken effect.
    :param empty: how many reads of a list find it empty.
    :param lists: path of a list -> its empty answer.
    """

    median: float
    spread: float
    shortest: float
    longest: float
    errors: dict[int, float]
    after_effect: float
    empty: float
    lists: dict[str, Any]


#: Walmart answers in 200 to 800 ms; what its clients report is 500, 502, 503, 504 and 520 now and then, writes among them that
#: were carried out, and lists that come empty once and are full when they are read again.
PROFILES = {
    "walmart": Profile(
        median=0.35,
        spread=0.35,
        shortest=0.15,
        longest=3,
        errors={500: 0.002, 502: 0.001, 503: 0.002, 504: 0.001, 520: 0.001},
        after_effect=0.5,
        empty=0.002,
        lists={
            "/v3/orders": {"list": {"meta": {"totalCount": 0, "limit": 100}, "elements": None}},
            "/v3/orders/released": {"list": {"meta": {"totalCount": 0, "limit": 100}, "elements": None}},
            "/v3/returns": {"meta": {"totalCount": 0, "limit": 10, "nextCursor": ""}, "returnOrders": []},
            "/v3/feeds": {"totalResults": 0, "offset": 0, "limit": 50, "results": {"feed": []}},
        },
    )
}


def latency(settings: Settings, chance: Random) -> float:
    """Return by how many seconds an answer is late.

    :param settings: what was set.
    :param chance: decides.
    """
    if settings.profile is None:
        return 0
    profile = PROFILES[settings.profile]
    seconds = chance.lognormvariate(math.log(profile.median), profile.spread)
    return min(max(seconds, profile.shortest), profile.longest)


def fault(settings: Settings, chance: Random, method: str, path: str) -> Fault | None:
    """Return the trouble a request has, mostly ``None``.

    :param settings: what was set.
    :param chance: decides.
    :param method: its HTTP method.
    :param path: its raw path.
    """
    if settings.profile is None:
        return None
    profile, hit = PROFILES[settings.profile], chance.random()
    for status, share in profile.errors.items():
        hit -= share
        if hit < 0:
            is_write = method != "GET" and not re.search("/token$", path)
            return Fault(status=status, after_effect=is_write and chance.random() < profile.after_effect)
    if method == "GET" and path in profile.lists and hit < profile.empty:
        return Fault(status=200, body=profile.lists[path])
    return None
