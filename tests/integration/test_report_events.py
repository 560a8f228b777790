"""WalmartReportReadyTrigger against the sandbox: each report that becomes ready is an event, once."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.triggers.report_events import WalmartReportReadyTrigger
from tests.helpers.watching import LOOPS, AssetStore, Watching, as_a_triggerer_makes_it, needs_shared_streams


@pytest.fixture
def shop(shop, monkeypatch):
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    shop.settings(limits=False)
    return shop


def make_trigger(store=None, *, report_types=("ITEM",), **fields) -> WalmartReportReadyTrigger:
    return as_a_triggerer_makes_it(WalmartReportReadyTrigger(report_types=report_types, **fields), store)


def seed(shop, *reports) -> list[str]:
    return shop.server.control("POST", "seed", {"reports": list(reports)})["reports"]


def ids(events) -> list[str]:
    return [event["requestId"] for event in events]


@pytest.mark.parametrize("shared", LOOPS)
def test_each_report_that_becomes_ready_is_announced_once(shop, shared):
    async def scenario():
        async with Watching(make_trigger(AssetStore()), shared=shared) as watcher:
            quick, slow, *_ = seed(
                shop,
                {"seconds": 0},
                {"seconds": 600},
                {"seconds": 0, "outcome": "ERROR"},
                {"seconds": 0, "reportType": "PROMO"},
            )
            await watcher.poll()
            assert ids(watcher.events[0]) == [quick]
            shop.advance(600)
            await watcher.poll()
            await watcher.poll()
            assert ids(watcher.events[0]) == [quick, slow]
            return watcher.events[0][0]

    seed(shop, {"seconds": 0})
    event = asyncio.run(scenario())
    assert event == {
        "requestId": event["requestId"],
        "reportType": "ITEM",
        "reportVersion": "v1",
        "requestStatus": "READY",
        "requestSubmissionDate": event["requestSubmissionDate"],
    }


@needs_shared_streams
def test_watchers_share_a_loop_and_see_their_types_alone(shop):
    async def scenario():
        triggers = [make_trigger(AssetStore(), report_types=types) for types in (["ITEM"], ["PROMO", "ITEM"])]
        async with Watching(*triggers) as watcher:
            item, promo = seed(shop, {"seconds": 0, "age": 1}, {"seconds": 0, "reportType": "PROMO"})
            before, polls = len(shop.received("reportRequests")), watcher.polls
            await watcher.poll()
            await watcher.poll()
            calls, polls = len(shop.received("reportRequests")) - before, watcher.polls - polls
        # The list of each type is read by itself, one of them before the reports came and one after, perhaps.
        assert [{*ids(events)} for events in watcher.events] == [{item}, {item, promo}]
        assert [len(events) for events in watcher.events] == [1, 2]
        # One call for each type, not for each watcher; the first poll may have begun before, the last may not be over.
        assert 2 * (polls - 1) <= calls <= 2 * (polls + 1)

    asyncio.run(scenario())


@needs_shared_streams
def test_a_restart_loses_nothing_and_repeats_nothing(shop):
    async def lifetime(*reports):
        async with Watching(make_trigger(store)) as watcher:
            new = seed(shop, *reports)
            await watcher.poll()
            return new, ids(watcher.events[0])

    store = AssetStore()
    # More than a page of them.
    seed(shop, *({"seconds": 0, "age": 10 * number} for number in range(1, 30)))
    (slow, quick), announced = asyncio.run(lifetime({"seconds": 20 * 3600}, {"seconds": 0}))
    assert announced == [quick]
    meanwhile = seed(shop, {"seconds": 0})
    assert asyncio.run(lifetime()) == ([], meanwhile)
    shop.advance(20 * 3600)
    (last,), announced = asyncio.run(lifetime({"seconds": 0}))
    assert announced == [slow, last]
    assert asyncio.run(lifetime()) == ([], [])


@pytest.mark.parametrize("shared", LOOPS)
def test_a_type_that_walmart_does_not_know_stops_nobody(shop, shared, caplog):
    async def scenario():
        triggers = [
            make_trigger(AssetStore(), report_types=types) for types in (["ITM"], ["ITEM", "ITM"], ["ITEM"])
        ]
        async with Watching(*triggers, shared=shared) as watcher:
            new = seed(shop, {"seconds": 0})
            await watcher.poll()
            return new, [ids(events) for events in watcher.events]

    new, told = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert told == [[], new, new]
    assert "Walmart lists no reports of type ITM; is that how it is written? " in caplog.text
