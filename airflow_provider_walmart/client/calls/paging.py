"""Going through all pages of an operation. Nothing is sent here: the caller fetches.

What the styles of the catalogue mean:

``query string``
    The reply holds the whole query of the next page, with or without a leading question mark. It is used as it is,
    alone, neither encoded nor decoded: anything else gives 400, 401 or page 1 again. Without one, that was all.
``cursor``
    The reply holds an opaque value, sent encoded together with all other parameters. Pages may be short or even
    empty; only a missing cursor ends the list. The same cursor twice would never end, so it is an error, unless an empty
    page repeats what it was asked with: there is nothing behind it.
``cursor mark``
    The same, beginning with ``*``; at the end the mark stays as it was sent.
``scroll``
    The same, but the cursor may stay the same all the time and never run out: an empty page or the total ends it.
``items cursor``
    A scroll that begins with ``*`` and dies after two minutes, or that a market doesn't have. What follows is then read
    by offset, as far as Walmart allows offsets (10,000).
``offset``
    Counts records. The total ends it, or a 404 behind records. Where the reply holds none, or 0, or fewer than came, or as
    many as a first page that is full, an empty page ends it, or one that is shorter than another one. A page that is not
    full, or all of the list by its total, and comes again is that of a server without offsets, and all there is.
``page``
    Counts pages; ends likewise.
``single``
    One page, as large as it is asked to be, and nothing to move on with. Less than the total is an error.
``byte offset``
    The reply holds the place in a file to go on from; a reply without records, or with no later place, ends it.

A list is whole or an error: one that ends after fewer different records than every page of it announced is a
`WalmartIncompleteError`. A total of 0 announces nothing and ends nothing. The page before, or the first one, once more is an
error in all styles but the last two, as far as records can be told apart.

Lists change while they are read. What is added pushes records onto the next page, where they come again: a page that begins
with the end of the page before gives the rest only. What is taken away pulls records onto a page that was read already, and
the total gets smaller: then reading goes on from the page before, in the styles that can ask for it again (query string,
offset, page), and no total ends the list any more, but an empty page, a 404 or a missing cursor. Where more was taken away
at once than a page holds, the list is an error. Going back again and again to what is known already has an end as well.

That a record comes again can be seen where records have a key (`key_of`). Equal records of other lists are so many records:
all are given, and such a list is an error when it gets shorter.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_walmart.client.calls.build import build_request
from airflow_provider_walmart.client.catalogue.keys import key_of
from airflow_provider_walmart.client.catalogue.operations import Operation, Paging
from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartIncompleteError,
    WalmartNotFoundError,
    WalmartRequestError,
)

log = logging.getLogger(__name__)

Fetch = Callable[[str, Any], Any]
# How many pages back records are known again once a list became shorter.
REMEMBERED = 6
# How many pages more than those that bring something new are read again.
IN_VAIN = 10
# Codes of a 404 that is about the path.
NO_SUCH_PATH = frozenset({"URI_NOT_FOUND"})
# Largest offset of GET /v3/items, for the markets whose documents name none.
MAX_ITEMS_OFFSET = 10_000
INCOMPLETE_HINT = "Run it again later; pass strict=False to go on with what Walmart gives, should it count other things than it lists."


def page_params(operation: Operation, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of the first page: the largest page, unless the caller chose another size.

    :param operation: a paginated operation.
    :param params: parameters of the caller, which come first.
    :raises WalmartConfigError: when the operation has a single page.
    """
    paging = _paging(operation)
    found: dict[str, Any] = dict(paging.extra)
    if not paging.in_body:
        if paging.limit:
            found[paging.limit] = paging.page_size
        if paging.position:
            found[paging.position] = paging.first
    found.update((name, value) for name, value in (params or {}).items() if value is not None)
    return {name: value for name, value in found.items() if value is not None}


