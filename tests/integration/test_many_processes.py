"""However many processes there are, one credential costs one token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.redis_server import client_of, needs_redis, running_redis

Crowd = Callable[..., list[dict]]


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    """Return what lets many processes make calls, in an environment like that of the test."""
    command = [sys.executable, "-m", "tests.helpers.crowd"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def of(processes: int, calls: int, **environment: str) -> list[dict]:
            wanted = {"processes": processes, "calls": calls, "environment": {**os.environ, **environment}}
            print(json.dumps(wanted), file=server.stdin, flush=True)
            said = next((line for line in server.stdout if line.startswith("[{")), "")
            assert said, f"ended with status {server.wait()}"
            return json.loads(said)

        yield of
        server.stdin.close()


def all_succeeded(outcomes: list[dict], calls: int) -> bool:
    assert [outcome["errors"] for outcome in outcomes] == [[]] * len(outcomes)
    return all(outcome["done"] == calls for outcome in outcomes)


def test_twenty_processes_share_one_token(shop, crowd):
    outcomes = crowd(20, 50)
    assert all_succeeded(outcomes, 50)
    assert [outcome["warnings"] for outcome in outcomes] == [[]] * 20
    counts = shop.counts()
    assert counts == {("POST", "/v3/token"): 1, ("GET", "/v3/feeds"): 1000}


def shared_by(redis) -> dict[str, str]:
    return {
        "AIRFLOW__WALMART__SHARED_STATE": "redis",
        "AIRFLOW__WALMART__SHARED_STATE_URL": redis.patient_url,
        # Two hosts have no folder in common.
        "AIRFLOW__WALMART__SHARED_STATE_DIR": "/nowhere",
    }


@needs_redis
@pytest.mark.parametrize(("kind", "processes"), [("tcp", 20), ("unix", 2)])
def test_processes_share_one_token_over_redis(kind, processes, shop, tmp_path, crowd):
    with running_redis(tmp_path, kind) as redis:
        outcomes = crowd(processes, 50, **shared_by(redis))
    assert all_succeeded(outcomes, 50)
    assert [outcome["warnings"] for outcome in outcomes] == [[]] * processes
    assert shop.token_requests == 1


def is_a_file(folder: Path) -> None:
    folder.write_text("in the way")


def holds_rubbish(folder: Path) -> None:
    WalmartHook().request("GET", "/v3/feeds")
    for file in folder.iterdir():
        file.write_bytes(b"\x00rubbish")


@pytest.mark.parametrize(
    ("spoil", "tokens", "warning"),
    [
        (is_a_file, 20, "The shared state store is of no use right now"),
        (holds_rubbish, 1 + 1, "An entry in the shared state store is damaged"),
    ],
    ids=["is a file", "holds rubbish"],
)
def test_a_broken_store_costs_tokens_and_one_warning_a_process(spoil, tokens, warning, shop, tmp_path, crowd):
    spoil(tmp_path / "state")
    outcomes = crowd(20, 5)
    assert all_succeeded(outcomes, 5)
    assert shop.token_requests <= tokens
    assert all(len(outcome["warnings"]) <= 1 for outcome in outcomes)
    said = {text for outcome in outcomes for text in outcome["warnings"]}
    assert said
    assert all(text.startswith(warning) for text in said)


@pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 401}])
def test_when_the_token_endpoint_fails_nobody_hammers_it(trouble, shop, crowd):
    shop.fault("/v3/token$", **trouble)
    outcomes = crowd(20, 1)
    assert sum(outcome["done"] for outcome in outcomes) == 0
    kinds = {
        error.partition(" [")[0].partition("(")[0] for outcome in outcomes for error in outcome["errors"]
    }
    assert len(kinds) == 1
    assert shop.token_requests <= 2


def throttle_tokens(shop) -> None:
    """Answer token calls with a 429 that names a time in ten minutes."""
    shop.fault("/v3/token$", status=429, headers={"Retry-After": "600"})


def all_were_throttled(*crowds: list[dict]) -> bool:
    outcomes = [outcome for outcomes in crowds for outcome in outcomes]
    assert {outcome["done"] for outcome in outcomes} == {0}
    errors = {error for outcome in outcomes for error in outcome["errors"]}
    # The error of the one that asked, with the time to come back at.
    return len(errors) == 1 and "Come back at" in errors.pop()


# How long other failures answer for others, in `TokenProvider`; tasks that come later than that must not ask either.
LATER = {"FAILURE_LIFE": "0"}


def test_when_the_token_call_is_throttled_nobody_asks_before_the_time_it_named(shop, crowd):
    throttle_tokens(shop)
    assert all_were_throttled(crowd(5, 2, **LATER), crowd(5, 2, **LATER))
    assert shop.counts() == {("POST", "/v3/token"): 1}


@needs_redis
def test_when_the_token_call_is_throttled_nobody_who_shares_a_redis_asks_before_the_time_it_named(
    shop, tmp_path, crowd
):
    throttle_tokens(shop)
    with running_redis(tmp_path) as redis:
        assert all_were_throttled(*(crowd(5, 2, **LATER, **shared_by(redis)) for _ in range(2)))
        stored = client_of(redis)
        lives = [stored.ttl(key) for key in stored.scan_iter() if not key.endswith(b".lock")]
    assert shop.counts() == {("POST", "/v3/token"): 1}
    # Redis throws it away with that time, and not before.
    assert [500 < life <= 600 for life in lives] == [True]
