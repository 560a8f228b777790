"""What makes a feed or an item of one a failure."""

from __future__ import annotations

from typing import Any, Literal

from airflow_provider_walmart.client.feeds.item_errors import error_rows, item_errors
from airflow_provider_walmart.client.feeds.results import ERROR_COUNTS, count_of, summarize
from airflow_provider_walmart.client.values.allowed_failures import too_many


def is_finished(feed: dict[str, Any]) -> bool:
    """Return whether nothing more will happen to a feed.

    PROCESSED with items still in processing is not the end: those may yet fail.
    """
    if _status(feed) == "ERROR":
        return True
    # PROCESSED_WITH_ERRORS has been seen as well.
    return _status(feed).startswith("PROCESSED") and not count_of(feed.get("itemsProcessing"))


def verdict(
    feed: dict[str, Any], allowed_failures: int | float, *, sent: int = 0, unchanged: int = 0
) -> str | None:
    """Return why a feed counts as failed, or None when it doesn't, or not yet.

    :param feed: a feed as Walmart's list or status call has it, or as `corrected` by its details.
    :param allowed_failures: how many failed items are still fine, as long as one was applied: an int is a number, a float a
        share.
    :param sent: how many items were sent; 0: unknown.
    :param unchanged: rows that were not sent since Walmart has them, as for `too_many`.
    """
    summary = summarize(feed)
    status, items = summary["feedStatus"], max(summary["itemsReceived"], sent)
    if _status(feed) == "ERROR":
        return "the feed failed as a whole (ERROR)"
    if is_finished(feed) and _is_zero(feed, "itemsReceived"):
        return f"nothing was applied ({status}, but Walmart received none of {f'{sent} ' if sent else 'its '}items)"
    # What is still in processing is among those received, so it makes neither a number nor a share smaller.
    reason = too_many(summary["itemsFailed"], items, allowed_failures, "items failed", unchanged=unchanged)
    if reason or not is_finished(feed):
        return reason
    if items and summary["itemsFailed"] >= items:
        return f"nothing was applied: {items} of {items} items failed, which allowed_failures never covers"
    if not _is_zero(feed, "itemsSucceeded"):
        return None
    return f"nothing was applied ({status}, but Walmart counts none of {items} items that succeeded)"


def corrected(feed: dict[str, Any], *, failed: int, sent: int = 0) -> dict[str, Any]:
    """Return a feed with its counts put right by its details: Walmart counts items as succeeded that carry errors.

    :param failed: how many items failed by the details, with those that are missing from them.
    :param sent: how many items were sent; 0: unknown.
    """
    summary = summarize(feed)
    failed = max(failed, summary["itemsFailed"])
    right = {**feed, "itemsFailed": failed}
    if feed.get("itemsSucceeded") is not None:
        others = max(summary["itemsReceived"], sent) - failed
        right["itemsSucceeded"] = max(0, min(summary["itemsSucceeded"], others))
    return right


def without(feed: dict[str, Any], failed: int) -> dict[str, Any]:
    """Return a feed without so many of its failed items, which count in another one."""
    if not failed:
        return feed
    counts = summarize(feed)
    left = {name: max(0, counts[name] - failed) for name in ("itemsReceived", "itemsFailed")}
    return {**feed, **dict.fromkeys(ERROR_COUNTS), **left}


def has_failed(item: dict[str, Any]) -> bool:
    """Return whether an item of a feed was refused: its status says so, or it carries errors, whatever its status.

    Items that are SUCCESS with errors were not applied, as sellers saw on live accounts.
    """
    return str(item.get("ingestionStatus") or "").strip().upper().endswith("ERROR") or bool(item_errors(item))


def is_transient(item: dict[str, Any]) -> bool:
    """Return whether an item failed by nothing but failures at Walmart, so that the same may be sent again.

    :param item: an item of a finished feed.
    """
    return has_failed(item) and all(row["action"] == "later" for row in error_rows("", item))


def outcome_of(item: dict[str, Any]) -> Literal["accepted", "refused", "unknown"]:
    """Return what Walmart has of an item now: the value sent, the one of before, or nobody knows which.

    An item that Walmart calls a success may carry errors and not be applied; one that Walmart's own failure ended may be.

    :param item: an item of a feed that is finished.
    """
    status = str(item.get("ingestionStatus") or "")
    if status in ("SUCCESS", "PROCESSED"):
        return "unknown" if item_errors(item) else "accepted"
    return "refused" if status == "DATA_ERROR" else "unknown"


def _status(feed: dict[str, Any]) -> str:
    return str(feed.get("feedStatus") or "").strip().upper()


def _is_zero(feed: dict[str, Any], name: str) -> bool:
    """Return whether a count is 0; one that is missing says nothing."""
    return feed.get(name) is not None and not count_of(feed[name])