def pages(
    operation: Operation, params: Mapping[str, Any] | None, body: Any, fetch: Fetch, *, strict: bool = True
) -> Iterator[Page]:
    """Return an iterator over all pages, one request at a time, each sent when its page is asked for.

    :param operation: a paginated operation.
    :param params: parameters of the caller, path parameters included.
    :param body: body of the caller, for operations that take one. Never changed.
    :param fetch: ``fetch(query, body)`` sends one request with this query (encoded, without question mark) and
        this body, and returns the decoded JSON, None for an empty reply.
    :param strict: as for `build_request`.
    :raises WalmartConfigError: at once, for parameters that the operation does not take.
    :raises WalmartIncompleteError: at the end, when fewer records came than Walmart announced; with ``strict=False`` that
        is a warning.
    :raises WalmartError: on the way, when the pages would never end, or cannot be read to the end.
    """
    paginator = paginator_of(operation, params, body, strict=strict)
    return _pages(paginator, paginator.first(), fetch)


def iter_records(
    operation: Operation,
    params: Mapping[str, Any] | None,
    body: Any,
    fetch: Fetch,
    *,
    max_records: int | None = None,
    strict: bool = True,
) -> Iterator[Any]:
    """Return an iterator over the records of all pages, of which at most four are in memory.

    :param max_records: stop after so many; None for all.

    The other parameters and the errors are those of `pages`.
    """
    if max_records is not None and (not isinstance(max_records, int) or max_records < 0):
        raise WalmartConfigError(f"max_records is {max_records!r}; expected a whole number or None.")
    found = pages(operation, params, body, fetch, strict=strict)
    return itertools.islice((record for page in found for record in page.records), max_records)


def records(operation: Operation, page: Any) -> list[Any]:
    """Return the records of one page; none where the list is missing or null.

    :raises WalmartError: when there is something else where the records should be.
    """
    found = _at(operation, page, _paging(operation).records)
    if found is None:
        return []
    # JSON that Walmart makes from XML has a single record without a list around it.
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list):
        raise WalmartError(f"{operation.name} answered {type(found).__name__} where records were expected.")
    return found


def total_of(operation: Operation, page: Any) -> int | None:
    """Return how many records all pages together hold, as the reply says; None when it does not say."""
    number = _integer(_at(operation, page, _paging(operation).total))
    return number if number is not None and number >= 0 else None


@dataclass(frozen=True)
class Page:
    """What a page adds to a list.

    :param records: its records, without those that the page before ended with.
    :param total: how many records all pages together hold, as the reply says; None when it does not say.
    """

    records: list[Any]
    total: int | None


@dataclass(frozen=True)
class PageRequest:
    """What to send for one page.

    :param query: encoded query without question mark.
    :param body: the body; None for none.
    """

    query: str
    body: Any


class LoopGuard:
    """Finds pages that come again, in constant memory.

    :param operation: named in the error.
    """

    def __init__(self, operation: Operation) -> None:
        self._name = operation.name
        self._kept: str | None = None
        self._last: str | None = None
        self._steps, self._power = 0, 1
        self._first_page: list[Any] = []
        self._last_page: list[Any] = []

    def check_cursor(self, cursor: str) -> None:
        """Take note of a cursor that must not come again.

        It is compared with the one before, and with one that is kept and replaced after 1, 2, 4, 8, ... further
        ones, so that a circle of any length is found.

        :raises WalmartError: when it came before.
        """
        if cursor in (self._last, self._kept):
            shown = repr(cursor[:80])
            raise WalmartError(
                f"{self._name} gave the same cursor twice, its pages would never end: {shown}."
            )
        self._last = cursor
        self._steps += 1
        if self._steps == self._power:
            self._kept, self._steps, self._power = cursor, 0, self._power * 2

    def check_page(self, found: list[Any], *, may_repeat: bool = False) -> None:
        """Take note of the records of a page.

        :param may_repeat: whether equal records are so many records, of a list that has an end. Then the page before is an error
            only where it holds different records, and the first one is none.
        :raises WalmartError: when they are those of the page before, or of the first one: who loses the place begins again.
        """
        is_before = found == self._last_page
        if may_repeat:
            is_again = is_before and (len(found) < 2 or any(record != found[0] for record in found))
        else:
            is_again = is_before or found == self._first_page
        if found and is_again:
            raise WalmartError(f"{self._name} gave the same page twice, its pages would never end.")
        self._last_page = found
        self._first_page = self._first_page or found


