"""Operators for deadlines: orders that are due, and the performance that Walmart measures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.client.values.dates import utc_minute, utc_now
from airflow_provider_walmart.client.values.names import names_of
from airflow_provider_walmart.storage.files import AnyPath, PathField, atomic_write
from airflow_provider_walmart.storage.suffixes import check_lines_file
from airflow_provider_walmart.task.context import push_result
from airflow_provider_walmart.task.durations import duration
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.hooks import OfMarketplace
from airflow_provider_walmart.task.parse_time import check_when_parsed

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

KINDS = ("acknowledge", "ship", "cancel")
# Each of Walmart's performance metrics and the operation that has it.
METRICS = {
    "cancellations": "getCancel",
    "itemNotReceived": "getInr",
    "lateShipment": "getLsr",
    "negativeFeedback": "getNegativeFeedback",
    "otd": "getOtd",
    "refunds": "getRefunds",
    "returns": "insights.getReturns",
    "srr": "getSrr",
    "vtr": "getVtr",
}
RISKS = ("GOOD", "MONITOR", "URGENT")
FAIL_ON = (*RISKS[1:], None)


class WalmartOrdersDueOperator(OfMarketplace, BaseOperator):
    """Finds the orders that have to be acknowledged or shipped soon, or that Walmart is about to cancel.

    By Walmart's rules an order is acknowledged within 4 hours of its creation and shipped by its ``estimatedShipDate``;
    4 days after that date Walmart cancels what is not shipped. Orders of the last 45 days are read; those that Walmart
    ships itself are not among them.

    :param kind: ``acknowledge``, ``ship``, or ``cancel``: not shipped, and cancelled by Walmart soon.
    :param within: how far ahead to look, as timedelta or seconds; default 4 hours. Orders that are overdue are always found.
    :param output_path: where they go as JSON lines of ``purchase_order_id``, ``due_at`` and ``hours_left`` (below zero:
        overdue), the most urgent first, without personal data: a path, an `ObjectStoragePath` or a URI of one; None
        (default): nowhere. Written also when no order is due.
    :param fail_when_due: True fails the task when an order is due, so that ``on_failure_callback`` tells somebody; default
        False.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: a dict with ``kind``, ``due``, ``overdue``, ``next_due_at`` (ISO 8601, UTC; None when none is due) and ``uri``. It is
        in XCom also when the task fails because of it.
    :raises AirflowFailException: with ``fail_when_due``, naming the most urgent orders; and when no retry can help.
    """

    output_path: Any = PathField()

    template_fields: Sequence[str] = ("kind", "output_path", "walmart_conn_id")
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        kind: str,
        within: timedelta | float = timedelta(hours=4),
        output_path: AnyPath | None = None,
        fail_when_due: bool = False,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_when_parsed(check_choice, "kind", kind, KINDS)
        self.kind = kind
        self.within = duration("within", within)
        self.output_path = output_path
        self.fail_when_due = fail_when_due
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the orders, write them, and fail where that is wanted."""
        with fail_without_retry():
            check_lines_file("output_path", self.output_path)
            now = utc_now()
            found = sorted(self._due(now))
        if self.output_path:
            with atomic_write(self.output_path) as file:
                file.writelines(_line(due_at, order_id, now) for due_at, order_id in found)
        overdue = sum(due_at < now for due_at, _ in found)
        examples = ", ".join(f"{order_id} ({utc_minute(due_at)})" for due_at, order_id in found[:5])
        said = f"{len(found)} orders are due ({self.kind}) within {self.within}, {overdue} of them overdue"
        if found:
            said = f"{said}, the most urgent: {examples}"
        self.log.info(said)
        result = {
            "kind": self.kind,
            "due": len(found),
            "overdue": overdue,
            "next_due_at": found[0][0].isoformat() if found else None,
            "uri": self.output_path or None,
        }
        if found and self.fail_when_due:
            push_result(self, context, result)
            raise AirflowFailException(f"{said}.")
        return result

    def _due(self, now: datetime) -> Iterator[tuple[datetime, str]]:
        from airflow_provider_walmart.client.orders.due import orders_due

        check_choice("kind", self.kind, KINDS)
        action = "acknowledge" if self.kind == "acknowledge" else "ship"
        for order in orders_due(self.hook.client):
            due_at = order.cancelled_at if self.kind == "cancel" else order.due_at
            if order.action == action and due_at is not None and due_at <= now + self.within:
                yield due_at, order.purchase_order_id


