"""Every order that is new, or that changes, is news exactly once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.client.order_news import (
    MARK,
    MINUTE_MS,
    MOST_REMEMBERED,
    OVERLAP_MS,
    REMEMBERED_MS,
    OrderNews,
    Sighting,
    sighting_of,
)

NOW = int(datetime.now(timezone.utc).timestamp() * 1000)
AGO = NOW - 2 * REMEMBERED_MS


def order(
    order_id, at=NOW, *, placed=None, status="Created", version="v", node="SellerFulfilled"
) -> Sighting:
    placed = at if placed is None else placed
    return Sighting(order_id, version, node, frozenset([status]), placed, at)


def ids(events) -> list[str]:
    return [order_id for event in events for order_id in event["purchaseOrderIds"]]


def watching_since(moment: int, *statuses: str) -> OrderNews:
    """Return what a watcher knows who has been there so long, and has seen nothing."""
    return OrderNews({"first": False, "from": moment, "latest": moment}, statuses)


def saved(news: OrderNews, *statuses: str) -> OrderNews:
    return OrderNews(json.loads(json.dumps(news.state())), statuses)


def test_what_was_there_at_first_is_no_news():
    news = OrderNews(None)
    assert not news.of([order("OLD", NOW - MINUTE_MS)])
    assert ids(news.of([order("NEW"), order("OLD", NOW - MINUTE_MS, version="w")])) == ["NEW"]
    assert not saved(news).of([order("NEW"), order("OLD", NOW - MINUTE_MS)])


def test_a_first_look_that_takes_several_steps_is_one():
    news = OrderNews(None)
    assert not news.of([order("A", NOW - 50 * MINUTE_MS)], datetime.fromtimestamp(NOW / 1000, timezone.utc))
    news = saved(news)
    assert not news.of([order("B", NOW - 5 * MINUTE_MS)])
    assert ids(news.of([order("B", NOW - 5 * MINUTE_MS), order("C")])) == ["C"]


def test_news_are_counted_oldest_first():
    (event,) = watching_since(AGO).of(
        [order("B", AGO + 2, node="WFSFulfilled"), order("A", AGO + 1, status="Acknowledged")]
    )
    assert event == {
        "purchaseOrderIds": ["A", "B"],
        "versions": ["v", "v"],
        "orders": 2,
        "statuses": {"Acknowledged": 1, "Created": 1},
        "shipNodeTypes": {"SellerFulfilled": 1, "WFSFulfilled": 1},
    }


def test_an_old_order_that_changes_is_not_new():
    news = watching_since(AGO)
    assert ids(news.of([order("A", AGO + 1)])) == ["A"]
    news.of([order("B", NOW)])
    # The mark of A is forgotten by now.
    assert len("".join(news.state()["seen"].values())) == MARK
    assert not news.of([order("A", NOW, placed=AGO + 1, status="Shipped", version="w"), order("B", NOW)])


def test_an_order_that_walmart_held_back_for_days_is_new():
    news = watching_since(NOW)
    held = order("HELD", NOW, placed=NOW - 9 * REMEMBERED_MS)
    assert ids(news.of([held])) == ["HELD"]
    assert not news.of([held])


def test_an_order_may_be_listed_half_an_hour_late():
    news = watching_since(AGO)
    news.of([order("A", AGO + 40 * MINUTE_MS)])
    late = order("LATE", AGO + 11 * MINUTE_MS)
    assert news.need.since.timestamp() * 1000 <= late.latest
    assert ids(news.of([late, order("A", AGO + 40 * MINUTE_MS)])) == ["LATE"]


def test_changes_are_news_to_who_asks_for_their_status():
    news = watching_since(AGO, "Shipped", "Cancelled")
    assert not news.of([order("A", AGO + 1)])
    shipped = order("A", AGO + 2, status="Shipped", version="w")
    assert ids(news.of([shipped])) == ["A"]
    assert not saved(news, "Shipped", "Cancelled").of([shipped])
    # Days later, without anything else in between.
    assert ids(news.of([order("A", NOW, placed=AGO, status="Cancelled", version="x")])) == ["A"]


def test_a_date_in_the_future_hides_nothing_that_comes_until_then():
    news = watching_since(AGO)
    assert ids(news.of([order("ODD", NOW + 9 * REMEMBERED_MS)])) == ["ODD"]
    assert news.need.since <= datetime.now(timezone.utc) - timedelta(milliseconds=OVERLAP_MS)
    assert ids(news.of([order("ODD", NOW + 9 * REMEMBERED_MS), order("NEXT")])) == ["NEXT"]


@pytest.mark.parametrize("statuses", [(), ("Created",)], ids=["new", "changes"])
def test_the_state_stays_small(statuses):
    news = watching_since(AGO, *statuses)
    # Fifteen thousand a day; each is seen several times, since looks overlap.
    recent: list[Sighting] = []
    for number in range(48 * 3):
        at = AGO + number * 20 * MINUTE_MS
        new = [order(f"{number}-{place}", at) for place in range(200)]
        assert sorted(ids(news.of(recent[-200:] + new))) == sorted(one.order_id for one in new)
        recent += new
    news = saved(news, *statuses)
    state = json.dumps(news.state())
    assert len(state) < 64_000
    assert len("".join(news.state()["seen"].values())) / MARK <= MOST_REMEMBERED
    assert not news.of(recent[-400:])


def walmarts(**fields):
    line = {
        "lineNumber": "1",
        "statusDate": NOW + 5,
        "orderLineStatuses": {"orderLineStatus": [{"status": "Created"}, {"status": "Shipped"}]},
    }
    return {"purchaseOrderId": "1", "orderDate": NOW, "orderLines": {"orderLine": [line]}, **fields}


def test_what_is_noted_of_an_order():
    seen = sighting_of(walmarts(), "SellerFulfilled")
    assert seen == Sighting(
        "1", seen.version, "SellerFulfilled", frozenset(["Created", "Shipped"]), NOW, NOW + 5
    )
    assert sighting_of(walmarts(orderDate=str(NOW)), "SellerFulfilled").placed == NOW
    assert sighting_of(dict(reversed(walmarts().items())), "SellerFulfilled").version == seen.version
    assert sighting_of(walmarts(customerEmailId="x"), "SellerFulfilled").version != seen.version


@pytest.mark.parametrize(
    "fields",
    [
        {"orderLines": None},
        {"orderLines": {"orderLine": "?"}},
        {"orderLines": {"orderLine": {"statusDate": "soon"}}},
        {"orderDate": None},
        {"orderDate": {}},
        {"orderDate": float("inf")},
    ],
    ids=str,
)
def test_odd_orders_are_noted_all_the_same(fields):
    assert sighting_of(walmarts(**fields), "SellerFulfilled").order_id == "1"
    assert sighting_of(walmarts(purchaseOrderId=None, **fields), "SellerFulfilled") is None


# Minutes; mostly little time, so that things meet.
SOON = st.integers(1, 60) | st.integers(1, 2500)
# An order: when it comes, how much later it is listed, how long after that it changes.
ORDERS = st.lists(st.tuples(SOON, st.sampled_from([0, 0, 15, 29]), st.lists(SOON, max_size=2)), max_size=8)
LOOKS = st.lists(st.tuples(st.integers(1, 15) | st.integers(1, 300), st.booleans()), max_size=20)
STATUSES = {"new": (), "changes": ("Created", "Acknowledged")}


@settings(max_examples=300, deadline=None)
@given(ORDERS, LOOKS)
def test_any_history_gives_each_new_order_and_each_change_exactly_once(orders, looks):
    watchers = {name: watching_since(AGO, *statuses) for name, statuses in STATUSES.items()}
    announced: dict[str, Counter] = {name: Counter() for name in STATUSES}
    minute = 0
    for pause, restarts in [*looks, (300, True)]:
        minute = min(minute + pause, 2 * 24 * 60 - 1)
        shown = [one for number, history in enumerate(orders) if (one := listed(number, *history, minute))]
        for name, news in watchers.items():
            since = news.need.since.timestamp() * 1000
            for event in news.of([one for one in shown if one.latest >= since]):
                announced[name].update(zip(event["purchaseOrderIds"], event["versions"], strict=True))
            if restarts:
                watchers[name] = saved(news, *STATUSES[name])
    assert sorted(order_id for order_id, _ in announced["new"].elements()) == [one.order_id for one in shown]
    assert set(announced["changes"].values()) <= {1}
    assert announced["changes"].keys() >= {(one.order_id, one.version) for one in shown}


def listed(number: int, came: int, late: int, changes: list[int], minute: int) -> Sighting | None:
    """Return how Walmart lists an order at some minute; None for not yet."""
    moments = [
        moment for moment in sorted({came, *(came + change for change in changes)}) if moment + late <= minute
    ]
    if not moments:
        return None
    at, placed = AGO + moments[-1] * MINUTE_MS, AGO + came * MINUTE_MS
    status = "Created" if at == placed else "Acknowledged"
    return order(str(number), at, placed=placed, status=status, version=str(moments[-1]))
