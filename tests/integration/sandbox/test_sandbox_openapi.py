"""The sandbox's own answers against Walmart's API documents, where those are at hand."""

import functools
import json
import os
from pathlib import Path

import jsonschema
import pytest

DOCUMENTS = Path(
    os.environ.get("WALMART_OPENAPI_DIR")
    or Path(__file__).resolve().parents[3].parent / "shared" / "walmart-openapi"
)
US = DOCUMENTS / "us-mp-2026"
MX = DOCUMENTS / "mx-mp-2023"

pytestmark = pytest.mark.skipif(
    not US.is_dir(),
    reason="Walmart's API documents are not here; set WALMART_OPENAPI_DIR to check against them",
)

JSON = {"Content-Type": "application/json"}

#: Fields of live answers or of the documents' own examples that the documents' schemas do not declare.
LIVE_FIELDS = {
    "getAllFeedStatuses": {"fileName", "itemDataErrorCount", "itemSystemErrorCount", "itemTimeoutErrorCount"},
    "getFeedItemStatus": {"feedSubmissionDate", "field"},
    "getAnItem": {"ItemResponse", "totalItems"},
    "getCountByStatus": {"UNPUBLISHED", "PUBLISHED", "All"},
    "createSubscription": {"events"},
    "updateSubscription": {
        "eventType", "subscriptionId", "partnerId", "eventVersion", "resourceName", "status", "eventUrl",
    },
    "getAllSubscriptions": {
        "eventType", "subscriptionId", "partnerId", "eventVersion", "resourceName", "status", "eventUrl",
    },
}  # fmt: skip


@functools.cache
def document(path):
    return json.loads(path.read_text())


def operation(path, operation_id):
    """An operation by its id, or by method and path where it has none."""
    method, _, place = operation_id.partition(" ")
    if place:
        return document(path)["paths"][place][method]
    for methods in document(path)["paths"].values():
        for method in methods.values():
            if isinstance(method, dict) and method.get("operationId") == operation_id:
                return method
    raise LookupError(operation_id)


def resolve(path, schema):
    while isinstance(schema, dict) and "$ref" in schema:
        place = document(path)
        for name in schema["$ref"].removeprefix("#/").split("/"):
            place = place[name.replace("~1", "/").replace("~0", "~")]
        schema = place
    return schema


def plain(path, schema, depth=0):
    """A schema without references, in which nothing is allowed that is not declared."""
    schema = resolve(path, schema)
    if not isinstance(schema, dict) or depth > 25:
        return {}
    kept = {name: schema[name] for name in ("type", "enum", "required") if name in schema}
    for name in ("allOf", "oneOf", "anyOf"):
        if name in schema:
            # Declared parts overlap in the documents; each of them may be met.
            kept["anyOf"] = [plain(path, part, depth + 1) for part in schema[name]]
    if "items" in schema:
        kept["items"] = plain(path, schema["items"], depth + 1)
    if "properties" in schema:
        kept["properties"] = {
            name: plain(path, part, depth + 1) for name, part in schema["properties"].items()
        }
        kept["additionalProperties"] = bool(schema.get("additionalProperties"))
    return kept


def problems(path, operation_id, body, status="200"):
    method = operation(path, operation_id)
    content = resolve(path, method["responses"][status])["content"]
    schema = plain(path, content["application/json"]["schema"])
    known = LIVE_FIELDS.get(operation_id, set())
    found = []
    for error in jsonschema.Draft202012Validator(schema).iter_errors(body):
        if error.validator == "additionalProperties":
            extra = set(error.instance) - set(error.schema["properties"]) - known
            if extra:
                found.append(f"{error.json_path}: not declared: {sorted(extra)}")
        else:
            found.append(f"{error.json_path}: {error.message[:200]}")
    return found


@pytest.fixture(scope="module")
def shop(shared_server):
    """A sandbox with some of everything and no rate limits."""
    shared_server.reset()
    shared_server.control("POST", "settings", {"limits": False, "report_seconds": 0, "feed_seconds": 0})
    shared_server.control(
        "POST", "seed", {"orders": 5, "returns": 25, "items": 60, "inventories": 60, "settlements": 9}
    )
    failed = [{"index": 0, "type": "SYSTEM_ERROR"}, {"index": 1, "code": "ERR_PDI_0001"}]
    feeds = [{"feedId": "F@1", "items": 3, "failed": failed}, {"feedStatus": "INPROGRESS", "items": 4}]
    shared_server.control("POST", "seed", {"feeds": feeds})
    return shared_server


