"""What Airflow promises of every operator, sensor and trigger holds for each of this package."""

from __future__ import annotations

import asyncio
import copy
import importlib
import inspect
import json
import os
import pickle
import pkgutil
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.exceptions import AirflowSensorTimeout
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    TaskDeferred,
)
from airflow.sdk import DAG
from airflow.triggers.base import BaseEventTrigger, BaseTrigger

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.transport.retries import Retries
from airflow_provider_walmart.task import poll_failures
from tests.helpers.tasks import Task, first_event, revive

ROWS = [{"sku": "A-1", "quantity": 1}]
MINUTE = timedelta(minutes=1)
GOLOCAL_CLIENT = "7d55b982-faea-410d-a5c6-3cf6debb2973"
WAIT: dict[str, Any] = {"since": 0.0, "deadline": 1e12, "poll_interval": 1.0}

#: What each class needs at least. A class that is missing here fails `test_every_class_is_held_to_its_promises`.
TASKS: dict[str, dict[str, Any]] = {
    "operators.api.WalmartApiOperator": {"operation": "getAnOrder", "api_params": {"purchaseOrderId": "1"}},
    "operators.deadlines.WalmartOrdersDueOperator": {"kind": "ship"},
    "operators.deadlines.WalmartPerformanceOperator": {"metrics": None},
    "operators.exports.WalmartExportOperator": {"operation": "getAllOrders", "output_path": "/tmp/x.jsonl"},
    "operators.feeds.WalmartFeedStatusOperator": {"feed_id": "F@1"},
    "operators.feeds.WalmartSubmitFeedOperator": {"feed_type": "MP_INVENTORY", "records": ROWS},
    "operators.golocal.WalmartGoLocalCancelDeliveryOperator": {"delivery_id": "D-1"},
    "operators.golocal.WalmartGoLocalCreateDeliveryOperator": {"delivery": {"externalOrderId": "1"}},
    "operators.orders.WalmartOrderUpdateOperator": {
        "action": "acknowledge",
        "records": [{"purchase_order_id": "1"}],
    },
    "operators.reports.WalmartReportOperator": {"report_type": "ITEM", "output_path": "/tmp/x.csv"},
    "operators.settlements.WalmartSettlementOperator": {"output_path": "/tmp/settlements"},
    "sensors.feeds.WalmartFeedSensor": {"feed_id": "F@1"},
    "sensors.golocal.WalmartGoLocalDeliverySensor": {"delivery_id": "D-1"},
    "sensors.reports.WalmartReportSensor": {"request_id": "R-1", "report_type": "ITEM"},
}
TRIGGERS: dict[str, dict[str, Any]] = {
    "triggers.base.WalmartTimeTrigger": {"at": 0.0, "resume": {"a": 1}},
    "triggers.feed_events.WalmartFeedFinishedTrigger": {},
    "triggers.feeds.WalmartFeedTrigger": {"walmart_conn_id": "w", "feed_ids": ["F@1"], **WAIT},
    "triggers.golocal.WalmartGoLocalDeliveryTrigger": {
        "walmart_golocal_conn_id": "w",
        "delivery_id": "D-1",
        "success_statuses": ["DELIVERED"],
        "failure_statuses": [],
        **WAIT,
    },
    "triggers.order_events.WalmartNewOrdersTrigger": {},
    "triggers.report_events.WalmartReportReadyTrigger": {"report_types": ["ITEM"]},
    "triggers.reports.WalmartReportTrigger": {
        "walmart_conn_id": "w",
        "request_id": "R-1",
        "report_type": "ITEM",
        **WAIT,
    },
}
BASES = {
    "sensors.base.WalmartSensor",
    "triggers.base.WalmartWaitTrigger",
    "triggers.events.WalmartEventTrigger",
}
SENSORS = [name for name in TASKS if name.startswith("sensors.")]
EVENTS = ["triggers.feed_events", "triggers.order_events", "triggers.report_events", "triggers.base"]
WAITING_TRIGGERS = [name for name in TRIGGERS if name.rpartition(".")[0] not in EVENTS]

