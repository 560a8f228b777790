"""The account that a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_walmart.client.errors import WalmartConfigError

if TYPE_CHECKING:
    from airflow.models import Connection

    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
    from airflow_provider_walmart.hooks.walmart import WalmartHook


def marketplace(conn_id: str) -> WalmartHook:
    """Return the hook of a connection of type ``walmart``.

    :param conn_id: its id.
    :raises WalmartConfigError: when there is no such connection, or it is of another type.
    """
    hook = any_account(conn_id)
    if hook.conn_type != "walmart":
        raise WalmartConfigError(f"Connection {conn_id!r} is of type {hook.conn_type}; expected walmart.")
    return hook  # type: ignore[return-value]


def any_account(conn_id: str) -> WalmartHook | WalmartGoLocalHook:
    """Return the hook of a connection of type ``walmart`` or ``walmart_golocal``.

    :param conn_id: its id.
    :raises WalmartConfigError: when there is no such connection, or it is of another type.
    """
    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    connection = _connection(conn_id)
    for kind in (WalmartHook, WalmartGoLocalHook):
        if connection.conn_type == kind.conn_type:
            hook = kind(conn_id)
            # A hook of itself sees no connections of the metadata database on the command line.
            hook.get_connection = lambda conn_id: connection  # type: ignore[method-assign]
            return hook
    raise WalmartConfigError(
        f"Connection {conn_id!r} is of type {connection.conn_type}; expected walmart or walmart_golocal."
    )


def _connection(conn_id: str) -> Connection:
    from airflow.models import Connection
    from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException

    try:
        return Connection.get_connection_from_secrets(conn_id)
    except (AirflowException, ValueError) as error:
        hint = (
            "Connections are searched for in the environment, in the secrets backend and in the metadata database of the "
            f"Airflow that this command runs in; AIRFLOW_CONN_{conn_id.upper()} works without a database."
        )
        missing = isinstance(error, AirflowNotFoundException)
        said = (
            f"There is no connection {conn_id!r}."
            if missing
            else f"Connection {conn_id!r} could not be read ({type(error).__name__})."
        )
        raise WalmartConfigError(said, hint=hint) from None
