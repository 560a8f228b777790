"""Inventory, prices, promotions and lag time of SKUs; what feeds change of them."""

import threading
from urllib.parse import quote

import pytest

ODD = "a/b c?d#e%f@g&h+i,j=k{l}:m;n$o!p'q(r)*s\"t\\u-ä"
NODE, OTHER_NODE = "10000005050", "10000005051"


def stock(amount, node=NODE):
    return {"shipNode": node, "inputQty": {"unit": "EACH", "amount": amount}}


def amount(server, sku, node=NODE):
    return server.get("/v3/inventory", sku=sku, shipNode=node)["quantity"]["amount"]


@pytest.mark.parametrize("sku", ["SKU-000003", ODD])
def test_one_sku(server, sku):
    server.control("POST", "seed", {"inventories": 5})
    server.control("POST", "seed", {"inventories": [ODD]})
    body = {"sku": sku, "quantity": {"unit": "EACH", "amount": 77}, "inventoryAvailableDate": "2030-01-01"}
    answer = server.call("PUT", "/v3/inventory", params={"sku": sku}, json=body)
    assert answer.json() == body
    assert server.get("/v3/inventory", sku=sku) == body
    assert amount(server, sku, OTHER_NODE) != 77


@pytest.mark.parametrize("sku", ["SKU-000003", ODD])
def test_all_nodes_of_a_sku(server, sku):
    server.control("POST", "seed", {"inventories": 5})
    server.control("POST", "seed", {"inventories": [ODD]})
    path = f"/v3/inventories/{quote(sku, safe='')}"
    answer = server.call("PUT", path, json={"inventories": {"nodes": [stock(8), stock(9, OTHER_NODE)]}})
    assert [node["status"] for node in answer.json()["nodes"]] == ["Success", "Success"]
    body = server.get(path)
    assert body["sku"] == sku
    assert [node["inputQty"]["amount"] for node in body["nodes"]] == [8, 9]
    assert body["nodes"][0]["availToSellQty"]["amount"] + body["nodes"][0]["reservedQty"]["amount"] == 8
    assert len(server.get(f"{path}?shipNode={OTHER_NODE}")["nodes"]) == 1


def test_one_node_may_fail_inside_a_200(server):
    server.control("POST", "seed", {"inventories": 1})
    nodes = [stock(8), stock(9, "unknown"), stock(-1, OTHER_NODE)]
    answer = server.call("PUT", "/v3/inventories/SKU-000001", json={"inventories": {"nodes": nodes}})
    assert answer.status_code == 200
    found = answer.json()["nodes"]
    assert [node["status"] for node in found] == ["Success", "Failure", "Failure"]
    assert [bool(node.get("errors")) for node in found] == [False, True, True]
    assert amount(server, "SKU-000001") == 8


@pytest.mark.parametrize("path", ["/v3/inventory?sku=nothing", "/v3/inventories/nothing", "/v3/inventory?sku=SKU-1", "/v3/inventory?sku=SKU-000002"])  # fmt: skip
def test_unknown_skus(server, path):
    server.control("POST", "seed", {"inventories": 1})
    assert server.refused(404, "GET", path)["code"] == "CONTENT_NOT_FOUND.GMP_INVENTORY_API"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sku": "SKU-000001"},
        {"sku": "SKU-000002", "quantity": {"unit": "EACH", "amount": 1}},
        {"sku": "SKU-000001", "quantity": {"unit": "BOX", "amount": 1}},
        {"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": -1}},
        {"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": "1"}},
        {"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": 1.5}},
    ],
)
def test_bad_updates_are_refused(server, body):
    server.control("POST", "seed", {"inventories": 2})
    before = amount(server, "SKU-000001")
    server.refused(400, "PUT", "/v3/inventory?sku=SKU-000001", json=body)
    server.refused(400, "PUT", "/v3/inventories/SKU-000001", json={"inventories": {"nodes": [body]}})
    assert amount(server, "SKU-000001") == before


@pytest.mark.parametrize(
    "path", ["/v3/inventory", "/v3/inventory?sku=", "/v3/inventory?sku=SKU-000001&shipNode=1"]
)
def test_bad_parameters_are_refused(server, path):
    server.control("POST", "seed", {"inventories": 1})
    server.refused(400, "GET", path)