every_task = pytest.mark.parametrize("name", TASKS)
every_sensor = pytest.mark.parametrize("name", SENSORS)
every_trigger = pytest.mark.parametrize("name", TRIGGERS)


def found_classes() -> set[str]:
    """Return all operators, sensors and triggers that the package has."""
    found = set()
    for folder in ("operators", "sensors", "triggers"):
        package = importlib.import_module(f"airflow_provider_walmart.{folder}")
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            found |= {
                f"{folder}.{info.name}.{name}"
                for name, thing in vars(module).items()
                if inspect.isclass(thing)
                and issubclass(thing, (BaseOperator, BaseTrigger))
                and thing.__module__ == module.__name__
            }
    return found


def kind_of(name: str) -> Any:
    module, _, kind = name.rpartition(".")
    return getattr(importlib.import_module(f"airflow_provider_walmart.{module}"), kind)


def make(name: str, **fields: Any) -> Any:
    return kind_of(name)(**{"task_id": "a_task", **TASKS[name], **fields})


@pytest.fixture
def connections(monkeypatch) -> None:
    for kind in ("walmart", "walmart_golocal"):
        account = {"conn_type": kind, "login": "an-id", "password": "", "host": "http://127.0.0.1:9"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", json.dumps(account))


def test_every_class_is_held_to_its_promises():
    assert found_classes() == {*TASKS, *TRIGGERS} | BASES


# -- what every task promises ------------------------------------------------------------------------


@every_task
def test_default_args_reach_it(name):
    option = next(
        field for field in ("walmart_conn_id", "walmart_golocal_conn_id") if hasattr(make(name), field)
    )
    defaults = {"retries": 7, "execution_timeout": MINUTE, "do_xcom_push": False, option: "another"}
    if name in SENSORS:
        defaults |= {"poke_interval": 900, "timeout": 3600, "soft_fail": True, "exponential_backoff": True}
    with DAG(
        "a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), default_args=defaults
    ):
        made = make(name)
    assert {field: getattr(made, field) for field in defaults} == defaults


@every_task
def test_its_template_fields_are_arguments_of_its_own_and_are_rendered(name):
    made = make(name)
    arguments = inspect.signature(type(made).__init__).parameters
    assert set(made.template_fields) <= set(arguments)
    for field in made.template_fields:
        setattr(made, field, "{{ told }}")
    made.render_template_fields({"told": "some text"})
    assert {getattr(made, field) for field in made.template_fields} == {"some text"}


@every_task
def test_every_class_can_be_mapped(name):
    fields = dict(TASKS[name])
    field = next(iter(fields))
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        value = fields.pop(field)
        mapped = kind_of(name).partial(task_id="a_task", **fields).expand(**{field: [value]})
    assert getattr(mapped.unmap({field: value}), field) == value


@every_task
def test_every_class_can_be_copied_and_pickled_also_once_its_hook_was_used(name, connections, monkeypatch):
    for kind in ("walmart", "walmart_golocal"):
        account = {
            "conn_type": kind,
            "login": "6a4fcc50-9f5e-4b0a-8a8a-000000000001",
            "password": "a-secret-of-ours",
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", json.dumps(account))
    made = make(name)
    for _ in range(2):
        assert copy.deepcopy(made).task_id == "a_task"
        assert "a-secret-of-ours" not in repr(vars(pickle.loads(pickle.dumps(made))))
        assert made.hook.client is not None


@every_task
def test_every_class_runs_outside_of_airflow_without_a_warning(name, connections, capfd, caplog):
    with pytest.raises((AirflowFailException, WalmartError)):
        make(name).execute({})
    assert "outside of the Task Runner" not in capfd.readouterr().out + caplog.text


@every_task
def test_killing_it_is_no_error(name):
    make(name).on_kill()


# -- what every trigger promises ---------------------------------------------------------------------


@every_trigger
def test_a_trigger_survives_the_database_and_a_copy(name):
    made = kind_of(name)(**TRIGGERS[name])
    assert revive(made).serialize() == made.serialize()
    assert made.serialize()[0] == f"airflow_provider_walmart.{name}"
    assert copy.deepcopy(made).serialize() == made.serialize()


@pytest.mark.parametrize("name", WAITING_TRIGGERS)
def test_the_pause_of_a_waiting_trigger_doubles_with_exponential_backoff_up_to_max_wait(name):
    now = time.time()
    growing = {
        **TRIGGERS[name],
        "poll_interval": MINUTE,
        "exponential_backoff": True,
        "max_wait": timedelta(hours=1),
    }
    pauses = [
        round(kind_of(name)(**{**growing, "since": now - age}).pause()) for age in (0, 60, 120, 240, 7200)
    ]
    assert pauses == [60, 60, 120, 240, 3600]
    steady = {**growing, "exponential_backoff": False, "since": now - 7200}
    assert kind_of(name)(**steady).pause() == 60


def test_a_trigger_of_a_time_gives_back_what_it_was_given():
    made = kind_of("triggers.base.WalmartTimeTrigger")(at=0.0, resume={"a": 1})
    assert asyncio.run(first_event(made)) == {"status": "success", "resume": {"a": 1}}


@every_trigger
def test_a_trigger_that_waits_for_something_says_what_a_kill_leaves(name, capsys):
    made = kind_of(name)(**TRIGGERS[name])
    if not isinstance(made, BaseEventTrigger) and "Time" not in name:
        asyncio.run(made.on_kill())
        assert "any more" in capsys.readouterr().out


# -- waiting over HTTP: the same polled and deferred --------------------------------------------------


@pytest.fixture
def golocal(shop, monkeypatch) -> None:
    """The connection ``walmart_golocal_default`` leads to the sandbox as well."""
    connection = shop.connection(
        conn_type="walmart_golocal",
        login=GOLOCAL_CLIENT,
        extra={"environment": "sandbox", "timeout": 60},
    )
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_GOLOCAL_DEFAULT", connection)


def booking(number: int) -> dict[str, Any]:
    return {
        "clientId": "2",
        "externalOrderId": f"ORDER-{number}",
        "deliveryMethod": "SCHEDULED_DELIVERY",
        "customer": {"firstName": "Mary-Ann", "lastName": "O'Neil", "phone": "4085550100"},
        "deliveryDetails": {"address": {"line1": "1 Main St", "city": "Sunnyvale", "zipCode": "94086"}},
    }


def delivery(number: int) -> str:
    """Book a delivery; return its id."""
    create = make("operators.golocal.WalmartGoLocalCreateDeliveryOperator", delivery=booking(number))
    return create.execute({})["deliveryId"]


@pytest.fixture
def waiting(shop, golocal, tmp_path) -> dict[str, dict[str, Any]]:
    """What waits for something that goes on for hours, by class."""
    shop.settings(feed_seconds=3600, report_seconds=3600, delivery_seconds=3600)
    (report,) = shop.server.control("POST", "seed", {"reports": [{"reportType": "ITEM", "seconds": 3600}]})[
        "reports"
    ]
    return {
        "sensors.golocal.WalmartGoLocalDeliverySensor": {"delivery_id": delivery(1)},
        "operators.feeds.WalmartSubmitFeedOperator": {},
        "operators.reports.WalmartReportOperator": {"output_path": str(tmp_path / "x.csv")},
        "sensors.feeds.WalmartFeedSensor": {"feed_id": shop.feed(items=2)},
        "sensors.reports.WalmartReportSensor": {"request_id": report},
    }


WAITING = [
    "operators.feeds.WalmartSubmitFeedOperator",
    "operators.reports.WalmartReportOperator",
    "sensors.feeds.WalmartFeedSensor",
    "sensors.reports.WalmartReportSensor",
    "sensors.golocal.WalmartGoLocalDeliverySensor",
]
that_waits = pytest.mark.parametrize("name", WAITING)


def interval(name: str) -> dict[str, float]:
    return {"poke_interval" if name in SENSORS else "poll_interval": 0.05}


@that_waits
def test_execution_timeout_ends_a_deferred_wait(name, waiting):
    fields = {
        **waiting[name],
        **interval(name),
        "deferrable": True,
        "execution_timeout": timedelta(seconds=1),
    }
    task = Task()
    with pytest.raises(AirflowTaskTimeout, match=r"execution_timeout has passed.*not finished"):
        task.run(lambda: make(name, **fields))
    assert len(task.deferrals) == 1


@that_waits
def test_the_earlier_of_timeout_and_execution_timeout_is_the_deadline(name, waiting):
    for timeout, execution_timeout in ((60, 3600), (3600, 60)):
        fields = {"timeout": timeout, "execution_timeout": timedelta(seconds=execution_timeout)}
        with pytest.raises(TaskDeferred) as caught:
            make(name, deferrable=True, **waiting[name], **fields).execute({})
        left = caught.value.trigger.deadline - time.time()
        assert 50 < left <= 60
        # Airflow's own limit of a deferral comes later, since it can't say what was waited for.
        assert (
            timedelta(seconds=left) < caught.value.timeout < timedelta(seconds=left) + timedelta(minutes=11)
        )
        assert not caught.value.kwargs, "dag.test() gives a resumed task the event alone"


SLOW_SENSORS = pytest.mark.parametrize("name", WAITING[2:])


@SLOW_SENSORS
@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
@pytest.mark.parametrize(
    ("option", "ends"), [({}, AirflowSensorTimeout), ({"soft_fail": True}, AirflowSkipException)], ids=str
)
def test_a_sensor_that_times_out_ends_alike(name, option, ends, deferrable, waiting):
    fields = {**waiting[name], **interval(name), **option, "deferrable": deferrable, "timeout": 0.2}
    with pytest.raises(ends):
        Task().run(lambda: make(name, **fields))


@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
@pytest.mark.parametrize(
    ("option", "ends"),
    [
        ({}, AirflowFailException),
        ({"soft_fail": True}, AirflowSkipException),
        ({"never_fail": True}, AirflowSkipException),
    ],
    ids=str,
)
@pytest.mark.parametrize("moment", ["at the first poll", "later"])
def test_a_feed_with_failed_items_ends_a_sensor_alike(moment, option, ends, deferrable, shop):
    shop.settings(feed_seconds=0.5)
    feed_id = shop.feed(items=3, failed=1, age=60 if moment == "at the first poll" else 0)
    fields = {**option, "feed_id": feed_id, "poke_interval": 0.1, "deferrable": deferrable}
    with pytest.raises(ends):
        Task().run(lambda: make("sensors.feeds.WalmartFeedSensor", **fields))


@every_sensor
@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
@pytest.mark.parametrize("option", [{}, {"silent_fail": True}], ids=str)
def test_silent_fail_outlasts_polls_that_fail(name, option, deferrable, waiting, shop, monkeypatch):
    monkeypatch.setattr(poll_failures, "MAX_FAILED_POLLS", 2)
    monkeypatch.setattr(Retries, "BACKOFF", 0.0)
    task = Task()
    # The first poll is good; then so many fail that Walmart would be given up twice.
    shop.fault("/v3/feeds|/v3/reports|/deliveries", method="GET", status=500, skip=1, times=4 * 4)
    shop.settings(feed_seconds=0, report_seconds=0, delivery_seconds=0)

    def run() -> Any:
        return task.run(
            lambda: make(name, **waiting[name], **interval(name), deferrable=deferrable, **option)
        )

    if not option:
        with pytest.raises(WalmartError):
            run()
        return

    def advance_after_the_first_poll() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(entry["status"] == 500 for entry in shop.received("")):
            time.sleep(0.05)
        shop.advance(7200)

    advancing = threading.Thread(target=advance_after_the_first_poll)
    advancing.start()
    assert run()
    advancing.join()
    assert len(task.deferrals) == (3 if deferrable else 0)


@pytest.fixture
def working(shop, golocal, tmp_path) -> dict[str, dict[str, Any]]:
    """What makes each task succeed, by class."""
    shop.settings(feed_seconds=0, report_seconds=0, delivery_seconds=1e9)
    delivered = delivery(3)
    shop.server.control("POST", f"deliveries/{delivered}", {"status": "DELIVERED"})
    seeded = shop.server.control(
        "POST", "seed", {"orders": {"count": 1, "age": 3600}, "reports": [{"reportType": "ITEM", "age": 600}]}
    )
    return {
        "operators.api.WalmartApiOperator": {"operation": "getAllReleasedOrders", "api_params": None},
        "operators.deadlines.WalmartPerformanceOperator": {"metrics": "cancellations"},
        "operators.exports.WalmartExportOperator": {"output_path": str(tmp_path / "x.jsonl")},
        "operators.feeds.WalmartFeedStatusOperator": {"feed_id": shop.feed(items=2, age=60)},
        "operators.golocal.WalmartGoLocalCancelDeliveryOperator": {"delivery_id": delivery(1)},
        "operators.golocal.WalmartGoLocalCreateDeliveryOperator": {"delivery": booking(2)},
        "operators.orders.WalmartOrderUpdateOperator": {
            "records": [{"purchase_order_id": seeded["orders"][0]}],
        },
        "operators.reports.WalmartReportOperator": {"output_path": str(tmp_path / "x.csv")},
        "operators.settlements.WalmartSettlementOperator": {"output_path": str(tmp_path / "settlements")},
        "sensors.feeds.WalmartFeedSensor": {"feed_id": shop.feed(items=2, age=60)},
        "sensors.golocal.WalmartGoLocalDeliverySensor": {"delivery_id": delivered},
        "sensors.reports.WalmartReportSensor": {"request_id": seeded["reports"][0]},
    }


@every_task
def test_do_xcom_push_false_leaves_no_result(name, working, shop, tmp_path, monkeypatch):
    # Metrics may be read once a minute: neither the sandbox nor the budget of the run before counts.
    shop.settings(limits=False)
    results = []
    for pushes in (True, False):
        task = Task()
        monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path / f"state {pushes}"))
        fields = {**working.get(name, {}), **(interval(name) if name in WAITING else {})}
        results.append(task.run(lambda: make(name, **fields, do_xcom_push=pushes)))  # noqa: B023
        assert pushes or "return_value" not in task.xcom
    assert None not in results


