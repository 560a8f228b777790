"""Building requests: encoding, checks, and input that nobody should send."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from enum import Enum
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_walmart.client.calls.build import BuiltRequest, build_request
from airflow_provider_walmart.client.catalogue.operations import Operation, Parameter, all_operations, find
from airflow_provider_walmart.client.errors import WalmartConfigError

UTC = timezone.utc
NEW_YEAR = datetime(2026, 1, 1, 0, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))


class Colour(str, Enum):
    RED = "red"


def test_a_request_has_method_path_query_and_headers():
    built = build_request(find("getAnOrder"), {"purchaseOrderId": 1796277083022, "productInfo": True})
    assert built == BuiltRequest("GET", "/v3/orders/1796277083022", "productInfo=true", {})


@pytest.mark.parametrize(
    ("sku", "segment"),
    [
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("a/b", "a%2Fb"),
        ("../../feeds", "..%2F..%2Ffeeds"),
        ("%2E%2E", "%252E%252E"),
        ("50%", "50%25"),
        ("x@y", "x%40y"),
        (":/?#[]@!$&'()*+,;={}%", "%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%7B%7D%25"),
        ("Größe-٣", "Gr%C3%B6%C3%9Fe-%D9%A3"),
        ("😀", "%F0%9F%98%80"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        ("\0", "%00"),
        (" ", "%20"),
        ("...", "..."),
        ("-_.~", "-_.~"),
        (Colour.RED, "red"),
    ],
)
def test_path_parameters_are_percent_encoded(sku, segment):
    assert build_request(find("retireAnItem"), {"sku": sku}).path == f"/v3/items/{segment}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("1&limit=2", "1%26limit%3D2"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-3, "-3"),
        (2**63, "9223372036854775808"),
        (NEW_YEAR, "2025-12-31T22%3A30%3A05Z"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00%3A00%3A00Z"),
        (date(2026, 1, 2), "2026-01-02"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00%3A00%3A00Z"),
        (str(NEW_YEAR), "2025-12-31T22%3A30%3A05Z"),
        ("2026-01-01 00:00:00+00:00", "2026-01-01T00%3A00%3A00Z"),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00%3A00%3A00%2B00%3A00"),
        ("2026-13-01 00:00:00+00:00", "2026-13-01%2000%3A00%3A00%2B00%3A00"),
    ],
)
def test_query_values_are_encoded(value, text):
    assert (
        build_request(find("getAllOrders"), {"createdStartDate": value}).query == f"createdStartDate={text}"
    )


@pytest.mark.parametrize(
    ("name", "parameter", "text"),
    [
        ("mx.getAllOrders", "createdStartDate", "1767220205"),
        ("mx.getAllOrdersUsingCursor", "createdStartDate", "2025-12-31T22%3A30%3A05.000Z"),
        ("getGtinExemption", "submissionTimeFrom", "1767220205000"),
        ("getWFSInventory", "fromModifiedDate", "2025-12-31%2022%3A30%3A05"),
        ("getReturnOrdersStatus", "fromOrderDate", "2025-12-31"),
        ("getShipOnDate", "estimatedShipDate", "12%2F31%2F2025"),
        ("getReturns", "returnCreationStartDate", "2025-12-31T22%3A30%3A05Z"),
    ],
)
@pytest.mark.parametrize("render", [lambda moment: moment, str])
def test_points_in_time_are_written_as_each_parameter_wants_them(name, parameter, text, render):
    params = {"statusCodeFilter": "Created"} if "Cursor" in name else {}
    params |= {"shipNodeId": "1"} if name == "getShipOnDate" else {}
    query = build_request(find(name), {**params, parameter: render(NEW_YEAR)}).query
    assert f"{parameter}={text}" in query.split("&")


def test_what_templates_make_of_a_moment_is_written_as_a_parameter_wants_it():
    # As it came where the parameter takes ISO 8601.
    query = build_request(find("mx.getAllOrders"), {"createdStartDate": NEW_YEAR.isoformat()}).query
    assert query == "createdStartDate=1767220205"


def test_a_date_stands_for_its_first_moment_where_a_moment_is_wanted():
    query = build_request(find("mx.getAllOrders"), {"createdStartDate": date(2026, 1, 1)}).query
    assert query == "createdStartDate=1767225600"


def test_several_values_are_separated_by_commas_or_repeated_as_documented():
    assert build_request(find("getAllAssets"), {"linkedGtins": ["1,2", "3"]}).query == "linkedGtins=1%2C2,3"
    assert build_request(find("getAllAssets"), {"linkedGtins": "1,2"}).query == "linkedGtins=1,2"
    repeated = Operation(
        "x", "x", "us", "GET", "/x", parameters=(Parameter("a", "query", type="array", explode=True),)
    )
    assert build_request(repeated, {"a": ["1", "2 3"]}).query == "a=1&a=2%203"


def test_none_leaves_a_parameter_out():
    assert build_request(find("getAllOrders"), {"sku": None}).query == ""
    assert build_request(find("getAllOrders"), None).query == ""


def test_only_required_parameters_with_a_default_are_filled_in():
    assert build_request(find("getAllOrders")).query == ""
    assert build_request(find("convertItemForWfs")).query == "feedType=OMNI_WFS"
    assert build_request(find("walmartPlusEnrollment")).query == (
        "feedType=PROGRAM_ACTIONS&requestType=WALMART_PLUS_SFF"
    )
    assert build_request(find("updatePromotionalPrices"), {"promo": True}).query == "promo=true"
    with pytest.raises(WalmartConfigError, match=r"feedType is 'MP_ITEM'; allowed are OMNI_WFS"):
        build_request(find("convertItemForWfs"), {"feedType": "MP_ITEM"})


def test_a_write_that_says_yes_or_no_is_never_sent_on_a_default():
    with pytest.raises(WalmartConfigError, match="needs autoEnrollEnabled"):
        build_request(find("updateWalmartFundedIncentivesEnrollmentStatus"))


def test_headers_that_one_operation_insists_on_are_there():
    assert build_request(find("getTaxForms"), {"WM_PARTNER_ID": "12"}).headers == {
        "WM_GLOBAL_VERSION": "3.1",
        "WM_MARKET": "US",
        "WM_PARTNER_ID": "12",
        "WM.TENANT_ID": "0",
    }
    assert build_request(find("getItems")).headers == {"WM_SANDBOX": "v2"}
    assert build_request(find("simulateReturn")).headers == {
        "Content-Type": "application/json",
        "WM_SANDBOX": "v2",
        "WM_SVC.VERSION": "1.0.0",
    }
    with pytest.raises(WalmartConfigError, match=r"getTaxForms needs WM_PARTNER_ID: give it by name"):
        build_request(find("getTaxForms"))


@pytest.mark.parametrize(("market", "sent"), [("us", "US"), ("mx", "mx"), ("cl", "cl")])
def test_the_market_of_the_account_is_sent(market, sent):
    assert build_request(find("updateSyncPrice"), market=market).headers["WM_MARKET"] == sent
    assert "WM_MARKET" not in build_request(find("getAllOrders"), market=market).headers


@pytest.mark.parametrize(
    ("name", "params", "accept"),
    [
        ("getAllOrders", {}, None),
        ("getReconReport", {"reportDate": "12242025"}, "application/octet-stream"),
        ("createInboundShipmentLabel", {"shipmentId": "1"}, "application/pdf"),
        ("getLabelByTrackingAndCarrier", {"carrierShortName": "UPS", "trackingNo": "1"}, "application/pdf"),
        (
            "getLabelByTrackingAndCarrier",
            {"carrierShortName": "UPS", "trackingNo": "1", "Accept": "image/png"},
            "image/png",
        ),
        ("createLabel", {}, "application/json"),
    ],
)
def test_accept_is_sent_where_it_is_not_json_alone(name, params, accept):
    assert build_request(find(name), params).headers.get("Accept") == accept


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("getAllOrders", {"limt": 5}, "getAllOrders has no parameter 'limt'; did you mean limit?"),
        ("getAllOrders", {"SKU": "1"}, "did you mean sku?"),
        ("getAllOrders", {"xyz": 5}, "it has createdEndDate, createdStartDate"),
        ("getPartnerStatement", {"xyz": 5}, "getPartnerStatement has no parameter 'xyz'; it has none"),
        ("getAllOrders", {"limit": 201}, "getAllOrders: limit is '201'; allowed is at most 200"),
        ("getAllOrders", {"limit": "many"}, "limit is 'many'; allowed are whole numbers"),
        ("getAllOrders", {"limit": True}, "limit is 'true'; allowed are whole numbers"),
        ("getAllOrders", {"limit": "9" * 5000}, "allowed are whole numbers"),
        ("getAllOrders", {"limit": "٣"}, "allowed are whole numbers"),
        ("getMultiNodeInventoryForAllSkuAndAllShipNodes", {"limit": 0}, "allowed are 1 and more"),
        ("getAllItems", {"lifecycleStatus": "active"}, "allowed are ACTIVE, ARCHIVED, RETIRED"),
        ("getLsr", {"reportDuration": 15}, "allowed are 14, 30, 60, 90"),
        ("getAllItems", {"showDuplicateItemInfo": "yes"}, "allowed are true, false"),
        ("getFulfillmentOrdersStatus", {"offset": 50_001}, "allowed is at most 50000"),
        ("getListingQualityScore", {"viewTrendingItems": "yes"}, "allowed are true and false"),
        ("getSearchResult", {"asin": "short"}, "allowed is what matches"),
        ("getSearchResult", {"asin": "A234567890\n"}, "allowed is what matches"),
        ("getInventory", {}, "getInventory needs sku: give it by name"),
        ("getCarrierRateQuote", {}, "getCarrierRateQuote needs shipmentId, mode: give them by name"),
        ("getInventory", {"sku": None}, "getInventory needs sku: give it by name"),
        ("getInventory", {"sku": ["1", "2"]}, "sku is of type list; it takes one value"),
    ],
)
def test_what_the_documents_do_not_allow_is_refused_unless_told_otherwise(name, params, message):
    with pytest.raises(WalmartConfigError, match=re.escape(message)):
        build_request(find(name), params)


@pytest.mark.parametrize(
    ("name", "params", "query"),
    [
        ("getAllOrders", {"limt": 5}, "limt=5"),
        ("getAllOrders", {"new name&": "a b"}, "new%20name%26=a%20b"),
        ("getAllOrders", {"limit": 201}, "limit=201"),
        ("getAllItems", {"lifecycleStatus": "NEW_ONE"}, "lifecycleStatus=NEW_ONE"),
        ("getAllOrders", {"status": ["Created", "Shipped"]}, "status=Created,Shipped"),
    ],
)
def test_not_strict_lets_through_what_is_newer_than_the_catalogue(name, params, query):
    assert build_request(find(name), params, strict=False).query == query


def test_the_error_says_how_to_send_it_anyway():
    with pytest.raises(WalmartConfigError, match="pass with strict=False"):
        build_request(find("getAllOrders"), {"limit": 201})


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "sku is ''; it must not be empty"),
        (".", "sku is '.'; it would change the path"),
        ("..", "sku is '..'; it would change the path"),
        (float("nan"), "sku is nan; it takes text, a finite number"),
        (float("-inf"), "sku is -inf; it takes text, a finite number"),
        pytest.param(10**5000, "sku is of type int; it takes text, a finite number", id="huge"),
        ("\ud800", "it holds an invalid Unicode surrogate"),
        (b"bytes", "sku is of type bytes"),
        ({"a": 1}, "sku is of type dict"),
        ([], "sku is of type list; it takes one value"),
        (["a", "b"], "sku is of type list; it takes one value"),
        (object(), "sku is of type object"),
        (datetime(2026, 1, 1), "sku is 2026-01-01T00:00:00; it takes points in time with a time zone"),  # noqa: DTZ001
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "it lies outside the calendar in UTC"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_any_case(value, message, strict):
    with pytest.raises(WalmartConfigError, match=re.escape(message)):
        build_request(find("retireAnItem"), {"sku": value}, strict=strict)


@pytest.mark.parametrize("value", ["1\r\nX-Evil: 2", "ü", " 1", "1\n", "\x7f"])
def test_headers_take_no_line_breaks(value):
    with pytest.raises(WalmartConfigError, match="sent as a header and takes printable ASCII"):
        build_request(find("getTaxForms"), {"WM_PARTNER_ID": value}, strict=False)


def test_messages_never_hold_long_values():
    with pytest.raises(WalmartConfigError) as caught:
        build_request(find("getAllOrders"), {"limit": "x" * 100_000})
    assert len(str(caught.value)) < 300


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(["", ".", "..", "a/b", "a\r\nb", "%2e", "?x=1", "#", "*", "nan", "٣", "x" * 10_000])
    | st.binary()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data(), operation=st.sampled_from(all_operations()), strict=st.booleans())
def test_hostile_input_is_encoded_or_refused(data, operation, strict):
    names = [parameter.name for parameter in operation.parameters]
    name = st.sampled_from(names) if names else st.nothing()
    hostile_names = st.text(st.characters(exclude_categories=())) | st.none() | st.integers()
    params = data.draw(st.dictionaries(name | hostile_names, anything, max_size=4))
    if data.draw(st.booleans()):
        params = {name: data.draw(anything) for name in names} | params
    try:
        built = build_request(operation, params, strict=strict)
    except WalmartConfigError:
        return
    assert re.fullmatch(r"(/[A-Za-z0-9%._~-]+)+", built.path)
    assert built.path.count("/") == operation.path.count("/")
    assert not {".", ".."} & set(built.path.split("/"))
    assert re.fullmatch(r"[A-Za-z0-9%._~&=,-]*", built.query)
    for segment in built.path.split("/"):
        unquote(segment, errors="strict")
    sent = parse_qsl(built.query, keep_blank_values=True, strict_parsing=bool(built.query), errors="strict")
    query = {parameter.name for parameter in operation.parameters if parameter.location == "query"}
    assert {key for key, _ in sent} <= (query if strict else query | set(params))
    for key, value in built.headers.items():
        assert re.fullmatch(r"[\x21-\x7e]+", key)
        assert re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value)


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_text_survives_path_and_query(text):
    assert unquote(build_request(find("retireAnItem"), {"sku": text}).path.removeprefix("/v3/items/")) == text
    assert parse_qsl(build_request(find("getInventory"), {"sku": text}).query) == [("sku", text)]
