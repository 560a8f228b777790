"""Have an order delivered by Walmart GoLocal: order ready, quote, book, wait, notify.

Needs a connection ``walmart_golocal_default`` of type *Walmart GoLocal*. Start it with the order as configuration, such as
``{"order_id": "1001", "zip_code": "94086"}``; the same order is booked once, however often it is started.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Param, get_current_context, task

from airflow_provider_walmart.operators.golocal import WalmartGoLocalCreateDeliveryOperator
from airflow_provider_walmart.sensors.golocal import WalmartGoLocalDeliverySensor

with DAG(
    dag_id="walmart_golocal",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={"order_id": Param("1001", type="string"), "zip_code": Param("94086", type="string")},
    tags=["walmart"],
):
    # What is about the customer stays out of the logs.
    @task(show_return_value_in_logs=False)
    def order_ready() -> dict:
        """Return what is to be delivered. In real life it comes from the order system, pickup point and all."""
        params = get_current_context()["params"]
        start = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=2)
        return {
            "clientId": "2",
            "externalOrderId": params["order_id"],
            "deliveryMethod": "SCHEDULED_DELIVERY",
            "requestedMinDeliverySlotTime": start.isoformat(),
            "requestedMaxDeliverySlotTime": (start + timedelta(hours=2)).isoformat(),
            "pickupDetails": {"externalPickupPointId": "4969"},
            "customer": {"firstName": "Alex", "lastName": "Example", "phone": "4085550100"},
            "deliveryDetails": {
                "address": {
                    "line1": "1 Example Street",
                    "city": "Sunnyvale",
                    "state": "CA",
                    "zipCode": params["zip_code"],
                    "countryCode": "US",
                }
            },
        }

    @task(show_return_value_in_logs=False)
    def quote(order: dict) -> dict:
        """Return the order with the quote whose price is then kept to."""
        from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

        answer = WalmartGoLocalHook("walmart_golocal_default").call(
            "quoteDelivery", body={"deliveries": order}
        )
        return {**order, "quoteId": answer["quoteId"]}

    book = WalmartGoLocalCreateDeliveryOperator(task_id="book", delivery=quote(order_ready()))

    wait = WalmartGoLocalDeliverySensor(
        task_id="wait",
        delivery_id="{{ ti.xcom_pull(task_ids='book')['deliveryId'] }}",
        poke_interval=10,
        timeout=timedelta(hours=8).total_seconds(),
        deferrable=True,
    )

    @task
    def notify(delivery: dict) -> str:
        """Tell whoever wants to know; here the log."""
        return f"Order {delivery['externalOrderId']} is {delivery['status']}."

    book >> wait
    notify(wait.output)
