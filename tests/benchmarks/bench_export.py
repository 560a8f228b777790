"""Exporting orders, beside a bare loop of ``requests`` and ``json`` that does the same over the same server.

``python tests/benchmarks/bench_export.py [orders] [rounds]`` prints a table. Both read the same orders of 180 days in
windows as large as one search allows, 200 a page, and write them as JSON lines. Rounds of the two take turns; a ratio is the median of the ratios of the rounds. Every round is a process
of its own, timed from the first request to the last line written. The server has a core of its own where there are
two: left to itself, the kernel runs server and client on one core or on two as it comes. The time of the server is in
the time of both, and on a busy machine so is that of everything else: the CPU time of the process alone is told beside
it. Memory is the growth of its peak over what it is when an export of a hundred orders is done.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import requests
from tabulate import tabulate

from tests.helpers import by_hand
from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

ORDERS = 250_000
ROUNDS = 5
SPACING = 69
MEGABYTE = 1_000_000
CONCURRENCY = 8
# What users wait for: Walmart answers in 200 to 800 ms.
LATENCY = 0.3
LATE_ORDERS = 20_000
LATE_CONCURRENCIES = (8, 16)


def peak() -> int:
    """Return the most memory this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def ours(
    url: str, folder: Path, days: float, concurrency: int = CONCURRENCY, *, has_budget: bool = False
) -> int:
    """Export orders.

    :param has_budget: whether to keep to Walmart's rate budget: 5,000 calls a minute, which would be the time measured where
        answers take no time.
    """
    from airflow_provider_walmart.operators.exports import WalmartExportOperator

    connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": url}
    os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
    os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = str(folder / "state")
    operator = WalmartExportOperator(
        task_id="export",
        operation="getAllOrders",
        output_path=str(folder / "ours.jsonl"),
        api_params={"shipNodeType": "SellerFulfilled"},
        concurrency=concurrency,
    )
    if not has_budget:
        operator.hook.client.session.throttle = None
    end = datetime.now(timezone.utc)
    interval = {"data_interval_start": end - timedelta(days=days), "data_interval_end": end}
    return int(operator.execute(interval)["records"])


def session_of(token: str) -> requests.Session:
    session = requests.Session()
    session.headers.update(by_hand.headers_with(token))
    return session


def bare(
    get: Callable[[str], requests.Response], path: Path, start: datetime, end: datetime, width: timedelta
) -> int:
    """Write the orders of a time window, read in windows of a width one after the other; return their number."""
    count = 0
    with path.open("w") as file:
        while start < end:
            until = min(start + width, end)
            edges = f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{until:%Y-%m-%dT%H:%M:%SZ}"
            query = f"?limit=200&createdStartDate={edges[0]}&createdEndDate={edges[1]}"
            while query:
                page = get(f"/v3/orders{query}").json()["list"]
                for order in (page["elements"] or {}).get("order", []):
                    file.write(json.dumps(order) + "\n")
                    count += 1
                query = page["meta"].get("nextCursor")
            start = until
    return count


def in_few_searches(get: Callable[[str], requests.Response], path: Path, days: float) -> int:
    """Write the orders of some days, in windows as large as one search allows."""
    now = datetime.now(timezone.utc)
    return bare(get, path, now - timedelta(days=days), now, timedelta(seconds=9_999 * SPACING))


def serial(url: str, folder: Path, days: float, token: str) -> int:
    session = session_of(token)
    return in_few_searches(lambda path: session.get(url + path), folder / "bare.jsonl", days)


def http_hook(url: str, folder: Path, days: float, token: str) -> int:
    from airflow.providers.http.hooks.http import HttpHook

    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": url})
    hook, headers = HttpHook(method="GET"), by_hand.headers_with(token)
    return in_few_searches(lambda path: hook.run(path, headers=headers), folder / "http.jsonl", days)


def pool(url: str, folder: Path, days: float, token: str) -> int:
    """Read as many windows as there are threads, each in one of its own: whoever writes that knows how many orders there are."""
    end = datetime.now(timezone.utc)
    width = timedelta(days=days) / CONCURRENCY
    starts = [end - timedelta(days=days) + number * width for number in range(CONCURRENCY)]

    def read(start: datetime) -> int:
        session = session_of(token)
        path = folder / f"{start.timestamp()}.jsonl"
        return bare(lambda place: session.get(url + place), path, start, start + width, width)

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        return sum(threads.map(read, starts))


