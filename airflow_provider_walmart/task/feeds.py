"""Judging feeds: the table in the log, the failed-items file, and whether the task is to fail."""

from __future__ import annotations

import contextlib
import html
import itertools
import logging
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_walmart.client.errors import (
    WalmartError,
    WalmartFeedFailedError,
    WalmartNotFoundError,
    WalmartTimeoutError,
)
from airflow_provider_walmart.client.feeds.item_errors import missing_row
from airflow_provider_walmart.client.feeds.results import COUNTS, result_of, summarize
from airflow_provider_walmart.client.feeds.verdict import (
    corrected,
    is_finished,
    is_transient,
    verdict,
    without,
)
from airflow_provider_walmart.client.values.allowed_failures import ErrorTally
from airflow_provider_walmart.storage.files import checked_path, remove, shown
from airflow_provider_walmart.task.feed_rows import (
    counts_of,
    lines_file,
    local_errors,
    local_errors_uri,
    too_many_rows,
)

if TYPE_CHECKING:
    from airflow_provider_walmart.client.feeds.errors import FeedErrors
    from airflow_provider_walmart.hooks.walmart import WalmartHook

log = logging.getLogger(__name__)

# How often a long reading of item details says how far it is, in items.
PROGRESS_EVERY = 5000
# What is loaded to draw a table takes longer than many a call.
ONE_FEED = (
    "Feed %(feedId)s (%(feedType)s) is %(feedStatus)s: received %(itemsReceived)s, succeeded %(itemsSucceeded)s, "
    "failed %(itemsFailed)s, processing %(itemsProcessing)s"
)


@dataclass(frozen=True)
class SentFeed:
    """What is known of a feed by the one who sent it.

    :param items: how many items were sent.
    :param skus: returns their SKUs in the order of the items; none when they are no longer known.
    :param is_compared: whether they are always compared with those of the details; else only when Walmart seems to say
        nothing of some of them.
    :param is_resent: whether those that failed at Walmart were sent again, and count in that feed.
    :param resend_of: the feed that items were sent in first; the two are judged together.
    """

    items: int
    skus: Callable[[], Sequence[str | None]] = tuple
    is_compared: bool = False
    is_resent: bool = False
    resend_of: str | None = None


UNKNOWN = SentFeed(0)
Note = Callable[[str, dict[str, Any], bool], None]


def judge_feeds(
    hook: WalmartHook,
    feeds: Iterable[dict[str, Any]],
    *,
    allowed_failures: int | float,
    item_errors_path: str | None,
    keep: Callable[[dict[str, Any]], None],
    items: Iterable[dict[str, Any]] | None = None,
    sent: Mapping[str, SentFeed] | None = None,
    rows: Mapping[str, Any] | None = None,
    note: Note = lambda *_: None,
) -> dict[str, Any]:
    """Check feeds as a seller does: which of them failed, and which items were rejected.

    The details of every feed that is finished, or has failed items, are read as a whole: counts alone don't show it, since
    items that Walmart counts as succeeded may carry errors.

    :param hook: where item details come from.
    :param feeds: feeds as Walmart's list or status call has them.
    :param allowed_failures: failed items that are still fine, per feed: an int is a number, a float a share, in which rows
        count as well that are unchanged.
    :param item_errors_path: where failed items go as JSON lines, all feeds in one file; None: nowhere.
        Nothing is written when there is no error.
    :param keep: called with the result before a failure is raised, to keep it for whoever reads it.
    :param items: of a single feed that was just read with its details, its items; None: they are read.
    :param sent: by feed id what was sent, as far as that is known: items that Walmart says nothing of are named then.
    :param rows: counts of rows before anything was sent: ``sent``, ``unchanged`` and ``invalid``, as far as there are such.
        Those that are invalid are in the failed-items file already, stay there, and count as failed.
    :param note: called with each item that is read: id of the feed, the item, and whether it was not sent again since.
    :return: a dict as `result_of` makes it, with the counts of ``rows``.
    :raises WalmartFeedFailedError: when a feed failed or refused more of its items than allowed.
    """
    rows = rows or {}
    reviews, result = _report(
        hook,
        feeds,
        item_errors_path=item_errors_path,
        keep=keep,
        items=items,
        sent=sent,
        rows=rows,
        note=note,
    )
    uri = result["itemErrorsUri"]
    _log_unfinished(reviews)
    together = _together(reviews)
    unchanged = rows.get("unchanged", 0)
    reasons = [reason for chain in together if (reason := _why_failed(chain, allowed_failures, unchanged))]
    failed = f"{len(reasons)} of {counted(len(together), 'feed')} failed: "
    if not reasons and (reason := too_many_rows(rows, result, allowed_failures)):
        failed, reasons = "", [reason]
    if reasons:
        where = f" All failed items are in {uri}." if uri else ""
        raise WalmartFeedFailedError(failed + " | ".join(reasons[:10]) + f".{where}")
    return result


