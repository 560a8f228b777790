"""Operators for feeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartFeedFailedError,
    WalmartRateLimitError,
)
from airflow_provider_walmart.client.feeds.results import result_of, summarize
from airflow_provider_walmart.client.settings import CURRENCIES
from airflow_provider_walmart.client.values.allowed_failures import parse_allowed_failures
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.client.values.dates import from_epoch, utc_minute, utc_now
from airflow_provider_walmart.client.values.names import names_of
from airflow_provider_walmart.links.feeds import WalmartFailedItemsLink, WalmartFeedLink
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.storage.feed_source import FeedSource
from airflow_provider_walmart.storage.files import AnyPath, PathField
from airflow_provider_walmart.storage.rows import check_one_input
from airflow_provider_walmart.storage.suffixes import check_lines_file
from airflow_provider_walmart.task.context import (
    MemoryRecords,
    push,
    push_result,
    run_started,
    task_identity,
    try_number,
)
from airflow_provider_walmart.task.durations import duration, poll_seconds
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.feed_rows import (
    Changes,
    Outcomes,
    counts_of,
    keep_sendable_rows,
    keep_valid_rows,
    local_errors_uri,
    run_of,
    too_many_rows,
)
from airflow_provider_walmart.task.feeds import (
    SentFeed,
    counted,
    failed_feeds,
    judge_feeds,
    report_unfinished,
    reported_at_timeout,
)
from airflow_provider_walmart.task.hooks import OfMarketplace
from airflow_provider_walmart.task.lineage import WithLineage
from airflow_provider_walmart.task.parse_time import check_when_parsed
from airflow_provider_walmart.task.sent_feeds import SentFeeds, due_at, was_sent
from airflow_provider_walmart.task.submissions import Submissions
from airflow_provider_walmart.task.time_limit import TimeLimit
from airflow_provider_walmart.task.waiting import feeds_of_event, missing_or_typed, wait_for_feeds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_walmart.client.feeds.submit import FeedFile, OnceSubmitter
    from airflow_provider_walmart.client.once.records import Records


ON_UNKNOWN = ("fail", "resubmit")
SEND = ("all", "changed")
VALIDATE_SPEC = (True, False, "warn")


class WalmartFeedStatusOperator(OfMarketplace, BaseOperator):
    """Checks one feed, or all recent feeds, and fails when items did not make it.

    PROCESSED is not success: a feed counts as failed when its status is ERROR, when more of its items failed than
    allowed, or when it is PROCESSED and none succeeded. An item fails by its status, or by errors that it carries. A feed in
    progress is reported, and fails only when more of its items failed than allowed.
    The log shows the feeds and, for failed items, the most frequent error codes with examples of SKUs.

    :param feed_id: one feed to check (with its ``@``); None (default): all feeds of the last ``since_hours``.
    :param feed_types: only feeds of these types, as a list or as text with commas between (also what a template makes of
        a list), without regard to case; default: all. Not with ``feed_id``.
    :param since_hours: how far back to read, in hours, up to ten years; default 24.
    :param allowed_failures: failed items per feed that are still fine: an int is a number of items, a float
        from 0.0 to 1.0 a share of them; text is read as either, or as per cent (``"1%"``); default 0. A feed of which
        nothing was applied always fails.
    :param item_errors_path: where failed items go as JSON lines: a path, an `ObjectStoragePath` or a URI of one;
        None (default): nowhere. Written as a whole or not at all, and only when an item failed; without one, the file of an
        earlier try is removed.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: a dict, the same whatever the number of feeds: ``feedIds``; ``feeds``, a list of dicts with ``feedId``,
        ``feedType``, ``feedStatus``, ``itemsReceived``, ``itemsSucceeded``, ``itemsFailed`` and ``itemsProcessing``; these
        four counts of all feeds together; and ``itemErrorsUri`` (None when no item failed, or no file was asked for). Newest
        feed first. It is in XCom also when the task fails because of it.
    :raises AirflowFailException: when a feed failed by this policy, or when no retry can help.
    """

    item_errors_path: Any = PathField()

    template_fields: Sequence[str] = (
        "feed_id",
        "feed_types",
        "since_hours",
        "allowed_failures",
        "item_errors_path",
        "walmart_conn_id",
    )
    operator_extra_links = (WalmartPageLink(), WalmartFeedLink(), WalmartFailedItemsLink())
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        feed_id: str | None = None,
        feed_types: Collection[str] | str | None = None,
        since_hours: float | str = 24,
        allowed_failures: float | str = 0,
        item_errors_path: AnyPath | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.feed_id = feed_id
        self.feed_types = feed_types
        self.since_hours = since_hours
        check_when_parsed(parse_allowed_failures, allowed_failures)
        self.allowed_failures = allowed_failures
        self.item_errors_path = item_errors_path
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the feeds, keep their summaries in XCom, and fail by policy."""
        with fail_without_retry():
            allowed_failures = parse_allowed_failures(self.allowed_failures)
            check_lines_file("item_errors_path", self.item_errors_path)
            # A template that renders to nothing must not turn the check of one feed into one of all.
            if self.feed_id is None:
                feeds, items = self._recent_feeds(), None
            else:
                feed, items = self._one_feed(self.feed_id)
                feeds = [feed]
            return judge_feeds(
                self.hook,
                feeds,
                items=items,
                allowed_failures=allowed_failures,
                item_errors_path=self.item_errors_path,
                keep=lambda result: push_result(self, context, result),
            )

    def _one_feed(self, feed_id: str) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
        from airflow_provider_walmart.client.feeds.status import read_feed

        if names_of("feed_types", self.feed_types, "MP_ITEM"):
            raise WalmartConfigError(
                f"feed_id is {feed_id!r} and feed_types is {self.feed_types!r}: give one of them."
            )
        listed, feed, items = read_feed(self.hook.client, feed_id)
        return {"feedId": feed_id, **listed, **feed}, items

    def _recent_feeds(self) -> list[dict[str, Any]]:
        since = utc_now() - _hours(self.since_hours)
        feeds = self.hook.list_feeds(feed_types=self.feed_types, since=since)
        self.log.info("%s since %s", counted(len(feeds), "feed"), since.isoformat(timespec="minutes"))
        return feeds


