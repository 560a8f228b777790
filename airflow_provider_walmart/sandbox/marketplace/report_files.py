"""The storage that download links lead to: zip archives of reports, on a port of their own.

To a client it is a foreign host. It takes nothing but the signed link, and makes the archives while it sends them, so
that one of any size costs no memory.
"""

from __future__ import annotations

import csv
import io
import random
import re
import secrets
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from airflow_provider_walmart.sandbox.core import bounded, shop
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import Download, ReportRequest, State
from airflow_provider_walmart.sandbox.marketplace import feed_effects

PATH = "/storage/reports/{name}"
COLUMNS = ("SKU", "Product Name", "Price", "Currency", "Publish Status")
#: Seconds a link is good for.
LINK_LIFE = 900

#: What product names are made of in reports of a given number of rows.
_WORDS = (
    "oak", "steel", "cotton", "bamboo", "small", "large", "blue", "green", "set of two,", "kitchen", "garden", "with lid,"
)  # fmt: skip
_NAME_LENGTH = 460
_SENT_AT_ONCE = 256 * 1024


def link(sandbox: Sandbox, request: Request, report: ReportRequest) -> tuple[str, float]:
    """Return a new download link and when it expires, in sandbox time.

    :param sandbox: the sandbox.
    :param request: the request for it; the link leads to the same host, to the port of the storage.
    :param report: the report.
    """
    signature = secrets.token_hex(16)
    expires = sandbox.state.clock.now() + LINK_LIFE
    bounded.put(sandbox.state.downloads, signature, Download(report.id, expires))
    host = re.sub(r":\d*$", "", request.headers.get("host", "127.0.0.1"))
    path = PATH.format(name=f"{report.id}.zip")
    query = f"X-Amz-Expires={LINK_LIFE}&X-Amz-Signature={signature}"
    return f"http://{host}:{sandbox.storage_port}{path}?{query}", expires


async def stored(sandbox: Sandbox, request: Request) -> Response:
    """Answer a request of the storage: a zip archive with one CSV file.

    Like the real one it takes nothing but the signed link: Walmart's headers are refused.

    :param sandbox: the sandbox.
    :param request: the request.
    """
    state = sandbox.state
    if "authorization" in request.headers or any(name.startswith("wm_") for name in request.headers):
        return _refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
    signed = state.downloads.get(request.query_params.get("X-Amz-Signature", ""))
    if signed is None or request.path_params["name"] != f"{signed.report}.zip":
        return _refusal(403, "SignatureDoesNotMatch", "The request signature does not match")
    if signed.expires <= state.clock.now():
        return _refusal(403, "AccessDenied", "Request has expired")
    if state.settings.report_damage == "gone":
        return _refusal(404, "NoSuchKey", "The specified key does not exist.")
    return StreamingResponse(_archive(state, state.reports[signed.report]), media_type="application/zip")


def _archive(state: State, report: ReportRequest) -> Iterator[bytes]:
    """Yield the archive of a report piece by piece."""
    damage = state.settings.report_damage
    copies = 2 if damage == "two files" else 1
    pieces = _zipped(
        (f"{report.type}_{report.id}{'_copy' * copy}.csv", _table(state, report)) for copy in range(copies)
    )
    if damage != "truncated":
        yield from pieces
        return
    piece = next(pieces)
    for following in pieces:
        yield piece
        piece = following
    yield piece[: len(piece) // 2]


class _Outbox(io.RawIOBase):
    """A file that is sent away while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> int:
        """Keep what is written until it is taken."""
        self._written.append(bytes(data))
        self.size += len(data)
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._written)
        self._written, self.size = [], 0
        return data


def _zipped(files: Iterable[tuple[str, Iterator[bytes]]]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(cast(BinaryIO, outbox), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files:
            with archive.open(name, "w", force_zip64=True) as member:
                for piece in content:
                    member.write(piece)
                    if outbox.size >= _SENT_AT_ONCE:
                        yield outbox.take()
    yield outbox.take()


def _table(state: State, report: ReportRequest) -> Iterator[bytes]:
    """Yield the CSV file of a report piece by piece."""
    if state.settings.report_csv is not None:
        return iter([state.settings.report_csv.encode()])
    feed_effects.settle(state)
    left_out = report.payload.get("excludeColumns", [])
    kept = [place for place, name in enumerate(COLUMNS) if name not in left_out]
    header = _lines([[COLUMNS[place] for place in kept]])
    rows = state.settings.report_rows
    return chain([header], _of_items(state, kept) if rows is None else _numbered(rows, kept))


def _of_items(state: State, kept: list[int]) -> Iterator[bytes]:
    def row(place: int) -> list[str]:
        item = shop.at(state, place)
        cells = (item.sku, item.name, f"{item.price:.2f}", "USD", "PUBLISHED")
        return [cells[column] for column in kept]

    rows = map(row, range(len(state.items)))
    while some := list(islice(rows, 1000)):
        yield _lines(some)


def _numbered(count: int, kept: list[int]) -> Iterator[bytes]:
    """Yield rows for the SKUs from 1 on, faster than they can be sent: only their thousands are made anew."""
    chance = random.Random(0)  # noqa: S311 - to compress about as well as real names
    rows = []
    for last in range(1000):
        name = " ".join(chance.choices(_WORDS, k=30)).ljust(_NAME_LENGTH, ".")
        cells = (f"SKU-@{last:03d}", f'"{name}"', "9.99", "USD", "PUBLISHED")
        rows.append(",".join(cells[place] for place in kept) + "\r\n")
    for thousand in range(count // 1000 + 1):
        some = rows[thousand == 0 : count - thousand * 1000 + 1]
        yield "".join(some).replace("@", f"{thousand:03d}").encode()


def _lines(rows: list[list[str]]) -> bytes:
    table = io.StringIO()
    csv.writer(table).writerows(rows)
    return table.getvalue().encode()


def _refusal(status: int, code: str, message: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(text, status, media_type="application/xml")
