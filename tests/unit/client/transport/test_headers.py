"""The headers of every kind of call, to the letter."""

from __future__ import annotations

import base64
import uuid

import pytest

LEGACY = ("WM_SEC.TIMESTAMP", "WM_SEC.AUTH_SIGNATURE", "WM_CONSUMER.ID")

# Connection fields -> the headers they add to business calls, and to token calls.
TABLE = [
    ({}, {}, {}),
    ({"service_name": "My Shop"}, {"WM_SVC.NAME": "My Shop"}, {"WM_SVC.NAME": "My Shop"}),
    (
        {"channel_type": "ch-1"},
        {"WM_CONSUMER.CHANNEL.TYPE": "ch-1"},
        {"WM_CONSUMER.CHANNEL.TYPE": "ch-1"},
    ),
    ({"partner_id": "10001"}, {}, {"WM_PARTNER.ID": "10001"}),
    ({"market": "us"}, {}, {}),
    *(
        ({"market": market}, {"WM_MARKET": market, "WM_GLOBAL_VERSION": "3.1"}, {"WM_MARKET": market})
        for market in ("mx", "ca", "cl")
    ),
    ({"environment": "sandbox", "sandbox_version": "v2"}, {"WM_SANDBOX": "v2"}, {}),
]


def sent(request) -> dict[str, str]:
    """Return the headers of a request that are ours, without those that the HTTP library adds."""
    library = ("Accept-Encoding", "Connection", "Content-Length")
    return {name: value for name, value in request.headers.items() if name not in library}


def pop_guid(headers: dict[str, str]) -> str:
    guid = headers.pop("WM_QOS.CORRELATION_ID")
    assert str(uuid.UUID(guid)) == guid
    return guid


@pytest.mark.parametrize(("fields", "business", "token"), TABLE)
def test_business_and_token_calls(fields, business, token, make_client, walmart):
    make_client(**fields).request("GET", "/v3/feeds")
    token_call, call = walmart.request_history

    headers = sent(call)
    assert pop_guid(headers) != pop_guid(token_headers := sent(token_call))
    assert headers == {
        "User-Agent": "a-user-agent",
        "Accept": "application/json",
        "WM_SVC.NAME": "Walmart Marketplace",
        "WM_SEC.ACCESS_TOKEN": "a-token",
        **business,
    }
    assert token_headers == {
        "User-Agent": "a-user-agent",
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "WM_SVC.NAME": "Walmart Marketplace",
        "Authorization": "Basic " + base64.b64encode(b"an-id:a-secret").decode(),
        **token,
    }


def test_every_attempt_has_a_correlation_id_of_its_own(make_client, walmart, monkeypatch):
    client = make_client()
    monkeypatch.setattr(client.session.retries, "BACKOFF", 0.0)
    walmart.get("/v3/feeds", [{"status_code": 503}, {"status_code": 401}, {"json": {}}])
    client.request("GET", "/v3/feeds")
    guids = [request.headers["WM_QOS.CORRELATION_ID"] for request in walmart.request_history]
    assert len(guids) == len(set(guids)) == 5  # two token calls among them


def test_the_error_names_the_correlation_id_of_the_last_attempt(make_client, walmart, monkeypatch):
    from airflow_provider_walmart.client.errors import WalmartServerError

    client = make_client()
    monkeypatch.setattr(client.session.retries, "BACKOFF", 0.0)
    walmart.get("/v3/feeds", status_code=503)
    with pytest.raises(WalmartServerError) as raised:
        client.request("GET", "/v3/feeds")
    guid = walmart.last_request.headers["WM_QOS.CORRELATION_ID"]
    assert raised.value.correlation_id == guid
    assert guid in str(raised.value)


def test_no_authorization_from_a_netrc(make_client, walmart, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("default login netrc-user password netrc-password\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    make_client().request("GET", "/v3/feeds")
    token_call, call = walmart.request_history
    assert "Authorization" not in call.headers
    assert token_call.headers["Authorization"] == "Basic " + base64.b64encode(b"an-id:a-secret").decode()


def test_a_caller_can_not_bring_a_token_of_his_own(make_client, walmart):
    make_client().request("GET", "/v3/feeds", headers={"wm_sec.access_token": "stale"})
    assert walmart.last_request.headers["WM_SEC.ACCESS_TOKEN"] == "a-token"


def test_a_caller_may_add_and_change_other_headers(make_client, walmart):
    headers = {"WM_PARTNER_ID": "1", "Accept": "application/octet-stream", "WM_QOS.CORRELATION_ID": "mine"}
    make_client().request("GET", "/v3/feeds", headers=headers)
    assert headers.items() <= walmart.last_request.headers.items()


def test_never_the_legacy_headers(make_client, walmart):
    client = make_client(market="ca", channel_type="c", partner_id="p")
    client.request("POST", "/v3/feeds", json={})
    client.token_detail()
    for request in walmart.request_history:
        assert not {name for name in LEGACY if name in request.headers}


def test_token_detail_has_the_content_type_that_its_document_asks_for(make_client, walmart):
    make_client().token_detail()
    assert walmart.last_request.path == "/v3/token/detail"
    assert walmart.last_request.headers["Content-Type"] == "application/json"


def test_headers_for_callers_of_their_own(make_client, walmart):
    client = make_client(market="mx", channel_type="ch")
    first, second = client.headers(), client.headers()
    assert pop_guid(first) != pop_guid(second)
    assert first == second
    assert first == {
        "Accept": "application/json",
        "WM_SVC.NAME": "Walmart Marketplace",
        "WM_CONSUMER.CHANNEL.TYPE": "ch",
        "WM_MARKET": "mx",
        "WM_GLOBAL_VERSION": "3.1",
        "WM_SEC.ACCESS_TOKEN": "a-token",
    }


def test_the_user_agent_of_the_hook_names_both_versions(monkeypatch):
    from importlib.metadata import version

    from airflow_provider_walmart import __version__
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", "walmart://an-id:a-secret@")
    agent = WalmartHook().get_conn().headers["User-Agent"]
    assert agent.startswith(
        f"airflow-provider-walmart/{__version__} apache-airflow/{version('apache-airflow')} "
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"json": {"a": 1}}, "application/json"),
        ({"data": "<xml/>"}, None),
        ({"files": {"file": ("feed.json", b"{}")}}, "multipart/form-data; boundary="),
    ],
)
def test_the_library_sets_the_content_type_of_bodies(body, content_type, make_client, walmart):
    make_client().request("POST", "/v3/feeds", params={"feedType": "price"}, **body)
    found = walmart.last_request.headers.get("Content-Type")
    assert (found or "").startswith(content_type) if content_type else found is None
