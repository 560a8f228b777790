"""Whatever comes in, from whichever side: correct work or a clear error of ours, never a traceback from the depths."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import unquote, urlsplit

import pytest
from airflow.sdk import Connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
from airflow_provider_walmart.client.feeds import status as feeds
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.hooks.connection import walmart_settings
from airflow_provider_walmart.task.feeds import judge_feeds

EXTRA_FIELDS = [*WalmartSettings.__dataclass_fields__, "base_url", "unknown"]
quietly = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

texts = st.text(max_size=30) | st.sampled_from(
    [
        "us",
        "MX",
        " production ",
        "v2",
        "localhost",
        "http://[",
        "https://x",
        "::1",
        "0",
        "1e999",
        "é",
        "\x00",
        "\ud800",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
extras = st.dictionaries(st.sampled_from(EXTRA_FIELDS), junk, max_size=6).map(json.dumps) | texts | junk


@given(
    login=scalars,
    password=scalars,
    host=scalars,
    port=st.none() | st.integers() | texts,
    schema=st.none() | texts,
    extra=extras,
)
def test_connections(login, password, host, port, schema, extra):
    made = Connection(
        conn_id="shop", login=login, password=password, host=host, port=port, schema=schema, extra=extra
    )
    try:
        found = walmart_settings(made)
    except WalmartConfigError as error:
        assert str(error).startswith("Connection 'shop': ")  # noqa: PT017 - fine without an error as well
    else:
        url = urlsplit(found.base_url)
        assert (
            url.scheme == "https" or url.hostname in ("localhost", "::1") or url.hostname.startswith("127.")
        )
        assert found.client_id
        assert found.client_secret
        assert 0 < found.timeout <= 3600


@pytest.fixture
def client(make_client, walmart, monkeypatch):
    """A client whose time passes without sleeping, and Walmart to be told what to answer."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    client = make_client()
    now = [time.time()]

    def sleep(seconds: float) -> None:
        now[0] += seconds + 0.001

    monkeypatch.setattr(client.session.throttle, "_clock", lambda: now[0])
    monkeypatch.setattr(client.session.throttle, "_sleep", sleep)
    return client


@quietly
@given(feed_id=st.text(max_size=40) | junk)
@example(feed_id="..")
@example(feed_id="../token")
@example(feed_id="%2e%2e")
@example(feed_id="a\r\nHost: evil.com")
def test_feed_ids(feed_id, client, walmart):
    walmart.reset_mock()
    walmart.get(re.compile("/v3/feeds"), json={"feedStatus": "RECEIVED"})
    try:
        feeds.get_feed(client, feed_id)
    except WalmartConfigError:
        assert not [request for request in walmart.request_history if request.path.startswith("/v3/feeds")]
    else:
        path = urlsplit(walmart.last_request.url).path
        assert path.count("/") == 3
        assert unquote(path) == f"/v3/feeds/{feed_id.strip()}"


FEED = ("feedId", "feedType", "feedStatus", "feedDate", "itemsReceived", "itemsFailed", "itemsProcessing",
        "ingestionErrors")  # fmt: skip
ITEM = ("sku", "index", "ingestionStatus", "ingestionErrors")
errors_of_items = junk | st.fixed_dictionaries(
    {
        "ingestionError": st.lists(
            st.dictionaries(st.sampled_from(["code", "type", "field", "description"]), junk)
        )
    }
)
a_feed = st.dictionaries(
    st.sampled_from(FEED), junk | st.sampled_from(["ERROR", "PROCESSED", 1, 10**18]) | errors_of_items
)
an_item = st.dictionaries(st.sampled_from(ITEM), junk | st.just("DATA_ERROR") | errors_of_items)
a_list = st.fixed_dictionaries(
    {
        "results": st.fixed_dictionaries({"feed": st.lists(a_feed | junk, max_size=4)}) | junk,
        "totalResults": junk,
    }
)
a_status = st.builds(
    lambda feed, items: {**feed, "itemDetails": items},
    a_feed,
    st.fixed_dictionaries({"itemIngestionStatus": st.lists(an_item | junk, max_size=4)}) | junk,
)


class Reading:
    """What verdicts on feeds need of a hook."""

    def __init__(self, client) -> None:
        self.client = client
        self.get_feed = lambda feed_id: feeds.get_feed(client, feed_id)
        self.iter_feed_items = lambda feed_id: feeds.iter_feed_items(client, feed_id)


@quietly
@given(listed=a_list | junk, status=a_status | junk)
def test_bodies_of_answers(listed, status, client, walmart, tmp_path_factory):
    walmart.get("/v3/feeds", text=json.dumps(listed))
    walmart.get("/v3/feeds/F", text=json.dumps(status))
    target = str(tmp_path_factory.getbasetemp() / "items.jsonl")
    for found in (
        lambda: list(feeds.iter_feeds(client)),
        lambda: [{**feeds.get_feed(client, "F"), "feedId": "F"}],
    ):
        try:
            judge_feeds(
                Reading(client), found(), allowed_failures=0.5, item_errors_path=target, keep=json.dumps
            )
        except WalmartError as error:
            assert str(error)  # noqa: PT017 - fine without an error as well


header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
NAMES = ("X-Next-Replenishment-Time", "x-next-replenish-time", "Retry-After", "Date", "x-current-token-count",
         "Deprecation", "Sunset", "Content-Type", "Content-Encoding", "Location", "Set-Cookie")  # fmt: skip


@quietly
@given(
    headers=st.dictionaries(st.sampled_from(NAMES), header_values, max_size=5),
    status=st.sampled_from([200, 204, 302, 400, 401, 403, 404, 429, 500, 503]),
    body=st.binary(max_size=50),
)
def test_headers_of_answers(headers, status, body, client, walmart):
    walmart.get("/v3/feeds", headers=headers, status_code=status, content=body)
    try:
        client.request("GET", "/v3/feeds")
    except WalmartError as error:
        assert str(error)  # noqa: PT017 - fine without an error as well


@quietly
@given(
    headers=st.dictionaries(texts, scalars, max_size=3), params=st.dictionaries(texts, scalars, max_size=3)
)
def test_headers_and_parameters_of_callers(headers, params, client, walmart):
    try:
        client.request("GET", "/v3/feeds", headers=headers, params=params)
    except WalmartConfigError as error:
        assert str(error)  # noqa: PT017 - fine without an error as well


@quietly
@given(answer=junk | st.fixed_dictionaries({"access_token": texts, "expires_in": junk}))
def test_answers_of_the_token_endpoint(answer, make_client, walmart):
    import re

    walmart.post(re.compile("/v3/token$"), text=json.dumps(answer))
    try:
        assert make_client().access_token() == answer["access_token"].strip()
    except WalmartError as error:
        assert "/v3/token" in str(error)  # noqa: PT017 - fine without an error as well
