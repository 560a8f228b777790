"""Every hour, export the orders that changed as tables, and keep a DuckDB mart of sales by day and SKU.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*, the extra ``parquet``, and DuckDB
(``pip install duckdb``). Set the environment variable ``WALMART_LAKE_DIR`` to a folder that all workers see; the mart is a
file in it, so it must be on a disk and not in a bucket.

Orders that changed are exported again: the load replaces them, and all rows that belong to them. It loads the files that the
manifest names, in one transaction, so that a retry and a second run have the same result.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_walmart.operators.exports import WalmartExportOperator

LAKE_DIR = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart")

with DAG(
    dag_id="walmart_mart",
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["walmart"],
):
    export = WalmartExportOperator(
        task_id="export_orders",
        operation="getAllOrders",
        output_path=LAKE_DIR + "/order_tables/{{ dag_run.run_after | ts_nodash }}",
        output_format="parquet",
        lookback=timedelta(minutes=10),
    )

    @task
    def load(export: dict[str, Any]) -> int:
        import json

        import duckdb
        from airflow.sdk import ObjectStoragePath

        with ObjectStoragePath(export["manifest"]).open() as file:
            tables = json.load(file)["tables"]
        mart = duckdb.connect(LAKE_DIR.removeprefix("file://") + "/mart.duckdb")
        try:
            mart.execute("BEGIN")
            for name, table in tables.items():
                parts = [part["uri"].removeprefix("file://") for part in table["parts"]]
                mart.execute("CREATE OR REPLACE TEMP TABLE came AS FROM read_parquet(?)", [parts])
                mart.execute(f"CREATE TABLE IF NOT EXISTS {name} AS FROM came LIMIT 0")
                if name == "orders":
                    mart.execute("CREATE OR REPLACE TEMP TABLE changed AS SELECT purchase_order_id FROM came")
                mart.execute(f"DELETE FROM {name} WHERE purchase_order_id IN (FROM changed)")  # noqa: S608 - our own name
                mart.execute(f"INSERT INTO {name} BY NAME FROM came")
            mart.execute(
                """
                CREATE OR REPLACE TABLE sales AS
                SELECT CAST(order_date AS DATE) AS day, sku, sum(amount) AS sales, sum(tax_amount) AS tax
                FROM orders
                JOIN order_lines USING (purchase_order_id)
                JOIN order_line_charges USING (purchase_order_id, line_number)
                WHERE charge_type = 'PRODUCT'
                GROUP BY ALL
                """
            )
            mart.execute("COMMIT")
            return mart.execute("SELECT count(*) FROM sales").fetchall()[0][0]
        finally:
            mart.close()

    load(export.output)
