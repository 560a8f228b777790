"""WalmartFeedFinishedTrigger against the sandbox: each feed that finishes is an event, once."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from airflow_provider_walmart.client.throttle import Throttle
from airflow_provider_walmart.triggers import feed_events, poller
from airflow_provider_walmart.triggers.feed_events import WalmartFeedFinishedTrigger

DAY = 24 * 3600


class AssetStore:
    """State of an asset that outlives the triggerer."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.broken = 0

    async def aget(self, key):
        return json.loads(self.values.get(key, "null"))

    async def aset(self, key, value):
        if self.broken:
            self.broken -= 1
            raise RuntimeError("the API server is away")
        self.values[key] = json.dumps(value)


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(feed_events, "HANDED_OVER", 0.0)
    monkeypatch.setattr(feed_events, "_shared_needs", {})
    monkeypatch.setattr(poller, "_clients", {})
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    shop.settings(feed_seconds=0)


def make_trigger(store=None, **fields) -> WalmartFeedFinishedTrigger:
    trigger = WalmartFeedFinishedTrigger(**fields)
    path, kwargs = json.loads(json.dumps(trigger.serialize()))
    assert path.endswith("triggers.feed_events.WalmartFeedFinishedTrigger")
    trigger = WalmartFeedFinishedTrigger(**kwargs)
    trigger.poll_interval = 0.05
    trigger.asset_state_store = store
    return trigger


class Watching:
    """Collects the events of triggers: ``async with Watching(*triggers) as events``."""

    def __init__(self, *triggers, shared=False) -> None:
        self.triggers = triggers
        self.shared = shared
        self.events: list[list[dict]] = [[] for _ in triggers]
        self.looks = 0

    async def __aenter__(self):
        queues = [asyncio.Queue() for _ in self.triggers]
        self.tasks = [
            asyncio.create_task(self._collect(trigger, queue, events))
            for trigger, queue, events in zip(self.triggers, queues, self.events, strict=True)
        ]
        if self.shared:
            self.tasks.append(asyncio.create_task(self._feed(queues)))
        await self.look()
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def look(self) -> None:
        """Wait until the list of feeds was read from its beginning to its end, and that was digested."""
        # A look that begins after the next one is over began with what is there now.
        looks = self.begun_looks() + 2 * (1 if self.shared else len(self.triggers))
        while self.begun_looks() < looks:
            for task in self.tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)

    def begun_looks(self) -> int:
        return sum("offset=0" in entry["query"] for entry in self.shop_looks())

    def shop_looks(self):
        return [entry for entry in self.shop.received("^/v3/feeds$") if entry["status"] is not None]

    async def _collect(self, trigger, queue, events):
        stream = trigger.filter_shared_stream(self._drain(queue)) if self.shared else trigger.run()
        async for event in stream:
            events.append(json.loads(json.dumps(event.payload)))

    async def _drain(self, queue):
        while True:
            yield await queue.get()

    async def _feed(self, queues):
        """What Airflow does for triggers with an equal key."""
        assert len({trigger.shared_stream_key() for trigger in self.triggers}) == 1
        trigger = self.triggers[0]
        kwargs = {**trigger.serialize()[1]}
        async for feeds in type(trigger).open_shared_stream(kwargs):
            for queue in queues:
                queue.put_nowait(feeds)


@pytest.fixture
def watching(shop):
    Watching.shop = shop
    return Watching


def ids(events):
    return [event["feedId"] for event in events]


@pytest.mark.parametrize("shared", [False, True], ids=["own loop", "shared loop"])
def test_each_feed_that_finishes_is_an_event_once(shop, watching, shared):
    async def scenario():
        async with watching(make_trigger(AssetStore()), shared=shared) as watcher:
            shop.feed(feedId="NEW@AQ", feedType="price", items=3, failed=1)
            shop.settings(feed_seconds=600)
            shop.feed(feedId="SLOW@AQ", feedType="MP_ITEM", items=1)
            await watcher.look()
            await watcher.look()
            assert ids(watcher.events[0]) == ["NEW@AQ"]
            shop.advance(600)
            await watcher.look()
            await watcher.look()
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
        "errors_uri": None,
    }


def test_watchers_share_a_loop_and_see_their_types_alone(shop, watching):
    async def scenario():
        triggers = [
            make_trigger(AssetStore(), feed_types=types) for types in (["price"], ["MP_ITEM", "item"], None)
        ]
        async with watching(*triggers, shared=True) as watcher:
            shop.feed(feedId="P@AQ", feedType="price", items=1)
            shop.feed(feedId="I@AQ", feedType="MP_ITEM", items=1)
            await watcher.look()
            await watcher.look()
        return watcher.events

    assert [sorted(ids(events)) for events in asyncio.run(scenario())] == [
        ["P@AQ"],
        ["I@AQ"],
        ["I@AQ", "P@AQ"],
    ]


@pytest.mark.parametrize("shared", [False, True], ids=["own loop", "shared loop"])
@pytest.mark.parametrize("downtime", [0, 3600, 3 * DAY], ids=["seconds", "an hour", "three days"])
def test_a_restart_loses_nothing_and_repeats_nothing(shop, watching, shared, downtime):
    async def lifetime(store, *feeds):
        feed_events._shared_needs.clear()
        async with watching(make_trigger(store, feed_types=["price"]), shared=shared) as watcher:
            for feed_id in feeds:
                shop.feed(feedId=feed_id, feedType="price", items=1)
            await watcher.look()
            await watcher.look()
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


