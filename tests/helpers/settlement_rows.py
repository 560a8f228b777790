"""The settlement files of a sandbox, and what its orders say that they must add up to."""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from typing import Any

from tests.helpers.sandbox_server import Server

RECON = "/v3/report/reconreport"
#: Share of a price that is paid to the seller.
PAID = Decimal("0.85")
SHIPPED = ("Shipped", "Delivered", "Refund")


def settlement_rows(server: Server) -> list[dict[str, str]]:
    """Return the rows of all files."""
    rows: list[dict[str, str]] = []
    for date in server.get(f"{RECON}/availableReconFiles")["availableApReportDates"]:
        answer = server.call("GET", f"{RECON}/reconFile?reportDate={date}")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            rows += csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode()))
    return rows


def sales(rows: list[dict[str, str]]) -> dict[str, Decimal]:
    """Return what the rows pay for each purchase order, before anything is paid back."""
    found: dict[str, Decimal] = {}
    for row in rows:
        if row["Transaction Type"] == "Sale":
            number = row["Purchase Order #"]
            found[number] = found.get(number, Decimal(0)) + Decimal(row["Amount"])
    return found


def earned(orders: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Return what is to be paid for what has been shipped of each order; orders without that are left out."""
    found: dict[str, Decimal] = {}
    for order in orders:
        for line in order["orderLines"]["orderLine"]:
            parts = line["orderLineStatuses"]["orderLineStatus"]
            shipped = sum(
                int(part["statusQuantity"]["amount"]) for part in parts if part["status"] in SHIPPED
            )
            amounts = (Decimal(str(one["chargeAmount"]["amount"])) for one in line["charges"]["charge"])
            share = Decimal(shipped) / int(line["orderLineQuantity"]["amount"])
            if shipped:
                number = order["purchaseOrderId"]
                found[number] = found.get(number, Decimal(0)) + sum(amounts) * share * PAID
    return found
