from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_walmart.triggers import accounts
from tests.helpers.sandbox_server import running
from tests.helpers.shop import Shop
from tests.helpers.wire import Wire


@pytest.fixture(scope="session")
def shop_server() -> Iterator[Shop]:
    with running("--no-seed") as server:
        yield Shop(server)


@pytest.fixture
def shop(shop_server: Shop, monkeypatch, tmp_path) -> Shop:
    """An empty sandbox, with the connection ``walmart_default`` leading to it."""
    shop_server.reset()
    # Triggers of a process share them, and with them what Walmart asked for in another test.
    monkeypatch.setattr(accounts, "_accounts", {})
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop_server.connection())
    monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path / "state"))
    return shop_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[Any, str]]:
    # It takes a second to import.
    from tests.helpers.s3_bucket import Bucket, connection, running_s3

    with running_s3() as url:
        yield Bucket(url), connection(url)


@pytest.fixture
def bucket(s3_server, monkeypatch) -> Any:
    """An empty bucket, with the connection ``aws_default`` leading to it."""
    bucket, connection = s3_server
    bucket.clear()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection)
    return bucket


@pytest.fixture
def wire() -> Iterator[type[Wire]]:
    """Start servers that answer whatever a test says: ``wire(reply)``."""
    servers: list[Wire] = []

    def start(reply) -> Wire:
        servers.append(Wire(reply))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    from airflow_provider_walmart.client.transport.retries import Retries
    from airflow_provider_walmart.client.transport.tokens import TokenProvider

    monkeypatch.setattr(Retries, "BACKOFF", 0.01)
    monkeypatch.setattr(TokenProvider, "PAUSE", 0.2)


@pytest.fixture
def make_client(tmp_path):
    """Return a function that makes a client: ``make_client(url, market="mx")``; all share a state folder."""
    from airflow_provider_walmart.client.marketplace import MarketplaceClient
    from airflow_provider_walmart.client.settings import WalmartSettings
    from airflow_provider_walmart.client.transport.shared_state import FileStore, Resilient

    def make(url: str, *, store=None, **fields):
        known = {"client_id": "an-id", "client_secret": "sandbox", "timeout": 60, **fields}
        settings = WalmartSettings(base_url=url, **known)
        return MarketplaceClient(settings, store or Resilient(FileStore(tmp_path / "state")), "a-user-agent")

    return make
