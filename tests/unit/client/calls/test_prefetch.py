"""Fetching one item ahead."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_walmart.client.calls.prefetch import prefetch


def test_everything_comes_in_order():
    assert list(prefetch(range(1000))) == list(range(1000))
    assert list(prefetch([])) == []


def test_the_next_item_is_fetched_while_one_is_worked_on_and_no_more():
    asked = [threading.Event() for _ in range(5)]

    def source():
        for number, event in enumerate(asked):
            event.set()
            yield number

    found = prefetch(source())
    assert next(found) == 0
    # The first one is worked on alone.
    assert not asked[1].wait(0.05)
    assert next(found) == 1
    assert asked[2].wait(30)
    # The one after it waits until this one is asked for.
    assert not asked[3].wait(0.05)
    assert next(found) == 2
    assert asked[3].wait(30)
    found.close()


def test_an_error_comes_when_its_turn_comes():
    def source():
        yield 1
        raise KeyError("of the source")

    found = prefetch(source())
    assert next(found) == 1
    with pytest.raises(KeyError, match="of the source"):
        next(found)


def test_who_stops_early_lets_the_source_end():
    ended = threading.Event()

    def source():
        try:
            while True:
                yield 1
        finally:
            ended.set()

    found = prefetch(source())
    next(found)
    found.close()
    assert ended.wait(30)


def test_nothing_is_fetched_before_anybody_asks():
    def source():
        raise AssertionError("fetched")
        yield

    prefetch(source())
