"""Shipments to Walmart's own warehouses: planned, on their way, received; what is received is then in stock."""

from __future__ import annotations

import uuid
from typing import Any

from airflow_provider_walmart.sandbox.core.calls import Call
from airflow_provider_walmart.sandbox.core.dates import iso
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.state import WFS_NODE, FeedEffect, State
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill

Json = dict[str, Any]

SERVICE = "WFS_API"
KIND = "inbound shipments"
CANCELLED = "CANCELLED"

_CENTER = {
    "fcName": "LAX2",
    "addressLine1": "5691 E Philadelphia St",
    "city": "Ontario",
    "stateCode": "CA",
    "countryCode": "US",
    "postalCode": "91761",
}


def create(draft: Draft) -> Any:
    """Plan a shipment.

    :param draft: the answer to ``POST /v3/fulfillment/inbound-shipments``.
    """
    call, body = draft.call, draft.body
    if any(record["inboundOrderId"] == body["inboundOrderId"] for record in _all(call.state)):
        raise _refused(400, "inboundOrderId", "has been used before")
    items = body.get("orderItems") or []
    if any(item["itemQty"] < 1 for item in items):
        raise _refused(400, "orderItems.itemQty", "must be at least 1")
    shipment_id = f"{uuid.uuid5(uuid.NAMESPACE_OID, body['inboundOrderId']).int % 10**7:07d}GDM"
    now = call.now
    record = {
        "inboundOrderId": body["inboundOrderId"],
        "shipmentId": shipment_id,
        "created": now,
        "due": now + call.state.settings.inbound_seconds,
        "returnAddress": body["returnAddress"],
        "items": items,
        "tracking": [],
        "carrier": "",
    }
    call.state.kept.setdefault(KIND, {})[shipment_id] = record
    for item in items:
        _announce(call.state, record, item["sku"], item["itemQty"])
    shown = {
        "shipmentId": shipment_id,
        "shipToAddress": _CENTER,
        "shipmentItems": [{"vendorSku": item["sku"], "itemQty": item["itemQty"]} for item in items],
        "expectedDeliveryDate": iso(int(record["due"] * 1000)),
    }
    answer = draft.made([shown])
    return {**answer, "status": "OK"}


def listing(draft: Draft) -> Any:
    """List the shipments.

    :param draft: the answer to ``GET /v3/fulfillment/inbound-shipments``.
    """
    call = draft.call
    shown = [_shown(call, record) for record in _all(call.state)]
    if not shown:
        return draft.made()
    for name in ("inboundOrderId", "shipmentId", "status"):
        if wanted := call.query(name):
            shown = [record for record in shown if record[name] == wanted]
    return draft.made(shown)


def items(draft: Draft) -> Any:
    """List the items of the shipments.

    :param draft: the answer to ``GET /v3/fulfillment/inbound-shipment-items``.
    """
    call, wanted = draft.call, draft.call.query("shipmentId")
    found = [
        _shown_item(call, record, item)
        for record in _all(call.state)
        if wanted in ("", record["shipmentId"])
        for item in record["items"]
    ]
    return draft.made(found or None)


def _shown_item(call: Call, record: Json, item: Json) -> Json:
    received = _received(call, record, item)
    return {
        **{name: record[name] for name in ("inboundOrderId", "shipmentId")},
        **{name: item[name] for name in ("sku", "itemDesc", "itemQty", "vendorPackQty", "innerPackQty")},
        "receivedQty": received,
        "damagedQty": 0,
        "fillRate": 100 * received / item["itemQty"] if item["itemQty"] else 0,
        "expectedDeliveryDate": iso(int(record["due"] * 1000)),
        "shipNodeName": _CENTER["fcName"],
    }


def cancel(draft: Draft) -> Any:
    """Cancel all shipments of an inbound order that have not arrived.

    :param draft: the answer to ``DELETE /v3/fulfillment/inbound-shipments/{inboundOrderId}``.
    """
    call, wanted = draft.call, draft.call.path["inboundOrderId"]
    records = [record for record in _all(call.state) if record["inboundOrderId"] == wanted]
    if any(_status(call, record) not in ("AWAITING_DELIVERY", CANCELLED) for record in records):
        raise _refused(400, "inboundOrderId", "is being received")
    for record in records:
        record["cancelled"] = True
        for item in record["items"]:
            _withdraw(call.state, record, item)
    return {**draft.made(), "status": "OK"}


