"""GoLocal in the sandbox: its token call, its checks, and the life of a delivery."""

from __future__ import annotations

from typing import Any

import pytest

CLIENT = "7d55b982-faea-410d-a5c6-3cf6debb2973"
OTHER = "4dae7251-2d34-4643-822c-fe2d8206410b"
TOKEN = "/api-proxy/service/identity/oauth/v1/token"
BASE = "/api-proxy/service/supplychain/transportation/v1"
DAAS = f"{BASE}/daas"
ORDER = {"clientId": "2", "externalOrderId": "A-1"}
HERE = {"address": {"zipCode": "94086"}}
FAR = {"address": {"zipCode": "99762"}}


def ask_token(server: Any, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": "sandbox", **fields}
    return server.session.post(server.url + TOKEN, data=form, headers=headers)


class Caller:
    def __init__(self, server: Any, client: str = CLIENT) -> None:
        self.server = server
        self.headers = {
            "Authorization": f"Bearer {ask_token(server, client_id=client).json()['access_token']}",
            "WM_CONSUMER.ID": client,
        }

    def send(self, method: str, path: str, body: Any = None, **headers: Any) -> Any:
        path = path if path.startswith("/api-proxy") else DAAS + path
        return self.server.session.request(
            method, self.server.url + path, json=body, headers={**self.headers, **headers}
        )

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.send(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, **headers: Any) -> tuple[int, str]:
        answer = self.send(method, path, body, **headers)
        [error] = answer.json()["errors"]
        assert {"code", "field", "description", "info", "severity", "category"} <= set(error)
        assert error["code"].startswith(f"{answer.status_code}.500.")
        return answer.status_code, error["description"]

    def book(self, **fields: Any) -> str:
        return self.ok("POST", "/deliveries", {"deliveries": {**ORDER, **fields}})["deliveries"]["deliveryId"]

    def status(self, delivery_id: str) -> str:
        return self.ok("GET", f"/deliveries/{delivery_id}")["deliveries"]["deliveryStatus"]


@pytest.fixture
def caller(server):
    return Caller(server)


def test_the_token_answer(server):
    answer = ask_token(server).json()
    assert answer.keys() == {"token_type", "expires_in", "access_token"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"client_secret": "wrong"}, 401, "do not match"),
        ({"client_id": "my-client"}, 400, "UUID"),
        ({"grant_type": "password"}, 400, "client_credentials"),
        ({"headers": {"Authorization": "Basic eDp5"}}, 400, "into the body"),
        ({"headers": {"Content-Type": "application/json"}}, 400, "form"),
    ],
)
def test_token_calls_that_are_refused(server, fields, status, said):
    answer = ask_token(server, **fields)
    assert answer.status_code == status
    assert said in answer.json()["errors"][0]["description"]


def test_the_token_call_is_a_post(server):
    assert server.session.get(server.url + TOKEN).status_code == 405


def test_calls_need_a_token_of_golocal_and_its_client_id(caller, server):
    path = "/deliveries/x"
    for header in ("", "Bearer nonsense", f"Bearer {server.token()}", caller.headers["Authorization"][7:]):
        assert caller.refused("GET", path, Authorization=header)[0] == 401
    assert caller.refused("GET", path, **{"WM_CONSUMER.ID": OTHER})[0] == 400
    marketplace = server.call(
        "GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": caller.headers["Authorization"][7:]}
    )
    assert marketplace.status_code == 401


def test_tokens_expire_and_can_be_revoked(caller, server):
    assert caller.refused("GET", "/deliveries/x")[0] == 404
    server.control("POST", "clock", {"advance": 901})
    assert caller.refused("GET", "/deliveries/x")[0] == 401
    fresh = Caller(server)
    server.control("POST", "tokens/revoke")
    assert fresh.refused("GET", "/deliveries/x")[0] == 401


def test_no_key_and_no_token_is_in_the_request_log(caller, server):
    caller.book()
    log = server.session.get(f"{server.url}/_sandbox/requests").json()
    assert [entry["client"] for entry in log] == ["", CLIENT]
    assert caller.headers["Authorization"][7:] not in str(log)
    assert log[0]["form"]["grant_type"] == "client_credentials"
    assert "sandbox" not in str(log[0]["form"])


