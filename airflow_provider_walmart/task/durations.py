"""Durations that operators, sensors and triggers are given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, overload

from airflow_provider_walmart.client.errors import WalmartConfigError


def duration(field: str, value: Any) -> timedelta:
    """Return a duration.

    :param field: what the user calls it.
    :param value: a `timedelta` or seconds, not negative.
    :raises WalmartConfigError: when it is none.
    """
    try:
        found = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (TypeError, ValueError, OverflowError):
        found = timedelta(-1)
    if found < timedelta(0):
        raise WalmartConfigError(
            f"{field} is {str(value)[:40]!r}; expected a timedelta or seconds, not negative, such as "
            "timedelta(minutes=5) or 300."
        )
    return found


@overload
def poll_seconds(value: None) -> None: ...
@overload
def poll_seconds(value: timedelta | float) -> float: ...
def poll_seconds(value: timedelta | float | None) -> float | None:
    """Return a ``poll_interval`` in seconds; None, which leaves it to the operator, stays None.

    :param value: a `timedelta` or seconds, above 0.
    :raises WalmartConfigError: for anything else.
    """
    if value is None:
        return None
    seconds = duration("poll_interval", value).total_seconds()
    if seconds == 0:
        raise WalmartConfigError("poll_interval is 0; expected a timedelta or seconds, above 0.")
    return seconds
