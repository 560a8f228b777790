"""A list of Walmart's, read page by page: as it comes, by offset, or all of it at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_walmart.client.calls.paging import check_whole, is_nothing_there, largest_of
from airflow_provider_walmart.client.calls.parallel import in_order
from airflow_provider_walmart.client.calls.prefetch import prefetch
from airflow_provider_walmart.client.calls.raw_pages import Raw, RawPage
from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import WalmartNotFoundError
from airflow_provider_walmart.client.exports.duplicates import Duplicates
from airflow_provider_walmart.client.marketplace import MarketplaceClient

# How many keys of a long list are remembered: what moves on while it is read comes again soon.
REMEMBERED = 10_000
# What may be added to a list while it is read.
ROOM = 100


@dataclass(frozen=True)
class Listing:
    """A list of Walmart's, read for one account.

    :param strict: as for `MarketplaceClient.call`.
    """

    client: MarketplaceClient
    operation: Operation
    strict: bool = True

    @property
    def name(self) -> str:
        """Name of the operation."""
        return self.operation.name

    def pages(self, params: Mapping[str, Any]) -> Iterator[RawPage]:
        """Return an iterator over the pages, one after the other."""
        return self.client.raw_pages(self.name, params=params, strict=self.strict)


def read_list(
    listing: Listing, params: Mapping[str, Any], key: tuple[str, ...], workers: int
) -> Generator[list[Raw], None, None]:
    """Return an iterator over the pages of a list, each record once: side by side where offsets allow it.

    :param params: parameters of the caller.
    :param key: what makes a record unique, as for `Duplicates`.
    :param workers: how many pages are read at the same time.
    :raises WalmartError: on the way.
    """
    duplicates = Duplicates(key)
    if _has_offsets(listing, params):
        return prefetch(_by_offset(listing, params, duplicates, workers))
    return prefetch(_fresh(page, duplicates) for page in listing.pages(params))


def _fresh(page: RawPage, duplicates: Duplicates) -> list[Raw]:
    """Return the records of a page that are new, in constant memory."""
    if duplicates.count >= REMEMBERED:
        duplicates.next_batch()
    return duplicates.fresh(page.records)


def read_at_once(
    listing: Listing, searches: Iterable[Mapping[str, Any]], key: tuple[str, ...], workers: int
) -> Generator[list[Raw], None, None]:
    """Yield the only pages of several searches, each as large as its first answer says.

    :param searches: parameters of each.
    :param key: what makes a record unique, as for `Duplicates`.
    :param workers: how many searches are made at the same time.
    :raises WalmartError: on the way.
    """

    def read(search: Mapping[str, Any], _stop: object) -> list[RawPage]:
        pages = listing.pages({"limit": ROOM, **search})
        first = next(pages, RawPage([]))
        total = first.total or 0
        if total > len(first.records) and "limit" not in search:
            return list(listing.pages({**search, "limit": total + ROOM}))
        return [first, *pages]

    duplicates = Duplicates(key)
    for pages in in_order(searches, read, workers):
        for page in pages:
            yield duplicates.fresh(page.records)


def _has_offsets(listing: Listing, params: Mapping[str, Any]) -> bool:
    """Return whether the pages of a list can be asked for in any order."""
    paging = listing.operation.paging
    return bool(paging and paging.style == "offset" and not paging.in_body and paging.position not in params)


def _by_offset(
    listing: Listing, params: Mapping[str, Any], duplicates: Duplicates, workers: int
) -> Iterator[list[Raw]]:
    """Yield the pages of a list: the first one, which says how many there are, then the others side by side."""
    position = str(listing.operation.paging and listing.operation.paging.position)
    most = largest_of(listing.operation, position)
    pages = listing.pages(params)
    first = next(pages, RawPage([]))
    size, total = len(first.records), first.total or 0
    yield (fresh := _fresh(first, duplicates))
    if not size or total <= size or (most is not None and total > most):
        yield from (_fresh(page, duplicates) for page in pages)
        return

    different, least, gone_too_many = len(fresh), total, 0
    for page, gone in _rest(listing, params, position, first, workers):
        yield (fresh := _fresh(page, duplicates))
        different += len(fresh)
        least = min(least, page.total or least)
        gone_too_many = max(gone_too_many, gone)
    check_whole(listing.name, different, least, gone_too_many=gone_too_many, strict=listing.strict)


def _rest(
    listing: Listing, params: Mapping[str, Any], position: str, first: RawPage, workers: int
) -> Iterator[tuple[RawPage, int]]:
    """Yield the pages behind the first one, read side by side, and how many records too many were taken away meanwhile.

    :param position: the parameter that is the offset.
    """

    def read(offset: int, _stop: object) -> RawPage:
        try:
            return next(listing.pages({**params, position: offset}), RawPage([]))
        except WalmartNotFoundError as error:
            # So some lists say that there is nothing behind the last page.
            if is_nothing_there(error):
                return RawPage([])
            raise

    size = offset = len(first.records)
    # A total that became smaller is no proof that this is the end.
    most = total = first.total or 0
    while offset < most:
        for page in in_order(range(offset, most, size), read, workers):
            # Pages that are read side by side may show the list before and after it changed, in any order.
            before, total = total, page.total or total
            gone, most = max(0, before - total), max(most, total)
            yield page, gone if gone >= size else 0
            if 0 < gone < size:
                # What was behind the records that are gone has moved up, onto what was read.
                offset = max(0, offset - gone)
                break
            offset += len(page.records)
            if len(page.records) < size:
                # Whatever comes behind it has another offset than was thought.
                break
        if not page.records and not gone:
            break