def send(shop, method, path, body=None, **options):
    answer = shop.call(method, path, json=body, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


QUANTITY = {"unit": "EACH", "amount": 3}
SHIPMENT = {
    "lineNumber": "1",
    "orderLineStatuses": {
        "orderLineStatus": [
            {
                "status": "Shipped",
                "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "1"},
                "trackingInfo": {
                    "shipDateTime": 1580821866000,
                    "carrierName": {"carrier": "UPS"},
                    "methodCode": "Standard",
                    "trackingNumber": "22344",
                },
            }
        ]
    },
}
PROMOTION = {
    "currentPriceType": "REDUCED",
    "currentPrice": {"currency": "USD", "amount": 4},
    "effectiveDate": "2030-01-01T00:00:00Z",
    "expirationDate": "2030-02-01T00:00:00Z",
}
EVENT = {
    "eventType": "PO_CREATED",
    "eventVersion": "V1",
    "resourceName": "ORDER",
    "eventUrl": "https://example.com/x",
}
RECON = "/v3/report/reconreport"

CALLS = {
    "getTokenDetail": ("authentication", "GET", "/v3/token/detail", None),
    "getAllFeedStatuses": ("feed-management", "GET", "/v3/feeds", None),
    "getFeedItemStatus": ("feed-management", "GET", "/v3/feeds/F@1?includeDetails=true", None),
    "itemBulkUploads": ("item-management", "POST", "/v3/feeds?feedType=MP_ITEM", {"MPItem": [{"sku": "A"}]}),
    "getAllOrders": (
        "order-management", "GET", "/v3/orders?limit=2&productInfo=true&replacementInfo=true", None,
    ),
    "getAllReleasedOrders": ("order-management", "GET", "/v3/orders/released?limit=2", None),
    "acknowledgeOrders": ("order-management", "POST", "/v3/orders/108900000000001/acknowledge", {}),
    "shippingUpdates": (
        "order-management", "POST", "/v3/orders/108900000000002/shipping",
        {"orderShipment": {"orderLines": {"orderLine": [SHIPMENT]}}},
    ),
    "getReturns": ("returns-management", "GET", "/v3/returns", None),
    "issueRefund": (
        "returns-management", "POST", "/v3/returns/103738048000000001/refund",
        {"customerOrderId": "200012000000001", "refundLines": [{"returnOrderLineNumber": 1}]},
    ),
    "getInventory": ("inventory-management", "GET", "/v3/inventory?sku=SKU-000001", None),
    "updateInventoryForAnItem": (
        "inventory-management", "PUT", "/v3/inventory?sku=SKU-000001", {"sku": "SKU-000001", "quantity": QUANTITY},
    ),
    "getMultiNodeInventoryForSkuAndAllShipnodes": (
        "inventory-management", "GET", "/v3/inventories/SKU-000001", None,
    ),
    "updateMultiNodeInventory": (
        "inventory-management", "PUT", "/v3/inventories/SKU-000001",
        {"inventories": {"nodes": [{"shipNode": node, "inputQty": QUANTITY} for node in ("10000005050", "none")]}},
    ),
    "getMultiNodeInventoryForAllSkuAndAllShipNodes": ("inventory-management", "GET", "/v3/inventories", None),
    "getWFSInventoryDetails": ("inventory-management", "GET", "/v3/wfs/inventory", None),
    "getAllItems": ("item-management", "GET", "/v3/items", None),
    "getAnItem": ("item-management", "GET", "/v3/items/SKU-000001", None),
    "getCountByStatus": ("item-management", "GET", "/v3/items/count", None),
    "getCatalogSearch": ("item-management", "POST", "/v3/items/catalog/search?limit=3", {}),
    "retireAnItem": ("item-management", "DELETE", "/v3/items/SKU-000002", None),
    "updatePrice": (
        "price-management", "PUT", "/v3/price",
        {"sku": "SKU-000003", "pricing": [{"currentPriceType": "BASE", "currentPrice": {"amount": 3}}]},
    ),
    "updatePromotionalPrices": (
        "promotion-management", "PUT", "/v3/price?promo=true", {"sku": "SKU-000003", "pricing": [PROMOTION]},
    ),
    "getPromotionalPrices": ("promotion-management", "GET", "/v3/promo/sku/SKU-000003", None),
    "getLagTime": ("lag-time", "GET", "/v3/lagtime?sku=SKU-000003", None),
    "itemsDetailsForListing": (
        "insights-management", "POST", "/v3/insights/items/listingQuality/items?limit=5", {},
    ),
    "getIrpItems": (
        "reviews-acceleration", "POST", "/v3/growth/reviews-accelerator/items?scrollId=*",
        {"filter": {"itemStatus": "ELIGIBLE"}},
    ),
    "getAvailableReconReportDates": ("payment-reports", "GET", f"{RECON}/availableReconFiles", None),
    "generateReport": (
        "on-request-report-management", "POST", "/v3/reports/reportRequests?reportType=ITEM&reportVersion=v4",
        {"excludeColumns": ["Price"]},
    ),
    "createSubscription": (
        "notifications-management", "POST", "/v3/webhooks/subscriptions", {"events": [EVENT]},
    ),
    "testNotification": ("notifications-management", "POST", "/v3/webhooks/test", EVENT),
    "getEventTypes": ("notifications-management", "GET", "/v3/webhooks/eventTypes", None),
    "getApiPlatformStatus": ("utilities-management", "GET", "/v3/utilities/apiStatus", None),
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"totalResults": "1"}, "$.totalResults: '1' is not of type 'integer'"),
        ({"total": 1}, "$: not declared: ['total']"),
        ({"results": {"feed": [{"feedID": "1"}]}}, "$.results.feed[0]: not declared: ['feedID']"),
    ],
)
def test_the_check_notices_what_is_wrong(body, problem):
    assert problems(US / "feed-management.openapi.json", "getAllFeedStatuses", body) == [problem]


