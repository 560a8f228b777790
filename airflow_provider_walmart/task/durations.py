"""Lengths of time that operators are given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError


def span_of(field: str, value: Any) -> timedelta:
    """Return a length of time.

    :param field: what the user calls it.
    :param value: a `timedelta` or seconds, not negative.
    :raises WalmartConfigError: when it is none.
    """
    try:
        span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (TypeError, ValueError, OverflowError):
        span = timedelta(-1)
    if span < timedelta(0):
        raise WalmartConfigError(
            f"{field} is {str(value)[:40]!r}; expected a timedelta or seconds, not negative."
        )
    return span
