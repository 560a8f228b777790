"""Items: list by cursor and by offset, one item, counts, retirement, catalog search."""

from urllib.parse import quote

import pytest

NOT_FOUND = "CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API"


def skus(body):
    return [item["sku"] for item in body["ItemResponse"]]


def test_all_pages_by_the_cursor_that_stays_the_same(server):
    server.control("POST", "seed", {"items": 45})
    first = server.get("/v3/items", nextCursor="*", limit=20)
    cursor = first["nextCursor"]
    second = server.get("/v3/items", nextCursor=cursor, limit=20)
    third = server.get("/v3/items", nextCursor=cursor, limit=20)
    assert {page["nextCursor"] for page in (first, second, third)} == {cursor}
    assert {page["totalItems"] for page in (first, second, third)} == {45}
    assert skus(first) + skus(second) + skus(third) == [f"SKU-{n:06d}" for n in range(1, 46)]
    assert (
        server.refused(404, "GET", "/v3/items", params={"nextCursor": cursor, "limit": 20})["code"]
        == NOT_FOUND
    )


def test_the_first_page_needs_no_cursor_and_a_short_list_has_none(server):
    server.control("POST", "seed", {"items": 21})
    assert "nextCursor" in server.get("/v3/items")
    assert len(skus(server.get("/v3/items"))) == 20
    assert "nextCursor" not in server.get("/v3/items?limit=21")


def test_a_cursor_is_valid_for_two_minutes(server):
    server.control("POST", "clock", {"speed": 1e-6})
    server.control("POST", "seed", {"items": 100})
    cursor = server.get("/v3/items?limit=10")["nextCursor"]
    for _ in range(3):
        server.control("POST", "clock", {"advance": 119})
        server.get("/v3/items", nextCursor=cursor, limit=10)
    server.control("POST", "clock", {"advance": 120})
    error = server.refused(400, "GET", "/v3/items", params={"nextCursor": cursor, "limit": 10})
    assert error["description"] == "Invalid Cursor"


@pytest.mark.parametrize("query", ["nextCursor=nonsense", "nextCursor=", "limit=1001", "limit=0", "offset=10001", "offset=-1", "publishedStatus=X", "lifecycleStatus=active"])  # fmt: skip
def test_bad_parameters_are_refused(server, query):
    server.control("POST", "seed", {"items": 2})
    assert server.refused(400, "GET", f"/v3/items?{query}")["field"] == query.split("=")[0]


def test_by_offset(server):
    server.control("POST", "seed", {"items": 10_050})
    body = server.get("/v3/items?offset=10000&limit=30")
    assert skus(body)[0] == "SKU-010001"
    assert "nextCursor" not in body


def test_nothing_found_is_a_404(server):
    assert server.refused(404, "GET", "/v3/items")["code"] == NOT_FOUND
    server.control("POST", "seed", {"items": 2})
    assert server.refused(404, "GET", "/v3/items?sku=nothing")["code"] == NOT_FOUND
    assert server.refused(404, "GET", "/v3/items?offset=2")["code"] == NOT_FOUND


def test_filters(server):
    server.control("POST", "seed", {"items": 40})
    assert skus(server.get("/v3/items?sku=SKU-000007")) == ["SKU-000007"]
    gtin = server.get("/v3/items?sku=SKU-000007")["ItemResponse"][0]["gtin"]
    assert skus(server.get(f"/v3/items?gtin={gtin}")) == ["SKU-000007"]
    assert skus(server.get("/v3/items?publishedStatus=UNPUBLISHED")) == [
        f"SKU-{n:06d}" for n in (10, 20, 30, 40)
    ]
    assert skus(server.get("/v3/items?availability=Out_of_stock")) == ["SKU-000020", "SKU-000040"]
    assert server.get("/v3/items?condition=New&limit=1")["totalItems"] == 40
    server.refused(404, "GET", "/v3/items?condition=Restored")
    server.refused(404, "GET", "/v3/items?variantGroupId=1")
    cursor = server.get("/v3/items?publishedStatus=UNPUBLISHED&limit=3")["nextCursor"]
    assert skus(server.get("/v3/items", nextCursor=cursor, limit=3)) == ["SKU-000040"]


@pytest.mark.parametrize("sku", ["SKU-000003", 'a/b c%20?#&+="ü'])
def test_one_item(server, sku):
    server.control("POST", "seed", {"items": 5})
    server.control("POST", "seed", {"items": [sku]})
    body = server.get(f"/v3/items/{quote(sku, safe='')}")
    (item,) = body["ItemResponse"]
    assert (item["sku"], body["totalItems"]) == (sku, 1)
    assert server.get(f"/v3/items/{item['gtin']}?productIdType=GTIN")["ItemResponse"] == [item]
    assert server.get(f"/v3/items/{item['upc']}?productIdType=UPC")["ItemResponse"] == [item]
    assert item in server.get("/v3/items")["ItemResponse"]


