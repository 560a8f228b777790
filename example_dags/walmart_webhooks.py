"""Keep webhook subscriptions as they are declared here, and land the orders that they announce.

``walmart_webhook_subscriptions`` makes subscriptions that are missing, changes those that differ, wakes up those that were paused,
and deletes every other subscription of its URL. Start it with ``{"renew": true}`` after the secret was changed: This package
redacts the secrets in Walmart's list, so a changed one can't be seen there.

``walmart_webhook_order`` is started by an endpoint of yours, such as ``docs/examples/webhook_endpoint.py``, once for each new
order, and lands that order.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*, and a connection ``walmart_webhook`` of any type: its
host is the URL of your endpoint, its password the secret that signs deliveries. Set the environment variable
``WALMART_LAKE_DIR`` to any place that Airflow's object storage can write to.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, Connection, Param, get_current_context, task

from airflow_provider_walmart.operators.api import WalmartApiOperator

DECLARED = [
    {"resourceName": "ORDER", "eventType": "ORDER_UPDATES", "eventVersion": "V1"},
    {"resourceName": "REPORTS", "eventType": "REPORT_STATUS", "eventVersion": "V1"},
]
PROOF = {"authMethod": "HMAC", "authHeaderName": "X-Walmart-Signature"}

with DAG(
    dag_id="walmart_webhook_subscriptions",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={"renew": Param(False, type="boolean")},
    tags=["walmart"],
):

    @task
    def keep_subscriptions() -> dict[str, list[str]]:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        hook = WalmartHook("walmart_default")
        endpoint = Connection.get("walmart_webhook")
        renew = get_current_context()["params"]["renew"]
        secret = {"authDetails": {**PROOF, "clientSecret": endpoint.password}}
        done: dict[str, list[str]] = {"made": [], "changed": [], "deleted": []}
        found = [
            subscription
            for subscription in hook.call("getAllSubscriptions").get("events") or []
            if subscription["eventUrl"] == endpoint.host
        ]
        for declared in DECLARED:
            wanted = {**declared, "eventUrl": endpoint.host, "status": "ACTIVE"}
            kin = next((one for one in found if one["eventType"] == declared["eventType"]), None)
            if kin is None:
                hook.call("createSubscription", body={"events": [{**wanted, **secret}]})
                done["made"].append(declared["eventType"])
                continue
            found.remove(kin)
            if renew or not is_like(kin, {**wanted, "authDetails": PROOF}):
                hook.call(
                    "updateSubscription", subscriptionId=kin["subscriptionId"], body={**wanted, **secret}
                )
                done["changed"].append(declared["eventType"])
        for surplus in found:
            hook.call("deleteSubscription", subscriptionId=surplus["subscriptionId"])
            done["deleted"].append(surplus["eventType"])
        return done

    keep_subscriptions()

with DAG(
    dag_id="walmart_webhook_order",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    tags=["walmart"],
):
    WalmartApiOperator(
        task_id="land_order",
        operation="getAnOrder",
        api_params={"purchaseOrderId": "{{ dag_run.conf['ids']['purchaseOrderId'] }}"},
        output_path=os.environ.get("WALMART_LAKE_DIR", "file:///tmp/walmart")
        + "/new_orders/{{ dag_run.conf['ids']['purchaseOrderId'] }}.json",
    )


def is_like(subscription: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Return whether a subscription has all that is wanted of it."""
    return all(
        is_like(subscription.get(name) or {}, value)
        if isinstance(value, dict)
        else subscription.get(name) == value
        for name, value in wanted.items()
    )
