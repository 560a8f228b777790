"""Comparing a million rows with what Walmart last accepted, beside a dict by hand.

python tests/benchmarks/bench_snapshot.py [ROWS]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1_000_000
CHANGED = 50
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)


def price(number: int, generation: int) -> float:
    return number % 100_000 / 100 + 1 + (generation if number % CHANGED == 0 else 0)


def write_rows(path: Path, generation: int) -> None:
    with path.open("w") as file:
        for number in range(ROWS):
            file.write(f'{{"sku":"SKU-{number:09}","price":{price(number, generation)}}}\n')


def ours(folder: Path) -> dict[str, float]:
    from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
    from airflow_provider_walmart.storage.feed_source import FeedSource
    from airflow_provider_walmart.storage.snapshots import Snapshots

    snapshots = Snapshots(f"{folder}/prices.sqlite", "a scope", Resilient(MemoryStore()))
    taken = {}
    for generation in (0, 1):
        path = folder / f"{generation}.jsonl"
        source = FeedSource(
            "price", records=None, records_path=str(path), payload_path=None, header=None, root_key=None,
            currency="USD", identity=str(generation),
        )  # fmt: skip
        began = time.perf_counter()
        now = NOW + timedelta(hours=generation)
        found = snapshots.select(str(generation), source.keyed_rows(), now=now, full_every=timedelta(days=7))
        assert found.sent == (ROWS if generation == 0 else -(-ROWS // CHANGED))
        taken[f"select, {'all new' if generation == 0 else '2 % changed'}, s"] = time.perf_counter() - began
        began = time.perf_counter()
        skus = (f"SKU-{number:09}" for number in range(ROWS) if found.wanted[number])
        snapshots.settle(str(generation), ((sku, "accepted") for sku in skus), now=now)
        taken[f"settle, {'all' if generation == 0 else '2 %'}, s"] = time.perf_counter() - began
    taken["file, MB"] = (folder / "prices.sqlite").stat().st_size / 1e6
    return taken


def by_hand(folder: Path) -> dict[str, float]:
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
    assert len(changed) == -(-ROWS // CHANGED)
    return {
        "first run, s": first,
        "second run, s": time.perf_counter() - began,
        "file, MB": kept.stat().st_size / 1e6,
    }


def main() -> None:
    if len(sys.argv) > 3:
        folder = Path(sys.argv[3])
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        taken = {"ours": ours, "by hand": by_hand}[sys.argv[2]](folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**taken, "peak, MB": peak, "of which before, MB": base}))
        return
    with tempfile.TemporaryDirectory() as folder:
        for generation in (0, 1):
            write_rows(Path(folder) / f"{generation}.jsonl", generation)
        print(f"{ROWS:,} rows, one in {CHANGED} changed")
        for way in ("by hand", "ours"):
            command = [sys.executable, __file__, str(ROWS), way, folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
            for name, value in json.loads(done.stdout.splitlines()[-1]).items():
                print(f"  {way:8} {name:28} {value:10.1f}")


if __name__ == "__main__":
    main()