class Paginator:
    """One way through all pages of one operation. Used once, from the first page to the last.

    :param operation: a paginated operation.
    :param params: parameters of the caller.
    :param body: body of the caller.
    :param strict: as for `build_request`.
    """

    def __init__(self, operation: Operation, params: Mapping[str, Any], body: Any, strict: bool) -> None:
        self.operation = operation
        self.paging = _paging(operation)
        # How many records the pages held, and how many different ones.
        self.seen = self.different = 0
        self._params = page_params(operation, params)
        self._body = self._first_body(body) if self.paging.in_body else body
        self._strict = strict
        self._guard = LoopGuard(operation)
        self._position = self._sent(self.paging.position)
        self._from_start = str(self._position) == str(self.paging.first)
        self._least_total: int | None = None
        self._last_total = 0
        # How many records fewer this page announced than any one before, and how many of them were too many.
        self._gone = self._gone_too_many = 0
        # How many pages more were read again than brought something new.
        self._in_vain = 0
        self._has_key = bool(key_of(operation.name))
        self._recent: deque[list[Any]] = deque(maxlen=2)

    @property
    def _became_shorter(self) -> bool:
        return self._recent.maxlen == REMEMBERED

    def first(self) -> PageRequest:
        """Return what to send first."""
        return self._ask(self._position)

    def take(self, page: Any) -> Page:
        """Return what a page adds to the list, and take note of it.

        :raises WalmartError: when the page came before.
        """
        found, total = records(self.operation, page), total_of(self.operation, page)
        if self._is_pushed(found, total):
            self._in_vain += 1
        else:
            may_repeat = bool(total) and not self._has_key and not self._became_shorter
            self._guard.check_page(found, may_repeat=may_repeat)
        self._note_total(total)
        fresh = self._fresh(found)
        self._recent.append(found)
        self.seen += len(found)
        self.different += len(fresh)
        if fresh:
            self._in_vain = max(0, self._in_vain - 1)
        return Page(fresh, total)

    def next(self, page: Any) -> PageRequest | None:
        """Return what to send after a page that was taken; None at the end.

        :raises WalmartIncompleteError: at the end, when fewer records came than announced.
        """
        if self._gone and (earlier := self._step_back(self._gone)):
            # Pages come again from there on.
            self._guard = LoopGuard(self.operation)
            return earlier
        following = self._after(page, records(self.operation, page))
        if following is None:
            self._check_complete()
        return following

    def rescue(self, error: WalmartError) -> PageRequest | None:
        """Return what to send after a page could not be had; None at the end.

        :raises WalmartIncompleteError: at the end, when fewer records came than announced.
        :raises WalmartError: ``error`` itself when nothing helps.
        """
        # Some lists say with a 404 that there is nothing behind the last page.
        if not isinstance(error, WalmartNotFoundError) or not self._ends_with(error):
            raise error
        self._check_complete()
        return None

    def _ends_with(self, error: WalmartNotFoundError) -> bool:
        """Return whether a 404 is the end of the list."""
        return bool(self._least_total) and self.different >= (self._least_total or 0)

    def _is_pushed(self, found: list[Any], total: int | None) -> bool:
        """Return whether as much was added in front as a page holds, so that the page before comes again."""
        is_again = self._has_key and bool(self._recent) and found == self._recent[-1]
        return is_again and (total or 0) - self._last_total >= len(found) and self._in_vain < IN_VAIN

    def _note_total(self, total: int | None) -> None:
        self._gone = 0
        self._last_total = total or self._last_total
        if not total or not self.operation.is_list:
            return
        least, self._least_total = self._least_total or total, min(total, self._least_total or total)
        self._gone = least - self._least_total
        if self._gone:
            self._recent = deque(self._recent, maxlen=REMEMBERED)

    def _fresh(self, found: list[Any]) -> list[Any]:
        """Return the records of a page without those that came just before."""
        if not self._has_key:
            return found
        if self._became_shorter:
            known = {_mark(record) for page in self._recent for record in page}
            return [record for record in found if _mark(record) not in known]
        # What was added in front pushed the end of the page before onto this one.
        return found[_overlap(self._recent[-1], found) if self._recent else 0 :]

    def _step_back(self, gone: int) -> PageRequest | None:
        """Return what to send when records are gone, so that those behind them have moved up; None where nothing helps."""
        return None

    def _can_step_back(self, gone: int) -> bool:
        """Return whether the page before holds all that moved up, and tells it from what is known; take note where not."""
        is_enough = self._has_key and len(self._recent) > 1 and gone <= len(self._recent[-2])
        if not is_enough or self._in_vain == IN_VAIN:
            self._gone_too_many = max(gone, self._gone_too_many)
            return False
        self._in_vain += 1
        return True

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        raise NotImplementedError

    def _check_complete(self) -> None:
        """Raise when fewer records came than Walmart announced, or some may have been passed over."""
        counts = self.operation.is_list and self._from_start
        check_whole(
            self.operation.name,
            self.different,
            # Totals change while a list is read: only what no page's total explains is missing.
            (self._least_total or 0) if counts else 0,
            gone_too_many=self._gone_too_many,
            strict=self._strict,
        )

    def _first_body(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, (dict, type(None))):
            kind = type(body).__name__
            raise WalmartConfigError(f"{self.operation.name}: the body is of type {kind}; expected a dict.")
        paging, found = self.paging, dict(body or {})
        for path, value in ((paging.limit, paging.page_size), (paging.position, paging.first)):
            if value is not None and _get(found, path) is None:
                found = _put(found, path, value)
        return found

    def _sent(self, name: str) -> Any:
        """Return what is sent with the first page, in the query or in the body."""
        return _get(self._body, name) if self.paging.in_body else self._params.get(name)

    def _ask(self, position: Any) -> PageRequest:
        """Return the request for what is at a position; None for where the list begins."""
        self._position = position
        params, body = self._params, self._body
        if position is not None and self.paging.in_body:
            body = _put(body, self.paging.position, position)
        elif position is not None:
            params = {**params, self.paging.position: position}
        return PageRequest(build_request(self.operation, params, strict=self._strict).query, body)

    def _cursor(self, page: Any) -> str | None:
        cursor = _at(self.operation, page, self.paging.cursor)
        if cursor is None or (isinstance(cursor, str) and not cursor.strip()):
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, (str, int)):
            kind = type(cursor).__name__
            raise WalmartError(f"{self.operation.name} answered {kind} where a cursor was expected.")
        text = str(cursor)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise WalmartError(
                f"{self.operation.name} gave an invalid Unicode surrogate as cursor, which can't be sent."
            ) from None
        return text

    def _all_seen(self, page: Any, before: int = 0) -> bool | None:
        """Return whether this was the last record by the total; None where the reply holds no usable total."""
        total = total_of(self.operation, page)
        return before + self.different >= total if total else None

    def _is_ended_by_total(self, page: Any, before: int = 0) -> bool | None:
        """Return whether the total ends the list here: one that became smaller doesn't; None where it says nothing."""
        total = total_of(self.operation, page)
        if total and self._became_shorter:
            return False
        seen = before + self.different
        return seen == total if total and seen <= total else None


