"""Reading all records of an operation: the searches that find them, their pages, each record once."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from airflow_provider_walmart.client.calls.build import build_request
from airflow_provider_walmart.client.calls.paging import page_params, records, total_of
from airflow_provider_walmart.client.calls.raw_pages import Raw
from airflow_provider_walmart.client.catalogue.operations import Operation, find
from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
from airflow_provider_walmart.client.exports.duplicates import Duplicates
from airflow_provider_walmart.client.exports.operations import Export, Period, export_of
from airflow_provider_walmart.client.exports.windows import CAP, Window, windows
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.values.dates import parse_time

log = logging.getLogger(__name__)

# Walmart keeps orders and returns for half a year.
LONGEST_HISTORY = timedelta(days=180)
# Before there was anything to know of, where an operation has to be told since when.
EVER = datetime(2009, 1, 1, tzinfo=timezone.utc)
# How Walmart's documents write dates.
WRITTEN = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d))?", re.ASCII)
# How often a search is read whose records change meanwhile.
PASSES = 5
# What may be added to a list while it is read.
ROOM = 100


def uses_interval(operation: str, params: Mapping[str, Any], cursor_field: str = "") -> bool:
    """Return whether an export takes its time window from its caller's ``start`` and ``end``.

    :param operation: name of the operation.
    :param params: parameters of the caller, which may hold dates of their own.
    :param cursor_field: as for `export_pages`.
    """
    export = export_of(operation)
    if export.own_period(params) or (export.since and params.get(export.since)):
        return False
    return bool(export.periods or export.since or cursor_field)


def export_pages(
    client: MarketplaceClient,
    operation: str,
    params: Mapping[str, Any],
    start: datetime | None,
    end: datetime,
    cursor_field: str = "",
    *,
    strict: bool = True,
) -> Iterator[list[Raw]]:
    """Return an iterator over the records in a time window, page by page as they are read, each once.

    All records are read where Walmart doesn't find them by date. A page may be empty.

    :param client: the account.
    :param operation: name of an operation that pages.
    :param params: parameters of the caller; dates of their own win over ``start`` and ``end``.
    :param start: begin of the window (aware); None: as far back as Walmart keeps records.
    :param end: its end.
    :param cursor_field: date in the records that the window is about; empty: last change, where Walmart can search
        by that.
    :param strict: as for `MarketplaceClient.call`.
    :raises WalmartConfigError: for dates that are none, and for a window so old that Walmart keeps nothing of it.
    :raises WalmartError: on the way.
    """
    found, export = find(operation), export_of(operation)
    params = {name: value for name, value in params.items() if value is not None}
    # Bad input is an error at once, not after the searches that only count.
    needed = page_params(found, _needed(export, params))
    build_request(found, needed, market=client.settings.market, strict=strict)
    listing = _Listing(client, found, strict)
    if export.periods:
        return _by_date(listing, export, params, start, end, cursor_field)
    if found.paging and found.paging.style == "single":
        return _at_once(listing, export, params, start)
    return _one_after_the_other(listing, export, params)


@dataclass(frozen=True)
class _Listing:
    """A list of Walmart's, read for one account."""

    client: MarketplaceClient
    operation: Operation
    strict: bool = True

    def pages(self, search: Mapping[str, Any]) -> Iterator[list[Raw]]:
        return self.client.raw_pages(self.operation.name, params=search, strict=self.strict)

    def count(self, search: Mapping[str, Any]) -> int:
        """Return how many records a search finds; where the answer doesn't say, whether it finds any."""
        page = self.client.call(self.operation.name, params={**search, "limit": 1}, strict=self.strict)
        total = total_of(self.operation, page)
        return len(records(self.operation, page)) if total is None else total


def window_pages(
    client: MarketplaceClient,
    operation: str,
    period: Period,
    start: datetime,
    end: datetime,
    params: Mapping[str, Any],
    strict: bool = True,
) -> Iterator[list[Raw]]:
    """Return an iterator over the records of a date range, in windows where one search would find too many of them.

    :param client: the account.
    :param operation: an operation that pages and takes dates.
    :param period: its parameters with begin and end.
    :param start: first moment of the range (aware).
    :param end: first moment after it (aware).
    :param params: its other parameters.
    :param strict: as for `MarketplaceClient.call`.
    :raises WalmartConfigError: at once, for bad input.
    :raises WalmartError: on the way.
    """
    found, export = find(operation), export_of(operation)
    if twice := params.keys() & {period.start, period.end}:
        raise WalmartConfigError(f"{found.name}: {', '.join(sorted(twice))} is given twice.")
    base = {**({export.beginning: _oldest()} if export.beginning else {}), **params}
    one = _Dated(_Listing(client, found, strict), base, {}, period, start, end)
    search = page_params(found, one.params(start, end))
    build_request(found, search, market=client.settings.market, strict=strict)
    return _in_windows(one, windows(start, end, one.count), Duplicates(export.key))


def _oldest() -> datetime:
    """Return since when Walmart has records."""
    return datetime.now(timezone.utc) - LONGEST_HISTORY + timedelta(hours=1)


