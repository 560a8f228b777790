"""Changing orders one by one: progress in the log, an outcome for each, and whether the task is to fail."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import (
    WalmartOrdersFailedError,
    WalmartRequestError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.values.allowed_failures import ErrorTally, too_many
from airflow_provider_walmart.client.values.error_codes import find_error_code
from airflow_provider_walmart.storage.files import atomic_write

if TYPE_CHECKING:
    from airflow_provider_walmart.client.orders.rows import OrderChange
    from airflow_provider_walmart.client.orders.writes import OrderWriter

log = logging.getLogger(__name__)

# How often the log says how far it is, in seconds.
PROGRESS_EVERY = 30.0
# Orders in a row whose change may have got lost before the rest is left alone: each takes a minute to search for.
MOST_UNKNOWN = 3
# Refused orders that the log names one by one; the table and the outcomes file have the rest.
NAMED = 20


def change_orders(
    writer: OrderWriter,
    changes: Sequence[OrderChange],
    *,
    allowed_failures: int | float,
    outcomes_path: str | None,
    keep: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Carry out changes of orders, and fail by policy.

    :param allowed_failures: refused orders that are still fine: an int is a number, a float a share.
    :param outcomes_path: where the outcomes go as JSON lines, one per order, also when the task fails; None: nowhere.
    :param keep: called with the summary before a failure is raised.
    :return: the summary: ``orders``, how many of them had which outcome, and ``outcomesUri``.
    :raises WalmartOrdersFailedError: when more were refused than allowed.
    :raises WalmartRequestError: when orders are locked; the next try changes them.
    :raises WalmartUnknownOutcomeError: when one may or may not have been changed; the next try checks.
    :raises WalmartError: when the rest could not be tried.
    """
    outcomes: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    try:
        _apply_all(writer, changes, outcomes)
    finally:
        # What was done until then is wanted most when it breaks off, be it by an error or by somebody's hand.
        summary |= _keep_outcomes(changes, outcomes, outcomes_path)
        keep(summary)
    _check_outcomes(outcomes, summary, allowed_failures)
    return summary


def _keep_outcomes(
    changes: Sequence[OrderChange], outcomes: list[dict[str, Any]], outcomes_path: str | None
) -> dict[str, Any]:
    """Show and write what became of each order, those that were not tried among them; return the summary."""
    from airflow_provider_walmart.client.orders.writes import NOT_TRIED, OUTCOMES, outcome

    outcomes += [outcome(change, NOT_TRIED) for change in changes[len(outcomes) :]]
    summary = {
        "orders": len(outcomes),
        **{name: sum(made["outcome"] == name for made in outcomes) for name in OUTCOMES},
        "outcomesUri": outcomes_path or None,
    }
    log.info("Orders: %s", _counts(summary))
    _log_failures(outcomes, outcomes_path)
    if outcomes_path:
        with atomic_write(outcomes_path) as file:
            file.writelines(json.dumps(made, ensure_ascii=False) + "\n" for made in outcomes)
    return summary


def _check_outcomes(
    outcomes: Sequence[dict[str, Any]], summary: dict[str, Any], allowed_failures: int | float
) -> None:
    """Fail by what became of the orders, as `change_orders` says."""
    from airflow_provider_walmart.client.orders.writes import LOCKED, NOT_TRIED, REFUSED, UNKNOWN

    where = f" All outcomes are in {summary['outcomesUri']}." if summary["outcomesUri"] else ""
    if summary[UNKNOWN]:
        ids = ", ".join(made["purchaseOrderId"] for made in outcomes if made["outcome"] == UNKNOWN)
        raise WalmartUnknownOutcomeError(
            f"Whether orders {ids} were changed is unknown ({_counts(summary)}).{where}",
            hint="The next try reads each order before it changes it.",
        )
    if summary[NOT_TRIED]:
        raise WalmartRequestError(
            f"Not changed: locked by another process ({summary[NOT_TRIED]} of {summary['orders']} orders; "
            f"{_counts(summary)}).{where}",
            status=LOCKED,
            hint="The next try changes those that are left.",
        )
    if reason := too_many(summary[REFUSED], summary["orders"], allowed_failures, "orders were refused"):
        raise WalmartOrdersFailedError(f"{reason}; {_tally(outcomes)}.{where}")


def _apply_all(writer: OrderWriter, changes: Sequence[OrderChange], outcomes: list[dict[str, Any]]) -> None:
    said = time.monotonic()
    unknown = 0
    for made in writer.apply_all(changes):
        outcomes.append(made)
        unknown = unknown + 1 if made["outcome"] == "unknown" else 0
        if unknown == MOST_UNKNOWN:
            log.error("%d changes in a row got lost: the other orders are left alone.", unknown)
            return
        if time.monotonic() - said >= PROGRESS_EVERY:
            said = time.monotonic()
            log.info("%d of %d orders so far", len(outcomes), len(changes))


def _counts(summary: dict[str, Any]) -> str:
    counts = [
        f"{count} {name}" for name, count in summary.items() if isinstance(count, int) and name != "orders"
    ]
    return f"{summary['orders']} in all, {', '.join(counts)}"


def _tally(outcomes: Sequence[dict[str, Any]]) -> ErrorTally:
    tally = ErrorTally()
    for made in _failed(outcomes):
        tally.add(
            {
                "code": made["code"],
                "status": made["outcome"],
                "description": made["description"],
                "hint": known.hint if (known := find_error_code(made["code"])) else None,
                "sku": made["purchaseOrderId"],
            }
        )
    return tally


def _failed(outcomes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    # What is left alone for the sake of others has nothing to report.
    return [made for made in outcomes if made["outcome"] not in ("done", "already") and made["description"]]


def _log_failures(outcomes: Sequence[dict[str, Any]], outcomes_path: str | None) -> None:
    failed = _failed(outcomes)
    for made in failed[:NAMED]:
        rows = ", ".join(map(str, made["rows"][:10]))
        log.warning(
            "Order %s (row %s) %s: %s", made["purchaseOrderId"], rows, made["outcome"], made["description"]
        )
    if len(failed) > NAMED:
        log.warning("... and %d more", len(failed) - NAMED)
    if outcomes_path:
        log.info("All outcomes are in %s", outcomes_path)
