"""Counting the failed polls of a sensor where each poll is a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.task.context import task_identity, try_number
from airflow_provider_walmart.task.poll_failures import PollFailures

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

KEY = "walmart failed polls"
# The next poll comes within this time. Seconds.
KEPT_FOR = 7 * 24 * 3600.0


def may_go_on(failures: PollFailures, error: Exception, context: Context | Mapping[str, Any]) -> bool:
    """Take note of a failed poll of a sensor that is rescheduled, as `PollFailures` does, and return whether to poll again.

    Kept is the last failed poll with its number, so that good ones cost nothing: where it isn't the one before this
    one, a good one came between.
    """
    attempt, poll = try_number(context), context.get("task_reschedule_count", 0)
    store: Any = context.get("task_state_store")
    records = _SharedRecord(task_identity(context)) if store is None else store
    last = records.get(KEY)
    failures.keys_worked = poll > 0
    if isinstance(last, dict) and (last.get("try"), last.get("poll")) == (attempt, poll - 1):
        failures.in_a_row, failures.refused_since = last["failed"], last.get("refused_since")
    result = failures.may_go_on(error)
    records.set(
        KEY,
        {
            "try": attempt,
            "poll": poll,
            "failed": failures.in_a_row,
            "refused_since": failures.refused_since,
        },
    )
    return result


class _SharedRecord:
    """Stands in for the task state store where there is none (before Airflow 3.3): the shared state."""

    def __init__(self, identity: str) -> None:
        from airflow_provider_walmart.hooks.shared_state import shared_state

        self._store = shared_state()
        self._identity = identity

    def get(self, key: str) -> Any:
        with contextlib.suppress(ValueError):
            return json.loads(self._store.get(self._name(key)) or b"null")

    def set(self, key: str, value: Any) -> None:
        self._store.put(self._name(key), json.dumps(value).encode(), KEPT_FOR)

    def _name(self, key: str) -> str:
        return hashlib.sha256(json.dumps([key, self._identity]).encode()).hexdigest()
