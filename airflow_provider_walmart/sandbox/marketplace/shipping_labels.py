"""Shipping labels: bought for an order, listed by order, fetched, discarded."""

from __future__ import annotations

import uuid
from typing import Any

from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.marketplace import order_records
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill
from airflow_provider_walmart.sandbox.marketplace.kept_records import of_kind

Json = dict[str, Any]

SERVICE = "SWW_API"
KIND = "shipping labels"


def create(draft: Draft) -> Any:
    """Buy a label.

    :param draft: the answer to ``POST /v3/shipping/labels``.
    """
    state, body = draft.call.state, draft.body
    order = order_records.record_of(state, body["purchaseOrderId"])
    if order is None:
        raise _refused(404, "purchaseOrderId", "is not known")
    lines = {line["lineNumber"]: line["item"]["sku"] for line in order["orderLines"]["orderLine"]}
    for item in body["boxItems"]:
        if lines.get(item["lineNumber"]) != item["sku"]:
            raise _refused(400, "boxItems", f"has no line {item['lineNumber']} with the SKU {item['sku']}")
    tracking = f"94{uuid.uuid4().int % 10**20:020d}"
    label = {
        "purchaseOrderId": body["purchaseOrderId"],
        "trackingNo": tracking,
        "boxItems": body["boxItems"],
        "carrierName": body["carrierName"],
        "carrierFullName": body["carrierName"],
        "carrierServiceType": body["carrierServiceType"],
        "trackingUrl": f"https://example.com/track/{tracking}",
        "addOns": [],
    }
    of_kind(state, KIND)[tracking] = label
    return {**draft.made(), "data": label, "errors": []}


def of_order(draft: Draft) -> Any:
    """List the labels of an order.

    :param draft: the answer to ``GET /v3/shipping/labels/purchase-orders/{purchaseOrderId}``.
    """
    labels = of_kind(draft.call.state, KIND).values()
    wanted = draft.call.path["purchaseOrderId"]
    found = [label for label in labels if label["purchaseOrderId"] == wanted]
    return {"data": found, "errors": []} if labels else draft.made()


def discard(draft: Draft) -> Any:
    """Discard a label.

    :param draft: the answer to ``DELETE /v3/shipping/labels/carriers/{carrierShortName}/trackings/{trackingNo}``.
    """
    tracking, discarded = draft.call.path["trackingNo"], of_kind(draft.call.state, f"discarded {KIND}")
    if tracking in discarded:
        raise _refused(404, "trackingNo", "is of a label that has been discarded")
    if of_kind(draft.call.state, KIND).pop(tracking, None) is not None:
        discarded[tracking] = {}
    return {"data": True, "errors": []}


def _refused(status: int, field: str, reason: str) -> Refusal:
    return Refusal(
        status, f"INVALID_REQUEST.{SERVICE}", field=field, description=f"{field} {reason}", shape="errors"
    )


_PATH = "/v3/shipping/labels"
FILLS: dict[tuple[str, str], Fill] = {
    ("POST", _PATH): create,
    ("GET", f"{_PATH}/purchase-orders/{{purchaseOrderId}}"): of_order,
    ("DELETE", f"{_PATH}/carriers/{{carrierShortName}}/trackings/{{trackingNo}}"): discard,
}
