"""WalmartFeedFinishedTrigger against the sandbox: each feed that finishes is an event, once."""

from __future__ import annotations

import asyncio
import math
import time
from types import SimpleNamespace

import pytest

from airflow_provider_walmart.client.events.feeds import FeedTracker
from airflow_provider_walmart.client.events.polls import FeedPoll
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.triggers import event_stream
from airflow_provider_walmart.triggers.feed_events import WalmartFeedFinishedTrigger
from tests.helpers.watching import LOOPS, AssetStore, Watching, as_a_triggerer_makes_it, needs_shared_streams

DAY = 24 * 3600


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    shop.settings(feed_seconds=0)


def make_trigger(store=None, **fields) -> WalmartFeedFinishedTrigger:
    return as_a_triggerer_makes_it(WalmartFeedFinishedTrigger(**fields), store)


def ids(events):
    return [event["feedId"] for event in events]


@pytest.mark.parametrize("shared", LOOPS)
def test_each_feed_that_finishes_is_an_event_once(shop, shared):
    async def scenario():
        async with Watching(make_trigger(AssetStore()), shared=shared) as watcher:
            shop.feed(feedId="NEW@AQ", feedType="price", items=3, failed=1)
            shop.settings(feed_seconds=600)
            shop.feed(feedId="SLOW@AQ", feedType="MP_ITEM", items=1)
            await watcher.poll()
            await watcher.poll()
            assert ids(watcher.events[0]) == ["NEW@AQ"]
            shop.advance(600)
            await watcher.poll()
            await watcher.poll()
        return watcher.events[0]

    shop.feed(feedId="OLD@AQ", items=1)
    events = asyncio.run(scenario())
    assert ids(events) == ["NEW@AQ", "SLOW@AQ"]
    assert events[0] == {
        "feedId": "NEW@AQ",
        "feedType": "price",
        "feedStatus": "PROCESSED",
        "itemsReceived": 3,
        "itemsSucceeded": 2,
        "itemsFailed": 1,
        "itemsProcessing": 0,
    }


@needs_shared_streams
def test_watchers_share_a_loop_and_see_their_types_alone(shop):
    async def scenario():
        triggers = [
            make_trigger(AssetStore(), feed_types=types) for types in (["price"], ["MP_ITEM", "item"], None)
        ]
        async with Watching(*triggers) as watcher:
            shop.feed(feedId="P@AQ", feedType="price", items=1)
            shop.feed(feedId="I@AQ", feedType="MP_ITEM", items=1)
            await watcher.poll()
            await watcher.poll()
        return watcher.events

    assert [sorted(ids(events)) for events in asyncio.run(scenario())] == [
        ["P@AQ"],
        ["I@AQ"],
        ["I@AQ", "P@AQ"],
    ]


@needs_shared_streams
@pytest.mark.parametrize("downtime", [0, 3600, 3 * DAY], ids=["seconds", "an hour", "three days"])
def test_a_restart_loses_nothing_and_repeats_nothing(shop, downtime):
    async def lifetime(store, *feeds):
        async with Watching(make_trigger(store, feed_types=["price"])) as watcher:
            for feed_id in feeds:
                shop.feed(feedId=feed_id, feedType="price", items=1)
            await watcher.poll()
            await watcher.poll()
        return ids(watcher.events[0])

    store = AssetStore()
    shop.feed(feedId="OLD@AQ", feedType="price", items=1)
    assert asyncio.run(lifetime(store, "A@AQ", "B@AQ")) == ["A@AQ", "B@AQ"]
    # One that takes as long as the triggerer is away, and longer than the list goes back.
    shop.settings(feed_seconds=downtime)
    shop.feed(feedId="SLOW@AQ", feedType="price", items=1)
    assert asyncio.run(lifetime(store)) == (["SLOW@AQ"] if downtime == 0 else [])
    shop.advance(downtime + 1)
    shop.settings(feed_seconds=0)
    shop.feed(feedId="MEANWHILE@AQ", feedType="price", items=1)
    shop.advance(downtime)
    expected = ["MEANWHILE@AQ"] if downtime == 0 else ["SLOW@AQ", "MEANWHILE@AQ"]
    assert asyncio.run(lifetime(store)) == expected
    assert asyncio.run(lifetime(store)) == []


