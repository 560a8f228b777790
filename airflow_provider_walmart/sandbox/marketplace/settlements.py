"""Settlement (recon) reports: dates, JSON by byte offset, zipped CSV; and the statement of what is still to be settled.

A report has the entries of two weeks, and before them what they add up to. Rows that are only counted in the seed come behind
those.
"""

from __future__ import annotations

import bisect
import csv
import functools
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.dates import DAY, day
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.core.throttle import per_minute
from airflow_provider_walmart.sandbox.marketplace import ledger
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill
from airflow_provider_walmart.sandbox.marketplace.order_records import (
    customer_order,
    purchase_order,
    sku_number,
)

SERVICE = "GMP_REPORT_API"
COLUMNS = (
    "Period Start Date", "Period End Date", "Total Payable", "Currency", "Transaction Key", "Transaction Posted Timestamp",
    "Transaction Type", "Transaction Description", "Customer Order #", "Customer Order line #", "Purchase Order #",
    "Purchase Order line #", "Amount", "Amount Type", "Ship Qty", "Commission Rate", "Partner Item Id", "Partner GTIN",
    "Partner Item Name", "Product Type", "Fulfillment Type", "Ship to State", "Ship to City", "Ship to Zipcode",
)  # fmt: skip
#: Days of a report.
PERIOD = 14
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
    report, offset = Report(call.state, _date(call)), call.number("offset", 0)
    limit = call.number("noOfRecords", 0, least=1, most=1000)
    first = report.at(offset)
    if first is None:
        raise bad_param("offset", "not the start of a record", service=SERVICE)
    last = min(first + limit, len(report))
    return reply(
        {
            "reportData": [dict(zip(COLUMNS, report.row(row), strict=True)) for row in range(first, last)],
            "nextOffset": report.start(last),
            "totalRecords": last - first,
            "description": f"Number of Lines in file {len(report)}",
        }
    )


async def as_file(call: Call) -> Response:
    """Answer ``GET /v3/report/reconreport/reconFile``.

    :param call: the call.
    """
    date = _date(call)
    report = Report(call.state, date)
    lines = _line(COLUMNS) + "".join(_line(report.row(row)) for row in range(len(report)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        # Without the time: the same report is the same file.
        file.writestr(zipfile.ZipInfo(f"reconReport_{date}.csv"), lines, zipfile.ZIP_DEFLATED)
    return Response(archive.getvalue(), media_type="application/octet-stream")


class Report:
    """The rows of a report: those of orders, then those that are only counted.

    :param state: the sandbox's state.
    :param date: its date.
    """

    def __init__(self, state: State, date: str) -> None:
        self._date = date
        self._of_orders = list(_of_orders(state, date))
        self._counted = state.settlement_rows
        self._starts = [0]
        for row in self._of_orders:
            self._starts.append(self._starts[-1] + len(_line(row)))

    def __len__(self) -> int:
        return len(self._of_orders) + self._counted

    def row(self, number: int) -> tuple[str, ...]:
        """Return a row.

        :param number: its place, from 0.
        """
        first = len(self._of_orders)
        return self._of_orders[number] if number < first else _row(self._date, number - first)

    def start(self, number: int) -> int:
        """Return where in the file a row starts, the length of the file for the place behind the last one.

        :param number: its place, from 0.
        """
        first = len(self._of_orders)
        if number <= first:
            return self._starts[number]
        return self._starts[-1] + _starts(self._date, self._counted)[number - first]

    def at(self, offset: int) -> int | None:
        """Return the row that starts at a byte of the file, ``None`` when none does.

        :param offset: the byte.
        """
        place = bisect.bisect_left(range(len(self) + 1), offset, key=self.start)
        return place if place <= len(self) and self.start(place) == offset else None


def _of_orders(state: State, date: str) -> Iterator[tuple[str, ...]]:
    """Yield the rows of orders, and before them what they add up to."""
    end = int(datetime.strptime(date, "%m%d%Y").replace(tzinfo=timezone.utc).timestamp() * 1000)
    found = ledger.entries(state, end - PERIOD * DAY, end)
    if not found:
        return
    period = {"Period Start Date": _day(end - PERIOD * DAY), "Period End Date": _day(end), "Currency": "USD"}
    payable = f"{ledger.total(found):.2f}"
    yield _cells(
        {
            **period,
            "Total Payable": payable,
            "Transaction Type": "PaymentSummary",
            "Transaction Posted Timestamp": _day(end),
            "Amount": payable,
        }
    )
    for number, entry in enumerate(found):
        yield _cells({**period, **_of_entry(state, entry), "Transaction Key": f"{date}{number:06d}"})


def _of_entry(state: State, entry: ledger.Entry) -> dict[str, str]:
    sku, to = entry.line["item"]["sku"], entry.order["shippingInfo"]["postalAddress"]
    item = ledger.item_of(state, sku)
    is_commission = entry.amount_type.startswith("Commission")
    return {
        "Transaction Posted Timestamp": _day(entry.posted),
        "Transaction Type": entry.kind,
        "Transaction Description": "Purchase" if entry.kind == "Sale" else "Return Refund",
        "Customer Order #": entry.order["customerOrderId"],
        "Customer Order line #": entry.line["lineNumber"],
        "Purchase Order #": entry.order["purchaseOrderId"],
        "Purchase Order line #": entry.line["lineNumber"],
        "Amount": f"{entry.amount:.2f}",
        "Amount Type": entry.amount_type,
        "Ship Qty": str(entry.quantity),
        "Commission Rate": f"{ledger.COMMISSION:.2f}" if is_commission else "",
        "Partner Item Id": sku,
        "Partner GTIN": item.gtin if item else "",
        "Partner Item Name": entry.line["item"]["productName"],
        "Product Type": item.product_type if item else "",
        "Fulfillment Type": "WFS"
        if entry.order["shipNode"]["type"] == "WFSFulfilled"
        else "Seller Fulfilled",
        "Ship to State": to.get("state", ""),
        "Ship to City": to.get("city", ""),
        "Ship to Zipcode": to.get("postalCode", ""),
    }


def _cells(values: dict[str, str]) -> tuple[str, ...]:
    return tuple(values.get(name, "") for name in COLUMNS)


def _day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, timezone.utc):%m/%d/%Y}"