def test_the_list_is_read_page_by_page(server):
    server.control("POST", "seed", {"inventories": 120})
    server.control("POST", "seed", {"inventories": [ODD]})
    server.call("PUT", "/v3/inventories/SKU-000002", json={"inventories": {"nodes": [stock(1234)]}})
    found, cursor = [], {}
    while cursor is not None:
        body = server.get("/v3/inventories", limit=50, **cursor)
        page = body["elements"]["inventories"]
        assert len(page) <= 50
        assert body["meta"]["totalCount"] == 121
        found += page
        cursor = {"nextCursor": body["meta"]["nextCursor"]} if "nextCursor" in body["meta"] else None
    assert [one["sku"] for one in found] == [f"SKU-{n:06d}" for n in range(1, 121)] + [ODD]
    assert found[1]["nodes"][0]["inputQty"]["amount"] == 1234
    for one in found[2:5]:
        assert one["nodes"][1]["inputQty"]["amount"] == amount(server, one["sku"], OTHER_NODE)


def test_pages_of_the_list_may_be_short(server):
    server.control("POST", "seed", {"inventories": 100})
    sizes, cursor = [], {}
    while cursor is not None:
        body = server.get("/v3/inventories", limit=10, **cursor)
        sizes.append(len(body["elements"]["inventories"]))
        cursor = {"nextCursor": body["meta"]["nextCursor"]} if "nextCursor" in body["meta"] else None
    assert 9 in sizes[:-1]
    assert sum(sizes) == 100


def test_a_cursor_of_the_list_is_good_once(server):
    server.control("POST", "seed", {"inventories": 30})
    first = server.get("/v3/inventories")["meta"]["nextCursor"]
    second = server.get("/v3/inventories", nextCursor=first)["meta"]["nextCursor"]
    error = server.refused(404, "GET", "/v3/inventories", params={"nextCursor": first})
    assert error["code"] == "CONTENT_NOT_FOUND.GMP_INVENTORY_API"
    assert server.call("GET", "/v3/inventories", params={"nextCursor": second}).status_code == 200


def test_of_parallel_readers_with_one_cursor_only_one_gets_the_page(server):
    server.control("POST", "seed", {"inventories": 30})
    cursor = server.get("/v3/inventories")["meta"]["nextCursor"]
    statuses = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(
                server.call("GET", "/v3/inventories", params={"nextCursor": cursor}).status_code
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 404, 404, 404]


@pytest.mark.parametrize("query", ["limit=51", "limit=0", "limit=ten"])
def test_bad_limits_of_the_list_are_refused(server, query):
    assert server.refused(400, "GET", f"/v3/inventories?{query}")["field"] == "limit"


@pytest.mark.parametrize("cursor", ["", "AAAA", "%00"])
def test_unknown_cursors_of_the_list(server, cursor):
    server.refused(404, "GET", f"/v3/inventories?nextCursor={cursor}")


def test_stock_at_walmart_is_paged_by_offset(server):
    server.control("POST", "seed", {"items": 95})
    found = []
    for offset in (0, 4, 8, 12):
        body = server.get("/v3/wfs/inventory", limit=4, offset=offset)
        assert body["headers"] == {"totalCount": 10, "limit": 4, "offset": offset}
        found += [one["itemInformation"]["sku"] for one in body["payload"]["inventory"]]
    assert found == [f"SKU-{n:06d}" for n in range(1, 96, 10)]
    assert server.get("/v3/wfs/inventory?sku=SKU-000011")["headers"]["totalCount"] == 1
    assert server.get("/v3/wfs/inventory?sku=SKU-000012")["headers"]["totalCount"] == 0
    server.refused(400, "GET", "/v3/wfs/inventory?limit=301")


def price(sku, *amounts, **fields):
    pricing = [
        {"currentPriceType": "BASE", "currentPrice": {"currency": "USD", "amount": amount}, **fields}
        for amount in amounts
    ]
    return {"sku": sku, "pricing": pricing}


def item_price(server, sku):
    return server.get(f"/v3/items/{quote(sku, safe='')}")["ItemResponse"][0]["price"]["amount"]


def test_price(server):
    server.control("POST", "seed", {"items": 2})
    body = server.call("PUT", "/v3/price", json=price("SKU-000001", 12.34)).json()
    assert (body["statusCode"], body["mart"], body["sku"]) == (200, "WALMART_US", "SKU-000001")
    assert item_price(server, "SKU-000001") == 12.34


@pytest.mark.parametrize("wanted", [price("SKU-000001"), price("SKU-000001", 0), price("SKU-000001", 1.234), price("SKU-000001", "1"), {}])  # fmt: skip
def test_bad_prices_are_refused(server, wanted):
    server.control("POST", "seed", {"items": 1})
    before = item_price(server, "SKU-000001")
    server.refused(400, "PUT", "/v3/price", json=wanted)
    assert item_price(server, "SKU-000001") == before


