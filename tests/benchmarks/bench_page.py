"""The page *Walmart* beside everything else that Airflow does, and what it and the command line cost at their start.

``python -m tests.benchmarks.bench_page`` prints a table. On a real Airflow, the tasks of a DAG run alone and beside 200 page
views, in turns; then a static file of Airflow's own is asked for while pages ask accounts whose every answer takes 4 seconds,
and with no page open. The imports are in processor time, each in a new process.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import requests
from tabulate import tabulate

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.figures import Figure
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

TASKS, ROUNDS = 16, 3
VIEWS = 200
ASKED, PAGES, SLOW = 100, 20, 4.0
STARTS = 9
DAG = """
from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator

with DAG("checks", schedule=None, start_date=datetime(2026, 1, 1)):
    WalmartFeedStatusOperator.partial(task_id="check").expand(feed_id={feeds!r})
"""
PLUGIN = (
    "import time, airflow.plugins_manager\n"
    "started = time.process_time()\n"
    "import airflow_provider_walmart.plugin\n"
    "print((time.process_time() - started) * 1000)\n"
)


class Viewer:
    """Whoever looks at pages, logged in at an Airflow.

    :param airflow: whose pages.
    """

    def __init__(self, airflow: LocalAirflow) -> None:
        self._url = airflow.url
        self._session = requests.Session()
        self._session.trust_env = False
        token = self._session.get(f"{self._url}/auth/token", timeout=60).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> int:
        """Ask for a path; return the status."""
        return self._session.get(self._url + path, timeout=60).status_code


def figures() -> list[Figure]:
    """Measure, and return what was found."""
    return [*beside_airflow(), *starts()]


def beside_airflow() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, Processes(Path(name, "logs")) as processes:
        folder = Path(name)
        dags = folder / "dags"
        dags.mkdir()
        sandbox = LocalSandbox(processes, "--no-seed", "--client", f"{CLIENT_ID}:{CLIENT_SECRET}")
        seed = {
            "feeds": [{"items": 50, "age": 60 * number} for number in range(1, 60)],
            "reports": [{"reportType": "ITEM", "age": 4000}],
            "orders": 50,
        }
        feeds = sandbox.control("/seed", seed)["feeds"]
        (dags / "checks.py").write_text(DAG.format(feeds=feeds[:TASKS]))
        airflow = LocalAirflow(processes, folder / "airflow", dags)
        account = {"host": sandbox.url, "login": CLIENT_ID, "password": CLIENT_SECRET}
        airflow.add_connection("walmart_default", **account)
        for number in range(PAGES):
            airflow.add_connection(f"slow_{number}", **account)
        viewer = Viewer(airflow)
        return [
            *while_tasks_run(airflow, viewer, sandbox, feeds),
            while_walmart_is_slow(airflow, viewer, sandbox),
        ]


def while_tasks_run(
    airflow: LocalAirflow, viewer: Viewer, sandbox: LocalSandbox, feeds: list[str]
) -> list[Figure]:
    account = "/walmart/account/walmart_default"
    paths = ["/walmart/", account, *(f"{account}/{page}" for page in ("feeds", "reports", "orders"))]
    paths += [f"{account}/feeds/{quote(feed_id, safe='')}" for feed_id in feeds[TASKS:]]
    # The first view builds the app, and the first run compiles modules.
    durations(airflow)
    viewer.get(paths[0])
    alone, beside = [], []
    statuses: Counter[int] = Counter()
    views = itertools.islice(itertools.cycle(paths), VIEWS)
    before = len(sandbox.control("/requests"))
    for _ in range(ROUNDS):
        alone += durations(airflow)
        part = list(itertools.islice(views, -(-VIEWS // ROUNDS)))
        looking = in_thread(lambda part=part: statuses.update(viewer.get(path) for path in part))
        beside += durations(airflow)
        looking.join()
    calls = sandbox.control("/requests")[before:]
    refused = sum(call["status"] == 429 for call in calls)
    ratio = statistics.median(beside) / statistics.median(alone)
    return [
        Figure(
            f"a task beside {VIEWS} page views, against the same with no page open (median of {len(alone)})",
            f"{ratio:.2f} x, {statistics.median(beside):.2f} s",
            f"{statistics.median(alone):.2f} s with no page open",
            "<= 1.1 x",
            ratio <= 1.1,
        ),
        Figure(
            "calls that Walmart refused with 429 meanwhile, of pages and tasks together",
            f"{refused} of {len(calls)}",
            f"{sum(statuses.values()) - statuses[200]} of {sum(statuses.values())} views not answered",
            "0",
            refused == 0 and set(statuses) == {200},
        ),
    ]


def while_walmart_is_slow(airflow: LocalAirflow, viewer: Viewer, sandbox: LocalSandbox) -> Figure:
    alone = static_file(viewer)
    sandbox.control("/faults", [{"path": "/v3/feeds", "delay": SLOW, "times": 1000}])
    looking = [
        in_thread(lambda path=f"/walmart/account/slow_{number}/feeds": Viewer(airflow).get(path))
        for number in range(PAGES)
    ]
    time.sleep(1)
    beside = static_file(viewer)
    for each in looking:
        each.join()
    return Figure(
        f"a static file of Airflow's while {PAGES} pages wait for a Walmart that takes {SLOW:g} s (median, longest)",
        f"{statistics.median(beside) * 1000:.0f} ms, {max(beside) * 1000:.0f} ms",
        f"{statistics.median(alone) * 1000:.0f} ms, {max(alone) * 1000:.0f} ms with no page open",
        "longest under 1 s",
        max(beside) < 1,
    )


def durations(airflow: LocalAirflow) -> list[float]:
    """Run the DAG; return how long each of its tasks took, as Airflow notes it. Seconds."""
    run_id = airflow.trigger("checks")
    assert airflow.wait_for_run("checks", run_id) == "success"
    return [float(task["duration"]) for task in airflow.task_instances("checks", run_id)]


def static_file(viewer: Viewer) -> list[float]:
    """Return how long a static file takes, several times. Seconds."""
    taken = []
    for _ in range(ASKED):
        begin = time.perf_counter()
        assert viewer.get("/static/pin_32.png") == 200
        taken.append(time.perf_counter() - begin)
    return taken


def starts() -> list[Figure]:
    plugin = statistics.median(float(printed(sys.executable, "-c", PLUGIN)) for _ in range(STARTS))
    walmart = seconds(str(Path(sys.executable).with_name("walmart")), "--help")
    bare = seconds(sys.executable, "-c", "import argparse")
    airflow = seconds(sys.executable, "-m", "airflow", "--help", times=3)
    return [
        Figure(
            "what the plugin adds to the start of each component and task",
            f"{plugin:.1f} ms",
            budget="<= 5 ms",
            met=plugin <= 5,
        ),
        Figure(
            f"walmart --help, the quickest of {STARTS}",
            f"{walmart:.2f} s",
            f"{airflow:.2f} s airflow --help, {bare:.2f} s a Python with argparse",
            "< 0.3 s",
            walmart < 0.3,
        ),
    ]


def printed(*command: str) -> str:
    """Run a command in an Airflow home of its own; return the last line that it prints."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.splitlines()[-1]


def seconds(*command: str, times: int = STARTS) -> float:
    """Return how long a command takes, at best: what else runs on the machine only adds to it."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        taken.append(time.perf_counter() - begin)
    return min(taken)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


if __name__ == "__main__":
    print(tabulate([vars(figure).values() for figure in figures()], tablefmt="github"))
