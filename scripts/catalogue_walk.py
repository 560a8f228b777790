"""What each operation of the client's catalogue can be called with on the sandbox, so that it has something to answer.

Parameters and bodies are generated: parameters from the catalogue, bodies from the sandbox's own reading of Walmart's documents.
Only calls that act on what is in the shop are written out below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.hooks.walmart import WalmartHook

Json = dict[str, Any]

DATA = Path(__file__).parents[1] / "airflow_provider_walmart/sandbox/marketplace/documented.jsonl"
MARKETS = ("us", "mx", "ca")
SKU, SPEC = "SKU-000001", "5.0.20260608-18_15_07-api"
FEED = b'{"Inventory": [{"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": 1}}]}'
PRICE_XML = b'<Price><itemIdentifier><sku>SKU-000001</sku></itemIdentifier><currentPrice><value amount="5.50"/></currentPrice></Price>'
EVENT = {
    "eventType": "PO_CREATED",
    "eventVersion": "V1",
    "resourceName": "ORDER",
    "eventUrl": "https://example.com/x",
}
SUBSCRIPTION = {**EVENT, "status": "ACTIVE"}
#: Feeds whose documents say what is in them; others are files.
FEEDS = {
    "lagtime": {"lagTimeHeader": {"version": "1.0"}, "lagTime": [{"sku": SKU, "fulfillmentLagTime": 1}]},
    "OMNI_RICH_MEDIA": {
        "SupplierItemFeedHeader": {
            "feedType": "OMNI_RICH_MEDIA",
            "locale": "en",
            "version": "1.0",
            "subCategory": "video",
            "subset": "EXTERNAL",
        },
        "SupplierItem": [
            {
                "Orderable": {"productId": "00012345600012"},
                "Visible": {
                    "Video": {
                        "richMediaVideoAssetUrl": "https://example.com/lamp.mp4",
                        "richMediaVideoTitle": "A lamp",
                        "richMediaVideoCategory": "Product Overview",
                    }
                },
            }
        ],
    },
    "PROGRAM_ACTIONS": {
        "ProgramActionFeedHeader": {"version": "1.0", "locale": "en"},
        "ProgramAction": [
            {
                "Programs": {"ShippingConfiguration": {"itemShippingConfiguration": "ACCOUNT"}},
                "ItemIdentifiers": {"sku": SKU},
            }
        ],
    },
}
PRICE: Json = {"sku": SKU, "pricing": [{"currentPriceType": "BASE", "currentPrice": {"amount": 3}}]}
PROMOTION = {
    **PRICE["pricing"][0], "currentPriceType": "REDUCED",
    "effectiveDate": "2030-01-01T00:00:00Z", "expirationDate": "2030-02-01T00:00:00Z",
}  # fmt: skip


def orders_body(root: str, **line: Any) -> Json:
    """Return the body of a write to the first line of an order."""
    return {root: {"orderLines": {"orderLine": [{"lineNumber": "1", **line}]}}}


def status(name: str, **more: Any) -> Json:
    """Return the status of one unit of an order line."""
    quantity = {"unitOfMeasurement": "EACH", "amount": "1"}
    return {"orderLineStatuses": {"orderLineStatus": [{"status": name, "statusQuantity": quantity, **more}]}}


TRACKING = {
    "shipDateTime": 1580821866000, "carrierName": {"carrier": "UPS"}, "methodCode": "Standard", "trackingNumber": "22344",
}  # fmt: skip
CHARGE = {
    "chargeType": "PRODUCT",
    "chargeName": "Item Price",
    "chargeAmount": {"currency": "USD", "amount": -0.1},
}
REFUND = {
    "refunds": {
        "refund": [{"refundCharges": {"refundCharge": [{"refundReason": "DamagedItem", "charge": CHARGE}]}}]
    }
}
DOCUMENTS = {
    "files": [("damage.png", b"a picture")],
    "documentTypes": [{"fileName": "damage.png", "type": "PROOF_OF_DAMAGED_ITEM"}],
}
# What calls of those operations that have a memory need so that they make sense; all others are generated.
CANCELLED = orders_body(
    "orderCancellation", **status("Cancelled", cancellationReason="SELLER_CANCEL_PRICING_ERROR")
)
BODIES: dict[str, Any] = {
    "getSpec": {"feedType": "MP_ITEM", "version": SPEC, "productTypes": ["Mugs"]},
    "createSubscription": {"events": [SUBSCRIPTION]},
    "updateSubscription": {"status": "INACTIVE"},
    "submitBookingQuotes": {
        "payload": {
            "shipmentId": "ABC",
            "bookingDetails": {"quoteType": "Parcel", "unitDetails": [{"noOfSingleSkuBoxes": 1}]},
        }
    },
    "submitAdditionalInfo": DOCUMENTS,
    "submitClaim": {
        **DOCUMENTS,
        "payload": {
            "purchaseOrderNo": "108900000000001",
            "purchaseOrderLineNo": "1",
            "salesOrderNo": "200012000000001",
            "salesOrderLineNo": "1",
            "fulfillerLineId": "1",
            "quantity": 1,
            "returnOrderId": "103738048000000001",
            "claimType": "DAMAGED",
        },
    },
    "testNotification": EVENT,
    "getCatalogSearch": {},
    "itemsDetailsForListing": {},
    "postReportsSchedules": {"frequency": "WEEKLY", "repeatsEvery": 1, "hour": 9, "dayOfWeek": 4},
    "putReportsSchedulesByScheduleId": {"hour": 3},
    "updateSyncPrice": {"MPItem": {"Price": {"sku": SKU, "price": 3}}},
    "updateSyncPromotionalPrices": {"MPItem": {"Price": {"sku": SKU, "price": 3}}},
    "updatePrice": PRICE,
    "updatePromotionalPrices": {"sku": SKU, "pricing": [PROMOTION]},
    "mx.updatePrice": PRICE_XML,
    "cancelOrderLines": CANCELLED,
    "mx.cancelOrderLines": CANCELLED,
    "mx.shippingUpdates": {
        "shipments": [
            {
                "shipmentLines": [
                    {
                        "primeLineNo": "1",
                        "shipmentLineNo": "1",
                        "quantity": {"unitOfMeasurement": "EACH", "amount": "1"},
                    }
                ],
                "carrier": "Other",
                "trackingNumber": "12345",
                "trackingURL": "https://example.com",
            }
        ]
    },
    "mx.deliveryUpdates": {"packages": [{"trackingNo": "22344", "eventName": "DELIVERY_UPDATE"}]},
    "shippingUpdates": orders_body(
        "orderShipment", sellerOrderId="S-1", **status("Shipped", trackingInfo=TRACKING)
    ),
    "refundOrderLines": {
        "orderRefund": {
            "purchaseOrderId": "108900000000006",
            **orders_body("orderRefund", isFullRefund=True, **REFUND)["orderRefund"],
        }
    },
    "updateInventoryForAnItem": {"sku": SKU, "quantity": {"unit": "EACH", "amount": 3}},
    "mx.updateInventoryForAnItem": {"sku": SKU, "quantity": {"unit": "EACH", "amount": 3}},
    "issueRefund": {"customerOrderId": "200012000000001", "refundLines": [{"returnOrderLineNumber": 1}]},
    "mx.refundOrderLines": orders_body(
        "orderRefund", orderLineStatuses={"orderLineStatus": {"status": "DELIVERED"}}
    ),
    "createLabel": {
        "packageType": "BOX",
        "boxDimensions": {"boxWeight": 1, "boxWeightUnit": "LB"},
        "boxItems": [{"sku": SKU, "quantity": 1, "lineNumber": "1"}],
        "purchaseOrderId": "108900000000001",
        "carrierName": "FedEx",
        "carrierServiceType": "GROUND",
    },
    "createAnOrder": {"orderLines": {"orderLine": [{"item": {"sku": SKU}}]}},
    "deliveryAnOrder": {"orderLines": {"orderLine": [{"lineNumber": "1"}]}},
    "simulateReturn": {
        "purchaseOrderId": "108900000000008",
        "lineNumber": 1,
        "qty": 1,
        "returnReason": "DEFECTIVE",
    },
    "updateReturnSimulation": {
        "returnOrderId": "103738048000000003",
        "lineNumber": 1,
        "qty": 1,
        "status": "DELIVERED",
        "eventTag": "RETURN_DELIVERED",
    },
    "updateMultiNodeInventory": {
        "inventories": {"nodes": [{"shipNode": "10000005050", "inputQty": {"unit": "EACH", "amount": 3}}]}
    },
}
PARAMETERS: dict[str, Json] = {
    "getSearchResult": {"query": "lamp"},
    "getLagTime": {"sku": SKU},
    "getInventory": {"sku": SKU},
    "generateReport": {"reportType": "ITEM", "reportVersion": "v4"},
    "postReportsSchedules": {"reportType": "ITEM", "reportVersion": "v4"},
    "updateWalmartFundedIncentivesEnrollmentStatus": {"autoEnrollEnabled": True},
    "getShipOnDate": {"estimatedShipDate": "11/30/2026"},
    "mx.getAllOrdersUsingCursor": {"statusCodeFilter": "Created"},
    "shippingUpdates": {"purchaseOrderId": "108900000000002"},
    "cancelOrderLines": {"purchaseOrderId": "108900000000004"},
    "mx.cancelOrderLines": {"purchaseOrderId": "108900000000005"},
    "mx.shippingUpdates": {"purchaseOrderId": "P108900000000003"},
    "mx.deliveryUpdates": {"purchaseOrderId": "P108900000000009"},
    "refundOrderLines": {"purchaseOrderId": "108900000000006"},
    "deliveryAnOrder": {"purchaseOrderId": "108900000000007"},
    "issueRefund": {"returnOrderId": "103738048000000001"},
    "mx.refundOrderLines": {"returnOrderId": "103738048000000002"},
}
# The token calls are the client's own business, and take no parameters from its callers.
FORM = b"grant_type=client_credentials"


def shape_key(market: str, method: str, path: str) -> tuple[str, str, str]:
    """Return what a row of the sandbox's data is found by."""
    return market, method, re.sub(r"\{\w+\}", "{}", path)


