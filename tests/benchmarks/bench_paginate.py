"""Reading all pages of a listing, beside a bare loop of ``requests`` and ``json`` over the same server.

``python tests/benchmarks/bench_paginate.py [records] [rounds]`` prints tables. Inventories come 50 on a page, so that
there the calls are what is measured, and items 1,000 on a page. Rounds of the two take turns; the ratio is the median
of the ratios of the rounds. Every round is a process of its own, timed from the first request to the last record.
Memory is the growth of its peak over what it is when ten pages have been read.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests
from tabulate import tabulate

from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

RECORDS = 1_000_000
ROUNDS = 3
MEGABYTE = 1_000_000
# Operation, and records on a page.
LISTINGS = {
    "inventories": ("getMultiNodeInventoryForAllSkuAndAllShipNodes", 50),
    "items": ("getAllItems", 1000),
}


def peak() -> int:
    """Return the most memory this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def ours(listing: str, url: str, token: str) -> Iterator[Any]:
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": url}
    os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
    hook = WalmartHook()
    # The budget of Walmart's, 200 calls a minute at most, would be the time measured.
    hook.client.session.throttle = None
    operation, size = LISTINGS[listing]
    return hook.paginate(operation, limit=size)


def bare(listing: str, url: str, token: str) -> Iterator[Any]:
    session = requests.Session()
    session.headers.update(
        {
            "WM_SEC.ACCESS_TOKEN": token,
            "WM_QOS.CORRELATION_ID": "bench",
            "WM_SVC.NAME": "Walmart Marketplace",
            "Accept": "application/json",
        }
    )
    size, seen = LISTINGS[listing][1], 0
    query = f"limit={size}"
    while query:
        page = session.get(f"{url}/v3/{listing}?{query}").json()
        if listing == "inventories":
            records, cursor = page["elements"]["inventories"], page["meta"].get("nextCursor")
        else:
            records, cursor = page["ItemResponse"], page.get("nextCursor")
            seen += len(records)
            cursor = cursor if seen < page["totalItems"] else None
        yield from records
        query = f"limit={size}&nextCursor={quote(cursor, safe='')}" if cursor else ""


def measure(what: str, listing: str, url: str, token: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = folder
        read = {"paginate": ours, "bare": bare}[what]
        sum(1 for _ in itertools.islice(read(listing, url, token), 10 * LISTINGS[listing][1]))
        memory, started, worked = peak(), time.perf_counter(), time.process_time()
        count = sum(1 for _ in read(listing, url, token))
        seconds, work = time.perf_counter() - started, time.process_time() - worked
    return {"records": count, "seconds": seconds, "cpu": work, "grown": peak() - memory}


def measured(what: str, listing: str, server: Server) -> dict[str, Any]:
    """Measure in a new process."""
    arguments = [sys.executable, "-m", __spec__.name, what, listing, server.url, server.token()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(listing: str, records: int, rounds: int) -> tuple[float, float]:
    """Print what was measured; return the ratio to the bare loop, and by how much memory grew, in MB."""
    results: dict[str, list[dict[str, Any]]] = {"paginate": [], "bare": []}
    with running("--no-seed") as server:
        server.control("POST", "settings", {"limits": False, "token_life": 1_000_000})
        server.control("POST", "seed", {listing: records})
        for number in range(rounds):
            for what in ("paginate", "bare") if number % 2 else ("bare", "paginate"):
                results[what].append(measured(what, listing, server))
    assert {run["records"] for runs in results.values() for run in runs} == {records}
    lines = [
        {
            listing: what,
            "records/s": statistics.median(run["records"] / run["seconds"] for run in runs),
            "CPU s per 100,000": statistics.median(1e5 * run["cpu"] / run["records"] for run in runs),
            "peak grows by, MB": max(run["grown"] for run in runs) / MEGABYTE,
        }
        for what, runs in results.items()
    ]
    ratio = statistics.median(
        other["seconds"] / one["seconds"]
        for one, other in zip(results["paginate"], results["bare"], strict=True)
    )
    print("\n" + tabulate(lines, headers="keys", floatfmt=".1f", intfmt=","))
    print(f"{records:,} records, ratio {ratio:.2f}")
    return ratio, lines[0]["peak grows by, MB"]


def figures(records: int = RECORDS, rounds: int = ROUNDS) -> list[Figure]:
    """Measure, and return what was found."""
    found = {listing: compare(listing, records, rounds) for listing in LISTINGS}
    return [
        Figure(
            f"paginate over {records:,} {listing}, {LISTINGS[listing][1]} a page, against a bare requests + json loop",
            f"{ratio:.2f} x, peak memory grows by {grown:.1f} MB",
        )
        for listing, (ratio, grown) in found.items()
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["paginate" | "bare" as what, listing, url, token]:
            print(json.dumps(measure(what, listing, url, token)))
        case arguments:
            figures(*map(int, arguments))