def _log_unfinished(reviews: Iterable[_Review]) -> None:
    """Say of which feeds less is known than of the others."""
    if waiting := [str(review.summary["feedId"]) for review in reviews if not is_finished(review.feed)]:
        log.info(
            "Walmart is still at work on %s; only what has failed so far counts: %s",
            counted(len(waiting), "feed"),
            ", ".join(waiting[:10]),
        )


def _together(reviews: Sequence[_Review]) -> list[list[_Review]]:
    """Return feeds, each with those in which items of it were sent again."""
    return [
        [review, *(other for other in reviews if other.sent.resend_of == review.summary["feedId"])]
        for review in reviews
        if review.sent.resend_of is None
    ]


def _why_failed(chain: Sequence[_Review], allowed_failures: int | float, unchanged: int) -> str | None:
    """Return why a feed failed, together with those in which items of it were sent again; None when it did not."""
    feed, sent = dict(chain[0].feed), chain[0].expected
    if len(chain) > 1:
        counts = [review.last_counts() for review in chain]
        feed = {**feed, **{name: sum(count[name] for count in counts) for name in COUNTS}}
        sent = sum(review.expected for review in chain)
    reason = verdict(feed, allowed_failures, sent=sent, unchanged=unchanged)
    if not reason:
        return None
    errors = [str(tally) for review in chain for tally in (review.of_feed, review.of_items)]
    ids = ", then ".join(str(review.summary["feedId"]) for review in chain)
    return f"feed {ids} ({chain[0].summary['feedType']}): " + "; ".join(filter(None, [reason, *errors]))


def failed_feeds(feeds: Iterable[dict[str, Any] | None]) -> list[str]:
    """Return the ids of feeds with failed items, as far as their counts show."""
    summaries = [summarize(feed) for feed in feeds if feed]
    return [feed["feedId"] for feed in summaries if feed["itemsFailed"] and feed["feedStatus"] != "ERROR"]


@contextlib.contextmanager
def reported_at_timeout(report: Callable[[], str]) -> Iterator[None]:
    """Put what is known of feeds into the error of a wait that took too long.

    :param report: shows, writes and keeps it, and returns it in words, as `report_unfinished` does.
    """
    try:
        yield
    except (WalmartTimeoutError, AirflowSensorTimeout) as error:
        said = error.message if isinstance(error, WalmartTimeoutError) else str(error)
        raise type(error)(f"{said}{report()}") from error


def report_unfinished(
    hook: WalmartHook,
    feed_ids: Iterable[str],
    feed_type: str | None,
    *,
    item_errors_path: str | None,
    keep: Callable[[dict[str, Any]], None],
    sent: Mapping[str, SentFeed] | None = None,
    rows: Mapping[str, Any] | None = None,
) -> str:
    """Show, write and keep what is known of feeds that weren't finished in time; nobody judges them.

    The parameters are those of `judge_feeds`.

    :return: their counts in words, to follow the error.
    """
    try:
        feeds = [{"feedId": feed_id, "feedType": feed_type, **hook.get_feed(feed_id)} for feed_id in feed_ids]
        _, result = _report(
            hook, feeds, item_errors_path=item_errors_path, keep=keep, sent=sent, rows=rows or {}
        )
    except (WalmartError, OSError) as error:
        log.warning("What is known of the items can't be read: %s", error)
        return ""
    where = f" The failed items are in {result['itemErrorsUri']}." if result["itemErrorsUri"] else ""
    return (
        f" So far: {result['itemsReceived']} items received, {result['itemsSucceeded']} succeeded, "
        f"{result['itemsFailed']} failed, {result['itemsProcessing']} in processing.{where}"
    )


