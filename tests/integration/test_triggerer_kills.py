"""Triggerers that watch orders are killed again and again: no order is lost, and few are announced twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from airflow_provider_walmart.client.events.scope import mark
from tests.helpers.watching import needs_shared_streams

SCRIPT = ["-m", "tests.helpers.dying_triggerers"]
KILLS = 50


@needs_shared_streams
@pytest.mark.timeout(900)
def test_no_order_is_lost_whenever_the_triggerer_dies(shop, tmp_path):
    given = {"control": f"{shop.url}/_sandbox", "folder": str(tmp_path), "kills": KILLS, "seed": 7}
    done = subprocess.run([sys.executable, *SCRIPT, json.dumps(given)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    orders, entries = told["orders"], told["journal"]
    assert len(orders) == len({*orders}) > KILLS
    assert sum("kept" in entry for entry in entries) > KILLS / 2

    for watcher in ("new", "changes"):
        announced, repeated = what_was_announced(watcher, entries)
        assert {one.split()[0] for one in announced} == {*orders}
        # What was kept is never repeated; what had not been kept when the triggerer died is the little that is.
        assert not repeated
        print(
            f"{watcher}: {len(orders)} orders, {KILLS} kills, {announced.total() - len(announced)} repeated"
        )


def what_was_announced(watcher: str, entries: list[dict]) -> tuple[Counter[str], set[str]]:
    """Return how often each order was announced, and what was announced although a kept state knew it already."""
    announced: Counter[str] = Counter()
    repeated: set[str] = set()
    known: set[str] = set()
    for entry in entries:
        if entry["watcher"] != watcher:
            continue
        if marks := entry.get("kept"):
            known = {marks[place : place + 8] for place in range(0, len(marks), 8)}
        for one in entry.get("orders", ()):
            announced[one] += 1
            if mark(one) in known:
                repeated.add(one)
    return announced, repeated
