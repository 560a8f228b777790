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
    rows: list[Any] = []
    for refund in as_list(value):
        if not isinstance(refund, dict):
            rows.append(refund)
            continue
        rest = dict(refund)
        inner = [rest.pop(name) for name in ("refundLines", "refundLine", "refund") if name in rest]
        for part in inner:
            rows += refund_rows(part)
        charges = rest.pop("refundCharges", None)
        if isinstance(charges, dict) and "refundCharge" in charges:
            charges = dict(charges)
            listed = charges.pop("refundCharge")
            if charges:
                rest["refundCharges"] = charges
            charges = listed
        if not rest and charges is None:
            continue
        found = as_list(charges) or [{}]
        rows += [
            {**charge, "refund": rest}
            if isinstance(charge, dict)
            else {"refund": rest, "refundCharge": charge}
            for charge in found
        ]
    return rows


def lines_with_labels(record: dict[str, Any]) -> None:
    """Give each line of a return the carrier and the tracking number of its group's first label."""
    labels: dict[str, Any] = {}
    for group in as_list(record.get("returnLineGroups")):
        if not isinstance(group, dict):
            continue
        carriers = [
            carrier
            for label in as_list(group.get("labels"))
            if isinstance(label, dict)
            for carrier in as_list(label.get("carrierInfoList"))
            if isinstance(carrier, dict)
        ]
        for line in as_list(group.get("returnLines")):
            if carriers and isinstance(line, dict):
                labels.setdefault(str(line.get("returnOrderLineNumber")), carriers[0])
    for line in as_list(record.get("returnOrderLines")):
        if isinstance(line, dict) and (label := labels.get(str(line.get("returnOrderLineNumber")))):
            line["#label"] = {name: label[name] for name in LABEL if name in label}


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