CLIENTS = ("an-id", GOLOCAL_CLIENT)


@pytest.fixture
def reset_keys(shop, golocal, monkeypatch, request):
    """Return a function that has somebody reset the keys at Walmart in a moment, and edit the connections a moment later."""
    monkeypatch.setattr(poll_failures, "TRY_KEYS_EVERY", 0.1)

    def refused() -> int:
        return sum(entry["status"] == 401 for entry in shop.received("token$"))

    def polls() -> int:
        """Return how many reads there were since the last write: that of the operator, or the booking of the fixture."""
        sent = [entry["method"] for entry in shop.received() if not entry["path"].endswith("token")]
        writes = 1 + ("operators." in request.node.callspec.params["name"])
        return sent[::-1].index("POST") if sent.count("POST") == writes else 0

    def wait_until(happened: Callable[[], bool]) -> None:
        until = time.monotonic() + 20
        while not happened() and time.monotonic() < until:
            time.sleep(0.05)

    def somebody() -> None:
        wait_until(lambda: polls() >= 2)
        shop.settings(secrets=dict.fromkeys(CLIENTS, "new-secret"))
        shop.revoke_tokens()
        wait_until(lambda: refused() >= 2)
        # On the way there they may make no sense, which only those survive that have a client already.
        for secret in ([] if "rescheduled" in request.node.name else [""]) + ["new-secret"]:
            for name in ("AIRFLOW_CONN_WALMART_DEFAULT", "AIRFLOW_CONN_WALMART_GOLOCAL_DEFAULT"):
                monkeypatch.setenv(name, json.dumps({**json.loads(os.environ[name]), "password": secret}))
            time.sleep(0.2)
        shop.advance(7200)

    person = threading.Thread(target=somebody)
    yield person.start
    person.join()
    assert refused() >= 2


