"""Tasks whose logs could give a secret away: connections that do not work, and code that prints too much."""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator


@dag(dag_id="awkward_accounts", schedule=None)
def awkward_accounts():
    for conn_id in ("walmart_delegated", "walmart_refused", "walmart_unreachable"):
        WalmartFeedStatusOperator(task_id=conn_id, walmart_conn_id=conn_id)

    @task
    def prints_too_much() -> None:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        hook = WalmartHook()
        print(hook.get_access_token(), hook.get_headers(), hook.get_conn(), vars(hook))

    prints_too_much()


awkward_accounts()
