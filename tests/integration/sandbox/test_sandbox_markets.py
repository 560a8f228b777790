"""Answers in Mexico and Canada, against their documents, where those are at hand."""

import functools
import json
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_walmart.sandbox.marketplace.request_checks import place_of
from scripts.catalogue_walk import ROWS, value_of
from tests.integration.sandbox.test_sandbox_openapi import DOCUMENTS, document, problems

# Fields of the US API, which the documents of 2023 don't have yet.
KNOWN = ("fileName", "feedSubmissionDate", "inventoryAvailableDate", "['purchaseOrderId']")

FOLDERS = {"mx": "mx-mp-2023", "ca": "ca-mp-2023"}

pytestmark = pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="Walmart's API documents are not here")


@functools.cache
def operations(market):
    """Place of every operation of a market -> its document, its method and its path there."""
    found = {}
    for path in sorted((DOCUMENTS / FOLDERS[market]).glob("*.json")):
        for place, methods in document(path)["paths"].items():
            for method in methods.keys() & {"get", "post", "put", "patch", "delete"}:
                found.setdefault(
                    place_of(method.upper(), place.partition("?")[0]), (path, f"{method} {place}")
                )
    return found


@pytest.fixture(scope="module")
def shop(shared_server):
    shared_server.reset()
    shared_server.control("POST", "settings", {"limits": False, "feed_seconds": 0})
    feeds = [{"feedId": "1", "items": 3, "age": 60}]
    orders = [{"purchaseOrderId": "1", "lines": ["1"]}]
    seeds = {"items": ["1"], "orders": orders, "returns": 3, "inventories": ["1"], "feeds": feeds}
    shared_server.control("POST", "seed", seeds)
    return shared_server


@pytest.fixture(scope="module")
def tokens(shop):
    return {market: shop.token({"WM_MARKET": market}) for market in FOLDERS}


def query_of(row):
    """The query that an operation needs."""
    query = {
        parameter["name"]: value_of(parameter["shape"], parameter["name"])
        for parameter in row.get("parameters", ())
        if parameter.get("required") and parameter["in"] == "query"
    }
    return {**query, **({"sku": "1"} if row["path"].endswith("/inventory") else {})}


@pytest.mark.parametrize(("market", "method", "path"), sorted(key for key in ROWS if key[0] in FOLDERS))
def test_an_answer_fits_its_document(market, method, path, shop, tokens):
    row = ROWS[market, method, path]
    if (
        (method, path) not in operations(market)
        or "application/json" not in row["media"]
        or row["status"] == 204
    ):
        pytest.skip("no JSON")
    options = {"json": value_of(row["body"])} if isinstance(row.get("body"), (dict, list)) else {}
    answer = shop.call(
        method,
        path.replace("{}", "1"),
        params=query_of(row),
        headers={"WM_SEC.ACCESS_TOKEN": tokens[market], "WM_MARKET": market, "WM_GLOBAL_VERSION": "3.1"},
        **options,
    )
    if answer.status_code != row["status"]:
        assert answer.status_code in (200, 400, 415), answer.text
        pytest.skip("a made-up body makes no sense here")
    file, operation = operations(market)[method, path]
    found = problems(file, operation, json.loads(answer.text), str(row["status"]))
    assert [problem for problem in found if not any(known in problem for known in KNOWN)] == []


def test_mexicos_returns_by_both_lists(shop, tokens):
    headers = {"WM_SEC.ACCESS_TOKEN": tokens["mx"], "WM_MARKET": "mx", "WM_GLOBAL_VERSION": "3.1"}
    by_offset, by_mark, mark = [], [], "*"
    for offset in (0, 2):
        answer = shop.call("GET", f"/v3/returns?limit=2&offset={offset}", headers=headers).json()
        by_offset += answer["returnOrders"]
    while mark:
        answer = shop.call(
            "GET", "/v3/returns/cursor", headers=headers, params={"cursorMark": mark, "limit": 2}
        )
        by_mark += answer.json()["returnOrders"]
        mark = answer.json()["meta"].get("nextCursor")
    assert by_offset == by_mark
    assert len({found["returnOrderId"] for found in by_offset}) == 3
    assert by_offset[0]["returnOrderLines"][0]["reasonCode"] == "FACTORY_DEFECT"


def test_an_order_of_mexico_is_shipped_and_delivered_by_the_id_of_its_list(shop, tokens):
    headers = {"WM_SEC.ACCESS_TOKEN": tokens["mx"], "WM_MARKET": "mx", "WM_GLOBAL_VERSION": "3.1"}
    seed = {"purchaseOrderId": "2002", "customerOrderId": "7", "lines": [{"sku": "1", "quantity": 3}]}
    shop.control("POST", "seed", {"orders": [seed]})

    def order(status):
        query = f"statusCodeFilter={status}&customerOrderId=7"
        (found,) = shop.call("GET", f"/v3/orders/cursor?{query}", headers=headers).json()["order"]
        return found

    path = f"/v3/orders/{order('Created')['purchaseOrderId']}"
    line = {"primeLineNo": "1", "shipmentLineNo": "1"}

    def ship(amount):
        lines = [{**line, "quantity": {"unitOfMeasurement": "EACH", "amount": amount}}]
        body = {"shipments": [{"shipmentLines": lines, "carrier": "Estafeta", "trackingNumber": "T1"}]}
        return shop.call("POST", f"{path}/ship", json=body, headers=headers)

    acknowledged = shop.call("POST", f"{path}/acknowledge", json={}, headers=headers)
    assert (acknowledged.status_code, acknowledged.json()) == (202, "Accepted")
    assert ship("4").status_code == 400
    assert (ship("2").status_code, ship("2").status_code) == (202, 400)
    body = {"packages": [{"trackingNo": "T2", "eventName": "DELIVERY_UPDATE"}]}
    assert shop.call("POST", f"{path}/deliver", json=body, headers=headers).status_code == 400
    body["packages"][0]["trackingNo"] = "T1"
    assert shop.call("POST", f"{path}/deliver", json=body, headers=headers).status_code == 202
    parts = order("Delivered")["orderLines"][0]["orderLineStatus"]
    assert {part["status"]: part["statusQuantity"]["amount"] for part in parts} == {
        "Acknowledged": "1",
        "Delivered": "2",
    }


@pytest.mark.parametrize(
    ("market", "method", "path"),
    sorted(key for key in ROWS if key[0] == "ca" and ROWS[key]["media"] == ["application/xml"]),
)
def test_an_answer_that_is_documented_in_xml_has_its_elements(market, method, path, shop, tokens):
    row = ROWS[market, method, path]
    headers = {"WM_SEC.ACCESS_TOKEN": tokens[market], "WM_MARKET": market, "Accept": "application/xml"}
    body = {}
    if row.get("takes") == ["multipart/form-data"]:
        body = {"files": {"file": b"<a>1</a>"}}
    elif method != "GET":
        body, headers["Content-Type"] = {"data": b"<a>1</a>"}, "application/xml"
    answer = shop.call(method, path.replace("{}", "1"), params=query_of(row), headers=headers, **body)
    assert answer.status_code == row["status"], answer.text
    root = ET.fromstring(answer.content)
    if isinstance(row["shape"], dict):
        assert {element.tag for element in root.iter()} <= {"response", *names_in(row["shape"])}


def names_in(shape):
    """All names of fields in a shape."""
    if isinstance(shape, list):
        return names_in(shape[0])
    if not isinstance(shape, dict):
        return set()
    return set(shape).union(*map(names_in, shape.values()))
