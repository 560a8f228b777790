"""What OpenLineage is told when a real task has moved data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.local_sandbox import LocalSandbox
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        find_spec("airflow.providers.openlineage") is None,
        reason="needs apache-airflow-providers-openlineage",
    ),
]

SCRIPT = """
import sys
from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.operators.reports import WalmartReportOperator

lake = sys.argv[1]
with DAG("moves_data", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    export = WalmartExportOperator(
        task_id="export", operation="getAllOrders", output_path=f"file://{lake}/orders.jsonl"
    )
    submit = WalmartSubmitFeedOperator(
        task_id="submit", feed_type="MP_INVENTORY", records_path=f"{lake}/stock.csv", poll_interval=0.1
    )
    report = WalmartReportOperator(
        task_id="report",
        report_type="ITEM",
        output_path=f"file://{lake}/items.jsonl",
        output_format="jsonl",
        poll_interval=1,
    )
    export >> submit >> report
if __name__ == "__main__":
    dag.test()
"""


def test_exports_feeds_and_reports_tell_what_they_moved(sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": 0, "report_seconds": 0})
    sandbox.control("/seed", {"orders": 5, "items": 2})
    (tmp_path / "stock.csv").write_text("sku,quantity\nSKU-000001,4\nSKU-000002,5\n")
    script = tmp_path / "dags" / "moves_data.py"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    events = tmp_path / "events.jsonl"
    connection = {
        "conn_type": "walmart",
        "host": sandbox.url,
        "login": CLIENT_ID,
        "password": CLIENT_SECRET,
        "extra": {"environment": "sandbox", "partner_id": "10001"},
    }
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(script.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "300",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(events), "append": True}
        ),
        "AIRFLOW_CONN_WALMART_DEFAULT": json.dumps(connection),
    }
    for command in (["-m", "airflow", "db", "migrate"], [str(script), str(tmp_path)]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr

    moved = {
        event["job"]["name"]: (
            [f"{found['namespace']}/{found['name']}" for found in event["inputs"]],
            [
                (
                    f"{found['namespace']}/{found['name']}",
                    found["outputFacets"]["outputStatistics"]["rowCount"],
                )
                for found in event["outputs"]
            ],
        )
        for event in map(json.loads, events.read_text().splitlines())
        if event["eventType"] == "COMPLETE" and event.get("outputs")
    }
    assert moved == {
        "moves_data.export": (
            ["walmart://us/10001/orders"],
            [(f"file/{tmp_path}/orders.jsonl", 5)],
        ),
        "moves_data.submit": (
            [f"file/{tmp_path}/stock.csv"],
            [("walmart://us/10001/feeds/MP_INVENTORY", 2)],
        ),
        "moves_data.report": (
            ["walmart://us/10001/reports/ITEM"],
            [(f"file/{tmp_path}/items.jsonl", 2)],
        ),
    }
    assert CLIENT_SECRET not in events.read_text()
