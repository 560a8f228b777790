"""The catalogue on its own: names, look-up, rate limits, loading."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_walmart.client.catalogue import operations as catalogue
from airflow_provider_walmart.client.catalogue.operations import (
    Operation,
    all_operations,
    feed_type,
    find,
    limits_of,
)
from airflow_provider_walmart.client.errors import WalmartConfigError

OPERATIONS = all_operations()


def look_up(name):
    """Return the operation, or the message of the error."""
    try:
        return find(name), ""
    except WalmartConfigError as error:
        return None, str(error)


def test_holds_every_documented_operation():
    assert Counter(operation.market for operation in OPERATIONS) == {"us": 234, "mx": 32, "ca": 40}


def test_names_are_unique_and_lead_to_their_operation():
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert [find(operation.name) for operation in OPERATIONS] == list(OPERATIONS)


def test_ids_that_are_unique_in_the_us_keep_their_spelling():
    ids = Counter(operation.operation_id for operation in OPERATIONS if operation.market == "us")
    for operation in OPERATIONS:
        if operation.market == "us" and operation.operation_id and ids[operation.operation_id] == 1:
            assert operation.name == operation.operation_id


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("getReturns", "GET /v3/returns"),
        ("insights.getReturns", "GET /v3/insights/performance/returns/summary"),
        ("getAnItem", "GET /v3/items/{id}"),
        ("simulations.getAnItem", "GET /v1/simulations/items/{sku}"),
        ("item.getTaxonomyResponse", "GET /v3/items/taxonomy"),
        ("utilities.getTaxonomyResponse", "GET /v3/utilities/taxonomy"),
        ("price.priceBulkUploads", "POST /v3/feeds"),
        ("promotion.priceBulkUploads", "POST /v3/feeds?feedType=PRICE_AND_PROMOTION"),
        ("price.postFeedsPriceAndPromotion", "POST /v3/feeds?feedType=PRICE_AND_PROMOTION"),
        ("inventory.postFeeds", "POST /v3/feeds"),
        ("getPriceIncentives", "GET /v3/price/incentives"),
        ("getReportsSchedules", "GET /v3/reports/schedules"),
        ("postReportsSchedules", "POST /v3/reports/schedules"),
        ("getReportsSchedulesByScheduleId", "GET /v3/reports/schedules/{scheduleId}"),
        ("putReportsSchedulesByScheduleId", "PUT /v3/reports/schedules/{scheduleId}"),
        ("deleteReportsSchedulesByScheduleId", "DELETE /v3/reports/schedules/{scheduleId}"),
        ("mx.getAllOrders", "GET /v3/orders"),
        ("ca.getAllOrders", "GET /v3/ca/orders"),
    ],
)
def test_doubled_and_missing_ids_have_these_names(name, place):
    assert find(name).place == place


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("GET /v3/orders", "getAllOrders"),
        ("GET /v3/orders/{purchaseOrderId}", "getAnOrder"),
        ("get /v3/orders/{id}", "getAnOrder"),
        ("  GET   /v3/orders ", "getAllOrders"),
        ("POST /v3/feeds?feedType=INCENTIVE_ENROLLMENT", "reducedReferralFeeIncentivesEnrollment"),
        ("POST /v3/feeds?feedType=lagtime", "updateLagTimeBulk"),
        ("PUT /v3/price", "updatePrice"),
        ("PUT /v3/price?promo=true", "updatePromotionalPrices"),
        ("GET /v3/report/reconreport/reconFile", "getReconReport"),
        ("GET /v3/report/reconreport/reconFile?reportVersion=v1", "getReconReportV1"),
        ("GET /v3/ca/orders", "ca.getAllOrders"),
        ("GET /v3/orders/cursor", "mx.getAllOrdersUsingCursor"),
    ],
)
def test_method_and_path_are_a_name(place, name):
    assert find(place).name == name


def test_every_us_place_is_a_name_or_says_which_names_to_use():
    for operation in OPERATIONS:
        if operation.market != "us":
            continue
        found, message = look_up(operation.place)
        if message:
            assert re.search(rf"\b{re.escape(operation.name)}\b", message)
        else:
            assert found is operation


def test_the_many_forms_of_post_feeds_have_to_be_told_apart():
    with pytest.raises(WalmartConfigError) as caught:
        find("POST /v3/feeds")
    for name in ("itemBulkUploads", "inventory.postFeeds", "price.priceBulkUploads", "updateLagTimeBulk"):
        assert name in str(caught.value)
    assert "mx." not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("getAllOrder", "did you mean getAllOrders or"),
        ("getallorders", "did you mean getAllOrders or"),
        ("GET /v3/order", "did you mean GET /v3/orders or"),
        ("getTaxonomyResponse", "use item.getTaxonomyResponse or utilities.getTaxonomyResponse."),
        ("bulkItemSetup", "use mx.bulkItemSetup."),
        ("POST /v3/feeds?feedType=inventory", "use bulkItemOverrideFeed or"),
        ("GET /v3/orders?limit=5", "use getAllOrders."),
        ("GET /v3/getReport", "use ca.getItemReport or mx.getItemReport."),
        ("nothing of the kind", "there is no such operation"),
        ("", "expected an operation id or method and path"),
        (None, "operation is None; expected"),
        (7, "operation is 7; expected"),
    ],
)
def test_an_unknown_name_is_answered_with_what_may_be_meant(name, hint):
    with pytest.raises(WalmartConfigError, match=re.escape(hint)):
        find(name)


@given(st.text() | st.from_regex(r"(GET|POST) /[v3{}/?=&a-z]*"))
def test_any_text_is_a_name_or_a_clear_error(text):
    found, message = look_up(text)
    assert isinstance(found, Operation) or 0 < len(message) < 1000


def test_operations_are_frozen():
    with pytest.raises(AttributeError):
        find("getAllOrders").path = "/"


def test_importing_reads_no_file():
    code = (
        "import sys\n"
        "from airflow_provider_walmart.client import errors\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: event == 'open' and opened.append(str(args[0])))\n"
        "from airflow_provider_walmart.client.catalogue import operations as catalogue\n"
        "assert not [name for name in opened if name.endswith('.json')], opened\n"
        "catalogue.find('getAllOrders')\n"
        "assert [name for name in opened if name.endswith('marketplace.json')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_safe_to_retry_is_what_changes_nothing():
    for operation in OPERATIONS:
        assert operation.safe_to_retry or operation.method != "GET"
        assert not operation.safe_to_retry or operation.method in ("GET", "POST")
    for name in ("getCatalogSearch", "getSpec", "itemsDetailsForListing", "postStatus", "PricingInsights"):
        assert find(name).safe_to_retry
    for name in (
        "itemBulkUploads",
        "generateReport",
        "acknowledgeOrders",
        "postContest",
        "tokenAPI",
        "createLabel",
    ):
        assert not find(name).safe_to_retry


def test_content_type_is_sent_even_without_a_body_where_walmart_insists():
    assert find("acknowledgeOrders").content_type == "application/json"
    assert find("generateReport").content_type == "application/json"
    assert find("getTokenDetail").content_type == "application/x-www-form-urlencoded"
    assert find("itemBulkUploads").content_type == ""
    assert find("getAllOrders").content_type == ""


@pytest.mark.parametrize(
    ("name", "params", "limits"),
    [
        ("getAllFeedStatuses", {}, [(5000, 60, "GET /v3/feeds")]),
        ("getFeedItemStatus", {"feedId": "1"}, [(5000, 60, "GET /v3/feeds")]),
        ("getCatalogSearch", {}, [(200, 60, "POST /v3/items/associations")]),
        ("getItemAssociations", {}, [(200, 60, "POST /v3/items/associations")]),
        ("getAllItems", {}, [(300, 60, "GET /v3/items")]),
        ("getAllItems", {"sku": None}, [(300, 60, "GET /v3/items")]),
        ("getAllItems", {"sku": "1"}, [(300, 60, "GET /v3/items"), (60, 60, "GET /v3/items?*")]),
        ("getAnItem", {"id": "1"}, [(900, 60, "GET /v3/items/{id}")]),
        (
            "getAnItem",
            {"id": "1", "productIdType": "GTIN"},
            [(900, 60, "GET /v3/items/{id}"), (60, 60, "GET /v3/items/{id}?*")],
        ),
        ("getSearchResult", {"query": "cup"}, [(200, 60, "GET /v3/items/walmart/search")]),
        (
            "getSearchResult",
            {"responseFormat": "SPEC"},
            [
                (200, 60, "GET /v3/items/walmart/search"),
                (1000, 86400, "GET /v3/items/walmart/search?responseFormat=SPEC"),
            ],
        ),
        (
            "getStrategies",
            {},
            [(10, 60, "GET /v3/repricer/strategies"), (50, 3600, "GET /v3/repricer/strategies")],
        ),
        ("getItemRecommendations", {}, [(10, 60, "GET /v3/advertising/sem/items/recommendations")]),
        ("itemBulkUploads", {"feedType": "MP_ITEM"}, [(10, 3600, "POST /v3/feeds?feedType=MP_ITEM")]),
        ("itemBulkUploads", {"feedType": "BRAND_NEW"}, []),
        ("updateLagTimeBulk", {}, [(6, 86400, "POST /v3/feeds?feedType=lagtime")]),
        (
            "price.priceBulkUploads",
            {"feedType": "price"},
            [(10, 3600, "POST /v3/feeds?feedType=PRICE_AND_PROMOTION")],
        ),
        ("updateBulkPromotionalPrice", {}, [(10, 3600, "POST /v3/feeds?feedType=PRICE_AND_PROMOTION")]),
        ("tokenAPI", {}, []),
    ],
)
def test_rate_limits(name, params, limits):
    found = limits_of(find(name), params)
    assert [(limit.count, limit.per_seconds, limit.bucket) for limit in found] == limits


def test_feed_types_are_found_in_any_spelling():
    assert feed_type("mp_inventory") is feed_type("MP_INVENTORY")
    assert feed_type("MP_INVENTORY").max_bytes == 1_000_000
    assert feed_type("MP_INVENTORY").name == "MP_INVENTORY"
    assert feed_type("returns_overrides").max_bytes == 400_000
    assert feed_type("BRAND_NEW") is None


def test_every_operation_with_a_position_in_its_query_is_paginated():
    for operation in OPERATIONS:
        names = {parameter.name for parameter in operation.parameters}
        moves = names & {"offset", "nextCursor", "scrollId", "cursorMark", "page"}
        assert bool(operation.paging) or not moves, operation.name


def test_the_catalogue_has_one_operation_per_line_and_no_prose():
    text = Path(catalogue.__file__).with_name("marketplace.json").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith('{"name"')]
    data = json.loads(text)
    assert len(lines) == len(data["operations"]) + len(data["feed_types"])
    assert "description" not in text.lower()
