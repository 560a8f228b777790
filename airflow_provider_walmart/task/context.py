"""What operators take from and leave in the context of a task, as far as it has that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_walmart.client.once.records import Records

CLEARED_WITHIN = timedelta(days=7)


class MemoryRecords(dict[str, Any]):
    """Stands in for the task state store where there is none; lasts as long as the process."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self[key] = value


def records_of(context: Context | Mapping[str, Any]) -> tuple[Records, bool]:
    """Return where a task keeps what it sent, and whether an earlier try may have sent what is not kept there."""
    store = context.get("task_state_store")
    return (MemoryRecords(), try_number(context) > 1) if store is None else (store, False)


def push(context: Context | Mapping[str, Any], key: str, value: Any) -> None:
    """Push to XCom right away: a failing task returns nothing, and that is when people look."""
    if ti := context.get("ti"):
        ti.xcom_push(key=key, value=value)


def push_result(operator: BaseOperator, context: Context | Mapping[str, Any], value: Any) -> None:
    """Push what a task would return before it fails, unless it is not to (``do_xcom_push``)."""
    if operator.do_xcom_push:
        push(context, "return_value", value)


def task_identity(context: Context | Mapping[str, Any]) -> str:
    """Return what distinguishes this run of this task from all others, its tries not among them."""
    ti = context.get("ti")
    parts = [getattr(ti, name, None) for name in ("dag_id", "task_id", "run_id", "map_index")]
    return "/".join(str(part) for part in parts if isinstance(part, (str, int)))


def try_number(context: Context | Mapping[str, Any]) -> int:
    """Return which try of the task this is; 1 where nobody counts."""
    number = getattr(context.get("ti"), "try_number", 1)
    return number if isinstance(number, int) else 1


def run_started(context: Context | Mapping[str, Any]) -> float:
    """Return when the DAG run began, in seconds since 1970 UTC; 0 where nobody knows.

    A run that is cleared begins anew. Of such a one the time for which it was planned is still there, and believed when
    it is no more than `CLEARED_WITHIN` before: a backfill is planned for any time in the past.
    """
    run = context.get("dag_run")
    started, planned = getattr(run, "start_date", None), getattr(run, "run_after", None)
    if not isinstance(started, datetime):
        return 0.0
    if isinstance(planned, datetime) and timedelta(0) < started - planned <= CLEARED_WITHIN:
        started = planned
    return started.timestamp()