class QueryStringPaginator(Paginator):
    """Follows ready query strings."""

    def __init__(self, operation: Operation, params: Mapping[str, Any], body: Any, strict: bool) -> None:
        super().__init__(operation, params, body, strict)
        self._requests = deque([self.first()], maxlen=REMEMBERED)

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        cursor = self._cursor(page)
        if cursor is None:
            return None
        following = PageRequest(cursor.strip().removeprefix("?"), self._body)
        if not found and following == self._requests[-1]:
            return None
        self._guard.check_cursor(cursor)
        self._requests.append(following)
        return following

    def _step_back(self, gone: int) -> PageRequest | None:
        if not self._can_step_back(gone):
            return None
        # That of the page before is behind it then; the first one stays.
        if len(self._requests) > 1:
            self._requests.pop()
        return self._requests[-1]


class CursorPaginator(Paginator):
    """Follows opaque cursors."""

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        cursor = self._cursor(page)
        if cursor is None or self._is_end(cursor, found):
            return None
        self._guard.check_cursor(cursor)
        return self._ask(cursor)

    def _is_end(self, cursor: str, found: list[Any]) -> bool:
        # Search engines give back the mark they were sent when nothing is behind it.
        return cursor == self._position and not found


class CursorMarkPaginator(CursorPaginator):
    """Follows cursor marks."""

    def _is_end(self, cursor: str, found: list[Any]) -> bool:
        return bool(cursor == self._position)


