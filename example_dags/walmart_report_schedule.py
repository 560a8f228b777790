"""Keep one schedule, by which Walmart makes a report by itself, as it is declared here.

A missing schedule is made, a different one is changed, and every other schedule of this report type and version is deleted,
including those made in Seller Center. Change the declaration, and the next run applies it.

Needs a connection ``walmart_default`` of type *Walmart Marketplace*. The reports themselves are waited for with
`WalmartReportSensor`, or picked up by a `WalmartReportOperator` with a `reuse_within` that reaches back to them.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import dag, task

REPORT = {"reportType": "ITEM", "reportVersion": "v4"}
FREQUENCY = "DAILY"
FILTERS: dict[str, Any] = {
    "rowFilters": [{"type": "enumFilter", "columnName": "Publish Status", "values": ["PUBLISHED"]}]
}
# Hours are in UTC.
TIMING = {"repeatsEvery": 1, "hour": 4}


@dag(
    dag_id="walmart_report_schedule",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["walmart"],
)
def walmart_report_schedule():
    @task
    def keep_schedule() -> str:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        hook = WalmartHook("walmart_default")
        found = [
            schedule
            for schedule in hook.paginate("getReportsSchedules", reportType=REPORT["reportType"])
            if schedule["reportVersion"] == REPORT["reportVersion"]
        ]
        kept = next((schedule for schedule in found if is_kin(schedule["payload"])), None)
        if kept is None:
            # Walmart has no call that changes how often a schedule runs, or what it filters.
            body = {"frequency": FREQUENCY, "filters": FILTERS, **TIMING}
            kept = hook.call("postReportsSchedules", body=body, **REPORT)
        elif {name: kept["payload"].get(name) for name in TIMING} != TIMING:
            hook.call("putReportsSchedulesByScheduleId", scheduleId=kept["scheduleId"], body=TIMING)
        for schedule in found:
            if schedule["scheduleId"] != kept["scheduleId"]:
                hook.call("deleteReportsSchedulesByScheduleId", scheduleId=schedule["scheduleId"])
        return kept["scheduleId"]

    keep_schedule()


def is_kin(payload: dict[str, Any]) -> bool:
    """Return whether a schedule differs from the declared one in its timing at most."""
    filters = payload.get("filters") or {}
    return payload.get("frequency") == FREQUENCY and filters.get("rowFilters") == FILTERS["rowFilters"]


walmart_report_schedule()
