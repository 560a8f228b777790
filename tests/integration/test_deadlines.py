"""Orders due and performance, over real HTTP."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.operators.deadlines import (
    METRICS,
    WalmartOrdersDueOperator,
    WalmartPerformanceOperator,
)
from tests.helpers.tasks import Task
from tests.helpers.wire import http, token

NOW = datetime.now(timezone.utc)


def millis(when):
    return int(when.timestamp() * 1000)


def order(number, *, status, placed_hours_ago=1.0, ship_in_hours=48.0):
    return {
        "purchaseOrderId": str(number),
        "orderDate": millis(NOW - timedelta(hours=placed_hours_ago)),
        "shippingInfo": {"estimatedShipDate": millis(NOW + timedelta(hours=ship_in_hours)), "phone": "555"},
        "status": status,
    }


ORDERS = [
    order(1, status="Created", placed_hours_ago=1),
    order(2, status="Created", placed_hours_ago=3.5),
    order(3, status="Created", placed_hours_ago=5),
    order(4, status="Acknowledged", ship_in_hours=2),
    order(5, status="Acknowledged", ship_in_hours=-94),
    order(6, status="Acknowledged", ship_in_hours=40),
]


@pytest.fixture
def account(wire, monkeypatch, tmp_path):
    """Return a function that starts a server with the answers of paths, and makes it the account of the connection."""

    def start(answers):
        def reply(request):
            path, _, query = request.target.partition("?")
            if path == "/v3/token":
                return token()
            found = answers(path, query)
            return http(204) if found is None else http(200, found)

        server = wire(reply)
        fields = {"conn_type": "walmart", "login": "an-id", "password": "x", "host": server.url}
        monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(fields))
        return server

    return start


@pytest.fixture
def orders(account):
    def answers(path, query):
        assert path == "/v3/orders"
        status = "Created" if "status=Created" in query else "Acknowledged"
        found = [order for order in ORDERS if order["status"] == status]
        return {"list": {"meta": {"totalCount": len(found)}, "elements": {"order": found}}}

    return account(answers)


@pytest.mark.parametrize(
    ("kind", "hours", "due", "overdue"),
    [("acknowledge", 1, 2, 1), ("acknowledge", 4, 3, 1), ("ship", 4, 2, 1), ("cancel", 4, 1, 0)],
)
def test_orders_due_are_counted(orders, kind, hours, due, overdue):
    result = Task().run(
        lambda: WalmartOrdersDueOperator(task_id="due", kind=kind, within=timedelta(hours=hours))
    )
    assert (result["due"], result["overdue"], result["kind"]) == (due, overdue, kind)


def test_the_file_has_the_most_urgent_first_and_nothing_personal(orders, tmp_path):
    path = tmp_path / "due.jsonl"
    result = Task().run(lambda: WalmartOrdersDueOperator(task_id="due", kind="acknowledge", output_path=path))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["purchase_order_id"] for row in rows] == ["3", "2", "1"]
    assert all(row.keys() == {"purchase_order_id", "due_at", "hours_left"} for row in rows)
    assert rows[0]["hours_left"] < 0 < rows[1]["hours_left"]
    assert result["next_due_at"] == rows[0]["due_at"]


def test_the_task_fails_when_that_is_wanted_and_names_orders(orders):
    made = {"task_id": "due", "kind": "ship", "fail_when_due": True}
    with pytest.raises(
        AirflowFailException, match=r"2 orders are due .*1 of them overdue, the most urgent: 5 "
    ):
        (task := Task()).run(lambda: WalmartOrdersDueOperator(**made))
    # Whoever is told of it has the counts.
    assert (task.xcom["return_value"]["due"], task.xcom["return_value"]["overdue"]) == (2, 1)


def test_a_kind_that_is_none_is_refused_before_anything_is_sent(orders):
    made = WalmartOrdersDueOperator(task_id="due", kind="{{ 'pack' }}")
    made.kind = "pack"
    with pytest.raises(AirflowFailException, match="allowed: acknowledge, ship, cancel"):
        Task().run(lambda: made)
    assert orders.requests == []


@pytest.fixture
def performance(account):
    levels = {"otd": "GOOD", "vtr": "MONITOR", "cancellations": "URGENT"}

    def answers(path, query):
        name = path.split("/")[-2]
        if name not in levels:
            return None
        standard = {"performanceRiskLevel": levels[name], "performanceStandard": "90% or more"}
        return {"payload": {**standard, "overallRate": 88.5}, "status": "OK"}

    return account(answers)


def test_metrics_at_risk_fail_the_task_with_walmarts_standard(performance):
    said = r"1 of 3 metrics as at risk: cancellations is URGENT \(Walmart's standard: 90% or more\)"
    with pytest.raises(AirflowFailException, match=said):
        Task().run(lambda: WalmartPerformanceOperator(task_id="performance"))
    assert sum("/performance/" in request.path for request in performance.requests) == len(METRICS)


@pytest.mark.parametrize(
    ("metrics", "fail_on", "failing"),
    [
        (["otd"], "URGENT", None),
        ("otd, vtr", "URGENT", None),
        ("otd, vtr", "MONITOR", "vtr is MONITOR"),
        (["cancellations"], None, None),
    ],
)
def test_which_metrics_and_from_which_risk_on(performance, metrics, fail_on, failing):
    def run():
        return Task().run(
            lambda: WalmartPerformanceOperator(task_id="performance", metrics=metrics, fail_on=fail_on)
        )

    if failing:
        with pytest.raises(AirflowFailException, match=failing):
            run()
    else:
        assert "performanceRiskLevel" in json.dumps(run())


def test_a_metric_that_is_none_is_refused(performance):
    with pytest.raises(AirflowFailException, match="metrics has 'speed'; allowed: cancellations"):
        Task().run(lambda: WalmartPerformanceOperator(task_id="performance", metrics=["speed"]))
