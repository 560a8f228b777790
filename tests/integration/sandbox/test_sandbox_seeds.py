"""A shop told by name: items, orders and returns with given ids, from a request or from one file; and the typical shop."""

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from airflow_provider_walmart.sandbox.control import seed, typical_shop
from tests.helpers.documents import CHECKOUT, blocks
from tests.helpers.sandbox_server import Server
from tests.helpers.settlement_rows import earned, sales, settlement_rows

ORDER = {
    "purchaseOrderId": "1796277083022",
    "customerOrderId": "5281956426648",
    "age": 3 * 86400,
    "lines": [
        {
            "sku": "MUG-1",
            "quantity": 3,
            "price": 10,
            "tax": 2.4,
            "shipping": 4.99,
            "discount": 1.5,
            "shipments": [
                {
                    "quantity": 1,
                    "trackingNumber": "1Z0001",
                    "carrier": "UPS",
                    "age": 86400,
                    "status": "Delivered",
                },
                {"quantity": 1, "trackingNumber": "1Z0002", "carrier": "FedEx"},
            ],
            "status": "Cancelled",
            "cancellationReason": "SELLER_CANCEL_OUT_OF_STOCK",
            "refunds": [{"amount": 5, "reason": "DamagedItem", "comments": "a chip"}],
        },
        {"sku": "LAMP-1", "intentToCancel": True},
    ],
}
ITEM = {
    "sku": "MUG-1",
    "productName": 'Mug "No. 1"',
    "price": 12.5,
    "upc": "710000000015",
    "stock": {"10000005050": 7, "721407": 2},
}


def sow(server: Server, status: int = 200, **kinds):
    return server.control("POST", "seed", kinds, status=status)


def order(server: Server, text: str) -> dict:
    return server.get(f"/v3/orders/{text}")["order"]


def test_an_order_is_as_it_was_told(server):
    assert sow(server, orders=[ORDER])["orders"] == ["1796277083022"]
    found = order(server, "1796277083022")
    assert found["customerOrderId"] == "5281956426648"
    first, second = found["orderLines"]["orderLine"]
    parts = first["orderLineStatuses"]["orderLineStatus"]
    assert [(part["status"], part["statusQuantity"]["amount"]) for part in parts] == [
        ("Delivered", "1"),
        ("Shipped", "1"),
        ("Cancelled", "1"),
    ]
    assert [part["trackingInfo"]["trackingNumber"] for part in parts[:2]] == ["1Z0001", "1Z0002"]
    assert parts[2]["cancellationReason"] == "SELLER_CANCEL_OUT_OF_STOCK"
    charges = {charge["chargeName"]: charge for charge in first["charges"]["charge"]}
    assert {name: charge["chargeAmount"]["amount"] for name, charge in charges.items()} == {
        "ItemPrice": 30,
        "Discount": -1.5,
        "Shipping": 4.99,
    }
    assert charges["ItemPrice"]["tax"]["taxAmount"]["amount"] == 2.4
    (refund,) = first["refund"]["refundCharges"]["refundCharge"]
    assert refund["charge"]["chargeAmount"]["amount"] == -5
    assert second["intentToCancel"] == "CANCEL"
    total = found["orderSummary"]["totalAmount"]["currencyAmount"]
    charged = second["charges"]["charge"][0]
    expected = (
        30 + 2.4 - 1.5 + 4.99 + charged["chargeAmount"]["amount"] + charged["tax"]["taxAmount"]["amount"]
    )
    assert total == pytest.approx(expected)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"purchaseOrderId": "1796277083022"}, 1),
        ({"customerOrderId": "5281956426648"}, 1),
        ({"sku": "LAMP-1"}, 1),
        ({"sku": "OTHER"}, 0),
        ({"status": "Delivered"}, 1),
        ({"status": "Created"}, 1),
        ({"status": "Acknowledged"}, 0),
        ({"shipNodeType": "WFSFulfilled"}, 1),
        ({"orderType": "PREORDER"}, 0),
    ],
)
def test_told_orders_are_found(query, found, server):
    wfs = {"purchaseOrderId": "1796277083099", "lines": ["A"], "shipNodeType": "WFSFulfilled"}
    sow(server, orders=[ORDER, wfs])
    assert server.get("/v3/orders", **query)["list"]["meta"]["totalCount"] == found


