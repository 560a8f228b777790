"""The poller that all waiting triggers of a process share, and the trigger on top of it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConfigError,
    WalmartConnectionError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.task import poll_failures
from airflow_provider_walmart.task.poll_failures import MAX_FAILED_POLLS
from airflow_provider_walmart.triggers import poller as poller_module
from airflow_provider_walmart.triggers.feeds import WalmartFeedTrigger
from airflow_provider_walmart.triggers.poller import Poller, poller_of

PAUSE = 0.02


def unfinished(feed_id):
    return {"feedId": feed_id, "feedStatus": "INPROGRESS", "itemsReceived": 2, "itemsProcessing": 2}


def finished(feed_id):
    return {"feedId": feed_id, "feedStatus": "PROCESSED", "itemsReceived": 2, "itemsSucceeded": 2}


class Walmart:
    """What polls show: ``plan`` is a list of answers, one per poll; the last one stays."""

    def __init__(self, *plan) -> None:
        self.plan = list(plan)
        self.polls: list[set[str]] = []
        self.times: list[datetime] = []

    def poll(self, ids):
        self.polls.append(set(ids))
        self.times.append(datetime.now(timezone.utc))
        answer = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(ids) if callable(answer) else answer


def all_are(state):
    return lambda ids: {feed_id: state(feed_id) for feed_id in ids}


def make_poller(walmart, **options) -> Poller:
    return Poller(
        walmart.poll,
        lambda feed: feed["feedStatus"] == "PROCESSED",
        lambda feed: f"{feed['feedId']} is {feed['feedStatus']}",
        **options,
    )


def wait_for(walmart, *feed_ids, pause=PAUSE, **options):
    """Return what those who wait for feeds get, errors included."""

    async def wait():
        poller = make_poller(walmart, **options)
        waits = [poller.wait(feed_id, lambda: pause) for feed_id in feed_ids]
        return await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 20)

    return asyncio.run(wait())


# -- rounds ----------------------------------------------------------------------------------------------


def test_everybody_gets_their_feed():
    walmart = Walmart(all_are(unfinished), all_are(finished))
    assert wait_for(walmart, "A", "B", "C") == [finished("A"), finished("B"), finished("C")]
    assert walmart.polls == [{"A", "B", "C"}, {"A", "B", "C"}]


def test_two_who_wait_for_the_same_feed_share_it():
    walmart = Walmart(all_are(finished))
    assert wait_for(walmart, "A", "A") == [finished("A")] * 2
    assert walmart.polls == [{"A"}]


def test_what_is_due_soon_is_looked_at_in_the_same_round():
    async def wait():
        poller = make_poller(walmart)
        # One and a half of the second's pauses has a quarter left when the first is due.
        waits = [
            poller.wait("A", lambda: 5.0),
            poller.wait("B", lambda: 6.5),
            poller.wait("C", lambda: 600.0),
        ]
        tasks = [asyncio.create_task(wait) for wait in waits]
        await asyncio.sleep(0)
        for waiting in poller._waiting.values():
            waiting.due -= 5.0
            waiting.early -= 5.0
        poller._sooner.set()
        await asyncio.wait_for(asyncio.gather(*tasks[:2]), 20)
        tasks[2].cancel()

    walmart = Walmart(all_are(finished))
    asyncio.run(wait())
    assert walmart.polls == [{"A", "B"}]


def test_states_of_feeds_that_were_not_due_are_taken():
    async def wait():
        poller = make_poller(walmart)
        soon = asyncio.create_task(poller.wait("A", lambda: PAUSE))
        late = asyncio.create_task(poller.wait("B", lambda: 3600.0))
        return await asyncio.wait_for(asyncio.gather(soon, late), 5)

    walmart = Walmart({"A": finished("A"), "B": finished("B"), "nobody waits for": finished("it")})
    assert asyncio.run(wait()) == [finished("A"), finished("B")]
    assert walmart.polls == [{"A"}]


def test_a_feed_that_comes_later_and_is_due_sooner_is_not_kept_waiting():
    async def wait():
        poller = make_poller(walmart)
        late = asyncio.create_task(poller.wait("A", lambda: 3600.0))
        await asyncio.sleep(0.05)
        soon = await asyncio.wait_for(poller.wait("B", lambda: PAUSE), 5)
        late.cancel()
        return soon

    walmart = Walmart(all_are(finished))
    assert asyncio.run(wait()) == finished("B")


def test_nobody_waiting_means_no_calls():
    async def wait():
        poller = make_poller(walmart)
        await poller.wait("A", lambda: PAUSE)
        polls = len(walmart.polls)
        await asyncio.sleep(10 * PAUSE)
        assert len(walmart.polls) == polls
        return await poller.wait("B", lambda: PAUSE)

    walmart = Walmart(all_are(finished))
    assert asyncio.run(wait()) == finished("B")


def test_one_who_leaves_leaves_the_others_alone():
    async def wait():
        poller = make_poller(walmart)
        tasks = [asyncio.create_task(poller.wait(name, lambda: PAUSE)) for name in ("A", "A", "B", "B")]
        await asyncio.sleep(2 * PAUSE)
        for task in (tasks[0], tasks[2], tasks[3]):
            task.cancel()
        await asyncio.sleep(2 * PAUSE)
        before = len(walmart.polls)
        while len(walmart.polls) < before + 3:
            await asyncio.sleep(PAUSE)
        assert set.union(*walmart.polls[before + 1 :]) == {"A"}
        walmart.plan = [all_are(finished)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    walmart = Walmart(all_are(unfinished))
    outcomes = asyncio.run(wait())
    assert outcomes[1] == finished("A")
    assert [type(outcome) for outcome in (outcomes[0], *outcomes[2:])] == [asyncio.CancelledError] * 3


def test_a_waiter_that_comes_while_another_is_answered_is_not_forgotten():
    async def wait():
        poller = make_poller(walmart)

        async def again():
            await poller.wait("A", lambda: PAUSE)
            return await asyncio.wait_for(poller.wait("A", lambda: PAUSE), 5)

        return await asyncio.gather(again(), again())

    walmart = Walmart(all_are(finished))
    assert asyncio.run(wait()) == [finished("A")] * 2


# -- transient errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [WalmartServerError("500", status=500), WalmartConnectionError("gone"), OSError()]
)
def test_transient_errors_are_waited_out(error):
    walmart = Walmart(*[error] * (MAX_FAILED_POLLS - 1), all_are(finished))
    assert wait_for(walmart, "A", "B") == [finished("A"), finished("B")]


def test_a_good_poll_in_between_resets_the_count_of_failed_polls():
    error = WalmartServerError("500", status=500)
    walmart = Walmart(*[error, error, all_are(unfinished)] * 10, all_are(finished))
    assert wait_for(walmart, "A") == [finished("A")]


def test_transient_errors_that_last_reach_all_who_wait():
    walmart = Walmart(WalmartServerError("500", status=500))
    outcomes = wait_for(walmart, "A", "B")
    assert [type(outcome) for outcome in outcomes] == [WalmartServerError] * 2
    assert len(walmart.polls) == MAX_FAILED_POLLS


def test_what_no_retry_can_change_reaches_all_at_once():
    walmart = Walmart(WalmartAuthError("401", status=401))
    assert [type(outcome) for outcome in wait_for(walmart, "A", "B")] == [WalmartAuthError] * 2
    assert len(walmart.polls) == 1


def test_a_poller_serves_again_after_it_gave_up():
    async def wait():
        poller = make_poller(walmart)
        with pytest.raises(WalmartAuthError):
            await poller.wait("A", lambda: PAUSE)
        return await poller.wait("A", lambda: PAUSE)

    walmart = Walmart(WalmartAuthError("401", status=401), all_are(finished))
    assert asyncio.run(wait()) == finished("A")


def test_nobody_asks_before_the_time_that_walmart_named():
    named = []

    def refuse(_):
        named.append(datetime.now(timezone.utc) + timedelta(seconds=0.5))
        raise WalmartRateLimitError("429", retry_at=named[0])

    walmart = Walmart(refuse, all_are(finished))
    assert wait_for(walmart, "A") == [finished("A")]
    assert named[0] <= walmart.times[1]


def test_429_is_no_failure_however_often():
    walmart = Walmart(*[WalmartRateLimitError("429")] * 30, all_are(finished))
    assert wait_for(walmart, "A", pause=0.001) == [finished("A")]


def test_the_trouble_of_one_feed_is_its_own():
    def poll(ids):
        return {"A": WalmartRequestError("400", status=400), "B": finished("B")}

    outcomes = wait_for(Walmart(poll), "A", "B")
    assert isinstance(outcomes[0], WalmartRequestError)
    assert outcomes[1] == finished("B")


def test_one_feed_that_cannot_be_looked_at_is_given_up_after_a_while():
    def poll(ids):
        return {"A": WalmartServerError("500", status=500), "B": unfinished("B")}

    walmart = Walmart(*[poll] * MAX_FAILED_POLLS, all_are(finished))
    outcomes = wait_for(walmart, "A", "B")
    assert isinstance(outcomes[0], WalmartServerError)
    assert outcomes[1] == finished("B")


def test_an_odd_answer_is_the_trouble_of_its_feed_alone():
    walmart = Walmart(lambda ids: {"A": {"odd": True}, "B": finished("B")})
    outcomes = wait_for(walmart, "A", "B")
    assert isinstance(outcomes[0], KeyError)
    assert outcomes[1] == finished("B")


def test_unknown_feeds_are_reported_as_unknown():
    assert wait_for(Walmart({"A": None}), "A") == [None]


def test_a_new_feed_may_be_unknown_for_a_while():
    walmart = Walmart(all_are(lambda _: None), all_are(lambda _: None), all_are(finished))
    assert wait_for(walmart, "A", unknown_for=60) == [finished("A")]
    assert wait_for(Walmart({"A": None}), "A", unknown_for=5 * PAUSE) == [None]


def test_feeds_that_a_round_did_not_reach_are_looked_at_in_the_next():
    walmart = Walmart(lambda ids: {"A": finished("A")}, lambda ids: {"B": finished("B")})
    assert wait_for(walmart, "A", "B") == [finished("A"), finished("B")]


def test_progress_is_logged_once_in_the_log_of_each_trigger(caplog):
    caplog.set_level(logging.INFO)
    walmart = Walmart(*[all_are(unfinished)] * 3, all_are(finished))
    wait_for(walmart, "A", "B")
    assert [record.getMessage() for record in caplog.records] == [
        "Waiting: A is INPROGRESS",
        "Waiting: B is INPROGRESS",
    ]


def test_the_event_loop_goes_on_during_a_poll():
    async def wait():
        poller = make_poller(walmart)
        waiting = asyncio.create_task(poller.wait("A", lambda: PAUSE))
        while not polling.is_set():
            await asyncio.sleep(0)
        may_go_on.set()
        return await waiting

    def poll(ids):
        polling.set()
        # Set by the event loop, which can do so only when it isn't kept by this.
        assert may_go_on.wait(20)
        return {"A": finished("A")}

    polling, may_go_on = threading.Event(), threading.Event()
    walmart = Walmart(poll)
    assert asyncio.run(wait()) == finished("A")


# -- the trigger -----------------------------------------------------------------------------------------


@pytest.fixture
def account(monkeypatch):
    fields = {"conn_type": "walmart", "login": "an-id", "password": "a-very-secret-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(fields))
    monkeypatch.setenv("AIRFLOW_CONN_THE_SAME", json.dumps(fields))
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER", json.dumps({**fields, "login": "another-id"}))


def make_trigger(**fields) -> WalmartFeedTrigger:
    now = time.time()
    known = {"walmart_conn_id": "walmart_default", "feed_ids": ["A", "B"], "since": now, "deadline": now + 30}
    return WalmartFeedTrigger(**{**known, "poll_interval": PAUSE, **fields})


def run(trigger, walmart, monkeypatch, **options):
    made = []

    async def poller(_, newer_than=None):
        made.extend([] if made else [make_poller(walmart, **options)])
        return made[0]

    async def events():
        return [event.payload async for event in trigger.run()]

    monkeypatch.setattr(poller_module, "poller_of", poller)
    [event] = asyncio.run(events())
    return json.loads(json.dumps(event))


def test_a_trigger_is_the_same_after_the_database(account):
    trigger = make_trigger(feed_type="price", items=7, poll_interval=None)
    path, kwargs = json.loads(json.dumps(trigger.serialize()))
    assert path == "airflow_provider_walmart.triggers.feeds.WalmartFeedTrigger"
    assert WalmartFeedTrigger(**kwargs).serialize() == trigger.serialize()
    assert "secret" not in json.dumps(kwargs)
    assert kwargs["deadline"] == trigger.deadline, "absolute: a restart must not begin anew"


def test_the_event_has_the_feeds_in_their_order(monkeypatch):
    walmart = Walmart(lambda ids: {"B": finished("B")}, lambda ids: {"A": None})
    event = run(make_trigger(), walmart, monkeypatch)
    assert event == {"status": "success", "feeds": [None, finished("B")], "resume": {}}


def test_a_trigger_gives_up_at_the_deadline_and_says_what_is_missing(monkeypatch):
    walmart = Walmart(lambda ids: {"B": finished("B"), "A": unfinished("A")})
    event = run(make_trigger(deadline=time.time() + 2), walmart, monkeypatch)
    assert event == {"status": "timeout", "pending": ["A"], "resume": {}}


def test_a_trigger_polls_once_more_at_the_deadline(monkeypatch):
    walmart = Walmart(all_are(finished))
    event = run(make_trigger(deadline=time.time() + 0.1, poll_interval=3600), walmart, monkeypatch)
    assert event == {"status": "success", "feeds": [finished("A"), finished("B")], "resume": {}}
    assert walmart.polls == [{"A", "B"}]


@pytest.mark.parametrize("trouble", [WalmartServerError("500"), WalmartRateLimitError("429")])
def test_a_last_look_that_fails_is_not_repeated(trouble, monkeypatch):
    walmart = Walmart(trouble)
    event = run(make_trigger(deadline=time.time() + 0.1, poll_interval=3600), walmart, monkeypatch)
    assert event == {"status": "timeout", "pending": ["A", "B"], "resume": {}}
    assert walmart.polls == [{"A", "B"}]


def test_a_last_look_tells_why_no_patience_helps(monkeypatch):
    trigger = make_trigger(deadline=time.time() + 0.1, poll_interval=3600)
    event = run(trigger, Walmart(WalmartAuthError("401", status=401)), monkeypatch)
    assert (event["status"], event["retryable"]) == ("error", False)


def test_one_that_is_cancelled_leaves_no_errors_in_the_log(monkeypatch):
    told = []

    async def poller(_, newer_than=None):
        return make_poller(Walmart(all_are(unfinished)))

    async def cancel():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        task = asyncio.create_task(first_event(make_trigger()))
        await asyncio.sleep(5 * PAUSE)
        task.cancel()
        await asyncio.wait([task])
        del task
        gc.collect()
        await asyncio.sleep(0)

    async def first_event(trigger):
        async for event in trigger.run():
            return event

    monkeypatch.setattr(poller_module, "poller_of", poller)
    asyncio.run(cancel())
    assert told == []


def test_a_deadline_that_passed_while_nobody_polled_is_passed(monkeypatch):
    event = run(make_trigger(deadline=time.time() - 60), Walmart(all_are(unfinished)), monkeypatch)
    assert event == {"status": "timeout", "pending": ["A", "B"], "resume": {}}


@pytest.mark.parametrize(
    ("error", "is_final"),
    [(WalmartAuthError("401", status=401), True), (WalmartServerError("500", status=500), False)],
)
def test_a_trigger_says_why_it_gave_up(error, is_final, monkeypatch):
    monkeypatch.setattr(poll_failures, "KEYS_MAY_BE_REFUSED_FOR", 0.0)
    event = run(make_trigger(), Walmart(error), monkeypatch)
    assert event == {"status": "error", "message": str(error), "retryable": not is_final, "resume": {}}


def test_nothing_is_left_behind_when_one_of_its_feeds_fails(monkeypatch):
    walmart = Walmart(lambda ids: {"A": WalmartRequestError("400", status=400), "B": unfinished("B")})
    pollers = []

    async def poller(_, newer_than=None):
        pollers.append(make_poller(walmart))
        return pollers[0]

    async def events():
        found = [event.payload async for event in make_trigger().run()]
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=20)
        return found, dict(pollers[0]._waiting)

    monkeypatch.setattr(poller_module, "poller_of", poller)
    [event], left = asyncio.run(events())
    assert (event["status"], event["retryable"]) == ("error", False)
    assert left == {}


def test_pauses_follow_age_and_type_unless_an_interval_is_given():
    old = time.time() - 7200
    assert make_trigger(since=old, feed_type="price", poll_interval=None).pause() == 300
    assert make_trigger(since=old, feed_type="MP_ITEM", poll_interval=None).pause() == 900
    assert make_trigger(since=old, poll_interval=7).pause() == 7
    with pytest.raises(WalmartConfigError, match="poll_interval is 0; expected"):
        make_trigger(poll_interval=0)


def test_a_kill_says_that_the_feeds_go_on(capsys):
    asyncio.run(make_trigger().on_kill())
    said = capsys.readouterr().out
    assert "cannot recall" in said
    assert "A, B" in said


def test_one_poller_for_each_account_and_event_loop(account):
    async def pollers():
        names = ("walmart_default", "walmart_default", "the_same", "another")
        return await asyncio.gather(*(poller_of(name) for name in names))

    one, again, same, another = asyncio.run(pollers())
    assert one is again is same
    assert another is not one
    assert asyncio.run(pollers())[0] is not one
