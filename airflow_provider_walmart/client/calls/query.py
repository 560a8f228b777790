"""How values are written into a query string: the way Walmart reads them, which is not how forms do it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_walmart.client.errors import WalmartConfigError

# Parameters by name, as pairs where a name comes more than once, or a query string that is ready.
Params = Mapping[str, Any] | Sequence[tuple[str, Any]] | str


def encode_query(params: Params) -> str:
    """Return parameters as a query string without ``?``.

    Everything reserved is percent-encoded, a space as ``%20`` and ``+`` as ``%2B``; booleans become
    ``true`` and ``false``, times ISO 8601 in UTC; a list repeats its parameter; None is left out. A text is a query
    string that is ready.

    :raises WalmartConfigError: for anything but a dict, pairs or text.
    """
    if isinstance(params, str):
        return params.removeprefix("?")
    given = params.items() if isinstance(params, Mapping) else params
    if not isinstance(given, Collection) or not all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in given
    ):
        raise WalmartConfigError(
            f"params is a {type(params).__name__}; allowed: a dict, a list of pairs, or a query string that is ready."
        )
    pairs = [
        (name, query_text(one, name))
        for name, value in given
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
