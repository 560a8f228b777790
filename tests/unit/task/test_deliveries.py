"""What statuses mean, and what webhook events say."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.golocal.deliveries import (
    ON_THE_WAY,
    EndStates,
    delivery_in,
    is_cancelled,
    is_known,
    status_of,
    summary,
)
from airflow_provider_walmart.client.golocal.webhook import parse_delivery_event


@pytest.mark.parametrize(
    "status", ["CANCELLED", "CANCELED", "DELIVERY_CANCELLED", "CANCELLED_BY_CLIENT", "CANCELED_BY_WALMART"]
)
def test_cancelled_is_a_failure(status):
    assert is_cancelled(status)
    assert EndStates().outcome(status) == "failure"


@pytest.mark.parametrize("status", ["CANCEL_REQUESTED_BY_CLIENT", "CANCELLATION_REJECTED", "CANCEL_FAILED"])
def test_a_cancellation_that_is_asked_for_or_refused_is_no_end(status):
    assert not is_cancelled(status)
    assert not is_known(status)
    assert EndStates().outcome(status) == "waiting"


@pytest.mark.parametrize("status", [*ON_THE_WAY, "", "SOMETHING_NEW"])
def test_all_else_is_waited_for(status):
    assert EndStates().outcome(status) == "waiting"


def test_default_ends():
    assert EndStates().outcome("DELIVERED") == "success"
    for status in ("DELIVERY_REQUEST_FAILED", "REJECTED", "RETURNED"):
        assert EndStates().outcome(status) == "failure"


def test_both_sets_may_be_given_in_any_case():
    ends = EndStates.of(["dispatched", "RETURNED"], "Lost")
    outcomes = {
        status: ends.outcome(status) for status in ("DISPATCHED", "RETURNED", "LOST", "DRIVER_ASSIGNED")
    }
    assert outcomes == {
        "DISPATCHED": "success",
        "RETURNED": "success",
        "LOST": "failure",
        "DRIVER_ASSIGNED": "waiting",
    }
    # Nothing ever follows a delivery at the door.
    assert ends.outcome("DELIVERED") == "failure"


def test_what_a_template_makes_of_lists():
    assert EndStates.of("['Delivered', 'RETURNED']", "LOST, stolen") == EndStates(
        frozenset({"DELIVERED", "RETURNED"}), frozenset({"LOST", "STOLEN"})
    )


@pytest.mark.parametrize(
    ("success", "failure", "said"),
    [
        ((), None, "without end"),
        (["A"], ["a"], "A: in success"),
        ([1], None, "allowed: names such as DELIVERED"),
        ("DELIVERED", "None", "failure_statuses is 'None'"),
        (" ", None, "success_statuses is empty"),
        ("DELIVERED", "LOST IN TRANSIT", "failure_statuses has 'LOST IN TRANSIT'; allowed: letters"),
        (["A", None], None, "success_statuses is"),
        (7, None, "success_statuses is"),
        (None, None, "success_statuses is empty"),
    ],
)
def test_sets_that_make_no_sense_are_refused(success, failure, said):
    with pytest.raises(WalmartConfigError, match=said):
        EndStates.of(success, failure)


@pytest.mark.parametrize(
    ("delivery", "status"),
    [
        ({"deliveryStatus": "delivered "}, "DELIVERED"),
        ({"status": "REJECTED"}, "REJECTED"),
        ({"deliveryStatus": "", "status": "REJECTED"}, "REJECTED"),
        ({"deliveryStatus": {"code": 1}, "orderStatus": "READY_FOR_PICKUP"}, ""),
    ],
)
def test_the_status_of_a_delivery(delivery, status):
    assert status_of(delivery) == status


def test_a_summary_holds_nothing_of_a_person():
    delivery = {
        "deliveryId": "D",
        "externalOrderId": "A",
        "status": "DELIVERED",
        "customer": {"phone": "555"},
    }
    assert summary(delivery) == {"deliveryId": "D", "externalOrderId": "A", "status": "DELIVERED"}


@pytest.mark.parametrize("answer", [None, [], {}, "text", {"deliveries": None}, {"deliveries": [{}]}, [1]])
def test_answers_without_a_delivery(answer):
    assert delivery_in(answer) is None


STATUS_EVENT = {
    "deliveryId": "D-1",
    "externalOrderId": "A-1",
    "deliveryStatus": "enroute_to_dropoff",
    "customer": {"firstName": "Ann"},
    "scanDetails": [{"scanId": "1"}],
}


@pytest.mark.parametrize(
    "wrap", [lambda e: e, lambda e: {"deliveries": e}, lambda e: [{"payload": {"delivery": e}}]]
)
@pytest.mark.parametrize("body", [lambda e: json.dumps(e).encode(), json.dumps], ids=["bytes", "text"])
def test_a_status_event(wrap, body):
    event = wrap(STATUS_EVENT)
    parsed = parse_delivery_event({"wm_qos.correlation_id": "c-1"}, body(event))
    assert parsed == {
        "kind": "status",
        "deliveryId": "D-1",
        "externalOrderId": "A-1",
        "status": "ENROUTE_TO_DROPOFF",
        "latitude": None,
        "longitude": None,
        "correlationId": "c-1",
        "event": event[0] if isinstance(event, list) else event,
    }


def test_a_location_event():
    event = {"deliveryId": "D-1", "driverLocation": {"latitude": "37.37", "longitude": -122.03}}
    parsed = parse_delivery_event({}, json.dumps(event))
    assert (parsed["kind"], parsed["latitude"], parsed["longitude"]) == ("location", 37.37, -122.03)
    assert (parsed["status"], parsed["externalOrderId"], parsed["correlationId"]) == ("", None, None)


def test_an_event_of_a_new_kind_is_passed_on():
    parsed = parse_delivery_event({}, b'{"externalOrderId": "A", "rating": 5}')
    assert (parsed["kind"], parsed["event"]["rating"]) == ("unknown", 5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Ann O'Neil",
        b"\xff\xfe\x00",
        b"[]",
        b"3",
        b"[" * 100_000,
        b'{"customer": "Ann O\'Neil"}',
        b"null",
    ],
    ids=["empty", "text", "not utf-8", "list", "number", "deep", "no id", "null"],
)
def test_what_is_no_event_is_refused_without_repeating_it(body):
    with pytest.raises(WalmartConfigError) as raised:
        parse_delivery_event({}, body)
    assert "Ann" not in str(raised.value)
