"""Operations by name: what goes over the wire, and what comes back."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from decimal import Decimal

import pytest

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartNotFoundError,
    WalmartRequestError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.wire import http, token

NODE = "10000005050"
SKUS = [
    "a/b",
    "a//b/",
    "a@b",
    "100%",
    "a%2Fb",
    "%",
    "a+b",
    "a b",
    " ",
    "a&b=c",
    "a#b",
    "a?b",
    "a;b:c,d",
    "[a]!$'()*{}",
    "grün-日本-🛒",
    "a\\b",
    '"a"',
    "..a",
    "~a-b_c.d",
]


@pytest.fixture
def hook(shop) -> WalmartHook:
    return WalmartHook()


def amount(quantity: int) -> dict:
    return {"unit": "EACH", "amount": quantity}


# -- parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sku", SKUS)
def test_a_sku_arrives_as_it_is_in_query_and_path(sku, shop, hook):
    shop.server.control("POST", "seed", {"inventories": [sku], "items": [sku]})
    stock = {"sku": sku, "quantity": amount(7)}
    hook.call("updateInventoryForAnItem", sku=sku, body=stock)
    assert hook.call("getInventory", sku=sku)["quantity"] == amount(7)
    nodes = hook.call("getMultiNodeInventoryForSkuAndAllShipnodes", sku=sku)
    assert (nodes["sku"], nodes["nodes"][0]["inputQty"]) == (sku, amount(7))
    assert hook.call("GET /v3/items/{id}", id=sku, productIdType="SKU")["sku"] == sku
    assert hook.call("getPromotionalPrices", sku=sku)["payload"]["itemIdentifier"] == {"sku": sku}
    assert hook.call("retireAnItem", sku=sku)["sku"] == sku
    # Paths have no character in them that a server may read in two ways.
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%/")
    assert all(set(entry["path"]) <= allowed for entry in shop.received())
    assert all(entry["query"].count("=") == 1 for entry in shop.received("inventory$"))


def test_a_space_is_sent_as_percent_20_and_a_plus_as_percent_2b(shop, hook):
    shop.server.control("POST", "seed", {"inventories": ["a b+c"]})
    hook.call("getInventory", sku="a b+c")
    assert shop.received("/v3/inventory$")[0]["query"] == "sku=a%20b%2Bc"


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("getAllOrdes", {}, "did you mean getAllOrders"),
        ("GET /v3/ordesr", {}, "did you mean GET /v3/orders"),
        ("POST /v3/feeds", {"feedType": "MP_ITEM"}, "use "),
        ("getTaxonomyResponse", {}, "use item.getTaxonomyResponse or utilities.getTaxonomyResponse"),
        ("getAllOrders", {"createdStartdate": "2026-01-01"}, "did you mean createdStartDate"),
        ("getAllOrders", {"limit": 201}, "limit is '201'; allowed is at most 200"),
        ("getAllOrders", {"limit": "many"}, "allowed are whole numbers"),
        ("getAllItems", {"lifecycleStatus": "active"}, "allowed are ACTIVE, ARCHIVED, RETIRED"),
        ("getAnOrder", {}, "getAnOrder needs purchaseOrderId"),
        ("getAnOrder", {"purchaseOrderId": ""}, "must not be empty"),
        ("getInventory", {"sku": ["a", "b"]}, "it takes one value"),
        ("getMultiNodeInventoryForSkuAndAllShipnodes", {"sku": ".."}, "it would change the path"),
        ("updatePrice", {}, "updatePrice needs a body (application/json)"),
        ("getAnOrder", {"purchaseOrderId": "1", "body": {}}, "getAnOrder takes no body"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(operation, params, message, shop, hook):
    with pytest.raises(WalmartConfigError) as caught:
        hook.call(operation, **params)
    assert message in str(caught.value)
    assert shop.received() == []


def test_not_strict_lets_newer_names_and_values_through_but_nothing_that_cannot_be_sent(shop, hook):
    hook.call("getAllOrders", strict=False, newerThanWeAre="a b", shippingProgramType="TWO_DAY", limit="007")
    assert shop.received("/v3/orders$")[0]["query"].split("&") == [
        "limit=007",
        "shippingProgramType=TWO_DAY",
        "newerThanWeAre=a%20b",
    ]
    with pytest.raises(WalmartConfigError, match="invalid Unicode surrogate"):
        hook.call("getAllOrders", strict=False, newerThanWeAre="\ud800")
    assert len(shop.received("/v3/orders$")) == 1


def test_the_partner_of_the_connection_is_sent_where_an_operation_asks_for_it(wire, make_client):
    server = wire(lambda request: token() if request.path == "/v3/token" else http(200, {"list": {}}))
    client = make_client(server.url, partner_id="10001234567")
    client.call("getTaxForms", params={})
    client.call("getTaxForms", params={"WM_PARTNER_ID": None})
    client.call("getTaxForms", params={"WM_PARTNER_ID": "another"})
    client.call("getAllOrders")
    sent = [
        request.headers.get("wm_partner_id") for request in server.requests if request.path != "/v3/token"
    ]
    assert sent == ["10001234567", "10001234567", "another", None]


def test_without_a_partner_such_an_operation_names_what_it_needs(wire, make_client):
    server = wire(lambda request: token())
    with pytest.raises(WalmartConfigError, match="WM_PARTNER_ID"):
        make_client(server.url).call("getTaxForms")
    assert server.requests == []


# -- bodies ----------------------------------------------------------------------------------------


def test_acknowledge_names_a_content_type_although_it_has_no_body(shop, hook):
    (order,) = shop.server.control("POST", "seed", {"orders": 1})["orders"]
    answer = hook.call("acknowledgeOrders", purchaseOrderId=order)
    assert answer["purchaseOrderId"] == order
    (entry,) = shop.received("acknowledge$")
    assert entry["headers"]["content-type"] == "application/json"
    assert entry["body_bytes"] == 0
    assert entry["headers"].get("content-length", "0") == "0"


@pytest.mark.parametrize(
    "ready",
    [
        '{"sku":"a","quantity":{"unit":"EACH","amount":1}}',
        b'{"sku":"a","quantity":{"unit":"EACH","amount":1}}',
    ],
)
def test_a_body_that_is_ready_is_sent_byte_by_byte(ready, shop, hook):
    shop.server.control("POST", "seed", {"inventories": ["a"]})
    hook.call("updateInventoryForAnItem", sku="a", body=ready)
    (entry,) = shop.received("inventory$")
    content = ready if isinstance(ready, bytes) else ready.encode()
    assert entry["body_sha256"] == hashlib.sha256(content).hexdigest()
    assert entry["headers"]["content-type"] == "application/json"


def test_an_operation_that_takes_a_file_gets_one(shop, hook):
    content = {"InventoryHeader": {"version": "1.4"}, "Inventory": [{"sku": "a", "quantity": amount(1)}]}
    made = hook.call("inventory.postFeeds", feedType="inventory", body=content)
    (entry,) = shop.received("feeds$")
    assert entry["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    shop.advance(60)
    assert hook.get_feed(made["feedId"])["itemsSucceeded"] == 1


def test_a_feed_file_is_json_of_the_same_kind(shop, hook):
    hook.submit_feed("PRICE_AND_PROMOTION", {"MPItem": [{"sku": "a", "price": Decimal("2.50")}]})
    (entry,) = shop.received("feeds$")
    written = b'{"MPItem":[{"sku":"a","price":2.50}]}'
    assert entry["body_sha256"] == hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"Inventory": [{"sku": {"a"}}]}, "payload.Inventory.sku is of type set"),
        ('{"Inventory": [{"sku": "\ud83d"}]}', "payload is not valid Unicode"),
    ],
)
def test_a_feed_file_that_cannot_be_sent(payload, said, shop, hook):
    with pytest.raises(WalmartConfigError, match=said):
        hook.submit_feed("inventory", payload)
    assert not shop.received()


# -- answers ---------------------------------------------------------------------------------------


def test_a_file_comes_as_bytes(shop, hook):
    shop.server.control("POST", "seed", {"settlements": 3})
    (date, *_) = hook.call("getAvailableReconReportDates")["availableApReportDates"]
    content = hook.call("getReconReport", reportDate=date)
    assert isinstance(content, bytes)
    (name,) = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert name.endswith(".csv")
    # What can't be given as JSON is not asked for as JSON.
    assert shop.received("reconFile$")[0]["headers"]["accept"] == "application/octet-stream"


def test_no_content_comes_as_none(shop, hook):
    feed_id = shop.feed(feedType="FITMENT_ACES", feedStatus="PROCESSED", items=1)
    assert hook.call("getFeedErrorReport", feedId=feed_id, feedType="FITMENT_ACES") is None
    assert [entry["status"] for entry in shop.received("errorReport$")] == [204]


@pytest.mark.parametrize(
    ("operation", "params", "answer", "unwrapped"),
    [
        (
            "getAnOrder",
            {"purchaseOrderId": "1"},
            {"order": {"purchaseOrderId": "1"}},
            {"purchaseOrderId": "1"},
        ),
        ("getAnOrder", {"purchaseOrderId": "1"}, {"purchaseOrderId": "1"}, {"purchaseOrderId": "1"}),
        ("getAnItem", {"id": "a"}, {"responseRecord": {"sku": "a"}}, {"sku": "a"}),
        ("getAnItem", {"id": "a"}, {"ItemResponse": [{"sku": "a"}], "totalItems": 1}, {"sku": "a"}),
        ("getAllItems", {}, {"ItemResponse": [{"sku": "a"}]}, {"ItemResponse": [{"sku": "a"}]}),
        (
            "getAllOrders",
            {},
            {"list": {"meta": {}, "elements": None}},
            {"list": {"meta": {}, "elements": None}},
        ),
    ],
)
def test_a_key_that_wraps_the_whole_answer_is_taken_off(operation, params, answer, unwrapped, shop, hook):
    shop.fault("/v3/(orders|items)", status=200, body=answer)
    assert hook.call(operation, **params) == unwrapped


def test_the_sandbox_wraps_orders_and_items_as_walmart_does_and_nobody_notices(shop, hook):
    seeded = shop.server.control("POST", "seed", {"orders": 1, "items": 1})
    (order,), (sku,) = seeded["orders"], seeded["items"]
    assert hook.call("getAnOrder", purchaseOrderId=order)["purchaseOrderId"] == order
    assert hook.call("getAnItem", id=sku)["sku"] == sku


@pytest.mark.parametrize(
    "operation",
    ["getAllItems", "GET /v3/items", "getMultiNodeInventoryForAllSkuAndAllShipNodes"],
)
def test_a_listing_that_finds_nothing_and_says_so_with_404_is_empty(operation, shop, hook):
    shop.fault("/v3/", status=404, body={"error": [{"code": "CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API"}]})
    assert hook.call(operation) == {}


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("getAnOrder", {"purchaseOrderId": "1"}),
        ("getInventory", {"sku": "a"}),
        # A list, but of something that isn't there at all.
        ("getFeedItemStatus", {"feedId": "a@b"}),
        # A place in the list that Walmart knows no more: the records behind it would be lost without a word.
        ("getMultiNodeInventoryForAllSkuAndAllShipNodes", {"nextCursor": "used+before="}),
    ],
)
def test_a_thing_that_is_not_there_is_an_error(operation, params, shop, hook):
    with pytest.raises(WalmartNotFoundError):
        hook.call(operation, **params)
    if find(operation).paging:
        with pytest.raises(WalmartNotFoundError):
            list(hook.paginate(operation, **params))


def test_a_wrong_path_is_an_error_even_for_a_listing(shop, hook):
    shop.fault("/v3/items", status=404, body={"error": [{"code": "URI_NOT_FOUND.GMP_GATEWAY_API"}]})
    with pytest.raises(WalmartNotFoundError):
        hook.call("getAllItems")
    with pytest.raises(WalmartNotFoundError):
        list(hook.paginate("getAllItems"))


def test_a_write_that_is_refused_in_part_inside_a_200_is_an_error_that_no_retry_can_change(shop, hook):
    shop.server.control("POST", "seed", {"inventories": ["a"]})
    nodes = [{"shipNode": NODE, "inputQty": amount(5)}, {"shipNode": "nowhere", "inputQty": amount(1)}]
    with pytest.raises(WalmartRequestError, match="refused part of the request") as caught:
        hook.call("updateMultiNodeInventory", sku="a", body={"inventories": {"nodes": nodes}})
    assert caught.value.is_final
    assert caught.value.status == 200
    assert caught.value.codes == ("INVALID_REQUEST_CONTENT.GMP_INVENTORY_API",)
    # It was sent once, and the other node did get its stock.
    assert len(shop.received("inventories/a$")) == 1
    assert hook.call("getInventory", sku="a")["quantity"] == amount(5)


def test_errors_beside_what_was_read_are_a_warning(shop, hook, caplog):
    body = {"sku": "a", "nodes": [{"shipNode": NODE, "errors": [{"code": "X.Y", "description": "no stock"}]}]}
    shop.fault("inventories", status=200, body=body)
    assert hook.call("getMultiNodeInventoryForSkuAndAllShipnodes", sku="a") == body
    assert "X.Y: no stock" in caplog.text


def test_html_in_place_of_json_is_an_error(shop, hook):
    shop.fault("/v3/orders", status=200, body="<html>Welcome</html>")
    with pytest.raises(WalmartServerError, match="not JSON"):
        hook.call("getAllOrders")


# -- every call of the sandbox -----------------------------------------------------------------------


@pytest.fixture
def order(shop) -> str:
    (purchase_order,) = shop.server.control(
        "POST", "seed", {"orders": {"count": 1, "status": "Acknowledged"}}
    )["orders"]
    return purchase_order


def ship(order: str) -> dict:
    part = {
        "status": "Shipped",
        "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "1"},
        "trackingInfo": {
            "shipDateTime": 1767225600000,
            "carrierName": {"carrier": "UPS"},
            "methodCode": "Standard",
            "trackingNumber": "1Z",
        },
    }
    line = {"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}}
    return {"orderShipment": {"orderLines": {"orderLine": [line]}}}


def cancel(order: str) -> dict:
    part = {
        "status": "Cancelled",
        "cancellationReason": "SELLER_CANCEL_OUT_OF_STOCK",
        "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "1"},
    }
    line = {"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}}
    return {"orderCancellation": {"orderLines": {"orderLine": [line]}}}


def refund(order: str) -> dict:
    charge = {
        "chargeType": "PRODUCT",
        "chargeName": "Item Price",
        "chargeAmount": {"currency": "USD", "amount": -0.01},
    }
    paid = {"refundCharges": {"refundCharge": [{"refundReason": "DamagedItem", "charge": charge}]}}
    line = {"lineNumber": "1", "refunds": {"refund": [paid]}}
    return {"orderRefund": {"purchaseOrderId": order, "orderLines": {"orderLine": [line]}}}


def status_of(order: dict) -> set[str]:
    return {
        part["status"]
        for line in order["orderLines"]["orderLine"]
        for part in line["orderLineStatuses"]["orderLineStatus"]
    }


def test_an_order_is_acknowledged_shipped_and_refunded(shop, hook):
    (order,) = shop.server.control("POST", "seed", {"orders": 1})["orders"]
    assert status_of(hook.call("acknowledgeOrders", purchaseOrderId=order)) == {"Acknowledged"}
    assert status_of(hook.call("shippingUpdates", purchaseOrderId=order, body=ship(order))) == {"Shipped"}
    refunded = hook.call("refundOrderLines", purchaseOrderId=order, body=refund(order))
    assert refunded["orderLines"]["orderLine"][0]["refund"]["refundCharges"]["refundCharge"]
    assert status_of(hook.call("getAnOrder", purchaseOrderId=order)) == {"Shipped"}


def test_an_order_is_cancelled(order, hook):
    assert status_of(hook.call("cancelOrderLines", purchaseOrderId=order, body=cancel(order))) == {
        "Cancelled"
    }


def test_a_refused_order_write_says_why(order, hook):
    hook.call("cancelOrderLines", purchaseOrderId=order, body=cancel(order))
    with pytest.raises(WalmartRequestError, match="INVALID_REQUEST_CONTENT") as caught:
        hook.call("shippingUpdates", purchaseOrderId=order, body=ship(order))
    assert caught.value.status == 400
    assert caught.value.is_final


def test_a_return_is_refunded(shop, hook):
    (return_id,) = shop.server.control("POST", "seed", {"returns": 1})["returns"]
    (found,) = hook.paginate("getReturns", returnOrderId=return_id)
    body = {"customerOrderId": found["customerOrderId"], "refundLines": [{"returnOrderLineNumber": 1}]}
    assert hook.call("issueRefund", returnOrderId=return_id, body=body)["returnOrderId"] == return_id
    (found,) = hook.paginate("getReturns", status="COMPLETED")
    assert found["returnOrderId"] == return_id


def test_prices(shop, hook):
    shop.server.control("POST", "seed", {"items": ["a"]})
    price = {"currentPriceType": "BASE", "currentPrice": {"currency": "USD", "amount": 9.99}}
    assert hook.call("updatePrice", body={"sku": "a", "pricing": [price]})["statusCode"] == 200
    assert hook.call("getAnItem", id="a")["price"]["amount"] == 9.99
    answer = hook.call("updateSyncPrice", body={"MPItem": {"Price": {"sku": "a", "price": 8.5}}})
    assert answer["itemsSucceeded"] == 1
    assert hook.call("getAnItem", id="a")["price"]["amount"] == 8.5
    dates = {"effectiveDate": "2026-01-01T00:00:00.000Z", "expirationDate": "2026-02-01T00:00:00.000Z"}
    promotion = {**price, "currentPriceType": "REDUCED", **dates}
    hook.call("updatePromotionalPrices", body={"sku": "a", "pricing": [promotion]})
    (pricing,) = hook.call("getPromotionalPrices", sku="a")["payload"]["pricingList"]["pricing"]
    assert pricing["currentPrice"]["value"]["amount"] == 9.99


def test_inventory_of_one_node_and_of_all(shop, hook):
    shop.server.control("POST", "seed", {"inventories": ["a"]})
    nodes = [{"shipNode": NODE, "inputQty": amount(5)}, {"shipNode": "10000005051", "inputQty": amount(6)}]
    hook.call("updateMultiNodeInventory", sku="a", body={"inventories": {"nodes": nodes}})
    assert hook.call("getInventory", sku="a", shipNode="10000005051")["quantity"] == amount(6)
    (found,) = hook.paginate("getMultiNodeInventoryForAllSkuAndAllShipNodes")
    assert [node["inputQty"]["amount"] for node in found["nodes"]] == [5, 6]


# -- writes happen once ------------------------------------------------------------------------------

WRITES = [
    ("acknowledgeOrders", "acknowledge$"),
    ("shippingUpdates", "shipping$"),
    ("cancelOrderLines", "cancel$"),
]
BODIES = {"shippingUpdates": ship, "cancelOrderLines": cancel}
FAULTS = [
    {"status": 500},
    {"status": 500, "after_effect": True},
    {"status": 502, "body": "<html>Bad gateway</html>"},
    {"status": 503, "headers": {"Retry-After": "0"}},
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 429},
    {"reset": "before"},
    {"reset": "after"},
    {"truncate": 10},
    {"status": 307, "headers": {"Location": "/v3/elsewhere"}},
]


@pytest.mark.parametrize("fault", FAULTS, ids=json.dumps)
@pytest.mark.parametrize(("operation", "path"), WRITES)
def test_a_write_is_sent_once_whatever_becomes_of_it(operation, path, fault, shop, hook):
    (order,) = shop.server.control("POST", "seed", {"orders": 1})["orders"]
    hook.get_access_token()
    shop.fault("/v3/orders/", **fault)
    body = BODIES[operation](order) if operation in BODIES else None
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is not the point here
        hook.call(operation, purchaseOrderId=order, body=body)
    assert isinstance(caught.value, WalmartUnknownOutcomeError) == ("reset" in fault or "truncate" in fault)
    shop.no_faults()
    assert len(shop.received(path)) == 1
    assert len(shop.received("elsewhere")) == 0


def test_a_write_that_never_answers_has_an_unknown_outcome_and_is_not_repeated(shop, hook, monkeypatch):
    (order,) = shop.server.control("POST", "seed", {"orders": 1})["orders"]
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection(extra={"timeout": 3}))
    hook.get_access_token()
    shop.fault("acknowledge", delay=600, after_effect=True)
    with pytest.raises(WalmartUnknownOutcomeError) as caught:
        hook.call("acknowledgeOrders", purchaseOrderId=order)
    assert not caught.value.is_final
    assert len(shop.received("acknowledge$")) == 1


def test_a_write_with_a_refused_token_was_not_acted_on_and_is_sent_once_more(shop, hook):
    (order,) = shop.server.control("POST", "seed", {"orders": 1})["orders"]
    hook.get_access_token()
    shop.revoke_tokens()
    assert status_of(hook.call("acknowledgeOrders", purchaseOrderId=order)) == {"Acknowledged"}
    assert [entry["status"] for entry in shop.received("acknowledge$")] == [401, 200]


def test_a_look_up_by_post_is_repeated_like_any_other_look_up(shop, hook):
    shop.server.control("POST", "seed", {"items": 3})
    shop.fault("catalog/search", status=503, times=2)
    found = hook.call("getCatalogSearch", body={"query": {"field": "sku", "value": "SKU-000002"}})
    assert [item["sku"] for item in found["payload"]] == ["SKU-000002"]
    assert [entry["status"] for entry in shop.received("catalog/search$")] == [503, 503, 200]