@needs_shared_streams
def test_who_joins_a_running_loop_is_shown_what_came_while_he_was_away(shop):
    async def before():
        async with Watching(make_trigger(store, feed_types=["price"])):
            pass

    async def after():
        async with Watching(make_trigger(AssetStore())) as watcher:
            watcher.join(make_trigger(store, feed_types=["price"]))
            await watcher.poll()
            await watcher.poll()
        return watcher.events

    store = AssetStore()
    shop.feed(feedId="OLD@AQ", feedType="price", items=1)
    asyncio.run(before())
    shop.advance(2 * DAY)
    shop.feeds(*({"feedId": f"{age}@AQ", "feedType": "price", "age": age} for age in (86_000, 40_000, 10)))
    assert [ids(events) for events in asyncio.run(after())] == [[], ["86000@AQ", "40000@AQ", "10@AQ"]]


@needs_shared_streams
def test_a_crash_before_an_event_is_in_the_database_repeats_it(shop):
    async def lifetime(*, safe, feed=None):
        async with Watching(make_trigger(store), safe=safe) as watcher:
            if feed:
                shop.feed(feedId=feed, items=1)
            await watcher.poll()
        return ids(watcher.events[0])

    store = AssetStore()
    assert asyncio.run(lifetime(safe=False, feed="A@AQ")) == ["A@AQ"]
    lives = [asyncio.run(lifetime(safe=safe)) for safe in (False, True, True)]
    assert lives == [["A@AQ"], ["A@AQ"], []]


@needs_shared_streams
def test_state_that_cannot_be_kept_is_kept_after_the_next_poll(shop, caplog):
    async def scenario(store, *, feed=None):
        async with Watching(make_trigger(store)) as watcher:
            if feed:
                store.broken = 1
                shop.feed(feedId=feed, items=1)
            await watcher.poll()
            await watcher.poll()
        return ids(watcher.events[0])

    store = AssetStore()
    assert asyncio.run(scenario(store, feed="A@AQ")) == ["A@AQ"]
    assert "could not be kept" in caplog.text
    assert asyncio.run(scenario(store)) == []


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 503, "times": 4},
        {"reset": "before", "times": 4},
        {"status": 429, "times": 4},
        {"body": "<html>"},
    ],
    ids=["5xx", "connection lost", "429", "HTML"],
)
def test_failed_polls_are_transient_errors(shop, caplog, trouble):
    async def scenario():
        async with Watching(make_trigger(AssetStore())) as watcher:
            shop.fault("^/v3/feeds$", **{"times": 2, **trouble})
            shop.feed(feedId="A@AQ", items=1)
            for _ in range(6):
                await watcher.poll()
        return ids(watcher.events[0])

    assert asyncio.run(scenario()) == ["A@AQ"]
    assert "polling again in" in caplog.text


def test_refused_keys_do_not_end_it_either(shop, monkeypatch):
    async def scenario():
        async with Watching(make_trigger(AssetStore())) as watcher:
            shop.fault("^/v3/feeds$", status=401, times=2)
            shop.feed(feedId="A@AQ", items=1)
            for _ in range(4):
                await watcher.poll()
        return ids(watcher.events[0])

    assert asyncio.run(scenario()) == ["A@AQ"]


@pytest.fixture
def slept(shop, monkeypatch) -> list[tuple[float, int]]:
    """How long somebody sleeps after each poll, which is over at once, and how many calls were made by then."""
    pauses: list[tuple[float, int]] = []

    async def sleep(stream, seconds):
        pauses.append((seconds, len(shop.received("^/v3/feeds$"))))
        if len(pauses) == 4:
            raise asyncio.CancelledError
        stream._polled_at = stream._not_before = -math.inf

    monkeypatch.setattr(event_stream.EventStream, "_sleep", sleep)
    return pauses


async def watch_for_ever():
    trigger = make_trigger()
    trigger.poll_interval = 60
    async for _ in trigger.run():
        pass


def test_a_watcher_sleeps_between_polls_also_when_they_fail(shop, slept):
    shop.fault("^/v3/feeds$", skip=1, times=1, status=400)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch_for_ever())
    assert [calls for _, calls in slept] == [1, 2, 3, 4]
    assert all(0 < seconds <= 60 for seconds, _ in slept)


def test_after_a_429_it_sleeps_until_the_time_that_walmart_named(shop, slept):
    at = {"X-Next-Replenishment-Time": str(int(time.time() + 3600) * 1000)}
    shop.fault("^/v3/feeds$", skip=1, times=1, status=429, headers=at)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch_for_ever())
    assert [calls for _, calls in slept] == [1, 2, 3, 4]
    assert [seconds > 3000 for seconds, _ in slept] == [False, True, False, False]


