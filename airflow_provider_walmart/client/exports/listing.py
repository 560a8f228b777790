"""A list of Walmart's, read page by page: as it comes, by offset, or all of it at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_walmart.client.calls.paging import (
    IN_VAIN,
    LoopGuard,
    check_whole,
    is_nothing_there,
    largest_of,
)
from airflow_provider_walmart.client.calls.parallel import in_order
from airflow_provider_walmart.client.calls.prefetch import prefetch
from airflow_provider_walmart.client.calls.raw_pages import Raw, RawPage
from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import WalmartNotFoundError
from airflow_provider_walmart.client.exports.duplicates import Duplicates
from airflow_provider_walmart.client.marketplace import MarketplaceClient

# How many keys of a long list are remembered: what moves on while it is read comes again soon.
REMEMBERED = 10_000
# How often a list has to come empty to be taken for one.
EMPTY = 2
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

    def from_start(self, params: Mapping[str, Any]) -> Iterator[RawPage]:
        """Yield the pages from the first one on; a list that comes empty is asked for twice.

        Walmart's lists come empty now and then, and are full when they are read again.
        """
        for _ in range(EMPTY):
            pages = self.pages(params)
            first = next(pages, RawPage([]))
            if first.records or first.total:
                break
        yield first
        yield from pages


def read_list(
    listing: Listing, params: Mapping[str, Any], key: tuple[str, ...], workers: int
) -> Generator[list[Raw], None, None]:
    """Return an iterator over the pages of a list, each record once: side by side where offsets allow it.

    :param params: parameters of the caller.
    :param key: what makes a record unique, as for `Duplicates`.
    :param workers: how many pages are read at the same time.
    :raises WalmartError: on the way.
    """
    taken = _Taken(listing, key)
    if _has_offsets(listing, params):
        return prefetch(_checked(_by_offset(listing, params, taken, workers), taken))
    if not listing.operation.is_list or _begins_within(listing, params):
        return prefetch(taken.take(page) for page in listing.pages(params))
    return prefetch(_checked((taken.take(page) for page in listing.from_start(params)), taken))


def _begins_within(listing: Listing, params: Mapping[str, Any]) -> bool:
    """Return whether the caller said where in a list to begin."""
    paging = listing.operation.paging
    return any(name in params for name in ("offset", paging.position if paging else ""))


def _checked(pages: Iterator[list[Raw]], taken: _Taken) -> Iterator[list[Raw]]:
    """Yield the pages of a list, which has to be whole at the end."""
    yield from pages
    taken.check_whole()


class _Taken:
    """What came of a list: leaves out records that came before, where a key tells them apart, in constant memory.

    :param key: what makes a record unique, as for `Duplicates`.
    """

    def __init__(self, listing: Listing, key: tuple[str, ...]) -> None:
        self._listing = listing
        self._has_key = bool(key)
        self._duplicates, self._guard = Duplicates(key), LoopGuard(listing.operation)
        self._different = self._gone_too_many = self._in_vain = 0
        self._least: int | None = None

    def take(self, page: RawPage) -> list[Raw]:
        """Return those of the records of a page that are new."""
        records = page.records
        if self._has_key:
            if self._duplicates.count >= REMEMBERED:
                self._duplicates.next_batch()
            records = self._duplicates.fresh(records)
        if page.total:
            self._least = min(page.total, self._least or page.total)
        if records:
            self._in_vain = max(0, self._in_vain - 1)
        self._different += len(records)
        return records

    def check_moves_on(self, page: RawPage) -> None:
        """Raise when a server gives the same page again; that of records with a key, their count shows."""
        if not self._has_key:
            self._guard.check_page(page.records, may_repeat=True)

    def goes_back(self, page: RawPage, gone: int, size: int) -> bool:
        """Return whether to read again what came before a page, and take note where that doesn't help.

        :param gone: how many records fewer this page announces.
        :param size: how many records a page holds.
        """
        can = self._has_key and gone < size and self._in_vain < IN_VAIN
        if gone and can:
            self._in_vain += 1
            return True
        # Nothing is behind an empty page that could have moved up, once it has been looked for.
        if page.records or self._in_vain < IN_VAIN:
            self._gone_too_many = max(self._gone_too_many, gone)
        return False

    def check_whole(self) -> None:
        """Raise when fewer records came than were announced, or some may have been passed over."""
        listing, gone = self._listing, self._gone_too_many
        check_whole(
            listing.name, self._different, self._least or 0, gone_too_many=gone, strict=listing.strict
        )


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
        pages = listing.from_start({"limit": ROOM, **search})
        first = next(pages)
        total = first.total or 0
        if total > len(first.records) and "limit" not in search:
            return list(listing.from_start({**search, "limit": total + ROOM}))
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
    listing: Listing, params: Mapping[str, Any], taken: _Taken, workers: int
) -> Iterator[list[Raw]]:
    """Yield the pages of a list: the first one, which says how many there are, then the others side by side."""
    position = str(listing.operation.paging and listing.operation.paging.position)
    most = largest_of(listing.operation, position)
    pages = listing.from_start(params)
    first = next(pages)
    size, total = len(first.records), first.total or 0
    yield taken.take(first)
    if not size or total <= size or (most is not None and total > most):
        for page in pages:
            yield taken.take(page)
        return

    taken.check_moves_on(first)
    for page in _rest(listing, params, position, first, taken, workers):
        taken.check_moves_on(page)
        yield taken.take(page)


def _rest(
    listing: Listing, params: Mapping[str, Any], position: str, first: RawPage, taken: _Taken, workers: int
) -> Iterator[RawPage]:
    """Yield the pages behind the first one, read side by side.

    :param position: the parameter that is the offset.
    :param taken: what came, each page after it was given.
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
    # A total that became smaller is no proof that this is the end, and one that was passed is wrong.
    most = total = first.total or 0
    while offset != most:
        for page in in_order(range(offset, max(most, offset + 1), size), read, workers):
            # Pages that are read side by side may show the list before and after it changed, in any order.
            before, total = total, page.total or total
            gone, most = max(0, before - total), max(most, total)
            goes_back = taken.goes_back(page, gone, size)
            yield page
            if goes_back:
                # What was behind the records that are gone has moved up, onto what was read.
                offset = max(0, offset - gone)
                break
            offset += len(page.records)
            if len(page.records) < size:
                # Whatever comes behind it has another offset than was thought.
                break
        if not page.records and not goes_back:
            break
