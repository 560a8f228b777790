"""Reading the searches of several date windows side by side, each record once, in order."""

from __future__ import annotations

import contextlib
import itertools
import logging
from array import array
from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Event
from typing import Any

from airflow_provider_walmart.client.calls.paging import INCOMPLETE_HINT, check_whole
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
from airflow_provider_walmart.client.values.dates import utc_now

log = logging.getLogger(__name__)

# How often a search is read whose records change meanwhile.
PASSES = 5


@dataclass
class Whole:
    """A search that others are made in place of, each in a part of its window.

    :param search: this search.
    :param total: how many records it finds, as Walmart says; None when it was refused.
    :param count: how many different ones its parts have found.
    """

    search: Search
    total: int | None
    count: int = 0


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
    :param whole: the search that this one is a part of; None: there is none.
    """

    variant: int
    base: Mapping[str, Any]
    given: Mapping[str, Any]
    period: Period
    start: datetime
    end: datetime
    window: Window
    whole: Whole | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is the search of the whole range."""
        return self.window.start <= self.start and self.window.end >= self.end

    def wholes(self) -> Iterator[Whole]:
        """Yield the searches that this one is a part of, the smallest first."""
        whole = self.whole
        while whole:
            yield whole
            whole = whole.search.whole

    def completed(self) -> Iterator[Whole]:
        """Yield those of them that it is the last part of."""
        return (whole for whole in self.wholes() if whole.search.window.end == self.window.end)

    def count(self, found: int, shared: int) -> None:
        """Count what it found for the searches that it is a part of.

        :param found: how many records.
        :param shared: how many of them the search of the window before found as well.
        """
        for whole in self.wholes():
            is_first = whole.search.window.start == self.window.start
            whole.count += found if is_first else found - shared

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
    listing: Listing, stages: Sequence[Sequence[Search]], key: tuple[str, ...], workers: int
) -> Generator[list[Raw], None, None]:
    """Yield the pages that searches find, in their order, each record once.

    :param listing: the list that is searched.
    :param stages: searches in order of time; those of a stage are read when those before it have been.
    :param key: what makes a record unique, as for `Duplicates`.
    :param workers: how many searches are read at the same time.
    :raises WalmartIncompleteError: when the parts of a search find less than Walmart said that it finds.
    :raises WalmartError: on the way.
    """
    now, all_searches = utc_now(), itertools.chain.from_iterable(stages)
    may_move = any(search.period.is_of_changes and search.window.end > now for search in all_searches)
    reader, known = _Reader(listing, key), _Known(key, now if may_move else None)
    for searches in stages:
        reading = in_order(searches, reader.read, workers)
        for found in reading:
            yield from known.fresh(found)
            try:
                for whole in found.search.completed():
                    reader.check_whole(whole)
            except WalmartError as error:
                # Raised there, it ends what is on its way.
                reading.throw(error)


@dataclass
class _Found:
    """What a search found, each record once."""

    search: Search
    pages: PageFile = field(default_factory=PageFile)
    keys: Set[Hashable] = frozenset()


class _Known:
    """Knows which records were given already.

    :param key: what makes a record unique, as for `Duplicates`.
    :param begun: when reading began, where a record that changes from then on may come again; None: it doesn't.
    """

    def __init__(self, key: tuple[str, ...], begun: datetime | None) -> None:
        self._keys_of = keys_of(key)
        self._begun = begun
        # What the search of the window before found, by what is searched for besides dates.
        self._before: dict[int, Set[Hashable]] = {}
        # A record that changes moves on to a window that is not over. Of those that may come again there, eight bytes each are
        # kept.
        self._hashes = array("q")

    def fresh(self, found: _Found) -> Iterator[list[Raw]]:
        """Yield the pages of what a search found, without the records that were given already."""
        again = self._again(found)
        for page in found.pages:
            yield (
                [record for name, record in zip(self._keys_of(page), page, strict=True) if name not in again]
                if again
                else page
            )

    def _again(self, found: _Found) -> Set[Hashable]:
        """Return the keys of what was given already, and take note of the others."""
        search, keys = found.search, found.keys
        if not keys:
            return keys
        # Neighbouring windows share a second, so that nothing is lost at their edge.
        again = self._before.get(search.variant, frozenset()) & keys
        search.count(len(keys), len(again))
        self._before[search.variant] = keys
        if self._begun is None:
            return again
        by_hash = {hash(key): key for key in keys}
        if search.window.end > self._begun:
            again |= {by_hash[known] for known in self._hashes if known in by_hash}
        self._hashes.extend(by_hash)
        return again


@dataclass(frozen=True)
class _Reader:
    """Reads one search after the other; used by several threads at once."""

    listing: Listing
    key: tuple[str, ...]

    def read(self, search: Search, stop: Event) -> _Found | Split[Search]:
        """Read a search, or say which ones to read in its place."""
        window = search.window
        pages = self.listing.from_start(search.params())
        try:
            first = next(pages)
        except WalmartRequestError as error:
            if error.status != 400 or window.end - window.start <= SECOND:
                raise
            if not search.is_whole:
                # A 400 for another reason than finding too many comes whatever the dates. To ask for that before the first
                # parts are would keep all of them waiting.
                next(self.listing.pages(search.params(window.end - SECOND)), None)
            total, parts = None, parts_of(window, None, 0)
        else:
            total, of_total = first.total, search.whole.total if search.whole else None
            parts = parts_of(window, total or 0, len(first.records), of_total)
        if parts:
            whole = Whole(search, total)
            return Split([replace(search, window=part, whole=whole) for part in parts])
        return self._read_all(search, first, pages, stop)

    def _read_all(self, search: Search, first: RawPage, pages: Iterator[RawPage], stop: Event) -> _Found:
        """Read all pages, again when records left the search meanwhile, and others moved up, past the page being read."""
        found, duplicates, total = _Found(search), Duplicates(self.key), 0
        for number in range(PASSES):
            if number:
                pages = self.listing.from_start(search.params())
                first = next(pages)
            # Of what was there a moment ago, an empty answer says nothing.
            total, known = first.total or total, duplicates.count
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

    def check_whole(self, whole: Whole) -> None:
        """Pass for a search whose parts have found as much as it finds.

        :raises WalmartIncompleteError: for one that has more.
        """
        if whole.total is None or whole.count >= whole.total:
            return
        # Records move on to a later window. Of what was there a moment ago, an empty answer says nothing, and neither does one
        # that is refused since more came.
        first = RawPage([])
        with contextlib.suppress(WalmartRequestError):
            first = next(self.listing.from_start(whole.search.params()))
        announced = min(whole.total, first.total or whole.total)
        check_whole(self.listing.name, whole.count, announced, strict=self.listing.strict)

    def _give_up(self, total: int, known: int) -> None:
        message = f"{self.listing.name}: Walmart says that a search finds {total} records, and gives {known} of them"
        if self.listing.strict:
            raise WalmartIncompleteError(f"{message}, every time.", hint=INCOMPLETE_HINT)
        log.warning("%s, every time", message)
