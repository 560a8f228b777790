"""Walmart as it is on its usual days: late answers, transient errors, lists that come empty once."""

import time
from collections import Counter
from random import Random

import pytest

from airflow_provider_walmart.sandbox.__main__ import _seconds
from airflow_provider_walmart.sandbox.core.state import Settings
from airflow_provider_walmart.sandbox.server import profiles

WALMART = Settings(profile="walmart")


@pytest.mark.parametrize(("text", "seconds"), [("300ms", 0.3), ("0.3s", 0.3), ("0.3", 0.3), ("2", 2)])
def test_how_times_are_written(text, seconds):
    assert _seconds(text) == seconds


def test_answers_come_when_walmarts_do():
    chance = Random(1)
    found = sorted(profiles.latency(WALMART, chance) for _ in range(4000))
    assert found[0] >= 0.15
    assert 0.2 < found[len(found) // 10] < found[len(found) * 9 // 10] < 0.8
    assert found[-1] <= 3


def test_a_few_requests_fail_and_some_lists_come_empty():
    chance, found, writes = Random(1), Counter(), Counter()
    for _ in range(20_000):
        fault = profiles.fault(WALMART, chance, "GET", "/v3/orders")
        found[fault.status if fault else None] += 1
        fault = profiles.fault(WALMART, chance, "POST", "/v3/feeds")
        writes[fault and fault.after_effect] += 1
    assert set(found) == {None, 200, 500, 502, 503, 504, 520}
    assert 20 < found[200] < 80
    assert 80 < sum(found[status] for status in (500, 502, 503, 504, 520)) < 220
    assert writes[None] > 19_000
    assert {True, False} < set(writes)


def test_the_switch(start):
    server = start("--profile", "walmart", "--shop", "small", "--latency", "100ms")
    started = time.monotonic()
    server.call("GET", "/v3/feeds")
    # A token and a list.
    assert time.monotonic() - started > 0.5
    settings = server.control("POST", "settings", {"profile": None, "latency": 0})
    assert (settings["profile"], settings["latency"]) == (None, 0)
    assert server.call("GET", "/v3/feeds").status_code == 200
    assert profiles.latency(Settings(), Random(1)) == 0
