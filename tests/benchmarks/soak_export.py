"""Exporting a quarter of a million orders of 200 days while more arrive: each lands once, and memory stays flat.

``python tests/benchmarks/soak_export.py [orders]`` exports into files and into a local server of S3's interface, the
second one as gzipped parts. Some orders are of one moment, and new ones arrive all the time. One more export is killed
on its way and done again. It prints a table, and fails when an order is missing or comes twice, when the killed export
differs from one that was not, or when the memory grows by more than 10 MB over that of an export of a hundred orders.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tabulate import tabulate

from tests.helpers.exporting import plain_name
from tests.helpers.s3_bucket import Bucket, connection, running_s3
from tests.helpers.sandbox_server import Server, running

ORDERS = 250_000
DAYS = 200
KEPT = 179
DAY = 86_400
SAME = 3_000
NAMED = 10_000
MOST_GROWTH = 10_000_000
PARTS = {"compression": "gzip", "part_bytes": 20_000_000}


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def export(place: str, end: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Export 179 days, in a process of its own; return what it took."""
    from airflow_provider_walmart.operators.exports import WalmartExportOperator

    def run(days: float) -> int:
        operator = WalmartExportOperator(
            task_id="export", operation="getAllOrders", output_path=place, **fields
        )
        # The budget of Walmart's, 5,000 calls a minute, would be the time measured.
        operator.hook.client.session.throttle = None
        last = datetime.fromisoformat(end)
        interval = {"data_interval_start": last - timedelta(days=days), "data_interval_end": last}
        return int(operator.execute(interval)["records"])

    run(0.1)
    before, started = peak(), time.perf_counter()
    records = run(KEPT)
    return {"records": records, "seconds": time.perf_counter() - started, "grown": peak() - before}


def process(place: str, end: datetime, fields: dict[str, Any]) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", __spec__.name, place, end.isoformat(), json.dumps(fields)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def measured(place: str, end: datetime, fields: dict[str, Any]) -> dict[str, Any]:
    run = process(place, end, fields)
    output, _ = run.communicate()
    assert run.returncode == 0, output
    return dict(json.loads(output.splitlines()[-1]))


def seed(server: Server, count: int, **fields: Any) -> list[str]:
    return list(server.control("POST", "seed", {"orders": {"count": count, **fields}})["orders"])


@contextmanager
def arriving(url: str) -> Iterator[list[str]]:
    """Let orders arrive meanwhile; give the list of them."""
    over, arrived = threading.Event(), []

    def arrive() -> None:
        import requests

        while not over.wait(0.05):
            body = {"orders": {"count": 3, "spacing": 0}}
            arrived.extend(requests.post(f"{url}/_sandbox/seed", json=body, timeout=60).json()["orders"])

    thread = threading.Thread(target=arrive)
    thread.start()
    try:
        yield arrived
    finally:
        over.set()
        thread.join()


def ids(lines: Iterable[bytes]) -> Counter[str]:
    return Counter(json.loads(line)["purchaseOrderId"] for line in lines)


def compare(orders: int) -> bool:
    """Print what was seen; return whether it is as it should be."""
    rows, later = [], set()
    with tempfile.TemporaryDirectory() as name, running("--no-seed") as server, running_s3() as s3:
        folder, bucket = Path(name), Bucket(s3)
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = connection(s3)
        os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(
            {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
        )
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = str(folder / "state")
        server.control("POST", "settings", {"limits": False})
        spacing = DAYS * DAY / orders
        many = [
            order
            # The sandbox names no more orders than this at once.
            for first in range(0, orders, NAMED)
            for order in seed(
                server,
                min(NAMED, orders - first),
                spacing=spacing,
                age=60 + max(0, orders - first - NAMED) * spacing,
            )
        ]
        end = datetime.now(timezone.utc)
        kept = set(many[-int(KEPT * DAY / spacing - 2) :])
        for days in (1, 90.25):
            kept |= set(seed(server, SAME, spacing=0, age=days * DAY))
            kept |= set(seed(server, SAME, spacing=0, age=days * DAY, shipNodeType="WFSFulfilled"))
        for what, place, fields in (
            ("one file", str(folder / "orders.jsonl"), {}),
            ("S3, gzipped parts", "s3://aws_default@lake/orders", PARTS),
        ):
            with arriving(server.url) as arrived:
                row = measured(place, end, fields)
            later |= set(arrived)
            found = (
                ids(
                    line
                    for key in bucket.names()
                    if key.endswith(".gz")
                    for line in gzip.decompress(bucket.read(key)).splitlines()
                )
                if fields
                else ids((folder / "orders.jsonl").open("rb"))
            )
            rows.append(
                {
                    "": what,
                    **row,
                    "missing": len(kept - set(found)),
                    "twice": sum(count > 1 for count in found.values()),
                    "too many": len(set(found) - kept - set(many) - later),
                    "arrived meanwhile": len(arrived),
                    "stray": sum(key.rpartition("/")[2].startswith(".") for key in bucket.names()),
                }
            )
            assert row["records"] == sum(found.values())
        same = killed_and_done_again(folder, end)
    for row in rows:
        row["records/s"] = row["records"] / row.pop("seconds")
        row["peak grows by, MB"] = row.pop("grown") / 1e6
    print("\n" + tabulate(rows, headers="keys", floatfmt=".1f", intfmt=","))
    print("killed and done again:", "the same, nothing stray" if same else "DIFFERENT")
    bad = ("missing", "twice", "too many", "stray")
    return same and all(
        not any(row[name] for name in bad) and row["peak grows by, MB"] * 1e6 < MOST_GROWTH for row in rows
    )


def killed_and_done_again(folder: Path, end: datetime) -> bool:
    """Return whether an export that was killed on its way and done again left what any other would."""
    place = folder / "killed"
    run = process(str(place), end, PARTS)
    while len(list(place.glob(".part-*"))) < 2:
        assert run.poll() is None
        time.sleep(0.02)
    run.kill()
    run.wait()
    # The first, small export of that process is whole; of the one that was killed nothing is to be seen.
    seen = sorted(plain_name(path.name) for path in place.iterdir() if not path.name.startswith("."))
    if seen != ["_manifest.json", "part-00001.jsonl.gz"]:
        return False
    measured(str(place), end, PARTS)
    measured(str(folder / "not killed"), end, PARTS)
    files = [
        {
            plain_name(path.name): path.read_bytes()
            for path in (folder / name).iterdir()
            if path.suffix == ".gz"
        }
        for name in ("killed", "not killed")
    ]
    return files[0] == files[1] and not list(place.glob(".*"))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [place, end, fields]:
            print(json.dumps(export(place, end, json.loads(fields))))
        case [orders]:
            sys.exit(not compare(int(orders)))
        case _:
            sys.exit(not compare(ORDERS))
