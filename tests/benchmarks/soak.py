"""An hour of Walmart's time with transient errors: 200 DAG runs, counted at the end.

``python -m tests.benchmarks.soak [--runs 200] [--speed 20] [--seed 1]`` prints a table, and fails when something was done
twice, got lost, or leaked. Walmart's clock, and all pauses of the client with it, runs so many times faster. Some tasks
of each run submit a feed and wait for it (in the worker or in the triggerer), export orders, ask for a report, check
feeds, book a delivery; four workers run them, and try again what failed, as Airflow does. Meanwhile requests fail in
ways drawn by lot, tokens expire and are revoked, and Walmart keeps to its rate limits.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gc
import json
import os
import queue
import random
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOME = tempfile.mkdtemp(prefix="walmart-soak-")
os.environ["AIRFLOW_HOME"] = HOME
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"

import psutil  # noqa: E402
from airflow.providers.common.compat.sdk import AirflowFailException  # noqa: E402
from msgspec.structs import replace  # noqa: E402
from tabulate import tabulate  # noqa: E402

from airflow_provider_walmart.client.feeds import submit as feed_submit  # noqa: E402
from airflow_provider_walmart.client.feeds import watch as feed_watch  # noqa: E402
from airflow_provider_walmart.client.golocal import booking as golocal_booking  # noqa: E402
from airflow_provider_walmart.client.transport import rate_limits as throttle  # noqa: E402
from airflow_provider_walmart.client.transport import retries, tokens  # noqa: E402
from airflow_provider_walmart.client.transport import shared_state as state  # noqa: E402
from airflow_provider_walmart.operators import reports  # noqa: E402
from airflow_provider_walmart.operators.exports import WalmartExportOperator  # noqa: E402
from airflow_provider_walmart.operators.feeds import (  # noqa: E402
    WalmartFeedStatusOperator,
    WalmartSubmitFeedOperator,
)
from airflow_provider_walmart.operators.golocal import WalmartGoLocalCreateDeliveryOperator  # noqa: E402
from tests.helpers.sandbox_server import running  # noqa: E402
from tests.helpers.shop import Shop  # noqa: E402
from tests.helpers.tasks import Task  # noqa: E402

HOUR = 3600.0
WORKERS = 4
TRIES = 12
RETRY_DELAY = 60.0
PENDING = 3
CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
SECRET = "soak-secret-5f27"
# What the client measures in Walmart's time.
PAUSES = [
    (retries.Retries, "BACKOFF"),
    (retries.Retries, "MAX_BACKOFF"),
    (retries.Retries, "MAX_WAIT"),
    (tokens.TokenProvider, "PAUSE"),
    (tokens, "FAILURE_LIFE"),
    (throttle, "LEASE_LIFE"),
    (throttle, "LEASE_WORTH"),
    (throttle, "LAG"),
    (state.Resilient, "REST"),
    (feed_submit, "SETTLE"),
    (feed_submit, "LOOK_EVERY"),
    (feed_submit, "LONGEST_SEND"),
    (feed_watch, "LISTED_WITHIN"),
    (golocal_booking, "SETTLE"),
    (golocal_booking, "LOOK_EVERY"),
    (reports, "SETTLE"),
    (reports, "LOOK_EVERY"),
]
READS, WRITES = "^/v3/(orders|feeds)", "^/v3/(feeds|reports/reportRequests)$|/deliveries$"
TROUBLES: list[dict[str, Any]] = [
    *({"path": READS, "method": "GET", "status": status} for status in (500, 502, 503, 504, 520)),
    {"path": READS, "method": "GET", "status": 429, "headers": {"Retry-After": "1"}},
    {"path": READS, "method": "GET", "reset": "before"},
    {"path": READS, "method": "GET", "truncate": 20},
    {"path": READS, "method": "GET", "body": "<html><title>Proxy</title></html>"},
    {"path": READS, "method": "GET", "status": 503, "times": 30},
    {"path": WRITES, "method": "POST", "reset": "before"},
    {"path": WRITES, "method": "POST", "reset": "after"},
    {"path": WRITES, "method": "POST", "status": 500, "after_effect": True},
    {"path": WRITES, "method": "POST", "status": 503},
    {"path": WRITES, "method": "POST", "body": ""},
    {"path": WRITES, "method": "POST", "truncate": 4},
    {"path": "token$", "status": 500},
    {"path": "token$", "reset": "before", "times": 3},
    {"path": "^/storage/", "status": 503},
    {"path": "^/storage/", "truncate": 50},
]


@dataclass
class Counts:
    """What the workers saw."""

    done: collections.Counter[str] = field(default_factory=collections.Counter)
    retried: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    given_up: list[str] = field(default_factory=list)
    feeds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TransientErrors:
    """Transient errors by lot, until it is stopped."""

    shop: Shop
    dice: random.Random
    speed: float
    over: threading.Event = field(default_factory=threading.Event)
    made: collections.Counter[str] = field(default_factory=collections.Counter)

    def run(self) -> None:
        while not self.over.wait(self.dice.uniform(5, 40) / self.speed):
            # Troubles that found no request yet must not pile up.
            if len(self.shop.server.control("GET", "faults")["faults"]) > PENDING:
                continue
            if self.dice.random() < 0.05:
                self.shop.revoke_tokens()
                self.made["tokens revoked"] += 1
                continue
            trouble = {"times": self.dice.randint(1, 3), **self.dice.choice(TROUBLES)}
            self.shop.fault(**trouble)
            self.made["troubles"] += 1


class Footprint:
    """What this process holds: files, threads, memory."""

    def __init__(self) -> None:
        gc.collect()
        process = psutil.Process()
        self.files = len(os.listdir("/proc/self/fd"))
        self.threads = threading.active_count()
        self.memory = process.memory_info().rss / 1e6


@contextlib.contextmanager
def faster(speed: float) -> Iterator[None]:
    """Let all pauses of the client, its rate budgets and the lives of its tokens last shorter."""
    kept = [(owner, name, getattr(owner, name)) for owner, name in PAUSES]
    limits, take = throttle._limits, tokens.TokenProvider._token_of

    def faster_limits(*call: str) -> tuple[Any, ...]:
        return tuple(replace(limit, per_seconds=limit.per_seconds / speed) for limit in limits(*call))

    def shorter_life(self: Any, answer: dict[str, Any], asked_at: float) -> Any:
        return take(self, {**answer, "expires_in": answer.get("expires_in", 900) / speed}, asked_at)

    for owner, name, value in kept:
        setattr(owner, name, value / speed)
    throttle._limits, tokens.TokenProvider._token_of = faster_limits, shorter_life
    try:
        yield
    finally:
        throttle._limits, tokens.TokenProvider._token_of = limits, take
        for owner, name, value in kept:
            setattr(owner, name, value)


def dag_run(number: int, dice: random.Random, folder: Path, speed: float) -> dict[str, Callable[[], Any]]:
    """Return the tasks of a DAG run by name, each as what makes its operator."""
    waits = {"poll_interval": 15 / speed, "timeout": HOUR, "deferrable": dice.random() < 0.5}
    tasks: dict[str, Callable[[], Any]] = {
        "feed status": lambda: WalmartFeedStatusOperator(task_id="status", since_hours=1)
    }
    if dice.random() < 0.45:
        rows = [{"sku": f"RUN{number}-{item}", "quantity": item} for item in range(3)]
        tasks["submit feed"] = lambda: WalmartSubmitFeedOperator(
            task_id="submit", feed_type="MP_INVENTORY", records=rows, **waits
        )
    if dice.random() < 0.5:
        tasks["export"] = lambda: WalmartExportOperator(
            task_id="export",
            operation="getAllOrders",
            api_params={"limit": 50},
            output_path=str(folder / f"orders-{number}.jsonl"),
        )
    if dice.random() < 0.3:
        tasks["report"] = lambda: reports.WalmartReportOperator(
            task_id="report", report_type="ITEM", output_path=str(folder / f"items-{number}.csv"), **waits
        )
    if dice.random() < 0.4:
        tasks["booking"] = lambda: WalmartGoLocalCreateDeliveryOperator(
            task_id="book", delivery={"externalOrderId": f"RUN{number}", "deliveryMethod": "ASAP"}
        )
    return tasks


def run_task(name: str, number: int, make: Callable[[], Any], counts: Counts, speed: float) -> None:
    """Run a task as Airflow does: again after a while when it failed, unless it says that this is no use."""
    task = Task(map_index=number)
    for _ in range(TRIES):
        try:
            result = task.run(make)
        except AirflowFailException as error:
            # None of the troubles is one that no retry can change.
            counts.given_up.append(f"{name}: {error}")
            return
        except Exception as error:
            counts.retried[name] += 1
            counts.errors[f"{name}: {type(error).__name__}"] += 1
            retry_at = getattr(error, "retry_at", None)
            pause = retry_at.timestamp() - time.time() if retry_at else RETRY_DELAY / speed
            time.sleep(max(0.0, pause) + 0.1)
            if os.environ.get("SOAK_TRACEBACKS"):
                traceback.print_exc()
        else:
            counts.done[name] += 1
            if name == "submit feed":
                counts.feeds[f"RUN{number}-0"] = result["feedIds"][0]
            return
    counts.given_up.append(f"{name}: after {TRIES} tries")


def all_feeds(shop: Shop) -> dict[str, list[str]]:
    """Return the ids of all feeds at Walmart by their first SKU."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    offset = 0
    while feeds := shop.server.get("/v3/feeds", limit=50, offset=offset)["results"]["feed"]:
        offset += len(feeds)
        for feed in feeds:
            details = shop.server.get(f"/v3/feeds/{feed['feedId']}", includeDetails="true")["itemDetails"]
            found[details["itemIngestionStatus"][0]["sku"]].append(feed["feedId"])
    return found


