"""Planning and building the documents of a large feed, beside a bare ``json.dumps`` of the same entries.

``python tests/benchmarks/bench_slices.py [rows]`` prints a table; pytest runs it, too, and holds it to the memory budget.
Every measurement has a process of its own, and counts the processor time of that process. Memory is the growth of its
peak over what it is before the first row; ``build`` includes the largest document, which is there as a whole.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from airflow_provider_walmart.client.feed_formats import format_of
from airflow_provider_walmart.client.feed_slices import build, plan

ROWS = 1_000_000
FEED_TYPES = ("inventory", "MP_INVENTORY", "price")
MEGABYTE = 1_000_000


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


def measure(feed_type: str, count: int) -> dict[str, Any]:
    feed_format = format_of(feed_type)
    now = datetime.now(timezone.utc)

    def source() -> Iterator[dict[str, Any]]:
        return rows(feed_type, count)

    warm_up = plan(feed_format, lambda: rows(feed_type, 10))
    list(build(feed_format, lambda: rows(feed_type, 10), warm_up, now=now))
    memory = peak()
    started = time.process_time()
    plans = plan(feed_format, source)
    planned, memory_planned = time.process_time(), peak()
    for one, document in build(feed_format, source, plans, now=now):
        assert len(document) == one.bytes
        del document
    built, memory_built = time.process_time(), peak()
    assert plans[-1].last_row == count
    return {
        "plan": planned - started,
        "build": built - planned,
        "plan_memory": memory_planned - memory,
        "build_memory": memory_built - memory,
        "largest": max(one.bytes for one in plans),
        "slices": len(plans),
    }


def measure_bare(feed_type: str, count: int) -> dict[str, Any]:
    piece = format_of(feed_type).piece
    entries = [piece(row).entry for row in rows(feed_type, 1000)]
    started = time.process_time()
    for _ in range(count // len(entries)):
        for entry in entries:
            json.dumps(entry)
    return {"dumps": time.process_time() - started}


def measured(what: str, feed_type: str, count: int) -> dict[str, Any]:
    """Measure in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, what, feed_type, str(count)], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def table(count: int) -> list[dict[str, Any]]:
    """Print and return what was measured, one feed type a line."""
    print(
        f"\n{count:,} rows           plan    build   json.dumps   ratio   slices   plan grows by   build grows by"
    )
    lines = []
    for feed_type in FEED_TYPES:
        line = {**measured("ours", feed_type, count), **measured("bare", feed_type, count)}
        ratio = (line["plan"] + line["build"]) / line["dumps"]
        print(
            f"{feed_type:16} {line['plan']:8.2f} s {line['build']:6.2f} s {line['dumps']:8.2f} s {ratio:8.1f} x"
            f" {line['slices']:7} {line['plan_memory'] / MEGABYTE:11.1f} MB {line['build_memory'] / MEGABYTE:13.1f} MB"
            f" (largest document {line['largest'] / MEGABYTE:.1f} MB)"
        )
        lines.append(line)
    return lines


def test_memory_does_not_grow_with_the_rows() -> None:
    for line in table(ROWS):
        assert line["plan_memory"] < 10 * MEGABYTE
        assert line["build_memory"] < 10 * MEGABYTE + line["largest"]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours", feed_type, count]:
            print(json.dumps(measure(feed_type, int(count))))
        case ["bare", feed_type, count]:
            print(json.dumps(measure_bare(feed_type, int(count))))
        case [count]:
            table(int(count))
        case _:
            table(ROWS)
