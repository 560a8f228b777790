"""An auth manager for tests of who may see what."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.models import Connection
from airflow.utils.session import create_session
from sqlalchemy import select


class NamesAllConnections(SimpleAuthManager):
    """Airflow's simple one, but asked for the connections of a user it names all of them, as that of FAB does."""

    def get_authorized_connections(self, **_: Any) -> set[str]:
        with create_session() as session:
            return set(session.scalars(select(Connection.conn_id)))
