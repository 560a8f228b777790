"""Where the time goes: in a call, a task, an export and a report, one table each.

``python -m tests.benchmarks.profiles`` prints them for CONTRIBUTING.md. Every millisecond it is noted what the main thread is
doing, and of an export what all threads are, by the innermost part of the table that it is in. Waiting for the server counts;
what waits for another thread doesn't.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import FrameType

from tabulate import tabulate

from tests.helpers.sandbox_server import Server, running

EVERY = 0.001
IDLE = "idle"
OURS = "airflow_provider_walmart"
# What a part is called, and what the file of a frame holds; the first one that fits counts.
PARTS = (
    (IDLE, ("threading.py", "queue.py", "concurrent/futures", "selectors.py")),
    ("waiting for the server", ("socket.py",)),
    ("importing", ("importlib",)),
    ("Airflow: connection, secrets masked, configuration", ("/airflow/",)),
    ("requests, urllib3, http.client", ("/requests/", "/urllib3/", "http/client.py", "/email/")),
    ("token", (f"{OURS}/client/transport/token", f"{OURS}/client/transport/auth.py", "/cryptography/")),
    ("rate budget", (f"{OURS}/client/transport/rate_limits.py", "/pyrate_limiter/")),
    ("shared state: files and locks", (f"{OURS}/client/transport/shared_state.py", "/filelock/")),
    ("unpacking", ("zipfile",)),
    ("which operation, its parameters checked", (f"{OURS}/client/catalogue/", f"{OURS}/client/calls/build.py")),
    ("decoding answers", (f"{OURS}/client/calls/", f"{OURS}/client/transport/responses.py", "/json/")),
    ("each record once", (f"{OURS}/client/exports/duplicates.py",)),
    ("writing and counting", (f"{OURS}/storage/", f"{OURS}/client/exports/page_file.py", "/fsspec/")),
    ("the rest of this package", (OURS,)),
)  # fmt: skip


class Sampler:
    """Counts what the main thread, or all threads, are doing while it is entered."""

    def __init__(self, *, all_threads: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self._all_threads = all_threads

    def __enter__(self) -> Sampler:
        if self._all_threads:
            # Or else threads would only be seen where they let others run: at a socket.
            sys.setswitchinterval(EVERY / 10)
        signal.signal(signal.SIGALRM, self._sample)
        signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        for one in sys._current_frames().values() if self._all_threads else (frame,):
            if part := part_of(one):
                self.counts[part] += 1


def table(title: str, counts: Counter[str]) -> str:
    """Return the shares as a table."""
    total = sum(counts.values())
    rows = [[name, f"{count / total:.0%}"] for name, count in counts.most_common() if count > total / 200]
    return f"\n{title}\n\n" + tabulate(rows, headers=["part", "share"], tablefmt="github")


def part_of(frame: FrameType | None) -> str | None:
    """Return the part that a stack is in; None for what does nothing."""
    while frame:
        if name := part_at(frame.f_code.co_filename):
            return name if name != IDLE else None
        frame = frame.f_back
    return None


def part_at(path: str) -> str | None:
    """Return the part that a file belongs to."""
    return next((name for name, parts in PARTS if any(part in path for part in parts)), None)


def call(server: Server, folder: Path) -> None:
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    (feed_id,) = server.control("POST", "seed", {"feeds": [{"age": 60}]})["feeds"]
    hook = WalmartHook()
    hook.get_feed(feed_id)
    with Sampler() as sampler:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            hook.call("getFeedItemStatus", feedId=feed_id)
    print(table("A call by the name of its operation, on a loopback", sampler.counts))


def task(server: Server, folder: Path) -> None:
    (feed_id,) = server.control("POST", "seed", {"feeds": [{"age": 60}]})["feeds"]
    with Sampler() as sampler:
        from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator

        WalmartFeedStatusOperator(task_id="check", feed_id=feed_id).execute({})
    title = "A task that checks a feed, from its DAG file on, with the first token of the account"
    print(table(title, sampler.counts))


def export(server: Server, folder: Path) -> None:
    from airflow_provider_walmart.operators.exports import WalmartExportOperator

    server.control("POST", "seed", {"orders": {"count": 60_000, "spacing": 60}})
    operator = WalmartExportOperator(
        task_id="export",
        operation="getAllOrders",
        output_path=str(folder / "orders.jsonl"),
        api_params={"shipNodeType": "SellerFulfilled"},
    )
    end = datetime.now(timezone.utc)
    with Sampler(all_threads=True) as sampler:
        operator.execute({"data_interval_start": end - timedelta(days=50), "data_interval_end": end})
    print(table("An export of 60,000 orders, 8 calls at once, on a loopback", sampler.counts))


def report(server: Server, folder: Path) -> None:
    from airflow_provider_walmart.operators.reports import WalmartReportOperator

    server.control("POST", "settings", {"report_seconds": 0, "report_rows": 400_000})
    server.control("POST", "seed", {"reports": [{"reportVersion": "v6"}]})
    operator = WalmartReportOperator(
        task_id="land", report_type="ITEM", output_path=str(folder / "report.csv"), deferrable=False
    )
    with Sampler() as sampler:
        operator.execute({})
    print(table("A report of 200 MB, landed as CSV", sampler.counts))


PROFILES: dict[str, Callable[[Server, Path], None]] = {
    one.__name__: one for one in (call, task, export, report)
}


def main(name: str) -> None:
    # As a task begins.
    import airflow.sdk.execution_time.task_runner  # noqa: F401

    with running("--no-seed") as server, tempfile.TemporaryDirectory() as folder:
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
        os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = f"{folder}/state"
        server.control("POST", "settings", {"limits": False})
        PROFILES[name](server, Path(folder))


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            for name in PROFILES:
                os.system(f"{sys.executable} -m {__spec__.name} {name}")
        case [name]:
            main(name)
