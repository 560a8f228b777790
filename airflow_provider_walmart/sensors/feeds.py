"""Sensors for feeds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartNotFoundError
from airflow_provider_walmart.client.feeds.results import (
    is_finished,
    progress,
    summarize,
)
from airflow_provider_walmart.client.values.failures import check_allowed_failures, parse_allowed_failures
from airflow_provider_walmart.links.feeds import WalmartFailedItemsLink, WalmartFeedLink
from airflow_provider_walmart.sensors.base import WalmartSensor
from airflow_provider_walmart.storage.files import AnyPlace, Place, check_place
from airflow_provider_walmart.task.context import push
from airflow_provider_walmart.task.feeds import judge_feeds
from airflow_provider_walmart.task.hooks import OfMarketplace
from airflow_provider_walmart.task.waiting import feeds_of_event, missing_or_typed, unknown_feeds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger


class WalmartFeedSensor(OfMarketplace, WalmartSensor):
    """Waits until a feed is finished, and fails when items of it did not make it.

    A feed is finished when its status is ERROR, or PROCESSED with no item in processing any more. A poll
    that fails on the network, a 5xx or a 429 is weather: the sensor keeps waiting, up to ten in a row. That Walmart
    doesn't know the feed is believed after 90 seconds: a feed that was just submitted may not show yet.

    :param feed_id: the feed to wait for (with its ``@``).
    :param allowed_failures: failed items that are still fine: an int is a number of items, a float from 0.0 to
        1.0 a share of them; default 0.
    :param item_errors_path: where failed items go as JSON lines: a path, an `ObjectStoragePath` or a URI of one;
        None: nowhere.
    :param poke_interval: time between two polls, as timedelta or seconds; default 60.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``.
    :return: the summary that `WalmartFeedStatusOperator` gives for one feed.
    :raises AirflowFailException: when the feed failed by this policy, or when no retry can help.
    """

    item_errors_path: Any = Place()

    template_fields: Sequence[str] = ("feed_id", "allowed_failures", "item_errors_path", "walmart_conn_id")
    operator_extra_links = (WalmartFeedLink(), WalmartFailedItemsLink())

    def __init__(
        self,
        *,
        feed_id: str,
        allowed_failures: float | str = 0,
        item_errors_path: AnyPlace | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.feed_id = feed_id
        check_allowed_failures(allowed_failures)
        self.allowed_failures = allowed_failures
        self.item_errors_path = item_errors_path
        self.walmart_conn_id = walmart_conn_id
        self._began = 0.0

    def look(self, context: Context) -> dict[str, Any] | None:
        """Look at the feed; judge it once it is finished."""
        from airflow_provider_walmart.client.feeds.watch import LISTED_WITHIN

        parse_allowed_failures(self.allowed_failures)
        check_place("item_errors_path", self.item_errors_path)
        # Each look of a sensor that is rescheduled is the first one of its process.
        self._began = self._began or time.monotonic()
        try:
            feed = self.hook.get_feed(self.feed_id)
        except WalmartNotFoundError:
            if self._waited(context) >= LISTED_WITHIN:
                raise unknown_feeds([self.feed_id]) from None
            self.log.info(
                "Waiting: Walmart doesn't know feed %s, which is believed after %.0f s",
                self.feed_id,
                LISTED_WITHIN,
            )
            return None
        if is_finished(summarize(feed)):
            return self._judge(context, feed)
        self.log.info("Waiting: %s", progress(feed))
        return None

    def _waited(self, context: Context) -> float:
        """Return for how long the feed has been waited for, in seconds."""
        ti = context.get("ti")
        if self.reschedule and ti and (first := ti.get_first_reschedule_date(context)):
            return time.time() - first.timestamp()
        return time.monotonic() - self._began

    def make_trigger(self, since: float, deadline: float) -> BaseTrigger:
        """Return the trigger that waits for the feed."""
        from airflow_provider_walmart.triggers.feeds import WalmartFeedTrigger

        return WalmartFeedTrigger(
            walmart_conn_id=self.walmart_conn_id,
            feed_ids=[self.feed_id],
            poll_interval=self.poke_interval,
            since=since,
            deadline=deadline,
        )

    def conclude(self, context: Context, event: dict[str, Any], waited: float) -> dict[str, Any]:
        """Judge what the trigger saw."""
        feeds = feeds_of_event(event, [self.feed_id], waited)
        return self._judge(context, missing_or_typed([self.feed_id], feeds, None)[0])

    def _judge(self, context: Context, feed: dict[str, Any]) -> dict[str, Any]:
        # The status call doesn't name the type, the list does.
        feed = {**(self.hook.find_feed(self.feed_id) or {}), **feed}
        summaries = judge_feeds(
            self.hook,
            [feed],
            allowed_failures=parse_allowed_failures(self.allowed_failures),
            item_errors_path=self.item_errors_path,
            keep=lambda summaries: push(context, "return_value", summaries[0]),
        )
        return summaries[0]
