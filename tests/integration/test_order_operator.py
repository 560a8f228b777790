"""WalmartOrderUpdateOperator against the sandbox: each order once, an outcome for each, whatever happens on the wire."""

from __future__ import annotations

import gzip
import json
import logging

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartNotFoundError,
    WalmartPermissionError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.orders import writes as order_writes
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator
from tests.helpers.tasks import Task

PATHS = {"acknowledge": "acknowledge", "ship": "shipping", "cancel": "cancel", "refund": "refund"}
ACTIONS = pytest.mark.parametrize("action", PATHS)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(order_writes, "SETTLE", 0.3)
    monkeypatch.setattr(order_writes, "READ_EVERY", 0.1)
    # After a 429 the client asks again at once: the time until a slot is free does not pass in a test.
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)


def seed(shop, count: int = 3, **fields) -> list[str]:
    """Put orders into the sandbox of which something is left to do by any action."""
    return shop.server.control("POST", "seed", {"orders": {"count": count, **fields}})["orders"]


def rows(action: str, ids: list[str]) -> list[dict]:
    more = {
        "acknowledge": {},
        "ship": {"tracking_number": "1Z999", "carrier": "UPS", "line_number": 1, "quantity": 1},
        "cancel": {"reason": "SELLER_CANCEL_OUT_OF_STOCK", "line_number": 1, "quantity": 1},
        "refund": {"line_number": 1, "reason": "DamagedItem", "amount": 1.25},
    }[action]
    return [{"purchase_order_id": order_id, **more} for order_id in ids]


def orders_for(shop, action: str, count: int = 3) -> list[str]:
    return seed(shop, count, status="Shipped" if action == "refund" else "Created")


def operator(action: str, **fields):
    return lambda: WalmartOrderUpdateOperator(task_id="a_task", action=action, **fields)


def writes(shop, action: str) -> list[int]:
    """Return the statuses of the writes received."""
    return [entry["status"] for entry in shop.received(f"^/v3/orders/[0-9]+/{PATHS[action]}$")]


def line(shop, order_id: str) -> dict:
    return shop.server.get(f"/v3/orders/{order_id}")["order"]["orderLines"]["orderLine"][0]


def times(shop, action: str, order_id: str) -> int:
    """Return how often an order was changed, by what Walmart has."""
    found = line(shop, order_id)
    parts = found["orderLineStatuses"]["orderLineStatus"]

    def amount(status):
        return sum(int(part["statusQuantity"]["amount"]) for part in parts if part["status"] == status)

    if action == "refund":
        return len(
            found.get("refund", {"refundCharges": {"refundCharge": []}})["refundCharges"]["refundCharge"]
        )
    if action == "acknowledge":
        return int(amount("Acknowledged") > 0)
    return amount({"ship": "Shipped", "cancel": "Cancelled"}[action])


def counts(orders: int, **others: int) -> dict:
    known = dict.fromkeys(("done", "already", "refused", "unknown", "notTried"), 0)
    return {"orders": orders, **known, "outcomesUri": None, **others}


# -- the plain way ---------------------------------------------------------------------------------------


@ACTIONS
def test_each_order_is_changed_once_however_often_the_task_runs(action, shop, tmp_path):
    ids = orders_for(shop, action)
    path = tmp_path / "outcomes.jsonl"
    fields = {"records": rows(action, ids), "outcomes_path": path}
    assert Task().run(operator(action, **fields)) == counts(3, done=3, outcomesUri=str(path))
    assert [json.loads(text)["outcome"] for text in path.read_text().splitlines()] == ["done"] * 3

    # Another run of the DAG on the same file.
    assert Task().run(operator(action, **fields)) == counts(3, already=3, outcomesUri=str(path))
    assert writes(shop, action) == [200] * 3
    assert [times(shop, action, order_id) for order_id in ids] == [1] * 3


def test_new_orders_are_acknowledged_out_of_an_export(shop, tmp_path):
    ids = seed(shop, 5)
    path = tmp_path / "released.jsonl.gz"
    released = shop.server.get("/v3/orders/released")["list"]["elements"]["order"]
    path.write_bytes(gzip.compress("".join(json.dumps(order) + "\n" for order in released).encode()))
    assert Task().run(operator("acknowledge", records_path=str(path))) == counts(5, done=5)
    assert shop.server.get("/v3/orders/released")["list"]["elements"] is None
    assert [times(shop, "acknowledge", order_id) for order_id in ids] == [1] * 5


