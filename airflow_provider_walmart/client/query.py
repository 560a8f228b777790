"""How values are written into a query string: the way Walmart reads them, which is not how forms do it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_walmart.client.errors import WalmartConfigError


def encode_query(params: Mapping[str, Any]) -> str:
    """Return parameters as a query string without ``?``.

    Everything reserved is percent-encoded, a space as ``%20`` and ``+`` as ``%2B``; booleans become
    ``true`` and ``false``, times ISO 8601 in UTC; a list repeats its parameter; None is left out.
    """
    pairs = [
        (name, query_text(one, name))
        for name, value in params.items()
        for one in (value if isinstance(value, (list, tuple, set, frozenset)) else [value])
        if one is not None
    ]
    try:
        return urlencode(pairs, quote_via=quote, safe="")
    except UnicodeEncodeError:
        raise WalmartConfigError("A query parameter holds half a character (a lone surrogate).") from None


def query_text(value: Any, name: str) -> str:
    """Return one value as Walmart reads it.

    :raises WalmartConfigError: for a time without time zone.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise WalmartConfigError(f"{name} is {value!r}: it needs a time zone.")
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)
