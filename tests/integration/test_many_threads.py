"""Threads and hooks of one process that want a token at the same moment."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConnectionError,
    WalmartError,
    WalmartRateLimitError,
    WalmartServerError,
)
from airflow_provider_walmart.client.transport import tokens
from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.wire import hang, http, token

CROWD = 50


def at_once(task, crowd: int = CROWD) -> list:
    """Run a task in many threads that start together; return results and errors."""
    start = threading.Barrier(crowd)

    def one(number: int):
        start.wait()
        try:
            return task(number)
        except WalmartError as error:
            return error

    with ThreadPoolExecutor(crowd) as pool:
        return list(pool.map(one, range(crowd)))


def test_fifty_threads_with_a_hook_each_share_one_token(shop):
    tokens = at_once(lambda number: WalmartHook().get_access_token())
    assert len(set(tokens)) == 1
    assert shop.token_requests == 1


def test_fifty_threads_with_one_hook_share_one_token(shop):
    hook = WalmartHook()
    answers = at_once(lambda number: hook.request("GET", "/v3/feeds").status_code)
    assert answers == [200] * CROWD
    assert shop.token_requests == 1


def test_a_revoked_token_is_renewed_once_for_all(shop):
    hook = WalmartHook()
    hook.get_access_token()
    shop.revoke_tokens()
    assert at_once(lambda number: hook.request("GET", "/v3/feeds").status_code) == [200] * CROWD
    assert shop.token_requests == 2


def test_separate_accounts_do_not_wait_for_each_other(wire, make_client):
    slow_may_answer = threading.Event()

    def reply(request):
        if "WM_PARTNER.ID".lower() in request.headers:
            return lambda connection: slow_may_answer.wait(240) and connection.sendall(token())
        return token()

    server = wire(reply)
    slow, quick = make_client(server.url, partner_id="1"), make_client(server.url)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow.access_token)
        assert quick.access_token() == "a-token"
        assert not waiting.done()
        slow_may_answer.set()
        assert waiting.result() == "a-token"


@pytest.fixture
def lasting_failures(monkeypatch) -> None:
    """A failure answers for all, however long the last thread takes until its turn comes."""
    monkeypatch.setattr(tokens, "FAILURE_LIFE", 60.0)


@pytest.mark.usefixtures("lasting_failures")
@pytest.mark.parametrize(
    ("trouble", "kind", "requests"),
    [
        ({"status": 500}, WalmartServerError, 2),
        ({"status": 520, "body": "<html>"}, WalmartServerError, 2),
        ({"reset": "before"}, WalmartConnectionError, 2),
        ({"truncate": 10}, WalmartConnectionError, 2),
        ({"status": 401}, WalmartAuthError, 1),
        ({"status": 429, "headers": {"Retry-After": "600"}}, WalmartRateLimitError, 1),
    ],
)
def test_when_the_token_endpoint_fails_all_fail_with_the_same_cause(trouble, kind, requests, shop):
    shop.fault("/v3/token$", **trouble)
    errors = at_once(lambda number: WalmartHook().request("GET", "/v3/feeds"))
    assert {type(error) for error in errors} == {kind}
    assert len({str(error) for error in errors}) == 1
    assert shop.token_requests == requests


def test_when_the_token_call_is_throttled_no_thread_asks_before_the_time_it_named(shop, monkeypatch):
    monkeypatch.setattr("airflow_provider_walmart.client.transport.tokens.FAILURE_LIFE", 0.0)
    shop.fault("/v3/token$", status=429, headers={"Retry-After": "600"})
    hook = WalmartHook()
    for _ in range(2):
        errors = at_once(lambda number: hook.request("GET", "/v3/feeds"))
        assert {type(error) for error in errors} == {WalmartRateLimitError}
    assert shop.token_requests == 1


@pytest.mark.usefixtures("lasting_failures")
def test_when_the_token_endpoint_hangs_nobody_waits_for_more_than_two_attempts(wire, make_client):
    server = wire(lambda request: hang)
    clients = [make_client(server.url, timeout=0.3) for _ in range(CROWD)]
    errors = at_once(lambda number: clients[number].request("GET", "/v3/feeds"))
    assert {type(error) for error in errors} == {WalmartConnectionError}
    assert len({str(error) for error in errors}) == 1
    assert server.count(at_least=2) == 2


def test_after_a_failure_the_next_call_asks_anew(shop):
    hook = WalmartHook()
    shop.fault("/v3/token$", status=500, times=2)
    with pytest.raises(WalmartServerError):
        hook.request("GET", "/v3/feeds")
    assert hook.request("GET", "/v3/feeds").status_code == 200


def test_the_second_attempt_may_succeed(shop):
    shop.fault("/v3/token$", status=503, times=1)
    assert at_once(lambda number: WalmartHook().request("GET", "/v3/feeds").status_code) == [200] * CROWD
    assert shop.token_requests == 2


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("store", ["file", "memory", "none"])
def test_a_fork_in_the_middle_of_a_renewal(store, wire, make_client, tmp_path):
    """A child inherits locks that nobody in it will ever give back."""
    parent_may_go_on = threading.Event()
    asked = threading.Event()

    def reply(request):
        if request.path == "/v3/token" and not asked.is_set():
            asked.set()
            return lambda connection: parent_may_go_on.wait(240) and connection.sendall(token())
        return token() if request.path == "/v3/token" else http(200, {})

    server = wire(reply)
    if store == "none":
        (tmp_path / "state").write_text("in the way")
    client = make_client(server.url, store=Resilient(MemoryStore()) if store == "memory" else None)
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(client.access_token)
        assert asked.wait(60)
        child = os.fork()
        if child == 0:
            # Only a file lock of the parent is still to be waited for; it is freed below.
            signal.alarm(120)
            os._exit(0 if client.access_token() == "a-token" else 1)
        if store == "file":
            parent_may_go_on.set()
        _, status = os.waitpid(child, 0)
        parent_may_go_on.set()
        assert renewing.result() == "a-token"
    assert status == 0
