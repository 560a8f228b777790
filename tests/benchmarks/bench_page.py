"""The page *Walmart* beside everything else that Airflow's API server does.

``python -m tests.benchmarks.bench_page`` prints a table. A real API server answers for a static file of its own while pages
ask an account whose every answer takes 4 seconds; beside it the same with no page open. Then 200 page views of an account
that answers at once.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.api_server import ApiServer
from tests.helpers.figures import Figure
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

ASKED = 100
PAGES = 20
VIEWS = 200
SLOW = 4.0
FEEDS = "/walmart/account/walmart_default/feeds"


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder, "logs")) as processes:
        sandbox = LocalSandbox(processes, "--no-seed", "--client", f"{CLIENT_ID}:{CLIENT_SECRET}")
        server = ApiServer(processes, Path(folder))
        account = {"host": sandbox.url, "login": CLIENT_ID, "password": CLIENT_SECRET}
        server.add_connection("walmart_default", **account)
        sandbox.control("/seed", {"feeds": [{"items": 50, "age": 60 * number} for number in range(1, 60)]})
        server.get(FEEDS, "op")

        alone = static_file(server)
        for number in range(PAGES):
            server.add_connection(f"slow_{number}", **account)
        sandbox.control("/faults", [{"path": "/v3/feeds", "delay": SLOW, "times": 1000}])
        viewers = [
            in_thread(lambda number=number: server.get(f"/walmart/account/slow_{number}/feeds", "op"))
            for number in range(PAGES)
        ]
        time.sleep(0.5)
        beside = static_file(server)
        for viewer in viewers:
            viewer.join()

        before = len(sandbox.control("/requests"))
        statuses = Counter(server.get(FEEDS, "op").status_code for _ in range(VIEWS))
        calls = sandbox.control("/requests")[before:]
        return [
            Figure(
                f"a static file of Airflow's while {PAGES} pages wait for a Walmart that takes {SLOW:g} s (median, longest)",
                f"{statistics.median(beside) * 1000:.0f} ms, {max(beside) * 1000:.0f} ms",
                f"no page open: {statistics.median(alone) * 1000:.0f} ms, {max(alone) * 1000:.0f} ms",
                "longest under 1 s",
                max(beside) < 1,
            ),
            Figure(
                f"calls of Walmart for {VIEWS} views of a page",
                f"{len(calls)}, {sum(call['status'] == 429 for call in calls)} of them refused",
                f"{VIEWS * 2} without a cache",
                "20, none refused",
                len(calls) <= 20 and set(statuses) == {200},
            ),
        ]


def static_file(server: ApiServer) -> list[float]:
    """Return how long a static file takes, several times."""
    taken = []
    for _ in range(ASKED):
        begin = time.perf_counter()
        server.get("/static/pin_32.png").raise_for_status()
        taken.append(time.perf_counter() - begin)
    return taken


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


if __name__ == "__main__":
    print(tabulate([vars(figure).values() for figure in figures()], tablefmt="github"))