@that_waits
@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
def test_keys_that_are_reset_and_edited_while_it_waits_are_used(name, deferrable, waiting, reset_keys, shop):
    task = Task()
    reset_keys()
    assert task.run(lambda: make(name, **waiting[name], **interval(name), deferrable=deferrable))
    assert len(task.deferrals) == deferrable
    sent = [entry for entry in shop.received("/v3/feeds$") if entry["method"] == "POST"]
    assert len(sent) == ("Submit" in name)


@pytest.mark.parametrize("name", SENSORS)
def test_keys_that_are_reset_and_edited_are_used_by_a_sensor_that_is_rescheduled(name, waiting, reset_keys):
    task = Task()
    reset_keys()
    for poll in range(500):
        # A process of its own each time, with the connection read anew.
        found = make(name, **waiting[name], mode="reschedule").poke(
            {**task.context(), "task_reschedule_count": poll}
        )
        if found:
            break
        time.sleep(0.05)
    assert found.xcom_value


@every_sensor
@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
def test_keys_that_never_worked_end_it_at_once(name, deferrable, waiting, shop, monkeypatch):
    for name_of in ("AIRFLOW_CONN_WALMART_DEFAULT", "AIRFLOW_CONN_WALMART_GOLOCAL_DEFAULT"):
        monkeypatch.setenv(name_of, json.dumps({**json.loads(os.environ[name_of]), "password": "no-secret"}))
    with pytest.raises(AirflowFailException, match="refuses these keys"):
        make(name, **waiting[name], deferrable=deferrable).execute({})


