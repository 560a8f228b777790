"""What an order needs next, and until when."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_walmart.client.orders.due import due_order


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=timezone.utc)


def an_order(**shipping: object) -> dict:
    return {
        "purchaseOrderId": 1796277083022,
        "orderDate": int(at(30, 6).timestamp() * 1000),
        "shippingInfo": {"estimatedShipDate": int(at(30, 22).timestamp() * 1000), **shipping},
    }


def test_a_new_order_is_to_be_acknowledged_within_four_hours():
    order = due_order(an_order(), "Created")
    assert (order.purchase_order_id, order.action, order.due_at) == (
        "1796277083022",
        "acknowledge",
        at(30, 10),
    )
    assert order.cancelled_at == datetime(2026, 12, 4, 22, tzinfo=timezone.utc)


def test_an_acknowledged_one_is_to_be_shipped_by_its_date():
    order = due_order(an_order(), "Acknowledged")
    assert (order.action, order.due_at) == ("ship", at(30, 22))


@pytest.mark.parametrize("shipping", [None, [], {}, {"estimatedShipDate": "soon"}])
def test_an_order_without_dates_is_due_at_no_time_that_is_known(shipping):
    order = due_order({"purchaseOrderId": "1", "shippingInfo": shipping}, "Acknowledged")
    assert (order.due_at, order.cancelled_at) == (None, None)
    assert due_order({"purchaseOrderId": "1"}, "Created").due_at is None
