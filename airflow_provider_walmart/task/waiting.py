"""Waiting in the task itself, by the same rules as the triggers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartError,
    WalmartNotFoundError,
    WalmartTimeoutError,
    WalmartWaitError,
)
from airflow_provider_walmart.client.feeds.results import progress
from airflow_provider_walmart.client.feeds.verdict import is_finished
from airflow_provider_walmart.task.poll_failures import PollFailures

if TYPE_CHECKING:
    from airflow_provider_walmart.client.marketplace import MarketplaceClient

log = logging.getLogger(__name__)


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

    :param feed_type: decides how often to poll.
    :param items: items of the largest feed.
    :param poll_interval: seconds between two polls; None: by age and type of the feed.
    :param since: when waiting began, seconds since 1970 UTC.
    :param deadline: when to give up, seconds since 1970 UTC.
    :raises WalmartTimeoutError: when the deadline passed.
    :raises WalmartWaitError: when too many polls in a row failed, or one did for which no retry can help.
    """
    from airflow_provider_walmart.client.feeds.watch import LISTED_WITHIN, FeedWatch, pause_before_next_poll

    done = wait_for(
        FeedWatch(client).poll,
        feed_ids,
        what="Feeds",
        is_done=is_finished,
        progress=progress,
        pause=lambda: poll_interval or pause_before_next_poll(time.time() - since, feed_type, items),
        since=since,
        deadline=deadline,
        unknown_for=LISTED_WITHIN,
    )
    return [done[feed_id] for feed_id in feed_ids]


def wait_for_report(
    client: MarketplaceClient,
    request_id: str,
    report_type: str,
    *,
    poll_interval: float | None,
    since: float,
    deadline: float,
) -> dict[str, Any] | None:
    """Return a report request once it is READY or ERROR; None when Walmart doesn't know it.

    The parameters and errors are those of `wait_for_feeds`.
    """
    from airflow_provider_walmart.client.reports import requests as reports

    return wait_for(
        reports.ReportWatch(client, report_type).poll,
        [request_id],
        what="Report",
        is_done=reports.is_done,
        progress=reports.progress,
        pause=lambda: poll_interval or report_pause(time.time() - since),
        since=since,
        deadline=deadline,
        unknown_for=reports.LISTED_WITHIN,
    )[request_id]


def report_pause(age: float) -> float:
    """Return how long to wait before a report is polled again, in seconds: they take 15 to 45 minutes."""
    return min(max(30.0, age / 4), 300.0)


def wait_for(
    poll: Callable[[Collection[str]], Mapping[str, Any]],
    ids: Sequence[str],
    *,
    what: str,
    is_done: Callable[[dict[str, Any]], bool],
    progress: Callable[[dict[str, Any]], str],
    pause: Callable[[], float],
    since: float,
    deadline: float,
    unknown_for: float,
) -> dict[str, dict[str, Any] | None]:
    """Return things by id once nothing more will happen to them; None for one that Walmart doesn't know.

    :param poll: polls Walmart for the state of things: dicts, None for an unknown one, an error for one that can't be read.
    :param what: the things, in words for errors.
    :param pause: how long to wait before the next poll, in seconds.
    :param unknown_for: how long a thing may be unknown before that is believed, in seconds.
    """
    things = _Things(ids, is_done, progress, unknown_from=since + unknown_for)
    failures = PollFailures(keys_worked=True)
    is_last = False
    while pending := things.pending():
        if is_last:
            raise timed_out(what, pending, deadline - since)
        seconds, left = failures.pause(pause()), deadline - time.time()
        # The last poll is at the deadline itself.
        is_last = seconds >= left
        time.sleep(max(0.0, min(seconds, left)))
        failed = things.read(poll, pending)
        if failed is None:
            failures.reset()
        # At the deadline, refused keys are why it isn't known how far things are.
        elif failures.may_go_on(failed) and not (is_last and isinstance(failed, WalmartAuthError)):
            log.warning(failures.text(failed))
        else:
            raise gave_up(what, ids, str(failed), is_final=failed.is_final) from failed
    return things.done


