"""Settlement (recon) reports: dates, JSON by byte offset, zipped CSV."""

from __future__ import annotations

import bisect
import csv
import functools
import io
import zipfile
from datetime import datetime, timedelta, timezone

from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.throttle import per_minute
from airflow_provider_walmart.sandbox.marketplace.order_records import (
    customer_order,
    purchase_order,
    sku_number,
)

SERVICE = "GMP_REPORT_API"
COLUMNS = (
    "Period Start Date", "Period End Date", "Transaction Key", "Transaction Posted Timestamp", "Transaction Type",
    "Transaction Description", "Customer Order #", "Purchase Order #", "Partner Item Id", "Ship Qty", "Amount",
    "Amount Type", "Currency",
)  # fmt: skip
#: Reports there are, one every two weeks.
REPORTS = 3


async def dates(call: Call) -> Response:
    """Answer ``GET /v3/report/reconreport/availableReconFiles``.

    :param call: the call.
    """
    return reply({"availableApReportDates": _dates(call)})


async def as_json(call: Call) -> Response:
    """Answer ``GET /v3/report/reconreport/reconFileJson``: rows from a byte of the file on.

    :param call: the call.
    """
    for name in ("reportDate", "offset", "noOfRecords"):
        if name not in call.request.query_params:
            raise Refusal(
                400, f"MISSING_REQUEST_PARAM.{SERVICE}", field=name, description=f"{name} is missing"
            )
    date, offset = _date(call), call.number("offset", 0)
    limit = call.number("noOfRecords", 0, least=1, most=1000)
    rows = call.state.settlement_rows
    starts = _starts(date, rows)
    first = bisect.bisect_left(starts, offset)
    if starts[first : first + 1] != [offset]:
        raise bad_param("offset", "not the start of a record", service=SERVICE)
    last = min(first + limit, rows)
    return reply(
        {
            "reportData": [dict(zip(COLUMNS, _row(date, row), strict=True)) for row in range(first, last)],
            "nextOffset": starts[last],
            "totalRecords": last - first,
            "description": f"Number of Lines in file {rows}",
        }
    )


async def as_file(call: Call) -> Response:
    """Answer ``GET /v3/report/reconreport/reconFile``.

    :param call: the call.
    """
    date = _date(call)
    lines = _line(COLUMNS) + "".join(_line(_row(date, row)) for row in range(call.state.settlement_rows))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        # Without the time: the same report is the same file.
        file.writestr(zipfile.ZipInfo(f"reconReport_{date}.csv"), lines, zipfile.ZIP_DEFLATED)
    return Response(archive.getvalue(), media_type="application/octet-stream")


def _dates(call: Call) -> list[str]:
    if not call.state.settlement_rows:
        return []
    newest = datetime.fromtimestamp(call.now // (14 * 86400) * (14 * 86400), timezone.utc)
    return [f"{newest - timedelta(days=14 * back):%m%d%Y}" for back in range(REPORTS)]


def _date(call: Call) -> str:
    date = call.query("reportDate")
    if date not in _dates(call):
        raise Refusal(
            404, f"CONTENT_NOT_FOUND.{SERVICE}", field="reportDate", description="No report of this date"
        )
    return date


def _row(date: str, row: int) -> tuple[str, ...]:
    day = f"{date[:2]}/{date[2:4]}/{date[4:]}"
    sku = sku_number(row)
    return (
        day, day, f"{date}_{row}", day, "Sale", "Purchase", customer_order(row), purchase_order(row), products.sku(sku),
        "1", f"{products.price(sku):.2f}", "Product Price", "USD",
    )  # fmt: skip


def _line(values: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


@functools.lru_cache(maxsize=REPORTS)
def _starts(date: str, rows: int) -> list[int]:
    """Return where in the file each row starts, and at the end of the list the length of the file."""
    starts = [0]
    for row in range(rows):
        starts.append(starts[-1] + len(_line(_row(date, row))))
    return starts


_PATH = "/v3/report/reconreport"
ENDPOINTS = [
    Endpoint("GET", f"{_PATH}/availableReconFiles", dates, "reports"),
    Endpoint("GET", f"{_PATH}/reconFileJson", as_json, "reports"),
    Endpoint("GET", f"{_PATH}/reconFile", as_file, "reports", per_minute(100, "reconFile")),
]
