"""Answers of operations without a memory of their own, against Walmart's documents, where those are at hand."""

import functools
import json

import pytest

from airflow_provider_walmart.sandbox.core.calls import Endpoint
from airflow_provider_walmart.sandbox.marketplace.documented import Documented
from airflow_provider_walmart.sandbox.marketplace.request_checks import place_of
from airflow_provider_walmart.sandbox.server.app import ENDPOINTS
from scripts.catalogue_walk import MARKETS, ROWS, value_of
from tests.integration.sandbox.test_sandbox_openapi import US, document, problems

pytestmark = pytest.mark.skipif(not US.is_dir(), reason="Walmart's API documents are not here")


# A list that is declared with the values of its entries, and a text that is declared with fields: nothing fits those.
CONTRADICTIONS = ("shoppingTrends", "demandSalesTrends", "itemStatus", "dispositionCode")


# What makes sense only of something that is in the shop, or once; tried where that is.
NEEDS_MORE = {("POST", "/v3/shipping/labels"), ("POST", "/v3/fulfillment/inbound-shipments")}


def generic(endpoint: Endpoint) -> bool:
    return isinstance(getattr(endpoint.handle, "__self__", None), Documented)


GENERIC = {place_of(endpoint.method, endpoint.path) for endpoint in ENDPOINTS if generic(endpoint)}


@functools.cache
def operations():
    """Place of every US operation -> its document, its method and its path there."""
    found = {}
    for path in sorted(US.glob("*.json")):
        for place, methods in document(path)["paths"].items():
            for method in methods.keys() & {"get", "post", "put", "patch", "delete"}:
                found.setdefault(
                    place_of(method.upper(), place.partition("?")[0]), (path, f"{method} {place}")
                )
    return found


@pytest.mark.parametrize(
    "place", sorted(GENERIC & {(row[1], row[2]) for row in ROWS if row[0] == MARKETS[0]}), ids=" ".join
)
def test_an_answer_fits_its_document(place, shared_server):
    row = ROWS[("us", *place)]
    if (
        row.get("takes", ["application/json"]) != ["application/json"]
        or place not in operations()
        or "application/json" not in row["media"]
        or row["status"] == 204
        or place in NEEDS_MORE
    ):
        pytest.skip("no JSON, or under another base URL in its document")
    shared_server.control("POST", "settings", {"limits": False})
    path, operation_id = operations()[place]
    query, headers = {}, {}
    for parameter in row.get("parameters", ()):
        if parameter.get("required"):
            value = value_of(parameter["shape"], parameter["name"])
            if parameter.get("pattern"):
                value = "11/30/2026"
            if parameter["in"] == "header":
                headers[parameter["name"]] = {"WM_MARKET": "us", "WM_GLOBAL_VERSION": "3.1"}.get(
                    parameter["name"], str(value)
                )
            else:
                query[parameter["name"]] = value
    options = {"json": value_of(row["body"])} if isinstance(row.get("body"), (dict, list)) else {}
    answer = shared_server.call(
        place[0], place[1].replace("{}", "1"), params=query, headers=headers, **options
    )
    assert answer.status_code == row["status"], answer.text
    found = problems(path, operation_id, json.loads(answer.text), str(row["status"]))
    assert [problem for problem in found if not any(name in problem for name in CONTRADICTIONS)] == []
