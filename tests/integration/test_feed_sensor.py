"""The feed sensor outside Airflow, against the sandbox."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from itertools import count

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, PokeReturnValue

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConnectionError,
    WalmartNotFoundError,
    WalmartServerError,
)
from airflow_provider_walmart.client.feeds import watch as feed_watch
from airflow_provider_walmart.hooks.shared_state import store_of
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor
from airflow_provider_walmart.task import poll_failures
from airflow_provider_walmart.task.poll_failures import MAX_FAILED_POLLS
from tests.helpers.tasks import Task

NOT_FOUND = json.dumps(
    {"errors": [{"code": "CONTENT_NOT_FOUND.GMP_FEED_API", "description": "no such feed"}]}
)


class TaskInstance:
    def __init__(self) -> None:
        self.xcom = {}

    def xcom_push(self, key, value) -> None:
        self.xcom[key] = value


def sensor(feed_id: str, **fields) -> WalmartFeedSensor:
    return WalmartFeedSensor(task_id="wait", feed_id=feed_id, **fields)


@pytest.mark.parametrize(
    "feed",
    [
        {"feedStatus": "RECEIVED"},
        {"feedStatus": "INPROGRESS", "items": 10, "processing": 4},
        {"feedStatus": "PROCESSED", "items": 10, "processing": 1},
        {"feedStatus": "PROCESSED", "items": 10, "failed": 9, "processing": 1},
    ],
)
def test_waits_while_anything_may_happen(feed, shop):
    assert sensor(shop.feed(**feed)).poke({}) is False


def test_a_feed_on_its_way(shop):
    """From received over in progress to processed, as the clock goes."""
    shop.settings(feed_seconds=600)
    feed_id = shop.feed(items=4)
    wait = sensor(feed_id)
    assert wait.poke({}) is False
    shop.advance(300)
    assert wait.poke({}) is False
    shop.advance(300)
    done = wait.poke({})
    assert isinstance(done, PokeReturnValue)
    assert done.is_done
    assert done.xcom_value["itemsSucceeded"] == 4


def test_a_sensor_gives_what_the_operator_gives(shop):
    feed_id = shop.feed(feedType="price", items=4, failed=1, age=60)
    fields = {"feed_id": feed_id, "allowed_failures": 1}
    seen = sensor(**fields).poke({}).xcom_value
    assert seen == WalmartFeedStatusOperator(task_id="check", **fields).execute({})
    assert seen["feeds"][0]["feedType"] == "price"


def test_execute_waits_and_returns(shop):
    shop.settings(feed_seconds=0.2)
    summary = sensor(shop.feed(items=2), poke_interval=0.1).execute({})
    assert summary["itemsSucceeded"] == 2


@pytest.mark.parametrize(
    ("allowed", "fails"), [(0, True), (1, True), (2, False), (0.2, False), ("0.1", True), ("2", False)]
)
def test_the_policy(allowed, fails, shop, tmp_path):
    feed_id = shop.feed(items=10, failed=2, age=60)
    ti = TaskInstance()
    target = tmp_path / "items.jsonl"
    wait = sensor(feed_id, allowed_failures=allowed, item_errors_path=str(target))
    if fails:
        with pytest.raises(AirflowFailException, match="2 of 10 items failed"):
            wait.poke({"ti": ti})
    else:
        assert wait.poke({"ti": ti}).is_done
    assert ti.xcom["return_value"]["itemsFailed"] == 2
    assert len(target.read_text().splitlines()) == 2


def test_an_error_ends_the_waiting(shop):
    feed_id = shop.feed(feedStatus="ERROR", ingestionErrors=[{"code": "ERR_PDI_0034"}])
    with pytest.raises(AirflowFailException, match="ERR_PDI_0034"):
        sensor(feed_id, allowed_failures=1.0).poke({})


class TestTransientErrors:
    TROUBLES = [
        {"status": 500},
        {"status": 503},
        {"reset": "before"},
        {"truncate": 5},
        {"status": 429, "headers": {"Retry-After": "600"}},
        {"body": "<html>maintenance</html>"},
    ]

    @pytest.mark.parametrize("trouble", TROUBLES)
    @pytest.mark.parametrize("where", ["/v3/feeds/", r"/v3/feeds\?", "includeDetails"])
    def test_passes(self, where, trouble, shop, monkeypatch):
        """Wherever it strikes: at the status, at the list, at the details of failed items."""
        feed_id = shop.feed(items=2, failed=1, age=60)
        shop.fault(where, **trouble)
        wait = sensor(feed_id, allowed_failures=1)
        monkeypatch.setattr(wait.hook.client.session, "throttle", None)
        assert wait.poke({}) is False
        shop.no_faults()
        assert wait.poke({}).is_done

    @pytest.mark.parametrize("where", ["/v3/feeds/", "includeDetails"])
    def test_transient_errors_that_last_end_the_wait(self, where, shop, monkeypatch):
        feed_id = shop.feed(items=2, failed=1, age=60)
        shop.fault(where, status=500)
        wait = sensor(feed_id)
        monkeypatch.setattr(wait.hook.client.session.retries, "attempts", 1)
        for _ in range(MAX_FAILED_POLLS - 1):
            assert wait.poke({}) is False
        with pytest.raises(WalmartServerError):
            wait.poke({})

    def test_a_good_poll_starts_the_count_anew(self, shop, monkeypatch):
        feed_id = shop.feed(feedStatus="INPROGRESS")
        wait = sensor(feed_id)
        monkeypatch.setattr(wait.hook.client.session.retries, "attempts", 1)
        for _ in range(3):
            shop.fault("/v3/feeds/", status=500, times=MAX_FAILED_POLLS - 1)
            for _ in range(MAX_FAILED_POLLS):
                assert wait.poke({}) is False

    def test_transient_errors_of_the_token_endpoint_are_waited_out(self, shop):
        feed_id = shop.feed(items=1, age=60)
        shop.fault("/v3/token$", status=500, times=2)
        wait = sensor(feed_id)
        assert wait.poke({}) is False
        assert wait.poke({}).is_done

    def test_no_connection(self, shop, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection(host="http://127.0.0.1:9"))
        assert sensor("F@1").poke({}) is False


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"feed_id": ""}, "feed_id"),
        ({"feed_id": ".."}, "feed_id"),
        ({"feed_id": "F@1", "item_errors_path": "/tmp"}, "item_errors_path is '/tmp', a folder"),
    ],
)
def test_bad_parameters_fail_without_retry_and_send_nothing(fields, said, shop):
    with pytest.raises(AirflowFailException, match=said):
        sensor(**fields).poke({})
    assert not shop.received()


class TestUnknownFeeds:
    def test_that_a_feed_is_unknown_is_believed_after_a_while(self, shop, monkeypatch):
        wait = sensor("NONE@SUCH")
        assert wait.poke({}) is False
        assert wait.poke({}) is False
        monkeypatch.setattr(feed_watch, "LISTED_WITHIN", 0.0)
        with pytest.raises(WalmartNotFoundError, match="doesn't know feed NONE@SUCH"):
            wait.poke({})

    @pytest.mark.parametrize("waited", [None, 80, 100])
    def test_when_rescheduled_each_look_is_the_first_of_its_process(self, shop, waited):
        ti = TaskInstance()
        began = waited and datetime.now(timezone.utc) - timedelta(seconds=waited)
        ti.get_first_reschedule_date = lambda _: began
        wait = sensor("NONE@SUCH", mode="reschedule")
        if waited == 100:
            with pytest.raises(WalmartNotFoundError, match="doesn't know feed NONE@SUCH"):
                wait.poke({"ti": ti})
        else:
            assert wait.poke({"ti": ti}) is False

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_a_feed_that_was_just_submitted_may_not_show_yet(self, shop, deferrable):
        feed_id = shop.feed(items=2, age=60)
        shop.fault("/v3/feeds/", status=404, times=3, body=NOT_FOUND)
        task = Task()
        summary = task.run(lambda: sensor(feed_id, deferrable=deferrable, poke_interval=0.05))
        assert summary["itemsSucceeded"] == 2
        assert len(task.deferrals) == deferrable


def test_bad_keys_fail_without_retry(shop, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection(password="wrong"))
    with pytest.raises(AirflowFailException, match="WalmartAuthError"):
        sensor("F@1").poke({})


class TestRescheduled:
    """Each poll is a process of its own."""

    @pytest.fixture(params=[True, False], ids=["task state", "shared state"])
    def task(self, request):
        return Task(has_state=request.param)

    @pytest.fixture
    def poll(self, task, shop):
        """Return a function that polls as the next process does."""
        feed_id, numbers = shop.feed(feedStatus="INPROGRESS"), count()

        def poll_once(**fields):
            store_of.cache_clear()
            context = {**task.context(), "task_reschedule_count": next(numbers)}
            wait = sensor(feed_id, mode="reschedule", **fields)
            wait.hook.client.session.retries.attempts = 1
            return wait.poke(context)

        return poll_once

    def test_a_rescheduled_sensor_gives_up_after_as_many_failed_polls(self, poll, shop, capsys):
        shop.fault("/v3/feeds/", status=500)
        for number in range(1, MAX_FAILED_POLLS):
            assert poll() is False
            assert f"Poll {number} in a row failed" in capsys.readouterr().out
        with pytest.raises(WalmartServerError):
            poll()

    def test_keys_that_worked_are_refused_for_an_hour(self, poll, shop, monkeypatch):
        now = [time.time()]
        monkeypatch.setattr(poll_failures.time, "time", lambda: now[0])
        monkeypatch.setattr(poll_failures, "KEYS_MAY_BE_REFUSED_FOR", 30.0)
        assert poll() is False
        shop.fault("/v3/token", status=401)
        shop.revoke_tokens()
        for _ in range(3):
            assert poll() is False
            now[0] += 11.0
        # A retry may find new keys in the connection, so this is no failure for good.
        with pytest.raises(WalmartAuthError, match="These keys worked a moment ago"):
            poll()

    def test_a_good_poll_starts_the_count_anew(self, poll, shop):
        for _ in range(3):
            shop.fault("/v3/feeds/", status=500, times=MAX_FAILED_POLLS - 1)
            for _ in range(MAX_FAILED_POLLS):
                assert poll() is False

    def test_another_try_starts_the_count_of_failed_polls_anew(self, poll, task, shop):
        shop.fault("/v3/feeds/", status=500)
        for _ in range(MAX_FAILED_POLLS - 1):
            assert poll() is False
        task.tries += 1
        assert poll() is False

    @pytest.mark.parametrize("task", [False], indirect=True)
    def test_each_task_has_a_count_of_its_own(self, poll, task, shop):
        shop.fault("/v3/feeds/", status=500)
        for task.map_index in range(MAX_FAILED_POLLS):
            assert poll() is False

    def test_nothing_is_kept_while_nothing_fails(self, poll, task, tmp_path):
        poll()
        kept = {path.name for path in (tmp_path / "state").iterdir()}
        poll()
        assert {path.name for path in (tmp_path / "state").iterdir()} == kept
        assert not task.state


@pytest.mark.parametrize("answer", [[1, 2], {}, {"errors": [{"code": "SYSTEM_ERROR"}]}])
def test_a_body_that_makes_no_sense_is_a_transient_error(answer, shop, capsys):
    """A body that makes no sense is a transient error; Airflow's time-out ends it."""
    feed_id = shop.feed(age=60)
    shop.fault("/v3/feeds/", body=json.dumps(answer))
    assert sensor(feed_id).poke({}) is False
    assert "Poll 1 in a row failed" in capsys.readouterr().out


def test_a_lost_answer_at_the_last_attempt_is_the_cause(shop, monkeypatch):
    shop.fault("/v3/feeds/", reset="before")
    wait = sensor("F@1")
    monkeypatch.setattr(wait.hook.client.session.retries, "attempts", 1)
    wait._failures.in_a_row = MAX_FAILED_POLLS - 1
    with pytest.raises(WalmartConnectionError):
        wait.poke({})
