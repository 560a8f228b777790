"""Waiting in the worker and in the triggerer: the same result, the same failure, the same patience."""

from __future__ import annotations

import json
import logging
import re

import pytest
from airflow.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.feeds import watch as feed_watch
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor
from airflow_provider_walmart.task import poll_failures, waiting
from tests.helpers.passing_time import time_passes
from tests.helpers.tasks import Task

ROWS = [{"sku": f"A-{number}", "quantity": number} for number in range(4)]
MODES = {"poll": False, "deferred": True}


def submit(**fields):
    known = {"task_id": "a_task", "feed_type": "MP_INVENTORY", "records": ROWS, "poll_interval": 0.05}
    return lambda: WalmartSubmitFeedOperator(**{**known, **fields})


def outcome(task: Task, make_operator):
    """Return what became of a try, in a form that can be compared."""
    try:
        return task.run(make_operator)
    except (AirflowException, WalmartError) as error:
        return type(error), str(error), dict(task.xcom)


def in_both_modes(shop, make_operator, prepare=lambda: None, **known):
    """Return the outcome in either mode, with the ids of feeds blotted out."""
    outcomes = []
    for deferrable in MODES.values():
        shop.reset()
        shop.settings(**{"feed_seconds": 0.2, **known})
        prepare()
        told = repr(outcome(Task(), make_operator(deferrable)))
        outcomes.append(re.sub(r"[0-9A-F]{32}(@|%40)AQMBAQA", "FEED", told))
    return outcomes


# -- the same ending -------------------------------------------------------------------------------------


def test_the_result_is_the_same_polled_and_deferred(shop, tmp_path):
    fields = {"item_errors_path": str(tmp_path / "failed.jsonl"), "allowed_failures": 0.5}
    polled, deferred = in_both_modes(shop, lambda deferrable: submit(**fields, deferrable=deferrable))
    assert polled == deferred
    assert "'itemsSucceeded': 4" in polled


@pytest.fixture
def little_patience(monkeypatch):
    """A few polls that fail, and they count as more than transient errors, in both modes."""
    monkeypatch.setattr(poll_failures, "MAX_FAILED_POLLS", 3)


@pytest.mark.parametrize("allowed", [0, 0.2, "1"])
def test_the_verdict_is_the_same_polled_and_deferred(shop, tmp_path, allowed):
    payload = tmp_path / "feed.json"
    payload.write_text('{"Inventory": [{"sku": "GOOD", "quantity": 1}, {"sku": "BAD", "quantity": -1}]}')
    fields = {
        "records": None,
        "payload_path": str(payload),
        "item_errors_path": str(tmp_path / "failed.jsonl"),
        "allowed_failures": allowed,
    }
    polled, deferred = in_both_modes(shop, lambda deferrable: submit(**fields, deferrable=deferrable))
    assert polled == deferred
    assert ("1 of 2 items failed" in polled) == (allowed != "1")
    assert "BAD" in (tmp_path / "failed.jsonl").read_text()


def test_nothing_applied_is_the_same_error_polled_and_deferred(shop):
    nothing = {"feedStatus": "PROCESSED", "itemsReceived": 4, "itemsSucceeded": 0, "itemsFailed": 0}
    polled, deferred = in_both_modes(
        shop,
        lambda deferrable: submit(deferrable=deferrable),
        lambda: shop.fault("/v3/feeds/.", body=json.dumps({"feedId": "F@1", **nothing})),
    )
    assert polled == deferred
    assert "AirflowFailException" in polled
    assert "nothing was applied (PROCESSED, but Walmart counts none of 4 items that succeeded)" in polled


@pytest.mark.usefixtures("little_patience")
def test_answers_without_a_status_give_the_same_polled_and_deferred(shop):
    polled, deferred = in_both_modes(
        shop,
        lambda deferrable: submit(deferrable=deferrable),
        lambda: shop.fault("/v3/feeds/.", body="{}"),
    )
    assert polled == deferred
    assert "WalmartWaitError'" in polled
    assert "without a feedStatus" in polled


def test_the_deadline_is_the_same_error_polled_and_deferred(shop):
    polled, deferred = in_both_modes(
        shop, lambda deferrable: submit(timeout=0.3, deferrable=deferrable), feed_seconds=3600
    )
    assert polled == deferred
    assert "Feeds FEED not finished after 0 s" in polled


