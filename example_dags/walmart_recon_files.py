"""Land the payment reconciliation files that are not there yet, each as the zipped CSV that Walmart makes.

Walmart makes one every two weeks, and lists their dates. A landed file stays as it is; to get it again, delete it.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to, such as
``s3://aws_default@my-bucket/walmart``.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import ObjectStoragePath, dag, task

from airflow_provider_walmart.operators.api import WalmartApiOperator

FOLDER = os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart") + "/recon"


@dag(
    dag_id="walmart_recon_files",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["walmart"],
)
def walmart_recon_files():
    @task
    def new_files() -> list[dict[str, Any]]:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        # Dates are given back to Walmart exactly as they come: month, day and year without anything between them.
        dates = WalmartHook("walmart_default").call("getAvailableV1ReconReportDates")[
            "availableApReportDates"
        ]
        return [
            {"api_params": {"reportDate": date}, "output_path": f"{FOLDER}/{date}.zip"}
            for date in dates
            if not ObjectStoragePath(f"{FOLDER}/{date}.zip").exists()
        ]

    WalmartApiOperator.partial(task_id="land_file", operation="getReconReportV1").expand_kwargs(new_files())


walmart_recon_files()
