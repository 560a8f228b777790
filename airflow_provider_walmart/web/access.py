"""Who may see what: Airflow's own permissions, checked before anything is looked up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    get_user,
    requires_access_connection,
    requires_access_dag,
)
from airflow.models import Connection, DagModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException
from sqlalchemy import select

CONN_TYPES = ("walmart", "walmart_golocal")

#: Whoever is logged in; what they may see is up to the page.
logged_in = Depends(get_user)
#: The user may read the connection of the path, ``{connection_id}``.
reads_connection = Depends(requires_access_connection("GET"))
#: The user may read XComs of the DAG of the path, ``{dag_id}``.
reads_xcoms = Depends(requires_access_dag("GET", DagAccessEntity.XCOM))

User = GetUserDep


def readable_connections(user: Any) -> dict[str, str]:
    """Return the connections of the metadata database that are Walmart's and that a user may read: id to type."""
    with create_session() as session:
        rows = session.execute(
            select(Connection.conn_id, Connection.conn_type)
            .where(Connection.conn_type.in_(CONN_TYPES))
            .order_by(Connection.conn_id)
        ).all()
    # Each by itself: asked for all connections of a user, the manager of FAB names even those that they may not read.
    return {
        str(conn_id): str(conn_type) for conn_id, conn_type in rows if may_read_connection(user, str(conn_id))
    }


def may_read_connection(user: Any, conn_id: str | None = None) -> bool:
    """Return whether a user may read a connection.

    :param conn_id: None: connections in general.
    """
    details = ConnectionDetails(conn_id=conn_id, team_name=_team(Connection, conn_id)) if conn_id else None
    return bool(get_auth_manager().is_authorized_connection(method="GET", details=details, user=user))


def may_read_xcoms(user: Any, dag_ids: Iterable[str]) -> set[str]:
    """Return those of some DAGs whose XComs a user may read."""
    manager = get_auth_manager()
    return {
        dag_id
        for dag_id in set(dag_ids)
        if manager.is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.XCOM,
            details=DagDetails(id=dag_id, team_name=_team(DagModel, dag_id)),
            user=user,
        )
    }


def _team(model: Any, name: str) -> str | None:
    """Return the team that owns a connection or a DAG; None before Airflow has teams."""
    team: str | None = model.get_team_name(name) if hasattr(model, "get_team_name") else None
    return team


def _reads_some_connection(user: User) -> dict[str, str]:
    found = readable_connections(user)
    if not found and not may_read_connection(user):
        raise HTTPException(403, "You may not read connections.")
    return found


#: The connections that the user may read; who may read none at all gets 403.
ReadableConnections = Annotated[dict[str, str], Depends(_reads_some_connection)]
