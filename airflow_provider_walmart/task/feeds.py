"""Judging feeds: the table in the log, the failed-items file, and whether the task is to fail."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartFeedFailedError
from airflow_provider_walmart.client.feeds.results import (
    error_rows,
    has_failed,
    item_errors,
    summarize,
    verdict,
)
from airflow_provider_walmart.client.values.failures import ErrorTally
from airflow_provider_walmart.storage.files import whole_file

if TYPE_CHECKING:
    from airflow_provider_walmart.hooks.walmart import WalmartHook

log = logging.getLogger(__name__)

# How often a long reading of item details says how far it is, in items.
PROGRESS_EVERY = 5000


def judge_feeds(
    hook: WalmartHook,
    feeds: Iterable[dict[str, Any]],
    *,
    allowed_failures: int | float,
    item_errors_path: str | None,
    keep: Callable[[list[dict[str, Any]]], None],
) -> list[dict[str, Any]]:
    """Look at feeds as a seller does: which of them failed, and which items did not make it.

    :param hook: where item details come from.
    :param feeds: feeds as Walmart's list or status call has them.
    :param allowed_failures: failed items that are still fine, per feed: an int is a number, a float a share.
    :param item_errors_path: where failed items go as JSON lines, all feeds in one file; None: nowhere.
        Nothing is written when no item failed.
    :param keep: called with the summaries before a failure is raised, to keep them for whoever looks.
    :return: one summary per feed, as `summarize` has it.
    :raises WalmartFeedFailedError: when a feed failed or refused more of its items than allowed.
    """
    feeds = list(feeds)
    summaries = [summarize(feed) for feed in feeds]
    details = {
        summary["feedId"]: feed
        for summary, feed in zip(summaries, feeds, strict=True)
        if "ingestionErrors" in feed
    }
    failing = [summary for summary in summaries if summary["itemsFailed"] or summary["feedStatus"] == "ERROR"]
    tallies: dict[str, ErrorTally] = {}
    with _failed_items_file(item_errors_path if failing else None) as file:
        for summary in failing:
            tally = tallies[summary["feedId"]] = ErrorTally()
            for row in _failed_rows(hook, summary, details.get(summary["feedId"])):
                tally.add(row)
                if file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    for summary in failing:
        summary["itemErrorsUri"] = item_errors_path or None
    _log_table(summaries)
    _log_errors(tallies, item_errors_path)
    keep(summaries)

    reasons = []
    for summary, feed in zip(summaries, feeds, strict=True):
        if reason := verdict(feed, allowed_failures):
            codes = str(tallies.get(summary["feedId"], ""))
            reasons.append(
                f"feed {summary['feedId']} ({summary['feedType']}): {reason}{codes and f'; {codes}'}"
            )
    if reasons:
        where = f" All failed items are in {item_errors_path}." if item_errors_path else ""
        raise WalmartFeedFailedError(
            f"{len(reasons)} of {len(summaries)} feeds failed: " + " | ".join(reasons[:10]) + f".{where}"
        )
    return summaries


def _failed_items_file(path: str | None) -> contextlib.AbstractContextManager[IO[str] | None]:
    return whole_file(path) if path else contextlib.nullcontext()


def _failed_rows(
    hook: WalmartHook, summary: dict[str, Any], feed: dict[str, Any] | None
) -> Iterator[dict[str, Any]]:
    """Yield the error rows of a feed: those of the feed itself, then those of its failed items."""
    feed_id = summary["feedId"]
    if summary["feedStatus"] == "ERROR":
        feed = feed or hook.get_feed(feed_id)
        # Where neither feed nor items say why, that it failed is all there is to say.
        if item_errors(feed) or not summary["itemsFailed"]:
            yield from error_rows(feed_id, feed)
    missing = summary["itemsFailed"]
    if not missing:
        return
    for read, item in enumerate(hook.iter_feed_items(feed_id), start=1):
        if read % PROGRESS_EVERY == 0:
            log.info(
                "Feed %s: %s of %s items read, %s failed ones to find",
                feed_id,
                read,
                summary["itemsReceived"],
                missing,
            )
        if has_failed(item):
            yield from error_rows(feed_id, item)
            missing -= 1
            # The failed ones may all be at the beginning: the rest need not be read.
            if missing == 0:
                return
    log.warning("Feed %s: Walmart counts %s failed items more than its details show", feed_id, missing)


def _log_table(summaries: list[dict[str, Any]]) -> None:
    if not summaries:
        log.info("No feeds")
        return
    from tabulate import tabulate

    columns = {
        "feedId": "feed",
        "feedType": "type",
        "feedStatus": "status",
        "itemsReceived": "received",
        "itemsSucceeded": "succeeded",
        "itemsFailed": "failed",
        "itemsProcessing": "processing",
    }
    rows = [[summary[name] for name in columns] for summary in summaries]
    log.info("%d feeds:\n%s", len(rows), tabulate(rows, headers=list(columns.values()), disable_numparse=[0]))


def _log_errors(tallies: dict[str, ErrorTally], item_errors_path: str | None) -> None:
    from tabulate import tabulate

    headers = ("code", "items", "such as", "description")
    for feed_id, tally in tallies.items():
        log.warning("Failed items of feed %s:\n%s", feed_id, tabulate(tally.top(), headers=headers))
    if tallies and item_errors_path:
        log.info("All failed items are in %s", item_errors_path)
