"""Acknowledging orders one by one, beside a loop by hand that reads an order and then changes it.

``python -m tests.benchmarks.bench_orders [orders]`` prints a table. The server keeps to Walmart's limit of 60 changes a
minute, the first 60 of which may come at once. Answers take what Walmart's do.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import requests
from tabulate import tabulate

from tests.helpers import by_hand
from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

ORDERS = 150
PER_MINUTE = 60
FEW = 40
# Of the last orders, which have to wait for the budget.
LAST = 30
CHANGE = r"^/v3/orders/\d+/acknowledge$"


def ours(server: Server, ids: list[str], folder: str) -> None:
    from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator

    connection = {"conn_type": "walmart", "login": "ours", "password": "sandbox", "host": server.url}
    os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
    os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = folder
    rows = [{"purchase_order_id": order_id} for order_id in ids]
    done = WalmartOrderUpdateOperator(task_id="orders", action="acknowledge", records=rows).execute({})
    assert done["done"] == len(ids), done


def by_a_loop(server: Server, ids: list[str]) -> float:
    """Return how long changing these orders by hand takes."""
    session = requests.Session()
    session.headers.update(by_hand.headers_with(by_hand.token_of(server.url)))
    session.headers["Content-Type"] = "application/json"
    started = time.perf_counter()
    for order_id in ids:
        path = f"{server.url}/v3/orders/{order_id}"
        assert session.get(path).ok
        assert session.post(f"{path}/acknowledge").ok
    return time.perf_counter() - started


def measure(latency: float, orders: int) -> dict[str, Any]:
    """Return how many orders a minute are changed where answers take so many seconds, and how many calls were refused."""
    with running("--no-seed") as server, tempfile.TemporaryDirectory() as folder:
        ids = server.control("POST", "seed", {"orders": {"count": orders + FEW + 1}})["orders"]
        # What is imported once.
        ours(server, ids[-1:], folder)
        server.control("POST", "faults", [{"path": "/v3/orders", "delay": latency}])
        loop = by_a_loop(server, ids[orders:-1]) / FEW
        ours(server, ids[:orders], folder)
        entries = server.session.get(f"{server.url}/_sandbox/requests", params={"path": CHANGE}).json()
    times = [entry["time"] for entry in entries][-orders:]
    return {
        "latency": latency,
        "by hand": 60 / loop,
        "at first": 60 * (FEW - 1) / (times[FEW - 1] - times[0]),
        "at last": 60 * (LAST - 1) / (times[-1] - times[-LAST]),
        "refused": sum(entry["status"] == 429 for entry in entries),
    }


def figures(orders: int = ORDERS) -> list[Figure]:
    """Measure, and return what was found."""
    # Slow answers use up what may come at once after minutes only.
    found = [measure(0.3, orders), measure(0.8, FEW)]
    print("\n" + tabulate(found, headers="keys", floatfmt=".2f"))
    used = found[0]["at last"] / PER_MINUTE
    return [
        *(
            Figure(
                f"orders acknowledged in a minute while {PER_MINUTE} may come at once, answers after "
                f"{1000 * line['latency']:.0f} ms",
                f"{line['at first']:.0f}",
                f"{line['by hand']:.0f} in a loop that reads an order and then changes it",
            )
            for line in found
        ),
        Figure(
            f"share of the budget of {PER_MINUTE} changes a minute that is used once that is over, and answers of 429",
            f"{used:.0%}, {sum(line['refused'] for line in found)}",
            "",
            ">= 95 %, 0",
            used >= 0.95 and not any(line["refused"] for line in found),
        ),
    ]


if __name__ == "__main__":
    figures(*map(int, sys.argv[1:]))
