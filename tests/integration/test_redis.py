"""A real Redis as the shared state store, and one that goes away."""

from __future__ import annotations

import logging
import re
import signal
import time

import pytest

from airflow_provider_walmart.client.transport.shared_state import RedisStore, Resilient
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.redis_server import client_of, needs_redis, running_redis

pytestmark = needs_redis


@pytest.fixture
def redis(tmp_path, monkeypatch):
    with running_redis(tmp_path) as server:
        monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE", "redis")
        monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_URL", server.url)
        yield server


def another_process(shop, make_client, redis):
    """Return a client of the same account with nothing in its memory."""
    return make_client(shop.url, store=Resilient(RedisStore(redis.url)))


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_token_is_shared_sealed_and_goes_away_by_itself(shop, redis, make_client):
    token = WalmartHook().get_access_token()
    assert another_process(shop, make_client, redis).access_token() == token
    assert shop.token_requests == 1
    stored = client_of(redis)
    for key in stored.scan_iter():
        assert re.fullmatch(rb"airflow-provider-walmart:[0-9a-f]{64}(\.lock)?", key)
        assert token.encode() not in stored.get(key)
        assert b"sandbox" not in stored.get(key)
        assert 0 < stored.ttl(key) <= 900


def test_redis_goes_away_in_the_middle(shop, redis, make_client, caplog):
    shop.feeds(*[{"age": n + 1} for n in range(120)])
    hook = WalmartHook()
    assert len(hook.list_feeds()) == 120
    redis.stop()
    assert len(hook.list_feeds()) == 120
    shop.revoke_tokens()
    assert len(hook.list_feeds()) == 120
    assert shop.token_requests == 2
    (said,) = warnings(caplog)
    assert "ConnectionError" in said
    assert redis.url not in said


def test_redis_that_hangs_costs_a_pause_and_no_call(shop, redis, caplog):
    hook = WalmartHook()
    assert hook.request("GET", "/v3/feeds").status_code == 200
    redis.process.send_signal(signal.SIGSTOP)
    try:
        assert [hook.request("GET", "/v3/feeds").status_code for _ in range(5)] == [200] * 5
    finally:
        redis.process.send_signal(signal.SIGCONT)
    (said,) = warnings(caplog)
    assert "TimeoutError" in said


def test_redis_goes_away_while_its_lock_is_held(shop, redis, caplog):
    hook = WalmartHook()
    store = hook.client.store
    with store.lock("a-name", 1):
        redis.stop()
    assert hook.request("GET", "/v3/feeds").status_code == 200
    assert len(warnings(caplog)) == 1


def test_redis_that_forgets_everything(shop, redis, make_client):
    WalmartHook().get_access_token()
    client_of(redis).flushall()
    client = another_process(shop, make_client, redis)
    assert [client.request("GET", "/v3/feeds").status_code for _ in range(3)] == [200] * 3
    assert shop.token_requests == 2


def test_rubbish_in_redis_costs_one_token_and_one_warning(shop, redis, make_client, caplog):
    WalmartHook().get_access_token()
    stored = client_of(redis)
    for key in stored.scan_iter():
        stored.set(key, b"\x00rubbish")
    client = another_process(shop, make_client, redis)
    assert [client.request("GET", "/v3/feeds").status_code for _ in range(3)] == [200] * 3
    assert shop.token_requests == 2
    assert len(warnings(caplog)) == 1


def test_a_lock_whose_holder_died_is_got_by_who_waits_for_it(redis, caplog):
    # Who dies gives nothing back: Redis does, after half a second.
    client_of(redis).set("airflow-provider-walmart:a-name.lock", b"of the dead", px=500)
    store = Resilient(RedisStore(redis.url))
    with store.lock("a-name", 30):
        assert client_of(redis).exists("airflow-provider-walmart:a-name.lock")
    assert not client_of(redis).exists("airflow-provider-walmart:a-name.lock")
    assert warnings(caplog) == []


def test_a_lock_that_was_held_too_long_costs_a_warning_and_not_the_store(redis, caplog):
    store = Resilient(RedisStore(redis.url))
    with store.lock("a-name", 0.1):
        time.sleep(0.2)
    (said,) = warnings(caplog)
    assert "held too long" in said
    store.put("a-name", b"a value", 60)
    assert RedisStore(redis.url).get("a-name") == b"a value"


def test_a_lock_that_cannot_be_had_costs_a_warning_and_not_the_store(redis, caplog):
    client_of(redis).set("airflow-provider-walmart:a-name.lock", b"another process, which goes on and on")
    store = Resilient(RedisStore(redis.url))
    with store.lock("a-name", 0.1):
        store.put("a-name", b"a value", 60)
    (said,) = warnings(caplog)
    assert "held too long" in said
    assert RedisStore(redis.url).get("a-name") == b"a value"