def test_a_loop_that_begins_anew_keeps_the_pause(shop, slept):
    async def scenario():
        stream = event_stream.EventStream("walmart_default", FeedPoll(), "feeds")
        with stream.watched(FeedTracker(None), 1000):
            for _ in range(2):
                async for _ in stream.polls():
                    break

    asyncio.run(scenario())
    [(seconds, calls)] = slept
    assert calls == 1
    assert 500 < seconds <= 1000


def test_an_impatient_newcomer_does_not_wait_for_the_others(shop):
    async def scenario():
        stream = event_stream.EventStream("walmart_default", FeedPoll(), "feeds")
        polls = stream.polls()
        with stream.watched(FeedTracker(None), 1e6):
            await anext(polls)
            next_poll = asyncio.create_task(anext(polls))
            await asyncio.sleep(0.05)
            with stream.watched(FeedTracker(None), 0.01):
                await asyncio.wait_for(next_poll, 60)

    asyncio.run(scenario())


def test_without_asset_state_it_begins_with_what_finishes_from_now_on(shop, caplog):
    async def scenario():
        async with Watching(make_trigger(None)) as watcher:
            shop.feed(feedId="NEW@AQ", items=1)
            await watcher.poll()
            await watcher.poll()
        return ids(watcher.events[0])

    shop.feed(feedId="OLD@AQ", items=1)
    assert asyncio.run(scenario()) == ["NEW@AQ"]
    assert "3.3 does" in caplog.text


@needs_shared_streams
def test_assets_of_one_trigger_share_a_state_and_may_come_and_go(shop):
    async def lifetime(feed_id, **stores):
        async with Watching(make_trigger(SimpleNamespace(_by_name=stores))) as watcher:
            shop.feed(feedId=feed_id, items=1)
            await watcher.poll()
        return ids(watcher.events[0])

    first, second, third = AssetStore(), AssetStore(), AssetStore()
    assert asyncio.run(lifetime("A@AQ", b=second)) == ["A@AQ"]
    shop.feed(feedId="B@AQ", items=1)
    assert asyncio.run(lifetime("C@AQ", a=first, b=second)) == ["B@AQ", "C@AQ"]
    shop.feed(feedId="D@AQ", items=1)
    assert asyncio.run(lifetime("E@AQ", a=first, c=third)) == ["D@AQ", "E@AQ"]


@needs_shared_streams
def test_however_many_types_there_are_their_state_has_a_key_that_airflow_takes(shop):
    async def lifetime(last):
        types = [*(f"A_FEED_TYPE_{number}" for number in range(50)), last]
        async with Watching(make_trigger(store, feed_types=types)):
            pass

    store = AssetStore()
    asyncio.run(lifetime("X"))
    asyncio.run(lifetime("Y"))
    asyncio.run(lifetime("Y"))
    # The column of it is no longer.
    assert max(map(len, store.values)) <= 512
    assert [key.startswith("walmart_feeds_walmart_default_A_FEED") for key in store.values] == [True, True]


def test_polls_cost_no_more_than_what_is_new(shop):
    def queries():
        return [entry["query"] for entry in shop.received("^/v3/feeds$") if entry["status"] is not None]

    async def scenario():
        async with Watching(make_trigger(AssetStore())) as watcher:
            await watcher.poll()
            first = queries()
            await watcher.poll()
            await watcher.poll()
        return first, queries()[len(first) :]

    shop.feeds(*({"feedId": f"F{number}@AQ", "items": 1, "age": 7200 + number} for number in range(400)))
    shop.feed(feedId="RECENT@AQ", items=1)
    first, later = asyncio.run(scenario())
    # The first poll reads all of the last day; then a page of older ones behind the recent one is where it ends.
    assert any("offset=400" in query for query in first)
    assert {int(query.split("offset=")[1].split("&")[0]) for query in later} == {0, 50}


def test_identity_is_stable_and_without_secrets():
    one = WalmartFeedFinishedTrigger(feed_types={"b", "a", "c"}, poll_interval=5)
    other = WalmartFeedFinishedTrigger(feed_types=("c", "b", "a"), poll_interval=5.0)
    assert one.serialize() == other.serialize()
    assert one.shared_stream_key() == WalmartFeedFinishedTrigger(poll_interval=6).shared_stream_key()
    other = WalmartFeedFinishedTrigger(walmart_conn_id="another")
    assert one.shared_stream_key() != other.shared_stream_key()
    assert WalmartFeedFinishedTrigger(poll_interval=0.1).poll_interval == 1
