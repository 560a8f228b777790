"""While one order is changed, the next one is read; over a socket that sees in which order requests come."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from airflow_provider_walmart.client.orders import writes as order_writes
from airflow_provider_walmart.client.orders.rows import order_changes
from airflow_provider_walmart.client.orders.writes import OrderWriter
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from tests.helpers import wire

ORDERS = [f"10890000000000{number}" for number in range(4)]


def order(order_id: str, status: str = "Created") -> dict:
    line = {
        "lineNumber": "1",
        "orderLineQuantity": {"unitOfMeasurement": "EACH", "amount": "1"},
        "orderLineStatuses": {
            "orderLineStatus": [
                {"status": status, "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "1"}}
            ]
        },
    }
    return {"order": {"purchaseOrderId": order_id, "orderLines": {"orderLine": [line]}}}


class Records(dict):
    """What is kept between tries."""

    def set(self, key, value):
        self[key] = value


class Walmart:
    """Answers reads at once; a change waits for ``until`` before it is answered."""

    def __init__(self, until) -> None:
        self.reads: Counter[str] = Counter()
        self.writes: list[str] = []
        self.changed = threading.Condition()
        self._until = until
        self.server = wire.Wire(self.answer)

    def answer(self, request: wire.Received) -> wire.Reply:
        if request.path.endswith("/token"):
            return wire.token()
        order_id = request.path.split("/")[3]
        with self.changed:
            if request.method == "GET":
                self.reads[order_id] += 1
            else:
                self.writes.append(order_id)
            self.changed.notify_all()
            if request.method == "POST":
                self.changed.wait_for(lambda: self._until(self, order_id), 60)
        return wire.http(200, order(order_id, "Created" if request.method == "GET" else "Acknowledged"))


def outcomes(walmart: Walmart, make_client, ids: list[str], *, forgotten: bool = False) -> list[str]:
    try:
        writer = OrderWriter(make_client(walmart.server.url), Records(), forgotten=forgotten)
        changes = order_changes("acknowledge", [{"purchase_order_id": order_id} for order_id in ids])
        return [made["outcome"] for made in writer.apply_all(changes)]
    finally:
        walmart.server.stop()


def next_is_read(walmart: Walmart, order_id: str) -> bool:
    """Whether the order after this one was read; nothing is read ahead while the first one is changed, nor after the last."""
    following = ORDERS.index(order_id) + 1
    return order_id == ORDERS[0] or following == len(ORDERS) or walmart.reads[ORDERS[following]] > 0


def test_the_next_order_is_read_before_a_change_is_answered(make_client):
    seen: list[bool] = []

    def until(walmart: Walmart, order_id: str) -> bool:
        if found := next_is_read(walmart, order_id):
            seen.append(found)
        return found

    walmart = Walmart(until)
    assert outcomes(walmart, make_client, ORDERS) == ["done"] * 4
    assert walmart.writes == ORDERS
    assert walmart.reads == dict.fromkeys(ORDERS, 1)
    assert len(seen) == 4


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_may_be_old_or_may_have_been_sent_is_read_when_its_turn_comes(
    forgotten, make_client, monkeypatch
):
    """What was read ahead is believed for a moment, and never where an earlier try may have sent the change."""
    monkeypatch.setattr(order_writes, "FRESH", -1.0)
    monkeypatch.setattr(order_writes, "SETTLE", 0.0)
    walmart = Walmart(lambda *_: True)
    assert outcomes(walmart, make_client, ORDERS, forgotten=forgotten) == ["done"] * 4
    assert walmart.writes == ORDERS
    assert walmart.reads == dict.fromkeys(ORDERS, 1 if forgotten else 2)


def test_a_throttled_change_is_made_again_without_waiting_until_it_shows(shop, make_client, monkeypatch):
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    (order_id,) = shop.server.control("POST", "seed", {"orders": {"count": 1}})["orders"]
    shop.fault("/acknowledge$", status=429, times=1)
    slept: list[float] = []
    writer = OrderWriter(make_client(shop.url), Records(), forgotten=False, sleep=slept.append)
    (made,) = writer.apply_all(order_changes("acknowledge", [{"purchase_order_id": order_id}]))
    assert made["outcome"] == "done"
    assert [entry["status"] for entry in shop.received("/acknowledge$")] == [429, 200]
    assert slept == []
