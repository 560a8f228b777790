"""What one call changes another one sees: performance, payments, simulations, inbound shipments, labels, claims, settings."""

from decimal import Decimal

import pytest

from airflow_provider_walmart.sandbox.marketplace.request_checks import place_of
from tests.helpers.settlement_rows import earned, sales, settlement_rows
from tests.integration.sandbox.test_sandbox_openapi import US, problems
from tests.integration.sandbox.test_sandbox_shapes import operations

GLOBAL = {"WM_MARKET": "us", "WM_GLOBAL_VERSION": "3.1"}
DAY = 86400
ITEM = {"sku": "MUG-1", "price": 10, "stock": 5}


@pytest.fixture
def shop(server):
    server.control("POST", "settings", {"limits": False, "token_life": 1e9})
    server.control(
        "POST", "seed", {"items": [ITEM, {"sku": "BOX-1", "price": 20, "wfs": True, "stock": {"WFS": 4}}]}
    )
    return server


def call(server, method, path, template="", status=200, **options):
    """Make a call; its answer must be the one its document declares."""
    answer = server.call(method, path, **options)
    assert answer.status_code == status, answer.text
    body = answer.json() if answer.content else None
    if US.is_dir():
        document, name = operations()[place_of(method, (template or path).partition("?")[0])]
        assert problems(document, name, body, str(status)) == []
    return body


def sow(server, **kinds):
    return server.control("POST", "seed", kinds)


def order(number, **line):
    fields = {
        name: line.pop(name) for name in ("age", "status", "shipWithin", "shipNodeType") if name in line
    }
    return {
        "purchaseOrderId": f"PO{number}",
        "age": 10 * DAY,
        **fields,
        "lines": [{"sku": "MUG-1", "price": 10, "tax": 1, **line}],
    }


def shipped(days_ago, **more):
    return {"shipments": [{"age": days_ago * DAY, "status": "Delivered", **more}]}


def summary(server, metric, days=30):
    path = f"/v3/insights/performance/{metric}/summary"
    return call(server, "GET", f"{path}?reportDuration={days}", path)["payload"]


# -- performance ---------------------------------------------------------------------------------------


def test_performance_follows_from_the_orders(shop):
    """Ten orders: one shipped late, one cancelled for want of stock, one without tracking, one by the buyer."""
    good = [order(number, **shipped(9)) for number in range(6)]
    bad = [
        order(6, **shipped(6)),
        order(7, status="Cancelled", cancellationReason="SELLER_CANCEL_OUT_OF_STOCK"),
        order(8, **shipped(9, trackingNumber="")),
        order(9, status="Cancelled", cancellationReason="CUSTOMER_REQUESTED_SELLER_TO_CANCEL"),
    ]
    sow(shop, orders=[*good, *bad])
    on_time = summary(shop, "otd")
    assert (on_time["overallRate"], on_time["performanceRiskLevel"], on_time["impactedCustomerCount"]) == (
        90,
        "GOOD",
        1,
    )
    assert on_time["performanceStandard"] == ">=90%"
    tracked = summary(shop, "vtr")
    assert (tracked["cumulativeRate"], tracked["performanceRiskLevel"]) == (90, "URGENT")
    cancelled = summary(shop, "cancellations")
    assert (cancelled["cumulativeRate"], cancelled["ordersImpacted"], cancelled["riskLevel"]) == (
        20,
        2,
        "Urgent",
    )
    assert cancelled["sellerAccountableDrivers"]["outOfStockRate"] == 10
    assert cancelled["nonAccountableDrivers"]["customerReqRate"] == 10
    whole = call(shop, "GET", "/v3/report/payment/performance")
    assert (whole["30DAY"]["otd"], whole["30DAY"]["cancellationSellerFault"]) == (90, 10)


def test_performance_changes_with_what_is_done(shop):
    sow(shop, orders=[order(1, age=DAY)])
    assert summary(shop, "lateShipment")["overallRate"] == 0
    shop.control("POST", "clock", {"advance": 2 * DAY})
    assert summary(shop, "lateShipment")["overallRate"] == 100
    shop.control("POST", "clock", {"advance": 60 * DAY})
    sow(shop, orders={"count": 4, "age": 3 * DAY})
    assert summary(shop, "lateShipment", days=14)["ordersImpacted"] == 4


