"""Reading the searches of several date windows side by side, each record once, in order."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Event
from typing import Any

from airflow_provider_walmart.client.calls.paging import INCOMPLETE_HINT
from airflow_provider_walmart.client.calls.parallel import Split, in_order
from airflow_provider_walmart.client.calls.raw_pages import Raw, RawPage
from airflow_provider_walmart.client.errors import (
    WalmartError,
    WalmartIncompleteError,
    WalmartRequestError,
)
from airflow_provider_walmart.client.exports.duplicates import Duplicates, keys_of
from airflow_provider_walmart.client.exports.listing import Listing
from airflow_provider_walmart.client.exports.operations import Period
from airflow_provider_walmart.client.exports.page_file import PageFile
from airflow_provider_walmart.client.exports.windows import SECOND, Window, parts_of

log = logging.getLogger(__name__)

# How often a search is read whose records change meanwhile.
PASSES = 5


@dataclass(frozen=True)
class Search:
    """A search in one window of a date range.

    :param variant: which one it is of the searches of the same range.
    :param base: its parameters but the dates.
    :param given: dates that the caller chose: the outer edges of his range are sent as they came.
    :param period: the parameters with the dates.
    :param start: begin of the whole range.
    :param end: its end.
    :param window: the part of it that is searched.
    :param of_total: how many records the window holds that this one was split from; None when unknown.
    """

    variant: int
    base: Mapping[str, Any]
    given: Mapping[str, Any]
    period: Period
    start: datetime
    end: datetime
    window: Window
    of_total: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is the search of the whole range."""
        return self.window.start <= self.start and self.window.end >= self.end

    def params(self, first: datetime | None = None) -> dict[str, Any]:
        """Return what is sent.

        :param first: begin of the search, where it is not that of the window.
        """
        start, end = self.period.start, self.period.end
        first, last = first or self.window.search_start, self.window.end
        return {
            **self.base,
            start: self.given.get(start, first) if first < self.start else first,
            end: self.given.get(end, last) if last >= self.end else last,
        }


def read_searches(
    listing: Listing, stages: Iterable[Iterable[Search]], key: tuple[str, ...], workers: int
) -> Generator[list[Raw], None, None]:
    """Yield the pages that searches find, in their order, each record once.

    :param listing: the list that is searched.
    :param stages: searches in order of time; those of a stage are read when those before it have been.
    :param key: what makes a record unique, as for `Duplicates`.
    :param workers: how many searches are read at the same time.
    :raises WalmartError: on the way.
    """
    reader = _Reader(listing, key)
    keys = keys_of(key)
    # By what is searched for besides dates.
    before: dict[int, Set[Hashable]] = {}
    for found in itertools.chain.from_iterable(
        in_order(searches, reader.read, workers) for searches in stages
    ):
        # Neighbouring windows share a second, so that nothing is lost at their edge.
        again = before.get(found.variant, frozenset()) & found.keys
        for page in found.pages:
            yield (
                [record for name, record in zip(keys(page), page, strict=True) if name not in again]
                if again
                else page
            )
        if found.keys:
            before[found.variant] = found.keys


@dataclass
class _Found:
    """What a search found, each record once."""

    variant: int
    pages: PageFile
    keys: Set[Hashable] = frozenset()


@dataclass(frozen=True)
class _Reader:
    """Reads one search after the other; used by several threads at once."""

    listing: Listing
    key: tuple[str, ...]

    def read(self, search: Search, stop: Event) -> _Found | Split[Search]:
        """Read a search, or say which ones to read in its place."""
        window = search.window
        pages = self.listing.pages(search.params())
        try:
            first = next(pages, RawPage([]))
        except WalmartRequestError as error:
            if error.status != 400 or window.end - window.start <= SECOND:
                raise
            if not search.is_whole:
                # A 400 for another reason than finding too many comes whatever the dates. To ask for that before the first
                # parts are would keep all of them waiting.
                next(self.listing.pages(search.params(window.end - SECOND)), None)
            total, parts = None, parts_of(window, None, 0)
        else:
            total, parts = (
                first.total,
                parts_of(window, first.total or 0, len(first.records), search.of_total),
            )
        if parts:
            return Split([replace(search, window=part, of_total=total) for part in parts])
        return self._read_all(search, first, pages, stop)

    def _read_all(self, search: Search, first: RawPage, pages: Iterator[RawPage], stop: Event) -> _Found:
        """Read all pages, again when records left the search meanwhile, and others moved up, past the page being read."""
        found, duplicates = _Found(search.variant, PageFile()), Duplicates(self.key)
        for number in range(PASSES):
            if number:
                pages = self.listing.pages(search.params())
                first = next(pages, RawPage([]))
            total, known = first.total or 0, duplicates.count
            # That pages ended too early, the count shows.
            with contextlib.suppress(WalmartIncompleteError):
                for page in itertools.chain([first], pages):
                    if stop.is_set():
                        return found
                    found.pages.add(duplicates.fresh(page.records))
            found.keys = duplicates.keys
            if duplicates.count >= total:
                return found
            if duplicates.count == known:
                self._give_up(total, known)
                return found
        raise WalmartError(
            f"{self.listing.name}: records change faster than they can be read.",
            hint="Run the export again later.",
        )

    def _give_up(self, total: int, known: int) -> None:
        message = f"{self.listing.name}: Walmart says that a search finds {total} records, and gives {known} of them"
        if self.listing.strict:
            raise WalmartIncompleteError(f"{message}, every time.", hint=INCOMPLETE_HINT)
        log.warning("%s, every time", message)
