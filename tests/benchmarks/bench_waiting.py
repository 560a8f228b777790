"""Ten thousand feeds waited for in one triggerer process, beside the trigger of Airflow's HttpSensor.

``python tests/benchmarks/bench_waiting.py [feeds]`` prints a table.
Both run in a process of their own against a sandbox of their own, over HTTP.

The second column is the trigger of Airflow's HttpSensor. It can't look into an answer: it waits while that is a 404, so
its feeds come into being when those of the others end. It is measured with ``STOCK_FEEDS`` feeds and without rate
limits; its calls per round, and the time that they take under Walmart's limit of 5,000 a minute, are not measured but
follow from the number of feeds. Its token stands in the arguments of the trigger and is good for 15 minutes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import psutil
from tabulate import tabulate

from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

FEEDS = 10_000
STOCK_FEEDS = 500
POLL_INTERVAL = 20.0
LIMIT_PER_MINUTE = 5000
# The feeds finish one after the other between these times after the beginning. Seconds.
FIRST_END, LAST_END = 70.0, 130.0
# By so much later for each feed: all are waited for before the first one finishes. Seconds.
TO_START = 0.002
TICK = 0.01


class LoopWatch:
    """Measures with a task that wants its turn every 10 ms how long the event loop keeps others waiting.

    Beside the time on the clock stands the processor time of the loop's thread, which doesn't grow when other processes
    have the processor, and the longest garbage collection, which goes through all of Airflow's objects.
    """

    def __init__(self) -> None:
        self._delay = self._work = self._collection = self._collecting = 0.0
        self._task = asyncio.create_task(self._run())
        gc.callbacks.append(self._on_collection)

    async def _run(self) -> None:
        while True:
            clock, worked = time.monotonic(), time.thread_time()
            await asyncio.sleep(TICK)
            self._delay = max(self._delay, time.monotonic() - clock - TICK)
            self._work = max(self._work, time.thread_time() - worked)

    def _on_collection(self, phase: str, _: Any) -> None:
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._collection = max(self._collection, time.thread_time() - self._collecting)

    def largest(self) -> dict[str, float]:
        """Return the largest delay, the longest work in one go and the longest collection, in ms."""
        return {
            "loop delay, ms": self._delay * 1000,
            "loop at work in one go, ms": self._work * 1000,
            "garbage collection, ms": self._collection * 1000,
        }

    async def forget(self) -> None:
        """Begin anew."""
        await asyncio.sleep(2 * TICK)
        self._delay = self._work = self._collection = 0.0


def seed(server: Server, count: int) -> dict[str, float]:
    """Put feeds into the sandbox; return when each will be finished."""
    server.control("POST", "settings", {"feed_seconds": 3600, "limits": False})
    first, step = FIRST_END + count * TO_START, (LAST_END - FIRST_END) / count
    ends = [first + number * step for number in range(count)]
    ids, began = [], time.time()
    for start in range(0, count, 1000):
        late = time.time() - began
        feeds = [{"items": 1, "age": 3600 + late - end} for end in ends[start : start + 1000]]
        ids += server.control("POST", "seed", {"feeds": feeds})["feeds"]
    return {feed_id: began + end for feed_id, end in zip(ids, ends, strict=True)}


async def start(wait: Callable[[str], Coroutine[Any, Any, None]], feed_ids: Iterable[str]) -> list[Any]:
    """Start one trigger after the other, as the triggerer does."""
    tasks = []
    for feed_id in feed_ids:
        tasks.append(asyncio.create_task(wait(feed_id)))
        await asyncio.sleep(0)
    return tasks


def calls(server: Server) -> int:
    """Return how many calls of feeds there were so far."""
    counts = server.session.get(f"{server.url}/_sandbox/requests", params={"path": "/v3/feeds", "count": 1})
    return sum(found["count"] for found in counts.json())


def memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


async def ours(server: Server, count: int) -> dict[str, Any]:
    """Wait with the trigger of the submitting operator."""
    from airflow_provider_walmart.triggers.feeds import WalmartFeedTrigger
    from airflow_provider_walmart.triggers.poller import poller_of

    ends = seed(server, count)
    poller = await poller_of("walmart_default")
    read, rounds = poller._read, []

    def counted(due: Any) -> Any:
        before, began, worked = calls(server), time.monotonic(), time.process_time()
        found = read(due)
        took, work = time.monotonic() - began, time.process_time() - worked
        rounds.append((len(due), calls(server) - before, took, work))
        return found

    poller._read = counted
    noticed: dict[str, float] = {}
    now = time.time()

    async def wait(feed_id: str) -> None:
        known = {"walmart_conn_id": "walmart_default", "since": now, "deadline": now + 3600}
        async for event in WalmartFeedTrigger(**known, feed_ids=[feed_id], poll_interval=POLL_INTERVAL).run():
            assert event.payload["status"] == "success", event
            noticed[feed_id] = time.time()

    before, watch = memory(), LoopWatch()
    waiting = await start(wait, ends)
    while len(poller._waiting) + len(noticed) < count:
        await asyncio.sleep(0.1)
    at_start = watch.largest()
    each = (memory() - before) / count
    await watch.forget()
    await asyncio.gather(*waiting)
    full = [took for took in rounds if took[0] > count / 2]
    return result(
        feeds=count,
        calls_per_round=max(made for _, made, _, _ in rounds),
        seconds_per_round=statistics.median(seconds for _, _, seconds, _ in full),
        work_per_round=statistics.median(work for *_, work in full),
        at_start=at_start,
        later=watch.largest(),
        memory=each,
        late=[noticed[feed_id] - end for feed_id, end in ends.items()],
    )


async def stock(server: Server, count: int) -> dict[str, Any]:
    """Wait with the trigger of HttpSensor."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": server.url})
    server.control("POST", "settings", {"feed_seconds": 0, "limits": False})
    headers = {
        "WM_SEC.ACCESS_TOKEN": server.token(),
        "WM_QOS.CORRELATION_ID": "1",
        "WM_SVC.NAME": "Walmart Marketplace",
        "Accept": "application/json",
    }
    began, step = time.time(), (LAST_END - FIRST_END) / count
    ends = {f"{number:032X}@AQ": began + FIRST_END + number * step for number in range(count)}
    noticed: dict[str, float] = {}

    async def bring_into_being() -> None:
        left = list(ends)
        while left:
            await asyncio.sleep(0.1)
            due = [feed_id for feed_id in left if ends[feed_id] <= time.time()]
            if due:
                body = {"feeds": [{"feedId": feed_id, "items": 1} for feed_id in due]}
                await asyncio.to_thread(server.control, "POST", "seed", body)
                del left[: len(due)]

    async def wait(feed_id: str) -> None:
        endpoint = f"/v3/feeds/{feed_id.replace('@', '%40')}"
        async for _ in HttpSensorTrigger(endpoint, headers=headers, poke_interval=POLL_INTERVAL).run():
            noticed[feed_id] = time.time()

    creator = asyncio.create_task(bring_into_being())
    before, watch = memory(), LoopWatch()
    waiting = await start(wait, ends)
    at_start = watch.largest()
    each = (memory() - before) / count
    await watch.forget()
    await asyncio.gather(*waiting, creator)
    return result(
        feeds=count,
        calls_per_round=count,
        seconds_per_round=0.0,
        work_per_round=0.0,
        at_start=at_start,
        later=watch.largest(),
        memory=each,
        late=[noticed[feed_id] - end for feed_id, end in ends.items()],
    )


