"""Every operation of the client's catalogue, called through the hook, against the sandbox's own reading of the documents."""

import json
import os
import re
from pathlib import Path

import pytest

from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.errors import WalmartRequestError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from scripts.build_sandbox_data import rows
from tests.helpers.shop import Shop

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = Path(os.environ.get("WALMART_OPENAPI_DIR") or ROOT.parent / "shared" / "walmart-openapi")
DATA = ROOT / "airflow_provider_walmart/sandbox/marketplace/documented.jsonl"
OPERATIONS = all_operations()
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
PRICE = {"sku": SKU, "pricing": [{"currentPriceType": "BASE", "currentPrice": {"amount": 3}}]}
PROMOTION = {
    **PRICE["pricing"][0], "currentPriceType": "REDUCED",
    "effectiveDate": "2030-01-01T00:00:00Z", "expirationDate": "2030-02-01T00:00:00Z",
}  # fmt: skip


def orders_body(root, **line):
    return {root: {"orderLines": {"orderLine": [{"lineNumber": "1", **line}]}}}


def status(name, **more):
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
# What calls of those operations that have a memory need so that they make sense; all others are generated.
CANCELLED = orders_body(
    "orderCancellation", **status("Cancelled", cancellationReason="SELLER_CANCEL_PRICING_ERROR")
)
BODIES = {
    "getSpec": {"feedType": "MP_ITEM", "version": SPEC, "productTypes": ["Mugs"]},
    "createSubscription": {"events": [EVENT]},
    "testNotification": EVENT,
    "postReportsSchedules": {"frequency": "WEEKLY", "repeatsEvery": 1, "hour": 9, "dayOfWeek": 4},
    "putReportsSchedulesByScheduleId": {"hour": 3},
    "updateSyncPrice": {"MPItem": {"Price": {"sku": SKU, "price": 3}}},
    "updateSyncPromotionalPrices": {"MPItem": {"Price": {"sku": SKU, "price": 3}}},
    "updatePrice": PRICE,
    "updatePromotionalPrices": {"sku": SKU, "pricing": [PROMOTION]},
    "mx.updatePrice": PRICE_XML,
    "cancelOrderLines": CANCELLED,
    "mx.cancelOrderLines": CANCELLED,
    "shippingUpdates": orders_body("orderShipment", **status("Shipped", trackingInfo=TRACKING)),
    "refundOrderLines": orders_body("orderRefund", isFullRefund=True, **REFUND),
    "updateInventoryForAnItem": {"sku": SKU, "quantity": {"unit": "EACH", "amount": 3}},
    "mx.updateInventoryForAnItem": {"sku": SKU, "quantity": {"unit": "EACH", "amount": 3}},
    "issueRefund": {"customerOrderId": "200012000000001", "refundLines": [{"returnOrderLineNumber": 1}]},
    "mx.refundOrderLines": {
        "customerOrderId": "200012000000002",
        "refundLines": [{"returnOrderLineNumber": 1}],
    },
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
PARAMETERS = {
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
    "refundOrderLines": {"purchaseOrderId": "108900000000006"},
    "deliveryAnOrder": {"purchaseOrderId": "108900000000007"},
    "issueRefund": {"returnOrderId": "103738048000000001"},
    "mx.refundOrderLines": {"returnOrderId": "103738048000000002"},
}
# The token calls are the client's own business, and take no parameters from its callers.
FORM = b"grant_type=client_credentials"


def shape_key(market, method, path):
    return market, method, re.sub(r"\{\w+\}", "{}", path)


ROWS = {
    shape_key(row["market"], row["method"], row["path"]): row
    for row in map(json.loads, DATA.read_text().splitlines())
}


def value_of(shape, name=""):
    """A value of a shape with all that is required in it, and nothing else."""
    if isinstance(shape, dict):
        return {key[:-1]: value_of(part, key[:-1]) for key, part in shape.items() if key.endswith("*")}
    if isinstance(shape, list) and len(shape) == 1:
        return [value_of(shape[0], name)]
    if isinstance(shape, list):
        return shape[1][0]
    plain = {"integer": 1, "number": 1.5, "boolean": True, "date": "2026-09-01"}
    plain["date-time"] = "2026-09-01T00:00:00Z"
    return plain.get(shape, SKU if name.lower().endswith("sku") else "A")


@pytest.fixture(scope="module")
def hooks(shared_server, tmp_path_factory):
    """A hook for each market, on a sandbox without rate limits that holds what the calls name."""
    with pytest.MonkeyPatch.context() as patch:
        shared_server.reset()
        shared_server.control("POST", "settings", {"limits": False, "feed_seconds": 0, "report_seconds": 0})
        seeds = {"orders": 9, "returns": 25, "items": 60, "inventories": 60, "settlements": 9}
        shared_server.control("POST", "seed", {**seeds, "feeds": [{"feedId": "F@1", "items": 3}]})
        ship = orders_body("orderShipment", **status("Shipped", trackingInfo=TRACKING))
        for shipped in ("108900000000006", "108900000000007"):
            answer = shared_server.call("POST", f"/v3/orders/{shipped}/shipping", json=ship)
            assert answer.status_code == 200
        yield {market: hook_of(market, shared_server, tmp_path_factory, patch) for market in MARKETS}


@pytest.fixture(scope="module")
def readers(hooks, shared_server, tmp_path_factory):
    """Hooks of their own for lists: some may be read once a minute only."""
    with pytest.MonkeyPatch.context() as patch:
        yield {market: hook_of(market, shared_server, tmp_path_factory, patch) for market in MARKETS}


def hook_of(market, server, tmp_path_factory, patch):
    patch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path_factory.mktemp(market)))
    extra = {"market": market}
    patch.setenv(f"AIRFLOW_CONN_WALMART_{market.upper()}", Shop(server).connection(extra=extra))
    hook = WalmartHook(f"walmart_{market}")
    assert hook.client
    return hook