def _report(
    hook: WalmartHook,
    feeds: Iterable[dict[str, Any]],
    *,
    item_errors_path: str | None,
    keep: Callable[[dict[str, Any]], None],
    sent: Mapping[str, SentFeed] | None,
    rows: Mapping[str, Any],
    items: Iterable[dict[str, Any]] | None = None,
    note: Note = lambda *_: None,
) -> tuple[list[_Review], dict[str, Any]]:
    """Read feeds to their last item, write and show what is wrong with them, and keep the result."""
    reviews = [
        _Review(hook, feed, (sent or {}).get(str(feed.get("feedId")), UNKNOWN), items, note) for feed in feeds
    ]
    kept = local_errors(rows, item_errors_path)
    uri = _write_failed_items(item_errors_path, kept, reviews) or local_errors_uri(rows, item_errors_path)
    result = {**result_of([review.summary for review in reviews], uri), **counts_of(rows)}
    _log_table(result["feeds"])
    _log_errors(reviews, uri)
    keep(result)
    return reviews, result


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where that belongs."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass
class _Review:
    """One feed, read to its last item.

    :param feed: the feed; once its rows have been read, with its counts put right by its details.
    :param sent: what was sent.
    :param items: its items, where the feed was read with its details; None: they are to be read.
    :param note: as for `judge_feeds`.
    :param of_feed: errors that concern the feed as a whole.
    :param of_items: errors of its items.
    """

    hook: WalmartHook
    feed: dict[str, Any]
    sent: SentFeed
    items: Iterable[dict[str, Any]] | None = None
    note: Note = lambda *_: None
    of_feed: ErrorTally = field(default_factory=ErrorTally)
    of_items: ErrorTally = field(default_factory=ErrorTally)
    sent_again: int = 0

    @property
    def expected(self) -> int:
        """How many of its items count here, and not in a feed that they were sent in again; 0: unknown."""
        return self.sent.items - self.sent_again

    def last_counts(self) -> dict[str, int]:
        """Return the counts of its items; of a feed that failed as a whole, all of them failed."""
        if self.summary["feedStatus"] == "ERROR":
            return {**dict.fromkeys(COUNTS, 0), "itemsReceived": self.expected, "itemsFailed": self.expected}
        return {name: self.summary[name] for name in COUNTS}

    @property
    def summary(self) -> dict[str, Any]:
        """The feed as it goes into XCom."""
        return summarize(self.feed)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the error rows of the feed itself, of its failed items, and of those that are missing, and count them."""
        if not is_finished(self.feed) and not self.summary["itemsFailed"]:
            return
        errors = self._errors()
        for row in errors.rows_of_feed():
            self.of_feed.add(row)
            yield row
        for row in self._rows_of_items(errors):
            self.of_items.add(row)
            yield row

    def _errors(self) -> FeedErrors:
        from airflow_provider_walmart.client.feeds.errors import FeedErrors, read_feed_errors

        if self.items is not None:
            return FeedErrors(self.feed, self.items)
        try:
            return read_feed_errors(self.hook.client, self.feed)
        except WalmartNotFoundError as error:
            log.warning("The details of feed %s can't be read: %s", self.summary["feedId"], error)
            return FeedErrors(self.feed)

    def _rows_of_items(self, errors: FeedErrors) -> Iterator[dict[str, Any]]:
        feed_id, counted_by_walmart = self.summary["feedId"], self.summary["itemsFailed"]
        seen: Counter[str] = Counter()
        for item, rows in errors.rows_of_items():
            if errors.read % PROGRESS_EVERY == 0:
                log.info(
                    "Feed %s: %s of %s items read, %s failed so far",
                    feed_id,
                    errors.read,
                    self.summary["itemsReceived"],
                    errors.failed,
                )
            seen[_folded(item.get("sku"))] += 1
            is_last = not (self.sent.is_resent and is_transient(item))
            self.note(str(feed_id), item, is_last)
            if is_last:
                yield from rows
            else:
                self.sent_again += 1
        if errors.failed < counted_by_walmart:
            log.warning(
                "Feed %s: Walmart counts %s failed items, its details show %s",
                feed_id,
                counted_by_walmart,
                errors.failed,
            )
        missing = 0
        for row in self._missing_rows(errors.read, seen):
            missing += 1
            yield row
        self.feed = corrected(
            without(self.feed, self.sent_again),
            failed=errors.failed - self.sent_again + missing,
            sent=self.expected,
        )

    def _missing_rows(self, read: int, seen: Counter[str]) -> Iterator[dict[str, Any]]:
        """Yield a row for each item that was sent and that a finished feed says nothing of."""
        if not self.sent.items or not is_finished(self.feed) or self.summary["feedStatus"] == "ERROR":
            return
        missing = max(0, self.sent.items - read)
        if not missing and max(seen.values(), default=0) < 2 and not self.sent.is_compared:
            return
        named = self._missing_skus(seen, is_needed=missing > 0)
        unnamed: list[tuple[int | None, str | None]] = [(None, None)] * (missing - len(named))
        for index, sku in (*named, *unnamed):
            yield missing_row(self.summary["feedId"], sku, index)

    def _missing_skus(self, seen: Counter[str], *, is_needed: bool) -> list[tuple[int, str]]:
        """Return SKUs that were sent and that the details don't have, each with its place.

        :param is_needed: whether some are missing by their number; else they must be known on both sides to say so.
        """
        skus = self._skus_sent(is_needed=is_needed)
        named = _unseen(skus, seen)
        is_sure = is_needed or (_are_known(skus, seen) and len(named) < len(skus))
        return named if is_sure else []

    def _skus_sent(self, *, is_needed: bool) -> Sequence[str | None]:
        try:
            return self.sent.skus()
        except (WalmartError, OSError) as error:
            if is_needed:
                log.warning("The input can't be read again to name the items that are missing: %s", error)
            return ()


def _unseen(skus: Sequence[str | None], seen: Counter[str]) -> list[tuple[int, str]]:
    """Return those SKUs that were sent more often than the details have them, each with its place."""
    left, unseen = seen.copy(), []
    for index, sku in enumerate(skus):
        if sku and left[_folded(sku)] <= 0:
            unseen.append((index, sku))
        left[_folded(sku)] -= 1
    return unseen


def _are_known(skus: Sequence[str | None], seen: Counter[str]) -> bool:
    """Return whether all items have a SKU, those that were sent and those of the details."""
    return all(map(_folded, skus)) and "" not in seen


def _folded(sku: Any) -> str:
    """Return a SKU without what Walmart changes in one: case, space, the forms of a character."""
    return " ".join(unicodedata.normalize("NFC", html.unescape(str(sku or ""))).split()).casefold()


def _write_failed_items(
    path: str | None, kept: Iterable[dict[str, Any]], reviews: Iterable[_Review]
) -> str | None:
    """Read all feeds and write their error rows as JSON lines; return where they are, None when there are none."""
    found = False
    with lines_file(path) as write:
        for row in itertools.chain(kept, *(review.rows() for review in reviews)):
            found = True
            write(row)
    if path and not found:
        _remove_older(path)
    return path if path and found else None


def _remove_older(path: str) -> None:
    """Remove the failed items of an earlier try, so that nobody takes them for those of this one."""
    try:
        remove(checked_path(path, "item_errors_path"))
    # File systems of object stores raise whatever their libraries do, and the task itself ended well.
    except Exception as error:
        log.warning("Failed items of an earlier try may still be in %s: %s", shown(path), error)


def _log_table(summaries: list[dict[str, Any]]) -> None:
    if not summaries:
        log.info("No feeds")
        return
    if len(summaries) == 1:
        log.info(ONE_FEED, summaries[0])
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
    log.info(
        "%s:\n%s",
        counted(len(rows), "feed"),
        tabulate(rows, headers=list(columns.values()), disable_numparse=[0]),
    )


def _log_errors(reviews: Iterable[_Review], uri: str | None) -> None:
    headers = ("code", "errors", "such as", "field: text [hint]")
    for review in reviews:
        for what, tally in (
            ("Errors of feed", review.of_feed),
            ("Failed items of feed", review.of_items),
        ):
            if top := tally.top():
                from tabulate import tabulate

                log.warning("%s %s:\n%s", what, review.summary["feedId"], tabulate(top, headers=headers))
    if uri:
        log.info("All failed items are in %s", uri)