def result(
    *,
    feeds: int,
    calls_per_round: int,
    seconds_per_round: float,
    work_per_round: float,
    at_start: dict[str, float],
    later: dict[str, float],
    memory: float,
    late: list[float],
) -> dict[str, Any]:
    return {
        "feeds measured": feeds,
        "calls per round, most": calls_per_round,
        "seconds per round": seconds_per_round,
        "processor seconds per round": work_per_round,
        **{f"at start: {name}": value for name, value in at_start.items()},
        **{f"later: {name}": value for name, value in later.items()},
        "memory per trigger, kB": memory / 1000,
        "noticed late, median s": statistics.median(late),
        "noticed late, most s": max(late),
    }


def measured(what: str, count: int) -> dict[str, Any]:
    """Measure in a new process."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, what, str(count)],
            capture_output=True,
            text=True,
            env={**os.environ, "AIRFLOW_HOME": home},
        )
    assert done.returncode == 0, done.stderr[-5000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Print and return what was measured: ours, and the other."""
    found = {
        "one poller per account": measured("ours", count),
        "trigger of HttpSensor": measured("stock", min(count, STOCK_FEEDS)),
    }
    ours, stock = found.values()
    stock["calls per round, most"] = count
    stock["seconds per round"] = count / LIMIT_PER_MINUTE * 60
    lines = [[name, f"{ours[name]:,.1f}", f"{stock[name]:,.1f}"] for name in ours]
    print("\n" + tabulate(lines, headers=["", *found], disable_numparse=True, stralign="right"))
    return ours, stock


def figures(count: int = FEEDS) -> list[Figure]:
    """Measure, and return what was found."""
    ours, stock = table(count)
    most = ours["calls per round, most"]

    def beside(name: str, unit: str) -> tuple[str, str]:
        return f"{ours[name]:,.1f} {unit}", f"{stock[name]:,.1f} {unit} with the trigger of HttpSensor"

    return [
        Figure(
            f"{count:,} feeds waited for in one triggerer: calls per poll round",
            f"{most:,.0f}",
            f"{count:,} with the trigger of HttpSensor",
            "<= 1 per 50 feeds",
            most <= max(20, count / 50),
        ),
        Figure(
            "time and processor time of such a round",
            f"{ours['seconds per round']:.1f} s, {ours['processor seconds per round']:.1f} s",
            f"{stock['seconds per round']:,.0f} s by Walmart's limit of calls",
        ),
        Figure("memory per waiting trigger", *beside("memory per trigger, kB", "kB")),
        Figure(
            f"longest delay of the event loop ({stock['feeds measured']:,} feeds in the other case)",
            *beside("later: loop delay, ms", "ms"),
        ),
        Figure(
            f"from finished to noticed, median, at a poll interval of {POLL_INTERVAL:.0f} s",
            *beside("noticed late, median s", "s"),
        ),
    ]


def main(what: str, count: int) -> None:
    with running("--no-seed") as server:
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
        os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
        print(json.dumps(asyncio.run({"ours": ours, "stock": stock}[what](server, count))))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [what, count]:
            main(what, int(count))
        case arguments:
            figures(*map(int, arguments))