def test_the_last_poll_is_at_the_deadline_polled_and_deferred(shop):
    polled, deferred = in_both_modes(
        shop, lambda deferrable: submit(timeout=1, poll_interval=3600, deferrable=deferrable), feed_seconds=0
    )
    assert polled == deferred
    assert "'itemsSucceeded': 4" in polled


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.3, "0 s"), (90, "90 s"), (900, "15 min"), (7200, "2.0 h"), (86400, "24.0 h")]
)
def test_how_long_was_waited_is_said_in_a_fitting_unit(seconds, words):
    assert f"not finished after {words}." in str(waiting.timed_out("Feeds", ["F@1"], seconds))


@pytest.mark.usefixtures("little_patience")
def test_too_many_failed_polls_are_the_same_error_polled_and_deferred(shop):
    polled, deferred = in_both_modes(
        shop,
        lambda deferrable: submit(deferrable=deferrable),
        lambda: shop.fault("/v3/feeds/.", status=503),
    )
    assert correlation_free(polled) == correlation_free(deferred)
    assert "WalmartWaitError'" in polled
    assert "Waiting for feeds FEED failed" in polled
    assert "503" in polled


def test_a_refused_read_is_the_same_error_polled_and_deferred(shop):
    # One that names a reason: without any, a 400 may be a fault that passes.
    wrong = {
        "errors": [
            {"code": "INVALID_REQUEST_PARAM.GMP_RECEIVER_API", "field": "feedId", "description": "wrong"}
        ]
    }
    polled, deferred = in_both_modes(
        shop,
        lambda deferrable: submit(deferrable=deferrable),
        lambda: shop.fault("/v3/feeds/.", status=400, body=json.dumps(wrong)),
    )
    assert correlation_free(polled) == correlation_free(deferred)
    assert "AirflowFailException" in polled
    assert "Waiting for feeds FEED failed" in polled


def test_an_unknown_feed_is_the_same_error_polled_and_deferred(shop, monkeypatch):
    monkeypatch.setattr(feed_watch, "LISTED_WITHIN", 0.3)
    missing = {"error": [{"code": "CONTENT_NOT_FOUND.GMP_RECEIVER_API"}]}
    polled, deferred = in_both_modes(
        shop,
        lambda deferrable: submit(deferrable=deferrable),
        lambda: shop.fault("/v3/feeds/.", status=404, body=missing),
    )
    assert polled == deferred
    assert "doesn't know feed FEED" in polled


def correlation_free(text: str) -> str:
    return re.sub(r" \[correlation id [^]]*\]", "", text)


# -- patience --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", MODES.values(), ids=MODES)
@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 503, "times": 8},
        {"reset": "before", "times": 8},
        {"status": 429, "times": 8},
        {"body": "<html>", "times": 3},
        {"truncate": 9, "times": 8},
    ],
    ids=["5xx", "connection lost", "429", "HTML", "cut short"],
)
def test_transient_errors_are_waited_out(shop, monkeypatch, deferrable, trouble):
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    shop.settings(feed_seconds=0.2)
    shop.fault("/v3/feeds/.", **trouble)
    assert Task().run(submit(deferrable=deferrable))["feeds"][0]["feedStatus"] == "PROCESSED"


@pytest.mark.parametrize("deferrable", MODES.values(), ids=MODES)
def test_a_feed_that_is_listed_late_is_waited_for(shop, deferrable):
    missing = {"error": [{"code": "CONTENT_NOT_FOUND.GMP_RECEIVER_API"}]}
    shop.settings(feed_seconds=0.2)
    shop.fault("/v3/feeds/.", status=404, body=missing, times=4)
    assert Task().run(submit(deferrable=deferrable))["feeds"][0]["feedStatus"] == "PROCESSED"


@pytest.mark.parametrize("deferrable", MODES.values(), ids=MODES)
def test_a_token_that_runs_out_while_waiting_is_renewed(shop, deferrable):
    shop.settings(feed_seconds=5, token_life=4)
    assert (
        Task().run(submit(deferrable=deferrable, poll_interval=1.5))["feeds"][0]["feedStatus"] == "PROCESSED"
    )


