"""What a sandbox remembers is bounded by what is in the shop, however many calls it receives."""

import asyncio
import json
from urllib.parse import urlencode, urlsplit

import pytest

from airflow_provider_walmart.sandbox.core import bounded, request_log
from airflow_provider_walmart.sandbox.core.clock import Clock
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import Settings, Skus, State
from airflow_provider_walmart.sandbox.server.app import App
from tests.helpers.sandbox_server import TOKEN_HEADERS, basic

MOST = 20
GATEWAY = {"WM_QOS.CORRELATION_ID": "1", "WM_SVC.NAME": "A", "Accept": "application/json"}


class Caller:
    """Calls a sandbox in this process, so that its memory can be looked into."""

    def __init__(self):
        settings = Settings(limits={"/v3/token/detail": (1000, 60)}, report_seconds=0)
        fresh = State(clock=Clock.started(), settings=settings, items=Skus(count=9))
        self.sandbox = Sandbox(lambda: fresh, secrets={}, storage_port=1)
        self.app = App(self.sandbox)

    def call(self, method, url, body=b"", **headers):
        parts, sent, answer = urlsplit(url), [{"type": "http.request", "body": body}], []
        scope = {
            "type": "http",
            "method": method,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }

        async def receive():
            return sent.pop()

        async def send(message):
            answer.append(message)

        asyncio.run(self.app(scope, receive, send))
        assert answer[0]["status"] < 400, answer
        return json.loads(answer[1]["body"])

    def token(self, client, **form):
        form = {"grant_type": "client_credentials", **form}
        headers = {
            **GATEWAY,
            **TOKEN_HEADERS,
            "Authorization": basic(client, "sandbox"),
            "WM_PARTNER.ID": "1",
        }
        return self.call("POST", "/v3/token", urlencode(form).encode(), **headers)["access_token"]


@pytest.fixture
def caller(monkeypatch):
    monkeypatch.setattr(bounded, "KEPT", MOST)
    monkeypatch.setattr(request_log, "KEPT", MOST)
    return Caller()


def test_what_calls_leave_behind_is_bounded(caller):
    state = caller.sandbox.state
    token = caller.token("first")
    headers = {**GATEWAY, "WM_SEC.ACCESS_TOKEN": token, "Content-Type": "application/json"}
    report = "/v3/reports/reportRequests"
    made = caller.call("POST", f"{report}?reportType=ITEM&reportVersion=v4", b"{}", **headers)
    for number in range(2 * MOST):
        headers["WM_SEC.ACCESS_TOKEN"] = caller.token(f"client-{number}")
        code = {"code": f"code-{number}", "redirect_uri": "https://example.com"}
        caller.token(f"client-{number}", grant_type="authorization_code", **code)
        caller.call("GET", "/v3/token/detail", **headers)
        caller.call("GET", "/v3/items?nextCursor=*&limit=1", **headers)
        caller.call("GET", f"/v3/reports/downloadReport?requestId={made['requestId']}", **headers)
        caller.call("PUT", f"/v3/settings/shipping/templates/{number}", TEMPLATE, **headers)
    left = {
        name: len(getattr(state, name))
        for name in ("tokens", "used_codes", "refresh_tokens", "buckets", "downloads", "written", "scrolls")
    }
    left["requests"], left["counts"] = len(caller.sandbox.log.entries("")), len(caller.sandbox.log.counts(""))
    assert left == dict.fromkeys(left, MOST)
    # The newest ones are there.
    assert caller.call("GET", "/v3/token/detail", **headers)["is_valid"] is True


def test_what_is_counted_stays_right_where_it_was_forgotten_meanwhile(caller):
    log = caller.sandbox.log
    scope = {"headers": [], "method": "GET", "query_string": b""}
    slow = log.add({**scope, "raw_path": b"/slow"}, b"", server="api", time=0, client="")
    for number in range(2 * MOST):
        entry = log.add({**scope, "raw_path": b"/%d" % number}, b"", server="api", time=0, client="")
        log.finish(entry, 200)
    log.finish(slow, 200)
    assert log.counts("/slow") == [{"method": "GET", "path": "/slow", "status": 200, "count": 1}]
    assert all(found["count"] == 1 for found in log.counts(""))


TEMPLATE = json.dumps(
    {
        "name": "By post",
        "type": "CUSTOM",
        "rateModelType": "TIERED_PRICING",
        "status": "ACTIVE",
        "shippingMethods": [],
    }
).encode()