ROWS: dict[tuple[str, str, str], Json] = {
    shape_key(row["market"], row["method"], row["path"]): row
    for row in map(json.loads, DATA.read_text().splitlines())
}


def row_of(operation: Operation) -> Json:
    """Return what the sandbox knows of an operation."""
    return ROWS[shape_key(operation.market, operation.method, operation.path)]


def value_of(shape: Any, name: str = "") -> Any:
    """Return a value of a shape with all that is required in it, and nothing else."""
    if isinstance(shape, dict):
        return {key[:-1]: value_of(part, key[:-1]) for key, part in shape.items() if key.endswith("*")}
    if isinstance(shape, list) and len(shape) == 1:
        return [value_of(shape[0], name)]
    if isinstance(shape, list) and isinstance(shape[1], str):
        return next(text for text in ("ABC", "2026-09-01", "12345") if re.search(shape[1], text))
    if isinstance(shape, list):
        return shape[1][0]
    plain = {"integer": 1, "number": 1.5, "boolean": True, "date": "2026-09-01"}
    plain["date-time"] = "2026-09-01T00:00:00Z"
    texts = {"sku": SKU, "state": "CA"}
    return plain.get(shape) or texts.get(name.lower(), "ABC")


def fill_shop(control: Callable[[str, Any], Any]) -> None:
    """Put into a sandbox what the calls name, and take its rate limits away.

    :param control: calls a path of its control API with a body.
    """
    control("settings", {"limits": False, "feed_seconds": 0, "report_seconds": 0})
    seeds = {"orders": 9, "returns": 25, "items": 60, "inventories": 60, "settlements": 9}
    control("seed", {**seeds, "feeds": [{"feedId": "F@1", "items": 3}]})