def test_orders_are_shipped_from_a_csv_file(shop, tmp_path):
    ids = seed(shop, 2)
    path = tmp_path / "tracking.csv"
    path.write_text(
        "purchase_order_id,tracking_number,carrier,method,ship_date_time\n"
        f"{ids[0]},1Z1,UPS,Express,2026-01-31T10:00:00Z\n{ids[1]},94001,USPS,,\n"
    )
    assert Task().run(operator("ship", records_path=path)) == counts(2, done=2)
    (part,) = line(shop, ids[0])["orderLineStatuses"]["orderLineStatus"]
    assert part["status"] == "Shipped"
    assert part["trackingInfo"] == {
        "shipDateTime": 1769853600000,
        "carrierName": {"carrier": "UPS"},
        "methodCode": "Express",
        "trackingNumber": "1Z1",
    }


def test_lines_are_paid_back_in_full(shop):
    ids = seed(shop, 2, status="Shipped")
    records = [
        {"purchase_order_id": one, "line_number": 1, "reason": "Customer returned item"} for one in ids
    ]
    task = Task()
    assert task.run(operator("refund", records=records)) == counts(2, done=2)
    assert Task().run(operator("refund", records=records)) == counts(2, already=2)
    for order_id in ids:
        found = line(shop, order_id)
        assert [part["status"] for part in found["orderLineStatuses"]["orderLineStatus"]] == ["Refund"]
        paid = found["refund"]["refundCharges"]["refundCharge"][0]["charge"]["chargeAmount"]["amount"]
        assert paid == -found["charges"]["charge"][0]["chargeAmount"]["amount"]


def test_no_rows_are_no_work(shop):
    assert Task().run(operator("acknowledge", records=[])) == counts(0)
    assert not shop.received()


# -- what is refused -------------------------------------------------------------------------------------


def test_bad_rows_are_named_before_anything_is_sent(shop):
    records = rows("ship", ["1", "2"])
    records[1]["quantity"] = "two"
    with pytest.raises(AirflowFailException, match="row 2: quantity is 'two', which is not a number"):
        Task().run(operator("ship", records=records))
    assert not shop.received()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"records": "[]"}, "records is a str; expected a list of dicts"),
        ({"records": [], "outcomes_path": "/tmp"}, "outcomes_path is '/tmp', a folder"),
    ],
)
def test_bad_arguments_are_named(shop, fields, problem):
    with pytest.raises(AirflowFailException, match=problem):
        Task().run(operator("ship", **fields))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "Give one of records and records_path; given: none"),
        ({"records": [], "records_path": "x.csv"}, "given: \\['records', 'records_path'\\]"),
    ],
)
def test_a_missing_input_is_named_when_the_dag_is_parsed(fields, problem):
    with pytest.raises(WalmartConfigError, match=problem):
        WalmartOrderUpdateOperator(task_id="a_task", action="ship", **fields)


def test_refused_orders_fail_the_task_by_policy_and_the_others_go_on(shop, tmp_path, caplog):
    ids = seed(shop, 3)
    records = rows("ship", ["108900000009999", *ids])
    # What Walmart refuses, what the order does not allow, and what is not there.
    records[1]["carrier"], records[1]["other_carrier"], records[1]["tracking_url"] = (
        None,
        "Bob",
        "https://bob.example",
    )
    records[2]["quantity"] = 99
    shop.fault(f"/{ids[0]}/shipping$", status=400)
    path = tmp_path / "outcomes.jsonl"
    task = Task()
    with pytest.raises(AirflowFailException, match="3 of 4 orders were refused, allowed: 2"):
        task.run(operator("ship", records=records, allowed_failures=2, outcomes_path=str(path)))
    assert task.xcom["return_value"] == counts(4, done=1, refused=3, outcomesUri=str(path))
    outcomes = [json.loads(text) for text in path.read_text().splitlines()]
    assert [made["outcome"] for made in outcomes] == ["refused", "refused", "refused", "done"]
    assert outcomes[2]["rows"] == [3]
    assert outcomes[2]["description"].startswith("line 1: 99 to ship, but ")
    assert f"Order {ids[1]} (row 3) refused: line 1: 99 to ship" in caplog.text

    shop.no_faults()
    shop.fault(f"/{ids[0]}/shipping$", status=400)
    fine = Task().run(operator("ship", records=records, allowed_failures=0.75))
    assert fine == counts(4, already=1, refused=3)
    assert times(shop, "ship", ids[2]) == 1


