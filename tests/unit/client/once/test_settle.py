"""The loop that reads until a write shows, or until it must have shown."""

from __future__ import annotations

import time

import pytest
import time_machine

from airflow_provider_walmart.client.once.settle import settle

NOW = 1_800_000_000.0


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def settled(clock, readings, *, sent_at, takes=0.0, **fields):
    """Return what was read last, and the times at which a reading began, counted from now."""
    began = []

    def read():
        began.append(time.time() - NOW)
        clock.shift(takes)
        return readings.pop(0)

    known = {"within": 60.0, "every": 20.0, "write": "A write"}
    return settle(read, sent_at=sent_at, sleep=clock.shift, **{**known, **fields}), began


def test_what_nobody_sent_is_read_once(clock):
    assert settled(clock, [None, "late"], sent_at=None) == (None, [0])


def test_a_write_that_shows_ends_the_reading(clock):
    assert settled(clock, [None, "there", "more"], sent_at=NOW) == ("there", [0, 20])


def test_a_write_that_never_shows_is_believed_missing_when_it_must_show_and_not_before(clock):
    assert settled(clock, [None] * 9, sent_at=NOW) == (None, [0, 20, 40, 60])


def test_the_last_pause_ends_when_the_write_must_show(clock):
    assert settled(clock, [None] * 9, sent_at=NOW - 50) == (None, [0, 10])


def test_a_write_of_long_ago_needs_one_reading(clock):
    assert settled(clock, [None] * 9, sent_at=NOW - 60) == (None, [0])


def test_a_reading_that_began_before_the_write_must_show_is_not_believed_however_long_it_took(clock):
    assert settled(clock, [None] * 9, sent_at=NOW - 50, takes=100.0)[1] == [0, 110]


def test_what_shows_is_judged_by_the_caller(clock):
    found, began = settled(clock, [[1], [1, 2]], sent_at=NOW, shows=lambda read: 2 in read)
    assert found == [1, 2]
    assert began == [0, 20]


def test_a_reading_that_began_a_moment_too_early_is_not_believed(clock):
    assert settled(clock, [None] * 9, sent_at=NOW - 59.5) == (None, [0, 0.5])


def test_the_log_says_what_is_waited_for(clock, caplog):
    caplog.set_level("INFO")
    settled(clock, [None, "there"], sent_at=NOW)
    assert caplog.messages == ["A write may have been sent moments ago and does not show yet: reading again."]
