"""Sensors for feeds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_walmart.client.errors import (
    WalmartConnectionError,
    WalmartRateLimitError,
    WalmartServerError,
)
from airflow_provider_walmart.client.feed_results import (
    is_finished,
    parse_allowed_failures,
    progress,
    summarize,
)
from airflow_provider_walmart.results.context import push
from airflow_provider_walmart.results.failures import fail_for_good
from airflow_provider_walmart.results.feeds import judge_feeds
from airflow_provider_walmart.results.waiting import feeds_of_event, missing_or_typed

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.hooks.walmart import WalmartHook

# Polls in a row that may fail before it counts as more than bad weather.
MAX_FAILED_POLLS = 10


class WalmartFeedSensor(BaseSensorOperator):
    """Waits until a feed is finished, and fails when items of it did not make it.

    A feed is finished when its status is ERROR, or PROCESSED with no item in processing any more. A poll
    that fails on the network, a 5xx or a 429 is weather: the sensor keeps waiting, up to ten in a row.

    :param feed_id: the feed to wait for (with its ``@``).
    :param allowed_failures: failed items that are still fine: an int is a number of items, a float from 0.0 to
        1.0 a share of them; default 0.
    :param item_errors_path: where failed items go as JSON lines: a path or any URI that `ObjectStoragePath`
        knows; None: nowhere.
    :param poll_interval: seconds between two polls; default 60. The same as Airflow's ``poke_interval``.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_conn_id: id of a connection of type ``walmart``.
    :return: the summary that `WalmartFeedStatusOperator` gives for one feed.
    :raises AirflowFailException: when the feed failed by this policy, or when no retry can help.
    """

    template_fields: Sequence[str] = ("feed_id", "allowed_failures", "item_errors_path", "walmart_conn_id")
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        feed_id: str,
        allowed_failures: float | str = 0,
        item_errors_path: str | None = None,
        poll_interval: float = 60.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        self.feed_id = feed_id
        self.allowed_failures = allowed_failures
        self.item_errors_path = item_errors_path
        self.deferrable = deferrable
        self.walmart_conn_id = walmart_conn_id
        self._failed_polls = 0

    @cached_property
    def hook(self) -> WalmartHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        return WalmartHook(self.walmart_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or look once and wait in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        # A feed that is finished already needs no trip to the triggerer.
        done = self.poke(context)
        if isinstance(done, PokeReturnValue):
            return done.xcom_value
        from airflow_provider_walmart.triggers.feeds import WalmartFeedTrigger

        since = time.time()
        self.defer(
            trigger=WalmartFeedTrigger(
                walmart_conn_id=self.walmart_conn_id,
                feed_ids=[self.feed_id],
                poll_interval=self.poke_interval,
                since=since,
                # Airflow's own time-out of the sensor speaks first, since it knows of soft_fail.
                deadline=since + self.timeout + 600,
            ),
            method_name="execute_complete",
            kwargs={"since": since},
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any], since: float) -> dict[str, Any]:
        """Judge what the trigger saw."""
        with fail_for_good():
            feeds = feeds_of_event(event, [self.feed_id], time.time() - since)
            return self._judge(context, missing_or_typed([self.feed_id], feeds, None)[0])

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look at the feed once."""
        with fail_for_good():
            parse_allowed_failures(self.allowed_failures)
            try:
                feed = self.hook.get_feed(self.feed_id)
                if is_finished(summarize(feed)):
                    return PokeReturnValue(is_done=True, xcom_value=self._judge(context, feed))
            except (WalmartConnectionError, WalmartRateLimitError, WalmartServerError) as error:
                self._failed_polls += 1
                if self._failed_polls >= MAX_FAILED_POLLS:
                    raise
                self.log.warning("Poll %d in a row failed, still waiting: %s", self._failed_polls, error)
                return False
            self._failed_polls = 0
            self.log.info("Waiting: %s", progress(feed))
            return False

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
