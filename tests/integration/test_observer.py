"""What a client tells its observer: every request on the wire, and what rate limits cost."""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_walmart.client.errors import WalmartConnectionError
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.http import HttpSession
from airflow_provider_walmart.client.transport.observer import group_of
from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
from tests.helpers.wire import http


class Watcher:
    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.waits: list[float] = []

    def answered(self, group: str, status: int) -> None:
        self.requests[group, status] += 1

    def throttled(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def client(shop, watcher) -> MarketplaceClient:
    settings = WalmartSettings(base_url=shop.url, client_id="an-id", client_secret="sandbox", timeout=60)
    return MarketplaceClient(settings, Resilient(MemoryStore()), "a-user-agent", observer=watcher)


def received(shop) -> Counter[tuple[str, int]]:
    return Counter((entry["path"].split("/")[2], entry["status"]) for entry in shop.received())


def test_an_observer_is_notified_of_requests_as_they_went_over_the_wire(client, shop, watcher):
    shop.server.control("POST", "seed", {"orders": 3, "items": 1})
    list(client.paginate("getAllOrders", params={"limit": 1}))
    client.call("getAnItem", params={"id": "SKU-000001"})
    # A refused token, its renewal and the call that is sent again.
    shop.revoke_tokens()
    client.call("getAllOrders")
    assert watcher.requests == received(shop)
    assert watcher.requests["token", 200] == 2
    assert watcher.requests["orders", 401] == 1


def test_an_observer_is_notified_of_each_attempt_after_transient_errors(client, shop, watcher):
    shop.fault("/v3/orders$", method="GET", status=503, times=1)
    client.call("getAllOrders")
    shop.fault("/v3/orders$", method="GET", reset="before", times=4)
    with pytest.raises(WalmartConnectionError):
        client.call("getAllOrders")
    assert watcher.requests == {("token", 200): 1, ("orders", 503): 1, ("orders", 200): 1, ("orders", 0): 4}


def test_a_redirect_and_what_it_leads_to_are_two_requests(wire, watcher):
    def reply(request):
        return http(200) if request.path == "/v3/there" else http(302, Location="/v3/there")

    server = wire(reply)
    HttpSession(server.url, "a-user-agent", watcher).get(f"{server.url}/v3/here?secret=x")
    assert watcher.requests == {("here", 302): 1, ("there", 200): 1}


def test_an_observer_is_notified_of_waits_for_rate_limits(client, shop, watcher):
    shop.fault("/v3/orders$", status=429, times=1, headers={"Retry-After": "1"})
    client.call("getAllOrders")
    assert watcher.requests["orders", 429] == 1
    assert sum(watcher.waits) >= 1.0


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("/v3/orders/123", "orders"),
        ("/v3/token", "token"),
        ("/api-proxy/service/identity/oauth/v1/token", "token"),
        ("/api-proxy/service/supplychain/transportation/v1/deliveries/1", "deliveries"),
        ("/v3/", "other"),
        ("/some/file.zip", "other"),
        ("/v3/a%20b", "a"),
    ],
)
def test_groups_are_few_whatever_is_called(path, group):
    assert group_of(path) == group