def measure(what: str, url: str, days: float, token: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = (
            (lambda days: ours(url, folder, days))
            if what == "ours"
            else (lambda days: serial(url, folder, days, token))
        )
        run(100 * SPACING / 86_400)
        memory, started, worked = peak(), time.perf_counter(), time.process_time()
        count = run(days)
        seconds, work = time.perf_counter() - started, time.process_time() - worked
    return {"records": count, "seconds": seconds, "cpu": work, "grown": peak() - memory}


def part(server: Server) -> None:
    """Give the server a core of its own, and this process and those that it starts the others."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(server.process.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:])


def measured(what: str, server: Server, days: float) -> dict[str, Any]:
    """Measure in a new process."""
    arguments = [sys.executable, "-m", __spec__.name, what, server.url, str(days), server.token()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(orders: int, rounds: int) -> dict[str, Any]:
    """Print and return what was measured."""
    days = min(179.9, orders * SPACING / 86_400)
    results: dict[str, list[dict[str, Any]]] = {"ours": [], "bare": []}
    with running("--no-seed") as server:
        part(server)
        server.control("POST", "settings", {"limits": False})
        server.control("POST", "seed", {"orders": {"count": orders, "spacing": SPACING}})
        for number in range(rounds):
            for what in ("ours", "bare") if number % 2 else ("bare", "ours"):
                results[what].append(measured(what, server, days))
    lines = [
        {
            "": what,
            "records": max(run["records"] for run in runs),
            "records/s": statistics.median(run["records"] / run["seconds"] for run in runs),
            "CPU s per 100,000": statistics.median(1e5 * run["cpu"] / run["records"] for run in runs),
            "peak grows by, MB": max(run["grown"] for run in runs) / MEGABYTE,
        }
        for what, runs in results.items()
    ]

    def ratio(quantity: str) -> float:
        """Return how many times as much of it the bare loop needs for a record."""
        return statistics.median(
            (other[quantity] / other["records"]) / (one[quantity] / one["records"])
            for one, other in zip(results["ours"], results["bare"], strict=True)
        )

    print("\n" + tabulate(lines, headers="keys", floatfmt=".1f", intfmt=","))
    print(f"ratio {ratio('seconds'):.2f} by time, {ratio('cpu'):.2f} by CPU time of the process")
    return {"ratio": ratio("seconds"), "CPU ratio": ratio("cpu"), **{line[""]: line for line in lines}}


def late_by_hand(server: Server, days: float) -> dict[str, float]:
    """Return how long orders take by hand where each answer does."""
    took = {}
    with tempfile.TemporaryDirectory() as name:
        for what, read in (("bare", serial), ("HttpHook", http_hook), ("threads", pool)):
            started = time.perf_counter()
            # The windows of the pool meet at the same seconds.
            assert abs(read(server.url, Path(name), days, server.token()) - LATE_ORDERS) < 100, what
            took[what] = time.perf_counter() - started
    return took


def late_exports(server: Server, days: float) -> tuple[dict[int, float], int]:
    """Return how long exports of the same orders take, by how many calls are made at once, and how many calls they make."""
    took = {}
    with tempfile.TemporaryDirectory() as name:
        # What is imported once, and the token.
        ours(server.url, Path(name), 100 * SPACING / 86_400)
        before = len(received(server))
        for number in LATE_CONCURRENCIES:
            started = time.perf_counter()
            ours(server.url, Path(name), days, number, has_budget=True)
            took[number] = time.perf_counter() - started
    return took, len(received(server)) - before


def received(server: Server) -> list[dict[str, Any]]:
    return list(server.session.get(f"{server.url}/_sandbox/requests", params={"path": "/v3/orders"}).json())


def fewest_turns(pages: int, concurrency: int) -> float:
    """Return after how many answers all pages may be there when not one call is in vain."""
    return 1 + pages / concurrency


def late_figures() -> list[Figure]:
    """Measure with the latency that Walmart has, and within its rate budget."""
    days, pages = LATE_ORDERS * SPACING / 86_400, LATE_ORDERS // 200
    with running("--no-seed") as server:
        server.control("POST", "seed", {"orders": {"count": LATE_ORDERS, "spacing": SPACING}})
        server.control("POST", "faults", [{"path": "/v3/", "delay": LATENCY}])
        hand = late_by_hand(server, days)
        took, calls = late_exports(server, days)
        refused = sum(entry["status"] == 429 for entry in received(server))
    found = [
        Figure(
            f"an export of {LATE_ORDERS:,} orders at {1000 * LATENCY:.0f} ms an answer, {number} calls at once, against the "
            "bare loop",
            f"{hand['bare'] / seconds:.1f} x ({seconds:.1f} s)",
            f"{hand['bare']:.1f} s, {hand['HttpHook']:.1f} s with HttpHook, {hand['threads']:.1f} s in {CONCURRENCY} threads, a window "
            f"each; at most {pages / fewest_turns(pages, number):.1f} x: the first page, which tells that there are too many for "
            f"one search, and then {number} pages at a time",
            ">= 8 x" if number > CONCURRENCY else "",
            hand["bare"] / seconds >= 8 if number > CONCURRENCY else None,
        )
        for number, seconds in took.items()
    ]
    each = calls / len(LATE_CONCURRENCIES) / pages
    found.append(
        Figure(
            "calls of such an export for each page, and answers of 429",
            f"{each:.2f}, {refused}",
            "1",
            "<= 1.2, 0",
            each <= 1.2 and not refused,
        )
    )
    return found


def figures(orders: int = ORDERS, rounds: int = ROUNDS) -> list[Figure]:
    """Measure, and return what was found."""
    found = compare(orders, rounds)
    # The windows of the two do not meet at the same seconds.
    assert abs(found["ours"]["records"] - found["bare"]["records"]) < 100, found
    grown, most = found["ours"]["peak grows by, MB"], 10 + 2 * CONCURRENCY
    return [
        Figure(
            f"records a second of an export of {orders:,} orders, against a bare requests + json loop",
            f"{found['ratio']:.2f} x",
            f"{found['CPU ratio']:.2f} x by CPU time of the process",
            ">= 4 x",
            found["ratio"] >= 4,
        ),
        Figure(
            "growth of peak memory meanwhile",
            f"{grown:.1f} MB",
            f"{found['bare']['peak grows by, MB']:.1f} MB for the bare loop",
            f"<= {most} MB: 10, and 2 for each call at once",
            grown <= most,
        ),
        *late_figures(),
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours" | "bare" as what, url, days, token]:
            print(json.dumps(measure(what, url, float(days), token)))
        case arguments:
            figures(*map(int, arguments))