def test_the_new_form_of_the_price_update(server):
    server.control("POST", "seed", {"items": 1})
    body = {"MPItemFeedHeader": {}, "MPItem": {"Price": {"sku": "SKU-000001", "price": 9.5}}}
    assert server.refused(400, "POST", "/v3/price", json=body)["field"] == "WM_MARKET"
    headers = {"WM_MARKET": "us", "WM_GLOBAL_VERSION": "3.1"}
    answer = server.call("POST", "/v3/price", json=body, headers=headers).json()
    assert (answer["feedStatus"], answer["itemsSucceeded"]) == ("PROCESSED", 1)
    assert item_price(server, "SKU-000001") == 9.5


def test_promotions(server):
    server.control("POST", "seed", {"items": 1})
    dates = {"effectiveDate": "2030-01-01T00:00:00.000Z", "expirationDate": "2030-02-01T00:00:00.000Z"}
    before = item_price(server, "SKU-000001")
    assert server.call("PUT", "/v3/price?promo=true", json=price("SKU-000001", 2, **dates)).status_code == 200
    body = server.get("/v3/promo/sku/SKU-000001")
    (found,) = body["payload"]["pricingList"]["pricing"]
    assert (body["status"], found["currentPrice"]["value"]["amount"]) == ("OK", 2)
    assert found["effectiveDate"] == 1_893_456_000_000
    assert item_price(server, "SKU-000001") == before
    server.call("PUT", "/v3/price?promo=true", json=price("SKU-000001", 2, **dates, processMode="DELETE"))
    assert server.get("/v3/promo/sku/SKU-000001")["payload"]["pricingList"]["pricing"] == []
    server.refused(400, "PUT", "/v3/price?promo=true", json=price("SKU-000001", 2))
    swapped = {"effectiveDate": dates["expirationDate"], "expirationDate": dates["effectiveDate"]}
    server.refused(400, "PUT", "/v3/price?promo=true", json=price("SKU-000001", 2, **swapped))
    server.refused(400, "PUT", "/v3/price?promo=maybe", json=price("SKU-000001", 2))


@pytest.mark.parametrize("path", ["/v3/promo/sku/nothing", "/v3/lagtime?sku=nothing"])
def test_unknown_skus_of_prices_and_lag_times(server, path):
    server.refused(404, "GET", path)


def test_lag_time(server):
    server.control("POST", "seed", {"items": 1})
    assert server.get("/v3/lagtime?sku=SKU-000001") == {"sku": "SKU-000001", "fulfillmentLagTime": 1}
    server.refused(400, "GET", "/v3/lagtime")


def test_feeds_change_stock_and_prices_once_they_are_processed(server):
    server.control("POST", "clock", {"speed": 1e-6})
    server.control("POST", "seed", {"items": 3, "inventories": 3})
    server.control("POST", "settings", {"feed_seconds": 1000, "token_life": 5000})
    before = amount(server, "SKU-000001")
    quantity = {"unit": "EACH", "amount": 4321}
    nodes = [{"shipNode": OTHER_NODE, "quantity": quantity}]
    for feed_type, document in (
        (
            "inventory",
            {
                "Inventory": [
                    {"sku": "SKU-000001", "quantity": quantity},
                    {"sku": "SKU-000003", "quantity": {"amount": -1}},
                ]
            },
        ),
        ("MP_INVENTORY", {"inventory": [{"sku": "SKU-000002", "shipNodes": nodes}]}),
        ("price", {"Price": [price("SKU-000001", 55.5)]}),
        ("PRICE_AND_PROMOTION", {"MPItem": [{"Promo&Discount": {"sku": "SKU-000002", "price": 66.6}}]}),
    ):
        assert server.call("POST", f"/v3/feeds?feedType={feed_type}", json=document).status_code == 200
    assert amount(server, "SKU-000001") == before
    server.control("POST", "clock", {"advance": 990})
    assert amount(server, "SKU-000001") == before
    server.control("POST", "clock", {"advance": 10})
    assert amount(server, "SKU-000001") == 4321
    assert amount(server, "SKU-000003") != -1
    assert amount(server, "SKU-000002", OTHER_NODE) == 4321
    assert item_price(server, "SKU-000001") == 55.5
    assert item_price(server, "SKU-000002") == 66.6