def soak(shop: Shop, runs: int, speed: float, seed: int, folder: Path) -> list[list[Any]]:
    """Run the hour and return the rows of the table: what, how many, how many there should be."""
    dice = random.Random(seed)
    counts = Counts()
    work: queue.Queue[tuple[int, dict[str, Callable[[], Any]]] | None] = queue.Queue()
    plan = [(number, dag_run(number, dice, folder, speed)) for number in range(runs)]

    def worker() -> None:
        while item := work.get():
            number, tasks = item
            for name, make in tasks.items():
                run_task(name, number, make, counts, speed)

    def in_parallel(some: list[Any], over: float) -> None:
        """Run DAG runs that start evenly over a time."""
        workers = [threading.Thread(target=worker) for _ in range(WORKERS)]
        for thread in workers:
            thread.start()
        started = time.monotonic()
        for place, item in enumerate(some):
            time.sleep(max(0.0, started + over * place / len(some) - time.monotonic()))
            work.put(item)
        for _ in workers:
            work.put(None)
        for thread in workers:
            thread.join()

    # What is there once stays: modules, pools, caches.
    warm_up = max(4, runs // 20)
    in_parallel(plan[:warm_up], 0.0)
    before = Footprint()
    trouble = TransientErrors(shop, random.Random(seed + 1), speed)
    thread = threading.Thread(target=trouble.run)
    thread.start()
    began = shop.server.control("POST", "clock", {})["now"]
    in_parallel(plan[warm_up:], HOUR / speed * 0.95)
    trouble.over.set()
    thread.join()
    shop.no_faults()
    after = Footprint()
    simulated = shop.server.control("POST", "clock", {})["now"] - began

    answers = shop.server.control("GET", "requests?count=1")
    by_status = collections.Counter()
    for row in answers:
        by_status[row["status"]] += row["count"]
    token_calls = sum(row["count"] for row in answers if row["path"].endswith("token"))
    report_posts = sum(
        row["count"]
        for row in answers
        if (row["method"], row["path"], row["status"]) == ("POST", "/v3/reports/reportRequests", 200)
    )
    intended = {
        name: sum(name in tasks for _, tasks in plan) for name in sorted({n for _, t in plan for n in t})
    }
    shop.settings(limits=False)
    feeds = all_feeds(shop)
    bookings = collections.Counter(
        delivery["externalOrderId"] for delivery in shop.server.control("GET", "deliveries")
    )
    wrong = [sku for sku, feed_id in counts.feeds.items() if feed_id not in feeds.get(sku, ())]
    return [
        ["Walmart's time, minutes", f"{simulated / 60:.0f}", None],
        ["DAG runs", runs, None],
        *([f"tasks done: {name}", counts.done[name], number] for name, number in intended.items()),
        ["tasks given up", len(counts.given_up), 0],
        ["tries that failed and were repeated", sum(counts.retried.values()), None],
        ["troubles made", trouble.made["troubles"], None],
        ["times all tokens were revoked", trouble.made["tokens revoked"], None],
        ["requests", sum(by_status.values()), None],
        ["of these answered 401", by_status[401], None],
        ["of these answered 429", by_status[429], None],
        ["token requests, two accounts", token_calls, None],
        ["feeds at Walmart", sum(map(len, feeds.values())), intended.get("submit feed", 0)],
        ["feeds submitted twice", sum(len(ids) > 1 for ids in feeds.values()), 0],
        ["feeds lost, or taken for another", len(wrong), 0],
        ["deliveries at Walmart", sum(bookings.values()), intended.get("booking", 0)],
        ["deliveries booked twice", sum(number > 1 for number in bookings.values()), 0],
        ["reports asked for (one an hour is allowed)", report_posts, None],
        ["half files left", len([*folder.glob(".*.part")]), 0],
        ["open files more than after the warm-up", after.files - before.files, "<= 4"],
        # The pool that searches for the triggers grows to four threads.
        ["threads more", after.threads - before.threads, "<= 3"],
        ["MB more", f"{after.memory - before.memory:.1f}", "<= 40"],
        *([f"  {text}", number, None] for text, number in counts.errors.most_common(12)),
        *([f"  given up: {text[:150]}", "", None] for text in counts.given_up[:10]),
    ]


def is_met(found: Any, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return float(found) <= float(wanted.removeprefix("<= "))
    return bool(found == wanted)


def main() -> int:
    """Soak, print, and return 1 when a count is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="walmart-soak-files-"))
    with running("--no-seed", "--client", f"{CLIENT_ID}:{SECRET}") as server:
        shop = Shop(server)
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = str(Path(HOME) / "state")
        for kind in ("walmart", "walmart_golocal"):
            extra = {"environment": "sandbox", "timeout": 10}
            os.environ[f"AIRFLOW_CONN_{kind.upper()}_DEFAULT"] = shop.connection(
                conn_type=kind, login=CLIENT_ID, password=SECRET, extra=extra
            )
        shop.server.control("POST", "clock", {"speed": options.speed})
        shop.settings(feed_seconds=60, report_seconds=300, delivery_seconds=1e9)
        shop.server.control("POST", "seed", {"orders": {"count": 120, "age": 7200}, "items": 20})
        with faster(options.speed):
            rows = soak(shop, options.runs, options.speed, options.seed, folder)
    marked = [[*row, "" if row[2] is None else "yes" if is_met(*row[1:]) else "NO"] for row in rows]
    print(tabulate(marked, headers=["what", "counted", "should be", "met"], disable_numparse=True))
    print(json.dumps(vars(options)))
    return int(any(row[3] == "NO" for row in marked))


if __name__ == "__main__":
    sys.exit(main())