def test_told_orders_stand_beside_made_ones(server):
    """Newest first, each once, by whatever id it is asked for."""
    sow(server, orders={"count": 5, "age": 86400})
    given = "108900000000009"
    sow(server, orders=[{"purchaseOrderId": given, "lines": ["A"]}, {"lines": ["B"], "age": 60}])
    later = sow(server, orders=3)["orders"]
    found = server.get("/v3/orders")["list"]["elements"]["order"]
    ids = [record["purchaseOrderId"] for record in found]
    assert len(ids) == len(set(ids)) == 10
    assert given not in later
    assert order(server, given)["orderLines"]["orderLine"][0]["item"]["sku"] == "A"
    assert {order(server, text)["purchaseOrderId"] for text in ids} == set(ids)


def test_a_told_order_goes_its_way(server):
    sow(server, orders=[ORDER])
    path = "/v3/orders/1796277083022/acknowledge"
    answer = server.call("POST", path, headers={"Content-Type": "application/json"})
    assert answer.json()["order"]["orderLines"]["orderLine"][1]["orderLineStatuses"]["orderLineStatus"][0][
        "status"
    ] == ("Acknowledged")
    assert server.get("/v3/orders", status="Acknowledged")["list"]["meta"]["totalCount"] == 1


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        ({"orders": [ORDER, ORDER]}, "purchaseOrderId is there twice"),
        ({"orders": [{"lines": []}]}, "length >= 1"),
        ({"orders": [{"lines": [{"sku": "A", "shipments": [{"quantity": 2}]}]}]}, "more than the 1 units"),
        (
            {"orders": [{"lines": [{"sku": "A", "price": 1, "refunds": [{"amount": 3}]}]}]},
            "more than the 1.00",
        ),
        ({"returns": [{"purchaseOrderId": "1"}]}, "order 1 has no line 1"),
        ({"items": [{"sku": "A", "upc": "710000000011"}]}, "the last one is 5"),
        ({"items": [{"sku": "A", "gtin": "nonsense"}]}, "not the right check digit"),
    ],
)
def test_what_makes_no_sense_is_refused_and_makes_nothing(kinds, reason, server):
    answer = sow(server, status=400, **{"items": ["B"], **kinds})
    assert reason in answer["error"]
    server.refused(404, "GET", "/v3/items")
    assert server.get("/v3/orders")["list"]["meta"]["totalCount"] == 0


def test_an_id_is_given_once(server):
    sow(server, orders=[ORDER])
    assert "is there already" in sow(server, status=400, orders=[ORDER])["error"]


def test_items_are_found_by_the_ids_they_were_given(server):
    sow(server, items=[ITEM, {"sku": "LAMP-1", "gtin": "710000000022"}])
    for kind, value in (("SKU", "MUG-1"), ("UPC", "710000000015"), ("GTIN", "00710000000015")):
        (item,) = server.get(f"/v3/items/{value}", productIdType=kind)["ItemResponse"]
        assert (item["sku"], item["productName"], item["price"]["amount"]) == ("MUG-1", 'Mug "No. 1"', 12.5)
    assert server.get("/v3/items", gtin="00710000000022")["ItemResponse"][0]["sku"] == "LAMP-1"
    (found,) = server.get("/v3/items/walmart/search", upc="710000000015")["items"]
    assert found["title"] == 'Mug "No. 1"'


def test_made_items_have_codes_with_the_right_check_digit(server):
    sow(server, items=3)
    for item in server.get("/v3/items")["ItemResponse"]:
        digits = [int(digit) for digit in item["gtin"]]
        assert sum(digit * (1 if place % 2 else 3) for place, digit in enumerate(digits)) % 10 == 0
        assert item["gtin"] == item["upc"].zfill(14)