def test_the_clock_moves_a_delivery_to_the_door(caller, server):
    server.control("POST", "settings", {"delivery_seconds": 700})
    delivery_id = caller.book()
    seen = [caller.status(delivery_id)]
    for _ in range(7):
        server.control("POST", "clock", {"advance": 100.01})
        seen.append(caller.status(delivery_id))
    assert seen == [
        "DELIVERY_REQUESTED",
        "DRIVER_ASSIGNED",
        "ENROUTE_TO_PICKUP",
        "ARRIVED_AT_PICKUP",
        "DISPATCHED",
        "ENROUTE_TO_DROPOFF",
        "ARRIVED_AT_DROPOFF",
        "DELIVERED",
    ]


def test_the_control_api_moves_and_lists_deliveries(caller, server):
    delivery_id = caller.book()
    moved = {"deliveryId": delivery_id, "externalOrderId": "A-1", "status": "ANYTHING"}
    assert server.control("POST", f"deliveries/{delivery_id}", {"status": "ANYTHING"}) == moved
    server.control("POST", "clock", {"advance": 800})
    assert caller.status(delivery_id) == "ANYTHING"
    assert server.control("GET", "deliveries") == [moved]
    for body in ({}, {"status": ""}, {"status": 1}, {"state": "X"}):
        server.control("POST", f"deliveries/{delivery_id}", body, status=400)
    server.control("POST", "deliveries/none", {"status": "X"}, status=400)


def test_both_environments_show_the_same_deliveries_to_their_client_only(caller, server):
    delivery_id = caller.book()
    shown = caller.ok("GET", f"{BASE}/sbx-daas/deliveries/{delivery_id}")
    assert shown == caller.ok("GET", "/deliveries?clientId=2&externalOrderId=A-1")
    stranger = Caller(server, OTHER)
    assert stranger.refused("GET", f"/deliveries/{delivery_id}")[0] == 404
    assert stranger.refused("GET", "/deliveries?clientId=2&externalOrderId=A-1")[0] == 404
    assert stranger.ok("POST", "/deliveries/search", {"deliveries": {}}) == {"deliveries": []}


def test_two_bookings_of_one_order_are_two_deliveries(caller, server):
    assert caller.book() != caller.book()
    assert len(server.control("GET", "deliveries")) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"externalOrderId": "A"}, "Missing input field deliveries"),
        ({"deliveries": {"externalOrderId": "A"}}, "Missing input field clientId"),
        ({"deliveries": {"clientId": "2"}}, "Missing input field externalOrderId"),
        ({"deliveries": {**ORDER, "deliveryDetails": FAR}}, "outside the area"),
        ({"deliveries": {**ORDER, "quoteId": "none"}}, "quote is unknown"),
    ],
)
def test_bookings_that_are_refused(caller, body, said):
    status, description = caller.refused("POST", "/deliveries", body)
    assert (status, said in description) == (400, True)


def test_a_body_is_json(caller, server):
    answer = caller.server.session.post(
        server.url + DAAS + "/deliveries", data="{}", headers={**caller.headers, "Accept": "application/json"}
    )
    assert answer.status_code == 415


def quote(caller: Caller, **fields: Any) -> dict[str, Any]:
    wanted = {
        "clientId": "2",
        "deliveryMethod": "SCHEDULED_DELIVERY",
        "requestedMinDeliverySlotTime": "2026-11-23T19:00:00.000Z",
        "requestedMaxDeliverySlotTime": "2026-11-23T21:00:00.000Z",
        "pickupDetails": {"externalPickupPointId": "4969"},
        "deliveryDetails": HERE,
        **fields,
    }
    return {"deliveries": {name: value for name, value in wanted.items() if value}}


def test_a_quote_is_good_for_its_time(caller, server):
    found = caller.ok("POST", "/deliveries/quote", quote(caller))["deliveries"]
    assert found["quoteValidity"].keys() == {"startTime", "endTime"}
    caller.book(quoteId=found["quoteId"])
    server.control("POST", "clock", {"advance": 901})
    late = Caller(server).refused(
        "POST", "/deliveries", {"deliveries": {**ORDER, "quoteId": found["quoteId"]}}
    )
    assert late == (400, "The quote has expired. Request a new quote.")


