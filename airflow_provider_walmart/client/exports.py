"""What is special about landing all records of an operation: dates, windows, what Walmart hides by default."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from airflow_provider_walmart.client.catalogue import find
from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError, WalmartRequestError
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.paging import page_params, records, total_of
from airflow_provider_walmart.client.raw_pages import Raw, key_of
from airflow_provider_walmart.client.request_building import build_request
from airflow_provider_walmart.client.windows import CAP, SECOND, windows, without_doubles

log = logging.getLogger(__name__)

# Walmart keeps orders and returns for half a year.
LONGEST_HISTORY = timedelta(days=180)
SHORTEST = 2 * SECOND
# How often a search is read whose records change meanwhile.
PASSES = 5


@dataclass(frozen=True)
class Export:
    """Ready-made settings for one operation whose records are found by date.

    :param periods: pairs of parameters with begin and end of a time window, the best one first.
    :param key: what makes a record unique.
    :param variants: parameters of searches that have to be made one by one to see everything.
    :param beginning: parameter that limits the search to recent records unless it is set far back.
    """

    periods: tuple[tuple[str, str], ...]
    key: str
    variants: tuple[Mapping[str, str], ...] = ({},)
    beginning: str = ""

    def own_period(self, params: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return the pair of parameters that the caller sets himself, be it one of the two; None for none."""
        return next((pair for pair in self.periods if any(params.get(name) for name in pair)), None)


# Orders that Walmart or a third party ships are hidden unless they are asked for.
SHIPPED_BY = tuple({"shipNodeType": who} for who in ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled"))
CREATED = ("createdStartDate", "createdEndDate")
DATED: dict[str, Export] = {
    "getAllOrders": Export(
        (("lastModifiedStartDate", "lastModifiedEndDate"), CREATED),
        "purchaseOrderId",
        SHIPPED_BY,
        beginning="createdStartDate",
    ),
    "getAllReleasedOrders": Export((CREATED,), "purchaseOrderId"),
    "getReturns": Export(
        (
            ("returnLastModifiedStartDate", "returnLastModifiedEndDate"),
            ("returnCreationStartDate", "returnCreationEndDate"),
        ),
        "returnOrderId",
    ),
}


def uses_interval(operation: str, params: Mapping[str, Any]) -> bool:
    """Return whether an export takes its time window from its caller's ``start`` and ``end``.

    :param operation: name of the operation.
    :param params: parameters of the caller, which may hold dates of their own.
    """
    export = DATED.get(find(operation).name)
    return export is not None and not export.own_period(params)


def searches(
    client: MarketplaceClient,
    operation: str,
    params: Mapping[str, Any],
    start: datetime | None,
    end: datetime,
) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the searches that together find everything in a time window: their parameters, and how many they find.

    :param operation: name of an operation whose records are found by date.
    :param params: parameters of the caller; dates of their own win over ``start`` and ``end``.
    :param start: begin of the window (aware); None: as far back as Walmart keeps records.
    :param end: its end.
    :raises WalmartConfigError: for dates that are none, and for a window so old that Walmart keeps nothing of it.
    """
    export = DATED[find(operation).name]
    oldest = datetime.now(timezone.utc) - LONGEST_HISTORY + timedelta(hours=1)
    own = export.own_period(params)
    start_name, end_name = own or export.periods[0]
    if own:
        start = _moment(start_name, params.get(start_name, oldest))
        end = _moment(end_name, params.get(end_name, end))
    else:
        start = _still_kept(start, end, oldest)
    is_chosen = any(name in params for name in export.variants[0])
    for variant in ({},) if is_chosen else export.variants:
        base = {**params, **variant}
        if export.beginning:
            base.setdefault(export.beginning, oldest)

        def search(first: datetime, last: datetime, base: dict[str, Any] = base) -> dict[str, Any]:
            # The outer edges of a window of the caller's own are sent as they came.
            return {
                **base,
                start_name: params.get(start_name, first) if first < start else first,
                end_name: params.get(end_name, last) if last >= end else last,
            }

        def count(first: datetime, last: datetime, search: Callable[..., dict[str, Any]] = search) -> int:
            try:
                return _count(client, operation, search(first, last))
            except WalmartRequestError as error:
                # Refused for finding too much, unless the shortest window is refused as well.
                if error.status != 400 or last - first <= SHORTEST:
                    raise
                count(last - SECOND, last, search)
                return CAP + 1

        for window in windows(start, end, count):
            if window.count:
                yield search(window.search_start, window.end), window.count


def raw_records(
    client: MarketplaceClient,
    operation: str,
    params: Mapping[str, Any],
    start: datetime | None,
    end: datetime,
    on_page: Callable[[], None] = lambda: None,
) -> Iterator[Raw]:
    """Yield all records in a time window as raw JSON, each once; all there are where records aren't found by date.

    :param on_page: called for every page read.

    The other parameters are those of `searches`.
    """
    found_operation = find(operation)
    export = DATED.get(found_operation.name)
    params = {name: value for name, value in params.items() if value is not None}
    # Bad input is an error at once, not after the searches that only count.
    build_request(found_operation, page_params(found_operation, params), market=client.settings.market)

    def read(search: dict[str, Any]) -> Iterator[Raw]:
        for page in client.raw_pages(operation, params=search):
            on_page()
            yield from page

    def read_all(search: dict[str, Any], count: int) -> Iterator[Raw]:
        """Read again when records left the search meanwhile, and others moved up, past the page being read."""
        for _ in range(PASSES):
            found = 0
            for record in read(search):
                found += 1
                yield record
            if found >= count:
                return
            count = _count(client, operation, search)
        raise WalmartError(
            f"{operation}: records change faster than they can be read.", hint="Run the export again later."
        )

    if export is None:
        return read(params)
    batches = itertools.starmap(read_all, searches(client, operation, params, start, end))
    # Neighbouring windows share a second, so that nothing is lost at their edge.
    return without_doubles(batches, key_of(export.key))


def _count(client: MarketplaceClient, operation: str, search: Mapping[str, Any]) -> int:
    """Return how many records a search finds; where the answer doesn't say, whether it finds any."""
    found = find(operation)
    page = client.call(operation, params={**search, "limit": 1})
    total = total_of(found, page)
    return len(records(found, page)) if total is None else total


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
    if isinstance(value, str):
        try:
            # Before Python 3.11 the Z isn't understood.
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise WalmartConfigError(
                f"{name} is {value[:80]!r}; expected a date such as 2026-12-01 or 2026-12-01T10:30:15Z."
            ) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise WalmartConfigError(f"{name} is of type {type(value).__name__}; expected a date.")
    # Walmart takes dates without a time zone for UTC.
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
