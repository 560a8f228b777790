"""Submitting a feed once, whatever dies when.

Walmart has no idempotency key, and applies a feed that is sent twice two times. So an intent is stored before
a feed is sent, and its id after; who finds an intent without an id reads what Walmart has before sending.
"""

from __future__ import annotations

import codecs
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from airflow_provider_walmart.client.errors import (
    WalmartError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.feeds.results import submitted_at
from airflow_provider_walmart.client.feeds.status import PAGE, NewestFirst, iter_feed_items, iter_feeds
from airflow_provider_walmart.client.feeds.watch import LISTED_WITHIN
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.once.outcomes import may_have_arrived, never_arrived
from airflow_provider_walmart.client.once.records import Records
from airflow_provider_walmart.client.once.settle import settle
from airflow_provider_walmart.client.transport.error_bodies import json_error_details
from airflow_provider_walmart.client.transport.responses import decode_json

log = logging.getLogger(__name__)

PATH = "/v3/feeds"
# A feed that does not show within this time after it was sent never arrived. Seconds.
SETTLE = LISTED_WITHIN
READ_EVERY = 30.0
# Longest time from an intent to the end of its request: a token, a slot, the upload. Seconds.
LONGEST_SEND = 300.0
# How many feeds are read.
LONGEST_LOOK = 100 * PAGE
# By how much our clock may be ahead of Walmart's. Seconds.
CLOCKS_DIFFER = 300.0
# A feed that Walmart dates further than this from the time in which ours was sent is not taken for ours by its items.
# Less than above, since the wider this is, the more others fit; where the clocks differ by more, a person decides. Seconds.
SAME_TIME = 60.0
# Feeds that are so much older than the newest one of before an intent didn't come after it. Seconds, by Walmart's dates.
LONG_BEFORE = 86400.0
MEDIA_TYPES = {
    b"{": "application/json",
    b"[": "application/json",
    b"<": "application/xml",
    b"P": "application/zip",
}
# What is seen of our items in a feed: uncounted is one whose items Walmart hasn't counted yet.
Shown = Literal["all", "some", "none", "unknown", "uncounted"]
# Which of these a feed of ours may show, where none shows all of them, and where one does.
MAY_BE_OURS = (("all", "some", "unknown", "uncounted"), ("all", "uncounted"))
# What a feed is adopted by; one that shows some of them isn't.
PROOFS = {"all": "its items", "unknown": "type, number of items and time"}


@dataclass(frozen=True)
class FeedFile:
    """One feed to submit.

    :param feed_type: value of ``feedType``.
    :param content: the finished document: JSON, XML or zip.
    :param items: how many items it holds; 0 when unknown.
    :param fingerprint: distinguishes it from any other feed, that of another run of the same task included.
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

    @cached_property
    def words(self) -> frozenset[str]:
        """All texts and numbers in it, as texts; none of a document that is not JSON."""
        try:
            left = [json.loads(self.content)]
        except (ValueError, RecursionError):
            return frozenset()
        found = set()
        while left:
            value = left.pop()
            if isinstance(value, dict):
                left.extend(value.values())
            elif isinstance(value, list):
                left.extend(value)
            else:
                found.add(str(value))
        return frozenset(found)

    @cached_property
    def _folded_words(self) -> frozenset[str]:
        return frozenset(word.strip().casefold() for word in self.words)

    def likeness(self, sku: Any) -> Literal["same", "alike", "other"] | None:
        """Return whether a SKU is in it, in the same or in another spelling; None for what is no SKU."""
        if not isinstance(sku, str) or not sku.strip():
            return None
        if sku in self.words:
            return "same"
        return "alike" if sku.strip().casefold() in self._folded_words else "other"


def submit_feed(client: MarketplaceClient, feed: FeedFile) -> str:
    """Send one feed, without checking whether it was sent before, and return its id.

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
        details=json_error_details(answer),
        hint="Check whether it is among the recent feeds before sending it again.",
    )