@pytest.fixture(scope="module")
def ids(hooks):
    """Values of parameters by name: what there is to be read and changed."""
    us = hooks["us"]

    def schedule():
        answer = us.call(
            "postReportsSchedules", body=BODIES["postReportsSchedules"], **PARAMETERS["postReportsSchedules"]
        )
        return answer["scheduleId"]

    def subscription():
        return us.call("createSubscription", body={"events": [EVENT]})["events"][0]["subscriptionId"]

    report = us.call("generateReport", reportType="ITEM", reportVersion="v4")["requestId"]
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
        "reportDate": us.call("getAvailableReconReportDates")["availableApReportDates"][0],
    }


def parameters_of(operation, ids):
    given = {}
    ids = {**ids, **ids["deleted"]} if operation.method == "DELETE" else ids
    for parameter in operation.parameters:
        if not parameter.required or parameter.default is not None:
            continue
        if parameter.name in ids and not parameter.enum:
            given[parameter.name] = ids[parameter.name]
        elif parameter.enum:
            given[parameter.name] = parameter.enum[0]
        elif parameter.type in ("integer", "number"):
            given[parameter.name] = parameter.minimum or 1
        else:
            given[parameter.name] = "2026-09-01" if parameter.format == "date" else "A"
    return {**given, **PARAMETERS.get(operation.name, {})}


def body_of(operation):
    """A body as the sandbox's reading of the documents wants it."""
    if operation.name in BODIES:
        return BODIES[operation.name]
    media = operation.body[0] if operation.body else ""
    if operation.path.endswith("/feeds") and operation.method == "POST":
        return FEED
    if media == "application/json" and (operation.body_required or operation.name == "issueRefund"):
        row = ROWS[shape_key(operation.market, operation.method, operation.path)]
        return value_of(row.get("body", {})) or {"a": 1}
    return {
        "application/x-www-form-urlencoded": FORM,
        "multipart/form-data": FEED,
        "application/xml": b"<a>1</a>",
    }.get(media if operation.body_required else "")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_is_answered(operation, hooks, ids):
    hook, body, given = hooks[operation.market], body_of(operation), parameters_of(operation, ids)
    if operation.operation_id == "tokenAPI":
        # The client makes it itself, with the keys that it keeps to itself; all the other calls rest on it.
        with pytest.raises(WalmartRequestError, match="Authorization"):
            hook.call(operation.name, body=body, **given)
        return
    answer = hook.call(operation.name, body=body, **given)
    row = ROWS[shape_key(operation.market, operation.method, operation.path)]
    if row["status"] == 204 or operation.name == "getFeedErrorReport":
        assert answer is None
    elif not row["media"] or {"application/json", "application/xml"} & set(row["media"]):
        assert isinstance(answer, (dict, list))
    else:
        assert isinstance(answer, bytes)


def test_all_306_are_walked():
    assert len(OPERATIONS) == len({operation.name for operation in OPERATIONS}) == 306


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.is_list], ids=lambda operation: operation.name
)
def test_every_list_is_read_to_its_end(operation, readers, ids):
    given, body = parameters_of(operation, ids), body_of(operation)
    paging = operation.paging
    if isinstance(body, dict) and paging.in_body:
        body.pop(paging.position, None)
    # Several pages, where the client's own budget lets them pass at once.
    is_quick = all(limit.count / limit.per_seconds >= 0.1 for limit in operation.limits)
    if paging.limit and not paging.in_body and is_quick:
        given[paging.limit] = 10
    records = list(readers[operation.market].paginate(operation.name, body=body, **given))
    assert records
    texts = [json.dumps(record, sort_keys=True, default=str) for record in records]
    assert len(set(texts)) == len(texts), "a page came twice"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="Walmart's API documents are not here")
def test_the_data_is_what_the_script_makes_of_the_documents():
    made = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows(DOCUMENTS)]
    assert made == DATA.read_text().splitlines()


def test_a_call_that_is_not_as_documented_is_refused_with_the_field(server):
    server.control("POST", "settings", {"limits": False})
    report = "/v3/insights/performance/otd/summary"
    assert server.refused(400, "GET", f"{report}?reportDuration=week")["field"] == "reportDuration"
    assert server.refused(400, "GET", f"{report}?shippingMethod=SLOW")["field"] == "shippingMethod"
    assert server.refused(400, "POST", "/v3/advertising/sem/campaigns", json={})["field"]
    assert server.refused(405, "PATCH", report)["code"].startswith("METHOD_NOT_ALLOWED")


def test_what_was_written_is_read_again(server):
    path = "/v3/settings/shipping/templates/T-1"
    body = value_of(ROWS["us", "PUT", "/v3/settings/shipping/templates/{}"]["body"])
    before = server.get(path)
    assert before == server.get(path)
    assert server.call("PUT", path, json={**body, "name": "By post"}).status_code == 200
    assert server.get(path)["name"] == "By post"
    assert server.get(path)["id"] == before["id"]
