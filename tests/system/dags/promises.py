"""Waits for the feeds that the run's configuration names, with what Airflow promises of any task set on each."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor

WAITING = {"poke_interval": 1, "deferrable": True}

with DAG(dag_id="promises", schedule=None):
    WalmartFeedSensor(
        task_id="execution_timeout",
        feed_id="{{ dag_run.conf['slow'] }}",
        execution_timeout=timedelta(seconds=8),
        **WAITING,
    )
    for option in ("soft_fail", "never_fail"):
        for moment in ("first", "later"):
            WalmartFeedSensor(
                task_id=f"{option}_{moment}",
                feed_id=f"{{{{ dag_run.conf['{moment}'] }}}}",
                **{option: True},
                **WAITING,
            )
    WalmartFeedSensor(
        task_id="rotated",
        feed_id="{{ dag_run.conf['slow'] }}",
        walmart_conn_id="walmart_rotated",
        **WAITING,
    )

with DAG(dag_id="submits_deferred", schedule=None) as dag:
    WalmartSubmitFeedOperator(
        task_id="submit",
        feed_type="MP_INVENTORY",
        records=[{"sku": "LAMP-1", "quantity": 1}],
        poll_interval=1,
        deferrable=True,
        do_xcom_push=False,
    )

if __name__ == "__main__":
    print("run of dag.test():", dag.test().state)
