"""Rate budgets, counted from what the sandbox received."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_walmart.client.errors import WalmartRateLimitError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.budget_crowd import client_of
from tests.helpers.redis_server import needs_redis, running_redis

CROWD = ["-m", "tests.helpers.budget_crowd"]
# Allowed 200 times a minute.
PATH = "/v3/inventory?sku=a"
LOGGED = "/v3/inventory$"


@pytest.fixture(autouse=True)
def sku(shop) -> None:
    shop.server.control("POST", "seed", {"inventories": ["a"]})


@pytest.fixture(params=["files", pytest.param("redis", marks=needs_redis)])
def store(request, tmp_path):
    """Where processes share what they know, as options of the crowd."""
    if request.param == "files":
        yield {"folder": str(tmp_path / "state")}
        return
    with running_redis(tmp_path) as redis:
        yield {"redis": redis.patient_url}


class Crowd:
    """Processes that are about to call at the same time."""

    def __init__(self, shop, **options: Any) -> None:
        command = [sys.executable, *CROWD, json.dumps({"url": shop.url, "path": PATH, **options})]
        self._running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._running.stdout.readline() == "ready\n"

    def call(self) -> Counter[str]:
        """Let them call; return how the calls ended."""
        output, _ = self._running.communicate("go\n", timeout=700)
        assert self._running.returncode == 0
        return Counter(outcome for process in json.loads(output) for outcome in process)


def crowd(shop, **options: Any) -> Counter[str]:
    return Crowd(shop, **options).call()


def statuses(shop) -> Counter[int]:
    return Counter(entry["status"] for entry in shop.received(LOGGED))


# -- published budgets -------------------------------------------------------------------------------


def calls_per_second(shop, store) -> float:
    """Return how many calls eight processes can make here and now."""
    shop.settings(limits=False)
    waiting = Crowd(shop, processes=8, calls=200, published=False, **store)
    began = time.monotonic()
    waiting.call()
    shop.settings(limits={})
    return 200 / (time.monotonic() - began)


@pytest.mark.timeout(900)
def test_eight_processes_use_up_a_budget_and_none_is_refused(shop, store):
    # The token is to live by the wall clock.
    shop.settings(token_life=1_000_000)
    # The faster time runs the sooner it's over; the machine must keep up with it.
    speed = min(30.0, max(5.0, calls_per_second(shop, store) / 3 / (200 / 60)))
    used = use_up_a_budget(shop, store, 750, speed)
    if used < 0.95:
        # It had other things to do meanwhile: once more, at leisure, and with a full budget again.
        shop.advance(120)
        used = use_up_a_budget(shop, store, 750, speed / 4)
    assert used >= 0.95


def use_up_a_budget(shop, store, calls: int, speed: float) -> float:
    """Return which share of a budget eight processes use; no call is refused."""
    before = len(shop.received(LOGGED))
    clock = shop.server.control("POST", "clock", {"speed": speed})
    now = {"wall": time.time(), "now": clock["now"], "speed": speed}
    # Time runs so fast that a machine that pauses costs a minute of it.
    assert crowd(shop, processes=8, calls=calls, clock=now, max_wait=600, **store) == {"ok": calls}
    log = shop.received(LOGGED)[before:]
    assert Counter(entry["status"] for entry in log) == {200: calls}
    return calls / (200 + (log[-1]["time"] - log[0]["time"]) * 200 / 60)


def test_a_budget_that_others_use_too_costs_a_429_for_each_who_was_on_the_way(shop, store):
    # Less than is published: somebody else takes the rest.
    shop.settings(limits={"GET /v3/inventory": [5, 1]})
    assert crowd(shop, processes=4, calls=40, attempts=4, **store) == {"ok": 40}
    assert statuses(shop)[200] == 40
    # Once at the start; later on those who wait go one by one, unless the machine has kept them all until after that.
    times = [entry["time"] for entry in shop.received(LOGGED)]
    stops = sum(later - earlier > 1 for earlier, later in pairwise(times))
    assert statuses(shop)[429] <= 10 + 4 * stops


# -- Walmart's own word ------------------------------------------------------------------------------


def test_after_a_429_nobody_who_calls_later_sends_anything_before_the_named_time(shop, store):
    options = {"url": shop.url, "published": False, **store}
    # For the one who must not wait it is always before that time, however long all this takes.
    now = {"wall": 0, "now": time.time(), "speed": 0}
    one, hasty = client_of(options), client_of({**options, "max_wait": 0, "clock": now})
    waiting = Crowd(shop, processes=4, calls=40, **options)
    named = time.time() + 10
    headers = {"X-Next-Replenishment-Time": str(int(named * 1000))}
    shop.fault(LOGGED, status=429, headers=headers, times=1)
    with pytest.raises(WalmartRateLimitError):
        one.call("getInventory", params={"sku": "a"})
    # Who must not wait doesn't send anything, either.
    with pytest.raises(WalmartRateLimitError, match="Not sent"):
        hasty.call("getInventory", params={"sku": "a"})
    assert waiting.call() == {"ok": 40}
    refused, *later = shop.received(LOGGED)
    assert (refused["status"], len(later)) == (429, 40)
    assert min(entry["time"] for entry in later) >= int(named * 1000) / 1000


def test_calls_that_are_under_way_when_a_429_comes_are_refused_once_each(shop, store):
    # A call every two seconds, after the first 40.
    shop.settings(limits={"GET /v3/inventory": [40, 80]})
    outcome = crowd(shop, processes=4, calls=60, published=False, **store)
    assert sum(outcome.values()) == 60
    # Between two calls that were let through, none of the four came twice.
    refused = [0]
    for entry in shop.received(LOGGED):
        if entry["status"] == 200:
            refused.append(0)
        else:
            refused[-1] += 1
    assert sum(refused) > 0
    assert max(refused) <= 4


def test_a_long_wait_is_an_error_with_the_time_to_come_back_at(shop):
    named = int(time.time()) + 3600
    shop.fault(LOGGED, status=429, headers={"X-Next-Replenishment-Time": str(named * 1000)})
    with pytest.raises(WalmartRateLimitError) as refused:
        WalmartHook().call("getInventory", sku="a")
    shop.no_faults()
    # Another task, at any time before: not even sent.
    with pytest.raises(WalmartRateLimitError, match="Not sent: by Walmart's own word") as not_sent:
        WalmartHook().call("getInventory", sku="a")
    # Later only by what the answer took, should that have been seconds: clocks may differ by so much.
    assert named <= refused.value.retry_at.timestamp() < named + 60
    assert named <= not_sent.value.retry_at.timestamp() < named + 60
    assert statuses(shop) == {429: 1}
    # Another bucket goes on.
    WalmartHook().call("getMultiNodeInventoryForSkuAndAllShipnodes", sku="a")


def test_a_write_that_was_throttled_is_not_repeated_and_the_next_one_waits(shop, monkeypatch):
    shop.fault(LOGGED, status=429, headers={"Retry-After": "3600"}, times=1)
    stock = {"sku": "a", "quantity": {"unit": "EACH", "amount": 1}}
    for _ in range(2):
        with pytest.raises(WalmartRateLimitError):
            WalmartHook().call("updateInventoryForAnItem", sku="a", body=stock)
    assert statuses(shop) == {429: 1}


def test_pages_wait_for_their_budget(shop, monkeypatch):
    shop.server.control("POST", "seed", {"returns": 3})
    shop.settings(limits={"GET /v3/returns": [1, 1]})
    assert len(list(WalmartHook().paginate("getReturns", limit=1))) == 3
    assert Counter(entry["status"] for entry in shop.received("returns$")) == {200: 3}


# -- processes that die ------------------------------------------------------------------------------

DIES = """
import json, os, signal, sys
from tests.helpers.budget_crowd import client_of

def put_and_die(name, value, ttl):
    if "{moment}" == "after":
        put(name, value, ttl)
    os.kill(os.getpid(), signal.SIGKILL)

client = client_of(json.loads(sys.argv[1]))
store = client.store._store
put, store.put = store.put, put_and_die
client.call("getInventory", params={{"sku": "a"}})
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_dies_while_it_takes_a_slot_holds_up_nobody(moment, shop, store, caplog):
    options = {"url": shop.url, **store}
    client = client_of(options)
    program = [sys.executable, "-c", DIES.format(moment=moment), json.dumps(options)]
    died = subprocess.run(program, env=dict(os.environ), timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert shop.received(LOGGED) == []
    for _ in range(5):
        client.call("getInventory", params={"sku": "a"})
    assert statuses(shop) == {200: 5}
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
