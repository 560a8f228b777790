"""What is no plain list or field in Walmart's records, made to one before it is read into columns."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from airflow_provider_walmart.storage.tables.values import MISFIT, amount


def as_list(value: Any) -> list[Any]:
    """Return a list; one thing is a list of one, nothing an empty one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def refund_rows(value: Any) -> list[Any]:
    """Return the charges of refunds, each with its refund.

    Walmart's documents have one refund with charges, code that runs against live accounts reads a list of refund lines.
    """
    return [
        row
        for refund in as_list(value)
        for row in (_rows_of_refund(dict(refund)) if isinstance(refund, dict) else [refund])
    ]


def _rows_of_refund(refund: dict[str, Any]) -> list[Any]:
    """Return the charges of a refund and of those inside it."""
    rows = []
    for name in ("refundLines", "refundLine", "refund"):
        rows += refund_rows(refund.pop(name, None))
    charges = refund.pop("refundCharges", None)
    if isinstance(charges, dict) and "refundCharge" in charges:
        rest = dict(charges)
        charges = rest.pop("refundCharge")
        if rest:
            refund["refundCharges"] = rest
    if refund or charges is not None:
        rows += [_with_refund(charge, refund) for charge in as_list(charges) or [{}]]
    return rows


def _with_refund(charge: Any, refund: dict[str, Any]) -> dict[str, Any]:
    return {**(charge if isinstance(charge, dict) else {"refundCharge": charge}), "refund": refund}


def lines_with_labels(record: dict[str, Any]) -> None:
    """Give each line of a return the carrier and the tracking number of its group's first label."""
    labels: dict[str, Any] = {}
    for group in _objects(record.get("returnLineGroups")):
        carriers = [
            carrier
            for label in _objects(group.get("labels"))
            for carrier in _objects(label.get("carrierInfoList"))
        ]
        for line in _objects(group.get("returnLines")) if carriers else ():
            labels.setdefault(str(line.get("returnOrderLineNumber")), carriers[0])
    for line in _objects(record.get("returnOrderLines")):
        if label := labels.get(str(line.get("returnOrderLineNumber"))):
            line["#label"] = {name: label[name] for name in LABEL if name in label}


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [one for one in as_list(value) if isinstance(one, dict)]


LABEL = ("carrierName", "serviceType", "trackingNo")


def tax_total(taxes: Any) -> Any:
    """Return the sum of the taxes per unit of a charge, None where there are none."""
    total = None
    for tax in as_list(taxes):
        one = tax.get("taxPerUnit") if isinstance(tax, dict) else None
        value = amount(one.get("currencyAmount")) if isinstance(one, dict) else None
        if value is not None and value is not MISFIT:
            total = (total or Decimal(0)) + value
    return total