def _newest(call: Call) -> int:
    """Return when the newest report was made, epoch milliseconds."""
    return int(call.now // (PERIOD * 86400) * (PERIOD * 86400)) * 1000


def statement(draft: Draft) -> Any:
    """Return what has come since the newest report, and what that one paid.

    :param draft: the answer to ``GET /v3/report/payment/statement``.
    """
    call, newest = draft.call, _newest(draft.call)
    found = ledger.entries(call.state, newest, int(call.now * 1000) + 1)
    settled = ledger.entries(call.state, newest - PERIOD * DAY, newest)
    if not found and not settled:
        return draft.made()
    answer = draft.over({"partnerId": call.token.seller, "error": ""})
    payload = answer["payload"]
    payload["outstandingMCABalance"] = 0
    payload["accountSummary"] |= {
        "openingBalance": 0,
        "orderActivity": ledger.total(found),
        "walmartFulfillmentServices": 0,
        "otherActivities": 0,
        "reserve": 0,
        "reserveToDate": 0,
        "holdAmt": 0,
        "paidToYou": ledger.total(settled),
        "closingBalance": ledger.total(found),
        "scheduledSettlementDate": day(newest + PERIOD * DAY),
        "lastUpdatedDate": day(int(call.now * 1000)),
    }
    details = payload["transactionDetails"]
    for name, kind in (("saleAggregate", "Sale"), ("refundDetails", "Refund")):
        of_kind = [entry for entry in found if entry.kind == kind]
        details[name] = {**dict.fromkeys(details[name], 0), **_aggregate(of_kind)}
    for name in ("adjustmentAggregate", "wfs", "partnerTxns"):
        details[name] = dict.fromkeys(details[name], 0)
    return answer


def _aggregate(found: list[ledger.Entry]) -> dict[str, float]:
    def total(*kinds: str) -> float:
        return ledger.total(entry for entry in found if entry.amount_type in kinds)

    return {
        "productPrice": total("Product Price"),
        "shipping": total("Shipping"),
        "productTaxCollected": total("Product tax"),
        "shippingTaxCollected": total("Shipping tax"),
        "netTaxCollected": total("Product tax", "Shipping tax"),
        "productTaxWithheld": total("Product tax withheld"),
        "shippingTaxWithheld": total("Shipping tax withheld"),
        "netTaxWithheld": total("Product tax withheld", "Shipping tax withheld"),
        "netComm": total("Commission on Product", "Commission on Shipping"),
        "totalBaseCommission": total("Commission on Product", "Commission on Shipping"),
        "netPayable": ledger.total(found),
    }


def _dates(call: Call) -> list[str]:
    newest = _newest(call)
    ends = [newest - PERIOD * DAY * back for back in range(REPORTS)]
    return [
        f"{datetime.fromtimestamp(end / 1000, timezone.utc):%m%d%Y}"
        for end in ends
        if call.state.settlement_rows or ledger.has_entries(call.state, end - PERIOD * DAY, end)
    ]


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
    return _cells(
        {
            "Period Start Date": day,
            "Period End Date": day,
            "Currency": "USD",
            "Transaction Key": f"{date}_{row}",
            "Transaction Posted Timestamp": day,
            "Transaction Type": "Sale",
            "Transaction Description": "Purchase",
            "Customer Order #": customer_order(row),
            "Purchase Order #": purchase_order(row),
            "Amount": f"{products.price(sku):.2f}",
            "Amount Type": "Product Price",
            "Ship Qty": "1",
            "Partner Item Id": products.sku(sku),
        }
    )


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
FILLS: dict[tuple[str, str], Fill] = {("GET", "/v3/report/payment/statement"): statement}
