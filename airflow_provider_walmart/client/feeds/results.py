"""What became of a feed: its counts, whether that is a failure, and why items were refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from airflow_provider_walmart.client.values.dates import parse_time, utc_minute
from airflow_provider_walmart.client.values.error_codes import find_error_code
from airflow_provider_walmart.client.values.failures import too_many
from airflow_provider_walmart.client.values.lists import objects_in

COUNTS = ("itemsReceived", "itemsSucceeded", "itemsFailed", "itemsProcessing")
# Counts that some answers have beside `itemsFailed`, or in place of it.
ERROR_COUNTS = ("itemDataErrorCount", "itemSystemErrorCount", "itemTimeoutErrorCount")
# The status of an item that was sent and that the details of its finished feed don't name. Walmart has no word for it.
MISSING = "MISSING"


def summarize(feed: dict[str, Any], feed_type: str | None = None) -> dict[str, Any]:
    """Return the small, fixed form of a feed that goes into XCom.

    :param feed: a feed as Walmart's list or status call has it.
    :param feed_type: its type where the answer doesn't name it.
    :return: ``feedId``, ``feedType``, ``feedStatus`` and the four counts (0 where missing). ``itemsFailed`` is the larger of
        Walmart's count and the sum of its counts of errors.
    """
    counts = {name: _count(feed.get(name)) for name in COUNTS}
    counts["itemsFailed"] = max(counts["itemsFailed"], sum(_count(feed.get(name)) for name in ERROR_COUNTS))
    return {
        "feedId": _text(feed.get("feedId")),
        "feedType": _text(feed.get("feedType") or feed_type),
        "feedStatus": _text(feed.get("feedStatus")),
        **counts,
    }


def result_of(feeds: Sequence[dict[str, Any]], item_errors_uri: str | None = None) -> dict[str, Any]:
    """Return what tasks return of their feeds, the same whatever their number.

    :param feeds: feeds as `summarize` has them.
    :param item_errors_uri: where their failed items are; None: nowhere.
    :return: ``feedIds``, ``feeds``, the four counts of all feeds together, and ``itemErrorsUri``.
    """
    return {
        "feedIds": [feed["feedId"] for feed in feeds],
        "feeds": list(feeds),
        **{name: sum(feed[name] for feed in feeds) for name in COUNTS},
        "itemErrorsUri": item_errors_uri,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _count(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def _is_zero(feed: dict[str, Any], name: str) -> bool:
    """Return whether a count is 0; one that is missing says nothing."""
    return feed.get(name) is not None and not _count(feed[name])


def submitted_at(feed: dict[str, Any]) -> datetime | None:
    """Return when a feed was submitted (aware, UTC): epoch milliseconds in JSON, ISO text in older answers."""
    value = feed.get("feedDate") or feed.get("feedSubmissionDate")
    return parse_time(value)


def _status(feed: dict[str, Any]) -> str:
    return str(feed.get("feedStatus") or "").strip().upper()


def is_finished(feed: dict[str, Any]) -> bool:
    """Return whether nothing more will happen to a feed.

    PROCESSED with items still in processing is not the end: those may yet fail.
    """
    if _status(feed) == "ERROR":
        return True
    # PROCESSED_WITH_ERRORS has been seen as well.
    return _status(feed).startswith("PROCESSED") and not _count(feed.get("itemsProcessing"))


def progress(feed: dict[str, Any]) -> str:
    """Return how far a feed is, in words for the log."""
    summary = summarize(feed)
    received = summary["itemsReceived"]
    done = received - summary["itemsProcessing"]
    share = f" ({done / received:.0%})" if received else ""
    since = submitted_at(feed)
    submitted = f", submitted {utc_minute(since)}" if since else ""
    return (
        f"feed {summary['feedId']} is {summary['feedStatus']}: {done} of {received} items processed{share}, "
        f"{summary['itemsFailed']} failed so far{submitted}"
    )


def verdict(feed: dict[str, Any], allowed_failures: int | float, *, sent: int = 0) -> str | None:
    """Return why a feed counts as failed, or None when it doesn't, or not yet.

    :param feed: a feed as Walmart's list or status call has it, or as `corrected` by its details.
    :param allowed_failures: how many failed items are still fine, as long as one was applied: an int is a number, a float a
        share.
    :param sent: how many items were sent; 0: unknown.
    """
    summary = summarize(feed)
    status, items = summary["feedStatus"], max(summary["itemsReceived"], sent)
    if _status(feed) == "ERROR":
        return "the feed failed as a whole (ERROR)"
    if is_finished(feed) and _is_zero(feed, "itemsReceived"):
        return f"nothing was applied ({status}, but Walmart received none of {f'{sent} ' if sent else 'its '}items)"
    # What is still in processing is among those received, so it makes neither a number nor a share smaller.
    reason = too_many(summary["itemsFailed"], items, allowed_failures, "items failed")
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


def outcome_of(item: dict[str, Any]) -> Literal["accepted", "refused", "unknown"]:
    """Return what Walmart has of an item now: the value sent, the one of before, or nobody knows which.

    An item that Walmart calls a success may carry errors and not be applied; one that Walmart's own failure ended may be.

    :param item: an item of a feed that is finished.
    """
    status = str(item.get("ingestionStatus") or "")
    if status in ("SUCCESS", "PROCESSED"):
        return "unknown" if item_errors(item) else "accepted"
    return "refused" if status == "DATA_ERROR" else "unknown"


def item_errors(container: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of an item, or those of a feed as a whole."""
    errors = container.get("ingestionErrors")
    found = objects_in(errors.get("ingestionError", errors) if isinstance(errors, dict) else errors)
    # Fields without values say nothing.
    return [error for error in found if any(value not in (None, "") for value in error.values())]


def missing_row(feed_id: str, sku: str | None, index: int | None) -> dict[str, Any]:
    """Return the row of the failed-items file for an item that was sent and that Walmart says nothing of."""
    return {
        **next(error_rows(feed_id, {"sku": sku, "index": index, "ingestionStatus": MISSING})),
        "description": "The item was sent, and the details of the finished feed don't name it.",
    }


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
