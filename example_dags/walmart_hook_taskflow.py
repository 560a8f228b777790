"""The hook in TaskFlow: what may these keys do, and how did the last feeds go?

Needs a connection ``walmart_default`` of type *Walmart Marketplace*.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import dag, task


@dag(dag_id="walmart_hook_taskflow", schedule=None, start_date=datetime(2026, 1, 1), tags=["walmart"])
def walmart_hook_taskflow():
    @task
    def scopes() -> dict[str, str]:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        return WalmartHook("walmart_default").get_token_detail()["scopes"]

    @task
    def feeds_by_status() -> dict[str, int]:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        counts: dict[str, int] = {}
        since = datetime.now(timezone.utc) - timedelta(days=1)
        for feed in WalmartHook("walmart_default").list_feeds(since=since):
            counts[feed["feedStatus"]] = counts.get(feed["feedStatus"], 0) + 1
        return counts

    @task
    def carriers() -> list[str]:
        """Call anything else through the authenticated session."""
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        answer = WalmartHook("walmart_default").request("GET", "/v3/utilities/apiStatus").json()
        return [str(status.get("apiName")) for status in answer.get("apiStatuses", [])]

    scopes() >> [feeds_by_status(), carriers()]


walmart_hook_taskflow()