def test_stock_lies_where_it_was_said(server):
    sow(server, items=[ITEM])
    nodes = {
        node["shipNode"]: node["inputQty"]["amount"] for node in server.get("/v3/inventories/MUG-1")["nodes"]
    }
    assert nodes == {"10000005050": 7, "10000005051": 0, "721407": 2}


def test_a_return_is_of_its_order_line(server):
    sow(server, items=[ITEM], orders=[ORDER])
    ids = sow(
        server,
        returns=[
            {"purchaseOrderId": "1796277083022", "quantity": 1, "returnOrderId": "R1", "status": "COMPLETED"}
        ],
    )
    assert ids["returns"] == ["R1"]
    (found,) = server.get("/v3/returns", customerOrderId="5281956426648")["returnOrders"]
    (line,) = found["returnOrderLines"]
    assert (line["item"]["sku"], line["status"], line["refundedQty"]) == ("MUG-1", "COMPLETED", 1)
    assert found["totalRefundAmount"]["currencyAmount"] == 10


def test_the_file_of_the_docs_makes_its_shop(start, tmp_path):
    (block,) = [found for found in blocks("yaml") if found.document == CHECKOUT / "docs/sandbox.md"]
    file = tmp_path / "shop.yaml"
    file.write_text(block.text)
    server = start("--seed", str(file))
    kinds = msgspec.yaml.decode(block.text.encode())
    for told in kinds["orders"]:
        assert len(order(server, told["purchaseOrderId"])["orderLines"]["orderLine"]) == len(told["lines"])
    assert len(server.get("/v3/items")["ItemResponse"]) == len(kinds["items"])


def test_the_typical_shop(start):
    server = start("--shop", "typical")
    server.control("POST", "settings", {"limits": False, "token_life": 1e9})
    assert server.get("/v3/items", limit=1)["totalItems"] == typical_shop.ITEMS
    orders = []
    for node_type in ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled"):
        since = f"{datetime.now(timezone.utc) - timedelta(days=29):%Y-%m-%d}"
        query = f"?limit=200&shipNodeType={node_type}&createdStartDate={since}"
        while query:
            found = server.get(f"/v3/orders{query}")["list"]
            orders += found["elements"]["order"]
            query = found["meta"].get("nextCursor")
    hours = Counter(datetime.fromtimestamp(found["orderDate"] / 1000, timezone.utc).hour for found in orders)
    assert len(orders) > 500
    assert sum(hours[hour] for hour in (23, 0, 1, 2)) > 3 * sum(hours[hour] for hour in (9, 10, 11, 12))
    assert {len(found["orderLines"]["orderLine"]) for found in orders} == {1, 2, 3}
    kinds = Counter()
    for feed in server.get("/v3/feeds")["results"]["feed"]:
        kinds[feed["feedStatus"]] += 1
        for item in server.get(f"/v3/feeds/{feed['feedId']}", includeDetails="true")["itemDetails"][
            "itemIngestionStatus"
        ]:
            kinds[item["ingestionStatus"]] += 1
    assert {
        "PROCESSED",
        "ERROR",
        "INPROGRESS",
        "RECEIVED",
        "DATA_ERROR",
        "SYSTEM_ERROR",
        "TIMEOUT_ERROR",
    } <= set(kinds)
    server.control("POST", "clock", {"advance": 14 * 86_400})
    paid = earned(orders)
    assert len(paid) > 400
    assert sales(settlement_rows(server)) == {
        number: pytest.approx(amount, abs=Decimal("0.1")) for number, amount in paid.items()
    }


def test_the_typical_shop_is_the_same_each_time():
    now = 1_790_000_000
    one, other = (json.dumps(msgspec.to_builtins(typical_shop.seed(now))) for _ in range(2))
    assert one == other
    assert isinstance(typical_shop.seed(now), seed.Seed)
