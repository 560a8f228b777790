"""A date range that holds more records than one search finds, read through the hook."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartRequestError
from airflow_provider_walmart.hooks.walmart import WalmartHook

DAY = timedelta(days=1)
SOME_TIME = datetime(2026, 3, 1, tzinfo=timezone.utc)
CREATED = ("createdStartDate", "createdEndDate")


def seed(shop, **fields) -> list[str]:
    return shop.server.control("POST", "seed", {"orders": {"spacing": 60, **fields}})["orders"]


def orders(begin, end, period=CREATED, **params) -> Counter[str]:
    """Return how often each order comes, of a range that is given by ages."""
    now = datetime.now(timezone.utc)
    found = WalmartHook().paginate_windows("getAllOrders", *period, now - begin, now - end, **params)
    return Counter(order["purchaseOrderId"] for order in found)


def test_twelve_thousand_orders_come_once_each(shop):
    placed = seed(shop, count=6_000, age=60) + seed(shop, count=6_000, age=20 * 86_400)
    assert orders(179 * DAY, 0 * DAY) == Counter(placed)
    assert len(placed) == 12_000


def test_one_search_for_them_says_what_to_do(shop):
    seed(shop, count=10_001, age=60, spacing=1)
    with pytest.raises(WalmartRequestError, match=r"Hint: Split the date range: .*paginate_windows"):
        next(WalmartHook().paginate("getAllOrders", createdStartDate=datetime.now(timezone.utc) - 2 * DAY))


def test_other_parameters_narrow_it(shop):
    shop.settings(orders_per_search=20)
    seed(shop, count=50, age=60)
    placed = seed(shop, count=50, age=30, shipNodeType="WFSFulfilled")
    assert orders(DAY, 0 * DAY, shipNodeType="WFSFulfilled") == Counter(placed)


def test_by_last_change_old_orders_are_found_as_well(shop):
    """Unless told otherwise Walmart shows what was created lately."""
    shop.settings(orders_per_search=20)
    placed = seed(shop, count=50, age=100 * 86_400)
    period = ("lastModifiedStartDate", "lastModifiedEndDate")
    assert orders(150 * DAY, 0 * DAY, period) == Counter(placed)


def test_a_parameter_that_is_newer_than_the_catalogue(shop):
    placed = seed(shop, count=3, age=60)
    assert orders(DAY, 0 * DAY, sortBy="orderDate", strict=False) == Counter(placed)
    assert "sortBy=orderDate" in shop.received("^/v3/orders$")[0]["query"]


def test_only_what_is_in_the_range(shop):
    placed = seed(shop, count=10, age=3600, spacing=3600)
    assert orders(timedelta(hours=5.5), timedelta(hours=2.5)) == Counter(placed[-5:-2])


def test_a_400_for_another_reason_is_raised(shop):
    shop.fault("/v3/orders", status=400, body={"errors": [{"code": "INVALID_REQUEST", "description": "no"}]})
    with pytest.raises(WalmartRequestError, match="INVALID_REQUEST") as raised:
        orders(DAY, 0 * DAY)
    assert raised.value.hint is None


@pytest.mark.parametrize(
    ("arguments", "params", "said"),
    [
        (("getAllOrders", "createdFrom", "createdEndDate", SOME_TIME, SOME_TIME), {}, "createdFrom"),
        (("getAllOrders", *CREATED, SOME_TIME.replace(tzinfo=None), SOME_TIME), {}, "time zone"),
        (("getAllOrders", *CREATED, SOME_TIME, SOME_TIME - DAY), {}, "later than end"),
        (
            ("getAllOrders", *CREATED, SOME_TIME, SOME_TIME),
            {"createdEndDate": SOME_TIME},
            "createdEndDate is given twice",
        ),
        (("getAllOrders", *CREATED, SOME_TIME, SOME_TIME), {"state": "Created"}, "no parameter 'state'"),
        (("getAnOrder", *CREATED, SOME_TIME, SOME_TIME), {"purchaseOrderId": "1"}, "single page"),
    ],
)
def test_bad_input_fails_at_once_and_sends_nothing(arguments, params, said, shop):
    with pytest.raises(WalmartConfigError, match=said):
        WalmartHook().paginate_windows(*arguments, **params)
    assert not shop.received()
