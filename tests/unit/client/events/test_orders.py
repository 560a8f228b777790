"""Every order that is new, or that changes, is tracker exactly once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.client.events.orders import (
    LARGEST,
    MARK,
    MINUTE_MS,
    OVERLAP_MS,
    REMEMBERED_MS,
    OrderSnapshot,
    OrderTracker,
    snapshot_of,
)
from airflow_provider_walmart.client.events.polls import LONGEST_LOOK

NOW = int(datetime.now(timezone.utc).timestamp() * 1000)
HOUR_MS = 60 * MINUTE_MS
AGO = NOW - 30 * REMEMBERED_MS


def order(
    order_id, at=NOW, *, placed=None, status="Created", version="v", node="SellerFulfilled"
) -> OrderSnapshot:
    placed = at if placed is None else placed
    return OrderSnapshot(order_id, version, node, frozenset(status.split()), placed, at)


def ids(events) -> list[str]:
    return [order_id for event in events for order_id in event["purchaseOrderIds"]]


def watching_since(moment: int, *statuses: str) -> OrderTracker:
    """Return what a watcher knows who has been there so long, and has seen nothing."""
    return OrderTracker({"first": False, "from": moment, "latest": moment}, statuses)


def saved(tracker: OrderTracker, *statuses: str) -> OrderTracker:
    return OrderTracker(json.loads(json.dumps(tracker.state())), statuses)


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def size(tracker: OrderTracker) -> int:
    return len(json.dumps(tracker.state()))


def marks(tracker: OrderTracker) -> int:
    state = tracker.state()
    return sum(map(len, [*state["seen"].values(), *state["created"].values()])) // MARK


def test_what_was_there_at_first_is_no_news():
    tracker = OrderTracker(None)
    assert not tracker.of([order("OLD", NOW - MINUTE_MS)])
    assert ids(tracker.of([order("NEW"), order("OLD", NOW - MINUTE_MS, version="w")])) == ["NEW"]
    assert not saved(tracker).of([order("NEW"), order("OLD", NOW - MINUTE_MS)])


def test_a_first_look_that_takes_several_steps_is_one():
    tracker = OrderTracker(None)
    assert not tracker.of([order("A", NOW - 50 * MINUTE_MS)], moment(NOW))
    tracker = saved(tracker)
    assert not tracker.of([order("B", NOW - 5 * MINUTE_MS)])
    assert ids(tracker.of([order("B", NOW - 5 * MINUTE_MS), order("C")])) == ["C"]


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
    tracker = watching_since(AGO)
    assert ids(tracker.of([order("A", AGO + 1, status="Acknowledged")])) == ["A"]
    tracker.of([order("B", NOW)])
    # The mark of A is forgotten by now.
    assert marks(tracker) == 1
    assert not tracker.of([order("A", NOW, placed=AGO + 1, status="Shipped", version="w"), order("B", NOW)])


@pytest.mark.parametrize("now", ["Created", "Created Shipped", "Created Cancelled", "Acknowledged"])
@pytest.mark.parametrize("an_hour", [1, 300], ids=["few orders", "many orders"])
def test_an_order_that_is_long_in_created_is_told_once(an_hour, now):
    tracker = watching_since(AGO)
    assert ids(tracker.of([order("A", AGO)])) == ["A"]
    for hour in range(1, 40):
        at = AGO + hour * HOUR_MS
        # Those that Walmart ships are acknowledged from the start.
        others = [order(f"{hour}-{number}", at, status="Acknowledged") for number in range(an_hour)]
        assert len(ids(tracker.of(others))) == an_hour
        tracker = saved(tracker)
    assert not tracker.of([order("A", AGO + 40 * HOUR_MS, placed=AGO, status=now, version="w")])
    # It is forgotten once it has been acted on for a day.
    tracker.of([order("B", NOW, status="Acknowledged")])
    assert marks(tracker) == (1 if now in ("Created Shipped", "Acknowledged") else 2)


def test_what_was_created_long_before_the_watcher_came_is_not_new_when_it_is_shipped():
    tracker = OrderTracker(None)
    assert not tracker.of([])
    old = {"placed": NOW - 2 * REMEMBERED_MS, "version": "w"}
    assert not tracker.of([order("OLD", NOW, status="Created Shipped", **old)])


def test_above_the_limit_the_oldest_are_forgotten_those_that_were_acted_on_first():
    tracker = watching_since(AGO)
    created = [order("first", AGO), *(order(f"C{number}", AGO + HOUR_MS) for number in range(3000))]
    tracker.of(created[:1])
    tracker.of(created)
    tracker.of([order(f"A{number}", AGO + 2 * HOUR_MS, status="Acknowledged") for number in range(3000)])
    held_back = order("LATE", AGO + 4 * HOUR_MS, placed=AGO + 3 * HOUR_MS, status="Acknowledged")
    assert ids(saved(tracker).of([held_back])) == ["LATE"]
    tracker.of([order(f"B{number}", AGO + 4 * HOUR_MS, status="Acknowledged") for number in range(3000)])
    assert size(tracker) <= LARGEST + 200
    # The first 3,000 that were acted on are gone, and a late one can't be told from them.
    late = order("LATE", AGO + 4 * HOUR_MS, placed=AGO + 2 * HOUR_MS, status="Acknowledged")
    assert not saved(tracker).of([late])
    again = [order(one.order_id, AGO + 4 * HOUR_MS, placed=one.placed, version="w") for one in created]
    assert not saved(tracker).of(again)
    # Too many that nobody acts on: the oldest of them is told again.
    tracker.of([order(f"D{number}", AGO + 6 * HOUR_MS) for number in range(4500)])
    assert size(tracker) <= LARGEST + 200
    assert ids(saved(tracker).of(again[:1])) == ["first"]


def test_what_a_look_shows_is_kept_whatever_its_size():
    tracker = watching_since(AGO)
    many = [order(str(number), AGO + HOUR_MS) for number in range(20_000)]
    assert len(ids(tracker.of(many))) == 20_000
    assert not saved(tracker).of(many)


@pytest.mark.parametrize("count", [0, 8000], ids=["few orders", "more than are remembered"])
def test_after_days_away_a_change_hides_no_new_order(count):
    day = REMEMBERED_MS
    tracker = watching_since(AGO - 2 * day)
    tracker.of([order("BEFORE", AGO - OVERLAP_MS, status="Acknowledged"), order("LATEST", AGO)])
    quick = order("QUICK", AGO + day, status="Acknowledged")
    many = [order(str(number), AGO + 1 + number, status="Acknowledged") for number in range(count)]
    assert len(ids(tracker.of([*many, quick], moment(AGO + 2 * day)))) == count + 1
    tracker = saved(tracker)
    assert ids(tracker.of([order("NEXT", AGO + 3 * day)], moment(AGO + 4 * day))) == ["NEXT"]
    tracker = saved(tracker)
    # Placed on the first day, shipped on the fifth, and so in no search for changes of the days between.
    slow = order("SLOW", AGO + 5 * day, placed=AGO + day, status="Shipped")
    # Told before, and changed since. Where there is no room for so many, one that changes while we catch up is repeated.
    changed = [
        order("BEFORE", AGO + 5 * day, placed=AGO - OVERLAP_MS, status="Shipped", version="w"),
        order("QUICK", AGO + 6 * day, placed=AGO + day, status="Shipped", version="w"),
    ]
    assert ids(tracker.of([slow, *changed])) == (["SLOW", "QUICK"] if count else ["SLOW"])
    assert not saved(tracker).of([slow, *changed])
    # From here on all of it is an old story.
    for hour in range(30):
        tracker.of([order(f"L{hour}", AGO + 7 * day + hour * HOUR_MS, status="Acknowledged")])
    late = order("SLOW", AGO + 9 * day, placed=AGO + day, status="Delivered", version="w")
    assert not saved(tracker).of([late])


def test_what_another_watcher_catches_up_with_is_not_announced():
    tracker = watching_since(NOW)
    before = tracker.state()
    assert not tracker.of([order("OLD", AGO)], moment(AGO + 1))
    assert tracker.state() == before


def test_a_state_of_an_earlier_version_is_understood():
    tracker = watching_since(AGO)
    tracker.of([order("A", AGO)])
    state = tracker.state()
    del state["complete"]
    state["seen"] = state.pop("created")
    tracker = OrderTracker(json.loads(json.dumps(state)))
    assert not tracker.of([order("A", AGO)])
    assert ids(tracker.of([order("B", AGO)])) == ["B"]


def test_an_order_that_walmart_held_back_for_days_is_new():
    tracker = watching_since(NOW)
    held = order("HELD", NOW, placed=NOW - 9 * REMEMBERED_MS)
    assert ids(tracker.of([held])) == ["HELD"]
    assert not tracker.of([held])


def test_an_order_may_be_listed_half_an_hour_late():
    tracker = watching_since(AGO)
    tracker.of([order("A", AGO + 40 * MINUTE_MS)])
    late = order("LATE", AGO + 11 * MINUTE_MS)
    assert tracker.scope.since.timestamp() * 1000 <= late.latest
    assert ids(tracker.of([late, order("A", AGO + 40 * MINUTE_MS)])) == ["LATE"]


def test_an_order_that_nobody_has_to_act_on_may_be_listed_almost_a_day_late():
    tracker = watching_since(AGO)
    for hour in range(60):
        tracker.of([order(str(hour), AGO + hour * HOUR_MS, status="Acknowledged")])
    for late, is_told in ((23, True), (25, False)):
        at = AGO + 60 * HOUR_MS
        one = order(f"LATE{late}", at, placed=at - late * HOUR_MS, status="Acknowledged")
        assert bool(tracker.of([one])) is is_told


def test_changes_are_announced_to_who_asks_for_their_status():
    tracker = watching_since(AGO, "Shipped", "Cancelled")
    assert not tracker.of([order("A", AGO + 1)])
    shipped = order("A", AGO + 2, status="Shipped", version="w")
    assert ids(tracker.of([shipped])) == ["A"]
    assert not saved(tracker, "Shipped", "Cancelled").of([shipped])
    # Days later, without anything else in between.
    assert ids(tracker.of([order("A", NOW, placed=AGO, status="Cancelled", version="x")])) == ["A"]


def test_a_date_in_the_future_hides_nothing_that_comes_until_then():
    tracker = watching_since(AGO)
    assert ids(tracker.of([order("ODD", NOW + 9 * REMEMBERED_MS)])) == ["ODD"]
    assert tracker.scope.since <= datetime.now(timezone.utc) - timedelta(milliseconds=OVERLAP_MS)
    assert ids(tracker.of([order("ODD", NOW + 9 * REMEMBERED_MS), order("NEXT")])) == ["NEXT"]


@pytest.mark.parametrize("statuses", [(), ("Created",)], ids=["new", "changes"])
def test_the_state_stays_small(statuses):
    tracker = watching_since(AGO, *statuses)
    # Fifteen thousand a day; each is seen several times, since polls overlap.
    recent: list[OrderSnapshot] = []
    for number in range(48 * 3):
        at = AGO + number * 20 * MINUTE_MS
        new = [order(f"{number}-{place}", at) for place in range(200)]
        assert sorted(ids(tracker.of(recent[-200:] + new))) == sorted(one.order_id for one in new)
        recent += new
    tracker = saved(tracker, *statuses)
    assert size(tracker) <= LARGEST + 200
    assert not tracker.of(recent[-400:])


def test_the_state_stays_small_when_few_orders_stay_created_for_long():
    tracker = watching_since(AGO)
    for number in range(4000):
        tracker.of([order(str(number), AGO + number * 10 * MINUTE_MS)])
    assert size(tracker) <= LARGEST + 200
    assert marks(tracker) > 2000


def walmarts(**fields):
    line = {
        "lineNumber": "1",
        "statusDate": NOW + 5,
        "orderLineStatuses": {"orderLineStatus": [{"status": "Created"}, {"status": "Shipped"}]},
    }
    return {"purchaseOrderId": "1", "orderDate": NOW, "orderLines": {"orderLine": [line]}, **fields}


def test_what_is_noted_of_an_order():
    seen = snapshot_of(walmarts(), "SellerFulfilled")
    assert seen == OrderSnapshot(
        "1", seen.version, "SellerFulfilled", frozenset(["Created", "Shipped"]), NOW, NOW + 5
    )
    assert snapshot_of(walmarts(orderDate=str(NOW)), "SellerFulfilled").placed == NOW
    for written in ("2026-11-30T10:00:00Z", "2026-11-30T11:00:00.000+01:00", "2026-11-30 10:00:00+0000"):
        assert snapshot_of(walmarts(orderDate=written), "SellerFulfilled").placed == 1796032800000
    assert snapshot_of(dict(reversed(walmarts().items())), "SellerFulfilled").version == seen.version
    assert snapshot_of(walmarts(customerEmailId="x"), "SellerFulfilled").version != seen.version


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
    assert snapshot_of(walmarts(**fields), "SellerFulfilled").order_id == "1"
    assert snapshot_of(walmarts(purchaseOrderId=None, **fields), "SellerFulfilled") is None


@pytest.mark.parametrize("record", [None, "A", 5, [], {}])
def test_what_is_no_order_is_passed_over(record):
    assert snapshot_of(record, "SellerFulfilled") is None


# Minutes; mostly little time, so that things meet.
SOON = st.integers(1, 60) | st.integers(1, 2500)
# What a change makes of an order; it never goes back.
KINDS = ("Created", "Created Cancelled", "Created Shipped", "Acknowledged")
# An order: when it comes, how much later it is listed, how long after that it changes and to what.
CHANGES = st.lists(st.tuples(SOON, st.integers(0, 3)), max_size=3)
ORDERS = st.lists(st.tuples(SOON, st.sampled_from([0, 0, 15, 29]), CHANGES), max_size=8)
LOOKS = st.lists(
    st.tuples(st.integers(1, 15) | st.integers(1, 300) | st.integers(1, 9000), st.booleans()), max_size=20
)
STATUSES = {"new": (), "changes": ("Created", "Acknowledged")}
END = 25 * 24 * 60


@settings(max_examples=300, deadline=None)
@given(ORDERS, LOOKS)
def test_any_history_gives_each_new_order_and_each_change_exactly_once(orders, polls):
    watchers = {name: watching_since(AGO, *statuses) for name, statuses in STATUSES.items()}
    announced: dict[str, Counter] = {name: Counter() for name in STATUSES}
    minute = 0
    # At the end, polls catch up with whatever is left.
    for pause, restarts in [*polls, *[(1, True)] * 12, (300, True)]:
        minute = min(minute + pause, END)
        shown = [one for number, history in enumerate(orders) if (one := listed(number, *history, minute))]
        for name, tracker in watchers.items():
            since = int(tracker.scope.since.timestamp() * 1000)
            end = since + int(LONGEST_LOOK.total_seconds() * 1000)
            is_all = end >= AGO + minute * MINUTE_MS
            found = [one for one in shown if since <= one.latest and (is_all or one.latest <= end)]
            for event in tracker.of(found, None if is_all else moment(end)):
                announced[name].update(zip(event["purchaseOrderIds"], event["versions"], strict=True))
            if restarts:
                watchers[name] = saved(tracker, *STATUSES[name])
    assert sorted(order_id for order_id, _ in announced["new"].elements()) == [one.order_id for one in shown]
    assert set(announced["changes"].values()) <= {1}
    assert announced["changes"].keys() >= {(one.order_id, one.version) for one in shown}


def listed(
    number: int, came: int, late: int, changes: list[tuple[int, int]], minute: int
) -> OrderSnapshot | None:
    """Return how Walmart lists an order at some minute; None for not yet."""
    history = [(came, 0), *sorted((came + after, kind) for after, kind in changes)]
    known = [(at, kind) for at, kind in history if at + late <= minute]
    if not known:
        return None
    at = max(at for at, _ in known)
    status = KINDS[max(kind for _, kind in known)]
    placed = AGO + came * MINUTE_MS
    return order(
        str(number), AGO + at * MINUTE_MS, placed=placed, status=status, version=f"{at} {len(known)}"
    )
