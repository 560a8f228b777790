"""Token requests of a thousand tasks, and what is sent after a 429 and a 401, beside what people write by hand.

``python tests/benchmarks/bench_tokens.py [tasks] [processes]`` prints a table of counts from the sandbox's request log.
Every task is a process of its own, forked from a worker that has imported everything, as Airflow does it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from tabulate import tabulate

from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers import by_hand
from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

TASKS = 1000
PROCESSES = 20
PATH = "/v3/feeds"
# How long Walmart wants no call after a 429. Seconds.
SILENCE = 30

_fork = multiprocessing.get_context("fork")


def our_task(url: str) -> None:
    # What counts is what the log of requests shows.
    with contextlib.suppress(WalmartError):
        WalmartHook().request("GET", PATH)


def task_by_hand(url: str) -> None:
    by_hand.task(url, PATH)


def patient_task_by_hand(url: str) -> None:
    by_hand.patient_task(url, PATH, SILENCE)


def worker(task: Callable[[str], None], url: str, count: int) -> None:
    """Run tasks one after the other, each in a process of its own."""
    for _ in range(count):
        process = _fork.Process(target=task, args=(url,))
        process.start()
        process.join()


def run(task: Callable[[str], None], server: Server, tasks: int, processes: int) -> None:
    workers = [
        _fork.Process(target=worker, args=(task, server.url, tasks // processes)) for _ in range(processes)
    ]
    for process in workers:
        process.start()
    for process in workers:
        process.join()


@contextlib.contextmanager
def shop() -> Iterator[Server]:
    """Start an empty sandbox, with the connection leading to it and an empty store of shared state."""
    with running("--no-seed") as server, tempfile.TemporaryDirectory() as folder:
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
        os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = folder
        server.control("POST", "settings", {"limits": False})
        yield server


def received(server: Server) -> list[dict[str, Any]]:
    return list(server.session.get(f"{server.url}/_sandbox/requests").json())


def count(server: Server, path: str) -> int:
    return sum(entry["path"] == path for entry in received(server))


def tokens_of_tasks(task: Callable[[str], None], tasks: int, processes: int) -> tuple[int, int]:
    """Return how many token requests and calls tasks cost."""
    with shop() as server:
        run(task, server, tasks, processes)
        return count(server, "/v3/token"), count(server, PATH)


def sent_in_silence(task: Callable[[str], None], processes: int) -> int:
    """Return how many calls arrive between a 429 and the time it names, when others come to work meanwhile."""
    with shop() as server:
        named = time.time() + SILENCE
        header = {"X-Next-Replenishment-Time": str(int(named * 1000))}
        fault = {"path": "^/v3/feeds$", "status": 429, "headers": header}
        server.control("POST", "faults", [{**fault, "times": 1_000_000}])
        first = _fork.Process(target=task, args=(server.url,))
        first.start()
        while not any(entry["status"] == 429 for entry in received(server)):
            time.sleep(0.05)
        run(task, server, processes, processes)
        first.join()
        arrived = [entry for entry in received(server) if entry["path"] == PATH]
        return sum(entry["time"] < named for entry in arrived) - 1


def requests_of_a_refused_call(task: Callable[[str], None]) -> tuple[int, int]:
    """Return how many token requests and calls one task costs whose every token is refused."""
    with shop() as server:
        fault = {"path": "^/v3/feeds$", "status": 401, "times": 1_000_000}
        server.control("POST", "faults", [fault])
        run(task, server, 1, 1)
        return count(server, "/v3/token"), count(server, PATH)


def figures(tasks: int = TASKS, processes: int = PROCESSES) -> list[Figure]:
    """Measure, and return what was found."""
    # What takes its time when it is first needed must not be paid by each fork.
    all_operations()
    (our_tokens, our_calls), (tokens, calls) = (
        tokens_of_tasks(task, tasks, processes) for task in (our_task, task_by_hand)
    )
    assert our_calls == calls == tasks // processes * processes, (our_calls, calls)
    ours, by_others = (sent_in_silence(task, processes) for task in (our_task, patient_task_by_hand))
    refused, refused_by_others = (
        requests_of_a_refused_call(task) for task in (our_task, patient_task_by_hand)
    )
    return [
        Figure(
            f"token requests, {tasks:,} tasks in {processes} processes",
            f"{our_tokens}",
            f"{tokens:,} by hand (a token per task)",
            "1",
            our_tokens == 1,
        ),
        Figure(
            f"calls sent between a 429 and the time it names, {processes} tasks, {SILENCE} s",
            f"{ours}",
            f"{by_others:,} by hand (a try a second)",
            "0",
            ours == 0,
        ),
        Figure(
            "token requests and calls of one task whose every token is refused",
            "{} and {}".format(*refused),
            "{} and {} by hand in {} s".format(*refused_by_others, SILENCE),
        ),
    ]


if __name__ == "__main__":
    found = figures(*map(int, sys.argv[1:]))
    print(tabulate([vars(figure) for figure in found], headers="keys"))
