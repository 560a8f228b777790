"""Which reports have become ready since we last polled: each is announced once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from airflow_provider_walmart.client.events.completion import CompletionTracker
from airflow_provider_walmart.client.events.scope import PollScope
from airflow_provider_walmart.client.reports.requests import is_done, submitted_at

ANNOUNCED = ("requestId", "reportType", "reportVersion", "requestStatus", "requestSubmissionDate")


class ReportTracker(CompletionTracker):
    """Separates reports that are ready and new from those that were announced before.

    :param state: what `state` returned earlier, JSON; None at the very first poll.
    :param report_types: their types.
    """

    def __init__(self, state: dict[str, Any] | None, report_types: Collection[str]) -> None:
        super().__init__(state)
        self._types = frozenset(report_types)

    @property
    def scope(self) -> PollScope:
        """What the next poll has to show; its names are the report types."""
        # The list of requests is the only place to read: the status of a single one may be asked for 20 times an hour.
        return PollScope(min([self.since, *self.pending.values()]), self._types)

    def _id(self, thing: dict[str, Any]) -> str:
        return str(thing.get("requestId"))

    def _kind(self, thing: dict[str, Any]) -> Any:
        return thing.get("reportType")

    def _began(self, thing: dict[str, Any]) -> datetime | None:
        return submitted_at(thing)

    def _has_ended(self, thing: dict[str, Any]) -> bool:
        return is_done(thing)

    def _announcement(self, thing: dict[str, Any], kind: Any) -> dict[str, Any] | None:
        if thing.get("requestStatus") != "READY" or kind not in self._types:
            return None
        return {name: thing.get(name) for name in ANNOUNCED}
