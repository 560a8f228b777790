"""What became of a feed: its counts, whether that is a failure, and why items were refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from airflow_provider_walmart.client.values.dates import parse_time
from airflow_provider_walmart.client.values.error_codes import find_error_code
from airflow_provider_walmart.client.values.failures import too_many

COUNTS = ("itemsReceived", "itemsSucceeded", "itemsFailed", "itemsProcessing")


def summarize(feed: dict[str, Any], feed_type: str | None = None) -> dict[str, Any]:
    """Return the small, fixed form of a feed that goes into XCom.

    :param feed: a feed as Walmart's list or status call has it.
    :param feed_type: its type where the answer doesn't name it.
    :return: ``feedId``, ``feedType``, ``feedStatus``, the four counts (0 where missing), ``itemErrorsUri`` (None).
    """
    counts = {name: _count(feed.get(name)) for name in COUNTS}
    return {
        "feedId": _text(feed.get("feedId")),
        "feedType": _text(feed.get("feedType") or feed_type),
        "feedStatus": _text(feed.get("feedStatus")),
        **counts,
        "itemErrorsUri": None,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _count(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def submitted_at(feed: dict[str, Any]) -> datetime | None:
    """Return when a feed was submitted (aware, UTC): epoch milliseconds in JSON, ISO text in older answers."""
    value = feed.get("feedDate") or feed.get("feedSubmissionDate")
    return parse_time(value)


def is_finished(summary: dict[str, Any]) -> bool:
    """Return whether nothing more will happen to a feed.

    PROCESSED with items still in processing is not the end: those may yet fail.
    """
    if summary["feedStatus"] == "ERROR":
        return True
    return bool(summary["feedStatus"] == "PROCESSED" and summary["itemsProcessing"] == 0)


def progress(feed: dict[str, Any]) -> str:
    """Return how far a feed is, in words for the log."""
    summary = summarize(feed)
    received = summary["itemsReceived"]
    done = received - summary["itemsProcessing"]
    share = f" ({done / received:.0%})" if received else ""
    since = submitted_at(feed)
    submitted = f", submitted {since:%Y-%m-%d %H:%M} UTC" if since else ""
    return (
        f"feed {summary['feedId']} is {summary['feedStatus']}: {done} of {received} items processed{share}, "
        f"{summary['itemsFailed']} failed so far{submitted}"
    )


def verdict(feed: dict[str, Any], allowed_failures: int | float) -> str | None:
    """Return why a feed counts as failed, or None when it doesn't, or not yet.

    :param feed: a feed as Walmart's list or status call has it.
    :param allowed_failures: how many failed items are still fine: an int is a number, a float a share.
    """
    summary = summarize(feed)
    if summary["feedStatus"] == "ERROR":
        return "the feed failed as a whole (ERROR)"
    if summary["feedStatus"] != "PROCESSED":
        return None
    received = summary["itemsReceived"]
    # What is still in processing is among those received, so it makes neither a number nor a share smaller.
    reason = too_many(summary["itemsFailed"], received, allowed_failures, "items failed")
    if reason or not is_finished(summary) or not _applied_nothing(feed):
        return reason
    return too_many(
        received,
        received,
        allowed_failures,
        "items were not applied (PROCESSED, but Walmart counts none that succeeded)",
    )


def _applied_nothing(feed: dict[str, Any]) -> bool:
    """Return whether Walmart says so: a count that is missing says nothing."""
    return feed.get("itemsSucceeded") is not None and not _count(feed["itemsSucceeded"])


def has_failed(item: dict[str, Any]) -> bool:
    """Return whether an item of a feed was refused.

    Walmart's documents disagree on the names of item statuses, so an unknown one counts as failed when
    errors come with it.
    """
    status = str(item.get("ingestionStatus") or "")
    if status.endswith("ERROR"):
        return True
    return status not in ("SUCCESS", "PROCESSED", "INPROGRESS", "RECEIVED") and bool(item_errors(item))


def item_errors(container: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of an item, or those of a feed as a whole."""
    errors = container.get("ingestionErrors")
    found = errors.get("ingestionError") if isinstance(errors, dict) else None
    return [error for error in found if isinstance(error, dict)] if isinstance(found, list) else []


def error_rows(feed_id: str, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one row per error of a failed item, at least one: what the failed-items file holds.

    :param item: an item of the feed, or the feed itself for errors that concern it as a whole.
    :return: dicts with ``feedId``, ``sku``, ``index``, ``status``; ``type``, ``code``, ``field`` and ``description`` as Walmart
        gave them; and what is known of the code here: ``action`` (``fix``, ``later``, ``wait`` or ``never``) and ``hint``, both
        None for nothing.
    """
    status = item.get("ingestionStatus") or item.get("feedStatus")
    for error in item_errors(item) or [{}]:
        known = find_error_code(error.get("code"), error.get("type") or status)
        row = {
            "feedId": feed_id,
            "sku": item.get("sku"),
            "index": item.get("index"),
            "status": status,
            "type": error.get("type"),
            "code": error.get("code"),
            "field": error.get("field"),
            "description": error.get("description"),
            "action": known.action if known else None,
            "hint": known.hint if known else None,
        }
        yield {name: _clean(value) for name, value in row.items()}


def _clean(value: Any) -> Any:
    """Return a text without invalid surrogates, for Walmart cuts texts in the middle of a character, and without space around it."""
    return value.strip().encode("utf-8", "replace").decode() if isinstance(value, str) else value
