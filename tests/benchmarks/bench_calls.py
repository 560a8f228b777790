"""Calls through the hook, beside a bare loop of ``requests`` over the same server; and what importing us costs.

``python tests/benchmarks/bench_calls.py [calls] [rounds]`` prints both. Rounds of hook and bare loop take turns within
one process, with connections open and the token there; a ratio is the median of the ratios of the rounds. Rate budgets
and retries are in place: no more than 4,700 calls through the hook, or the budget is what is measured. The imports are
those of all operators, sensors, triggers and links over ``airflow.sdk``, each time in a new process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import requests
from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parents[1] / "integration" / "sandbox"))

from sandbox_server import Server, running

CALLS = 60
ROUNDS = 36
IMPORTS = 7
PACKAGE = Path(__file__).parents[2] / "airflow_provider_walmart"
MODULES = [
    f"{PACKAGE.name}.{path.parent.name}.{path.stem}"
    for layer in ("operators", "sensors", "triggers", "links")
    for path in sorted((PACKAGE / layer).glob("*.py"))
    if path.stem != "__init__"
]
IMPORT = (
    "import time, airflow.sdk, airflow.providers.common.compat.sdk as compat\n"
    "compat.BaseOperator, compat.BaseSensorOperator\n"
    "started = time.perf_counter()\n"
    f"import {', '.join(MODULES)}\n"
    "print((time.perf_counter() - started) * 1000)\n"
)


def per_second(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return calls / (time.perf_counter() - started)


def callers(server: Server, feed_id: str) -> dict[str, Callable[[], object]]:
    """Return one call through the hook, by path and by name, and the same call bare."""
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
    os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
    hook, session = WalmartHook(), requests.Session()
    path = f"/v3/feeds/{feed_id.replace('@', '%40')}"
    headers = hook.get_headers()
    return {
        "hook.request": lambda: hook.request("GET", path).json(),
        "hook.call": lambda: hook.call("getFeedItemStatus", feedId=feed_id),
        "bare": lambda: session.get(server.url + path, headers=headers).json(),
    }


def compare_calls(calls: int, rounds: int) -> None:
    """Print how many calls a second there are, and the ratios to the bare ones."""
    with running("--no-seed") as server, tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = folder
        server.control("POST", "settings", {"limits": False})
        (feed_id,) = server.control("POST", "seed", {"feeds": [{"age": 60}]})["feeds"]
        turns = list(callers(server, feed_id).items())
        rates: dict[str, list[float]] = {name: [] for name, _ in turns}
        for _, call in turns:
            per_second(call, calls)
        for _ in range(rounds):
            turns.append(turns.pop(0))
            for name, call in turns:
                rates[name].append(per_second(call, calls))
    lines = [
        [
            name,
            statistics.median(found),
            min(found),
            max(found),
            statistics.median(one / other for one, other in zip(found, rates["bare"], strict=True)),
        ]
        for name, found in rates.items()
    ]
    headers = ["calls/s", "median", "least", "most", "ratio"]
    print("\n" + tabulate(lines, headers=headers, floatfmt=("", ".0f", ".0f", ".0f", ".2f")))


def measure_imports() -> float:
    """Print and return how many milliseconds the imports take."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home}
        times = [
            float(
                subprocess.run(
                    [sys.executable, "-c", IMPORT],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=environment,
                ).stdout.splitlines()[-1]
            )
            for _ in range(IMPORTS)
        ]
    found = statistics.median(times)
    print(
        f"\nimporting {len(MODULES)} modules: {found:.1f} ms (least {min(times):.1f}, most {max(times):.1f})"
    )
    return found


if __name__ == "__main__":
    calls, rounds = map(int, sys.argv[1:]) if sys.argv[1:] else (CALLS, ROUNDS)
    compare_calls(calls, rounds)
    measure_imports()
