"""Waiting for feeds in the task itself, with the same patience that the triggers have."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_walmart.client.errors import WalmartError, WalmartRateLimitError
from airflow_provider_walmart.client.feed_results import is_finished, progress, summarize

if TYPE_CHECKING:
    from airflow_provider_walmart.client.marketplace import MarketplaceClient

log = logging.getLogger(__name__)

# Looks in a row that may fail before it counts as more than bad weather.
MAX_FAILED_LOOKS = 10


def wait_for_feeds(
    client: MarketplaceClient,
    feed_ids: Sequence[str],
    *,
    feed_type: str,
    items: int,
    poll_interval: float | None,
    since: float,
    deadline: float,
) -> list[dict[str, Any] | None]:
    """Return feeds once all of them are finished, in the order of their ids; None for one that is unknown.

    :param feed_type: decides how often to look.
    :param items: items of the largest feed.
    :param poll_interval: seconds between two looks; None: by age and type of the feed.
    :param since: when waiting began, seconds since 1970 UTC.
    :param deadline: when to give up, seconds since 1970 UTC.
    :raises AirflowException: when the deadline passed.
    :raises WalmartError: when too many looks in a row failed.
    """
    from airflow_provider_walmart.client.feed_watch import FeedWatch, pause_before_next_look

    watch = FeedWatch(client)
    done: dict[str, dict[str, Any] | None] = {}
    said: dict[str, str] = {}
    failed_looks = 0
    while pending := [feed_id for feed_id in feed_ids if feed_id not in done]:
        pause = poll_interval
        if pause is None:
            pause = pause_before_next_look(time.time() - since, feed_type, items)
        if time.time() + pause > deadline:
            raise timed_out(pending, deadline - since)
        time.sleep(pause)
        try:
            found = watch.look(pending)
        except WalmartRateLimitError as error:
            log.warning("Looking at feeds is throttled, still waiting: %s", error)
            continue
        except WalmartError as error:
            failed_looks += 1
            if error.is_final or failed_looks >= MAX_FAILED_LOOKS:
                raise
            log.warning("Look %d in a row failed, still waiting: %s", failed_looks, error)
            continue
        failed_looks = 0
        for feed_id, feed in found.items():
            if feed is None or is_finished(summarize(feed)):
                done[feed_id] = feed
            elif said.get(feed_id) != progress(feed):
                said[feed_id] = progress(feed)
                log.info("Waiting: %s", said[feed_id])
    return [done[feed_id] for feed_id in feed_ids]


def timed_out(feed_ids: Sequence[str], waited: float) -> AirflowException:
    """Return the error for feeds that took too long; a retry goes on waiting and sends nothing."""
    return AirflowException(
        f"Feeds {', '.join(feed_ids)} are still not finished after {waited / 3600:.1f} h. Walmart goes on with them; a "
        "retry of this task waits for the same feeds and sends nothing again."
    )


def feeds_of_event(
    event: Mapping[str, Any], feed_ids: Sequence[str], waited: float
) -> list[dict[str, Any] | None]:
    """Return the feeds that `WalmartFeedTrigger` saw.

    :raises AirflowException: when it gave up; `AirflowFailException` when no retry can help.
    """
    if event.get("status") == "finished":
        feeds: list[dict[str, Any] | None] = event["feeds"]
        return feeds
    if event.get("status") == "timeout":
        raise timed_out(feed_ids, waited)
    kind = AirflowFailException if event.get("final") else AirflowException
    raise kind(f"Waiting for feeds {', '.join(feed_ids)} failed: {event.get('message', event)}")


def missing_or_typed(
    feed_ids: Sequence[str], feeds: Sequence[dict[str, Any] | None], feed_type: str | None
) -> list[dict[str, Any]]:
    """Return feeds with the type that their status lacks.

    :raises AirflowException: when Walmart knows one of them no more.
    """
    unknown = [feed_id for feed_id, feed in zip(feed_ids, feeds, strict=True) if feed is None]
    if unknown:
        raise AirflowException(f"Walmart doesn't know feed {', '.join(unknown)} (any more).")
    return [{**feed, "feedType": summarize(feed, feed_type)["feedType"]} for feed in feeds if feed]