class WalmartSubmitFeedOperator(WithLineage, BaseOperator):
    """Submits a feed once, waits until Walmart has processed it, and fails when items did not make it.

    The feed is made of plain records (a list, or a JSON lines or CSV file), which are checked before anything is
    sent and cut into as many feeds as Walmart's caps want; or it is a ready file. It goes out once, even if a worker dies
    at any moment: before sending, an intent is stored in the task state, and after it the feed id; a retry reads what
    Walmart has before it sends (Airflow 3.3 keeps task state; on 3.1 and 3.2 a retry searches for the file name).

    Give exactly one of ``records``, ``records_path`` and ``payload_path``.

    :param feed_type: Walmart's ``feedType``. From records can be built: ``inventory``, ``MP_INVENTORY``, ``price``,
        ``PRICE_AND_PROMOTION``, ``lagtime``, ``RETIRE_ITEM``, ``SKU_TEMPLATE_MAP``, ``RETURNS_OVERRIDES``, and any other
        with ``feed_header`` and ``root_key``.
    :param records: list of dicts, one per row; the docs list the columns of each type.
    :param records_path: JSON lines or CSV file with the rows (``.gz`` too): a path, an `ObjectStoragePath` or
        a URI of one.
    :param payload_path: a ready feed file (JSON, XML or zip), likewise.
    :param feed_header: for other feed types: dict with one key, the header of the document.
    :param root_key: for other feed types: key of the list of items.
    :param wait_for_completion: True (default) waits and judges; False returns right after submitting.
    :param allowed_failures: failed items per feed that are still fine: an int is a number of items, a float
        from 0.0 to 1.0 a share of them; text is read as either, or as per cent (``"1%"``); default 0. A feed of which
        nothing was applied always fails. Rows that can't be sent count as failed: where so many may fail, the others are
        sent; with 0, one bad row stops all. With ``send="changed"`` a share is one of all rows of the input.
    :param item_errors_path: where failed items go as JSON lines: a path, an `ObjectStoragePath` or a URI of one;
        None (default): nowhere. Written only when an item failed; without one, the file of an earlier try is removed.
    :param durable: True (default) goes on with what an earlier try of this task submitted when the payload is the same;
        False always submits.
    :param on_unknown: what to do when a feed may or may not have arrived: ``fail`` (default), or ``resubmit`` at the
        risk of sending it twice.
    :param send: ``all`` rows (default), or ``changed``: only those that differ from what Walmart last accepted. When
        nothing changed, no feed is sent, and the task succeeds. Rows that are no longer in the input are left as they are.
    :param snapshot_path: for ``send="changed"``: the file that keeps which values were accepted, one for each account and
        feed type; a path, an `ObjectStoragePath` or a URI of one.
    :param full_every: with ``send="changed"``: how often all rows are sent nevertheless, as timedelta or seconds; default
        7 days. Stock is sent again after 6 hours, since sales lower it at Walmart.
    :param validate_spec: for item feeds: True checks all rows against Walmart's item spec, sends those that fit it, and counts
        the others as failed items (``LOCAL_INVALID`` in the failed-items file); ``warn`` checks and sends all; False
        (default) doesn't check. US only.
    :param spec_version: version of the item spec; None (default): the one in ``feed_header`` or the ready file, or else the
        one that Walmart recommends at the moment. With it, or with ``validate_spec``, records need no ``feed_header``.
    :param resend_transient: how often items are sent again that failed at Walmart although nothing is wrong with them (system
        errors and timeouts), each time in a feed of their own; default 0. An item counts in the feed that it was sent in
        last. Not for XML and zip files.
    :param resend_after: how long to wait before that, as timedelta or seconds; default 1 hour, the least that Walmart asks
        for.
    :param submissions_path: folder for a ledger: each run of the task writes a Parquet file with the table ``submissions``,
        which says what value was sent for which SKU when, and what became of it. A path, an `ObjectStoragePath` or a URI of one; None
        (default): none is written. Needs the extra ``parquet``.
    :param poll_interval: time between two polls, as timedelta or seconds; None (default): by age and type of the feed.
    :param timeout: how long to wait for completion, as timedelta or seconds; default 24 hours. Before that, slots of an
        hourly quota are waited for as long. Items are not sent again after it.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: a dict as that of `WalmartFeedStatusOperator`. It is in XCom also when the task fails because of it.
        With ``send="changed"`` it says how many rows were ``sent`` and ``unchanged``, and where rows were wrong, how many were
        ``invalid`` and not sent.
    :raises AirflowFailException: for bad input, naming the rows; when a feed failed by this policy; when no retry can
        help.
    :raises WalmartUnknownOutcomeError: when a feed may or may not have arrived; a retry reads Walmart's list again.
    """

    records_path: Any = PathField()
    payload_path: Any = PathField()
    item_errors_path: Any = PathField()
    snapshot_path: Any = PathField()
    submissions_path: Any = PathField()

    template_fields: Sequence[str] = (
        "feed_type",
        "records",
        "records_path",
        "payload_path",
        "feed_header",
        "root_key",
        "allowed_failures",
        "item_errors_path",
        "on_unknown",
        "send",
        "snapshot_path",
        "validate_spec",
        "spec_version",
        "resend_transient",
        "submissions_path",
        "walmart_conn_id",
    )
    template_fields_renderers = {"records": "json", "feed_header": "json"}
    operator_extra_links = (WalmartPageLink(), WalmartFeedLink(), WalmartFailedItemsLink())
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        feed_type: str,
        records: Sequence[Mapping[str, Any]] | None = None,
        records_path: AnyPath | None = None,
        payload_path: AnyPath | None = None,
        feed_header: Mapping[str, Any] | None = None,
        root_key: str | None = None,
        wait_for_completion: bool = True,
        allowed_failures: float | str = 0,
        item_errors_path: AnyPath | None = None,
        durable: bool = True,
        on_unknown: str = "fail",
        send: str = "all",
        snapshot_path: AnyPath | None = None,
        full_every: timedelta | float = timedelta(days=7),
        validate_spec: bool | str = False,
        spec_version: str | None = None,
        resend_transient: int | str = 0,
        resend_after: timedelta | float = timedelta(hours=1),
        submissions_path: AnyPath | None = None,
        poll_interval: timedelta | float | None = None,
        timeout: timedelta | float = timedelta(hours=24),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_one_input(records=records, records_path=records_path, payload_path=payload_path)
        self.feed_type = feed_type
        self.records = records
        self.records_path = records_path
        self.payload_path = payload_path
        self.feed_header = feed_header
        self.root_key = root_key
        self.wait_for_completion = wait_for_completion
        check_when_parsed(parse_allowed_failures, allowed_failures)
        self.allowed_failures = allowed_failures
        self.item_errors_path = item_errors_path
        self.durable = durable
        check_when_parsed(check_choice, "on_unknown", on_unknown, ON_UNKNOWN)
        self.on_unknown = on_unknown
        check_when_parsed(check_choice, "send", send, SEND)
        self.send = send
        self.snapshot_path = snapshot_path
        self.full_every = duration("full_every", full_every)
        check_when_parsed(check_choice, "validate_spec", validate_spec, VALIDATE_SPEC)
        self.validate_spec = validate_spec
        self.spec_version = spec_version
        check_when_parsed(partial(_times, is_judged=wait_for_completion), resend_transient)
        self.resend_transient = resend_transient
        self.submissions_path = submissions_path
        self.resend_after = duration("resend_after", resend_after)
        self.poll_interval = poll_seconds(poll_interval)
        self.timeout = duration("timeout", timeout)
        self.deferrable = deferrable
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> Any:
        """Submit what has not been submitted yet, then wait and judge."""
        began = time.time()
        return self._run(context, {}, self._limit(began, began), began)

    def resume_submitting(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on when an hourly slot is free again."""
        resume = event["resume"]
        return self._run(context, resume["submitted"], TimeLimit.from_event(event), resume["began"])

    def _limit(self, began: float, since: float) -> TimeLimit:
        return TimeLimit.of(self.timeout, self.execution_timeout, began=began, since=since)

    def _run(self, context: Context, submitted: dict[str, Any], slots: TimeLimit, began: float) -> Any:
        with fail_without_retry():
            parse_allowed_failures(self.allowed_failures)
            check_lines_file("item_errors_path", self.item_errors_path)
            check_choice("on_unknown", self.on_unknown, ON_UNKNOWN)
            if self.timeout <= timedelta(0):
                raise WalmartConfigError(f"timeout is {self.timeout}; allowed: above 0.")
            self._check_options()
            source = self._source(context)
            rows = self._select_rows(context, source, item_errors_path=self.item_errors_path)
            if rows.get("sent") == 0:
                return self._nothing_changed(rows)
            records = self._records(context, submitted)
            feed_ids = self._submit(context, source, records, slots, began)
            items = [plan.items for plan in source.plans]
            if self.wait_for_completion:
                sent = SentFeeds([[one] for one in feed_ids], [[one] for one in items], rows)
                sent.records = _kept(records)
                return self._wait(context, sent, self._limit(began, time.time()))
            result = result_of(
                [
                    summarize(
                        {"feedId": feed_id, "feedStatus": "RECEIVED", "itemsReceived": count}, self.feed_type
                    )
                    for feed_id, count in zip(feed_ids, items, strict=True)
                ]
            )
            self._moved_items(result["itemsReceived"])
            return result

    def _check_options(self) -> None:
        check_choice("send", self.send, SEND)
        if (self.send == "changed") != bool(self.snapshot_path):
            raise WalmartConfigError(
                f"send is {self.send!r} and snapshot_path is {self.snapshot_path!r}: send='changed' needs a place for its "
                "snapshot, a file such as 's3://my-bucket/prices.sqlite', and nothing else does."
            )
        if self.send == "changed" and not self.wait_for_completion:
            raise WalmartConfigError(
                "send is 'changed' and wait_for_completion is False: what Walmart accepted is known when it has finished."
            )
        _times(self.resend_transient, is_judged=self.wait_for_completion)
        check_choice("validate_spec", self.validate_spec, VALIDATE_SPEC)
        self._check_submissions()
        if (self.validate_spec or self.spec_version) and _has_no_spec(self.feed_type):
            raise WalmartConfigError(
                f"validate_spec and spec_version are for item feeds such as MP_ITEM; {self.feed_type} has no item spec."
            )

    def _check_submissions(self) -> None:
        if not self.submissions_path:
            return
        if not self.wait_for_completion:
            raise WalmartConfigError(
                "submissions_path is given and wait_for_completion is False: what became of items is known when Walmart has "
                "finished."
            )
        from airflow_provider_walmart.storage.files import storage_path
        from airflow_provider_walmart.storage.tables.parquet import arrow

        arrow("submissions_path")
        storage_path(str(self.submissions_path), "submissions_path")

    def _select_rows(
        self, context: Context, source: FeedSource, *, item_errors_path: str | None = None
    ) -> dict[str, Any]:
        """Leave out the rows that are not to be sent.

        :param item_errors_path: where rows go that are wrong; None: nowhere.
        :return: what is to be known of that when the feeds are finished: the name of the run, and counts of rows.
        """
        invalid = 0
        if self.validate_spec:
            invalid = keep_valid_rows(
                self.hook,
                source,
                spec_version=self.spec_version,
                only_warn=self.validate_spec == "warn",
                item_errors_path=item_errors_path,
            )
        elif self.spec_version:
            from airflow_provider_walmart.client.items.check import item_header
            from airflow_provider_walmart.client.items.specs import ROOT

            source.use_header(item_header(self.spec_version), ROOT)
        allowed_failures = parse_allowed_failures(self.allowed_failures)
        if allowed_failures:
            invalid += keep_sendable_rows(
                source, allowed_failures, invalid=invalid, item_errors_path=item_errors_path
            )
        rows: dict[str, Any] = {"invalid": invalid} if invalid or self.validate_spec else {}
        if self.send == "changed":
            rows["run"] = run_of(context)
            found = self._changes(rows).keep_changed_rows(source, context, self.full_every)
            rows.update(sent=found.sent, unchanged=found.unchanged)
        return rows

    def _changes(self, rows: dict[str, Any]) -> Changes:
        return Changes(self.hook, str(self.snapshot_path), self.feed_type, rows["run"])

    def _nothing_changed(self, rows: dict[str, Any]) -> dict[str, Any]:
        self.log.info("Nothing changed since Walmart accepted it: no feed is sent.")
        self._moved_items(0)
        result = {**result_of([], local_errors_uri(rows, self.item_errors_path)), **counts_of(rows)}
        if reason := too_many_rows(rows, result, parse_allowed_failures(self.allowed_failures)):
            raise WalmartFeedFailedError(reason)
        return result

    def _source(self, context: Context) -> FeedSource:
        return FeedSource(
            self.feed_type,
            records=self.records,
            records_path=self.records_path,
            payload_path=self.payload_path,
            header=self.feed_header,
            root_key=self.root_key,
            currency=CURRENCIES[self.hook.client.settings.market],
            identity=task_identity(context),
        )

    def _records(self, context: Context, kept: dict[str, Any]) -> Records:
        """Return where what was sent is kept.

        :param kept: what was kept before a deferral, where there is no task state.
        """
        store = context.get("task_state_store") if self.durable else None
        return MemoryRecords(kept) if store is None else store

    def _submitter(self, context: Context, records: Records) -> OnceSubmitter:
        from airflow_provider_walmart.client.feeds.submit import OnceSubmitter

        return OnceSubmitter(
            self.hook.client,
            records,
            lasting=not (isinstance(records, MemoryRecords) and self.durable),
            tried_since=run_started(context) if try_number(context) > 1 else None,
            resubmit_unknown=self.on_unknown == "resubmit",
        )

    def _submit(
        self, context: Context, source: FeedSource, records: Records, slots: TimeLimit, began: float
    ) -> list[str]:
        """Submit all feeds and return their ids.

        :param records: where what was sent is kept.
        :param slots: for how long slots of an hourly quota are waited for.
        :param began: when the try began, seconds since 1970 UTC.
        """
        submitter = self._submitter(context, records)
        feed_ids: list[str] = []
        try:
            for number, feed in enumerate(source.feeds(), start=1):
                feed_ids.append(self._submit_one(submitter, feed, slots))
                # The link of the task shows them while it waits.
                push(context, "feed_ids", feed_ids)
                self.log.info("Feed %d of %d is %s", number, len(source.plans), feed_ids[-1])
        except WalmartRateLimitError as error:
            resume = {"submitted": _kept(records), "limit": slots.as_dict(), "began": began}
            self._defer_until_slot(error, slots, resume, "resume_submitting")
            raise
        return feed_ids

    def _defer_until_slot(
        self, error: WalmartRateLimitError, slots: TimeLimit, resume: dict[str, Any], method_name: str
    ) -> None:
        """Defer until the next slot of an hourly quota, if the task may and one is known."""
        slot = _next_slot(error, slots)
        if slot is not None and self.deferrable:
            self.log.info("Deferring until the next slot: %s", error)
            self.defer(trigger=_trigger_at(slot.timestamp(), resume), method_name=method_name)

    def _submit_one(self, submitter: OnceSubmitter, feed: FeedFile, slots: TimeLimit) -> str:
        """Submit one feed; without deferral, sleep until its hourly slot is free."""
        while True:
            try:
                return submitter.submit(feed)
            except WalmartRateLimitError as error:
                slot = _next_slot(error, slots)
                if slot is None or self.deferrable:
                    raise
                seconds = slot.timestamp() - time.time()
                self.log.info("Sleeping %.0f s until the next slot: %s", seconds, error)
                time.sleep(max(0.0, seconds))

    def _wait(self, context: Context, sent: SentFeeds, limit: TimeLimit) -> dict[str, Any]:
        """Wait for the feeds, send items again as long as that is to be done, and judge them."""
        while True:
            feeds = self._finished(context, sent, limit)
            if not self._send_again(context, sent, failed_feeds(feeds), limit):
                return self._judge(context, sent, feeds)
            limit = replace(limit, since=time.time())

    def _finished(self, context: Context, sent: SentFeeds, limit: TimeLimit) -> list[dict[str, Any] | None]:
        """Return the feeds of the last round once all of them are finished."""
        feed_ids, items = list(sent.last), max(sent.last.values())
        if self.deferrable:
            from airflow_provider_walmart.triggers.feeds import WalmartFeedTrigger

            self.defer(
                trigger=WalmartFeedTrigger(
                    walmart_conn_id=self.walmart_conn_id,
                    feed_ids=feed_ids,
                    feed_type=self.feed_type,
                    items=items,
                    poll_interval=self.poll_interval,
                    since=limit.since,
                    deadline=limit.deadline,
                    resume={"sent": sent.as_dict(), "limit": limit.as_dict()},
                ),
                method_name="execute_complete",
                timeout=limit.of_deferral,
            )
        with limit.enforced(), self._reported_at_timeout(context, sent):
            return wait_for_feeds(
                self.hook.client,
                feed_ids,
                feed_type=self.feed_type,
                items=items,
                poll_interval=self.poll_interval,
                since=limit.since,
                deadline=limit.deadline,
            )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Judge what the trigger saw, or send items again first."""
        sent, limit = SentFeeds(**event["resume"]["sent"]), TimeLimit.from_event(event)
        with fail_without_retry(), limit.enforced():
            with self._reported_at_timeout(context, sent):
                feeds = feeds_of_event(event, list(sent.last), limit.seconds)
            if self._send_again(context, sent, failed_feeds(feeds), limit):
                return self._wait(context, sent, replace(limit, since=time.time()))
            return self._judge(context, sent, feeds)

    def resume_sending_again(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on when it is time to send items again."""
        resume, limit = event["resume"], TimeLimit.from_event(event)
        sent = SentFeeds(**resume["sent"])
        with fail_without_retry(), limit.enforced():
            self._send_again(context, sent, resume["failed"], limit, is_due=True)
            return self._wait(context, sent, replace(limit, since=time.time()))

    def _send_again(
        self,
        context: Context,
        sent: SentFeeds,
        failed: Sequence[str],
        limit: TimeLimit,
        *,
        is_due: bool = False,
    ) -> bool:
        """Send the items again that failed at Walmart in the last round; return whether there were any.

        :param failed: the feeds of that round with failed items.
        :param is_due: whether it is time to, as far as that was waited for.
        """
        if not failed or sent.again >= _times(self.resend_transient, is_judged=True):
            return False
        records = self._records(context, sent.records)
        parts = self._failed_parts(context, sent, failed, records)
        due = due_at(records, parts.values(), self.resend_after)
        if due > limit.deadline:
            self.log.warning("Items that failed at Walmart are not sent again: timeout comes before that.")
        if not parts or due > limit.deadline:
            return False
        sent.records = _kept(records)
        resume = {"sent": sent.as_dict(), "failed": list(failed), "limit": limit.as_dict()}
        if not is_due:
            self._wait_until(due, resume)
        submitter = self._submitter(context, records)
        try:
            feed_ids = {number: self._submit_one(submitter, part, limit) for number, part in parts.items()}
        except WalmartRateLimitError as error:
            self._defer_until_slot(error, limit, resume, "resume_sending_again")
            raise
        for number, feed_id in feed_ids.items():
            self.log.info(
                "%s of feed %s, which failed at Walmart, sent again as feed %s",
                counted(parts[number].items, "item"),
                sent.chains[number][-1],
                feed_id,
            )
            sent.chains[number].append(feed_id)
            sent.items[number].append(parts[number].items)
        sent.again += 1
        push(context, "feed_ids", sent.ids)
        return True

    def _wait_until(self, due: float, resume: dict[str, Any]) -> None:
        """Wait for the time at which items are sent again, seconds since 1970 UTC."""
        if due <= time.time():
            return
        self.log.info("Items that failed at Walmart are sent again at %s", utc_minute(from_epoch(due)))
        if self.deferrable:
            self.defer(trigger=_trigger_at(due, resume), method_name="resume_sending_again")
        time.sleep(max(0.0, due - time.time()))

    def _failed_parts(
        self, context: Context, sent: SentFeeds, failed: Sequence[str], records: Records
    ) -> dict[int, FeedFile]:
        """Return what is to be sent again, by the number of the feed that the task began with."""
        from airflow_provider_walmart.client.feeds.resend import part_of, transient_items

        items = {feed_id: transient_items(self.hook.client, feed_id) for feed_id in failed}
        if not any(items.values()):
            return {}
        source = self._source(context)
        self._select_rows(context, source)
        parts: dict[int, FeedFile] = {}
        for number, (chain, feed) in enumerate(zip(sent.chains, source.feeds(), strict=False)):
            if not items.get(chain[-1]):
                continue
            part: FeedFile | None = feed if was_sent(records, feed, chain[0]) else None
            for feed_id in chain:
                if part:
                    found = items.get(feed_id) or transient_items(self.hook.client, feed_id)
                    part = part_of(part, found, feed_id)
            if part:
                parts[number] = part
            else:
                self.log.warning(
                    "Items of feed %s that failed at Walmart are not sent again: the input has changed since, or is no JSON.",
                    chain[-1],
                )
        return parts

    def _reported_at_timeout(self, context: Context, sent: SentFeeds) -> AbstractContextManager[None]:
        return reported_at_timeout(
            lambda: report_unfinished(
                self.hook,
                sent.ids,
                self.feed_type,
                item_errors_path=self.item_errors_path,
                keep=lambda result: push_result(self, context, result),
                rows=sent.rows,
                sent=self._sent(context, sent),
            )
        )

    def _judge(
        self, context: Context, sent: SentFeeds, feeds: Sequence[dict[str, Any] | None]
    ) -> dict[str, Any]:
        outcomes, submissions = Outcomes(), Submissions()

        def note(feed_id: str, item: dict[str, Any], is_last: bool) -> None:
            if is_last and "run" in sent.rows:
                outcomes.note(item)
            if self.submissions_path:
                submissions.note(feed_id, item)

        def kept(result: dict[str, Any]) -> None:
            if self.submissions_path:
                self._write_submissions(context, sent, submissions, found)
            self._keep(context, result, sent, outcomes)

        last = dict(zip(sent.last, feeds, strict=True))
        read = [last[one] if one in last else self.hook.get_feed(one) for one in sent.ids]
        found = missing_or_typed(sent.ids, read, self.feed_type)
        return judge_feeds(
            self.hook,
            found,
            allowed_failures=parse_allowed_failures(self.allowed_failures),
            item_errors_path=self.item_errors_path,
            keep=kept,
            note=note,
            rows=sent.rows,
            sent=self._sent(context, sent),
        )

    def _documents(self, context: Context, sent: SentFeeds) -> Iterator[FeedFile | None]:
        """Yield the feeds that the task began with as they were sent; None for one whose input has changed since."""
        records = self._records(context, sent.records)
        source = self._source(context)
        try:
            self._select_rows(context, source)
            for chain, feed in zip(sent.chains, source.feeds(), strict=False):
                yield feed if was_sent(records, feed, chain[0]) else None
        except (WalmartError, OSError) as error:
            self.log.warning("The input can't be read again to say which values were sent: %s", error)

    def _write_submissions(
        self, context: Context, sent: SentFeeds, submissions: Submissions, feeds: Sequence[dict[str, Any]]
    ) -> None:
        uri = submissions.write(
            str(self.submissions_path),
            context,
            self.hook.client.settings,
            self.walmart_conn_id,
            sent,
            self._documents(context, sent),
            feeds,
        )
        self.log.info("What was sent, and what became of it, is in %s", uri)

    def _sent(self, context: Context, sent: SentFeeds) -> dict[str, SentFeed]:
        source = cache(partial(self._selected_source, context))
        # Where rows were selected, that is done again, and said in the log, only when items seem to be missing.
        is_simple = not sent.rows
        return {
            feed_id: SentFeed(
                count,
                partial(self._skus, context, sent, number, source) if feed_id == chain[0] else tuple,
                is_compared=is_simple and feed_id == chain[0],
                is_resent=feed_id != chain[-1],
                resend_of=chain[0] if feed_id != chain[0] else None,
            )
            for number, (chain, counts) in enumerate(zip(sent.chains, sent.items, strict=True), start=1)
            for feed_id, count in zip(chain, counts, strict=True)
        }

    def _selected_source(self, context: Context) -> FeedSource:
        source = self._source(context)
        # The marks in the snapshot are still there: it is the same selection.
        self._select_rows(context, source)
        return source

    def _skus(
        self, context: Context, sent: SentFeeds, number: int, source: Callable[[], FeedSource]
    ) -> list[str | None]:
        from airflow_provider_walmart.client.feeds.sent_items import skus_of

        feed = next(islice(source().feeds(), number - 1, None), None)
        is_sent = feed and was_sent(self._records(context, sent.records), feed, sent.chains[number - 1][0])
        # Of input that has changed since, nothing can be said.
        return skus_of(feed.content) if feed and is_sent else []

    def _keep(self, context: Context, result: dict[str, Any], sent: SentFeeds, outcomes: Outcomes) -> None:
        from airflow_provider_walmart.hooks import metrics

        if "run" in sent.rows:
            # Before the verdict: what was accepted is so, whatever became of the rest. Should this try die, the next one
            # finds the same feeds, and does it again.
            self._changes(sent.rows).settle(outcomes)
        push_result(self, context, result)
        for name, outcome in (("itemsSucceeded", "succeeded"), ("itemsFailed", "failed")):
            metrics.count("feed_items", result[name], outcome=outcome)
        self._moved_items(result["itemsSucceeded"])

    def _moved_items(self, count: int) -> None:
        self.moved(self.records_path or self.payload_path, self.at_walmart(f"feeds/{self.feed_type}"), count)

    def on_kill(self) -> None:
        """Say that feeds go on at Walmart: there is no call that recalls one."""
        self.log.warning("Walmart cannot recall a feed: it goes on with those that were submitted.")


def _times(resend_transient: Any, *, is_judged: bool) -> int:
    """Return how often items are sent again.

    :param is_judged: whether feeds are waited for.
    :raises WalmartConfigError: for what is no number of times, and for feeds that are not waited for.
    """
    given = str(resend_transient)
    if not (given.isascii() and given.isdigit()):
        raise WalmartConfigError(
            f"resend_transient is {given[:40]!r}; expected a whole number of at least 0."
        )
    if int(given) and not is_judged:
        raise WalmartConfigError(
            f"resend_transient is {given} and wait_for_completion is False: which items failed is known when Walmart has "
            "finished."
        )
    return int(given)


def _kept(records: Records) -> dict[str, Any]:
    """Return what has to be kept through a deferral: nothing where there is task state."""
    return dict(records) if isinstance(records, MemoryRecords) else {}


def _next_slot(error: WalmartRateLimitError, slots: TimeLimit) -> datetime | None:
    """Return when to come back; None when nobody knows, or that is too late."""
    slot = error.retry_at
    return slot if slot and slot.timestamp() <= slots.deadline else None


def _trigger_at(at: float, resume: dict[str, Any]) -> BaseTrigger:
    from airflow_provider_walmart.triggers.base import WalmartTimeTrigger

    return WalmartTimeTrigger(at=at, resume=resume)


def _has_no_spec(feed_type: str) -> bool:
    from airflow_provider_walmart.client.feeds.feed_types import is_known

    return is_known(feed_type)


def _hours(value: float | str) -> timedelta:
    try:
        hours = timedelta(hours=float(value))
    except (TypeError, ValueError, OverflowError):
        hours = timedelta(0)
    if not timedelta(0) < hours <= timedelta(days=3650):
        raise WalmartConfigError(f"since_hours is {value!r}; allowed: hours above 0.")
    return hours
