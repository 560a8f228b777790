"""Whatever dies when, a feed goes out once: processes killed at random points, with random troubles on the wire."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.client.feeds.submit import FeedFile, OnceSubmitter
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.shared_state import FileStore, MemoryStore, Resilient
from airflow_provider_walmart.task.waiting import wait_for_feeds

# The version matrix, which takes its time, kills more of them.
BATCHES, DEATHS_OF_A_BATCH = (10 if "WALMART_NEW_EXAMPLES" in os.environ else 3), 20
TRIES = 12
FEED_TYPES = {"MP_INVENTORY": True, "inventory": True, "PRICE_AND_PROMOTION": False, "lagtime": False}
POINTS_OF_A_FEED = 8


class FileRecords:
    """A task state store that outlives the process: one JSON file, replaced as a whole."""

    def __init__(self, path: Path, point: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.point = point

    def get(self, key: str) -> Any:
        return self._all().get(key)

    def set(self, key: str, value: Any) -> None:
        self.point()
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps({**self._all(), key: value}))
        os.replace(beside, self.path)
        self.point()

    def _all(self) -> dict[str, Any]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}


class Plot:
    """What will happen to one try: at which point, and how it ends."""

    def __init__(self, dice: random.Random, feeds: int) -> None:
        self.way = dice.choice(["kill", "kill", "kill", "kill at any time", "exit", "raise", "none"])
        self.points_left = dice.randrange(POINTS_OF_A_FEED * feeds)
        self.delay = dice.uniform(0.0, 0.4)

    def begin(self) -> None:
        if self.way == "kill at any time":
            timer = threading.Timer(self.delay, self.end)
            timer.daemon = True
            timer.start()

    def point(self) -> None:
        if self.way in ("kill", "exit", "raise"):
            self.points_left -= 1
            if self.points_left < 0:
                self.end()

    def end(self) -> None:
        if self.way == "raise":
            raise RuntimeError("anything may fail")
        if self.way == "exit":
            os._exit(1)
        os.kill(os.getpid(), signal.SIGKILL)


def one_try(make_client, url: str, records: Path, feeds: list[FeedFile], plot: Plot, outcome: Path) -> None:
    """What a worker does in a process of its own."""
    plot.begin()
    send = HTTPAdapter.send

    def send_with_points(self, request, **options):
        if request.method != "POST" or not request.path_url.startswith("/v3/feeds"):
            return send(self, request, **options)
        plot.point()
        answer = send(self, request, **options)
        plot.point()
        return answer

    HTTPAdapter.send = send_with_points
    client = make_client(url, store=Resilient(FileStore(records.with_name("state"))))
    submitter = OnceSubmitter(client, FileRecords(records, plot.point), lasting=True, tried_since=None)
    try:
        ids = [submitter.submit(feed) for feed in feeds]
        plot.point()
        wait_for_feeds(client, ids, feed_type="", items=1, poll_interval=0.05, since=0.0, deadline=4e9)
        plot.point()
        beside = outcome.with_suffix(".part")
        beside.write_text(json.dumps(ids))
        os.replace(beside, outcome)
    except WalmartError as error:
        outcome.with_suffix(".errors").open("a").write(f"{type(error).__name__}: {error}\n")
    finally:
        # No clean-up of the parent's, which was forked along.
        os._exit(0)


TROUBLES: list[dict[str, Any]] = [
    {"method": "POST", "reset": "after"},
    {"method": "POST", "reset": "before"},
    {"method": "POST", "status": 500, "after_effect": True},
    {"method": "POST", "status": 502},
    {"method": "POST", "status": 429},
    {"method": "POST", "body": ""},
    {"method": "POST", "body": "<html><title>Welcome to our proxy</title></html>"},
    {"method": "POST", "truncate": 4},
    {"method": "POST", "delay": 0.2, "after_effect": True},
    {"method": "GET", "status": 503},
    {"method": "GET", "status": 503, "times": 5},
    {"method": "GET", "reset": "before", "times": 4},
]


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(feed_submit, "SETTLE", 0.3)
    monkeypatch.setattr(feed_submit, "READ_EVERY", 0.1)
    monkeypatch.setattr(feed_submit, "LONGEST_SEND", 0.5)
    # No budgets, whether published or learnt from a 429: the time until a slot is free does not pass in a test.
    monkeypatch.setattr(Throttle, "wait", lambda *_: None)
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)


def make_feed(feed_type: str, name: str, items: int) -> FeedFile:
    skus = [f"{name}-{number}" for number in range(items)]
    content = json.dumps({"Header": {"version": "1"}, "Rows": [{"sku": sku, "quantity": 1} for sku in skus]})
    fingerprint = hashlib.sha256(name.encode()).hexdigest()
    return FeedFile(feed_type, content.encode(), items, fingerprint, multipart=FEED_TYPES[feed_type])


def all_feeds(shop) -> dict[str, str]:
    """Return the ids of all feeds that Walmart took, with their first SKUs."""
    found = {}
    for feed in shop.server.get("/v3/feeds")["results"]["feed"]:
        details = shop.server.get(f"/v3/feeds/{feed['feedId']}", includeDetails="true")["itemDetails"]
        found[feed["feedId"]] = details["itemIngestionStatus"][0]["sku"]
    return found


def until_served(shop, path: str) -> None:
    """Wait until Walmart has served whatever a process sent before it died, however busy the machine is."""
    for _ in range(2):
        while any(entry["status"] is None for entry in shop.received(path)):
            pass


def run_until_it_ends(dice: random.Random, shop, make_client, folder: Path) -> int:
    """Run a task over any number of tries, and check what Walmart got; return how many of them were killed."""
    shop.reset()
    shop.settings(limits=False, feed_seconds=0)
    feed_type = dice.choice(sorted(FEED_TYPES))
    items = dice.randint(1, 3)
    slices = dice.choice([1, 1, 1, 2, 3])
    feeds = [make_feed(feed_type, f"{folder.name}-slice{number}", items) for number in range(slices)]
    strangers: list[FeedFile] = []
    outcome, story, deaths = folder / "outcome", [], 0
    for number in range(TRIES):
        is_calm = number >= TRIES - 2
        plot = Plot(dice, slices)
        if is_calm:
            plot.way = "none"
            shop.no_faults()
        elif dice.random() < 0.5:
            trouble = dice.choice(TROUBLES)
            shop.fault("^/v3/feeds$", **{"times": 1, "skip": dice.randrange(slices), **trouble})
            story.append(trouble)
        story.append(plot.way)
        arguments = (make_client, shop.url, folder / "records", feeds, plot, outcome)
        worker = multiprocessing.get_context("fork").Process(target=one_try, args=arguments)
        worker.start()
        worker.join()
        deaths += worker.exitcode == -signal.SIGKILL
        until_served(shop, "/v3/feeds")
        if outcome.exists():
            break
        if dice.random() < 0.3:
            # Another task sends as many items of the same type.
            strangers.append(make_feed(feed_type, f"{folder.name}-stranger{len(strangers)}", items))
            shop.no_faults()
            feed_submit.submit_feed(make_client(shop.url, store=Resilient(MemoryStore())), strangers[-1])
    shop.no_faults()
    errors = folder / "outcome.errors"
    told = f"{story}\n{errors.read_text() if errors.exists() else ''}"
    assert outcome.exists(), told
    taken = all_feeds(shop)
    sent = [feed.content for feed in [*feeds, *strangers]]
    assert len(taken) == len(sent), told
    # Each id that the task goes on with is that of its own feed.
    of_task = [taken[feed_id] for feed_id in json.loads(outcome.read_text())]
    assert of_task == [f"{folder.name}-slice{number}-0" for number in range(slices)], told
    return deaths


@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_never_twice_and_never_green_without(batch, shop, make_client, quick, tmp_path, monkeypatch):
    dice = random.Random(batch)
    deaths = run = 0
    while deaths < DEATHS_OF_A_BATCH:
        run += 1
        folder = tmp_path / f"run{run}"
        folder.mkdir()
        deaths += run_until_it_ends(dice, shop, make_client, folder)
    print(f"{deaths} tries were killed in {run} runs")
