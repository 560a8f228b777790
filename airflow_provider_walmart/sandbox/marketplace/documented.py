"""Every documented operation that no other module carries out: its request is checked, its answer made from its shape.

What is known of them is in ``documented.jsonl``, made by ``scripts/build_sandbox_data.py`` from Walmart's documents. Answers are
plausible and the same each time; lists have ``RECORDS`` records and page as documented; what was written to a path is part
of what reading it answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct, field
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, market_of, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_header, bad_param
from airflow_provider_walmart.sandbox.core.throttle import Limit
from airflow_provider_walmart.sandbox.marketplace.plausible import Answers

Json = dict[str, Any]

DATA = Path(__file__).with_name("documented.jsonl")
#: Records of every list.
RECORDS = 23
#: Records on a page when the call names no limit, and of lists that have none.
PAGE, PAGE_WITHOUT_LIMIT = 10, 25
#: Paths whose last written body is remembered; the oldest are forgotten.
KEPT = 1000

_LIMITS = ("limit", "noOfRecords", "size", "pageSize")
_POSITIONS = ("nextCursor", "scrollId", "cursorMark", "offset", "page", "pageNumber")
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "date": (str,),
    "date-time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


class Parameter(Struct):
    """A query parameter or a header of an operation."""

    name: str
    place: str = field(name="in")
    shape: Any = "string"
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    default: int | None = None


class Row(Struct, rename="camel"):
    """A documented operation; for shapes see the script that makes them."""

    market: str
    method: str
    path: str
    status: int
    media: list[str]
    parameters: list[Parameter] = []
    takes: list[str] = []
    body_required: bool = False
    body: Any = "any"
    shape: Any = "any"
    limit: tuple[int, float] | None = None


class Documented:
    """Answers one method of one path, in the markets that document it.

    :param rows: the operation in each market.
    """

    def __init__(self, rows: list[Row]) -> None:
        self._rows = {row.market: row for row in rows}

    async def handle(self, call: Call) -> Response:
        """Answer a call.

        :param call: the call.
        """
        market = market_of(call.request)
        row = self._rows.get(market) or self._rows.get("us")
        if row is None:
            raise Refusal(404, "URI_NOT_FOUND.GMP_GATEWAY_API")
        _check_parameters(call, row)
        body = _checked_body(call, row)
        if row.method != "GET" and isinstance(body, dict):
            written = call.state.written
            written.pop(call.request.url.path, None)
            written[call.request.url.path] = body
            while len(written) > KEPT:
                del written[next(iter(written))]
        if row.status == 204:
            return Response(status_code=204)
        if file := _file(call, row):
            return file
        return reply(self._answer(call, row, body), row.status)

    def _answer(self, call: Call, row: Row, body: Any) -> Any:
        if not isinstance(row.shape, (dict, list)):
            return {}
        given = {"limit": PAGE, "offset": 0, **_scalars(body), **call.request.query_params, **call.path}
        answers = Answers(given)
        page = _page(call, row, body)
        answer = answers.of(row.shape, path=call.request.url.path, page=page)
        if row.method == "GET":
            answer = _overlay(answer, call.state.written.get(call.request.url.path))
        return answer


class Page(Struct):
    """Which part of a list is asked for.

    :param start: place of its first record.
    :param end: place behind its last one.
    :param next: cursor of the page after it; empty for none.
    """

    start: int
    end: int
    next: str = ""
    total: int = RECORDS


def endpoints(taken: set[tuple[str, str]]) -> list[Endpoint]:
    """Return an endpoint for every documented operation that has none.

    :param taken: method and path, with ``{}`` for each name of a parameter, of those that have one.
    """
    decoder = msgspec.json.Decoder(Row)
    found: dict[tuple[str, str], list[Row]] = {}
    for line in DATA.read_bytes().splitlines():
        row = decoder.decode(line)
        if place_of(row.method, row.path) not in taken:
            found.setdefault(place_of(row.method, row.path), []).append(row)
    return [
        Endpoint(
            rows[0].method,
            rows[0].path,
            Documented(rows).handle,
            limit=Limit(*rows[0].limit, f"{rows[0].method} {rows[0].path}") if rows[0].limit else None,
            is_legacy=any(row.market != "us" for row in rows),
        )
        for rows in found.values()
    ]


def place_of(method: str, path: str) -> tuple[str, str]:
    """Return method and path without the names of its parameters.

    :param method: HTTP method.
    :param path: path template.
    """
    return method, re.sub(r"\{\w+\}", "{}", path)


def _check_parameters(call: Call, row: Row) -> None:
    for parameter in row.parameters:
        is_header = parameter.place == "header"
        refuse = bad_header if is_header else bad_param
        source: Mapping[str, str] = call.request.headers if is_header else call.request.query_params
        text = source.get(parameter.name)
        if text is None or not text.strip():
            if parameter.required:
                raise refuse(parameter.name, "set blank or null" if is_header else "missing")
            continue
        shape = parameter.shape
        if isinstance(shape, list) and len(shape) == 1:
            texts, shape = text.split(","), shape[0]
        else:
            texts = [text]
        for one in texts:
            if reason := _problem(one.strip(), shape, parameter):
                raise refuse(parameter.name, reason)


def _problem(text: str, shape: Any, parameter: Parameter) -> str:
    """Return what is wrong with the value of a parameter; empty for nothing."""
    if isinstance(shape, list) and len(shape) == 2:
        kind, values = shape
        allowed = [_written(value) for value in values]
        if text.casefold() not in (value.casefold() for value in allowed):
            return f"must be one of {', '.join(allowed)}"
    else:
        kind = shape
    if kind == "boolean" and text.lower() not in ("true", "false"):
        return "must be true or false"
    if kind in ("integer", "number"):
        form = r"-?\d{1,18}" if kind == "integer" else r"-?\d{1,18}(\.\d+)?"
        if not re.fullmatch(form, text, re.ASCII):
            return "must be a whole number" if kind == "integer" else "must be a number"
        if parameter.minimum is not None and float(text) < parameter.minimum:
            return f"must be at least {parameter.minimum:g}"
        if parameter.maximum is not None and float(text) > parameter.maximum:
            return f"must be at most {parameter.maximum:g}"
    if parameter.pattern and not re.search(parameter.pattern, text):
        return f"must match {parameter.pattern}"
    return ""


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _checked_body(call: Call, row: Row) -> Any:
    """Return the decoded body of a request, when it takes JSON; refuse one that is not as documented."""
    media = call.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not row.takes:
        return None
    if not call.body.strip():
        if row.body_required:
            raise Refusal(400, "INVALID_REQUEST_CONTENT.GMP_GATEWAY_API", field="body", description="missing")
        return None
    if media not in row.takes and not (media == "text/xml" and "application/xml" in row.takes):
        raise Refusal(
            415, "UNSUPPORTED_MEDIA_TYPE.GMP_GATEWAY_API", description=f"Send {', '.join(row.takes)}"
        )
    if media != "application/json":
        return None
    try:
        body = msgspec.json.decode(call.body)
    except msgspec.DecodeError as error:
        raise Refusal(
            400, "MALFORMED_REQUEST_CONTENT.GMP_GATEWAY_API", field="body", description=str(error)
        ) from None
    for where, reason in _wrong(body, row.body, ""):
        raise Refusal(
            400,
            "INVALID_REQUEST_CONTENT.GMP_GATEWAY_API",
            field=where or "body",
            description=f"{where or 'body'} {reason}",
        )
    return body


def _wrong(value: Any, shape: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield what in a body is not as its shape, as dotted name and reason."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield where, "must be an object"
            return
        for name, part in shape.items():
            plain = name.removesuffix("*")
            place = f"{where}.{plain}".lstrip(".")
            if value.get(plain) is not None:
                yield from _wrong(value[plain], part, place)
            elif plain != name:
                yield place, "is missing"
    elif isinstance(shape, list) and len(shape) == 1:
        if not isinstance(value, list):
            yield where, "must be a list"
            return
        for index, entry in enumerate(value):
            yield from _wrong(entry, shape[0], f"{where}[{index}]")
    elif isinstance(shape, list):
        if value not in shape[1]:
            yield where, f"must be one of {', '.join(map(_written, shape[1]))}"
    elif shape in _KINDS:
        is_kind = isinstance(value, _KINDS[shape]) and (shape == "boolean" or not isinstance(value, bool))
        if not is_kind:
            yield where, f"must be a {shape}"


def _scalars(body: Any) -> Json:
    """Return the plain values at the top of a body, which an answer repeats."""
    if not isinstance(body, dict):
        return {}
    return {name: value for name, value in body.items() if isinstance(value, (str, int, float))}


def _page(call: Call, row: Row, body: Any) -> Page:
    """Return which part of its list a call asks for."""
    asked: Json = dict(call.request.query_params)
    for part in (body, *(body.get(name) for name in ("page", "meta") if isinstance(body, dict))):
        if isinstance(part, dict):
            asked |= {name: part[name] for name in (*_LIMITS, *_POSITIONS) if name in part}
    first_page = _first_page(row)
    has_limit = any(name in _LIMITS for name in _names(row))
    limit = _number(asked, _LIMITS, PAGE if has_limit else PAGE_WITHOUT_LIMIT, least=1)
    start = 0
    for name in _POSITIONS:
        value = asked.get(name)
        if value in (None, "", "*") or isinstance(value, dict):
            continue
        if name in ("nextCursor", "scrollId", "cursorMark"):
            start = _place_of_cursor(name, str(value))
        elif name == "offset":
            start = _number(asked, (name,), 0)
        else:
            start = (_number(asked, (name,), first_page) - first_page) * limit
        break
    start = min(max(start, 0), RECORDS)
    end = min(start + limit, RECORDS)
    if end == RECORDS:
        return Page(start, end)
    if not any(name in _POSITIONS for name in _names(row)):
        # Where no parameter takes it, the cursor is the query of the next page.
        return Page(start, end, f"?{urlencode({**call.request.query_params, 'offset': end})}")
    return Page(start, end, f"AoE{end:06d}")


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


def _overlay(answer: Any, written: Any) -> Any:
    """Return an answer with what was written to its path, where it has such fields."""
    if isinstance(answer, dict) and isinstance(written, dict):
        return {
            name: _overlay(value, written[name]) if name in written else value
            for name, value in answer.items()
        }
    if type(answer) is type(written) and not isinstance(answer, dict):
        return written
    return answer


#: An empty page of a PDF file, and one dot of a PNG picture.
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 288 432]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ffff3f0005fe02fe"
    "a735819b0000000049454e44ae426082"
)
_CSV = b"SKU,Item Name,Quantity\r\nSKU-000001,Desk Lamp No. 1,3\r\nSKU-000002,Wool Blanket No. 2,5\r\n"
_FILES = {"application/pdf": _PDF, "image/png": _PNG, "application/octet-stream": _CSV}


def _file(call: Call, row: Row) -> Response | None:
    """Return the answer of an operation that answers a file: of the kind asked for, when it has several."""
    kinds = [kind for kind in row.media if kind in _FILES]
    accepted = call.request.headers.get("accept", "")
    if not kinds or ("application/json" in row.media and "json" in accepted):
        return None
    kind = next((kind for kind in kinds if kind in accepted), kinds[0])
    return Response(_FILES[kind], row.status, media_type=kind)
