"""Waiting for reports: by the list and not by the scarce status call, one poller per account and type."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.errors import WalmartRateLimitError, WalmartReportFailedError
from airflow_provider_walmart.client.reports.requests import ReportWatch
from airflow_provider_walmart.sensors.reports import WalmartReportSensor
from airflow_provider_walmart.task.time_limit import TimeLimit
from airflow_provider_walmart.triggers.reports import WalmartReportTrigger
from tests.helpers.passing_time import time_passes
from tests.helpers.tasks import Task, first_event, revive

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
REQUESTS = "/v3/reports/reportRequests"
# Seconds a report takes that isn't there yet.
SLOW = 600
LIST, STATUS = f"^{REQUESTS}$", f"^{REQUESTS}/"


def seeded(shop, *reports) -> list[str]:
    """Have somebody else ask for reports; return the ids of the requests."""
    return shop.server.control("POST", "seed", {"reports": list(reports)})["reports"]


def polls(shop) -> dict[str, int]:
    """Return how often the list was read, and how often the status of one request."""
    counts: Counter[str] = Counter()
    for entry in shop.received(REQUESTS):
        counts["list" if entry["path"] == REQUESTS else "status"] += 1
    return dict(counts)


def done_after(shop, polls: int):
    """Let the reports be done once they have been polled so often."""
    return time_passes(shop, SLOW, after=polls, path=REQUESTS)


def sensor(request_id, **fields):
    known = {"task_id": "wait", "request_id": request_id, "poke_interval": 0.05, "deferrable": False}
    return lambda: WalmartReportSensor(**{**known, **fields})


def trigger(request_id, **fields):
    known = {"report_type": "ITEM", "since": 0, "deadline": 1e12, "poll_interval": 0.05}
    return WalmartReportTrigger(
        walmart_conn_id="walmart_default", request_id=request_id, **{**known, **fields}
    )


# -- the watch -----------------------------------------------------------------------------------------


@pytest.fixture
def watch(shop, make_client):
    return lambda report_type="ITEM": ReportWatch(make_client(shop.url), report_type)


def test_the_list_tells_of_all(shop, watch):
    ids = seeded(shop, *[{"age": 9, "seconds": 1 if number % 2 else 600} for number in range(25)])
    found = watch().poll(ids)
    assert [found[request_id]["requestStatus"] for request_id in ids[:2]] == ["RECEIVED", "READY"]
    assert found.keys() == set(ids)
    assert polls(shop) == {"list": 3}


def test_the_list_is_read_no_further_than_needed(shop, watch):
    old = seeded(shop, *[{"age": 600}] * 30)
    new = seeded(shop, {}, {})
    assert watch().poll(new).keys() == set(new)
    assert polls(shop) == {"list": 1}
    assert watch().poll(old[:1]).keys() == set(old[:1])


def test_what_the_list_lacks_is_asked_for_itself(shop, watch):
    old, listed = seeded(shop, {"age": 31 * 86400}, {})
    found = watch().poll([listed, old, "00000000-0000-0000-0000-000000000000"])
    assert found[listed]["requestId"] == listed
    assert found[old]["requestId"] == old
    assert found["00000000-0000-0000-0000-000000000000"] is None
    assert polls(shop) == {"list": 1, "status": 2}


@pytest.mark.parametrize("given", ["", "ITEM"])
def test_a_type_is_learnt_once(shop, watch, given):
    (request_id,) = seeded(shop, {"reportType": "PROMO", "seconds": SLOW})
    watching = watch(given)
    for _ in range(3):
        assert watching.poll([request_id])[request_id]["requestStatus"] == "RECEIVED"
    assert polls(shop)["status"] == 1


def test_an_empty_budget_takes_nothing_from_those_that_are_listed(shop, watch):
    listed, *old = seeded(shop, {}, *[{"age": 31 * 86400, "seconds": 60 * 86400}] * 25)
    watching = watch()
    found = watching.poll([listed, *old])
    assert found[listed]["requestId"] == listed
    assert len(found) == 21
    with pytest.raises(WalmartRateLimitError):
        watching.poll(old[-1:])
    assert watching.poll([listed, *old])[listed]["requestId"] == listed
    assert polls(shop)["status"] == 20


# -- the sensor ----------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("report_type", [None, "INVENTORY", "ITEM"], ids=["unknown", "right", "wrong"])
def test_waits_for_a_report_of_seller_center(shop, deferrable, report_type):
    (request_id,) = seeded(shop, {"reportType": "INVENTORY", "seconds": SLOW})
    task = Task()
    with done_after(shop, polls=4):
        request = task.run(sensor(request_id, report_type=report_type, deferrable=deferrable))
    assert (request["requestId"], request["requestStatus"]) == (request_id, "READY")
    assert request["reportType"] == "INVENTORY"
    assert len(task.deferrals) == deferrable
    assert polls(shop).get("status", 0) == (report_type != "INVENTORY")


@pytest.mark.parametrize("has_state", [True, False])
def test_when_rescheduled_a_type_that_is_not_given_is_learnt_once_or_every_three_minutes(shop, has_state):
    (request_id,) = seeded(shop, {"seconds": SLOW})
    task = Task(has_state=has_state)
    # Each poll has a process, and so a sensor, of its own.
    sensors = [sensor(request_id, mode="reschedule", poke_interval=60)() for _ in range(4)]
    for one in sensors:
        assert one.poke(task.context()) is False
    assert polls(shop)["status"] == (1 if has_state else 4)
    assert {one.poke_interval for one in sensors} == {60 if has_state else 180}


@MODES
def test_a_report_that_is_ready_is_not_waited_for(shop, deferrable):
    (request_id,) = seeded(shop, {"age": 60})
    task = Task()
    assert task.run(sensor(request_id, report_type="ITEM", deferrable=deferrable))["requestId"] == request_id
    assert task.deferrals == []


@MODES
def test_a_report_that_fails(shop, deferrable):
    (request_id,) = seeded(shop, {"seconds": SLOW, "outcome": "ERROR"})
    with done_after(shop, polls=2), pytest.raises(WalmartReportFailedError, match="could not make"):
        Task().run(sensor(request_id, report_type="ITEM", deferrable=deferrable))


@MODES
@pytest.mark.parametrize("report_type", [None, "ITEM"])
def test_a_report_nobody_knows(shop, deferrable, report_type):
    with pytest.raises(WalmartReportFailedError, match="doesn't know report request"):
        Task().run(sensor("nobody-knows", report_type=report_type, deferrable=deferrable))


@MODES
def test_transient_errors_are_waited_out(shop, deferrable):
    (request_id,) = seeded(shop, {"seconds": SLOW})
    shop.fault(STATUS, status=500, times=4)
    shop.fault(LIST, status=500, times=4)
    shop.fault(LIST, reset="before", times=4)
    with done_after(shop, polls=14):
        request = Task().run(sensor(request_id, deferrable=deferrable))
    assert request["requestStatus"] == "READY"


# -- triggers ------------------------------------------------------------------------------------------


def test_a_trigger_survives_the_database():
    made = trigger("R-1", poll_interval=None)
    path, kwargs = json.loads(json.dumps(made.serialize()))
    assert path == "airflow_provider_walmart.triggers.reports.WalmartReportTrigger"
    assert revive(made).serialize() == (path, kwargs)


def test_a_trigger_gives_up_at_its_deadline(shop):
    (request_id,) = seeded(shop, {"seconds": SLOW})
    assert asyncio.run(first_event(trigger(request_id, deadline=0))) == {"status": "timeout", "resume": {}}


def test_a_trigger_tells_what_no_patience_helps(shop):
    shop.settings(scopes={"*": {"reports": "no_access"}})
    resume = {"limit": TimeLimit(0.0, 1.0).as_dict()}
    event = asyncio.run(first_event(trigger("R-1", resume=resume)))
    assert (event["status"], event["retryable"]) == ("error", False)
    assert "403" in event["message"]
    with pytest.raises(AirflowFailException, match="failed"):
        sensor("R-1")().execute_complete({}, event)


def test_fifty_waiting_reports_cost_few_calls(shop):
    """As many calls as rounds and pages, whatever the number of triggers; none of them for a single status."""
    kinds = ("ITEM", "INVENTORY")
    ids = {kind: seeded(shop, *[{"reportType": kind, "seconds": SLOW}] * 25) for kind in kinds}

    async def wait_for_all() -> list:
        waiting = []
        for number in range(25):
            for kind in kinds:
                made = trigger(ids[kind][number], report_type=kind, poll_interval=1)
                waiting.append(asyncio.create_task(first_event(made)))
            # They don't all come at once.
            await asyncio.sleep(0.02)
        return await asyncio.gather(*waiting)

    # Two types of three pages each: they are done in the third round.
    began = time.monotonic()
    with done_after(shop, polls=2 * 2 * 3):
        events = asyncio.run(wait_for_all())
    rounds = 2 + time.monotonic() - began
    assert {event["request"]["requestStatus"] for event in events} == {"READY"}
    assert {event["request"]["requestId"] for event in events} == {*ids["ITEM"], *ids["INVENTORY"]}
    counts = polls(shop)
    assert counts.keys() == {"list"}
    # Every trigger for itself would need more than a hundred a round.
    assert counts["list"] <= 2 * 3 * rounds
    assert shop.token_requests == 1


def test_two_triggers_for_one_report_both_get_it(shop):
    (request_id,) = seeded(shop, {"seconds": SLOW})

    async def both() -> list:
        return await asyncio.gather(*(first_event(trigger(request_id)) for _ in range(2)))

    with done_after(shop, polls=2):
        first, second = asyncio.run(both())
    assert first == second
    assert first["request"]["requestStatus"] == "READY"
