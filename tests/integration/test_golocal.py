"""GoLocal end to end against the sandbox: tokens, booking once, cancelling, waiting."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import signal
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartError,
    WalmartNotFoundError,
    WalmartPermissionError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
    WalmartWaitError,
)
from airflow_provider_walmart.client.golocal import booking as golocal_booking
from airflow_provider_walmart.client.golocal.client import GoLocalClient
from airflow_provider_walmart.client.transport.session import WalmartSession
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
from airflow_provider_walmart.operators.golocal import (
    WalmartGoLocalCancelDeliveryOperator,
    WalmartGoLocalCreateDeliveryOperator,
)
from airflow_provider_walmart.sensors.golocal import WalmartGoLocalDeliverySensor
from airflow_provider_walmart.task.context import MemoryRecords
from airflow_provider_walmart.task.poll_failures import MAX_FAILED_POLLS
from airflow_provider_walmart.triggers.golocal import WalmartGoLocalDeliveryTrigger

CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
TOKEN = "/api-proxy/service/identity/oauth/v1/token"
DELIVERIES = "/api-proxy/service/supplychain/transportation/v1/sbx-daas/deliveries"
BOOKING = f"{DELIVERIES}$"
ORDER = {
    "clientId": "2",
    "externalOrderId": "ORDER-7",
    "deliveryMethod": "SCHEDULED_DELIVERY",
    "customer": {"firstName": "Mary-Ann", "lastName": "O'Neil", "phone": "4085550100"},
    "deliveryDetails": {
        "address": {"line1": "853 W California Ave", "city": "Sunnyvale", "zipCode": "94086"}
    },
}
NOON = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
PERSON = ("Mary-Ann", "O'Neil", "4085550100", "853 W California", "Sunnyvale", "94086")


@pytest.fixture
def golocal(shop, monkeypatch):
    """The sandbox, with the connection ``walmart_golocal_default`` leading to it; deliveries move by command only."""
    connect(shop, monkeypatch)
    shop.settings(delivery_seconds=1e9)
    monkeypatch.setattr(golocal_booking, "SETTLE", 0.3)
    monkeypatch.setattr(golocal_booking, "READ_EVERY", 0.1)
    return shop


def connect(shop, monkeypatch, **extra: Any) -> None:
    extra = {"environment": "sandbox", "timeout": 60, **extra}
    connection = shop.connection(conn_type="walmart_golocal", login=CLIENT_ID, extra=extra)
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_GOLOCAL_DEFAULT", connection)


def deliveries(shop) -> list[dict[str, Any]]:
    return shop.server.control("GET", "deliveries")


def move(shop, delivery_id: str, status: str) -> None:
    shop.server.control("POST", f"deliveries/{delivery_id}", {"status": status})


def sent(shop) -> int:
    """Return how many bookings went over the wire."""
    return shop.counts()["POST", DELIVERIES]


def book(context: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    operator = WalmartGoLocalCreateDeliveryOperator(task_id="book", delivery={**ORDER, **fields})
    return operator.execute({"task_state_store": MemoryRecords()} if context is None else context)


def sensor(delivery_id: str, **fields: Any) -> WalmartGoLocalDeliverySensor:
    return WalmartGoLocalDeliverySensor(
        task_id="wait", delivery_id=delivery_id, **{"poke_interval": 0.01, **fields}
    )


# -- tokens ------------------------------------------------------------------------------------------


def in_crowd(start: Any, outcomes: Any, calls: int) -> None:
    hook = WalmartGoLocalHook()
    start.wait()
    try:
        for _ in range(calls):
            hook.find_delivery("ORDER-7", "2")
    except WalmartError as error:
        outcomes.put(str(error))
    else:
        outcomes.put("")


def crowd(processes: int, calls: int) -> list[str]:
    fork = multiprocessing.get_context("fork")
    start, outcomes = fork.Barrier(processes), fork.Queue()
    started = [fork.Process(target=in_crowd, args=(start, outcomes, calls)) for _ in range(processes)]
    for process in started:
        process.start()
    said = [outcomes.get(timeout=100) for _ in started]
    for process in started:
        process.join()
    return said


def test_twenty_processes_share_one_token(golocal):
    assert crowd(20, 5) == [""] * 20
    assert golocal.counts() == {("POST", TOKEN): 1, ("GET", DELIVERIES): 100}


@pytest.mark.parametrize("trouble", [{"status": 500}, {"reset": "before"}, {"status": 401}])
def test_when_the_token_endpoint_fails_nobody_hammers_it(golocal, trouble, monkeypatch):
    # Long enough for twenty processes to ask at the same moment on a slow machine.
    monkeypatch.setattr("airflow_provider_walmart.client.transport.tokens.FAILURE_LIFE", 60.0)
    golocal.fault(TOKEN, **trouble)
    assert all(crowd(20, 1))
    assert golocal.counts()["POST", TOKEN] <= 2


@pytest.mark.parametrize("fresh", [False, True])
def test_when_the_token_call_is_throttled_nobody_asks_before_the_time_it_named(golocal, fresh, monkeypatch):
    monkeypatch.setattr("airflow_provider_walmart.client.transport.tokens.FAILURE_LIFE", 0.0)
    connect(golocal, monkeypatch, fresh_token_per_request=fresh)
    golocal.fault(TOKEN, status=429, headers={"Retry-After": "600"})
    with pytest.raises(WalmartRateLimitError):
        WalmartGoLocalHook().find_delivery("ORDER-7", "2")
    (said,) = set(crowd(5, 1))
    assert "Come back at" in said
    assert golocal.counts() == {("POST", TOKEN): 1}


def test_a_revoked_token_is_renewed_once_for_all(golocal):
    hook = WalmartGoLocalHook()
    hook.get_access_token()
    golocal.revoke_tokens()
    assert crowd(10, 2) == [""] * 10
    assert golocal.counts()["POST", TOKEN] == 2


def test_the_life_that_the_answer_names_is_honoured(golocal):
    golocal.settings(token_life=0.5)
    golocal.fault(TOKEN, body={"access_token": "x" * 20, "token_type": "Bearer", "expires_in": 900}, times=1)
    hook = WalmartGoLocalHook()
    assert hook.get_access_token() == hook.get_access_token() == "x" * 20
    assert golocal.counts()["POST", TOKEN] == 1


def test_fresh_token_per_request(golocal, monkeypatch):
    connect(golocal, monkeypatch, fresh_token_per_request=True)
    hook = WalmartGoLocalHook()
    for _ in range(3):
        hook.find_delivery("ORDER-7", "2")
    assert golocal.counts() == {("POST", TOKEN): 3, ("GET", DELIVERIES): 3}


def test_tokens_of_golocal_and_marketplace_are_kept_apart(golocal, monkeypatch):
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    connection = golocal.connection(login=CLIENT_ID)
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", connection)
    assert WalmartHook().get_access_token() != WalmartGoLocalHook().get_access_token()
    assert WalmartHook().request("GET", "/v3/feeds").status_code == 200
    assert WalmartGoLocalHook().find_delivery("ORDER-7", "2") is None


def test_a_403_of_the_token_call_is_not_about_a_token(golocal):
    golocal.fault(TOKEN, status=403)
    with pytest.raises(WalmartPermissionError, match="These keys get no token") as raised:
        WalmartGoLocalHook().find_delivery("ORDER-7")
    assert "The token is valid" not in str(raised.value)
    good, said = WalmartGoLocalHook().test_connection()
    assert (good, said) == (
        False,
        "Walmart gives no token for these keys. Ask whether they may use this API, and whether a proxy or firewall "
        f"refuses the call. (environment sandbox, host {golocal.url.removeprefix('http://')})",
    )


def test_a_401_of_the_token_call_speaks_of_no_market(golocal):
    golocal.fault(TOKEN, status=401)
    with pytest.raises(WalmartError, match="belong to the environment of the connection") as raised:
        WalmartGoLocalHook().get_access_token()
    assert "market" not in raised.value.hint


def test_the_connection_can_be_tested(golocal, monkeypatch):
    assert WalmartGoLocalHook().test_connection() == (
        True,
        f"Connected to Walmart GoLocal: environment sandbox, host {golocal.url.removeprefix('http://')}.",
    )
    wrong = golocal.connection(conn_type="walmart_golocal", login=CLIENT_ID, password="wrong-secret")
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_GOLOCAL_DEFAULT", wrong)
    good, said = WalmartGoLocalHook().test_connection()
    assert (good, "refuses these keys" in said) == (False, True)


# -- booking -----------------------------------------------------------------------------------------


def test_a_booking_returns_the_delivery_as_walmart_has_it(golocal):
    delivery = book()
    assert delivery == WalmartGoLocalHook().get_delivery(delivery["deliveryId"])
    assert delivery["externalOrderId"] == "ORDER-7"
    assert delivery["deliveryStatus"] == "DELIVERY_REQUESTED"
    assert delivery["customer"] == ORDER["customer"]


def test_the_form_with_the_key_around_it_and_without_client_id(golocal):
    operator = WalmartGoLocalCreateDeliveryOperator(
        task_id="book", delivery={"deliveries": {"externalOrderId": 77, "deliveryMethod": "ASAP"}}
    )
    delivery = operator.execute({})
    assert (delivery["clientId"], delivery["externalOrderId"]) == (CLIENT_ID, "77")


def test_what_is_booked_is_taken_as_it_is_whoever_booked_it(golocal, caplog):
    first = book()
    with caplog.at_level(logging.INFO):
        assert book() == first
        assert book({}) == first
    assert sent(golocal) == 1
    assert "is not booked again" in caplog.text


def test_another_order_is_another_delivery(golocal):
    assert book()["deliveryId"] != book(externalOrderId="ORDER-8")["deliveryId"]
    assert sent(golocal) == 2


def test_a_delivery_that_ended_badly_is_not_booked_again_but_said(golocal, caplog):
    first = book()
    move(golocal, first["deliveryId"], "REJECTED")
    assert book()["deliveryId"] == first["deliveryId"]
    assert "use another externalOrderId" in caplog.text
    assert sent(golocal) == 1


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        ("{'externalOrderId': 'A'}", "externalOrderId"),
        ({}, "externalOrderId"),
        ({"externalOrderId": " "}, "externalOrderId"),
        ({"deliveries": []}, "externalOrderId"),
        # What templates make of nothing: all orders of a day would be one.
        ({"externalOrderId": "None"}, "externalOrderId of delivery is 'None'"),
        ({"externalOrderId": "nan"}, "externalOrderId of delivery is 'nan'"),
        ({"externalOrderId": 77.0}, "externalOrderId of delivery is 77.0; an id is text"),
        ({"externalOrderId": "half a \ud800"}, "externalOrderId of delivery holds a character"),
        ({"externalOrderId": "A", "clientId": True}, "clientId of delivery is a bool"),
        ({"externalOrderId": "A", "at": NOON}, "delivery.at is .*Points in time are text"),
        ({"externalOrderId": "A", "tip": float("nan")}, "delivery.tip is nan"),
    ],
)
def test_bad_input_fails_before_anything_is_sent(golocal, delivery, said):
    operator = WalmartGoLocalCreateDeliveryOperator(task_id="book", delivery=delivery)
    with pytest.raises(AirflowFailException, match=said):
        operator.execute({})
    assert not golocal.counts()


class FileRecords:
    """A task state store that outlives the process, and dies with it at a chosen point."""

    def __init__(self, path: Path, point: Any) -> None:
        self.path, self.point = path, point

    def get(self, key: str) -> Any:
        return json.loads(self.path.read_text()).get(key) if self.path.exists() else None

    def set(self, key: str, value: Any) -> None:
        self.point()
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps({key: value}))
        os.replace(beside, self.path)
        self.point()


def one_try(records: Path | None, kill_at: int, number: int, outcome: Path) -> None:
    """Book in a process of its own that kills itself at a point: around each request and each record."""
    points = 0

    def point() -> None:
        nonlocal points
        points += 1
        if points == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    request = WalmartSession.request

    def killed(*args: Any, **kwargs: Any) -> Any:
        point()
        answer = request(*args, **kwargs)
        point()
        return answer

    WalmartSession.request = killed  # type: ignore[method-assign]
    ti = type("Ti", (), {"try_number": number})()
    context = {"ti": ti} if records is None else {"ti": ti, "task_state_store": FileRecords(records, point)}
    outcome.write_text(book(context)["deliveryId"])


@pytest.mark.parametrize("lasting", [True, False], ids=["with task state", "without"])
def test_killed_at_every_step_it_is_booked_once(golocal, tmp_path, lasting):
    fork = multiprocessing.get_context("fork")
    for kill_at in range(1, 100):
        golocal.server.control("POST", "reset")
        records = tmp_path / f"records-{kill_at}" if lasting else None
        outcome = tmp_path / f"outcome-{kill_at}"
        exits = []
        for number, at in enumerate([kill_at, 0], start=1):
            process = fork.Process(target=one_try, args=(records, at, number, outcome))
            process.start()
            process.join(60)
            exits.append(process.exitcode)
        assert [found["deliveryId"] for found in deliveries(golocal)] == [outcome.read_text()]
        assert sent(golocal) == 1
        assert exits[1] == 0
        if exits[0] == 0:
            break
        assert exits[0] == -signal.SIGKILL
    # Three requests, and with task state two records: a point before and after each.
    assert kill_at == (11 if lasting else 7)


@pytest.mark.parametrize(
    "trouble",
    [
        {"reset": "after"},
        {"status": 503, "after_effect": True},
        {"truncate": 3},
        {"body": {}},
        {"body": "<html>"},
        {"body": {"errors": [{"code": "400.500.117", "description": "A field was ignored."}]}},
    ],
    ids=["reset", "503", "truncated", "no id", "html", "errors in a 200"],
)
def test_a_lost_answer_is_searched_for_and_found(golocal, trouble):
    golocal.fault(BOOKING, method="POST", times=1, **trouble)
    assert [book()["deliveryId"]] == [found["deliveryId"] for found in deliveries(golocal)]
    assert sent(golocal) == 1


@pytest.mark.parametrize("trouble", [{"status": 503}, {"reset": "before"}], ids=["503", "reset"])
def test_a_booking_that_never_arrived_is_sent_by_the_next_try(golocal, trouble):
    golocal.fault(BOOKING, method="POST", times=1, **trouble)
    context = {"task_state_store": MemoryRecords()}
    with pytest.raises(WalmartConnectionError, match="never arrived"):
        book(context)
    assert deliveries(golocal) == []
    book(context)
    assert (len(deliveries(golocal)), sent(golocal)) == (1, 2)


def test_when_even_the_search_fails_the_outcome_is_unknown_until_the_next_try(golocal):
    golocal.fault(BOOKING, method="POST", times=1, reset="after")
    golocal.fault(BOOKING, method="GET", skip=1, status=500)
    context = {"task_state_store": MemoryRecords()}
    with pytest.raises(WalmartUnknownOutcomeError, match="ORDER-7 was booked is unknown"):
        book(context)
    golocal.no_faults()
    assert [book(context)["deliveryId"]] == [found["deliveryId"] for found in deliveries(golocal)]
    assert sent(golocal) == 1


@pytest.mark.parametrize(
    "trouble", [{"status": 500}, {"status": 200, "body": {"errors": [{"code": "500.500.100"}]}}]
)
def test_nothing_is_sent_while_the_search_fails(golocal, trouble):
    golocal.fault(BOOKING, method="GET", **trouble)
    with pytest.raises(WalmartServerError):
        book()
    assert sent(golocal) == 0


def test_a_failed_token_call_is_no_lost_booking(golocal):
    hook = WalmartGoLocalHook()
    hook.find_delivery("ORDER-7", "2")
    golocal.revoke_tokens()
    golocal.fault(TOKEN, status=500)
    with pytest.raises(WalmartServerError, match="oauth/v1/token"):
        hook.call("createDelivery", body={"deliveries": ORDER})
    with pytest.raises(WalmartServerError, match="oauth/v1/token"):
        book()
    assert deliveries(golocal) == []


def test_who_was_faster_is_adopted_when_walmart_refuses_a_second_booking(golocal, monkeypatch):
    call = GoLocalClient.call

    def late(self: Any, operation: str, **fields: Any) -> Any:
        if operation == "createDelivery":
            monkeypatch.setattr(GoLocalClient, "call", call)
            book()
            golocal.fault(BOOKING, method="POST", times=1, status=409)
        return call(self, operation, **fields)

    monkeypatch.setattr(GoLocalClient, "call", late)
    assert [book()["deliveryId"]] == [found["deliveryId"] for found in deliveries(golocal)]


def test_a_throttled_booking_is_neither_sent_again_nor_lost(golocal):
    golocal.fault(BOOKING, method="POST", times=1, status=429)
    context = {"task_state_store": MemoryRecords()}
    with pytest.raises(WalmartRateLimitError):
        book(context)
    book(context)
    assert (len(deliveries(golocal)), sent(golocal)) == (1, 2)


def own_error(description: str, code: str = "400.500.150") -> dict[str, Any]:
    return {"errors": [{"code": code, "description": description}]}


@pytest.mark.parametrize(
    "body",
    [
        "<html><title>404 Not Found</title>",
        {},
        {"message": "no Route matched with those values"},
        {"error": [{"code": "URI_NOT_FOUND.GMP_GATEWAY_API", "description": "Uri not found"}]},
    ],
    ids=["page", "empty", "gateway", "Walmart's gateway"],
)
def test_a_404_of_a_gateway_does_not_say_that_an_order_has_no_delivery(golocal, body):
    first = book()
    golocal.fault(BOOKING, method="GET", status=404, body=body)
    with pytest.raises(WalmartNotFoundError):
        book()
    golocal.no_faults()
    assert book() == first
    assert sent(golocal) == 1


@pytest.mark.parametrize(
    "body", [{"status": "UP"}, {"deliveries": {"status": "REJECTED"}}, {"deliveries": ["D-1"]}, ["D-1"]]
)
def test_an_answer_of_another_form_does_not_say_that_an_order_has_no_delivery(golocal, body):
    golocal.fault(BOOKING, method="GET", status=200, body=body)
    with pytest.raises(WalmartServerError, match="neither holds a delivery nor says that there is none"):
        book()
    assert sent(golocal) == 0


def test_a_delivery_that_is_listed_without_its_order_is_not_booked_again(golocal):
    first = book()
    known = {"deliveryId": first["deliveryId"], "externalOrderId": None, "deliveryStatus": "DISPATCHED"}
    golocal.fault(BOOKING, method="GET", status=200, body={"deliveries": known})
    assert book() == first
    assert sent(golocal) == 1


def test_the_hook_finds_an_order_whose_id_is_a_number(golocal):
    delivery = book(externalOrderId=77)
    assert WalmartGoLocalHook().find_delivery(77, 2) == delivery
    assert WalmartGoLocalHook().find_delivery(" 77\n", "2") == delivery


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 400, "body": own_error("Delivery not found.")},
        {"status": 404, "body": own_error("No such delivery.")},
        {"status": 404, "body": own_error("Gone.", "CONTENT_NOT_FOUND")},
        {"status": 404, "body": "<html>"},
    ],
    ids=["400", "404", "404 with a code of words", "gateway"],
)
def test_what_is_booked_and_cannot_be_read_yet_is_booked(golocal, trouble, caplog):
    golocal.fault(f"{DELIVERIES}/", method="GET", **trouble)
    context = {"task_state_store": MemoryRecords()}
    delivery_id = book(context)["deliveryId"]
    assert [found["deliveryId"] for found in deliveries(golocal)] == [delivery_id]
    assert f"Order ORDER-7 is booked as delivery {delivery_id}, but can't be read yet" in caplog.text
    # The same when a retry knows it from its records.
    assert book(context) == {"deliveryId": delivery_id, "externalOrderId": "ORDER-7"}
    assert sent(golocal) == 1


@pytest.mark.parametrize(("status", "kind"), [(403, AirflowFailException), (500, WalmartServerError)])
def test_when_reading_a_booking_fails_the_error_says_that_it_is_booked(golocal, status, kind):
    golocal.fault(f"{DELIVERIES}/", method="GET", status=status)
    with pytest.raises(kind) as raised:
        book()
    [found] = deliveries(golocal)
    assert f"Order ORDER-7 is booked as delivery {found['deliveryId']}; then reading it" in str(raised.value)


def test_quote_then_book(golocal):
    quote = WalmartGoLocalHook().call("quoteDelivery", body={"deliveries": quoted()})
    assert quote["deliveryFee"]["currency"] == "USD"
    assert book(quoteId=quote["quoteId"])["quoteId"] == quote["quoteId"]


def quoted(**fields: Any) -> dict[str, Any]:
    slot = {
        "requestedMinDeliverySlotTime": "2026-11-23T19:00:00.000Z",
        "requestedMaxDeliverySlotTime": "2026-11-23T21:00:00.000Z",
    }
    return {**ORDER, **slot, "pickupDetails": {"externalPickupPointId": "4969"}, **fields}


def test_an_expired_quote_is_said_plainly(golocal):
    quote = WalmartGoLocalHook().call("quoteDelivery", body={"deliveries": quoted()})
    golocal.advance(901)
    with pytest.raises(AirflowFailException, match="The quote has expired") as raised:
        book(quoteId=quote["quoteId"])
    assert "400.500.191" in str(raised.value)
    assert deliveries(golocal) == []


def test_an_address_that_is_not_served_is_said_plainly(golocal):
    far = {"address": {"line1": "1 Polar Rd", "city": "Nome", "zipCode": "99762"}}
    hook = WalmartGoLocalHook()
    assert hook.call("checkEligibility", body={"deliveries": {"deliveryDetails": far}})["eligible"] is False
    with pytest.raises(WalmartRequestError, match="outside the area that is served"):
        hook.call("quoteDelivery", body={"deliveries": quoted(deliveryDetails=far)})
    with pytest.raises(AirflowFailException, match="outside the area that is served") as raised:
        book(deliveryDetails=far)
    assert "Polar" not in str(raised.value)


def test_nothing_of_a_person_and_no_secret_is_in_logs_and_errors(golocal, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    first = book()
    golocal.fault(f"{DELIVERIES}/", method="GET", times=1, status=500)
    sensor(first["deliveryId"], success_statuses="DELIVERY_REQUESTED").execute({})
    echo = {"errors": [{"code": "400.500.107", "description": "phone 4085550100 of Mary-Ann is wrong"}]}
    golocal.fault(BOOKING, method="POST", status=400, body=echo)
    with pytest.raises(AirflowFailException) as raised:
        book(externalOrderId="ORDER-8")
    said = caplog.text + str(raised.value) + repr(vars(raised.value.__cause__))
    assert "ORDER-7" in said
    assert "400.500.107" in said
    token = WalmartGoLocalHook().get_access_token()
    assert [text for text in (*PERSON, "sandbox&", "=sandbox", token) if text in said] == []


PARCEL = {
    "externalOrderId": "ORDER-8",
    "customer": {"firstName": "Zoë", "phone": 4085550100, "mobile": 4085550199.0},
    "deliveryDetails": {
        "address": {"line1": "1 Example Street", "zipCode": 94086, "lat": Decimal("37.123456")}
    },
    "packages": [{"count": 1, "weight": 12, "dozens": 0}],
}
ECHO = {
    "code": "400.500.120",
    "field": "deliveryDetails.address.line1=1 Example Street",
    "description": "+14085550100 or 4085550199 of zoë at 1 EXAMPLE STREET 94086, 37.123456: 1 of 12, 0 fit",
}


@pytest.mark.parametrize(
    "call", ["book", "quote", "errors in a 200", "errors beside a quote", "raw JSON", "raw text"]
)
def test_what_errors_repeat_of_numbers_and_in_field_is_redacted(golocal, call, caplog):
    hook = WalmartGoLocalHook()
    status = 200 if call.startswith("errors") else 400
    quote = {"quoteId": "Q-1"} if call == "errors beside a quote" else {}
    golocal.fault(DELIVERIES, method="POST", status=status, body={**quote, "errors": [ECHO]})
    said = ""
    try:
        if call == "book":
            book(**PARCEL)
        elif call == "raw JSON":
            hook.request("POST", "/deliveries", json={"deliveries": json.loads(msgspec.json.encode(PARCEL))})
        elif call == "raw text":
            hook.request("POST", "/deliveries", data=msgspec.json.encode(PARCEL))
        else:
            hook.call("quoteDelivery", body={"deliveries": PARCEL})
    except (AirflowFailException, WalmartRequestError, WalmartServerError) as error:
        said = str(error)
    expected = (
        "400.500.120: +1*** or *** of *** at *** ***, ***: 1 of 12, 0 fit (deliveryDetails.address.line1=***)"
    )
    assert expected in said + caplog.text


# -- cancelling --------------------------------------------------------------------------------------


def cancel(delivery_id: str) -> dict[str, Any]:
    return WalmartGoLocalCancelDeliveryOperator(task_id="cancel", delivery_id=delivery_id).execute({})


def cancellations(shop) -> int:
    return len(shop.received("/cancel$"))


def test_cancelling(golocal):
    delivery_id = book()["deliveryId"]
    assert cancel(delivery_id)["deliveryStatus"] == "CANCELLED_BY_CLIENT"
    assert cancellations(golocal) == 1


def test_cancelling_again_is_fine_and_sends_nothing(golocal, caplog):
    delivery_id = book()["deliveryId"]
    first = cancel(delivery_id)
    with caplog.at_level(logging.INFO):
        assert cancel(delivery_id) == first
    assert "cancelled already" in caplog.text
    assert cancellations(golocal) == 1


@pytest.mark.parametrize("trouble", [{"reset": "after"}, {"status": 500, "after_effect": True}])
def test_a_cancellation_whose_answer_got_lost_is_found(golocal, trouble):
    delivery_id = book()["deliveryId"]
    golocal.fault("/cancel$", times=1, **trouble)
    assert cancel(delivery_id)["deliveryStatus"] == "CANCELLED_BY_CLIENT"
    assert cancellations(golocal) == 1


def test_a_cancellation_that_did_not_arrive_may_be_retried(golocal):
    delivery_id = book()["deliveryId"]
    golocal.fault("/cancel$", times=1, status=500)
    with pytest.raises(WalmartServerError):
        cancel(delivery_id)
    assert cancel(delivery_id)["deliveryStatus"] == "CANCELLED_BY_CLIENT"


def test_after_pickup_it_is_too_late_and_said_plainly(golocal):
    delivery_id = book()["deliveryId"]
    move(golocal, delivery_id, "DISPATCHED")
    with pytest.raises(AirflowFailException, match="can no longer be cancelled") as raised:
        cancel(delivery_id)
    assert "The delivery is DISPATCHED." in str(raised.value)
    assert deliveries(golocal)[0]["status"] == "DISPATCHED"


@pytest.mark.parametrize("status", ["DELIVERED", "RETURNED", "REJECTED", "DELIVERY_REQUEST_FAILED"])
def test_a_delivery_that_is_over_is_not_cancelled(golocal, status):
    delivery_id = book()["deliveryId"]
    move(golocal, delivery_id, status)
    golocal.fault("/cancel$", status=200, body={"deliveries": {"deliveryId": delivery_id}})
    with pytest.raises(
        AirflowFailException, match=f"is {status} and can no longer be cancelled: nothing was"
    ):
        cancel(delivery_id)
    assert cancellations(golocal) == 0


def test_a_cancellation_that_is_accepted_but_ends_at_the_door_fails(golocal):
    delivery_id = book()["deliveryId"]
    delivered = {"deliveries": {"deliveryId": delivery_id, "deliveryStatus": "DELIVERED"}}
    golocal.fault("/cancel$", status=200, body={"deliveries": {"deliveryId": delivery_id}})
    golocal.fault(f"{DELIVERIES}/", method="GET", skip=1, body=delivered)
    with pytest.raises(AirflowFailException, match=r"accepted the cancellation of .*, but it is DELIVERED"):
        cancel(delivery_id)


def test_when_reading_a_cancelled_delivery_fails_the_error_says_that_it_was_cancelled(golocal):
    delivery_id = book()["deliveryId"]
    golocal.fault(f"{DELIVERIES}/", method="GET", skip=1, status=500)
    with pytest.raises(
        WalmartServerError, match=f"accepted the cancellation of delivery {delivery_id}; then"
    ):
        cancel(delivery_id)
    golocal.no_faults()
    assert cancel(delivery_id)["deliveryStatus"] == "CANCELLED_BY_CLIENT"
    assert cancellations(golocal) == 1


@pytest.mark.parametrize("trouble", [{"status": 409}, {"reset": "before"}], ids=["refused", "lost"])
def test_when_reading_fails_after_a_cancellation_that_failed_the_error_says_both(golocal, trouble):
    delivery_id = book()["deliveryId"]
    golocal.fault("/cancel$", **trouble)
    golocal.fault(f"{DELIVERIES}/", method="GET", skip=1, status=500)
    with pytest.raises(WalmartServerError, match=f"The cancellation of delivery {delivery_id} failed .PUT"):
        cancel(delivery_id)


def test_a_cancellation_on_its_way_is_fine(golocal, caplog):
    delivery_id = book()["deliveryId"]
    golocal.fault("/cancel$", status=200, body={"deliveries": {"deliveryId": delivery_id}})
    with caplog.at_level(logging.INFO):
        assert cancel(delivery_id)["deliveryStatus"] == "DELIVERY_REQUESTED"
    assert f"Walmart cancels delivery {delivery_id}: it is DELIVERY_REQUESTED now." in caplog.text


BAD_IDS = [
    (None, "delivery_id is missing"),
    ("", "delivery_id is missing"),
    (" \n", "delivery_id is ''"),
    ("None", "delivery_id is 'None'"),
    (1.0, "delivery_id is 1.0; an id is text"),
    # The whole delivery in place of its id, and what a template makes of it.
    (ORDER, "delivery_id is a dict; .*deliveryId"),
    (str(ORDER), "delivery_id is a text of .*deliveryId"),
]


@pytest.mark.parametrize(
    "use",
    [
        cancel,
        lambda bad: sensor(bad).execute({}),
        lambda bad: WalmartGoLocalHook().get_delivery(bad),
    ],
    ids=["cancel", "wait", "get"],
)
def test_what_is_no_id_of_a_delivery_is_named_before_anything_is_sent(golocal, use):
    for bad, said in BAD_IDS:
        with pytest.raises((AirflowFailException, WalmartConfigError), match=said) as raised:
            use(bad)
        assert [text for text in PERSON if text in str(raised.value)] == []
    assert not golocal.counts()


def test_a_cancellation_needs_a_reason(golocal):
    for reason in (None, "", " ", "None", ["CD-002"]):
        operator = WalmartGoLocalCancelDeliveryOperator(task_id="t", delivery_id="D", reason_code=reason)
        with pytest.raises(AirflowFailException, match="reason_code is"):
            operator.execute({})
    assert not golocal.counts()


# -- waiting -----------------------------------------------------------------------------------------


async def first_event(trigger: WalmartGoLocalDeliveryTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        return event.payload
    raise AssertionError("no event")


def wait(delivery_id: str, *, deferrable: bool, **fields: Any) -> Any:
    """Run a sensor to its end, through the trigger where it is deferrable."""
    waiting = sensor(delivery_id, deferrable=deferrable, **fields)
    try:
        return waiting.execute({})
    except TaskDeferred as deferred:
        path, arguments = deferred.trigger.serialize()
        assert path.endswith(".triggers.golocal.WalmartGoLocalDeliveryTrigger")
        trigger = WalmartGoLocalDeliveryTrigger(**json.loads(json.dumps(arguments)))
        event = json.loads(json.dumps(asyncio.run(first_event(trigger))))
        again = sensor(delivery_id, deferrable=deferrable, **fields)
        return getattr(again, deferred.method_name)({}, event=event)


both = pytest.mark.parametrize("deferrable", [False, True], ids=["poked", "deferred"])


def through(shop, delivery_id: str, statuses: list[str]) -> None:
    """Make each poll of a delivery see another status, the last one from then on."""
    for status in statuses[:-1]:
        body = {"deliveries": {"deliveryId": delivery_id, "externalOrderId": "O", "deliveryStatus": status}}
        shop.fault(f"{DELIVERIES}/{delivery_id}", times=1, body=body)
    move(shop, delivery_id, statuses[-1])


@both
def test_a_delivery_is_waited_for_and_its_progress_is_in_the_log(golocal, deferrable, caplog):
    delivery_id = book()["deliveryId"]
    way = ["DRIVER_ASSIGNED", "DRIVER_ASSIGNED", "DISPATCHED", "DELIVERED"]
    through(golocal, delivery_id, way)
    caplog.clear()
    with caplog.at_level(logging.INFO, "airflow_provider_walmart.results"):
        found = wait(delivery_id, deferrable=deferrable)
    assert found == {"deliveryId": delivery_id, "externalOrderId": "ORDER-7", "status": "DELIVERED"}
    said = [record.message for record in caplog.records if record.name.endswith("task.deliveries")]
    assert said == [
        f"Delivery {delivery_id} is {status}." for status in ("DRIVER_ASSIGNED", "DISPATCHED", "DELIVERED")
    ]


@both
def test_an_unknown_status_keeps_it_waiting_and_is_said_once(golocal, deferrable, caplog):
    delivery_id = book()["deliveryId"]
    through(golocal, delivery_id, ["HELD_AT_CUSTOMS"] * 4 + ["DELIVERED"])
    assert wait(delivery_id, deferrable=deferrable)["status"] == "DELIVERED"
    warnings = [
        record.message for record in caplog.records if "no status that this package knows" in record.message
    ]
    assert len(warnings) == 1
    assert "HELD_AT_CUSTOMS" in warnings[0]


@both
@pytest.mark.parametrize("status", ["DELIVERY_REQUEST_FAILED", "REJECTED", "RETURNED", "CANCELLED_BY_CLIENT"])
def test_other_ends_fail_without_retry(golocal, deferrable, status):
    delivery_id = book()["deliveryId"]
    through(golocal, delivery_id, ["DRIVER_ASSIGNED", status])
    with pytest.raises(AirflowFailException, match=f"ORDER-7 ended as {status}; wanted: DELIVERED"):
        wait(delivery_id, deferrable=deferrable)


@both
def test_ends_of_the_user(golocal, deferrable):
    delivery_id = book()["deliveryId"]
    through(golocal, delivery_id, ["DRIVER_ASSIGNED", "LOST"])
    with pytest.raises(AirflowFailException, match="ended as LOST; wanted: DISPATCHED"):
        wait(delivery_id, deferrable=deferrable, success_statuses=["dispatched"], failure_statuses=["lost"])
    move(golocal, delivery_id, "RETURNED")
    found = wait(
        delivery_id, deferrable=deferrable, success_statuses=["RETURNED"], failure_statuses=["DELIVERED"]
    )
    assert found["status"] == "RETURNED"


@both
@pytest.mark.parametrize("bad", [None, [1], "A B", "None"])
def test_statuses_that_are_none_are_named_before_the_first_poll(golocal, deferrable, bad):
    with pytest.raises(AirflowFailException, match=r"success_statuses (is|has) "):
        wait("D-1", deferrable=deferrable, success_statuses=bad)
    assert not golocal.counts()


@both
@pytest.mark.parametrize("ends", ["LOST,DELIVERED", "['LOST', 'DELIVERED']"])
def test_statuses_as_templates_render_them(golocal, deferrable, ends):
    delivery_id = book()["deliveryId"]
    move(golocal, delivery_id, "DELIVERED")
    assert wait(delivery_id, deferrable=deferrable, success_statuses=ends)["status"] == "DELIVERED"


@both
def test_an_id_with_white_space_around_it_is_one(golocal, deferrable):
    delivery_id = book()["deliveryId"]
    move(golocal, delivery_id, "DELIVERED")
    assert wait(f" {delivery_id}\n", deferrable=deferrable)["deliveryId"] == delivery_id


@both
def test_transient_errors_are_waited_out(golocal, deferrable):
    delivery_id = book()["deliveryId"]
    move(golocal, delivery_id, "DELIVERED")
    golocal.fault(f"{DELIVERIES}/", status=500, times=4 * (MAX_FAILED_POLLS - 1))
    assert wait(delivery_id, deferrable=deferrable)["status"] == "DELIVERED"


@both
def test_an_error_that_lasts_is_not_transient(golocal, deferrable):
    delivery_id = book()["deliveryId"]
    golocal.fault(f"{DELIVERIES}/", status=500)
    with pytest.raises((WalmartServerError, WalmartWaitError), match="answered 500"):
        wait(delivery_id, deferrable=deferrable)


@both
def test_a_delivery_that_is_none_fails(golocal, deferrable):
    with pytest.raises(WalmartError, match="No such delivery"):
        wait("no-such-delivery", deferrable=deferrable)


def test_a_trigger_whose_deadline_has_passed_says_so(golocal):
    trigger = WalmartGoLocalDeliveryTrigger(
        walmart_golocal_conn_id="walmart_golocal_default",
        delivery_id=book()["deliveryId"],
        success_statuses=["DELIVERED"],
        failure_statuses=[],
        since=0.0,
        deadline=0.0,
        poll_interval=1.0,
    )
    assert asyncio.run(first_event(trigger)) == {"status": "timeout", "resume": {}}


def test_a_failed_end_is_in_xcom_too(golocal):
    delivery_id = book()["deliveryId"]
    move(golocal, delivery_id, "REJECTED")
    pushed: dict[str, Any] = {}
    ti = type("Ti", (), {"xcom_push": lambda self, key, value: pushed.update({key: value})})()
    with pytest.raises(AirflowFailException):
        sensor(delivery_id).execute({"ti": ti})
    assert pushed == {
        "return_value": {"deliveryId": delivery_id, "externalOrderId": "ORDER-7", "status": "REJECTED"}
    }


# -- all the rest of the API -------------------------------------------------------------------------


def test_the_simulator_moves_a_delivery_to_the_door(golocal):
    hook = WalmartGoLocalHook()
    delivery_id = book()["deliveryId"]
    payload = {"deliveryId": delivery_id}
    steps = hook.call("getAvailableSteps", body={"payload": payload})["payload"]["availableSteps"]
    assert steps == [{"action": "ASSIGN_DRIVER"}]
    while steps:
        answer = hook.call("executeStep", body={"payload": {**payload, **steps[0]}})["payload"]
        steps = answer["availableSteps"]
    assert answer["status"] == "DELIVERED"
    assert sensor(delivery_id).execute({})["status"] == "DELIVERED"


def test_search_update_order_status_and_tip(golocal):
    hook = WalmartGoLocalHook()
    delivery_id = book()["deliveryId"]
    of_order = {"clientId": "2", "externalOrderId": "ORDER-7"}
    found = hook.call("searchDeliveries", body={"deliveries": of_order})
    assert [one["deliveryId"] for one in found["deliveries"]] == [delivery_id]
    ids = {"deliveryId": delivery_id, "externalOrderId": "ORDER-7"}
    changes = {"deliveries": {**of_order, "pickupDetails": {"instructions": "Ring"}}}
    assert hook.call("updateDelivery", deliveryId=delivery_id, body=changes) == ids
    assert hook.get_delivery(delivery_id)["pickupDetails"] == {"instructions": "Ring"}
    ready = {"deliveries": {**of_order, "orderStatus": "READY_FOR_PICKUP"}}
    assert hook.call("setOrderStatus", deliveryId=delivery_id, body=ready) == ids
    tip = {**of_order, "tip": {"amount": 6.35, "currency": "USD"}}
    assert hook.call("POST /clients/tips", body=tip) is None