def test_a_sensor_logs_progress_when_it_changes(shop, capsys):
    shop.settings(feed_seconds=3600)
    made = make("sensors.feeds.WalmartFeedSensor", feed_id=shop.feed(items=2))
    for _ in range(3):
        assert made.poke({}) is False
    assert capsys.readouterr().out.count("Waiting: ") == 1


# Where each task takes an id.
IDS: dict[str, dict[str, Any]] = {
    "operators.api.WalmartApiOperator": {"operation": "retireAnItem", "api_params": {"sku": "{{ told }}"}},
    "operators.feeds.WalmartFeedStatusOperator": {"feed_id": "{{ told }}"},
    "operators.feeds.WalmartSubmitFeedOperator": {"records": [{"sku": "{{ told }}", "quantity": 1}]},
    "operators.golocal.WalmartGoLocalCancelDeliveryOperator": {"delivery_id": "{{ told }}"},
    "operators.golocal.WalmartGoLocalCreateDeliveryOperator": {
        "delivery": {**booking(1), "externalOrderId": "{{ told }}"}
    },
    "operators.orders.WalmartOrderUpdateOperator": {"records": [{"purchase_order_id": "{{ told }}"}]},
    "sensors.feeds.WalmartFeedSensor": {"feed_id": "{{ told }}"},
    "sensors.golocal.WalmartGoLocalDeliverySensor": {"delivery_id": "{{ told }}"},
    "sensors.reports.WalmartReportSensor": {"request_id": "{{ told }}"},
}
TAKES_NO_ID = [
    "operators.deadlines",
    "operators.exports",
    "operators.reports",
    "operators.settlements",
]


