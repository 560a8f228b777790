"""Comparing a million rows with what Walmart last accepted, beside a dict by hand.

``python -m tests.benchmarks.bench_snapshot [rows]`` prints a table. By hand is a dict of all prices in one JSON file, which
checks no row and knows of no failure.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tabulate import tabulate

from tests.helpers.figures import Figure

ROWS = 1_000_000
CHANGED = 50
RUNS = ("first run, s", "second run, s")
FILE, PEAK = "file, MB", "peak, MB"
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)


def price(number: int, generation: int) -> float:
    return number % 100_000 / 100 + 1 + (generation if number % CHANGED == 0 else 0)


def write_rows(path: Path, rows: int, generation: int) -> None:
    with path.open("w") as file:
        for number in range(rows):
            file.write(f'{{"sku":"SKU-{number:09}","price":{price(number, generation)}}}\n')


def ours(folder: Path, rows: int) -> dict[str, float]:
    from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
    from airflow_provider_walmart.storage.feed_source import FeedSource
    from airflow_provider_walmart.storage.snapshots import Snapshots

    snapshots = Snapshots(f"{folder}/prices.sqlite", "a scope", Resilient(MemoryStore()))
    taken = {}
    for generation, name in enumerate(RUNS):
        path = folder / f"{generation}.jsonl"
        source = FeedSource(
            "price", records=None, records_path=str(path), payload_path=None, header=None, root_key=None,
            currency="USD", identity=str(generation),
        )  # fmt: skip
        began = time.perf_counter()
        now = NOW + timedelta(hours=generation)
        found = snapshots.select(str(generation), source.keyed_rows(), now=now, full_every=timedelta(days=7))
        assert found.sent == (-(-rows // CHANGED) if generation else rows)
        skus = (f"SKU-{number:09}" for number in range(rows) if found.wanted[number])
        snapshots.settle(str(generation), ((sku, "accepted") for sku in skus), now=now)
        taken[name] = time.perf_counter() - began
    return {**taken, FILE: (folder / "prices.sqlite").stat().st_size / 1e6}


def by_hand(folder: Path, rows: int) -> dict[str, float]:
    """Compare as a script does: all prices in a dict, kept as one JSON file."""
    kept = folder / "prices.json"
    began = time.perf_counter()
    with (folder / "0.jsonl").open() as file:
        prices = {row["sku"]: row["price"] for row in map(json.loads, file)}
    kept.write_text(json.dumps(prices))
    del prices
    first = time.perf_counter() - began
    began = time.perf_counter()
    prices = json.loads(kept.read_text())
    with (folder / "1.jsonl").open() as file:
        changed = {
            row["sku"]: row["price"]
            for row in map(json.loads, file)
            if prices.get(row["sku"]) != row["price"]
        }
    prices.update(changed)
    kept.write_text(json.dumps(prices))
    assert len(changed) == -(-rows // CHANGED)
    taken = dict(zip(RUNS, (first, time.perf_counter() - began), strict=True))
    return {**taken, FILE: kept.stat().st_size / 1e6}


WAYS = {"ours": ours, "by hand": by_hand}


def measure(rows: int) -> dict[str, dict[str, float]]:
    """Return what each way took, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for generation in range(len(RUNS)):
            write_rows(Path(folder) / f"{generation}.jsonl", rows, generation)
        found = {}
        for way in WAYS:
            command = [sys.executable, "-m", "tests.benchmarks.bench_snapshot", way, folder, str(rows)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[way] = json.loads(done.stdout.splitlines()[-1])
    return found


def figures(rows: int = ROWS) -> list[Figure]:
    """Measure, and return what was found."""
    found = measure(rows)
    whats = {
        RUNS[0]: f"the first run that compares {rows:,} prices with what was accepted, all of them new",
        RUNS[1]: f"the second run, one in {CHANGED} changed",
        FILE: "what is kept",
        PEAK: "peak memory",
    }
    return [
        Figure(
            what,
            f"{found['ours'][name]:.1f} {unit}",
            f"{found['by hand'][name]:.1f} {unit} by hand: a dict in a JSON file, no row checked, no failure known",
        )
        for name, what in whats.items()
        for unit in [name.rpartition(" ")[2]]
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours" | "by hand" as way, folder, rows]:
            taken = WAYS[way](Path(folder), int(rows))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps({**taken, PEAK: peak}))
        case arguments:
            found = measure(*map(int, arguments or [ROWS]))
            print(
                tabulate([[name, *(found[way][name] for way in WAYS)] for name in found["ours"]], ["", *WAYS])
            )
