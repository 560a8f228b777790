"""WalmartNewOrdersTrigger against the sandbox: no order is lost, none is announced twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from airflow_provider_walmart.client.events.orders import OrderTracker
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.triggers.order_events import WalmartNewOrdersTrigger
from tests.helpers.watching import LOOPS, AssetStore, Watching, as_a_triggerer_makes_it, needs_shared_streams

DAY = 24 * 3600
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def shop(shop, monkeypatch):
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    shop.settings(limits=False)
    return shop


def make_trigger(store=None, **fields) -> WalmartNewOrdersTrigger:
    return as_a_triggerer_makes_it(WalmartNewOrdersTrigger(**fields), store)


def seed(shop, count=1, **fields) -> list[str]:
    return shop.server.control("POST", "seed", {"orders": {"count": count, **fields}})["orders"]


def acknowledge(shop, *order_ids) -> None:
    for order_id in order_ids:
        answer = shop.server.call("POST", f"/v3/orders/{order_id}/acknowledge", headers=JSON)
        assert answer.status_code == 200, answer.text


def ids(events) -> list[str]:
    return [order_id for event in events for order_id in event["purchaseOrderIds"]]


def away_for(days: float) -> AssetStore:
    """Return the state of a watcher that has been away so long, and has seen nothing before."""
    state = OrderTracker(None).state()
    then = state["from"] - days * DAY * 1000
    state |= {"first": False, "from": then, "latest": then, "forgotten": then, "complete": then}
    store = AssetStore()
    store.values["walmart_orders_walmart_default"] = json.dumps(state)
    return store


@pytest.mark.parametrize("shared", LOOPS)
def test_each_new_order_is_announced_once_whoever_ships_it(shop, shared):
    async def scenario():
        async with Watching(make_trigger(AssetStore()), shared=shared) as watcher:
            new = seed(shop, 3)
            new += seed(shop, 2, shipNodeType="WFSFulfilled", status="Acknowledged")
            new += seed(shop, shipNodeType="3PLFulfilled")
            await watcher.poll()
            acknowledge(shop, new[0])
            await watcher.poll()
            await watcher.poll()
            return new, watcher.events[0]

    seed(shop, 2, spacing=1)
    new, events = asyncio.run(scenario())
    assert sorted(ids(events)) == sorted(new)
    assert sum((Counter(event["statuses"]) for event in events), Counter()) == {
        "Created": 4,
        "Acknowledged": 2,
    }
    assert sum((Counter(event["shipNodeTypes"]) for event in events), Counter()) == {
        "SellerFulfilled": 3,
        "WFSFulfilled": 2,
        "3PLFulfilled": 1,
    }
    assert [event["orders"] for event in events] == [len(event["versions"]) for event in events]


def test_orders_of_one_moment_that_come_one_after_the_other_are_all_announced(shop):
    async def scenario():
        new = []
        async with Watching(make_trigger(AssetStore())) as watcher:
            for _ in range(4):
                # All of these were placed at the same time, and are listed late.
                new += seed(shop, 2, spacing=0, age=600)
                await watcher.poll()
            return new, watcher.events[0]

    seed(shop)
    new, events = asyncio.run(scenario())
    assert sorted(ids(events)) == sorted(new)


def test_an_event_says_nothing_personal(shop):
    async def scenario():
        async with Watching(make_trigger(AssetStore())) as watcher:
            new = seed(shop)
            await watcher.poll()
            return new, watcher.events[0]

    (order_id,), (event,) = asyncio.run(scenario())
    assert event == {
        "purchaseOrderIds": [order_id],
        "versions": event["versions"],
        "orders": 1,
        "statuses": {"Created": 1},
        "shipNodeTypes": {"SellerFulfilled": 1},
    }


def test_changes_are_announced_to_who_asks_for_a_status(shop):
    async def scenario():
        triggers = [make_trigger(AssetStore(), statuses=statuses) for statuses in (["Acknowledged"], None)]
        async with Watching(*triggers) as watcher:
            acknowledge(shop, *old[:2])
            await watcher.poll()
            acknowledge(shop, old[0], old[2])
            await watcher.poll()
            await watcher.poll()
            return watcher.events

    # The third one is older than what a first poll goes back.
    old = seed(shop, 2) + seed(shop, age=3 * DAY)
    changes, new = asyncio.run(scenario())
    assert not new
    # Acknowledging the first one again is a change, too.
    assert Counter(ids(changes)) == {old[0]: 2, old[1]: 1, old[2]: 1}
    assert len({version for event in changes for version in event["versions"]}) == 4


def test_many_orders_are_several_events(shop):
    async def scenario():
        async with Watching(make_trigger(AssetStore())) as watcher:
            new = seed(shop, 1100, spacing=0)
            await watcher.poll()
            return new, watcher.events[0]

    new, events = asyncio.run(scenario())
    assert [event["orders"] for event in events] == [500, 500, 100]
    assert sorted(ids(events)) == sorted(new)


@pytest.mark.parametrize("shared", LOOPS)
def test_the_last_event_keeps_away_from_those_before_it(shop, shared):
    """Airflow's scheduler had time to make a run of the first one, and so makes one of the last that has the rest."""

    async def scenario():
        async with Watching(make_trigger(AssetStore()), shared=shared, apart=2.0) as watcher:
            new = seed(shop, 1100, spacing=0)
            while len(watcher.events[0]) < 3:
                await watcher.poll()
            new += seed(shop)
            while len(watcher.events[0]) < 4:
                await watcher.poll()
            return new, watcher.events[0], watcher.times[0]

    new, events, times = asyncio.run(scenario())
    assert sorted(ids(events)) == sorted(new)
    assert times[2] - times[1] >= 2.0
    assert times[3] - times[2] >= 2.0


