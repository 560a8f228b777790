"""Tasks that fail: one may come back when Walmart says, the others must not come back at all."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from airflow_provider_walmart.operators.api import WalmartApiOperator

# So long that no test ends should it be kept to.
ARGS = {"retries": 2, "retry_delay": timedelta(hours=1)}

try:
    from airflow_provider_walmart.retry_policy import WalmartRetryPolicy
except ImportError:  # below Airflow 3.3
    pass
else:
    ARGS["retry_policy"] = WalmartRetryPolicy()


@dag(dag_id="tries_again", schedule=None, default_args=ARGS)
def tries_again():
    WalmartApiOperator(
        task_id="throttled",
        operation="updateInventoryForAnItem",
        api_params={"sku": "A-1"},
        body={"sku": "A-1", "quantity": {"unit": "EACH", "amount": 5}},
    )


@dag(dag_id="gives_up", schedule=None, default_args=ARGS)
def gives_up():
    WalmartApiOperator(task_id="refused", operation="getReturns")
    WalmartApiOperator(task_id="bad_input", operation="getAnOrder", api_params={"purchaseOrder": "1"})

    @task
    def refused_without_operator() -> None:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        WalmartHook().call("getReturns")

    if "retry_policy" in ARGS:
        refused_without_operator()


tries_again()
gives_up()