@pytest.mark.parametrize("missing", ["clientId", "deliveryMethod", "pickupDetails", "deliveryDetails"])
def test_a_quote_needs_its_fields(caller, missing):
    assert caller.refused("POST", "/deliveries/quote", quote(caller, **{missing: None})) == (
        400,
        f"Missing input field {missing}.",
    )


def test_eligibility(caller):
    body = {"deliveries": {"deliveryLocations": [HERE, FAR]}}
    assert caller.ok("POST", "/deliveries/location/eligibility", body)["deliveries"] == {
        "eligible": True,
        "deliveryLocations": [
            {"zipCode": "94086", "eligible": True},
            {"zipCode": "99762", "eligible": False},
        ],
    }
    assert caller.refused("POST", "/deliveries/location/eligibility", {})[0] == 400


def test_cancelling_before_and_after_pickup(caller, server):
    reasons = {"deliveries": {**ORDER, "reasons": [{"code": "CD-002"}]}}
    delivery_id = caller.book()
    assert caller.refused("PUT", f"/deliveries/{delivery_id}/cancel", {"deliveries": ORDER})[0] == 400
    ids = {"deliveryId": delivery_id, "externalOrderId": "A-1"}
    assert caller.ok("PUT", f"/deliveries/{delivery_id}/cancel", reasons) == {"deliveries": ids}
    assert caller.status(delivery_id) == "CANCELLED_BY_CLIENT"
    server.control("POST", f"deliveries/{delivery_id}", {"status": "DISPATCHED"})
    assert caller.refused("PUT", f"/deliveries/{delivery_id}/cancel", reasons) == (
        400,
        "The delivery can no longer be cancelled.",
    )


def test_updates(caller, server):
    delivery_id = caller.book(note="old")
    path = f"/deliveries/{delivery_id}/update"
    assert caller.refused("PUT", path, {"deliveries": {"note": "old"}}) == (400, "Nothing would change.")
    assert caller.refused("PUT", path, {"deliveries": {"deliveryDetails": FAR}})[0] == 400
    caller.ok("PUT", path, {"deliveries": {"note": "new"}})
    assert caller.ok("GET", f"/deliveries/{delivery_id}")["deliveries"]["note"] == "new"
    server.control("POST", f"deliveries/{delivery_id}", {"status": "DELIVERED"})
    assert "picked up" in caller.refused("PUT", path, {"deliveries": {"note": "newer"}})[1]


@pytest.mark.parametrize("amount", [0, -1, 100.01, "5", True, None])
def test_a_tip_has_limits(caller, amount):
    caller.book()
    assert caller.refused("POST", "/clients/tips", {**ORDER, "tip": {"amount": amount}})[0] == 400
    assert caller.ok("POST", "/clients/tips", {**ORDER, "tip": {"amount": 100}}) is None
    assert caller.refused("POST", "/clients/tips", {"clientId": "2", "tip": {"amount": 1}})[0] == 404


def test_the_order_status_is_one_of_two(caller):
    path = f"/deliveries/{caller.book()}/orderStatus"
    assert caller.refused("PUT", path, {"deliveries": {"orderStatus": "LATE"}})[0] == 400
    caller.ok("PUT", path, {"deliveries": {"orderStatus": "READY_FOR_PICKUP"}})


def test_the_simulator_refuses_what_cannot_be_next(caller):
    payload = {"deliveryId": caller.book(), "action": "DELIVERED"}
    path = f"{BASE}/daas-simulator/available-step"
    assert caller.refused("POST", f"{path}/execute", {"payload": payload}) == (
        400,
        "Must be one of ASSIGN_DRIVER.",
    )
    assert caller.refused("POST", path, {"payload": {}})[0] == 404


def test_deliveries_survive_a_restart(start, tmp_path):
    arguments = ("--no-seed", "--state-file", str(tmp_path / "state.json"))
    first = start(*arguments)
    delivery_id = Caller(first).book()
    first.control("POST", f"deliveries/{delivery_id}", {"status": "DISPATCHED"})
    first.stop()
    assert Caller(start(*arguments)).status(delivery_id) == "DISPATCHED"