def _needed(export: Export, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with those that an export adds."""
    return {**({export.since: EVER} if export.since else {}), **params}


def _one_after_the_other(listing: _Listing, export: Export, params: Mapping[str, Any]) -> Iterator[list[Raw]]:
    """Yield the pages of a list."""
    duplicates = Duplicates(export.key)
    for page in listing.pages(params):
        # What moves on while it is read comes again soon, so long lists need no long memory.
        if duplicates.count >= CAP:
            duplicates.next_batch()
        yield duplicates.fresh(page)


def _at_once(
    listing: _Listing, export: Export, params: Mapping[str, Any], start: datetime | None
) -> Iterator[list[Raw]]:
    """Yield the only pages of several searches, each as large as the search says."""
    duplicates = Duplicates(export.key)
    for base in _variants(export, params):
        if export.since:
            base.setdefault(export.since, start or EVER)
        if count := listing.count(base):
            for page in listing.pages({"limit": count + ROOM, **base}):
                yield duplicates.fresh(page)


def _variants(export: Export, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of the searches to be made, one of them where the caller chose what is shown."""
    is_chosen = any(name in params for name in export.variants[0])
    for variant in ({},) if is_chosen else export.variants:
        yield {**params, **variant}


def _by_date(
    listing: _Listing,
    export: Export,
    params: Mapping[str, Any],
    start: datetime | None,
    end: datetime,
    cursor_field: str,
) -> Iterator[list[Raw]]:
    """Yield the pages of the searches that together find everything in a time window."""
    duplicates = Duplicates(export.key)
    oldest = _oldest()
    own = export.own_period(params)
    period = own or export.period(cursor_field)
    if own:
        start = _moment(own.start, params.get(own.start, oldest))
        end = _moment(own.end, params.get(own.end, end))
        for name, moment in ((own.start, start), (own.end, end)):
            # Understood here, but not written as Walmart wants it.
            if isinstance(given := params.get(name), str) and not WRITTEN.fullmatch(given):
                params = {**params, name: moment}
    else:
        start = _still_kept(start, end, oldest)
    for base in _variants(export, params):
        if export.beginning:
            base.setdefault(export.beginning, oldest)
        one = _Dated(listing, base, params, period, start, end)
        yield from _in_windows(one, windows(start, end, one.count), duplicates)


def _in_windows(one: _Dated, parts: Iterator[Window], duplicates: Duplicates) -> Iterator[list[Raw]]:
    """Yield the pages of the searches of several windows."""
    for window in parts:
        if window.count:
            search = one.params(window.search_start, window.end)
            # Neighbouring windows share a second, so that nothing is lost at their edge.
            duplicates.next_batch()
            yield from _all_of(one.listing, search, window.count, duplicates)


def _all_of(
    listing: _Listing, search: dict[str, Any], count: int, duplicates: Duplicates
) -> Iterator[list[Raw]]:
    """Read again when records left the search meanwhile, and others moved up, past the page being read."""
    operation = listing.operation
    for _ in range(PASSES):
        before, expected = duplicates.count, count
        for page in listing.pages(search):
            yield duplicates.fresh(page)
        if duplicates.count >= count:
            return
        count = listing.count(search)
        if duplicates.count == before and count == expected:
            log.warning(
                "%s: Walmart says that a search finds %d records and gives %d, every time",
                operation.name,
                count,
                duplicates.count,
            )
            return
    raise WalmartError(
        f"{operation.name}: records change faster than they can be read.", hint="Run the export again later."
    )


@dataclass(frozen=True)
class _Dated:
    """A search that differs in its time window only; ``given`` is what the caller chose himself."""

    listing: _Listing
    base: Mapping[str, Any]
    given: Mapping[str, Any]
    period: Period
    start: datetime
    end: datetime

    def params(self, first: datetime, last: datetime) -> dict[str, Any]:
        start, end = self.period.start, self.period.end
        # The outer edges of a window of the caller's own are sent as they came.
        return {
            **self.base,
            start: self.given.get(start, first) if first < self.start else first,
            end: self.given.get(end, last) if last >= self.end else last,
        }

    def count(self, first: datetime, last: datetime) -> int:
        return self.listing.count(self.params(first, last))


def _still_kept(start: datetime | None, end: datetime, oldest: datetime) -> datetime:
    """Return the begin of a window, later where Walmart has forgotten its first part."""
    if end <= oldest:
        raise WalmartConfigError(
            f"The interval ends {end.isoformat()}; Walmart keeps records for {LONGEST_HISTORY.days} days only."
        )
    if start and start < oldest:
        log.warning(
            "Nothing from %s to %s: Walmart keeps records for %d days only",
            start,
            oldest,
            LONGEST_HISTORY.days,
        )
    return max(start or oldest, oldest)


def _moment(name: str, value: Any) -> datetime:
    """Return a point in time in one of the forms that callers give them in."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        # Walmart takes dates without a time zone for UTC.
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    moment = parse_time(value) if isinstance(value, str) else None
    if moment is None:
        shown = repr(value[:80]) if isinstance(value, str) else f"of type {type(value).__name__}"
        raise WalmartConfigError(
            f"{name} is {shown}; expected a date such as 2026-12-01 or 2026-12-01T10:30:15Z."
        )
    return moment
