"""DAGs that orders and reports start, through watchers that poll often."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_walmart.triggers.order_events import WalmartNewOrdersTrigger
from airflow_provider_walmart.triggers.report_events import WalmartReportReadyTrigger

TRIGGERS = {
    "new": WalmartNewOrdersTrigger(poll_interval=2),
    "cancelled": WalmartNewOrdersTrigger(statuses=["Cancelled"], poll_interval=2),
    "reports": WalmartReportReadyTrigger(report_types=["ITEM"], poll_interval=2),
}
ASSETS = {
    name: Asset(f"watched_{name}", watchers=[AssetWatcher(name=name, trigger=trigger)])
    for name, trigger in TRIGGERS.items()
}

for dag_id, asset in (
    ("on_new_orders", "new"),
    ("on_new_orders_too", "new"),
    ("on_cancelled_orders", "cancelled"),
    ("on_ready_reports", "reports"),
):
    with DAG(dag_id=dag_id, schedule=[ASSETS[asset]], is_paused_upon_creation=True):
        pass