class ScrollPaginator(Paginator):
    """Follows a cursor that may stay the same."""

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        cursor = self._cursor(page)
        return None if cursor is None or not found or self._is_ended_by_total(page) else self._ask(cursor)


class CountingPaginator(Paginator):
    """Counts on its own what to ask for next."""

    def __init__(self, operation: Operation, params: Mapping[str, Any], body: Any, strict: bool) -> None:
        super().__init__(operation, params, body, strict)
        self._largest_page = 0
        self._is_all = False
        self._start = _whole(operation, self.paging.position, self._position)
        size = self._sent(self.paging.limit) if self.paging.limit else None
        self._size = None if size is None else _whole(operation, self.paging.limit, size)

    def take(self, page: Any) -> Page:
        """Return what a page adds to the list, and take note of it."""
        found, total = records(self.operation, page), total_of(self.operation, page)
        is_short = 0 < len(found) < (self._size or 0)
        may_be_all = (is_short and not total) or self._is_first_full(total)
        self._is_all = may_be_all and bool(self._recent) and found == self._recent[-1]
        return Page([], total) if self._is_all else super().take(page)

    def rescue(self, error: WalmartError) -> PageRequest | None:
        """Return what to send after a page could not be had; None at the end."""
        # Behind a first page that was all of the list, there may be no place to ask for.
        if (
            self._is_first_full(self._last_total)
            and isinstance(error, WalmartRequestError)
            and error.status == 400
        ):
            self._check_complete()
            return None
        return super().rescue(error)

    def _is_first_full(self, total: int | None) -> bool:
        """Return whether the first page is all of the list by its total, which may be the count of the page as well."""
        return self.operation.is_list and total == self.seen == self._size

    def _is_last(self, page: Any, found: list[Any], before: int) -> bool:
        """Return whether a page is the last one, with so many records before the first page asked for."""
        largest, self._largest_page = self._largest_page, max(self._largest_page, len(found))
        if not found or self._is_all:
            return True
        is_ended = self._is_ended_by_total(page, before)
        if is_ended is None or self._is_first_full(total_of(self.operation, page)):
            # Pages may be shorter than was asked for: then only one that is shorter than another one is the last.
            return len(found) < largest
        return is_ended

    def _ends_with(self, error: WalmartNotFoundError) -> bool:
        # What is asked for was counted here, so nothing is there only where the list is over.
        return super()._ends_with(error) or (self.seen > 0 and is_nothing_there(error))


class OffsetPaginator(CountingPaginator):
    """Counts records."""

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        if self._is_last(page, found, self._start):
            return None
        offset, largest = self._start + self.seen, largest_of(self.operation, self.paging.position)
        if self._strict and largest is not None and offset > largest:
            if self._all_seen(page, self._start):
                return None
            raise WalmartError(
                f"{self.operation.name} has more records than can be read: offsets end at {largest}.",
                hint="Narrow the search, for instance by date.",
            )
        return self._ask(offset)

    def go_on_from(self, other: Paginator) -> None:
        """Know what came before, in another way."""
        self._guard, self._recent = other._guard, other._recent
        self._largest_page = max((len(found) for found in self._recent), default=0)

    def _step_back(self, gone: int) -> PageRequest | None:
        if not self._can_step_back(gone):
            return None
        self.seen = max(0, self.seen - len(self._recent[-1]) - gone)
        return self._ask(self._start + self.seen)


class PagePaginator(CountingPaginator):
    """Counts pages."""

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        before = (self._start - int(self.paging.first or 0)) * (self._size or 0)
        return None if self._is_last(page, found, before) else self._ask(int(self._position) + 1)

    def _step_back(self, gone: int) -> PageRequest | None:
        return self._ask(max(self._start, int(self._position) - 1)) if self._can_step_back(gone) else None


