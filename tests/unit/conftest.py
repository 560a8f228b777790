from __future__ import annotations

import re

import pytest
from requests_mock import ANY


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """Give every test a shared state of its own."""
    monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def make_client(tmp_path):
    """Return a function that makes a client: `make_client(market="mx")`."""
    from airflow_provider_walmart.client.marketplace import MarketplaceClient
    from airflow_provider_walmart.client.settings import WalmartSettings
    from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient

    def make(**fields):
        settings = WalmartSettings(**{"client_id": "an-id", "client_secret": "a-secret", **fields})
        return MarketplaceClient(settings, Resilient(MemoryStore()), "a-user-agent")

    return make


@pytest.fixture
def walmart(requests_mock):
    """Pretend to be Walmart: any token, and an empty list of orders for every other call."""
    requests_mock.register_uri(ANY, ANY, json={"list": {}})
    requests_mock.post(
        re.compile("/v3/token$"), json={"access_token": "a-token", "token_type": "Bearer", "expires_in": 900}
    )
    return requests_mock