class _Things:
    """What became of the things that are waited for; the parameters are those of `wait_for`.

    :param unknown_from: from when on it is believed that a thing is unknown, seconds since 1970 UTC.
    """

    def __init__(
        self,
        ids: Sequence[str],
        is_done: Callable[[dict[str, Any]], bool],
        progress: Callable[[dict[str, Any]], str],
        *,
        unknown_from: float,
    ) -> None:
        self.done: dict[str, dict[str, Any] | None] = {}
        self._ids = ids
        self._is_done = is_done
        self._progress = progress
        self._unknown_from = unknown_from
        self._logged: dict[str, str] = {}

    def pending(self) -> list[str]:
        """Return the ids of those that are still waited for."""
        return [thing_id for thing_id in self._ids if thing_id not in self.done]

    def read(
        self, poll: Callable[[Collection[str]], Mapping[str, Any]], pending: Collection[str]
    ) -> WalmartError | None:
        """Poll, take in what that shows, and return what failed, if anything did."""
        try:
            found = poll(pending)
        except WalmartError as error:
            return error
        failed = None
        for thing_id, thing in found.items():
            if isinstance(thing, WalmartError):
                failed = failed or thing
            else:
                self._take(thing_id, thing)
        return failed

    def _take(self, thing_id: str, thing: dict[str, Any] | None) -> None:
        if thing is None:
            if time.time() >= self._unknown_from:
                self.done[thing_id] = None
        elif self._is_done(thing):
            self.done[thing_id] = thing
        elif self._logged.get(thing_id) != (text := self._progress(thing)):
            self._logged[thing_id] = text
            log.info("Waiting: %s", text)


def timed_out(what: str, ids: Sequence[str], waited: float) -> WalmartTimeoutError:
    """Return the error for what took too long; a retry goes on waiting and sends nothing."""
    return WalmartTimeoutError(
        f"{what} {', '.join(ids)} not finished after {_in_words(waited)}. Walmart goes on with it; a retry of this "
        "task goes on waiting for the same and sends nothing again."
    )


def _in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def gave_up(what: str, ids: Sequence[str], why: str, *, is_final: bool) -> WalmartWaitError:
    """Return the error for what can't be read."""
    return WalmartWaitError(f"Waiting for {what.lower()} {', '.join(ids)} failed: {why}", is_final=is_final)


def check_event(event: Mapping[str, Any], what: str, ids: Sequence[str], waited: float) -> None:
    """Pass for an event of a trigger that saw what it waited for.

    :raises WalmartTimeoutError: when the deadline passed.
    :raises WalmartWaitError: when it gave up.
    """
    if event.get("status") == "timeout":
        raise timed_out(what, event.get("pending", ids), waited)
    if event.get("status") != "success":
        why = str(event.get("message", event))
        raise gave_up(what, ids, why, is_final=not event.get("retryable", True))


def feeds_of_event(
    event: Mapping[str, Any], feed_ids: Sequence[str], waited: float
) -> list[dict[str, Any] | None]:
    """Return the feeds that `WalmartFeedTrigger` saw."""
    check_event(event, "Feeds", feed_ids, waited)
    feeds: list[dict[str, Any] | None] = event["feeds"]
    return feeds


def missing_or_typed(
    feed_ids: Sequence[str], feeds: Sequence[dict[str, Any] | None], feed_type: str | None
) -> list[dict[str, Any]]:
    """Return feeds with the type that their status lacks.

    :raises WalmartNotFoundError: when Walmart knows one of them no more.
    """
    unknown = [feed_id for feed_id, feed in zip(feed_ids, feeds, strict=True) if feed is None]
    if unknown:
        raise unknown_feeds(unknown)
    return [{"feedType": feed_type, **feed} if feed_type else feed for feed in feeds if feed]


def unknown_feeds(feed_ids: Sequence[str]) -> WalmartNotFoundError:
    """Return the error for feeds that Walmart doesn't know."""
    return WalmartNotFoundError(f"Walmart doesn't know feed {', '.join(feed_ids)} (any more).")
