"""The GoLocal client: what it sends, and what it makes of errors."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConfigError,
    WalmartError,
    WalmartNotFoundError,
    WalmartPermissionError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.golocal.client import CATALOGUE, GoLocalClient
from airflow_provider_walmart.client.golocal.settings import GoLocalSettings
from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
from airflow_provider_walmart.client.transport.tokens import TokenProvider

HOST = "https://developer.api.us.walmart.com"
TOKEN = f"{HOST}/api-proxy/service/identity/oauth/v1/token"
DAAS = f"{HOST}/api-proxy/service/supplychain/transportation/v1/daas"
CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
SECRET = "a-secret/with+signs"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(TokenProvider, "PAUSE", 0.0)


@pytest.fixture
def golocal(requests_mock):
    requests_mock.post(TOKEN, json={"access_token": "a-token", "token_type": "Bearer", "expires_in": 900})
    return requests_mock


def client(told=None, **fields):
    settings = GoLocalSettings(**{"client_id": CLIENT_ID, "client_secret": SECRET, **fields})
    return GoLocalClient(
        settings, Resilient(MemoryStore()), "an-agent", told.append if told is not None else lambda _: None
    )


def error_body(code, description, **fields):
    return {"errors": [{"code": code, "description": description, "severity": "ERROR", **fields}]}


def test_the_token_call_is_a_form_with_the_keys_and_no_basic_header(golocal):
    told = []
    assert client(told).access_token() == "a-token"
    [sent] = golocal.request_history
    assert parse_qs(sent.text) == {
        "grant_type": ["client_credentials"],
        "client_id": [CLIENT_ID],
        "client_secret": [SECRET],
    }
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent.headers["Accept"] == "application/json"
    assert "Authorization" not in sent.headers
    assert told == ["a-token"]


def test_a_call_has_bearer_consumer_id_and_a_fresh_correlation_id(golocal):
    golocal.get(f"{DAAS}/deliveries/D-1", json={"deliveries": {"deliveryId": "D-1"}})
    one = client()
    assert [one.call("getDelivery", params={"deliveryId": "D-1"}) for _ in range(2)] == [
        {"deliveryId": "D-1"}
    ] * 2
    _, first, second = golocal.request_history
    assert first.headers["Authorization"] == "Bearer a-token"
    assert first.headers["WM_CONSUMER.ID"] == CLIENT_ID
    assert "WM_SEC.ACCESS_TOKEN" not in first.headers
    assert "Content-Type" not in first.headers
    assert first.headers["WM_QOS.CORRELATION_ID"] != second.headers["WM_QOS.CORRELATION_ID"]


@pytest.mark.parametrize(
    ("environment", "prefix"),
    [("production", "daas"), ("sandbox", "sbx-daas")],
    ids=["production", "sandbox"],
)
def test_each_environment_has_its_deliveries(golocal, environment, prefix):
    golocal.post(f"{HOST}/api-proxy/service/supplychain/transportation/v1/{prefix}/deliveries/quote", json={})
    client(environment=environment).call("quoteDelivery", body={"deliveries": {}})
    assert golocal.last_request.json() == {"deliveries": {}}
    assert golocal.last_request.headers["Content-Type"] == "application/json"


def test_the_simulator_has_a_place_of_its_own_and_works_in_the_sandbox_only(golocal):
    place = f"{HOST}/api-proxy/service/supplychain/transportation/v1/daas-simulator/available-step"
    golocal.post(place, json={"payload": {"status": "DRIVER_ASSIGNED"}})
    body = {"payload": {"deliveryId": "D-1"}}
    answer = client(environment="sandbox").call("POST /available-step", body=body)
    assert answer == {"payload": {"status": "DRIVER_ASSIGNED"}}
    with pytest.raises(WalmartConfigError, match="environment 'sandbox'"):
        client().call("POST /available-step", body=body)


def test_a_host_override_serves_token_and_deliveries(requests_mock):
    base = "http://localhost:8089/api-proxy/service"
    requests_mock.post(f"{base}/identity/oauth/v1/token", json={"access_token": "t", "expires_in": 900})
    requests_mock.get(f"{base}/supplychain/transportation/v1/daas/deliveries/D", json={"deliveryId": "D"})
    assert client(base_url="http://localhost:8089").get_delivery("D") == {"deliveryId": "D"}


def test_every_operation_of_the_facts_is_there():
    assert {operation.place for operation in all_operations(CATALOGUE)} == {
        "POST /deliveries/location/eligibility",
        "POST /deliveries/quote",
        "POST /deliveries",
        "GET /deliveries/{deliveryId}",
        "GET /deliveries",
        "POST /deliveries/search",
        "PUT /deliveries/{deliveryId}/update",
        "PUT /deliveries/{deliveryId}/cancel",
        "PUT /deliveries/{deliveryId}/orderStatus",
        "POST /clients/tips",
        "POST /available-step",
        "POST /available-step/execute",
    }
    safe = {operation.name for operation in all_operations(CATALOGUE) if operation.safe_to_retry}
    assert not safe & {
        "createDelivery",
        "updateDelivery",
        "cancelDelivery",
        "setOrderStatus",
        "addTip",
        "executeStep",
    }


@pytest.mark.parametrize(
    ("operation", "params", "body", "said"),
    [
        ("createDelivery", {}, None, "needs a body"),
        ("getDelivery", {}, None, "needs deliveryId"),
        ("getDelivery", {"deliveryId": "D"}, {}, "takes no body"),
        ("findDelivery", {"clientId": "2"}, None, "needs externalOrderId"),
        ("getAllOrders", {}, None, "getAllOrders"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(requests_mock, operation, params, body, said):
    with pytest.raises(WalmartConfigError, match=said):
        client().call(operation, params=params, body=body)
    assert requests_mock.call_count == 0


def test_a_refused_token_is_renewed_once(golocal):
    golocal.post(TOKEN, [{"json": {"access_token": name, "expires_in": 900}} for name in ("old", "new")])
    golocal.get(f"{DAAS}/deliveries/D", [{"status_code": 401, "json": {}}, {"json": {"deliveryId": "D"}}])
    assert client().get_delivery("D") == {"deliveryId": "D"}
    sent = [request.headers.get("Authorization") for request in golocal.request_history]
    assert sent == [None, "Bearer old", None, "Bearer new"]


def test_a_refused_token_of_a_booking_sends_the_same_booking_again(golocal):
    golocal.post(f"{DAAS}/deliveries", [{"status_code": 401}, {"json": {"deliveries": {"deliveryId": "D"}}}])
    client().call("createDelivery", body={"deliveries": {"externalOrderId": "A"}})
    bookings = [request.json() for request in golocal.request_history if request.url.endswith("/deliveries")]
    assert bookings == [{"deliveries": {"externalOrderId": "A"}}] * 2


def test_fresh_token_per_request_asks_each_time_and_keeps_none(golocal):
    golocal.get(f"{DAAS}/deliveries/D", json={"deliveryId": "D"})
    store = Resilient(MemoryStore())
    settings = GoLocalSettings(CLIENT_ID, SECRET, fresh_token_per_request=True)
    one = GoLocalClient(settings, store, "an-agent")
    for _ in range(3):
        one.get_delivery("D")
    assert [request.method for request in golocal.request_history] == ["POST", "GET"] * 3
    assert store.known == {}
    assert one.access_token() == "a-token"
    assert golocal.call_count == 7


@pytest.mark.parametrize(
    ("answer", "kind", "said", "requests"),
    [
        ({"status_code": 404}, WalmartNotFoundError, "Check the base URL", 1),
        ({"status_code": 405}, WalmartRequestError, "Check the base URL", 1),
        ({"status_code": 500}, WalmartServerError, "answered 500", 2),
        ({"status_code": 401, "json": {}}, WalmartAuthError, "Walmart refuses these keys", 1),
        (
            {"status_code": 400, "json": {"error": "invalid_client"}},
            WalmartAuthError,
            "refuses these keys",
            1,
        ),
        ({"text": "<html>"}, WalmartServerError, "XML or HTML", 2),
        ({"json": {"token_type": "Bearer"}}, WalmartServerError, "without an access_token", 2),
    ],
    ids=["404", "405", "500", "401", "invalid_client", "html", "no token"],
)
def test_errors_of_the_token_call_are_clear(requests_mock, answer, kind, said, requests):
    requests_mock.post(TOKEN, **answer)
    with pytest.raises(kind, match=said) as raised:
        client().get_delivery("D")
    assert "/identity/oauth/v1/token" in str(raised.value)
    assert SECRET not in str(raised.value)
    assert requests_mock.call_count == requests


@pytest.mark.parametrize("echo", [SECRET, "a-token"], ids=["secret", "token"])
def test_an_echoed_secret_is_redacted(requests_mock, echo):
    if echo == SECRET:
        requests_mock.post(TOKEN, status_code=400, json=error_body("400.500.100", f"bad {echo}."))
    else:
        requests_mock.post(TOKEN, json={"access_token": "a-token", "expires_in": 900})
        requests_mock.get(
            f"{DAAS}/deliveries/D", status_code=400, json=error_body("400.500.100", f"bad {echo}.")
        )
    with pytest.raises(WalmartRequestError, match=r"bad \*\*\*\.") as raised:
        client().get_delivery("D")
    assert echo not in repr(vars(raised.value))


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [(401, WalmartAuthError, "production and sandbox"), (403, WalmartPermissionError, "enable it")],
)
def test_hints_are_those_of_golocal(golocal, status, kind, hint):
    golocal.get(f"{DAAS}/deliveries/D", status_code=status, json={})
    with pytest.raises(kind) as raised:
        client().get_delivery("D")
    assert hint in raised.value.hint
    assert "WM_SEC.ACCESS_TOKEN" not in raised.value.hint


PERSON = {
    "deliveries": {
        "externalOrderId": "ORDER-7",
        "deliveryMethod": "SCHEDULED_DELIVERY",
        "requestedMinDeliverySlotTime": "2026-11-23T19:00:00.000Z",
        "customer": {"firstName": "Mary-Ann", "lastName": "O'Neil", "phone": "+1 (408) 555-0100"},
        "deliveryDetails": {"address": {"line1": "853 W California Ave", "city": "Sunnyvale"}},
    }
}


@pytest.mark.parametrize("form", ["dict", "text", "raw request"])
def test_what_an_error_repeats_of_a_person_is_redacted(golocal, form):
    words = "MARY-ANN O'Neil, +1 (408) 555-0100, of 853 W California Ave: ORDER-7 SCHEDULED_DELIVERY refused"
    golocal.post(f"{DAAS}/deliveries", status_code=400, json=error_body("400.500.107", words))
    one = client()
    body = json.dumps(PERSON) if form == "text" else PERSON
    with pytest.raises(WalmartRequestError) as raised:
        _ = (
            one.request("POST", "/deliveries", json=PERSON)
            if form == "raw request"
            else one.call("createDelivery", body=body)
        )
    assert raised.value.codes == ("400.500.107",)
    assert raised.value.details[0].description == "*** ***, ***, of ***: ORDER-7 SCHEDULED_DELIVERY refused"


@pytest.mark.parametrize("value", [Decimal("1.5"), float("nan"), {1, 2}])
def test_a_body_of_a_plain_request_that_is_no_json_is_named_before_it_is_sent(golocal, value):
    with pytest.raises(WalmartConfigError, match="the body holds what JSON has no form for"):
        client().request("POST", "/deliveries", json={"deliveries": {"amount": value}})
    assert golocal.call_count == 0


def test_requests_may_name_a_path_below_the_deliveries_or_a_whole_one(golocal):
    golocal.get(f"{DAAS}/deliveries", json={"deliveries": []})
    one = client()
    params = {"clientId": "2", "externalOrderId": "a b"}
    assert one.request("GET", "/deliveries", params=params).json() == {"deliveries": []}
    assert golocal.last_request.query == "clientid=2&externalorderid=a%20b"
    path = "/api-proxy/service/supplychain/transportation/v1/daas/deliveries"
    assert one.request("GET", path).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 404, "json": error_body("400.500.166", "The order is unknown.")},
        {"status_code": 400, "json": error_body("400.500.150", "Delivery not found for the order.")},
        {"json": {"deliveries": []}},
        {"json": {}},
        {"json": {"deliveries": {"deliveryId": "D", "externalOrderId": "another"}}},
    ],
    ids=["404", "400 not found", "empty list", "empty object", "another order"],
)
def test_an_order_without_delivery_is_none(golocal, answer):
    golocal.get(f"{DAAS}/deliveries", **answer)
    assert client().find_delivery("A") is None
    assert golocal.last_request.qs == {"clientid": [CLIENT_ID], "externalorderid": ["a"]}


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 400, "json": error_body("400.500.100", "Missing clientId.")},
        {"status_code": 400, "text": "<title>Server not found</title>"},
        {"status_code": 400, "json": {"code": "400", "message": "Route not found"}},
    ],
)
def test_a_refused_look_is_not_taken_for_none(golocal, answer):
    golocal.get(f"{DAAS}/deliveries", **answer)
    with pytest.raises(WalmartRequestError):
        client().find_delivery("A", "2")


def test_an_empty_answer_is_not_taken_for_none(golocal):
    """A delivery would be booked on the word of a proxy."""
    golocal.get(f"{DAAS}/deliveries", text="")
    with pytest.raises(WalmartServerError, match="no body"):
        client().find_delivery("A")


def test_of_several_deliveries_the_one_that_has_not_failed_counts(golocal):
    rows = [
        {"deliveryId": str(number), "externalOrderId": "A", "deliveryStatus": status}
        for number, status in enumerate(["REJECTED", "DISPATCHED", "CANCELLED"])
    ]
    golocal.get(f"{DAAS}/deliveries", json={"deliveries": rows})
    assert client().find_delivery("A")["deliveryId"] == "1"


def test_a_write_that_fails_on_the_server_is_not_sent_again(golocal):
    golocal.post(f"{DAAS}/deliveries", status_code=503)
    with pytest.raises(WalmartError):
        client().call("createDelivery", body={"deliveries": {}})
    assert golocal.call_count == 2
