"""Parameters of an operation, as operators get them from Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError


def check_api_params(api_params: Any) -> dict[str, Any]:
    """Return the parameters of an operation as a dict.

    :param api_params: what the operator was given; None or nothing for none.
    :raises WalmartConfigError: when they are no dict.
    """
    if not isinstance(api_params or {}, Mapping):
        raise WalmartConfigError(f"api_params is a {type(api_params).__name__}; expected a dict.")
    return dict(api_params or {})
