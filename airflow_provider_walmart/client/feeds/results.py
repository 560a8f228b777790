"""What Walmart says of a feed as a whole, in one form: its counts, when it was submitted, how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow_provider_walmart.client.values.dates import parse_time, utc_minute

COUNTS = ("itemsReceived", "itemsSucceeded", "itemsFailed", "itemsProcessing")
# Counts that some answers have beside `itemsFailed`, or in place of it.
ERROR_COUNTS = ("itemDataErrorCount", "itemSystemErrorCount", "itemTimeoutErrorCount")


def summarize(feed: dict[str, Any], feed_type: str | None = None) -> dict[str, Any]:
    """Return the small, fixed form of a feed that goes into XCom.

    :param feed: a feed as Walmart's list or status call has it.
    :param feed_type: its type where the answer doesn't name it.
    :return: ``feedId``, ``feedType``, ``feedStatus`` and the four counts (0 where missing). ``itemsFailed`` is the larger of
        Walmart's count and the sum of its counts of errors.
    """
    counts = {name: count_of(feed.get(name)) for name in COUNTS}
    counts["itemsFailed"] = max(counts["itemsFailed"], sum(count_of(feed.get(name)) for name in ERROR_COUNTS))
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


def count_of(value: Any) -> int:
    """Return a count of Walmart's as a number, 0 where it is none."""
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def submitted_at(feed: dict[str, Any]) -> datetime | None:
    """Return when a feed was submitted (aware, UTC): epoch milliseconds in JSON, ISO text in older answers."""
    value = feed.get("feedDate") or feed.get("feedSubmissionDate")
    return parse_time(value)


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