def test_no_personal_data_is_logged_or_kept(shop, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    ids = seed(shop, 2)
    path = tmp_path / "outcomes.jsonl"
    records = rows("cancel", ids)
    records[0]["quantity"] = 99
    task = Task()
    with pytest.raises(AirflowFailException):
        task.run(operator("cancel", records=records, outcomes_path=str(path)))
    order = shop.server.get(f"/v3/orders/{ids[0]}")["order"]
    address = order["shippingInfo"]["postalAddress"]
    told = caplog.text + path.read_text() + json.dumps(task.xcom) + json.dumps(task.state)
    personal = (
        address["name"],
        address["address1"],
        order["shippingInfo"]["phone"],
        order["customerEmailId"],
    )
    assert not [word for word in personal if word in told]


def test_trouble_that_concerns_all_orders_ends_the_try_and_says_how_far_it_got(shop, tmp_path):
    ids = seed(shop, 3)
    path = tmp_path / "outcomes.jsonl"
    fields = {"records": rows("ship", ids), "outcomes_path": path}
    shop.fault(f"/{ids[1]}/shipping$", status=403)
    task = Task()
    with pytest.raises(AirflowFailException) as caught:
        task.run(operator("ship", **fields))
    assert isinstance(caught.value.__cause__, WalmartPermissionError)
    assert task.xcom["return_value"] == counts(3, done=1, notTried=2, outcomesUri=str(path))
    assert [json.loads(text)["outcome"] for text in path.read_text().splitlines()] == [
        "done",
        "notTried",
        "notTried",
    ]
    shop.no_faults()
    assert task.run(operator("ship", **fields)) == counts(3, done=2, already=1, outcomesUri=str(path))
    assert [times(shop, "ship", order_id) for order_id in ids] == [1] * 3


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_404_of_a_gateway_is_not_an_answer_of_walmart(shop, method):
    ids = orders_for(shop, "acknowledge")
    shop.fault("/orders/", method=method, status=404, body="<html><title>404 Not Found</title>")
    task = Task()
    with pytest.raises(WalmartNotFoundError, match="may have answered in its place"):
        task.run(operator("acknowledge", records=rows("acknowledge", ids), allowed_failures=3))
    shop.no_faults()
    assert task.run(operator("acknowledge", records=rows("acknowledge", ids)))["done"] == 3


def test_a_locked_order_is_changed_by_the_next_try(shop):
    ids = seed(shop, 2)
    shop.fault(f"/{ids[0]}/shipping$", status=423, times=1)
    task = Task()
    with pytest.raises(WalmartRequestError, match=r"locked by another process \(1 of 2 orders") as caught:
        task.run(operator("ship", records=rows("ship", ids)))
    assert not caught.value.is_final
    assert writes(shop, "ship") == [423, 200]
    assert task.run(operator("ship", records=rows("ship", ids))) == counts(2, done=1, already=1)


def test_a_throttled_order_is_changed_later(shop):
    ids = seed(shop, 2)
    shop.fault(f"/{ids[0]}/shipping$", status=429, times=1)
    assert Task().run(operator("ship", records=rows("ship", ids))) == counts(2, done=2)
    assert writes(shop, "ship") == [429, 200, 200]
    shop.fault("/acknowledge$", status=429)
    with pytest.raises(WalmartRateLimitError):
        Task().run(operator("acknowledge", records=rows("acknowledge", seed(shop, 1))))


# -- lost answers ----------------------------------------------------------------------------------------


@ACTIONS
@pytest.mark.parametrize(
    "trouble", [{"reset": "after"}, {"status": 500, "after_effect": True}], ids=["reset", "500"]
)
def test_a_lost_answer_is_found_in_the_order(action, trouble, shop, caplog):
    ids = orders_for(shop, action)
    shop.fault(f"/{PATHS[action]}$", times=1, **trouble)
    assert Task().run(operator(action, records=rows(action, ids))) == counts(3, done=3)
    assert len(writes(shop, action)) == 3
    assert [times(shop, action, order_id) for order_id in ids] == [1] * 3
    assert "The answer got lost, checking whether the change arrived" in caplog.text


@ACTIONS
def test_what_never_arrived_is_unknown_and_sent_by_the_next_try(action, shop):
    ids = orders_for(shop, action)
    shop.fault(f"/{ids[0]}/{PATHS[action]}$", times=1, reset="before")
    task = Task()
    with pytest.raises(WalmartUnknownOutcomeError, match=f"Whether orders {ids[0]} were changed is unknown"):
        task.run(operator(action, records=rows(action, ids)))
    assert task.xcom["return_value"] == counts(3, done=2, unknown=1)
    assert task.run(operator(action, records=rows(action, ids))) == counts(3, done=1, already=2)
    assert [times(shop, action, order_id) for order_id in ids] == [1] * 3


def test_a_server_that_loses_everything_is_left_alone(shop):
    ids = seed(shop, 5)
    shop.fault("/shipping$", status=500)
    task = Task()
    with pytest.raises(WalmartUnknownOutcomeError):
        task.run(operator("ship", records=rows("ship", ids)))
    assert task.xcom["return_value"] == counts(5, unknown=3, notTried=2)
    assert writes(shop, "ship") == [500] * 3


@pytest.mark.parametrize("has_state", [True, False], ids=["task state", "none"])
def test_a_change_that_shows_late_is_waited_for(has_state, shop, monkeypatch):
    """A try dies while its request is on the way, and the next one begins before it arrives."""
    (order_id,) = seed(shop, 1)
    task = Task(has_state=has_state)
    records = rows("ship", [order_id])
    real = order_writes.OrderWriter._after_loss
    monkeypatch.setattr(order_writes, "SETTLE", 600.0)
    monkeypatch.setattr(order_writes.OrderWriter, "_after_loss", dies)
    shop.fault("/shipping$", times=1, reset="before")
    with pytest.raises(KeyboardInterrupt):
        task.run(operator("ship", records=records))
    monkeypatch.setattr(order_writes.OrderWriter, "_after_loss", real)

    polls = 0

    def arrives_at_the_third_poll(seconds):
        nonlocal polls
        polls += 1
        if polls == 3:
            body = shop_body(order_id)
            assert shop.server.call("POST", f"/v3/orders/{order_id}/shipping", json=body).status_code == 200

    monkeypatch.setattr(order_writes.time, "sleep", arrives_at_the_third_poll)
    make = operator("ship", records=records)
    monkeypatch.setattr(
        order_writes.OrderWriter.__init__, "__kwdefaults__", {"sleep": arrives_at_the_third_poll}
    )
    assert task.run(make) == counts(1, already=1)
    assert times(shop, "ship", order_id) == 1


def dies(*_):
    raise KeyboardInterrupt


def shop_body(order_id: str) -> dict:
    from datetime import datetime, timezone

    from airflow_provider_walmart.client.orders.changes import request_left
    from airflow_provider_walmart.client.orders.rows import order_changes

    (change,) = order_changes("ship", rows("ship", [order_id]))
    part = {"status": "Created", "statusQuantity": {"amount": "3"}}
    order = {
        "orderLines": {"orderLine": [{"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}}]}
    }
    return request_left(change, order, datetime.now(timezone.utc))[1]


# -- parts of a write that are failed inside a 200 --------------------------------------------------------


def test_nodes_that_are_refused_inside_a_200_are_an_error(shop):
    from airflow_provider_walmart.client.errors import WalmartRequestError
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    (sku,) = shop.server.control("POST", "seed", {"items": 1})["items"]
    nodes = [
        {"shipNode": node, "inputQty": {"unit": "EACH", "amount": 5}}
        for node in ("10000005050", "no-such-node")
    ]
    with pytest.raises(WalmartRequestError, match="refused part of the request, and did the rest") as caught:
        WalmartHook().call("updateMultiNodeInventory", sku=sku, body={"inventories": {"nodes": nodes}})
    assert "shipNode no-such-node" in str(caught.value)
    assert "10000005050" not in str(caught.value)
