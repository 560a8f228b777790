"""One read for each of many SKUs with ``call_many``, beside what people write: a loop, a pool of threads, HttpHook.

``python -m tests.benchmarks.bench_many [reads]`` prints a table. The server keeps to Walmart's limit of 200 such calls a
minute. So a list of more ends when the limit lets it: what counts is how much of it is used once the first 200 calls, which may
come at once, are over. The loop and HttpHook make fewer calls, and are taken for what that makes of all. Each has an account
of its own, and budgets with it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from tabulate import tabulate

from tests.helpers import by_hand
from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

READS = 400
PER_MINUTE = 200
FEW = 40
CONCURRENCY = 8
# What Walmart takes for an answer, beside one that takes no time. Seconds.
LATENCIES = (0.0, 0.3)
PATH = "/v3/inventory"


def skus(count: int) -> list[str]:
    return [f"SKU-{number:06}" for number in range(1, count + 1)]


def ours(url: str, folder: str, count: int) -> tuple[float, float]:
    """Return how long all reads take, and how many a minute there were behind those that may come at once."""
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    connection = {"conn_type": "walmart", "login": "ours", "password": "sandbox", "host": url}
    os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
    os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = folder
    params = [{"sku": sku} for sku in skus(count)]
    started, times = time.perf_counter(), []
    for _, result in WalmartHook().call_many("getInventory", params, concurrency=CONCURRENCY):
        assert "quantity" in result, result
        times.append(time.perf_counter() - started)
    return times[-1], 60 * (count - PER_MINUTE) / (times[-1] - times[PER_MINUTE - 1])


def reader(url: str) -> Callable[[str], int]:
    """Return what reads one SKU by hand, and says with what status."""
    session, headers = requests.Session(), by_hand.headers_with(by_hand.token_of(url))
    return lambda sku: session.get(url + PATH, params={"sku": sku}, headers=headers).status_code


def serial(url: str) -> float:
    read, started = reader(url), time.perf_counter()
    assert {read(sku) for sku in skus(FEW)} == {200}
    return (time.perf_counter() - started) / FEW


def http_hook(url: str) -> float:
    from airflow.providers.http.hooks.http import HttpHook

    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": url})
    hook, headers = HttpHook(method="GET"), by_hand.headers_with(by_hand.token_of(url))
    started = time.perf_counter()
    for sku in skus(FEW):
        assert hook.run(PATH, {"sku": sku}, headers=headers).ok
    return (time.perf_counter() - started) / FEW


def pool(url: str, count: int) -> tuple[float, Counter[int]]:
    started = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        statuses = Counter(threads.map(reader(url), skus(count)))
    return time.perf_counter() - started, statuses


def measured(server: Server, latency: float, count: int) -> dict[str, Any]:
    """Return what was found with answers that take some time."""
    server.reset()
    server.control("POST", "seed", {"items": count})
    if latency:
        server.control("POST", "faults", [{"path": "/v3/", "delay": latency}])
    found: dict[str, Any] = {}
    for name, run in (("serial", serial), ("http", http_hook)):
        by_hand.KEYS = (name, "sandbox")
        found[name] = run(server.url) * count
    by_hand.KEYS = ("pool", "sandbox")
    found["pool"], found["statuses"] = pool(server.url, count)
    with tempfile.TemporaryDirectory() as folder:
        found["ours"], found["a minute"] = ours(server.url, folder, count)
    entries = server.session.get(f"{server.url}/_sandbox/requests", params={"path": PATH}).json()
    found["refused"] = sum(entry["status"] == 429 for entry in entries) - found["statuses"][429]
    return found


def figures(count: int = READS) -> list[Figure]:
    """Measure, and return what was found."""
    with running("--no-seed") as server:
        results = {latency: measured(server, latency, count) for latency in LATENCIES}
    found = []
    for latency, result in results.items():
        share = result["a minute"] / PER_MINUTE
        found += [
            Figure(
                f"{count} reads of stock, one a SKU, {PER_MINUTE} a minute allowed, answers after {1000 * latency:.0f} ms",
                f"{result['ours']:.0f} s, {result['refused']} answers of 429",
                f"{result['serial']:.0f} s in a loop without a budget, {result['http']:.0f} s with HttpHook, {result['pool']:.0f} s "
                f"in {CONCURRENCY} threads, of which {result['statuses'][429]} answers are 429",
                "no 429",
                not result["refused"],
            ),
            Figure(
                "share of the budget that is used once what may come at once is over",
                f"{share:.0%}",
                budget=">= 90 %",
                met=share >= 0.9,
            ),
        ]
    return found


if __name__ == "__main__":
    found = figures(*map(int, sys.argv[1:]))
    print(tabulate([vars(figure) for figure in found], headers="keys"))
