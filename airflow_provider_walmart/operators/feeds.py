"""Operators for feeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feed_results import parse_allowed_failures
from airflow_provider_walmart.results.failures import fail_for_good
from airflow_provider_walmart.results.feeds import judge_feeds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.hooks.walmart import WalmartHook


class WalmartFeedStatusOperator(BaseOperator):
    """Checks one feed, or all recent feeds, and fails when items did not make it.

    PROCESSED is not success: a feed counts as failed when its status is ERROR, or when it is PROCESSED with
    more failed items than allowed. Feeds still in progress are reported and don't fail. The log shows a
    table of the feeds and, for failed items, the most frequent error codes with examples of SKUs.

    :param feed_id: one feed to check (with its ``@``); None: all feeds of the last ``since_hours``.
    :param feed_types: only feeds of these types, without regard to case; default: all. Not with ``feed_id``.
    :param since_hours: how far back to look, in hours; default 24.
    :param allowed_failures: failed items per feed that are still fine: an int is a number of items, a float
        from 0.0 to 1.0 a share of them; default 0.
    :param item_errors_path: where failed items go as JSON lines: a path or any URI that `ObjectStoragePath`
        knows; None: nowhere. Written as a whole or not at all, and only when an item failed.
    :param walmart_conn_id: id of a connection of type ``walmart``.
    :return: with ``feed_id`` a dict with ``feedId``, ``feedType``, ``feedStatus``, ``itemsReceived``,
        ``itemsSucceeded``, ``itemsFailed``, ``itemsProcessing`` and ``errors_uri``; else a list of them, newest
        feed first. It is in XCom also when the task fails because of it.
    :raises AirflowFailException: when a feed failed by this policy, or when no retry can help.
    """

    template_fields: Sequence[str] = (
        "feed_id",
        "feed_types",
        "since_hours",
        "allowed_failures",
        "item_errors_path",
        "walmart_conn_id",
    )
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        feed_id: str | None = None,
        feed_types: Collection[str] | str | None = None,
        since_hours: float | str = 24,
        allowed_failures: float | str = 0,
        item_errors_path: str | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.feed_id = feed_id
        self.feed_types = feed_types
        self.since_hours = since_hours
        self.allowed_failures = allowed_failures
        self.item_errors_path = item_errors_path
        self.walmart_conn_id = walmart_conn_id

    @cached_property
    def hook(self) -> WalmartHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        return WalmartHook(self.walmart_conn_id)

    def execute(self, context: Context) -> dict[str, Any] | list[dict[str, Any]]:
        """Check the feeds, keep their summaries in XCom, and fail by policy."""
        with fail_for_good():
            allowed_failures = parse_allowed_failures(self.allowed_failures)
            feeds = [self._one_feed(self.feed_id)] if self.feed_id else self._recent_feeds()
            one = bool(self.feed_id)

            def keep(summaries: list[dict[str, Any]]) -> None:
                # A failing task returns nothing, and that is when people look.
                if context.get("ti"):
                    context["ti"].xcom_push(key="return_value", value=summaries[0] if one else summaries)

            summaries = judge_feeds(
                self.hook,
                feeds,
                allowed_failures=allowed_failures,
                item_errors_path=self.item_errors_path,
                keep=keep,
            )
            return summaries[0] if one else summaries

    def _one_feed(self, feed_id: str) -> dict[str, Any]:
        if self.feed_types:
            raise WalmartConfigError(
                f"feed_id is {feed_id!r} and feed_types is {self.feed_types!r}: give one of them."
            )
        feed = self.hook.get_feed(feed_id)
        # The status call doesn't name the type, the list does.
        return {**(self.hook.find_feed(feed_id) or {}), **feed}

    def _recent_feeds(self) -> list[dict[str, Any]]:
        feed_types = [self.feed_types] if isinstance(self.feed_types, str) else self.feed_types
        since = datetime.now(timezone.utc) - _hours(self.since_hours)
        feeds = self.hook.list_feeds(feed_types=feed_types, since=since)
        self.log.info("%d feeds since %s", len(feeds), since.isoformat(timespec="minutes"))
        return feeds


def _hours(value: float | str) -> timedelta:
    try:
        hours = timedelta(hours=float(value))
    except (TypeError, ValueError, OverflowError):
        hours = timedelta(0)
    if not timedelta(0) < hours <= timedelta(days=3650):
        raise WalmartConfigError(f"since_hours is {value!r}; allowed: hours above 0.")
    return hours
