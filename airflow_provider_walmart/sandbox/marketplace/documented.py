"""Every documented operation that no other module carries out: its request is checked, its answer made from its shape.

What is known of them is in ``documented.jsonl``, made by ``scripts/build_sandbox_data.py`` from Walmart's documents. Answers are
plausible and the same each time; lists have ``RECORDS`` records and page as documented; what was written to a path is part
of what reading it answers. A module that knows more of an operation has a function that takes a :class:`Draft` and returns what
is answered; it is found by method and path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import bounded
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, market_of, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.throttle import Limit
from airflow_provider_walmart.sandbox.marketplace.answer_pages import PAGE, RECORDS, page_of
from airflow_provider_walmart.sandbox.marketplace.plausible import Answers, overlay
from airflow_provider_walmart.sandbox.marketplace.request_checks import (
    Row,
    check_form,
    check_parameters,
    checked_body,
    place_of,
)

Json = dict[str, Any]

DATA = Path(__file__).with_name("documented.jsonl")


class Draft:
    """The answer to a checked call, before it is made.

    :param call: the call.
    :param row: the operation.
    :param body: the decoded body; ``None`` for none.
    """

    def __init__(self, call: Call, row: Row, body: Any) -> None:
        self.call = call
        self.body = body
        self._row = row

    def made(self, records: list[Json] | None = None, **given: Any) -> Any:
        """Return a plausible answer of the documented shape.

        :param records: what its list holds; default plausible ones.
        :param given: values of fields, wherever they are.
        """
        shape = self._row.shape
        if shape == "string":
            # A document that says no more of its answer.
            return "Accepted"
        if not isinstance(shape, (dict, list)):
            return {}
        call = self.call
        known = {
            "limit": PAGE,
            "offset": 0,
            **_scalars(self.body),
            **call.request.query_params,
            **call.path,
            **given,
        }
        page = page_of(call, self._row, self.body, RECORDS if records is None else len(records))
        answer = Answers(known).of(shape, path=call.request.url.path, page=page, records=records)
        if self._row.method == "GET":
            answer = overlay(answer, call.state.written.get(call.request.url.path), shape)
        return answer

    def over(self, told: Json) -> Any:
        """Return a plausible answer, with what is told in place of what was made up.

        :param told: fields of the answer, in its form.
        """
        return overlay(self.made(), told, self._row.shape)


Fill = Callable[[Draft], Any]


class Documented:
    """Answers one method of one path, in the markets that document it.

    :param rows: the operation in each market.
    :param fill: makes the answer in the US, or in the only market that documents it; default a plausible one.
    """

    def __init__(self, rows: list[Row], fill: Fill | None = None) -> None:
        self._rows = {row.market: row for row in rows}
        self._fill = fill
        self._filled = "us" if "us" in self._rows or len(rows) > 1 else rows[0].market

    async def handle(self, call: Call) -> Response:
        """Answer a call.

        :param call: the call.
        """
        market = market_of(call.request)
        row = self._rows.get(market) or self._rows.get("us")
        if row is None:
            raise Refusal(404, "URI_NOT_FOUND.GMP_GATEWAY_API")
        try:
            return await self._answer(call, row)
        except Refusal as refusal:
            refusal.shape = row.refusal or refusal.shape
            raise

    async def _answer(self, call: Call, row: Row) -> Response:
        check_parameters(call, row)
        draft = Draft(call, row, checked_body(call, row))
        await check_form(call, row)
        # What a module knows comes first, since it may refuse the call; a file is answered all the same.
        answer = self._fill(draft) if self._fill and row.market == self._filled else draft.made()
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, Response):
            return answer
        if row.method != "GET" and isinstance(draft.body, dict):
            bounded.put(call.state.written, call.request.url.path, draft.body)
        if row.status == 204:
            return Response(status_code=204)
        return _file(call, row) or reply(answer, row.status)


def endpoints(taken: set[tuple[str, str]], fills: Mapping[tuple[str, str], Fill]) -> list[Endpoint]:
    """Return an endpoint for every documented operation that has none.

    :param taken: method and path, with ``{}`` for each name of a parameter, of those that have one.
    :param fills: the same of those that a module knows more of -> what makes their answers.
    :raises LookupError: when there is no such operation.
    """
    decoder = msgspec.json.Decoder(Row)
    found: dict[tuple[str, str], list[Row]] = {}
    for line in DATA.read_bytes().splitlines():
        row = decoder.decode(line)
        if place_of(row.method, row.path) not in taken:
            found.setdefault(place_of(row.method, row.path), []).append(row)
    if unknown := fills.keys() - found.keys():
        raise LookupError(f"no documented operations: {sorted(unknown)}")
    return [
        Endpoint(
            rows[0].method,
            rows[0].path,
            Documented(rows, fills.get(place)).handle,
            limit=Limit(*rows[0].limit, f"{rows[0].method} {rows[0].path}") if rows[0].limit else None,
            is_legacy=any(row.market != "us" for row in rows),
            refusal=next((row.refusal for row in rows if row.market == "us"), None),
        )
        for place, rows in found.items()
    ]


def _scalars(body: Any) -> Json:
    """Return the plain values at the top of a body, which an answer repeats."""
    if not isinstance(body, dict):
        return {}
    return {name: value for name, value in body.items() if isinstance(value, (str, int, float))}


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