class ByteOffsetPaginator(CountingPaginator):
    """Goes on from the place in a file that the reply names."""

    def take(self, page: Any) -> Page:
        """Return what a page adds to the list: lines of a file may be equal."""
        found = records(self.operation, page)
        self.seen += len(found)
        return Page(found, total_of(self.operation, page))

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        cursor = self._cursor(page)
        if cursor is None or not found:
            return None
        offset = _integer(cursor)
        if offset is None:
            shown = repr(cursor[:80])
            raise WalmartError(f"{self.operation.name} answered {shown} where an offset was expected.")
        return self._ask(offset) if offset > int(self._position) else None


class SinglePaginator(Paginator):
    """Takes the one page there is."""

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        if self._all_seen(page) is False:
            raise WalmartError(
                f"{self.operation.name} gave {self.seen} of {total_of(self.operation, page)} records, and has no "
                "further pages.",
                hint=f"Ask for all of them at once with {self.paging.limit}.",
            )
        return None


class ItemsPaginator(ScrollPaginator):
    """Follows the cursor of the item listing, and goes on by offset when it has expired."""

    def __init__(self, operation: Operation, params: Mapping[str, Any], body: Any, strict: bool) -> None:
        super().__init__(operation, params, body, strict)
        offset = self._params.get("offset")
        self._by_offset = None if offset is None else self._offsets(offset)
        if offset is not None:
            self._from_start = str(offset) == "0"

    def first(self) -> PageRequest:
        """Return what to send first."""
        return self._by_offset.first() if self._by_offset else super().first()

    def rescue(self, error: WalmartError) -> PageRequest | None:
        """Return what to send when the cursor has expired; None when there are no items, or no more of them."""
        if self.seen == 0:
            # No match is answered with 404; a wrong path is, too, with another code.
            if isinstance(error, WalmartNotFoundError) and "CONTENT_NOT_FOUND" in {
                detail.name for detail in error.details
            }:
                return None
        elif self._by_offset:
            return super().rescue(error)
        elif self._from_start and isinstance(error, WalmartRequestError) and error.status == 400:
            return self._go_on_by_offset(error)
        return super().rescue(error)

    def take(self, page: Any) -> Page:
        """Return what a page adds to the list, and take note of it."""
        if self._by_offset is None:
            return super().take(page)
        taken = self._by_offset.take(page)
        self.different += len(taken.records)
        self._note_total(taken.total)
        return taken

    def _ends_with(self, error: WalmartNotFoundError) -> bool:
        return super()._ends_with(error) or (self._by_offset is not None and is_nothing_there(error))

    def _after(self, page: Any, found: list[Any]) -> PageRequest | None:
        if self._by_offset:
            return self._by_offset.next(page)
        if self.seen and self._from_start and self._cursor(page) is None and self._is_cut_short(page):
            return self._go_on_by_offset(None)
        return super()._after(page, found)

    def _is_cut_short(self, page: Any) -> bool:
        """Return whether more items follow a page without a cursor: not all markets give one."""
        all_seen = self._all_seen(page)
        is_first = self._position == self.paging.first
        return is_first if all_seen is None else not all_seen

    def _go_on_by_offset(self, error: WalmartError | None) -> PageRequest:
        largest = largest_of(self.operation, "offset") or MAX_ITEMS_OFFSET
        if self.seen > largest:
            ended = "expired" if error else "ended"
            raise WalmartIncompleteError(
                f"The cursor of {self.operation.name} {ended} after {self.seen} records: Walmart keeps it for two "
                f"minutes. Going on by offset is possible up to {largest} records only.",
                hint="Fetch faster, with a larger limit, or narrow the search.",
            ) from error
        self._by_offset = self._offsets(self.seen)
        self._by_offset.go_on_from(self)
        return self._by_offset.first()

    def _offsets(self, first: Any) -> OffsetPaginator:
        paging = msgspec.structs.replace(self.paging, style="offset", position="offset", first=0, cursor=())
        params = {name: value for name, value in self._params.items() if name != self.paging.position}
        operation = msgspec.structs.replace(self.operation, paging=paging)
        return OffsetPaginator(operation, {**params, "offset": first}, self._body, self._strict)