@pytest.mark.parametrize("deferrable", MODES.values(), ids=MODES)
def test_progress_is_in_the_log(shop, caplog, deferrable):
    caplog.set_level(logging.INFO)
    shop.settings(feed_seconds=3000)
    with time_passes(shop, 2000, 1000, after=2, path="/v3/feeds/."):
        Task().run(submit(deferrable=deferrable))
    said = [record.getMessage() for record in caplog.records if "Waiting: " in record.getMessage()]
    assert len(said) == len(set(said)), "each state once"
    assert "is RECEIVED: 0 of 0 items processed" in said[0]
    assert re.search(r"is INPROGRESS: 2 of 4 items processed \(50%\), 0 failed so far", "\n".join(said))


@pytest.mark.parametrize("deferrable", MODES.values(), ids=MODES)
def test_many_slices_are_looked_at_together(shop, monkeypatch, deferrable):
    from airflow_provider_walmart.client.feeds import feed_types as feed_formats

    monkeypatch.setitem(feed_formats._MAX_ITEMS, "mp_inventory", 1)
    shop.settings(feed_seconds=0)
    rows = [{"sku": f"A-{number}", "quantity": number} for number in range(9)]
    task = Task()
    assert len(task.run(submit(records=rows, deferrable=deferrable))["feeds"]) == 9
    polls = [
        entry
        for entry in shop.received("^/v3/feeds/?")
        if (entry["method"], entry["status"]) == ("GET", 200) and "includeDetails" not in entry["query"]
    ]

    # One poll of the list before each of the nine, and one for all of them after.
    assert len(polls) == 9 + 1


# -- the sensor ------------------------------------------------------------------------------------------


def sensor(**fields):
    return lambda: WalmartFeedSensor(**{"task_id": "a_task", "poke_interval": 0.05, **fields})


@pytest.mark.parametrize("allowed", [0, 2])
def test_the_sensor_ends_alike(shop, tmp_path, allowed):
    outcomes = []
    for deferrable in MODES.values():
        shop.reset()
        shop.settings(feed_seconds=600)
        shop.feed(feedId="SLOW@AQMBAQA", feedType="price", items=5, failed=2)
        path = tmp_path / "failed.jsonl"
        fields = {"feed_id": "SLOW@AQMBAQA", "allowed_failures": allowed, "item_errors_path": str(path)}
        task = Task()
        with time_passes(shop, 600, after=3, path="/v3/feeds/."):
            ended = outcome(task, sensor(**fields, deferrable=deferrable))
        outcomes.append((ended, task.xcom, path.read_text()))
        assert len(task.deferrals) == int(deferrable)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1]["return_value"]["feeds"][0]["feedType"] == "price"


def test_the_sensor_does_not_defer_for_a_finished_feed(shop):
    shop.feed(feedId="DONE@AQMBAQA", items=1, age=60)
    task = Task()
    assert task.run(sensor(feed_id="DONE@AQMBAQA", deferrable=True))["feeds"][0]["feedStatus"] == "PROCESSED"
    assert task.deferrals == []


def test_the_sensor_names_a_feed_that_walmart_does_not_know(shop, monkeypatch):
    monkeypatch.setattr(feed_watch, "LISTED_WITHIN", 0.3)
    polled, deferred = in_both_modes(
        shop, lambda deferrable: sensor(feed_id="NOBODY@AQMBAQA", deferrable=deferrable)
    )
    assert polled == deferred
    assert "doesn't know feed NOBODY@AQMBAQA" in polled


def test_the_sensor_gives_up_in_time(shop):
    shop.settings(feed_seconds=3600)
    shop.feed(feedId="SLOW@AQMBAQA", items=1)
    with pytest.raises(AirflowSensorTimeout):
        Task().run(sensor(feed_id="SLOW@AQMBAQA", deferrable=False, timeout=0.2))


def test_a_final_error_while_deferred_is_final(shop):
    shop.settings(feed_seconds=3600)
    shop.feed(feedId="SLOW@AQMBAQA", items=1)
    shop.fault("/v3/feeds/.", skip=1, status=403)
    with pytest.raises(AirflowFailException, match="403"):
        Task().run(sensor(feed_id="SLOW@AQMBAQA", deferrable=True))
