"""What ends in a log by mistake is the text of an object: none of ours may hold a secret."""

from __future__ import annotations

import base64
import functools
import json
import re
from types import FunctionType, MethodType
from typing import Any

import pytest

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.golocal.settings import GoLocalSettings
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.session import WalmartSession
from airflow_provider_walmart.client.transport.shared_state import RedisStore, Resilient
from airflow_provider_walmart.client.transport.tokens import Token, TokenCall
from airflow_provider_walmart.client.webhooks import notifications as webhooks
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
from airflow_provider_walmart.hooks.walmart import WalmartHook

CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
SECRET, REFRESH, REDIS, WEBHOOK = (
    "the-client-secret",
    "the-refresh-token",
    "the-redis-password",
    "the-webhook-secret",
)
TOKEN = "the-access-token"
SECRETS = {
    SECRET,
    REFRESH,
    REDIS,
    WEBHOOK,
    TOKEN,
    base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode(),
    base64.b64encode(f"user:{WEBHOOK}".encode()).decode(),
}


def is_ours(thing: Any) -> bool:
    return type(thing).__module__.startswith("airflow_provider_walmart")


def parts_of(thing: Any) -> list[Any]:
    """Return what a container, a function or an object of ours holds."""
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, (list, tuple, set)):
        return list(thing)
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, MethodType):
        return [thing.__self__]
    if isinstance(thing, FunctionType):
        return [cell.cell_contents for cell in thing.__closure__ or ()]
    return list(vars(thing).values()) if is_ours(thing) else []


def ours_in(*things: Any) -> list[Any]:
    """Return all objects of ours that can be reached from some."""
    pending, seen = list(things), {}
    while pending:
        thing = pending.pop()
        if id(thing) not in seen:
            seen[id(thing)] = thing
            pending.extend(parts_of(thing))
    return [thing for thing in seen.values() if is_ours(thing)]


@pytest.fixture
def used(monkeypatch, requests_mock):
    """Everything that was made to use two accounts, and errors whose answers repeat all secrets."""
    extra = {"refresh_token": REFRESH, "partner_id": "10001"}
    known = {"login": CLIENT_ID, "password": SECRET}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "walmart", "extra": extra, **known}))
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps({"conn_type": "walmart_golocal", **known}))
    requests_mock.register_uri("POST", re.compile("token$"), json={"access_token": TOKEN, "expires_in": 900})
    requests_mock.get(
        re.compile("."), text=lambda request, _: f"{request.headers} {request.body}", status_code=400
    )
    things: list[Any] = [
        Resilient(RedisStore(f"redis://:{REDIS}@127.0.0.1:1/0")),
        webhooks.BearerTokens("user", WEBHOOK),
        webhooks.basic_auth("user", WEBHOOK),
        webhooks.hmac_sha256(WEBHOOK, "X-Signature"),
    ]
    for hook in (WalmartHook("shop"), WalmartGoLocalHook("store")):
        auth = hook.get_conn().call_auth()
        hook.get_conn().get("/anything", auth=auth)
        with pytest.raises(WalmartError) as caught:
            hook.request("GET", "/anything")
        things += [hook, auth, caught.value]
    return ours_in(*things)


def test_no_text_of_an_object_holds_a_secret(used):
    kinds = {type(thing) for thing in used}
    assert kinds > {WalmartSettings, GoLocalSettings, TokenCall, Token, WalmartSession, RedisStore}
    leaking = {
        type(thing).__name__
        for thing in used
        for text in (repr(thing), str(thing))
        if any(secret in text for secret in SECRETS)
    }
    assert not leaking
