"""How values are written into a query string: the way Walmart reads them, which is not how forms do it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import utc_text

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
    pairs = [
        (name, query_text(value, name))
        for name, values in _given(params)
        for value in (values if isinstance(values, (list, tuple, set, frozenset)) else [values])
        if value is not None
    ]
    try:
        return urlencode(pairs, quote_via=quote, safe="")
    except UnicodeEncodeError:
        raise WalmartConfigError("A query parameter holds an invalid Unicode surrogate.") from None


def _given(params: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> Collection[tuple[str, Any]]:
    pairs = params.items() if isinstance(params, Mapping) else params
    if isinstance(pairs, Collection) and all(isinstance(p, (tuple, list)) and len(p) == 2 for p in pairs):
        return pairs
    raise WalmartConfigError(
        f"params is a {type(params).__name__}; allowed: a dict, a list of pairs, or a query string that is ready."
    )


def query_text(value: Any, name: str) -> str:
    """Return one value as Walmart reads it.

    :raises WalmartConfigError: for a time without time zone.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise WalmartConfigError(f"{name} is {value!r}: it needs a time zone.")
        return utc_text(value.replace(microsecond=0))
    return str(value)
