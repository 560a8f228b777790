"""Legal environments: CA files, addresses in IPv6, no home, and processes that are forked."""

from __future__ import annotations

import copy
import http.server
import json
import logging
import os
import pickle
import pwd
import socket
import threading
import traceback

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.hooks import connection, shared_state
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.wire import http as answer
from tests.helpers.wire import token

REMOTE = "https://marketplace.example.com"


def connect(monkeypatch, host: str, **fields) -> WalmartHook:
    known = {"conn_type": "walmart", "login": "an-id", "password": "a-secret", "host": host, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(known))
    hook = WalmartHook("shop")
    hook.client.session.retries.attempts = 1
    return hook


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_missing_ca_file_is_named_before_anything_is_sent(name, monkeypatch):
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "/etc/no/such/ca.pem")
    with pytest.raises(WalmartConfigError, match=f"'/etc/no/such/ca.pem' does not exist; {name} names it"):
        connect(monkeypatch, REMOTE)
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "walmart", "login": "a", "password": "b"})
    )
    good, said = WalmartHook("shop").test_connection()
    assert (good, said.partition(" that ")[0]) == (False, "The CA file")


def test_a_ca_file_is_not_needed_without_tls(shop, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/no/such/ca.pem")
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection())
    assert isinstance(WalmartHook().list_feeds(), list)


@pytest.mark.parametrize(
    ("host", "fields", "url"),
    [
        ("::1", {}, "http://[::1]"),
        ("::1", {"port": 8089}, "http://[::1]:8089"),
        ("[::1]:8089", {}, "http://[::1]:8089"),
        ("http://[::1]:8089", {}, "http://[::1]:8089"),
        ("http://::1", {"port": 8089}, "http://[::1]:8089"),
        ("::ffff:127.0.0.1", {}, "http://[::ffff:7f00:1]"),
        ("2001:db8::5", {"schema": "https", "port": 443}, "https://[2001:db8::5]:443"),
        ("https://2001:db8::5/base", {}, "https://[2001:db8::5]/base"),
        ("127.0.0.1", {"port": 80}, "http://127.0.0.1:80"),
    ],
)
def test_an_address_in_ipv6_in_every_form_of_a_connection(host, fields, url, monkeypatch):
    assert connect(monkeypatch, host, **fields).client.settings.base_url == url


def test_an_address_in_ipv6_in_the_uri_form_of_a_connection(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "walmart://an-id:a-secret@[::1]:8089")
    assert WalmartHook("shop").client.settings.base_url == "http://[::1]:8089"


def test_without_a_home_the_state_is_kept_in_memory_and_said_so(monkeypatch, caplog):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "AIRFLOW_HOME", "AIRFLOW__WALMART__SHARED_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    shared_state.store_of.cache_clear()
    store = shared_state.store_of("file", "", "")
    shared_state.store_of.cache_clear()
    store.put("a", b"b", 5)
    assert store.get("a") == b"b"
    assert "no home directory" in caplog.text


def test_a_read_only_root_costs_speed_only(shop, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", "/proc/no/such/place")
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection())
    assert isinstance(WalmartHook().list_feeds(), list)
    assert "processes don't share tokens" in caplog.text


@pytest.mark.parametrize("name", ["enviroment", "extra__walmart__environment", "Environment"])
def test_a_misspelt_key_of_the_extra_is_said(name, monkeypatch, caplog):
    connection._warn_of_unknown.cache_clear()
    connect(monkeypatch, REMOTE, extra={name: "sandbox-of-secrets"})
    [said] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"extra has the key '{name}', which is not used; did you mean environment?" in said
    assert "sandbox-of-secrets" not in said


def test_white_space_around_a_token_is_left_out(wire, monkeypatch):
    server = wire(
        lambda r: (
            token("a-token\r\n")
            if r.path == "/v3/token"
            else answer(200, {"results": {"feed": []}, "totalResults": 0})
        )
    )
    connect(monkeypatch, server.url).list_feeds()
    assert server.requests[-1].headers["wm_sec.access_token"] == "a-token"


# -- processes ---------------------------------------------------------------------------------------

# Of each of two processes: 10,000 different orders where time is no matter.
READS = 5_000 if "WALMART_NEW_EXAMPLES" in os.environ else 500


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers each order with its number, over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        number = self.path.rpartition("/")[2]
        self.reply({"order": {"purchaseOrderId": number}})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply({"access_token": "a-token", "expires_in": 900})

    def reply(self, body):
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def echo():
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET

    server = Server(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.timeout(900)
def test_two_forks_that_share_a_used_hook_get_their_own_answers(echo, monkeypatch):
    hook = connect(monkeypatch, echo)
    assert hook.call("getAnOrder", purchaseOrderId="1")["purchaseOrderId"] == "1"
    children = []
    for start in (10_000, 20_000):
        child = os.fork()
        if child == 0:
            wrong = 1
            try:
                numbers = [str(start + n) for n in range(READS)]
                wrong = sum(
                    hook.call("getAnOrder", purchaseOrderId=n)["purchaseOrderId"] != n for n in numbers
                )
            except BaseException:
                traceback.print_exc()
            os._exit(min(wrong, 1))
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert hook.call("getAnOrder", purchaseOrderId="2")["purchaseOrderId"] == "2"


def test_slots_that_were_taken_ahead_stay_with_the_parent(make_client):
    throttle = make_client("http://127.0.0.1:9").session.throttle
    assert isinstance(throttle, Throttle)
    for _ in range(3):
        throttle.wait("GET", "/v3/orders", "")
    assert throttle._leases
    throttle.after_fork()
    assert not throttle._leases


def test_a_used_hook_can_be_pickled_and_copied(echo, monkeypatch):
    hook = connect(monkeypatch, echo)
    hook.call("getAnOrder", purchaseOrderId="1")
    for other in (pickle.loads(pickle.dumps(hook)), copy.deepcopy(hook)):
        assert other.client is not hook.client
        assert other.call("getAnOrder", purchaseOrderId="2")["purchaseOrderId"] == "2"


def test_a_session_and_a_client_say_why_they_cannot_be_pickled(make_client):
    client = make_client("http://127.0.0.1:9")
    for thing in (client, client.session):
        with pytest.raises(TypeError, match="Pickle the hook"):
            pickle.dumps(thing)
