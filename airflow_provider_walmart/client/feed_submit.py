"""Submitting a feed once, whatever dies when.

Walmart has no idempotency key, and applies a feed that is sent twice two times. So an intent is stored before
a feed is sent, and its id after; who finds an intent without an id looks what Walmart has before sending.
"""

from __future__ import annotations

import codecs
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from airflow_provider_walmart.client.errors import (
    WalmartConnectionError,
    WalmartError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.feeds import PAGE
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.outcomes import may_have_arrived
from airflow_provider_walmart.client.responses import decode_json

log = logging.getLogger(__name__)

PATH = "/v3/feeds"
# A feed that was accepted is in the list of feeds within this time after it was sent. Seconds.
SETTLE = 90.0
LOOK_EVERY = 30.0
# How far the list is read for a feed whose submission left no record to compare with.
LONGEST_LOOK = 20 * PAGE
MEDIA_TYPES = {
    b"{": "application/json",
    b"[": "application/json",
    b"<": "application/xml",
    b"P": "application/zip",
}


class Records(Protocol):
    """Where intents and ids are kept: what Airflow's task state store offers."""

    def get(self, key: str) -> Any:
        """Return the value, or None."""

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value."""


@dataclass(frozen=True)
class FeedFile:
    """One feed to submit.

    :param feed_type: value of ``feedType``.
    :param content: the finished document: JSON, XML or zip.
    :param items: how many items it holds; 0 when unknown.
    :param fingerprint: tells it from any other feed, that of another run of the same task included.
    :param multipart: whether it goes as a file with a name, or as the body itself.
    :param ship_node: the ship node all of it is for, where the feed type takes one; empty for none.
    :param given_name: name of the file; empty: made of feed type and fingerprint.
    """

    feed_type: str
    content: bytes
    items: int
    fingerprint: str
    multipart: bool = True
    ship_node: str = ""
    given_name: str = ""

    @property
    def name(self) -> str:
        """Name of the file, by which it is found again in the list of feeds."""
        if self.given_name:
            return self.given_name
        suffix = self.media_type.rpartition("/")[2]
        return f"{self.feed_type}-{self.fingerprint[:24]}.{suffix}"

    @property
    def media_type(self) -> str:
        """Media type, by the first character."""
        start = self.content.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        return MEDIA_TYPES.get(start, "application/octet-stream")

    @property
    def key(self) -> str:
        """Name of its record."""
        return f"walmart_feed_{self.fingerprint[:24]}"


def submit_feed(client: MarketplaceClient, feed: FeedFile) -> str:
    """Send one feed, without looking whether it was sent before, and return its id.

    :raises WalmartUnknownOutcomeError: when it was sent and no id came back.
    :raises WalmartError: the class of the tree that fits what went wrong.
    """
    body: dict[str, Any] = {"files": {"file": (feed.name, feed.content, feed.media_type)}}
    if not feed.multipart:
        body = {"data": feed.content, "headers": {"Content-Type": feed.media_type}}
    params = {"feedType": feed.feed_type, "shipNode": feed.ship_node or None}
    response = client.request("POST", PATH, params=params, **body)
    try:
        answer = decode_json(response)
    except WalmartServerError:
        answer = None
    payload = answer.get("payload") if isinstance(answer, dict) else None
    for holder in (answer, payload):
        feed_id = holder.get("feedId") if isinstance(holder, dict) else None
        if isinstance(feed_id, str) and feed_id:
            return feed_id
    raise WalmartUnknownOutcomeError(
        f"POST {PATH} answered {response.status_code} without a feed id, so whether the feed was taken is unknown",
        status=response.status_code,
        method="POST",
        path=PATH,
        hint="Look whether it is among the recent feeds before sending it again.",
    )


class OnceSubmitter:
    """Submits feeds once, over any number of attempts and processes that share the records.

    :param client: the account.
    :param records: where intents and ids are kept.
    :param lasting: whether the records outlive the process. Where they don't, a feed of an earlier try is found
        by the name of its file alone.
    :param earlier_tries: whether there were tries before this one.
    :param resubmit_unknown: send again when the outcome stays unknown, at the risk of a double.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: MarketplaceClient,
        records: Records,
        *,
        lasting: bool,
        earlier_tries: bool,
        resubmit_unknown: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._records = records
        self._lasting = lasting
        self._earlier_tries = earlier_tries
        self._resubmit_unknown = resubmit_unknown
        self._sleep = sleep

    def submit(self, feed: FeedFile) -> str:
        """Return the id of a feed, sending it only when that has not been done yet.

        :raises WalmartUnknownOutcomeError: when it may or may not have arrived, and ``resubmit_unknown`` is off.
        :raises WalmartError: when it was refused, or certainly not sent; the next attempt sends it.
        """
        record = self._records.get(feed.key) or {}
        if feed_id := record.get("feedId"):
            log.info(
                "This payload was submitted before by this task, as feed %s: going on with that one. To submit it "
                "again, set durable=False.",
                feed_id,
            )
            return str(feed_id)
        if not record and not self._lasting and self._earlier_tries:
            log.warning(
                "This Airflow keeps no task state (3.3 does), so a feed of an earlier try is looked for by its "
                "file name %s alone.",
                feed.name,
            )
            # It may have been sent moments ago, so one look is not enough.
            record = {"sentAt": time.time() - SETTLE + LOOK_EVERY, "known": None}
        if record.get("sentAt") is not None:
            found = self._look(feed, record)
            if found:
                return self._keep(feed, record, found)
        known = [item.get("feedId") for item in islice(self._listed(), PAGE)]
        record = {"fileName": feed.name, "items": feed.items, "known": known, "sentAt": time.time()}
        self._records.set(feed.key, record)
        return self._keep(feed, record, self._send(feed, record))

    def _send(self, feed: FeedFile, record: dict[str, Any]) -> str:
        try:
            return submit_feed(self._client, feed)
        except WalmartError as error:
            if not may_have_arrived(error, self._client.tokens.call.path):
                self._records.set(feed.key, {"refused": type(error).__name__})
                raise
            log.warning("The answer to the feed got lost, looking whether it arrived: %s", error)
            found = self._look(feed, record)
            if found:
                return found
            self._records.set(feed.key, {"refused": "it never arrived"})
            raise WalmartConnectionError(
                f"The feed never arrived at Walmart, so the next try may send it ({error.message})",
                method="POST",
                path=PATH,
                correlation_id=error.correlation_id,
            ) from error

    def _keep(self, feed: FeedFile, record: dict[str, Any], feed_id: str) -> str:
        self._records.set(feed.key, {**record, "feedId": feed_id})
        return feed_id

    # -- looking before leaping ----------------------------------------------------------------------

    def _look(self, feed: FeedFile, record: dict[str, Any]) -> str | None:
        """Return the id of a feed that was sent, or None when it certainly never arrived.

        :raises WalmartUnknownOutcomeError: when neither is certain, unless it is to be sent again then.
        """
        while True:
            newer = [item for item in self._since(record) if _same(item.get("feedType"), feed.feed_type)]
            named = [item for item in newer if item.get("fileName") == feed.name]
            if named:
                return self._adopt(feed, named[0], "its file name")
            doubtful = [item for item in newer if self._may_be(feed, item)]
            if record["known"] is None and feed.multipart:
                # Without a record of what was there before, feeds without a name are anybody's.
                doubtful = []
            alike = [item for item in doubtful if feed.items and item.get("itemsReceived") == feed.items]
            if not feed.multipart and record["known"] is not None and len(doubtful) == len(alike) == 1:
                return self._adopt(feed, alike[0], "type, number of items and time")
            age = time.time() - record["sentAt"]
            if age < SETTLE:
                log.info("Looking again for the feed %s in a moment: Walmart may not list it yet.", feed.name)
                self._sleep(min(LOOK_EVERY, SETTLE - age))
                continue
            if doubtful:
                self._give_up(feed, doubtful)
            else:
                log.info("The feed %s is not among Walmart's feeds: it never arrived.", feed.name)
            return None

    def _may_be(self, feed: FeedFile, item: dict[str, Any]) -> bool:
        """Return whether a feed of our type without our file name could be ours all the same."""
        name = str(item.get("fileName") or "")
        if name and not name.startswith(str(item.get("feedId"))):
            return False
        received = item.get("itemsReceived")
        return not received or not feed.items or received == feed.items

    def _adopt(self, feed: FeedFile, item: dict[str, Any], why: str) -> str:
        log.info("The feed did arrive: found as %s by %s. It is not sent again.", item.get("feedId"), why)
        return str(item["feedId"])

    def _give_up(self, feed: FeedFile, doubtful: list[dict[str, Any]]) -> None:
        candidates = ", ".join(str(item.get("feedId")) for item in doubtful[:5])
        if self._resubmit_unknown:
            log.warning("Sending the feed again, as on_unknown says; it may be one of %s.", candidates)
            return
        raise WalmartUnknownOutcomeError(
            f"Whether the feed {feed.name} ({feed.items} items of type {feed.feed_type}) arrived is unknown: it may be "
            f"one of {candidates}",
            method="POST",
            path=PATH,
            hint=(
                "Look at these feeds in Seller Center. If one is yours, mark this task as success; if none is, run it "
                "with on_unknown='resubmit'."
            ),
        )

    def _since(self, record: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the feeds that were not there when the intent was stored."""
        known = set(record["known"] or ())
        met = 0
        for item in islice(self._listed(), LONGEST_LOOK):
            if item.get("feedId") in known:
                met += 1
                if met == min(PAGE, len(known)):
                    return
                continue
            yield item

    def _listed(self) -> Iterator[dict[str, Any]]:
        return self._client.paginate("getAllFeedStatuses")


def _same(one: Any, other: str) -> bool:
    return str(one).casefold() == other.casefold()