PAGINATORS: dict[str, type[Paginator]] = {
    "query string": QueryStringPaginator,
    "cursor": CursorPaginator,
    "cursor mark": CursorMarkPaginator,
    "scroll": ScrollPaginator,
    "items cursor": ItemsPaginator,
    "offset": OffsetPaginator,
    "page": PagePaginator,
    "single": SinglePaginator,
    "byte offset": ByteOffsetPaginator,
}


def paginator_of(
    operation: Operation, params: Mapping[str, Any] | None = None, body: Any = None, *, strict: bool = True
) -> Paginator:
    """Return the paginator that fits the style of an operation; the parameters are those of `pages`."""
    return PAGINATORS[_paging(operation).style](operation, params or {}, body, strict)


def _pages(paginator: Paginator, first: PageRequest, fetch: Fetch) -> Iterator[Page]:
    request: PageRequest | None = first
    while request is not None:
        try:
            page = fetch(request.query, request.body)
        except WalmartError as error:
            request = paginator.rescue(error)
            continue
        yield paginator.take(page)
        request = paginator.next(page)


def _overlap(before: list[Any], found: list[Any]) -> int:
    """Return with how many of the records that a page ends with the next one begins."""
    counts = (len(before) - place for place, record in enumerate(before) if found[:1] == [record])
    return next((count for count in counts if before[-count:] == found[:count]), 0)


def _mark(record: Any) -> bytes:
    """Return what two records have in common that are the same."""
    return bytes(record) if isinstance(record, msgspec.Raw) else msgspec.json.encode(record)


def is_nothing_there(error: WalmartNotFoundError) -> bool:
    """Return whether Walmart itself says that there is nothing: a gateway's 404 is about the path."""
    return error.is_of_walmart and NO_SUCH_PATH.isdisjoint(detail.name for detail in error.details)


def _paging(operation: Operation) -> Paging:
    if operation.paging is None:
        raise WalmartConfigError(
            f"{operation.name} has a single page: call it rather than page through it (WalmartApiOperator, hook.call)."
        )
    return operation.paging


def _at(operation: Operation, page: Any, paths: tuple[str, ...]) -> Any:
    """Return what is at the first path that leads anywhere, None when none does."""
    if page is None:
        return None
    if not isinstance(page, dict):
        raise WalmartError(f"{operation.name} answered {type(page).__name__} where an object was expected.")
    return next((found for path in paths if (found := _get(page, path)) is not None), None)


def _get(tree: Any, path: str) -> Any:
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _put(tree: Any, path: str, value: Any) -> dict[str, Any]:
    """Return a copy of nested dicts with one value set; the original stays as it is."""
    name, _, rest = path.partition(".")
    branch = dict(tree) if isinstance(tree, dict) else {}
    branch[name] = _put(branch.get(name), rest, value) if rest else value
    return branch


def check_whole(
    name: str, different: int, announced: int, *, gone_too_many: int = 0, strict: bool = True
) -> None:
    """Pass for a list that was read to its end and is whole, as far as can be known.

    :param name: the operation.
    :param different: how many records came, each counted once.
    :param announced: how many Walmart announced.
    :param gone_too_many: how many records were taken away at once while it was read, where that is more than a page.
    :param strict: False only logs a warning.
    :raises WalmartIncompleteError: for one that isn't.
    """
    if gone_too_many:
        message = (
            f"{name} became shorter by {gone_too_many} records from one page to the next; others moved up and may have been "
            "passed over"
        )
    elif different < announced:
        message = f"{name} ended after {different} of {announced} records; the list was cut short, or changed while it was read"
    else:
        return
    if strict:
        raise WalmartIncompleteError(f"{message}.", hint=INCOMPLETE_HINT)
    log.warning("%s", message)


def largest_of(operation: Operation, name: str) -> int | None:
    """Return the largest documented value of a parameter; None when no document says."""
    return next((parameter.maximum for parameter in operation.parameters if parameter.name == name), None)


def _integer(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _whole(operation: Operation, name: str, value: Any) -> int:
    number = _integer(value)
    if number is None or number < 0:
        raise WalmartConfigError(f"{operation.name}: {name} is {str(value)[:80]!r}; expected a whole number.")
    return number
