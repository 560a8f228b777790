"""Answers that are not the order: neither does one count as changed, nor is a change sent blindly again."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from airflow_provider_walmart.client.errors import WalmartServerError, WalmartUnknownOutcomeError
from airflow_provider_walmart.client.orders import writes as order_writes
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator
from tests.helpers.tasks import Task
from tests.helpers.wire import Received, Reply, http, token

ORDER, OTHER = "1000000000001", "1000000000002"
ROWS = {
    "acknowledge": {},
    "ship": {"tracking_number": "1Z999", "carrier": "UPS"},
    "cancel": {"reason": "SELLER_CANCEL_OUT_OF_STOCK"},
    "refund": {"line_number": 1, "reason": "DamagedItem", "amount": 1.25},
}
ACTIONS = pytest.mark.parametrize("action", ROWS)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(order_writes, "SETTLE", 0.2)
    monkeypatch.setattr(order_writes, "READ_EVERY", 0.05)


def order(status: str, order_id: str = ORDER, lines: bool = True, **fields) -> dict:
    part = {"status": status, "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "1"}}
    if status == "Shipped":
        part["trackingInfo"] = {"trackingNumber": "1Z999"}
    line = {"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}, **fields}
    charge = {"chargeType": "PRODUCT", "chargeAmount": {"currency": "USD", "amount": 9.0}}
    line["charges"] = {"charge": [charge]}
    return {"purchaseOrderId": order_id, "orderLines": {"orderLine": [line] if lines else []}}


REFUND = {
    "refund": {
        "refundCharges": {
            "refundCharge": [
                {"charge": {"chargeType": "PRODUCT", "chargeAmount": {"currency": "USD", "amount": -1.25}}}
            ]
        }
    }
}
BEFORE = {action: order("Shipped" if action == "refund" else "Created") for action in ROWS}
AFTER = {
    "acknowledge": order("Acknowledged"),
    "ship": order("Shipped"),
    "cancel": order("Cancelled"),
    "refund": order("Shipped", **REFUND),
}


class Walmart:
    """Has one order, which a write changes where ``acts``; ``read`` and ``written`` are what it answers in their place."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.acts = True
        self.is_changed = False
        self.read: Reply | None = None
        self.written: Reply | None = None
        self.counts: Counter[str] = Counter()

    def __call__(self, request: Received) -> Reply:
        if request.path == "/v3/token":
            return token()
        self.counts[request.method] += 1
        if request.method == "POST":
            self.is_changed = self.acts
        now = http(200, {"order": (AFTER if self.is_changed else BEFORE)[self.action]})
        return (self.read if request.method == "GET" else self.written) or now


@pytest.fixture
def walmart_with(wire, monkeypatch, tmp_path):
    def start(action: str) -> Walmart:
        walmart = Walmart(action)
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox"}
        made = json.dumps({**connection, "host": wire(walmart).url})
        monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", made)
        monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path / "state"))
        return walmart

    return start


def operator(action: str):
    row = {"purchase_order_id": ORDER, **ROWS[action]}
    return lambda: WalmartOrderUpdateOperator(task_id="a_task", action=action, records=[row])


@ACTIONS
@pytest.mark.parametrize(
    "answer",
    [{}, {"order": order("Acknowledged", OTHER)}, {"order": order("Acknowledged", lines=False)}, order("", OTHER)],
    ids=["nothing", "another order", "no lines", "another order, unwrapped"],
)  # fmt: skip
def test_what_is_not_the_order_says_nothing_about_it(action, answer, walmart_with):
    walmart = walmart_with(action)
    walmart.read = http(200, answer)
    task = Task()
    with pytest.raises(WalmartServerError, match=f"Order {ORDER} was asked for") as caught:
        task.run(operator(action))
    assert not caught.value.is_final
    assert task.xcom["return_value"]["notTried"] == 1
    assert walmart.counts["POST"] == 0

    walmart.read = None
    assert task.run(operator(action))["done"] == 1


ANSWERS = {
    "text": http(200, b'"Service Unavailable"', Content_Type="application/json"),
    "message": http(200, {"message": "Endpoint request timed out"}),
    "nothing": http(200, b""),
    "no content": http(204),
    "another order": http(200, {"order": order("Acknowledged", OTHER)}),
}


@ACTIONS
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_not_the_changed_order_is_looked_into(action, answer, walmart_with, caplog):
    walmart = walmart_with(action)
    walmart.written = answer
    assert Task().run(operator(action))["done"] == 1
    assert walmart.counts == {"GET": 2, "POST": 1}
    assert f"Order {ORDER}: the answer to" in caplog.text
    assert "is not that order, checking whether the change arrived" in caplog.text


@ACTIONS
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_change_that_never_shows_is_not_done(action, answer, walmart_with):
    walmart = walmart_with(action)
    walmart.written, walmart.acts = answer, False
    task = Task()
    with pytest.raises(WalmartUnknownOutcomeError, match=f"Whether orders {ORDER} were changed is unknown"):
        task.run(operator(action))
    assert walmart.counts["POST"] == 1

    walmart.acts, walmart.written = True, None
    assert task.run(operator(action))["done"] == 1
    assert walmart.counts["POST"] == 2


@ACTIONS
def test_an_order_that_does_not_show_the_change_yet_is_not_changed_twice(action, walmart_with):
    walmart = walmart_with(action)
    walmart.acts = False
    assert Task().run(operator(action))["done"] == 1
    assert walmart.counts == {"GET": 1, "POST": 1}
