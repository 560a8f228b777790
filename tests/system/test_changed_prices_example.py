"""The example DAG that sends the prices that changed, in a real Airflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

pytestmark = pytest.mark.system

DAG = "walmart_changed_prices"


def test_only_what_changed_is_sent_and_nothing_when_nothing_did(
    airflow: LocalAirflow, sandbox: LocalSandbox, lake: Path
) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": 2})
    (lake / "prices").mkdir(exist_ok=True)

    def run(*prices: str) -> tuple[int, int, int]:
        rows = "".join(f"LAMP-{number},{price}\n" for number, price in enumerate(prices))
        (lake / "prices" / "all.csv").write_text(f"sku,price\n{rows}")
        started = airflow.trigger(DAG)
        assert airflow.wait_for_run(DAG, started) == "success"
        result = airflow.xcom(DAG, started, "submit")
        return result["sent"], result["unchanged"], result["itemsSucceeded"]

    assert run("5.00", "7.50") == (2, 0, 2)
    assert run("5", "8") == (1, 1, 1)
    assert run("5", "8.0") == (0, 2, 0)