@pytest.mark.parametrize("operation_id", CALLS)
def test_an_answer_is_as_documented(shop, operation_id):
    name, method, path, body = CALLS[operation_id]
    answer = send(shop, method, path, body)
    assert problems(US / f"{name}.openapi.json", operation_id, answer) == []


def test_the_token_is_as_documented(shop):
    assert problems(US / "authentication.openapi.json", "tokenAPI", shop.post_token().json()) == []


def test_one_order_in_its_wrapper_is_as_documented(shop):
    order = send(shop, "GET", "/v3/orders/108900000000003")["order"]
    # Declared as text here alone; everywhere else, and in live answers, it is a number.
    order["orderDate"] = str(order["orderDate"])
    assert problems(US / "order-management.openapi.json", "getAnOrder", order) == []


def test_cancelled_and_refunded_orders_are_as_documented(shop):
    path = US / "order-management.openapi.json"
    part = {"status": "Cancelled", "cancellationReason": "SELLER_CANCEL_PRICING_ERROR"}
    part["statusQuantity"] = {"unitOfMeasurement": "EA", "amount": "1"}
    line = {"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}}
    body = {"orderCancellation": {"orderLines": {"orderLine": [line]}}}
    answer = send(shop, "POST", "/v3/orders/108900000000004/cancel", body)
    assert problems(path, "cancelOrderLines", answer) == []

    send(
        shop,
        "POST",
        "/v3/orders/108900000000005/shipping",
        {"orderShipment": {"orderLines": {"orderLine": [SHIPMENT]}}},
    )
    amount = {"currency": "USD", "amount": -0.1}
    charge = {"chargeType": "PRODUCT", "chargeName": "Item Price", "chargeAmount": amount}
    refund = {"refundCharges": {"refundCharge": [{"refundReason": "DamagedItem", "charge": charge}]}}
    lines = [{"lineNumber": "1", "isFullRefund": True, "refunds": {"refund": [refund]}}]
    body = {"orderRefund": {"orderLines": {"orderLine": lines}}}
    answer = send(shop, "POST", "/v3/orders/108900000000005/refund", body)
    assert problems(path, "refundOrderLines", answer) == []


def test_settlements_are_as_documented(shop):
    date = send(shop, "GET", f"{RECON}/availableReconFiles")["availableApReportDates"][0]
    answer = send(shop, "GET", f"{RECON}/reconFileJson?reportDate={date}&offset=0&noOfRecords=5")
    # The rows themselves are declared as objects of objects, against the document's own example.
    answer["reportData"] = []
    assert problems(US / "payment-reports.openapi.json", "getAvailableV1ReconReportAsJson", answer) == []


def test_reports_are_as_documented(shop):
    path = US / "on-request-report-management.openapi.json"
    for _ in range(11):
        made = send(shop, "POST", "/v3/reports/reportRequests?reportType=ITEM&reportVersion=v4", {})
    listing = send(shop, "GET", "/v3/reports/reportRequests?reportType=ITEM")
    one = send(shop, "GET", f"/v3/reports/reportRequests/{made['requestId']}")
    link = send(shop, "GET", f"/v3/reports/downloadReport?requestId={made['requestId']}")
    assert problems(path, "getRequestsStatus", listing) == []
    assert problems(path, "getSingleRequestStatus", one) == []
    assert problems(path, "downloadReport", link) == []


def test_report_schedules_are_as_documented(shop):
    path = US / "on-request-report-management.openapi.json"
    schedules = "/v3/reports/schedules"
    body = {"frequency": "WEEKLY", "repeatsEvery": 1, "hour": 9, "dayOfWeek": 4}
    for _ in range(11):
        made = send(shop, "POST", f"{schedules}?reportType=ITEM&reportVersion=v4", body)
    one, template = f"{schedules}/{made['scheduleId']}", f"{schedules}/{{scheduleId}}"
    assert problems(path, f"post {schedules}", made) == []
    assert problems(path, f"get {schedules}", send(shop, "GET", f"{schedules}?reportType=ITEM")) == []
    assert problems(path, f"put {template}", send(shop, "PUT", one, {"hour": 3})) == []
    assert problems(path, f"get {template}", send(shop, "GET", one)) == []
    assert problems(path, f"delete {template}", send(shop, "DELETE", one)) == []


def test_subscriptions_are_as_documented(shop):
    path = US / "notifications-management.openapi.json"
    (made,) = send(shop, "POST", "/v3/webhooks/subscriptions", {"events": [EVENT]})["events"]
    one = f"/v3/webhooks/subscriptions/{made['subscriptionId']}"
    assert problems(path, "getAllSubscriptions", send(shop, "GET", "/v3/webhooks/subscriptions")) == []
    assert problems(path, "updateSubscription", send(shop, "PATCH", one, {"status": "INACTIVE"})) == []
    assert problems(path, "deleteSubscription", send(shop, "DELETE", one)) == []


def test_the_new_price_update_is_as_documented(shop):
    body = {"MPItem": {"Price": {"sku": "SKU-000004", "price": 3}}}
    headers = {"WM_MARKET": "us", "WM_GLOBAL_VERSION": "3.1"}
    answer = send(shop, "POST", "/v3/price", body, headers=headers)
    assert problems(US / "price-management.openapi.json", "updateSyncPrice", answer) == []


def test_mexicos_orders_are_as_documented(shop):
    headers = {"WM_SEC.ACCESS_TOKEN": shop.token({"WM_MARKET": "mx"}), "WM_MARKET": "mx"}
    answer = send(shop, "GET", "/v3/orders/cursor?statusCodeFilter=Created&limit=2", headers=headers)
    assert problems(MX / "orders.json", "getAllOrdersUsingCursor", answer) == []


@pytest.mark.parametrize(
    ("name", "operation_id", "status", "method", "path"),
    [
        ("order-management", "getAnOrder", "404", "GET", "/v3/orders/1"),
        ("order-management", "getAllOrders", "400", "GET", "/v3/orders?limit=x"),
    ],
)
def test_refusals_are_as_documented(shop, name, operation_id, status, method, path):
    answer = shop.call(method, path)
    assert answer.status_code == int(status)
    found = problems(US / f"{name}.openapi.json", operation_id, answer.json(), status)
    assert [problem for problem in found if "errorIdentifiers" not in problem] == []
