"""Asking for a report once, whatever dies when.

Walmart takes one request per report type and hour. So an equal request that was made a short time ago is used in place of
a new one, and what an earlier try asked for is found again: by the id that was kept, or among Walmart's list of requests.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartError, WalmartRateLimitError
from airflow_provider_walmart.client.once.outcomes import may_have_arrived, never_arrived
from airflow_provider_walmart.client.once.settle import settle
from airflow_provider_walmart.client.reports.requests import (
    ReportWatch,
    find_report_requests,
    matches,
    request_report,
    submitted_at,
)
from airflow_provider_walmart.client.values.dates import from_epoch, utc_now

if TYPE_CHECKING:
    from airflow_provider_walmart.client.marketplace import MarketplaceClient
    from airflow_provider_walmart.client.once.records import Records

log = logging.getLogger(__name__)

# A request whose answer got lost is in the list by then. Seconds.
SETTLE = 60.0
READ_EVERY = 20.0
# By how much our clock may differ from Walmart's.
CLOCKS_DIFFER = timedelta(days=1)
# Walmart takes one request per report type in this time, so another one after an ERROR would be refused.
COOL_DOWN = timedelta(hours=1)


class OnceRequester:
    """Asks for one report once, over any number of attempts and processes that share the records.

    :param client: the account.
    :param records: where the intent and the id are kept.
    :param report_type: Walmart's ``reportType``.
    :param report_version: its version, such as ``v6``.
    :param body: what the report is to hold.
    :param reuse_within: how old an equal request may be to be used; zero: always a new one.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: MarketplaceClient,
        records: Records,
        report_type: str,
        report_version: str,
        body: dict[str, Any],
        *,
        reuse_within: timedelta,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._records = records
        self._type = report_type
        self._version = report_version
        self._body = body
        self._reuse_within = reuse_within
        self._sleep = sleep
        self._key = record_key(report_type, report_version, body)

    def request(self) -> tuple[dict[str, Any], bool]:
        """Return a report request, and whether it was there before this task asked for one.

        :raises WalmartRateLimitError: when Walmart takes no new one now, and none that is there may be used.
        :raises WalmartError: when it was refused, or certainly not sent; the next try asks.
        """
        record = self._records.get(self._key) or {}
        if found := self._of_earlier_try(record):
            return found, bool(record.get("reused"))
        if found := self._find_sent(record):
            self._keep(found, reused=False)
            return found, False
        bad = record["requestId"] if record.get("bad") else None
        recent, known = self._recent(bad)
        if recent is None:
            try:
                return self._ask(known), False
            except WalmartRateLimitError:
                # Somebody else may have asked for the same since we read the list.
                recent, _ = self._recent(bad)
                if recent is None:
                    raise
        self._keep(recent, reused=True)
        return recent, True

    def keep_landed(self, request_id: str) -> None:
        """Keep that the report is where it belongs: from here on a cleared task may ask anew."""
        self._records.set(self._key, {"requestId": request_id, "landed": True})

    def keep_bad(self, request_id: str, *, reused: bool) -> None:
        """Keep that a report failed or is damaged: it may never get better, so the next try may ask for another one."""
        self._records.set(self._key, {"requestId": request_id, "reused": reused, "bad": True})

    def _keep(self, found: Mapping[str, Any], *, reused: bool) -> None:
        log.info("Using report %s, asked for at %s", found["requestId"], found.get("requestSubmissionDate"))
        self._records.set(self._key, {"requestId": found["requestId"], "reused": reused})

    def _ask(self, known: list[str]) -> dict[str, Any]:
        """Ask for a new report.

        :param known: ids of the equal requests that are there.
        """
        record = {"sentAt": time.time(), "known": known}
        self._records.set(self._key, record)
        try:
            request = request_report(self._client, self._type, self._version, self._body)
        except WalmartError as error:
            if not may_have_arrived(error, self._client.tokens.call.path):
                self._records.set(self._key, {"refused": type(error).__name__})
                raise
            log.warning("The answer to the report request got lost, checking whether it arrived: %s", error)
            found = self._find_sent(record)
            if found is None:
                self._records.set(self._key, {"refused": "it never arrived"})
                raise never_arrived("The report request", error) from error
            request = found
        self._records.set(self._key, {"requestId": request["requestId"]})
        log.info("Asked for report %s (%s %s)", request["requestId"], self._type, self._version)
        return request

    def _of_earlier_try(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the request of an earlier try; None when there is none, or it is time for another one."""
        if not record.get("requestId") or record.get("landed"):
            return None
        request_id = str(record["requestId"])
        request = ReportWatch(self._client, self._type).poll([request_id])[request_id]
        if request is None:
            return None
        if record.get("bad") or request.get("requestStatus") == "ERROR":
            when = submitted_at(request)
            if when is None or utc_now() - when > COOL_DOWN:
                return None
        log.info("An earlier try asked for report %s: going on with that one", request_id)
        return request

    def _find_sent(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the request that was sent and whose answer nobody saw; None when it never arrived.

        It is recognised by its id, which was not there before: clocks differ.

        :param record: what was kept before it was sent, if anything was sent.
        """
        if "sentAt" not in record:
            return None
        since = from_epoch(record["sentAt"]) - CLOCKS_DIFFER
        known = set(record.get("known", ()))
        new = settle(
            lambda: [request for _, request in self._equal(since) if request["requestId"] not in known],
            sent_at=record["sentAt"],
            within=SETTLE,
            every=READ_EVERY,
            sleep=self._sleep,
            write=f"The request of a report {self._type}",
        )
        return new[-1] if new else None

    def _recent(self, bad: str | None) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest equal request that may be used, and the ids of all that there are.

        :param bad: id of one that may not.
        """
        now = utc_now()
        equal = self._equal(now - max(self._reuse_within, CLOCKS_DIFFER))
        recent = [
            request
            for when, request in equal
            if now - self._reuse_within <= when
            and request.get("requestStatus") != "ERROR"
            and request["requestId"] != bad
        ]
        found = recent[-1] if recent and self._reuse_within else None
        return found, [request["requestId"] for _, request in equal]

    def _equal(self, since: datetime) -> list[tuple[datetime, dict[str, Any]]]:
        """Return the equal requests made at this time or later with their times, the oldest first."""
        found: list[tuple[datetime, dict[str, Any]]] = []
        for request in find_report_requests(
            self._client, self._type, report_version=self._version, since=since, strict=True
        ):
            when = submitted_at(request)
            if request.get("requestId") and when and when >= since and matches(request, self._body):
                found.append((when, request))
        return sorted(found, key=itemgetter(0))


def record_key(report_type: str, report_version: str, body: Mapping[str, Any]) -> str:
    """Return the name of the record of one request."""
    asked = json.dumps([report_type, report_version, body], sort_keys=True)
    return f"walmart_report_{hashlib.sha256(asked.encode()).hexdigest()[:24]}"
