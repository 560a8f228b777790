"""Sensors for feeds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
from airflow_provider_walmart.client.feeds.results import progress
from airflow_provider_walmart.client.feeds.verdict import is_finished
from airflow_provider_walmart.client.values.allowed_failures import parse_allowed_failures
from airflow_provider_walmart.client.values.names import names_of
from airflow_provider_walmart.links.feeds import WalmartFailedItemsLink, WalmartFeedLink
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.sensors.base import WalmartSensor
from airflow_provider_walmart.storage.files import AnyPath, PathField
from airflow_provider_walmart.storage.suffixes import check_lines_file
from airflow_provider_walmart.task.context import push_result
from airflow_provider_walmart.task.feeds import judge_feeds, report_unfinished, reported_at_timeout
from airflow_provider_walmart.task.hooks import OfMarketplace
from airflow_provider_walmart.task.parse_time import check_when_parsed
from airflow_provider_walmart.task.waiting import feeds_of_event, missing_or_typed, unknown_feeds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger


class WalmartFeedSensor(OfMarketplace, WalmartSensor):
    """Waits until feeds are finished, and fails when items of them were rejected.

    A feed is finished when its status is ERROR, or PROCESSED with no item in processing any more. A poll
    that fails on the network or with a 5xx is a transient error: the sensor keeps waiting, until the tenth in a row; a 429
    never ends it. A feed that Walmart doesn't know is waited for during the first 90 seconds, since a new one may not show
    yet; after that the task fails.

    :param feed_id: the feed to wait for (with its ``@``), or a list of them; also what a template makes of a list.
    :param allowed_failures: failed items that are still fine: an int is a number of items, a float from 0.0 to
        1.0 a share of them; text is read as either, or as per cent (``"1%"``); default 0. A feed of which nothing was
        applied always fails.
    :param item_errors_path: where failed items go as JSON lines: a path, an `ObjectStoragePath` or a URI of one;
        None (default): nowhere. Written only when an item failed; without one, the file of an earlier try is removed.
    :param poke_interval: time between two polls, as timedelta or seconds; default 60.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: a dict as that of `WalmartFeedStatusOperator`. It is in XCom also when the task fails because of it.
    :raises AirflowFailException: when the feed failed by this policy, or when no retry can help.
    """

    item_errors_path: Any = PathField()

    template_fields: Sequence[str] = ("feed_id", "allowed_failures", "item_errors_path", "walmart_conn_id")
    operator_extra_links = (WalmartPageLink(), WalmartFeedLink(), WalmartFailedItemsLink())

    def __init__(
        self,
        *,
        feed_id: str | Sequence[str],
        allowed_failures: float | str = 0,
        item_errors_path: AnyPath | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.feed_id = feed_id
        check_when_parsed(parse_allowed_failures, allowed_failures)
        self.allowed_failures = allowed_failures
        self.item_errors_path = item_errors_path
        self.walmart_conn_id = walmart_conn_id
        self._began = 0.0
        self._said: set[str] = set()

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or poll once and wait in the triggerer."""
        with self._reported_at_timeout(context):
            return super().execute(context)

    def _reported_at_timeout(self, context: Context) -> AbstractContextManager[None]:
        return reported_at_timeout(
            lambda: report_unfinished(
                self.hook,
                self._feed_ids(),
                None,
                item_errors_path=self.item_errors_path,
                keep=lambda result: push_result(self, context, result),
            )
        )

    def poll(self, context: Context) -> dict[str, Any] | None:
        """Read the feeds; judge them once all are finished."""
        from airflow_provider_walmart.client.feeds.watch import LISTED_WITHIN

        parse_allowed_failures(self.allowed_failures)
        check_lines_file("item_errors_path", self.item_errors_path)
        feed_ids = self._feed_ids()
        # Each poll of a sensor that is rescheduled is the first one of its process.
        self._began = self._began or time.monotonic()
        feeds = self._known(feed_ids)
        unknown = [feed_id for feed_id in feed_ids if feed_id not in feeds]
        if unknown and self._waited(context) >= LISTED_WITHIN:
            raise unknown_feeds(unknown)
        if unknown or not all(map(is_finished, feeds.values())):
            self._say(unknown, feeds.values())
            return None
        return self._judge(context, [feeds[feed_id] for feed_id in feed_ids])

    def _known(self, feed_ids: list[str]) -> dict[str, dict[str, Any]]:
        """Return the feeds that Walmart knows, by id.

        :raises WalmartError: when one of them can't be read.
        """
        from airflow_provider_walmart.client.feeds.watch import FeedWatch

        feeds = {}
        for feed_id, state in FeedWatch(self.hook.client).poll(feed_ids).items():
            if isinstance(state, WalmartError):
                raise state
            if state is not None:
                feeds[feed_id] = state
        return feeds

    def _feed_ids(self) -> list[str]:
        """Return the feeds to wait for, each once."""
        feed_ids = list(dict.fromkeys(names_of("feed_id", self.feed_id, "F129C1...@AU8BAQA")))
        if not feed_ids or not all(feed_id.strip(".") for feed_id in feed_ids):
            raise WalmartConfigError(
                f"feed_id is {self.feed_id!r}; expected an id such as 'F129C1...@AU8BAQA'."
            )
        return feed_ids

    def _say(self, unknown: Iterable[str], feeds: Iterable[dict[str, Any]]) -> None:
        """Say how far the feeds are, when that changed."""
        lines = [f"Walmart doesn't know feed {feed_id} yet" for feed_id in unknown]
        lines += [progress(feed) for feed in feeds if not is_finished(feed)]
        for line in lines:
            if line not in self._said:
                self.log.info("Waiting: %s", line)
        self._said = set(lines)

    def _waited(self, context: Context) -> float:
        """Return for how long the feed has been waited for, in seconds."""
        ti = context.get("ti")
        if self.reschedule and ti and (first := ti.get_first_reschedule_date(context)):
            return time.time() - first.timestamp()
        return time.monotonic() - self._began

    def make_trigger(self, waiting: dict[str, Any]) -> BaseTrigger:
        """Return the trigger that waits for the feed."""
        from airflow_provider_walmart.triggers.feeds import WalmartFeedTrigger

        return WalmartFeedTrigger(
            walmart_conn_id=self.walmart_conn_id,
            feed_ids=self._feed_ids(),
            **waiting,
        )

    def conclude(self, context: Context, event: dict[str, Any], waited: float) -> dict[str, Any]:
        """Judge what the trigger saw."""
        feed_ids = self._feed_ids()
        with self._reported_at_timeout(context):
            feeds = feeds_of_event(event, feed_ids, waited)
        return self._judge(context, missing_or_typed(feed_ids, feeds, None))

    def _judge(self, context: Context, feeds: list[dict[str, Any]]) -> dict[str, Any]:
        return judge_feeds(
            self.hook,
            # The status call doesn't name the type, the list does.
            [feed if feed.get("feedType") else {**self._listed(feed), **feed} for feed in feeds],
            allowed_failures=parse_allowed_failures(self.allowed_failures),
            item_errors_path=self.item_errors_path,
            keep=lambda result: push_result(self, context, result),
        )

    def _listed(self, feed: dict[str, Any]) -> dict[str, Any]:
        return self.hook.find_feed(str(feed["feedId"])) or {}