@needs_shared_streams
@pytest.mark.parametrize("safe", [True, False], ids=["stopped", "killed before the event was stored"])
def test_a_restart_loses_no_order(shop, safe):
    async def lifetime(count=0, *, safe=True):
        async with Watching(make_trigger(store), safe=safe) as watcher:
            new = seed(shop, count)
            await watcher.poll()
            return new, ids(watcher.events[0])

    store = AssetStore()
    asyncio.run(lifetime())
    new, announced = asyncio.run(lifetime(3, safe=safe))
    assert sorted(announced) == new
    meanwhile = seed(shop, 2)
    later, announced = asyncio.run(lifetime(2))
    assert sorted(announced) == sorted([*([] if safe else new), *meanwhile, *later])
    assert asyncio.run(lifetime()) == ([], [])


def test_below_airflow_3_3_it_begins_anew_and_says_so(shop, caplog):
    async def lifetime(count=0):
        async with Watching(make_trigger(), shared=False) as watcher:
            await watcher.poll()
            new = seed(shop, count)
            await watcher.poll()
            return new, ids(watcher.events[0])

    new, announced = asyncio.run(lifetime(2))
    assert sorted(announced) == new
    seed(shop, 3)
    later, announced = asyncio.run(lifetime(1))
    assert announced == later
    assert caplog.text.count("This Airflow keeps no state for assets (3.3 does)") == 2


@needs_shared_streams
def test_after_a_month_away_it_catches_up_step_by_step(shop):
    async def scenario():
        async with Watching(make_trigger(away_for(30))) as watcher:
            while len(set(ids(watcher.events[0]))) < len(new):
                await watcher.poll()
            new.extend(seed(shop, 2))
            await watcher.poll()
            return watcher.events[0]

    # More of them than one search finds.
    shop.settings(orders_per_search=25)
    new = seed(shop, 300, spacing=2 * 3600, age=60)
    new += seed(shop, 100, spacing=6 * 3600, age=90, shipNodeType="WFSFulfilled")
    # One of the oldest has changed today, and is in none of the first steps.
    acknowledge(shop, changed := new[1])
    events = asyncio.run(scenario())
    assert Counter(ids(events)) == Counter(new)
    assert max(event["orders"] for event in events) < 100
    # Oldest first.
    sellers = [order_id for order_id in ids(events) if order_id in new[:300]]
    assert [order_id for order_id in sellers if order_id != changed] == [new[0], *new[2:300]]


@needs_shared_streams
def test_watchers_share_the_calls_of_one(shop):
    def asked_for():
        queries = [entry["query"] for entry in shop.received("^/v3/orders$")]
        return [dict(part.split("=") for part in query.split("&"))["shipNodeType"] for query in queries]

    async def scenario(*triggers):
        before = len(asked_for())
        async with Watching(*triggers) as watcher:
            await watcher.poll()
            await watcher.poll()
        return asked_for()[before:]

    one_poll = ["3PLFulfilled", "SellerFulfilled", "WFSFulfilled"]
    # Where there is nothing, Walmart is asked twice.
    for who in one_poll:
        seed(shop, 1, shipNodeType=who)
    sellers = asyncio.run(scenario(make_trigger(ship_node_types=["SellerFulfilled"])))
    assert {*sellers} == {"SellerFulfilled"}
    many = [make_trigger(), make_trigger(statuses=["Shipped"]), make_trigger(poll_interval=3600)]
    searches = asyncio.run(scenario(*many))
    first = searches.index("SellerFulfilled") - 1
    assert searches[first:] == (one_poll * len(searches))[: len(searches) - first]
    assert len(searches) > 9


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 503, "times": 4},
        {"reset": "before", "times": 4},
        # A search that is refused is read in parts, and given up where a part is refused whatever its dates.
        {"status": 400, "times": 3},
        {"body": "<html>"},
    ],
    ids=["5xx", "connection lost", "400", "HTML"],
)
def test_failed_polls_are_transient_errors(shop, caplog, trouble):
    async def scenario():
        async with Watching(make_trigger(AssetStore())) as watcher:
            shop.fault("^/v3/orders$", **{"times": 2, **trouble})
            new = seed(shop, 2)
            while len(ids(watcher.events[0])) < 2:
                await watcher.poll()
            await watcher.poll()
            return new, ids(watcher.events[0])

    new, announced = asyncio.run(scenario())
    assert sorted(announced) == new
    assert "Polling orders failed, polling again in" in caplog.text


def test_identity_is_stable_and_without_secrets():
    one = WalmartNewOrdersTrigger(statuses={"Shipped", "Created"}, poll_interval=5)
    other = WalmartNewOrdersTrigger(statuses=("Created", "Shipped", "Created"), poll_interval=5.0)
    assert one.serialize() == other.serialize()
    assert json.loads(json.dumps(one.serialize()))[1] == {
        "walmart_conn_id": "walmart_default",
        "statuses": ["Created", "Shipped"],
        "ship_node_types": None,
        "poll_interval": 5.0,
    }
