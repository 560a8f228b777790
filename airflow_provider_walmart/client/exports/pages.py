"""Reading all records of an operation: the searches that find them, their pages, each record once."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from airflow_provider_walmart.client.calls.build import build_request
from airflow_provider_walmart.client.calls.paging import page_params
from airflow_provider_walmart.client.calls.parallel import workers_for
from airflow_provider_walmart.client.calls.raw_pages import Raw
from airflow_provider_walmart.client.catalogue.keys import key_of
from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.exports.listing import Listing, read_at_once, read_list
from airflow_provider_walmart.client.exports.operations import Export, Period, export_of
from airflow_provider_walmart.client.exports.searches import Search, read_searches
from airflow_provider_walmart.client.exports.windows import SECOND, Window, window_of
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.values.dates import parse_time, utc_now

log = logging.getLogger(__name__)

# Walmart keeps orders and returns for half a year.
LONGEST_HISTORY = timedelta(days=180)
# Before there was anything to know of, where an operation needs to know since when.
EVER = datetime(2009, 1, 1, tzinfo=timezone.utc)
# How Walmart's documents write dates.
WRITTEN = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d))?", re.ASCII)


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
    concurrency: int = 1,
) -> Generator[list[Raw], None, None]:
    """Return an iterator over the records in a time window, page by page, each once and in an order of its own.

    All records are read where Walmart doesn't find them by date. A page may be empty.

    :param client: the account.
    :param operation: name of an operation that pages.
    :param params: parameters of the caller; dates of their own win over ``start`` and ``end``.
    :param start: begin of the window (aware); None: as far back as Walmart keeps records.
    :param end: its end.
    :param cursor_field: date in the records that the window is about; empty: last change, where Walmart can search
        by that.
    :param strict: as for `MarketplaceClient.call`; False takes a list that ends too early as it is, too.
    :param concurrency: most calls on their way at the same time; pages that follow a cursor come one after the other.
    :raises WalmartConfigError: for dates that are none, and for a window so old that Walmart keeps nothing of it.
    :raises WalmartError: on the way.
    """
    found, export = find(operation), export_of(operation)
    params = {name: value for name, value in params.items() if value is not None}
    # Bad input is an error at once, not when the first page is asked for.
    needed = page_params(found, _needed(export, params))
    build_request(found, needed, market=client.settings.market, strict=strict)
    listing = Listing(client, found, strict)
    workers = workers_for(found, needed, concurrency)
    if export.periods:
        return _by_date(listing, export, params, start, end, cursor_field, workers)
    if found.paging and found.paging.style == "single":
        searches = [
            {**({export.since: start or EVER} if export.since else {}), **base}
            for base in _variants(export, params)
        ]
        return read_at_once(listing, searches, key_of(found.name), workers)
    return read_list(listing, params, key_of(found.name), workers)


def window_pages(
    client: MarketplaceClient,
    operation: str,
    period: Period,
    start: datetime,
    end: datetime,
    params: Mapping[str, Any],
    *,
    strict: bool = True,
    concurrency: int = 1,
) -> Generator[list[Raw], None, None]:
    """Return an iterator over the records of a date range, in windows where one search would find too many of them.

    :param client: the account.
    :param operation: an operation that pages and takes dates.
    :param period: its parameters with begin and end.
    :param start: first moment of the range (aware).
    :param end: first moment after it (aware).
    :param params: its other parameters.
    :param strict: as for `export_pages`.
    :param concurrency: as for `export_pages`.
    :raises WalmartConfigError: at once, for bad input.
    :raises WalmartError: on the way.
    """
    found, export = find(operation), export_of(operation)
    if twice := params.keys() & {period.start, period.end}:
        raise WalmartConfigError(f"{found.name}: {', '.join(sorted(twice))} is given twice.")
    base = {**({export.beginning: _oldest()} if export.beginning else {}), **params}
    search = Search(0, base, {}, period, start, end, window_of(start, end))
    sent = page_params(found, search.params())
    build_request(found, sent, market=client.settings.market, strict=strict)
    workers = workers_for(found, sent, concurrency)
    return _in_time([search], Listing(client, found, strict), workers)


def _oldest() -> datetime:
    """Return since when Walmart has records."""
    return utc_now() - LONGEST_HISTORY + timedelta(hours=1)


def _needed(export: Export, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with those that an export adds."""
    return {**({export.since: EVER} if export.since else {}), **params}


def _variants(export: Export, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of the searches to be made, one of them where the caller chose what is shown."""
    is_chosen = any(name in params for name in export.variants[0])
    for variant in ({},) if is_chosen else export.variants:
        yield {**params, **variant}


def _by_date(
    listing: Listing,
    export: Export,
    params: Mapping[str, Any],
    start: datetime | None,
    end: datetime,
    cursor_field: str,
    workers: int,
) -> Generator[list[Raw], None, None]:
    """Return an iterator over the pages of the searches that together find everything in a time window."""
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
    window = window_of(start, end)
    searches = []
    for number, base in enumerate(_variants(export, params)):
        if export.beginning:
            base.setdefault(export.beginning, oldest)
        searches.append(Search(number, base, params, period, start, end, window))
    return _in_time(searches, listing, workers)


def _in_time(searches: list[Search], listing: Listing, workers: int) -> Generator[list[Raw], None, None]:
    """Return an iterator over the pages of searches of the same window.

    A record that changes while windows are read side by side moves into one that lies in the future, and may be gone from
    the one it was in before that is read. So what lies in the future is read when everything else has been.
    """
    window, now = searches[0].window, utc_now().replace(microsecond=0)
    parts = [window] if window.start < window.end else []
    # An end of just now has been rounded up to the next second.
    if searches[0].period.is_of_changes and window.start < now < window.end - SECOND:
        parts = [Window(window.start, now), Window(now, window.end)]
    stages = [[replace(search, window=part) for search in searches] for part in parts]
    return read_searches(listing, stages, key_of(listing.name), workers)


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
    moment = parse_time(value) if isinstance(value, (date, str)) else None
    if moment is None:
        shown = repr(value[:80]) if isinstance(value, str) else f"of type {type(value).__name__}"
        raise WalmartConfigError(
            f"{name} is {shown}; expected a date such as 2026-12-01 or 2026-12-01T10:30:15Z."
        )
    return moment