def _line(due_at: datetime, order_id: str, now: datetime) -> str:
    row = {
        "purchase_order_id": order_id,
        "due_at": due_at.isoformat(),
        "hours_left": round((due_at - now).total_seconds() / 3600, 2),
    }
    return json.dumps(row) + "\n"


class WalmartPerformanceOperator(OfMarketplace, BaseOperator):
    """Reads how Walmart rates the account, and fails when a metric is at risk.

    Standard, rate and risk are Walmart's own words of each metric; Walmart refreshes them once a day, and lets each be read
    once a minute. A metric without data is left out.

    :param metrics: which ones, as a list or as text with commas between: ``cancellations``, ``itemNotReceived``,
        ``lateShipment``, ``negativeFeedback``, ``otd`` (on-time delivery), ``refunds``, ``returns``, ``srr`` (seller response)
        and ``vtr`` (valid tracking); None (default): all.
    :param fail_on: fail when a metric is rated so or worse: ``MONITOR`` or ``URGENT`` (default); None: never.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: a dict of each metric with what Walmart answers, such as ``performanceRiskLevel`` and ``performanceStandard``. It is in
        XCom also when the task fails because of it.
    :raises AirflowFailException: when a metric is at risk, naming all of these; and when no retry can help.
    """

    template_fields: Sequence[str] = ("metrics", "fail_on", "walmart_conn_id")
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        metrics: Sequence[str] | str | None = None,
        fail_on: str | None = "URGENT",
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metrics = metrics
        check_when_parsed(check_choice, "fail_on", fail_on, FAIL_ON)
        self.fail_on = fail_on
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the metrics, and fail by policy."""
        with fail_without_retry():
            found = self._read()
        risks = {name: _risk(answer) for name, answer in found.items()}
        self.log.info("Risk levels: %s", dict(Counter(risks.values())) or "no data")
        failing = RISKS[RISKS.index(self.fail_on) :] if self.fail_on else ()
        if worst := [name for name, risk in risks.items() if risk in failing]:
            push_result(self, context, found)
            said = "; ".join(f"{name} is {risks[name]}{_standard(found[name])}" for name in worst)
            raise AirflowFailException(
                f"Walmart rates {len(worst)} of {len(found)} metrics as at risk: {said}."
            )
        return found

    def _read(self) -> dict[str, Any]:
        """Return what Walmart answers, by metric, without those that have no data.

        :raises WalmartConfigError: when a metric, or the policy, is none.
        """
        check_choice("fail_on", self.fail_on, FAIL_ON)
        wanted = list(names_of("metrics", self.metrics, "otd")) or list(METRICS)
        if unknown := [name for name in wanted if name not in METRICS]:
            raise WalmartConfigError(f"metrics has {unknown[0]!r}; allowed: {', '.join(METRICS)}.")
        found = {name: answer for name in wanted if (answer := self.hook.call(METRICS[name]))}
        for name, answer in found.items():
            self.log.info("%s: %s", name, json.dumps(answer, default=str)[:500])
        return found


def _value(answer: Any, name: str) -> Any:
    """Return a field of an answer, however deep it is."""
    if isinstance(answer, dict):
        if isinstance(answer.get(name), str):
            return answer[name]
        answer = list(answer.values())
    values = (_value(inner, name) for inner in answer) if isinstance(answer, list) else ()
    return next((value for value in values if value is not None), None)


def _risk(answer: Any) -> str:
    return str(_value(answer, "performanceRiskLevel") or "unknown").upper()


def _standard(answer: Any) -> str:
    standard = _value(answer, "performanceStandard")
    return f" (Walmart's standard: {standard})" if standard else ""
