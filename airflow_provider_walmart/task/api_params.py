"""Parameters of an operation, as operators get them from Airflow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_walmart.client.catalogue.operations import Operation, find
from airflow_provider_walmart.client.errors import WalmartConfigError


def given_params(params: Any, dag: Any = None) -> Any:
    """Return what an operator was given as ``params``, without what Airflow merged in from the DAG.

    :param params: a dict, or what Airflow made of it: a `ParamsDict`.
    :param dag: the DAG; None for none.
    """
    if not hasattr(params, "get_param"):
        return dict(params) if isinstance(params, Mapping) else params
    merged = {name: params.get_param(name) for name in params}
    # Those of the DAG may have no value yet.
    return {
        name: param.value
        for name, param in merged.items()
        if not _is_of_dag(name, param, dag) and param.has_value
    }


def _is_of_dag(name: str, param: Any, dag: Any) -> bool:
    if hasattr(param, "source"):
        return bool(param.source == "dag")
    # Airflow 3.1 doesn't say where a parameter comes from: one that is as in the DAG counts as the DAG's.
    if dag is None or name not in dag.params:
        return False
    of_dag = dag.params.get_param(name)
    if of_dag.has_value:
        return bool(param.value == of_dag.value)
    # A copy of what stands for no value, which has_value takes for one.
    return type(param.value) is type(of_dag.value)


def own_params(operation: str, params: Any, of_dag: Collection[str]) -> tuple[Operation, dict[str, Any]]:
    """Return the operation, and the parameters for it without those that Airflow merged in from the DAG.

    Airflow takes any argument called ``params`` for parameters of the DAG run and merges the DAG's own into it.

    :param operation: operation id or method and path.
    :param params: what the operator was given.
    :param of_dag: names of the DAG's parameters.
    :raises WalmartConfigError: when there is no such operation, or the parameters are no dict.
    """
    if not isinstance(params or {}, Mapping):
        raise WalmartConfigError(f"params is a {type(params).__name__}; expected a dict.")
    found = find(operation)
    foreign = set(of_dag) - {parameter.name for parameter in found.parameters}
    return found, {name: value for name, value in (params or {}).items() if name not in foreign}