def test_returns_count(shop):
    sow(shop, orders=[order(number, **shipped(9)) for number in range(4)])
    sow(shop, returns=[{"purchaseOrderId": "PO1", "reason": "ARRIVED_DAMAGED"}])
    found = summary(shop, "returns")
    assert (found["cumulativeRate"], found["sellerAccountableDrivers"]["damagedRate"]) == (25, 25)


# -- payments ------------------------------------------------------------------------------------------


def test_settlements_add_up_to_the_orders(shop):
    sow(
        shop,
        orders=[
            order(1, quantity=2, shipping=3, **shipped(5)),
            order(2, discount=1, refunds=[{"amount": 4}], **shipped(5)),
        ],
    )
    sow(shop, returns=[{"purchaseOrderId": "PO1", "quantity": 1, "status": "COMPLETED", "age": DAY}])
    shop.control("POST", "clock", {"advance": 14 * DAY})
    rows = settlement_rows(shop)
    lines = [row for row in rows if row["Transaction Type"] != "PaymentSummary"]
    by_type = {}
    for row in lines:
        by_type[row["Amount Type"]] = by_type.get(row["Amount Type"], 0) + Decimal(row["Amount"])
    # Sold for 20, 10 less 1; paid back: 4, and one of two for 10. Walmart keeps 15 %, and all taxes.
    assert by_type["Product Price"] == 20 + 9 - 4 - 10
    assert by_type["Shipping"] == 3
    assert by_type["Product tax"] + by_type["Product tax withheld"] == 0
    assert by_type["Commission on Product"] == Decimal("-2.25")
    total = sum(Decimal(row["Amount"]) for row in lines)
    summaries = [Decimal(row["Total Payable"]) for row in rows if row["Transaction Type"] == "PaymentSummary"]
    assert sum(summaries) == total == Decimal("15.30")
    assert {row["Purchase Order #"] for row in lines} == {"PO1", "PO2"}


def test_orders_that_are_only_counted_have_tracking_and_are_settled(shop):
    for status in ("Created", "Acknowledged", "Shipped", "Delivered"):
        sow(shop, orders={"count": 7, "status": status, "age": DAY, "spacing": 3600})
    sow(shop, returns=[{"purchaseOrderId": "108900000000015", "status": "COMPLETED", "quantity": 1}])
    found = shop.get("/v3/orders", limit=200)["list"]["elements"]["order"]
    statuses = {
        order["purchaseOrderId"]: order["orderLines"]["orderLine"][0]["orderLineStatuses"]["orderLineStatus"][
            0
        ]
        for order in found
    }
    numbers = [part["trackingInfo"]["trackingNumber"] for part in statuses.values() if "trackingInfo" in part]
    assert len(set(numbers)) == 14
    assert all(
        ("trackingInfo" in part) == (part["status"] in ("Shipped", "Delivered")) for part in statuses.values()
    )
    shop.control("POST", "clock", {"advance": 14 * DAY})
    rows = settlement_rows(shop)
    lines = [row for row in rows if row["Transaction Type"] != "PaymentSummary"]
    paid = earned(found)
    assert len(paid) == 14
    assert sales(rows) == {
        number: pytest.approx(amount, abs=Decimal("0.02")) for number, amount in paid.items()
    }
    refunds = [row for row in lines if row["Transaction Type"] == "Refund"]
    assert {row["Purchase Order #"] for row in refunds} == {"108900000000015"}
    payable = [Decimal(row["Total Payable"]) for row in rows if row["Transaction Type"] == "PaymentSummary"]
    assert sum(payable) == sum(Decimal(row["Amount"]) for row in lines)


