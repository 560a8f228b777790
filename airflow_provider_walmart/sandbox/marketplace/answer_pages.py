"""Which part of a list a call asks for, in every way that documents have of asking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from airflow_provider_walmart.sandbox.core.calls import Call
from airflow_provider_walmart.sandbox.core.errors import bad_param
from airflow_provider_walmart.sandbox.marketplace.request_checks import Row

Json = dict[str, Any]

#: Records of every list that is made up.
RECORDS = 23
#: Records on a page when the call names no limit, and of lists that have none.
PAGE, PAGE_WITHOUT_LIMIT = 10, 25

_LIMITS = ("limit", "noOfRecords", "size", "pageSize")
_CURSORS = ("nextCursor", "scrollId", "cursorMark")
_POSITIONS = (*_CURSORS, "offset", "page", "pageNumber")


class Page(Struct):
    """Which part of a list is asked for.

    :param start: place of its first record.
    :param end: place behind its last one.
    :param next: cursor of the page after it; empty for none.
    :param total: how many records there are.
    """

    start: int
    end: int
    next: str = ""
    total: int = RECORDS


def page_of(call: Call, row: Row, body: Any, total: int) -> Page:
    """Return which part of its list a call asks for.

    :param call: the call.
    :param row: the operation.
    :param body: the decoded body.
    :param total: how many records there are.
    :raises Refusal: 400 for a cursor or a number that makes no sense.
    """
    asked = _asked(call, body)
    names = set(_names(row))
    limit = _number(asked, _LIMITS, PAGE if names & set(_LIMITS) else PAGE_WITHOUT_LIMIT, least=1)
    start = min(_start(asked, row, limit), total)
    end = min(start + limit, total)
    if end == total:
        return Page(start, end, total=total)
    if not names & set(_POSITIONS):
        # Where no parameter takes it, the cursor is the query of the next page.
        return Page(start, end, f"?{urlencode({**call.request.query_params, 'offset': end})}", total)
    return Page(start, end, f"AoE{end:06d}", total)


def _asked(call: Call, body: Any) -> Json:
    """Return all that a call says of pages, in its query and its body."""
    asked: Json = dict(call.request.query_params)
    for part in (body, *(body.get(name) for name in ("page", "meta") if isinstance(body, dict))):
        if isinstance(part, dict):
            asked |= {name: part[name] for name in (*_LIMITS, *_POSITIONS) if name in part}
    return asked


def _start(asked: Json, row: Row, limit: int) -> int:
    name = next((name for name in _POSITIONS if _is_given(asked.get(name))), "")
    if not name:
        return 0
    if name in _CURSORS:
        return _place_of_cursor(name, str(asked[name]))
    number = _number(asked, (name,), 0)
    return number if name == "offset" else max(number - _first_page(row), 0) * limit


def _is_given(value: Any) -> bool:
    return value not in (None, "", "*") and not isinstance(value, dict)


def _names(row: Row) -> Iterator[str]:
    """Yield the names of everything that a call can say of pages."""
    yield from (parameter.name for parameter in row.parameters)
    body = row.body if isinstance(row.body, dict) else {}
    for name, part in body.items():
        yield name.removesuffix("*")
        if isinstance(part, dict):
            yield from (inner.removesuffix("*") for inner in part)


def _first_page(row: Row) -> int:
    """Return the number of the first page, which is what a document has as the default."""
    return next((int(found.default or 0) for found in row.parameters if found.name == "page"), 0)


def _place_of_cursor(name: str, cursor: str) -> int:
    match = re.fullmatch(r"AoE(\d{6})", cursor)
    if match is None:
        raise bad_param(name, "Invalid Cursor")
    return int(match[1])


def _number(asked: Json, names: tuple[str, ...], default: int, least: int = 0) -> int:
    for name in names:
        if name in asked:
            text = str(asked[name])
            if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
                raise bad_param(name, f"must be a number of at least {least}")
            return int(text)
    return default
