"""Calls through the hook, beside a bare ``requests`` session and Airflow's HttpHook; and what importing us costs.

``python tests/benchmarks/bench_calls.py [calls] [rounds]`` prints both. Rounds of them take turns within one process,
with the token there, and connections open where they are kept (HttpHook makes a session for every call); a ratio is the
median of the ratios of the rounds. Rate budgets and retries are in place: no more than 4,700 calls through the hook, or
the budget is what is measured. The imports are those of all operators, sensors, triggers and links over
``airflow.sdk``, and for triggers over what a triggerer has loaded, in processor time, each time in a new process, compiled as they are on every machine that has run them
before.
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
from airflow.providers.http.hooks.http import HttpHook
from tabulate import tabulate

from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

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
    "import time, airflow.sdk, airflow.triggers.base, airflow.providers.common.compat.sdk as compat\n"
    "compat.BaseOperator, compat.BaseSensorOperator\n"
    "started = time.process_time()\n"
    f"import {', '.join(MODULES)}\n"
    "print((time.process_time() - started) * 1000)\n"
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
    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": server.url})
    hook, session, http_hook = WalmartHook(), requests.Session(), HttpHook(method="GET")
    path = f"/v3/feeds/{feed_id.replace('@', '%40')}"
    headers = hook.get_headers()
    return {
        "hook.request": lambda: hook.request("GET", path).json(),
        "hook.call": lambda: hook.call("getFeedItemStatus", feedId=feed_id),
        "HttpHook.run": lambda: http_hook.run(path, headers=headers).json(),
        "bare": lambda: session.get(server.url + path, headers=headers).json(),
    }


def compare_calls(calls: int, rounds: int) -> dict[str, float]:
    """Print how many calls a second there are, and return the ratios to the bare ones."""
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
    ratios = {
        name: statistics.median(one / other for one, other in zip(found, rates["bare"], strict=True))
        for name, found in rates.items()
    }
    lines = [
        [name, statistics.median(found), min(found), max(found), ratios[name]]
        for name, found in rates.items()
    ]
    headers = ["calls/s", "median", "least", "most", "ratio"]
    print("\n" + tabulate(lines, headers=headers, floatfmt=("", ".0f", ".0f", ".0f", ".2f")))
    return ratios


def measure_imports() -> float:
    """Print and return how many milliseconds the imports take."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        # The first one compiles.
        subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, check=True, env=environment)
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
    print(
        f"\nimporting {len(MODULES)} modules: {min(times):.1f} ms (median {statistics.median(times):.1f}, most {max(times):.1f})"
    )
    # Whatever else runs on the machine only adds to it.
    return min(times)


def figures(calls: int = CALLS, rounds: int = ROUNDS) -> list[Figure]:
    """Measure, and return what was found."""
    ratios, milliseconds = compare_calls(calls, rounds), measure_imports()
    return [
        Figure(
            "calls a second through the hook (token, budgets and retries in place), against a bare requests session",
            f"{ratios['hook.request']:.2f} x",
            f"{ratios['HttpHook.run']:.2f} x with HttpHook",
            ">= 1.0 x",
            ratios["hook.request"] >= 1.0,
        ),
        Figure(
            "the same by the name of an operation, its parameters checked", f"{ratios['hook.call']:.2f} x"
        ),
        Figure(
            "importing all operators, sensors, triggers and links, over airflow.sdk",
            f"{milliseconds:.0f} ms",
            budget="<= 30 ms",
            met=milliseconds <= 30,
        ),
    ]


if __name__ == "__main__":
    figures(*map(int, sys.argv[1:]))
