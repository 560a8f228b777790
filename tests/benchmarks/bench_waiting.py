"""Ten thousand feeds waited for in one triggerer process, beside one request per feed and poll.

``python tests/benchmarks/bench_waiting.py [feeds]`` prints a table. Both run in a process of their own against a sandbox of their own, over HTTP.

The second line stands in for the deferrable sensor of Airflow's HTTP provider, which is not a requirement of this
package: like it, each trigger sleeps, opens a session, sends a request of its own and looks at the answer. It is
measured with ``STOCK_FEEDS`` feeds, without rate limits, token and retries; calls per round and the time that they take
under Walmart's limit of 5,000 a minute follow from the number of feeds.
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
from pathlib import Path
from typing import Any

import psutil
from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parents[1] / "integration" / "sandbox"))

from sandbox_server import Server, running

FEEDS = 10_000
STOCK_FEEDS = 500
POLL_INTERVAL = 20.0
LIMIT_PER_MINUTE = 5000
# The feeds finish one after the other between these times after the beginning. Seconds.
FIRST_END, LAST_END = 70.0, 130.0
TICK = 0.01


class LoopWatch:
    """Measures with a task that wants its turn every 10 ms how long the event loop keeps others waiting.

    Beside the time on the clock stands the processor time of the loop's thread, which doesn't grow when other processes
    have the processor.
    """

    def __init__(self) -> None:
        self._delay = self._work = 0.0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            clock, worked = time.monotonic(), time.thread_time()
            await asyncio.sleep(TICK)
            self._delay = max(self._delay, time.monotonic() - clock - TICK)
            self._work = max(self._work, time.thread_time() - worked)

    def largest(self) -> tuple[float, float]:
        """Return the largest delay, and the longest work in one go, since this was last asked, in ms."""
        largest = (self._delay * 1000, self._work * 1000)
        self._delay = self._work = 0.0
        return largest


def seed(server: Server, count: int) -> dict[str, float]:
    """Put feeds into the sandbox; return when each will be finished."""
    server.control("POST", "settings", {"feed_seconds": 600, "limits": False})
    step = (LAST_END - FIRST_END) / count
    ends = [FIRST_END + number * step for number in range(count)]
    ids, began = [], time.time()
    for start in range(0, count, 1000):
        feeds = [{"items": 1, "age": 600 - end} for end in ends[start : start + 1000]]
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
    look, rounds = poller._look, []

    def counted(due: Any) -> Any:
        before, began = calls(server), time.monotonic()
        found = look(due)
        rounds.append((len(due), calls(server) - before, time.monotonic() - began))
        return found

    poller._look = counted
    noticed: dict[str, float] = {}
    now = time.time()

    async def wait(feed_id: str) -> None:
        known = {"walmart_conn_id": "walmart_default", "since": now, "deadline": now + 3600}
        async for event in WalmartFeedTrigger(**known, feed_ids=[feed_id], poll_interval=POLL_INTERVAL).run():
            assert event.payload["status"] == "finished", event
            noticed[feed_id] = time.time()

    watch = LoopWatch()
    await asyncio.sleep(0.1)
    before = memory()
    waiting = await start(wait, ends)
    while len(poller._waiting) < count:
        await asyncio.sleep(0.1)
    each = (memory() - before) / count
    at_start = watch.largest()
    await asyncio.gather(*waiting)
    full = [took for took in rounds if took[0] > count / 2]
    return result(
        feeds=count,
        calls_per_round=max(made for _, made, _ in rounds),
        seconds_per_round=statistics.median(seconds for _, _, seconds in full),
        delays=(at_start, watch.largest()),
        memory=each,
        late=[noticed[feed_id] - end for feed_id, end in ends.items()],
    )


async def stock(server: Server, count: int) -> dict[str, Any]:
    """Wait with one request per feed and poll."""
    import httpx

    ends = seed(server, count)
    headers = {
        "WM_SEC.ACCESS_TOKEN": server.token(),
        "WM_QOS.CORRELATION_ID": "1",
        "WM_SVC.NAME": "Walmart Marketplace",
        "Accept": "application/json",
    }
    noticed: dict[str, float] = {}

    async def wait(feed_id: str) -> None:
        while feed_id not in noticed:
            await asyncio.sleep(POLL_INTERVAL)
            async with httpx.AsyncClient(timeout=60) as session:
                answer = await session.get(
                    f"{server.url}/v3/feeds/{feed_id.replace('@', '%40')}", headers=headers
                )
            if answer.json()["feedStatus"] == "PROCESSED":
                noticed[feed_id] = time.time()

    watch = LoopWatch()
    await asyncio.sleep(0.1)
    before = memory()
    waiting = await start(wait, ends)
    each = (memory() - before) / count
    at_start = watch.largest()
    await asyncio.gather(*waiting)
    return result(
        feeds=count,
        calls_per_round=count,
        seconds_per_round=FEEDS / LIMIT_PER_MINUTE * 60,
        delays=(at_start, watch.largest()),
        memory=each,
        late=[noticed[feed_id] - end for feed_id, end in ends.items()],
    )


def result(
    *,
    feeds: int,
    calls_per_round: int,
    seconds_per_round: float,
    delays: tuple[tuple[float, float], tuple[float, float]],
    memory: float,
    late: list[float],
) -> dict[str, Any]:
    return {
        "feeds": feeds,
        "calls per round, most": calls_per_round,
        "seconds per round": seconds_per_round,
        "loop delay at start, ms": delays[0][0],
        "of it own work, ms": delays[0][1],
        "loop delay later, ms": delays[1][0],
        "of it own work later, ms": delays[1][1],
        "memory per trigger, kB": memory / 1000,
        "noticed late, median s": statistics.median(late),
        "noticed late, most s": max(late),
    }


def measured(what: str, count: int) -> dict[str, Any]:
    """Measure in a new process."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, __file__, what, str(count)],
            capture_output=True,
            text=True,
            env={**os.environ, "AIRFLOW_HOME": home},
        )
    assert done.returncode == 0, done.stderr[-5000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(count: int) -> dict[str, dict[str, Any]]:
    """Print and return what was measured."""
    found = {
        "one poller per account": measured("ours", count),
        "one request per feed and poll": measured("stock", min(count, STOCK_FEEDS)),
    }
    rows = [{"waiting": name, **line} for name, line in found.items()]
    print(
        "\n"
        + tabulate(
            list(zip(*([key, *(row[key] for row in rows)] for key in rows[0]), strict=True)), floatfmt=".1f"
        )
    )
    return found


def main(what: str, count: int) -> None:
    with running("--no-seed") as server:
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
        os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
        print(json.dumps(asyncio.run({"ours": ours, "stock": stock}[what](server, count))))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [what, count]:
            main(what, int(count))
        case [count]:
            table(int(count))
        case _:
            table(FEEDS)
