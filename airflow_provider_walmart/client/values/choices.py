"""Parameters that take one of a few values."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError


def check_choice(field: str, value: Any, choices: Collection[Any]) -> None:
    """Refuse a value that is none of those there are.

    :param field: what the user calls the parameter.
    :raises WalmartConfigError: naming what is allowed.
    """
    if not isinstance(value, (str, bool, type(None))) or value not in choices:
        allowed = ", ".join(map(str, choices))
        raise WalmartConfigError(f"{field} is {str(value)[:80]!r}; allowed: {allowed}.")
