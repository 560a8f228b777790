"""What became of a feed: its counts, whether that is a failure, and why items were refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import moment_of

COUNTS = ("itemsReceived", "itemsSucceeded", "itemsFailed", "itemsProcessing")
EXAMPLES = 3

# What the documents and the field say of codes that explain nothing by themselves.
CODE_HINTS = {
    "ERR_EXT_DATA_0101119": "another item already has this UPC",
    "ERR_EXT_DATA_0101211": "the SKU is locked",
    "ERR_INT_SYS_0801003": "a failure at Walmart: wait at least an hour before sending these items again",
    "SYSTEM_ERROR": "a failure at Walmart: wait at least an hour before sending these items again",
}


def summarize(feed: dict[str, Any], feed_type: str | None = None) -> dict[str, Any]:
    """Return the small, fixed form of a feed that goes into XCom.

    :param feed: a feed as Walmart's list or status call has it.
    :param feed_type: its type where the answer doesn't name it.
    :return: ``feedId``, ``feedType``, ``feedStatus``, the four counts (0 where missing), ``errors_uri`` (None).
    """
    counts = {name: _count(feed.get(name)) for name in COUNTS}
    return {
        "feedId": _text(feed.get("feedId")),
        "feedType": _text(feed.get("feedType") or feed_type),
        "feedStatus": _text(feed.get("feedStatus")),
        **counts,
        "errors_uri": None,
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
    return moment_of(value)


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


def parse_allowed_failures(value: Any) -> int | float:
    """Return the failure policy as a number.

    :param value: an int is a number of items, a float from 0 to 1 a share of them; templates give text.
    :raises WalmartConfigError: when it is neither.
    """
    number: Any = value
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError:
            try:
                number = float(value)
            except ValueError:
                number = None
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    if isinstance(number, float) and 0 <= number <= 1:
        return number
    raise WalmartConfigError(
        f"allowed_failures is {value!r}; allowed: a number of items (int, 0 or more) or a share of them (float, 0.0 to 1.0)."
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


def too_many(failed: int, received: int, allowed_failures: int | float, words: str) -> str | None:
    """Return that more failed than allowed, in words, or None when that is not so.

    :param allowed_failures: an int is a number, a float a share.
    :param words: what happened to them, such as "items failed".
    """
    if isinstance(allowed_failures, int):
        exceeded, said = failed > allowed_failures, str(allowed_failures)
    else:
        # Divided, not multiplied: 0.29 * 100 is a little less than 29.
        share = failed / max(received, failed, 1)
        exceeded, said = share > allowed_failures, f"{allowed_failures:.2%} of them"
    return f"{failed} of {received} {words}, allowed: {said}" if exceeded else None


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
    :return: dicts with ``feedId``, ``sku``, ``index``, ``status``, ``code``, ``field``, ``description``.
    """
    for error in item_errors(item) or [{}]:
        row = {
            "feedId": feed_id,
            "sku": item.get("sku"),
            "index": item.get("index"),
            "status": item.get("ingestionStatus") or item.get("feedStatus"),
            "code": error.get("code") or error.get("type"),
            "field": error.get("field"),
            "description": error.get("description"),
        }
        yield {name: _whole(value) for name, value in row.items()}


def _whole(value: Any) -> Any:
    """Return a text without half characters: Walmart cuts texts in their middle, and no log can be written then."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


@dataclass
class ErrorTally:
    """Counts error rows by code and remembers a few SKUs of each, whatever the size of the feed."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> None:
        """Count one row of `error_rows`."""
        code = str(row["code"] or row["status"] or "no code given")
        self.counts[code] = self.counts.get(code, 0) + 1
        self.descriptions.setdefault(code, CODE_HINTS.get(code) or str(row["description"] or ""))
        examples = self.examples.setdefault(code, [])
        if row["sku"] and len(examples) < EXAMPLES:
            examples.append(str(row["sku"]))

    def top(self, limit: int = 10) -> list[tuple[str, int, str, str]]:
        """Return code, count, example SKUs and description of the most frequent codes."""
        ranked = sorted(self.counts, key=lambda code: (-self.counts[code], code))[:limit]
        return [
            (
                code,
                self.counts[code],
                ", ".join(self.examples[code]),
                " ".join(self.descriptions[code].split())[:200],
            )
            for code in ranked
        ]

    def __str__(self) -> str:
        return "; ".join(
            f"{code} x {count}{f' (such as {skus})' if skus else ''}" for code, count, skus, _ in self.top(3)
        )