def test_a_crash_before_an_event_is_stored_repeats_it(shop, monkeypatch):
    async def scenario():
        trigger = make_trigger(store)
        # The triggerer dies with an event in its hands.
        async for event in trigger.run():
            return event.payload["feedId"]

    async def begin():
        async for _ in make_trigger(store).run():
            pass

    store = AssetStore()
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(begin(), 1))
    assert store.values
    shop.feed(feedId="A@AQ", items=1)
    assert [asyncio.run(scenario()) for _ in range(2)] == ["A@AQ", "A@AQ"]


def test_state_that_cannot_be_kept_is_kept_after_the_next_look(shop, watching, caplog):
    async def scenario(store, *, feed=None):
        async with watching(make_trigger(store)) as watcher:
            if feed:
                store.broken = 1
                shop.feed(feedId=feed, items=1)
            await watcher.look()
            await watcher.look()
        return ids(watcher.events[0])

    store = AssetStore()
    assert asyncio.run(scenario(store, feed="A@AQ")) == ["A@AQ"]
    assert "could not be kept" in caplog.text
    assert asyncio.run(scenario(store)) == []


@pytest.mark.parametrize(
    "weather",
    [
        {"status": 503, "times": 4},
        {"reset": "before", "times": 4},
        {"status": 429, "times": 4},
        {"body": "<html>"},
    ],
    ids=["5xx", "connection lost", "429", "HTML"],
)
def test_failed_looks_are_weather(shop, watching, caplog, weather):
    async def scenario():
        async with watching(make_trigger(AssetStore())) as watcher:
            shop.fault("^/v3/feeds$", **{"times": 2, **weather})
            shop.feed(feedId="A@AQ", items=1)
            for _ in range(6):
                await watcher.look()
        return ids(watcher.events[0])

    assert asyncio.run(scenario()) == ["A@AQ"]
    assert "looking again in" in caplog.text


def test_refused_keys_do_not_end_it_either(shop, watching, monkeypatch):
    async def scenario():
        async with watching(make_trigger(AssetStore())) as watcher:
            shop.fault("^/v3/feeds$", status=401, times=2)
            shop.feed(feedId="A@AQ", items=1)
            for _ in range(4):
                await watcher.look()
        return ids(watcher.events[0])

    assert asyncio.run(scenario()) == ["A@AQ"]


def test_it_sleeps_between_looks_also_when_they_fail(shop, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append((seconds, len(shop.received("^/v3/feeds$"))))
        if len(slept) == 4:
            raise asyncio.CancelledError

    async def scenario():
        async for _ in make_trigger(AssetStore()).run():
            pass

    shop.fault("^/v3/feeds$", skip=1, times=1, status=400)
    monkeypatch.setattr(feed_events, "asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(scenario())
    assert slept == [(0.05, 1), (0.05, 2), (0.05, 3), (0.05, 4)]


def test_without_asset_state_it_begins_with_what_finishes_from_now_on(shop, watching, caplog):
    async def scenario():
        async with watching(make_trigger(None)) as watcher:
            shop.feed(feedId="NEW@AQ", items=1)
            await watcher.look()
            await watcher.look()
        return ids(watcher.events[0])

    shop.feed(feedId="OLD@AQ", items=1)
    assert asyncio.run(scenario()) == ["NEW@AQ"]
    assert "3.3 does" in caplog.text


def test_several_assets_share_the_state_of_the_first(shop, watching):
    async def scenario(stores):
        async with watching(make_trigger(stores)) as watcher:
            shop.feed(feedId="A@AQ", items=1)
            await watcher.look()
            await watcher.look()

    first, second = AssetStore(), AssetStore()
    asyncio.run(scenario(SimpleNamespace(_by_name={"b": second, "a": first})))
    assert first.values
    assert not second.values


def test_looks_cost_no_more_than_what_is_new(shop, watching):
    async def scenario():
        async with watching(make_trigger(AssetStore())) as watcher:
            await watcher.look()
            before = len(watcher.shop_looks())
            await watcher.look()
            await watcher.look()
            first, later = watcher.shop_looks()[:before], watcher.shop_looks()[before:]
        return [[entry["query"] for entry in looks] for looks in (first, later)]

    shop.feeds(*({"feedId": f"F{number}@AQ", "items": 1, "age": 7200 + number} for number in range(400)))
    shop.feed(feedId="RECENT@AQ", items=1)
    first, later = asyncio.run(scenario())
    # The first look reads all of the last day; then a page of older ones behind the recent one is where it ends.
    assert any("offset=400" in query for query in first)
    assert {int(query.split("offset=")[1].split("&")[0]) for query in later} == {0, 50}


def test_identity_is_stable_and_without_secrets():
    one = WalmartFeedFinishedTrigger(feed_types={"b", "a", "c"}, poll_interval=5)
    other = WalmartFeedFinishedTrigger(feed_types=("c", "b", "a"), poll_interval=5.0)
    assert one.serialize() == other.serialize()
    assert one.shared_stream_key() == WalmartFeedFinishedTrigger(poll_interval=5).shared_stream_key()
    assert one.shared_stream_key() != WalmartFeedFinishedTrigger(poll_interval=6).shared_stream_key()
    assert WalmartFeedFinishedTrigger(poll_interval=0).poll_interval == 1
