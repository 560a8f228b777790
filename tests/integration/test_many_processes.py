"""However many processes there are, one credential costs one token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis_server import needs_redis, running_redis

from airflow_provider_walmart.hooks.walmart import WalmartHook

CROWD = Path(__file__).with_name("crowd.py")


def crowd(processes: int, calls: int, **environment: str) -> list[dict]:
    done = subprocess.run(
        [sys.executable, CROWD, str(processes), str(calls)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def all_succeeded(outcomes: list[dict], calls: int) -> bool:
    assert [outcome["errors"] for outcome in outcomes] == [[]] * len(outcomes)
    return all(outcome["done"] == calls for outcome in outcomes)


def test_twenty_processes_share_one_token(shop):
    outcomes = crowd(20, 50)
    assert all_succeeded(outcomes, 50)
    assert [outcome["warnings"] for outcome in outcomes] == [[]] * 20
    counts = shop.counts()
    assert counts == {("POST", "/v3/token"): 1, ("GET", "/v3/feeds"): 1000}


@needs_redis
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_and_so_they_do_over_redis(kind, shop, tmp_path):
    with running_redis(tmp_path, kind) as redis:
        outcomes = crowd(
            20,
            50,
            AIRFLOW__WALMART__SHARED_STATE="redis",
            AIRFLOW__WALMART__SHARED_STATE_URL=redis.url,
            # Two hosts have no folder in common.
            AIRFLOW__WALMART__SHARED_STATE_DIR="/nowhere",
        )
    assert all_succeeded(outcomes, 50)
    assert [outcome["warnings"] for outcome in outcomes] == [[]] * 20
    assert shop.token_requests == 1


def is_a_file(folder: Path) -> None:
    folder.write_text("in the way")


def holds_rubbish(folder: Path) -> None:
    WalmartHook().request("GET", "/v3/feeds")
    for file in folder.iterdir():
        file.write_bytes(b"\x00rubbish")


@pytest.mark.parametrize(
    ("spoil", "tokens"), [(is_a_file, 20), (holds_rubbish, 1 + 1)], ids=["is a file", "holds rubbish"]
)
def test_a_broken_store_costs_tokens_and_one_warning_a_process(spoil, tokens, shop, tmp_path):
    spoil(tmp_path / "state")
    outcomes = crowd(20, 5)
    assert all_succeeded(outcomes, 5)
    assert shop.token_requests <= tokens
    assert all(len(outcome["warnings"]) <= 1 for outcome in outcomes)
    said = {text for outcome in outcomes for text in outcome["warnings"]}
    assert said
    assert all(text.startswith("The shared state store is of no use right now") for text in said)


@pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 401}])
def test_when_the_token_endpoint_fails_nobody_hammers_it(trouble, shop):
    shop.fault("/v3/token$", **trouble)
    outcomes = crowd(20, 1)
    assert sum(outcome["done"] for outcome in outcomes) == 0
    kinds = {
        error.partition(" [")[0].partition("(")[0] for outcome in outcomes for error in outcome["errors"]
    }
    assert len(kinds) == 1
    assert shop.token_requests <= 2
