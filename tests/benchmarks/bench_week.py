"""A week of a shop on the sandbox's clock: feeds and quota, with all rows each hour and with those that changed.

``python -m tests.benchmarks.bench_week [SKUs] [hours]`` prints a table. Every hour the prices and the stock of all SKUs (20,000
unless given) are submitted. 2 % of the prices change in an hour. Sales lower some of the stock, at Walmart as in the shop.
Once a day Walmart takes no feeds for two hours: what these runs would have sent goes out with the next one. The sandbox
keeps to Walmart's limits of uploads by its own clock.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tabulate import tabulate

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.feeds import submit
from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.task import feed_rows
from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running
from tests.helpers.shop import Shop

SKUS, HOURS = 20_000, 7 * 24
CHANGED, SOLD = 0.02, 0.01
OUTAGES = (10, 11)
QUOTAS = {"price": 10, "MP_INVENTORY": 50}


class Week:
    """The shop, hour by hour; the same for the same seed, whatever is sent."""

    def __init__(self, server: Server, folder: Path, send: str, skus: int) -> None:
        self.shop, self._folder, self._send = Shop(server), folder, send
        self._chance = random.Random(2026)
        self.prices = {f"SKU-{number:06}": 500 + number % 9000 for number in range(skus)}
        self._stock = dict.fromkeys(self.prices, 100)
        self._now = utc_now()
        self.uploads: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.failed = 0
        self.items = 0
        feed_rows.utc_now = lambda: self._now
        # After a failure of Walmart's it is checked whether the feed arrived, for as long as one takes to show.
        submit.SETTLE, submit.READ_EVERY = 0.3, 0.1

    def hour(self, number: int) -> None:
        """Change what changes in an hour, and submit it."""
        for sku in self._chance.sample(list(self.prices), round(CHANGED * len(self.prices))):
            self.prices[sku] += 1
        for sku in self._chance.sample(list(self._stock), round(SOLD * len(self._stock))):
            self._stock[sku] -= 1
        self.shop.settings(feed_seconds=0)
        if number % 24 in OUTAGES:
            self.shop.fault("/v3/feeds", method="POST", status=503)
        for feed_type, rows in (
            ("price", [{"sku": sku, "price": cents / 100} for sku, cents in self.prices.items()]),
            (
                "MP_INVENTORY",
                [{"sku": sku, "quantity": left, "ship_node": "1"} for sku, left in self._stock.items()],
            ),
        ):
            self._submit(feed_type, rows, number)
        self.shop.no_faults()
        self.shop.advance(3600)
        self._now += timedelta(hours=1)

    def _submit(self, feed_type: str, rows: list[dict[str, Any]], number: int) -> None:
        changed = {"send": "changed", "snapshot_path": str(self._folder / f"{feed_type}.sqlite")}
        operator = WalmartSubmitFeedOperator(
            task_id="submit", feed_type=feed_type, records=rows, poll_interval=0.01,
            **(changed if self._send == "changed" else {}),
        )  # fmt: skip
        # Our own budgets go by the clock of this machine; the sandbox refuses what is too much by its own.
        operator.hook.client.session.throttle = None
        try:
            result = operator.execute(context(feed_type, number, self._now))
        except WalmartError:
            self.failed += 1
            return
        self.uploads[feed_type] += len(result["feedIds"])
        self.most[feed_type] = max(self.most[feed_type], len(result["feedIds"]))
        self.items += result["itemsSucceeded"]


def context(feed_type: str, number: int, now: datetime) -> dict[str, Any]:
    """Return what Airflow gives the run of an hour."""
    ti = SimpleNamespace(
        dag_id="week",
        task_id=feed_type,
        run_id=str(number),
        map_index=-1,
        try_number=1,
        xcom_push=print_nothing,
    )
    return {"ti": ti, "dag_run": SimpleNamespace(run_after=now, start_date=now)}


def print_nothing(**_: Any) -> None:
    """Stand for XCom, which nobody reads here."""


def measure(send: str, skus: int, hours: int) -> dict[str, Any]:
    """Return what a week took."""
    with running("--no-seed") as server, tempfile.TemporaryDirectory() as folder:
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
        os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = f"{folder}/state"
        week = Week(server, Path(folder), send, skus)
        for number in range(hours):
            week.hour(number)
        refused = sum(entry["status"] == 429 for entry in week.shop.received("^/v3/feeds$"))
    return {
        "": f"send={send}",
        **{f"{name} feeds": week.uploads[name] for name in QUOTAS},
        **{f"most of {quota} {name} feeds an hour": week.most[name] for name, quota in QUOTAS.items()},
        "items sent": week.items,
        "runs that failed in outages": week.failed,
        "refused by limits": refused,
    }


def figures(skus: int = 2_000, hours: int = 26) -> list[Figure]:
    """Measure, and return what was found."""
    changed, every = (measure(send, skus, hours) for send in ("changed", "all"))
    return figures_of(changed, every, skus, hours)


def figures_of(changed: dict[str, Any], every: dict[str, Any], skus: int, hours: int) -> list[Figure]:
    """Return what was measured, as figures."""

    def figure(what: str, *names: str, budget: str = "", met: bool | None = None) -> Figure:
        ours, beside = (" and ".join(f"{found[name]:,}" for name in names) for found in (changed, every))
        return Figure(what, ours, f"{beside} with send='all'", budget, met)

    return [
        figure(
            f"items sent in {hours} hours, prices and stock of {skus:,} SKUs each hour, with send='changed'",
            "items sent",
        ),
        figure("feeds sent meanwhile, of prices and of stock", *(f"{name} feeds" for name in QUOTAS)),
        figure(
            f"most feeds in one hour, of {' and '.join(map(str, QUOTAS.values()))} allowed",
            *(f"most of {quota} {name} feeds an hour" for name, quota in QUOTAS.items()),
        ),
        figure(
            "uploads refused by Walmart's limits meanwhile",
            "refused by limits",
            budget="0",
            met=changed["refused by limits"] == 0,
        ),
    ]


def main(skus: int = SKUS, hours: int = HOURS) -> None:
    """Print what was measured."""
    rows = [measure(send, skus, hours) for send in ("all", "changed")]
    print(
        f"{skus:,} SKUs, {hours} hours, {CHANGED:.0%} of prices change in an hour, {SOLD:.0%} of SKUs are sold"
    )
    print(
        tabulate([[name, *(row[name] for row in rows)] for name in rows[0]], headers="firstrow", intfmt=",")
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
