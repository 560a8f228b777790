"""Answers in Mexico and Canada, against their documents, where those are at hand."""

import functools
import json

import pytest

from airflow_provider_walmart.sandbox.marketplace.request_checks import place_of
from scripts.catalogue_walk import ROWS, value_of
from tests.integration.sandbox.test_sandbox_openapi import DOCUMENTS, document, problems

# Fields of the US API, which the documents of 2023 don't have yet, and a text that is declared where nothing is said.
KNOWN = (
    "fileName", "feedSubmissionDate", "inventoryAvailableDate", "['purchaseOrderId']", "{} is not of type 'string'",
)  # fmt: skip

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


@pytest.mark.parametrize(("market", "method", "path"), sorted(key for key in ROWS if key[0] in FOLDERS))
def test_an_answer_fits_its_document(market, method, path, shop, tokens):
    row = ROWS[market, method, path]
    if (
        (method, path) not in operations(market)
        or "application/json" not in row["media"]
        or row["status"] == 204
    ):
        pytest.skip("no JSON")
    query = {
        parameter["name"]: value_of(parameter["shape"], parameter["name"])
        for parameter in row.get("parameters", ())
        if parameter.get("required") and parameter["in"] == "query"
    }
    options = {"json": value_of(row["body"])} if isinstance(row.get("body"), (dict, list)) else {}
    answer = shop.call(
        method,
        path.replace("{}", "1"),
        params={**query, **({"sku": "1"} if path.endswith("/inventory") else {})},
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