class OnceSubmitter:
    """Submits feeds once, over any number of attempts and processes that share the records.

    :param client: the account.
    :param records: where intents and ids are kept.
    :param lasting: whether the records outlive the process. Where they don't, a feed of an earlier try is searched for
        by what Walmart lists alone.
    :param tried_since: when the first try before this one began, seconds since 1970 UTC; None: this is the first.
    :param resubmit_unknown: send again when the outcome stays unknown, at the risk of a duplicate.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: MarketplaceClient,
        records: Records,
        *,
        lasting: bool,
        tried_since: float | None,
        resubmit_unknown: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._records = records
        self._lasting = lasting
        self._guess_since = None if lasting else tried_since
        self._resubmit_unknown = resubmit_unknown
        self._sleep = sleep

    def submit(self, feed: FeedFile) -> str:
        """Return the id of a feed, sending it only when that has not been done yet.

        Feeds of a task are to be submitted in the same order on every try.

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
        if found := self._sent_before(feed, record):
            return self._keep(feed, found)
        known, _ = self._read(None, lambda _: True)
        newest = max(filter(None, map(_date_of, known)), default=None)
        since = newest - LONG_BEFORE if newest else None
        record = {
            "fileName": feed.name,
            "items": feed.items,
            "known": [item.get("feedId") for item in known if not _is_before(item, since)],
            "since": since,
            "sentAt": time.time(),
        }
        self._records.set(feed.key, record)
        log.info("Submitting %s: this task has not submitted this payload yet.", feed.name)
        if not self._lasting:
            log.info(
                "There is no task state store here (Airflow 3.3 has one): should this try die, the next one searches for the "
                "feed by its file name, or by type, items and time where Walmart lists no names."
            )
        return self._keep(feed, self._send(feed, record))

    def _send(self, feed: FeedFile, record: dict[str, Any]) -> str:
        try:
            return submit_feed(self._client, feed)
        except WalmartError as error:
            if not may_have_arrived(error, self._client.tokens.call.path):
                self._records.set(feed.key, {"refused": type(error).__name__})
                raise
            log.warning("The answer to the feed got lost, checking whether it arrived: %s", error)
            found = self._poll(feed, record, sent_by=time.time())
            if found:
                return found
            self._records.set(feed.key, {"refused": "it never arrived"})
            raise never_arrived("The feed", error) from error

    def _keep(self, feed: FeedFile, feed_id: str) -> str:
        self._records.set(feed.key, {"feedId": feed_id, "fileName": feed.name})
        return feed_id

    # -- what earlier tries sent -----------------------------------------------------------------------

    def _sent_before(self, feed: FeedFile, record: dict[str, Any]) -> str | None:
        """Return the id of a feed that an earlier try may have sent; None when none did."""
        if "sentAt" in record:
            return self._poll(feed, record, sent_by=min(time.time(), record["sentAt"] + LONGEST_SEND))
        if record or self._guess_since is None:
            return None
        log.warning(
            "There is no task state store here (Airflow 3.3 has one), so a feed of an earlier try is searched for by its "
            "file name %s, or by type, items and time where Walmart lists no names.",
            feed.name,
        )
        found = self._poll(feed, {}, sent_by=time.time() - SETTLE + READ_EVERY)
        if not found:
            # Feeds are sent in order: those after one that was not sent weren't either.
            self._guess_since = None
        return found

    def _poll(self, feed: FeedFile, record: dict[str, Any], *, sent_by: float) -> str | None:
        """Return the id of a feed that was sent, or None when it certainly never arrived.

        :param record: its intent; empty when there was no place to keep one.
        :param sent_by: nobody sent it later than this, seconds since 1970 UTC.
        :raises WalmartUnknownOutcomeError: when neither is certain, unless it is to be sent again then.
        """

        def read() -> tuple[list[dict[str, Any]], bool]:
            newer, is_complete = self._newer(record)
            return [item for item in newer if _same(item.get("feedType"), feed.feed_type)], is_complete

        def named(newer: list[dict[str, Any]]) -> dict[str, Any] | None:
            return next((item for item in newer if item.get("fileName") == feed.name), None)

        newer, is_complete = settle(
            read,
            sent_at=sent_by,
            within=SETTLE,
            every=READ_EVERY,
            sleep=self._sleep,
            write=feed.name,
            shows=lambda reading: named(reading[0]) is not None,
        )
        if item := named(newer):
            return self._adopt(item, "its file name")
        # Items tell less than a name: what has them is judged only now, when all that was sent is listed.
        ours, possible = decide([self._candidate(feed, item, record, sent_by) for item in newer], is_complete)
        if ours is not None:
            log.warning(
                "Walmart shows no more of a feed without our file name than SKUs, number of items and time: should "
                "another one with the same of all have been sent just then and ours not have arrived, this is that one."
            )
            return self._adopt(ours.item, PROOFS[ours.shown])
        if is_complete and not possible:
            log.info("%s is not among Walmart's feeds: it never arrived.", feed.name)
            return None
        self._give_up(feed, [candidate.item for candidate in possible])
        return None

    def _candidate(
        self, feed: FeedFile, item: dict[str, Any], record: dict[str, Any], sent_by: float
    ) -> Candidate:
        fits = item.get("itemsReceived") == feed.items and _came_then(item, record, sent_by)
        return Candidate(item, self._compare(feed, item), fits)

    def _compare(self, feed: FeedFile, item: dict[str, Any]) -> Shown:
        """Return how many of our items a feed of our type shows."""
        name = str(item.get("fileName") or "")
        # Walmart names a document that came without a file after the feed.
        if name and not name.startswith(str(item.get("feedId"))):
            return "none"
        received = item.get("itemsReceived")
        if not received:
            return "uncounted"
        if not feed.items:
            return "unknown"
        if received != feed.items:
            return "none"
        items = iter_feed_items(self._client, str(item["feedId"]))
        return has_items(feed, (item.get("sku") for item in items))

    def _adopt(self, item: dict[str, Any], why: str) -> str:
        log.info("The feed did arrive: found as %s by %s. It is not sent again.", item.get("feedId"), why)
        return str(item["feedId"])

    def _give_up(self, feed: FeedFile, doubtful: list[dict[str, Any]]) -> None:
        candidates = ", ".join(str(item.get("feedId")) for item in doubtful[:5])
        candidates = candidates or f"those before the last {LONGEST_LOOK}"
        if self._resubmit_unknown:
            log.warning("Sending the feed again, as on_unknown says; it may be one of %s.", candidates)
            return
        raise WalmartUnknownOutcomeError(
            f"Whether {feed.name} ({feed.items} items of type {feed.feed_type}) arrived is unknown: it may be one of "
            f"{candidates}",
            method="POST",
            path=PATH,
            hint=(
                "Check these feeds in Seller Center. If one is yours, mark this task as success; if none is, run it "
                "with on_unknown='resubmit'."
            ),
        )

    def _newer(self, record: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """Return the feeds that were not there when the intent was stored, and whether those are all."""
        known = set(record.get("known") or ())
        to_meet = set(known)

        def has_met_all(item: dict[str, Any]) -> bool:
            to_meet.discard(item.get("feedId"))
            return bool(known) and not to_meet

        since = record.get("since")
        if not record and self._guess_since:
            since = self._guess_since - CLOCKS_DIFFER
        feeds, is_complete = self._read(since, has_met_all)
        return [item for item in feeds if item.get("feedId") not in known], is_complete

    def _read(
        self, since: float | None, is_enough: Callable[[dict[str, Any]], bool]
    ) -> tuple[list[dict[str, Any]], bool]:
        """Return the feeds since some time, and whether none is missing.

        :param since: seconds since 1970 UTC; None: all.
        :param is_enough: called with each feed; whether those behind it don't matter in a list that has the newest first.
        """
        order = NewestFirst()
        feeds: list[dict[str, Any]] = []
        for number, item in enumerate(iter_feeds(self._client), start=1):
            order.add(item)
            is_old = _is_before(item, since)
            if not is_old:
                feeds.append(item)
            if (is_enough(item) or is_old) and order.is_shown:
                return feeds, True
            if number == LONGEST_LOOK:
                return feeds, False
        return feeds, True


@dataclass(frozen=True)
class Candidate:
    """What is known of a feed of our type that came since the intent and lacks our file name.

    :param item: the feed, as Walmart lists it.
    :param shown: how many of our items it shows.
    :param fits: whether it came when ours was sent, as far as that is known, with as many items.
    """

    item: dict[str, Any]
    shown: Shown
    fits: bool


def decide(candidates: Collection[Candidate], is_complete: bool) -> tuple[Candidate | None, list[Candidate]]:
    """Return the feed that is ours, if one certainly is, and all that may be.

    :param is_complete: whether these are all that came since the intent.
    """
    # Where Walmart shows all of our SKUs in one feed, another one that shows less is none of ours.
    has_all = any(candidate.shown == "all" for candidate in candidates)
    possible = [candidate for candidate in candidates if candidate.shown in MAY_BE_OURS[has_all]]
    is_proven = len(possible) == 1 and possible[0].shown in PROOFS and possible[0].fits
    return (possible[0] if is_complete and is_proven else None), possible


def has_items(feed: FeedFile, skus: Iterable[Any]) -> Shown:
    """Return how many of these SKUs a feed holds; ``unknown`` when that can't be known, or Walmart spells them otherwise."""
    if not feed.words:
        return "unknown"
    kinds: Counter[str] = Counter()
    for kind in filter(None, map(feed.likeness, skus)):
        kinds[kind] += 1
        # Only one that is the same so far is worth reading to its end.
        if kinds["same"] < kinds.total() >= PAGE:
            break
    if "other" in kinds:
        return "some" if len(kinds) > 1 else "none"
    return "all" if list(kinds) == ["same"] else "unknown"


def _came_then(item: dict[str, Any], record: dict[str, Any], sent_by: float) -> bool:
    """Return whether a feed came when ours was sent, as far as that is known."""
    date = _date_of(item)
    if date is None or "sentAt" not in record:
        return True
    return bool(record["sentAt"] - SAME_TIME <= date <= sent_by + SAME_TIME)


def _date_of(item: dict[str, Any]) -> float | None:
    """Return when a feed was submitted by Walmart's clock, seconds since 1970 UTC."""
    when = submitted_at(item)
    return when.timestamp() if when else None


def _is_before(item: dict[str, Any], since: float | None) -> bool:
    date = _date_of(item)
    return date is not None and since is not None and date < since


def _same(value: Any, other: str) -> bool:
    return str(value).casefold() == other.casefold()