@pytest.mark.parametrize("path", ["nothing", "SKU-000006", "SKU-3", "SKU-0000003", "%2F", "1?productIdType=ISBN", "x?productIdType=GTIN"])  # fmt: skip
def test_unknown_items(server, path):
    server.control("POST", "seed", {"items": 5})
    assert server.refused(404, "GET", f"/v3/items/{path}")["code"] == NOT_FOUND


def test_unknown_kinds_of_id_are_refused(server):
    assert server.refused(400, "GET", "/v3/items/1?productIdType=ASIN")["field"] == "productIdType"


def test_retire_and_count(server):
    server.control("POST", "seed", {"items": 20})
    assert server.get("/v3/items/count?status=ALL") == {"All": 20}
    assert server.get("/v3/items/count") == {"PUBLISHED": 18}
    answer = server.call("DELETE", "/v3/items/SKU-000001")
    assert answer.json()["sku"] == "SKU-000001"
    assert server.get("/v3/items/count?status=UNPUBLISHED") == {"UNPUBLISHED": 3}
    assert skus(server.get("/v3/items?lifecycleStatus=RETIRED")) == ["SKU-000001"]
    assert server.get("/v3/items?lifecycleStatus=ACTIVE")["totalItems"] == 19
    assert server.get("/v3/items/SKU-000001")["ItemResponse"][0]["lifecycleStatus"] == "RETIRED"
    server.refused(404, "DELETE", "/v3/items/nothing")
    server.refused(400, "GET", "/v3/items/count?status=some")


def found(body):
    return [item["sku"] for item in body["payload"]]


def search(server, body=None, **params):
    answer = server.call("POST", "/v3/items/catalog/search", json=body or {}, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_catalog_search_by_page(server):
    server.control("POST", "seed", {"items": 25})
    pages = [search(server, page=page, limit=10) for page in range(4)]
    assert [len(found(page)) for page in pages] == [10, 10, 5, 0]
    assert [sku for page in pages for sku in found(page)] == [f"SKU-{n:06d}" for n in range(1, 26)]
    assert {page["totalItems"] for page in pages} == {25}


def test_catalog_search_by_cursor(server):
    server.control("POST", "seed", {"items": 25})
    seen, params = [], {"limit": 10}
    while params:
        body = search(server, **params)
        seen += found(body)
        params = {"limit": 10, "nextCursor": body["nextCursor"]} if "nextCursor" in body else None
    assert seen == [f"SKU-{n:06d}" for n in range(1, 26)]


def test_catalog_search_by_query_and_filter(server):
    server.control("POST", "seed", {"items": 30})
    assert found(search(server, {"query": {"field": "sku", "value": "SKU-000004"}})) == ["SKU-000004"]
    assert found(search(server, {"query": {"field": "isbn", "value": "1"}})) == []
    assert len(found(search(server, {"query": {"field": "productName", "value": "*lamp*"}}))) == 5
    filters = [{"field": "publishedStatus", "op": "equals", "values": ["UNPUBLISHED"]}]
    body = search(server, {"filters": filters})
    assert found(body) == ["SKU-000010", "SKU-000020", "SKU-000030"]
    assert body["payload"][0]["publishedStatus"] == {"status": "UNPUBLISHED"}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("limit=101", {}),
        ("page=-1", {}),
        ("page=1&nextCursor=AAAA", {}),
        ("nextCursor=AAAA", {}),
        ("nextCursor=%C3", {}),
        ("", {"query": {"field": "colour", "value": "red"}}),
        ("", {"query": "sku"}),
    ],
)
def test_bad_catalog_searches_are_refused(server, query, body):
    server.refused(400, "POST", f"/v3/items/catalog/search?{query}", json=body)


def test_calls_with_parameters_have_a_lower_limit(server):
    server.control("POST", "seed", {"items": 2})
    assert server.call("GET", "/v3/items").headers["x-current-token-count"] == "299"
    assert server.call("GET", "/v3/items?limit=1").headers["x-current-token-count"] == "59"
    assert server.call("GET", "/v3/items/SKU-000001").headers["x-current-token-count"] == "899"


def test_a_million_items(server):
    server.control("POST", "seed", {"items": 1_000_000, "inventories": 1_000_000})
    assert skus(server.get("/v3/items?sku=SKU-1000000")) == ["SKU-1000000"]
    assert server.get("/v3/items?publishedStatus=UNPUBLISHED&limit=1")["totalItems"] == 100_000
    assert server.get("/v3/inventories")["meta"]["totalCount"] == 1_000_000