def test_the_statement_is_what_is_not_settled_yet(shop):
    call(shop, "GET", "/v3/report/payment/statement")
    # An hour after a report was made, so that nothing of this falls into it.
    into = shop.control("POST", "clock", {})["now"] % (14 * DAY)
    shop.control("POST", "clock", {"advance": 14 * DAY - into + 3600})
    sow(shop, orders=[order(1, age=1800, shipments=[{"age": 600}])])
    payload = call(shop, "GET", "/v3/report/payment/statement")["payload"]
    assert payload["accountSummary"]["closingBalance"] == 8.5
    assert payload["transactionDetails"]["saleAggregate"]["productPrice"] == 10
    shop.control("POST", "clock", {"advance": 14 * DAY})
    payload = call(shop, "GET", "/v3/report/payment/statement")["payload"]
    assert (payload["accountSummary"]["closingBalance"], payload["accountSummary"]["paidToYou"]) == (0, 8.5)


# -- simulations ---------------------------------------------------------------------------------------


SIMULATED = {"WM_SANDBOX": "v2"}


def test_a_simulated_order_goes_all_its_way(shop):
    new = {"sku": "NEW-1", "productName": "A new one", "productType": "Mugs", "condition": "NEW"}
    items = "/v1/simulations/items"
    body = {"items": [{**new, "price": {"amount": 7, "currency": "USD"}}]}
    assert shop.refused(400, "POST", items, json=body)["field"] == "WM_SANDBOX"
    made = shop.call("POST", items, json=body, headers=SIMULATED)
    assert made.json()[0]["sku"] == "NEW-1"
    assert shop.get("/v3/items/NEW-1")["ItemResponse"][0]["price"]["amount"] == 7
    assert "NEW-1" in [item["sku"] for item in shop.call("GET", items, headers=SIMULATED).json()]
    update = {"sku": "NEW-1", "price": {"amount": 8, "currency": "USD"}}
    assert shop.call("PUT", f"{items}/NEW-1", json=update, headers=SIMULATED).json()["success"] is True
    line = {"item": {"sku": "NEW-1"}, "orderLineQuantity": {"unitOfMeasurement": "EACH", "amount": "2"}}
    orders = "/v1/simulations/orders"
    unnamed = {"orderLines": {"orderLine": [{"orderLineQuantity": None}]}}
    assert shop.refused(404, "POST", orders, json=unnamed, headers=SIMULATED)["field"] == "sku"
    body = {"orderLines": {"orderLine": [line]}}
    answer = shop.call("POST", orders, json=body, headers=SIMULATED)
    assert answer.status_code == 201
    number = answer.json()["purchaseOrderId"]
    deliver = f"{orders}/{number}/deliver"
    shop.refused(400, "POST", deliver, json={"orderLines": None}, headers=SIMULATED)
    part = {
        "status": "Shipped",
        "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "2"},
        "trackingInfo": {
            "shipDateTime": 1_790_000_000_000,
            "carrierName": {"carrier": "UPS"},
            "methodCode": "Standard",
            "trackingNumber": "1Z",
        },
    }
    ship = {
        "orderShipment": {
            "orderLines": {
                "orderLine": [{"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}}]
            }
        }
    }
    assert shop.call("POST", f"/v3/orders/{number}/shipping", json=ship).status_code == 200
    assert shop.call("POST", deliver, json={}, headers=SIMULATED).json()["success"] is True
    assert (
        shop.get("/v3/orders", status="Delivered")["list"]["elements"]["order"][0]["purchaseOrderId"]
        == number
    )
    version = {**SIMULATED, "WM_SVC.VERSION": "1"}
    body = {"purchaseOrderId": number, "lineNumber": 1, "qty": 1, "returnReason": "DEFECTIVE"}
    made = shop.call("POST", "/v1/simulations/returns", json=body, headers=version).json()
    move = {
        "returnOrderId": made["returnOrderId"],
        "lineNumber": 1,
        "qty": 1,
        "status": "COMPLETED",
        "eventTag": "RETURN_COMPLETED",
    }
    assert shop.call("PUT", "/v1/simulations/returns", json=move, headers=version).status_code == 200
    (found,) = shop.get("/v3/returns", status="COMPLETED")["returnOrders"]
    assert found["totalRefundAmount"]["currencyAmount"] == 8
    shop.refused(
        404, "POST", "/v1/simulations/returns", json={**body, "purchaseOrderId": "none"}, headers=version
    )


# -- shipments to Walmart ------------------------------------------------------------------------------

ADDRESS = {"addressLine1": "1 A", "city": "B", "stateCode": "CA", "countryCode": "US", "postalCode": "94086"}
PLAN = {
    "inboundOrderId": "IO-1",
    "returnAddress": ADDRESS,
    "orderItems": [
        {
            "productId": "00710000000022",
            "productType": "GTIN",
            "sku": "BOX-1",
            "itemDesc": "A box",
            "itemQty": 6,
            "vendorPackQty": 1,
            "innerPackQty": 1,
            "expectedDeliveryDate": "2026-12-01T00:00:00Z",
        }
    ],
}
INBOUND = "/v3/fulfillment/inbound-shipments"


def stock(server):
    (item,) = server.get("/v3/wfs/inventory", sku="BOX-1")["payload"]["inventory"]
    return item["inventoryData"]["availableUnits"], item["inventoryData"]["inboundUnits"]


def test_a_shipment_to_walmart_from_plan_to_received(shop):
    shipment = call(shop, "POST", INBOUND, json=PLAN)["payload"][0]["shipmentId"]
    shop.refused(400, "POST", INBOUND, json=PLAN)
    (found,) = call(shop, "GET", INBOUND)["payload"]
    assert (found["status"], found["shipmentUnits"], found["receivedUnits"]) == ("AWAITING_DELIVERY", 6, 0)
    assert stock(shop) == (4, 6)
    track = {"shipmentId": shipment, "carrierName": "FedEx", "trackingInfo": ["T1"]}
    call(shop, "POST", "/v3/fulfillment/shipment-tracking", json=track)
    assert call(shop, "GET", f"{INBOUND}?status=AWAITING_DELIVERY")["payload"][0]["trackingNo"] == ["T1"]
    assert shop.call("GET", f"/v3/fulfillment/label/{shipment}").content.startswith(b"%PDF")
    fewer = {
        "inboundOrderId": "IO-1",
        "shipmentId": shipment,
        "orderItems": [{"sku": "BOX-1", "updatedShipmentQty": 5}],
    }
    call(shop, "PUT", "/v3/fulfillment/shipment-quantities", json=fewer)
    assert stock(shop) == (4, 5)
    shop.control("POST", "clock", {"advance": 60})
    assert call(shop, "GET", INBOUND)["payload"][0]["status"] == "RECEIVING_IN_PROGRESS"
    shop.refused(400, "DELETE", f"{INBOUND}/IO-1")
    shop.control("POST", "clock", {"advance": 60})
    (found,) = call(shop, "GET", f"{INBOUND}?shipmentId={shipment}")["payload"]
    assert (found["status"], found["receivedUnits"]) == ("CLOSED", 5)
    assert stock(shop) == (9, 0)
    (item,) = call(shop, "GET", "/v3/fulfillment/inbound-shipment-items")["payload"]
    assert (item["receivedQty"], item["fillRate"]) == (5, 100)


def test_a_cancelled_shipment_never_arrives(shop):
    call(shop, "POST", INBOUND, json=PLAN)
    call(shop, "DELETE", f"{INBOUND}/IO-1", f"{INBOUND}/{{inboundOrderId}}")
    shop.control("POST", "clock", {"advance": 600})
    assert call(shop, "GET", INBOUND)["payload"][0]["status"] == "CANCELLED"
    assert stock(shop) == (4, 0)


# -- shipping labels -----------------------------------------------------------------------------------

LABEL = {
    "packageType": "BOX",
    "boxDimensions": {"boxWeight": 1, "boxWeightUnit": "LB"},
    "boxItems": [{"sku": "MUG-1", "quantity": 1, "lineNumber": "1"}],
    "purchaseOrderId": "PO1",
    "carrierName": "FedEx",
    "carrierServiceType": "GROUND",
}
LABELS = "/v3/shipping/labels"


def test_a_label_is_bought_and_discarded(shop):
    shop.refused(404, "POST", LABELS, json=LABEL)
    sow(shop, orders=[order(1)])
    shop.refused(
        400, "POST", LABELS, json={**LABEL, "boxItems": [{"sku": "X", "quantity": 1, "lineNumber": "1"}]}
    )
    tracking = call(shop, "POST", LABELS, json=LABEL)["data"]["trackingNo"]
    of_order = f"{LABELS}/purchase-orders/PO1", f"{LABELS}/purchase-orders/{{purchaseOrderId}}"
    assert [label["trackingNo"] for label in call(shop, "GET", *of_order)["data"]] == [tracking]
    call(
        shop,
        "DELETE",
        f"{LABELS}/carriers/FEDEX/trackings/{tracking}",
        f"{LABELS}/carriers/{{c}}/trackings/{{t}}",
    )
    shop.refused(404, "DELETE", f"{LABELS}/carriers/FEDEX/trackings/{tracking}")


# -- claims --------------------------------------------------------------------------------------------


def test_a_claim_is_paid_out(shop):
    sow(shop, orders=[order(1, quantity=2)])
    path = "/v3/claims/shipment-protection"
    payload = (
        '{"purchaseOrderNo": "PO1", "purchaseOrderLineNo": "1", "claimType": "LOST", "returnOrderId": "R1"}'
    )
    files = {"payload": (None, payload), "files": ("a.pdf", b"%PDF")}
    assert shop.refused(400, "POST", f"{path}/claim", files=files)["field"] == "documentTypes"
    files["documentTypes"] = (None, "[]")
    answer = shop.call("POST", f"{path}/claim", files=files)
    number = answer.json()["data"]["claimNumber"]
    (claim,) = call(shop, "GET", path)["data"]["claims"]
    assert (claim["status"], claim["claimAmount"]["amount"]) == ("INITIATED", 20)
    shop.control("POST", "clock", {"advance": 9 * DAY})
    one = call(shop, "GET", f"{path}/claim/{number}", f"{path}/claim/{{n}}")["data"]["claimInfo"]
    assert (one["status"], one["paymentStatus"]) == ("PAID_OUT", "PAID")
    past = call(shop, "GET", f"{path}/claim/{number}/history", f"{path}/claim/{{n}}/history")["data"]
    assert len(past["history"]) == 5


# -- settings ------------------------------------------------------------------------------------------


def test_a_repricer_strategy_and_its_items(shop):
    body = {
        "repricerStrategy": "Cheapest",
        "enabled": True,
        "strategies": [{"strategyType": "Buy Box Price", "adjustmentType": "UNIT", "adjustmentValue": -0.1}],
    }
    made = call(shop, "POST", "/v3/repricer/strategy", json=body)["strategyCollectionId"]
    row = {
        "sku": "MUG-1",
        "repricerStrategy": "Cheapest",
        "minimumSellerAllowedPrice": 12,
        "maximumSellerAllowedPrice": 15,
    }
    feed = call(
        shop,
        "POST",
        "/v3/repricerFeeds",
        json={"Item": [{"Strategy": row}, {"Strategy": {**row, "sku": "X"}}]},
    )
    shop.control("POST", "clock", {"advance": 10})
    found = shop.get(f"/v3/feeds/{feed['feedId']}")
    assert (found["itemsSucceeded"], found["itemsFailed"]) == (1, 1)
    assert shop.get("/v3/items/MUG-1")["ItemResponse"][0]["price"]["amount"] == 12
    (strategy,) = call(shop, "GET", "/v3/repricer/strategies")["strategyCollections"]
    assert (strategy["repricerStrategy"], strategy["assignedCount"]) == ("Cheapest", 1)
    one = f"/v3/repricer/strategy/{made}", "/v3/repricer/strategy/{strategyCollectionId}"
    assert call(shop, "PUT", *one, json={**body, "enabled": False})["enabled"] is False
    call(shop, "DELETE", *one)
    shop.refused(404, "DELETE", one[0])


TEMPLATE = {
    "name": "By post",
    "type": "CUSTOM",
    "rateModelType": "PER_SHIPMENT_PRICING",
    "status": "ACTIVE",
    "shippingMethods": [],
}


def test_a_shipping_template_and_a_ship_node(shop):
    templates = "/v3/settings/shipping/templates"
    made = call(shop, "POST", templates, json=TEMPLATE)
    one = f"{templates}/{made['id']}", f"{templates}/{{templateId}}"
    call(shop, "PUT", *one, json={**TEMPLATE, "name": "By air"})
    assert call(shop, "GET", *one)["name"] == "By air"
    assert [found["name"] for found in call(shop, "GET", templates)["shippingTemplates"]] == ["By air"]
    call(shop, "DELETE", *one)
    shop.refused(404, "GET", one[0])
    nodes = "/v3/settings/shipping/shipnodes"
    body = {"shipNode": [{"shipNodeName": "North", "customNodeId": "721407", "status": "ACTIVE"}]}
    call(shop, "POST", nodes, json=body)
    assert [node["shipNodeName"] for node in call(shop, "GET", nodes)][-1] == "North"
    put = {"inventories": {"nodes": [{"shipNode": "721407", "inputQty": {"unit": "EACH", "amount": 3}}]}}
    assert shop.call("PUT", "/v3/inventories/MUG-1", json=put).json()["nodes"][0]["status"] == "Success"


def test_every_product_type_of_the_taxonomy_has_a_spec(shop):
    (group,) = call(shop, "GET", "/v3/items/taxonomy?version=5.0")["itemTaxonomy"]["productTypeGroup"]
    names = [found["productTypeName"] for found in group["productType"]]
    body = {"feedType": "MP_ITEM", "version": "5.0.20260803-17_50_56-api", "productTypes": names}
    assert shop.call("POST", "/v3/items/spec", json=body).status_code == 200


def test_unpublished_items_are_those_of_the_shop(shop):
    sow(
        shop,
        items=[
            {
                "sku": "OLD-1",
                "price": 5,
                "publishedStatus": "UNPUBLISHED",
                "unpublishedReasons": ["END_DATE_REACHED"],
            }
        ],
    )
    path = "/v3/insights/items/unpublished"
    query = "fromDate=2020-01-01&marketTrending=false&itemsWithInventory=false"
    assert [item["sku"] for item in shop.get(f"{path}/items?{query}")["payload"]] == ["OLD-1"]
    (count,) = call(shop, "GET", f"{path}/counts?fromDate=2020-01-01")["payload"]
    assert (count["unpublishedReasonCode"], count["unpublishedCount"]) == ("END_DATE_REACHED", "1")


def test_promotions_come_by_feed(shop):
    shop.control("POST", "settings", {"feed_seconds": 0})
    dates = {"effectiveDate": "2030-01-01T00:00:00Z", "expirationDate": "2030-02-01T00:00:00Z"}
    reduced = {"currentPriceType": "REDUCED", "currentPrice": {"amount": 8, "currency": "USD"}, **dates}
    base = {"currentPriceType": "BASE", "currentPrice": {"amount": 11, "currency": "USD"}}
    feed = {"Price": [{"sku": "MUG-1", "pricing": [base, reduced]}]}
    assert shop.call("POST", "/v3/feeds?feedType=PRICE_AND_PROMOTION", json=feed).status_code == 200
    (found,) = shop.get("/v3/promo/sku/MUG-1")["payload"]["pricingList"]["pricing"]
    assert found["currentPrice"]["value"]["amount"] == 8
    assert shop.get("/v3/items/MUG-1")["ItemResponse"][0]["price"]["amount"] == 11
    feed["Price"][0]["pricing"] = [{**reduced, "processMode": "DELETE"}]
    assert shop.call("POST", "/v3/feeds?feedType=promo", json=feed).status_code == 200
    assert shop.get("/v3/promo/sku/MUG-1")["payload"]["pricingList"]["pricing"] == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:abc/", "http://127.0.0.1:1/", "http://localhost:99999999/"]
)
def test_a_webhook_that_leads_nowhere_is_refused(url, shop):
    event = {"eventType": "PO_CREATED", "eventVersion": "V1", "resourceName": "ORDER", "eventUrl": url}
    assert shop.refused(400, "POST", "/v3/webhooks/test", json=event)["field"] == "eventUrl"


@pytest.mark.parametrize("method", [{}, [], 1, "NONE"])
def test_a_way_to_prove_oneself_that_is_none_is_refused(method, shop):
    event = {
        "eventType": "PO_CREATED",
        "eventVersion": "V1",
        "resourceName": "ORDER",
        "eventUrl": "https://a.example",
    }
    body = {**event, "authDetails": {"authMethod": method}}
    assert shop.refused(400, "POST", "/v3/webhooks/test", json=body)["field"] == "authMethod"