def test_all_tasks_that_take_an_id_are_known():
    assert {name for name in TASKS if name.rpartition(".")[0] not in TAKES_NO_ID} == set(IDS)


@pytest.mark.parametrize("name", IDS)
def test_an_id_that_native_rendering_made_a_number_is_refused(name, shop, golocal):
    with DAG(
        "a_dag",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        render_template_as_native_obj=True,
    ):
        made = make(name, **IDS[name])
    made.render_template_fields({"told": "1E5"})
    with pytest.raises(AirflowFailException, match=r"100000\.0"):
        made.execute({})
    assert [entry for entry in shop.received() if not entry["path"].endswith("token")] == []


@every_task
def test_native_rendering_leaves_texts_as_they_are(name):
    with DAG(
        "a_dag",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        render_template_as_native_obj=True,
    ):
        made = make(name)
        texts = [field for field in made.template_fields if isinstance(getattr(made, field), str)]
        for field in texts:
            setattr(made, field, "{{ told }}")
    made.render_template_fields({"told": "00123@AU8BAQA"})
    assert {getattr(made, field) for field in texts} <= {"00123@AU8BAQA"}


def test_every_task_that_can_be_deferred_is_tested_so():
    assert {name for name in TASKS if hasattr(make(name), "deferrable")} == set(WAITING)
