"""Points in time as Walmart writes and reads them."""

from __future__ import annotations

import functools
import re
from datetime import datetime, timedelta, timezone

from airflow_provider_walmart.sandbox.core.calls import Call
from airflow_provider_walmart.sandbox.core.errors import Shape, bad_param

DAY = 86_400_000

_FORMAT = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@functools.lru_cache(maxsize=1024)
def iso(milliseconds: int) -> str:
    """Return a point in time in ISO 8601 with milliseconds and ``Z``.

    :param milliseconds: epoch milliseconds.
    """
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def day(milliseconds: int) -> str:
    """Return the day of a point in time, ``YYYY-MM-DD``.

    :param milliseconds: epoch milliseconds.
    """
    return iso(milliseconds)[:10]


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> int:
    """Return the epoch milliseconds of a date, or of a date and time with ``Z`` or an offset.

    :param text: what the caller wrote.
    :raises ValueError: when it is neither.
    """
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    date, time, fraction, zone = match.groups()
    moment = datetime.fromisoformat(f"{date}T{time or '00:00:00'}").replace(tzinfo=timezone.utc)
    if zone not in (None, "Z"):
        sign = -1 if zone[0] == "-" else 1
        try:
            moment -= sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        except OverflowError:
            raise ValueError(text) from None
    return (moment - _EPOCH) // timedelta(milliseconds=1) + int(f"{fraction or 0:0<3}"[:3])


def is_moment(text: str) -> bool:
    """Return whether a text is what :func:`parse` reads.

    :param text: the text.
    """
    try:
        parse(text)
    except ValueError:
        return False
    return True


def from_query(call: Call, name: str, default: int, *, shape: Shape = "errors") -> int:
    """Return a query parameter that is a point in time, in epoch milliseconds.

    :param call: the call.
    :param name: name of the parameter.
    :param default: what to return when it is absent.
    :param shape: body shape of the refusal.
    :raises Refusal: 400 when it is not a point in time.
    """
    text = call.query(name)
    try:
        return parse(text) if text else default
    except ValueError:
        raise bad_param(
            name, "must look like 2020-03-16 or 2020-03-16T10:30:15Z", service="GMP_ORDER_API", shape=shape
        ) from None