def quantities(draft: Draft) -> Any:
    """Change how much a shipment holds.

    :param draft: the answer to ``PUT /v3/fulfillment/shipment-quantities``.
    """
    record, state = _one(draft.call, draft.body["shipmentId"]), draft.call.state
    wanted = {item["sku"]: item["updatedShipmentQty"] for item in draft.body.get("orderItems") or []}
    for item in record["items"] if record else []:
        if record and item["sku"] in wanted:
            _withdraw(state, record, item)
            item["itemQty"] = max(wanted[item["sku"]], 0)
            _announce(state, record, item["sku"], item["itemQty"])
    return {**draft.made(), "status": "OK"}


def tracking(draft: Draft) -> Any:
    """Note carrier and tracking numbers of a shipment.

    :param draft: the answer to ``POST /v3/fulfillment/shipment-tracking``.
    """
    record = _one(draft.call, draft.body["shipmentId"])
    if record is not None:
        record["carrier"] = draft.body["carrierName"]
        record["tracking"] = draft.body.get("trackingInfo") or []
    return {**draft.made(), "status": "OK"}


def _all(state: State) -> list[Json]:
    return list(state.kept.get(KIND, {}).values())


def _one(call: Call, shipment_id: str) -> Json | None:
    """Return a shipment that was planned here, ``None`` for one that Walmart is told to know."""
    return call.state.kept.get(KIND, {}).get(shipment_id)


def _status(call: Call, record: Json) -> str:
    """Return how far a shipment is: two thirds of its time it is on its way."""
    if record.get("cancelled"):
        return CANCELLED
    left = record["due"] - call.now
    if left <= 0:
        return "CLOSED"
    return "RECEIVING_IN_PROGRESS" if left <= (record["due"] - record["created"]) / 3 else "AWAITING_DELIVERY"


def _received(call: Call, record: Json, item: Json) -> int:
    received: int = item["itemQty"] if _status(call, record) == "CLOSED" else 0
    return received


def _shown(call: Call, record: Json) -> Json:
    status, due = _status(call, record), iso(int(record["due"] * 1000))
    shown = {
        **{name: record[name] for name in ("inboundOrderId", "shipmentId", "returnAddress")},
        "shipToAddress": _CENTER,
        "status": status,
        "createdDate": iso(int(record["created"] * 1000)),
        "shipmentUnits": sum(item["itemQty"] for item in record["items"]),
        "receivedUnits": sum(_received(call, record, item) for item in record["items"]),
        "expectedDeliveryDate": due,
        "updatedExpectedDeliveryDate": due,
        "trackingNo": record["tracking"],
        "carrierName": record["carrier"],
    }
    return {**shown, "actualDeliveryDate": due} if status == "CLOSED" else shown


def _announce(state: State, record: Json, sku: str, units: int) -> None:
    state.inbound_units[sku] = state.inbound_units.get(sku, 0) + units
    state.feed_effects.append(FeedEffect(record["due"], "received", sku, units, WFS_NODE))


def _withdraw(state: State, record: Json, item: Json) -> None:
    effect = FeedEffect(record["due"], "received", item["sku"], item["itemQty"], WFS_NODE)
    if effect in state.feed_effects:
        state.feed_effects.remove(effect)
        state.inbound_units[item["sku"]] = max(0, state.inbound_units.get(item["sku"], 0) - item["itemQty"])


def _refused(status: int, field: str, reason: str) -> Refusal:
    return Refusal(status, f"INVALID_WFS_REQUEST.{SERVICE}", field=field, description=f"{field} {reason}")


_PATH = "/v3/fulfillment"
FILLS: dict[tuple[str, str], Fill] = {
    ("POST", f"{_PATH}/inbound-shipments"): create,
    ("GET", f"{_PATH}/inbound-shipments"): listing,
    ("GET", f"{_PATH}/inbound-shipment-items"): items,
    ("DELETE", f"{_PATH}/inbound-shipments/{{inboundOrderId}}"): cancel,
    ("PUT", f"{_PATH}/shipment-quantities"): quantities,
    ("POST", f"{_PATH}/shipment-tracking"): tracking,
}
