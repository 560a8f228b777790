"""Planning and building the documents of a large feed, beside a bare ``json.dumps`` of the same entries.

``python tests/benchmarks/bench_slices.py [rows]`` prints a table. Rows come as dicts that are made one by one, or out of a
file. Every measurement has a process of its own, and counts the processor time of that process. Memory is the growth of its
peak over what it is before the first row; ``build`` includes the largest document, which is there as a whole.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tabulate import tabulate

from airflow_provider_walmart.client.feeds.feed_types import format_of
from airflow_provider_walmart.client.feeds.slices import build, plan
from airflow_provider_walmart.storage.rows import iter_rows
from tests.helpers.figures import Figure

ROWS = 1_000_000
FEED_TYPES = ("inventory", "MP_INVENTORY", "price")
# What rows come out of: nothing, or a file of this kind.
SOURCES = ("dicts", "jsonl", "csv")
MEGABYTE = 1_000_000
# Processor time of json.dumps alone.
MOST_TIMES = 2
# Memory may grow by so much, whatever the number of rows.
BUDGET_MB = 10


def rows(feed_type: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield rows whose SKUs are in no order, as those of a catalogue are."""
    for number in range(count):
        sku = f"SKU-{number * 7919 % count:010d}"
        if feed_type == "inventory":
            yield {"sku": sku, "quantity": number % 500}
        elif feed_type == "MP_INVENTORY":
            yield {"sku": sku, "quantity": f"{number % 500}", "ship_node": "FC_1"}
        else:
            yield {"sku": sku, "price": (number % 50_000 + 1) / 100}


def peak() -> int:
    """Return the most memory this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def source_of(kind: str, feed_type: str, count: int, folder: Path) -> Callable[[], Iterator[Any]]:
    """Return what gives all rows, as `plan` wants it."""
    if kind == "dicts":
        return lambda: enumerate(rows(feed_type, count), 1)
    path = folder / f"rows.{kind}"
    with path.open("w", newline="") as file:
        if kind == "csv":
            writer = csv.DictWriter(file, next(rows(feed_type, 1)))
            writer.writeheader()
            writer.writerows(rows(feed_type, count))
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows(feed_type, count))
    # What is imported once.
    next(iter_rows(None, str(path)))
    return lambda: enumerate(iter_rows(None, str(path)), 1)


def measure(feed_type: str, count: int, kind: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return measure_rows(feed_type, count, source_of(kind, feed_type, count, Path(folder)))


def measure_rows(feed_type: str, count: int, source: Callable[[], Iterator[Any]]) -> dict[str, Any]:
    feed_format = format_of(feed_type)
    now = datetime.now(timezone.utc)
    with tempfile.TemporaryFile() as entries:
        warm_up = plan(feed_format, lambda: enumerate(rows(feed_type, 10), 1), entries)
        list(build(feed_format, entries, warm_up, now=now))
    entries = tempfile.TemporaryFile()  # noqa: SIM115
    memory = peak()
    started = time.process_time()
    plans = plan(feed_format, source, entries)
    planned, memory_planned = time.process_time(), peak()
    for one, document in build(feed_format, entries, plans, now=now):
        assert len(document) == one.bytes
        del document
    built, memory_built = time.process_time(), peak()
    assert plans[-1].last_row == count
    return {
        "plan, s": planned - started,
        "build, s": built - planned,
        "slices": len(plans),
        "largest, MB": max(one.bytes for one in plans) / MEGABYTE,
        "plan grows by, MB": (memory_planned - memory) / MEGABYTE,
        "build grows by, MB": (memory_built - memory) / MEGABYTE,
    }


def measure_bare(feed_type: str, count: int) -> dict[str, Any]:
    piece = format_of(feed_type).piece
    entries = [piece(row).entry for row in rows(feed_type, 1000)]
    started = time.process_time()
    for _ in range(count // len(entries)):
        for entry in entries:
            json.dumps(entry)
    return {"json.dumps, s": time.process_time() - started}


def measured(*what: str) -> dict[str, Any]:
    """Measure in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, *what],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def table(count: int) -> list[dict[str, Any]]:
    """Print and return what was measured, one feed type and source a line."""
    lines = [
        {
            "rows": count,
            "feed type": one,
            "from": kind,
            **measured("ours", one, str(count), kind),
            **measured("bare", one, str(count)),
        }
        for one in FEED_TYPES
        for kind in SOURCES
    ]
    for line in lines:
        line["ratio"] = (line["plan, s"] + line["build, s"]) / line["json.dumps, s"]
    print("\n" + tabulate(lines, headers="keys", floatfmt=".1f", intfmt=","))
    return lines


def figures(count: int = ROWS) -> list[Figure]:
    """Measure, and return what was found."""
    return [
        Figure(
            f"checking, slicing and building {count:,} rows of type {line['feed type']}, from {line['from']}",
            f"{line['slices']:,} feeds of at most {line['largest, MB']:.1f} MB; peak memory grows by "
            f"{line['plan grows by, MB']:.1f} MB and the document being built",
            f"{line['ratio']:.1f} times the processor time of json.dumps alone",
            f"<= {MOST_TIMES} times; memory <= {BUDGET_MB} MB and the document",
            line["ratio"] <= MOST_TIMES
            and line["plan grows by, MB"] <= BUDGET_MB
            and line["build grows by, MB"] <= BUDGET_MB + line["largest, MB"],
        )
        for line in table(count)
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours", feed_type, count, kind]:
            print(json.dumps(measure(feed_type, int(count), kind)))
        case ["bare", feed_type, count]:
            print(json.dumps(measure_bare(feed_type, int(count))))
        case arguments:
            figures(*map(int, arguments))
