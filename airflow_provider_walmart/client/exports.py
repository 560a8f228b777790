"""What is special about landing all records of an operation: dates, windows, what Walmart hides by default."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_walmart.client.catalogue import find
from airflow_provider_walmart.client.errors import WalmartRequestError
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.paging import total_of
from airflow_provider_walmart.client.raw_pages import Raw, key_of
from airflow_provider_walmart.client.windows import CAP, SECOND, windows, without_doubles

# Walmart keeps orders and returns for half a year.
LONGEST_HISTORY = timedelta(days=180)
SHORTEST = 2 * SECOND


@dataclass(frozen=True)
class Export:
    """Ready-made settings for one operation.

    :param start: parameter with the begin of the time window.
    :param end: parameter with its end.
    :param key: what makes a record unique.
    :param variants: parameters of searches that have to be made one by one to see everything.
    :param beginning: parameter that limits the search to recent records unless it is set far back.
    :param capped: whether one search finds a limited number of records, so that windows must be split.
    """

    start: str
    end: str
    key: str
    variants: tuple[Mapping[str, str], ...] = ({},)
    beginning: str = ""
    capped: bool = False


# Orders that Walmart or a third party ships are hidden unless they are asked for.
SHIPPED_BY = tuple({"shipNodeType": who} for who in ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled"))
DATED: dict[str, Export] = {
    "getAllOrders": Export(
        "lastModifiedStartDate",
        "lastModifiedEndDate",
        "purchaseOrderId",
        SHIPPED_BY,
        beginning="createdStartDate",
        capped=True,
    ),
    "getAllReleasedOrders": Export("createdStartDate", "createdEndDate", "purchaseOrderId", capped=True),
    "getReturns": Export("returnLastModifiedStartDate", "returnLastModifiedEndDate", "returnOrderId"),
}


def searches(
    client: MarketplaceClient,
    operation: str,
    params: Mapping[str, Any],
    start: datetime | None,
    end: datetime,
) -> Iterator[dict[str, Any]]:
    """Yield the parameters of all searches that together find everything in a time window.

    :param operation: name of the operation.
    :param params: parameters of the caller; one of our own that they hold already is left to them.
    :param start: begin of the window (aware); None: as far back as Walmart keeps records.
    :param end: its end.
    """
    name = find(operation).name
    export = DATED.get(name)
    if export is None or export.start in params:
        yield dict(params)
        return
    oldest = datetime.now(timezone.utc) - LONGEST_HISTORY + timedelta(hours=1)
    start = max(start or oldest, oldest)
    for variant in export.variants:
        if any(key in params and params[key] != value for key, value in variant.items()):
            continue
        base = {**params, **variant}
        if export.beginning:
            base.setdefault(export.beginning, oldest)

        def count(first: datetime, last: datetime, base: dict[str, Any] = base) -> int:
            window = {**base, export.start: first, export.end: last, "limit": 1}
            try:
                return total_of(find(operation), client.call(operation, params=window)) or 0
            except WalmartRequestError as error:
                # Refused for finding too much, unless the shortest window is refused as well.
                if error.status != 400 or last - first <= SHORTEST:
                    raise
                count(last - SECOND, last)
                return CAP + 1

        if not export.capped:
            yield {**base, export.start: start, export.end: end}
            continue
        for window in windows(start, max(start, end), count):
            if window.count:
                yield {**base, export.start: window.search_start, export.end: window.end}


def raw_records(
    client: MarketplaceClient,
    operation: str,
    params: Mapping[str, Any],
    start: datetime | None,
    end: datetime,
    on_page: Any = lambda: None,
) -> Iterator[Raw]:
    """Yield all records in a time window as raw JSON, each once.

    :param on_page: called for every page read.

    The other parameters are those of `searches`.
    """
    export = DATED.get(find(operation).name)

    def of_search(search: dict[str, Any]) -> Iterator[Raw]:
        for page in client.raw_pages(operation, params=search):
            on_page()
            yield from page

    batches = (of_search(search) for search in searches(client, operation, params, start, end))
    if export is None:
        return itertools.chain.from_iterable(batches)
    # Neighbouring windows share a second, so that nothing is lost at their edge.
    return without_doubles(batches, key_of(export.key))
