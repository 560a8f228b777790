"""When polls that fail end a wait."""

from __future__ import annotations

import time

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.task import poll_failures
from airflow_provider_walmart.task.poll_failures import MAX_FAILED_POLLS, PollFailures

REFUSED = WalmartAuthError("401", status=401)


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still, and how to move it on."""
    times = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: times[0])
    monkeypatch.setattr(time, "monotonic", lambda: times[0] - 500_000)
    return lambda seconds: times.__setitem__(0, times[0] + seconds)


def test_keys_that_never_worked_end_it_at_once():
    assert not PollFailures().may_go_on(REFUSED)


def test_keys_that_worked_may_be_refused_for_an_hour_and_are_tried_each_minute(now):
    failures = PollFailures()
    failures.reset()
    polls = 0
    while failures.may_go_on(REFUSED):
        assert failures.pause(5) == 60
        assert failures.pause(90) == 90
        now(60)
        assert failures.pause() <= 0
        polls += 1
    assert polls == 60


def test_a_good_poll_gives_them_an_hour_again(now):
    failures = PollFailures(keys_worked=True)
    for _ in range(3):
        assert failures.may_go_on(REFUSED)
        now(3000)
        assert failures.may_go_on(REFUSED)
        failures.reset()
        assert failures.pause(5) == 5


def test_what_is_said_of_them(now):
    failures = PollFailures(keys_worked=True)
    failures.may_go_on(REFUSED)
    assert failures.text(REFUSED) == (
        "The keys are refused. Edit the connection: it is read again before each poll, until 14:46 UTC. Nothing is sent "
        "again. 401"
    )


def test_ten_of_other_kinds_end_it_and_what_is_final_does_so_at_once():
    failures = PollFailures(keys_worked=True)
    trouble = WalmartServerError("500", status=500)
    assert [failures.may_go_on(trouble) for _ in range(MAX_FAILED_POLLS)] == [True] * 9 + [False]
    assert not PollFailures().may_go_on(WalmartRequestError("400", status=400))
    assert all(PollFailures().may_go_on(WalmartRateLimitError("429")) for _ in range(30))
    assert poll_failures.TRY_KEYS_EVERY < poll_failures.KEYS_MAY_BE_REFUSED_FOR
