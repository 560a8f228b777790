"""Parameters of an operation, as operators get them from Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import WalmartConfigError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator


def check_api_params(api_params: Any) -> dict[str, Any]:
    """Return the parameters of an operation as a dict.

    :param api_params: what the operator was given; None or nothing for none.
    :raises WalmartConfigError: when they are no dict.
    """
    if not isinstance(api_params or {}, Mapping):
        raise WalmartConfigError(f"api_params is a {type(api_params).__name__}; expected a dict.")
    return dict(api_params or {})


def check_airflow_params(operator: BaseOperator, operation: str, api_params: Any) -> None:
    """Refuse parameters of an operation that were given as Airflow's own ``params``, which are never sent.

    :param operator: the operator, which has them; those of the DAG are no mistake.
    :param operation: the operation, or a template of one, of which nothing is known yet.
    :param api_params: what the operator was given as such.
    :raises WalmartConfigError: naming them.
    """
    params = set(operator.params) - set(getattr(operator.get_dag(), "params", ()))
    if not params or not isinstance(api_params or {}, Mapping):
        return
    try:
        known = {parameter.name for parameter in find(operation).parameters}
    except WalmartConfigError:
        return
    # Those that are in both are what a template of api_params takes its value from.
    if lost := sorted(known.intersection(params) - set(api_params or {})):
        raise WalmartConfigError(
            f"{operation}: params has {', '.join(lost)}; params are Airflow's own and never sent: give them as api_params."
        )