def ids_of(hook: WalmartHook) -> Json:
    """Return values of parameters by name: what there is to be read and changed, made through the hook where need be.

    What is deleted has ids of its own, under ``deleted``.
    """
    for shipped in ("108900000000006", "108900000000007", "108900000000009"):
        hook.call("shippingUpdates", purchaseOrderId=shipped, body=BODIES["shippingUpdates"])

    def schedule() -> Any:
        answer = hook.call(
            "postReportsSchedules", body=BODIES["postReportsSchedules"], **PARAMETERS["postReportsSchedules"]
        )
        return answer["scheduleId"]

    def subscription() -> Any:
        return hook.call("createSubscription", body=BODIES["createSubscription"])["events"][0][
            "subscriptionId"
        ]

    report = hook.call("generateReport", reportType="ITEM", reportVersion="v4")["requestId"]
    return {
        "feedId": "F@1",
        "sku": SKU,
        "SKU": "SKU-000002",
        "id": SKU,
        "purchaseOrderId": "108900000000001",
        "requestId": report,
        "scheduleId": schedule(),
        "deleted": {"scheduleId": schedule(), "subscriptionId": subscription(), "sku": "SKU-000002"},
        "subscriptionId": subscription(),
        "offset": 0,
        "reportDate": hook.call("getAvailableReconReportDates")["availableApReportDates"][0],
    }


def parameters_of(operation: Operation, ids: Mapping[str, Any]) -> Json:
    """Return the parameters that an operation needs."""
    given: Json = {}
    known = {**ids, **ids["deleted"]} if operation.method == "DELETE" else ids
    for parameter in operation.parameters:
        if not parameter.required or parameter.default is not None:
            continue
        if parameter.name in known and not parameter.enum:
            given[parameter.name] = known[parameter.name]
        elif parameter.enum:
            given[parameter.name] = parameter.enum[0]
        elif parameter.type in ("integer", "number"):
            given[parameter.name] = parameter.minimum or 1
        else:
            given[parameter.name] = "2026-09-01" if parameter.format == "date" else "A"
    return {**given, **PARAMETERS.get(operation.name, {})}


def body_of(operation: Operation) -> Any:
    """Return a body as the sandbox's reading of the documents wants it; ``None`` where none is needed."""
    if operation.name in BODIES:
        return BODIES[operation.name]
    media = operation.body[0] if operation.body else ""
    if operation.path.endswith("/feeds") and operation.method == "POST":
        return FEEDS.get(dict(operation.fixed_query).get("feedType", ""), FEED)
    if media == "application/json" and (operation.body_required or operation.name == "issueRefund"):
        shape = row_of(operation).get("body", {})
        whole = (
            {name.removesuffix("*"): value_of(part, name) for name, part in shape.items()} if shape else {}
        )
        return value_of(shape) or whole or {"a": 1}
    if len(operation.form) > 1:
        return {part.name: FEED if part.name == "file" else "ABC" for part in operation.form if part.required}
    return {
        "application/x-www-form-urlencoded": FORM,
        "multipart/form-data": FEED,
        "application/xml": b"<a>1</a>",
    }.get(media if operation.body_required else "")
