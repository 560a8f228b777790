"""Real proxies between this package and a server that is not on this machine, as far as it knows."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from urllib.parse import quote, urlsplit

import pytest

from airflow_provider_walmart.client.errors import WalmartConnectionError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.certificates import self_signed, server_context
from tests.helpers.proxies import PASSWORD, USER, HttpProxy, SocksProxy
from tests.helpers.wire import Wire, http, token

HOST = "marketplace.example.com"
SECRET = "a+secret/of=ours"
SCHEMES = {HttpProxy: "http", SocksProxy: "socks5h"}

every_kind = pytest.mark.parametrize("kind", SCHEMES)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture
def walmart(certificate, monkeypatch, tmp_path):
    """A server with a certificate of ``HOST``, and the connection ``shop`` to that."""
    feeds = http(200, {"results": {"feed": []}, "totalResults": 0})
    server = Wire(
        lambda request: token() if request.path == "/v3/token" else feeds, tls=server_context(certificate)
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path))
    connection = {"conn_type": "walmart", "login": "an-id", "password": SECRET, "host": f"https://{HOST}"}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(connection))
    yield server
    server.stop()


@pytest.fixture
def proxy(walmart, monkeypatch):
    """Return a function that starts a proxy and sets it for this process."""
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    started = []

    def start(kind, *, keys="", name="HTTPS_PROXY", passes_on=True, **options):
        server = urlsplit(walmart.url)
        made = kind((server.hostname, server.port) if passes_on else None, **options)
        started.append(made)
        url = f"{SCHEMES[kind]}://{keys}127.0.0.1:{made.port}"
        for spelling in (name, name.lower()):
            monkeypatch.setenv(spelling, url)
        return made

    yield start
    for made in started:
        made.stop()
        assert SECRET.encode() not in made.seen
        assert base64.b64encode(f"an-id:{SECRET}".encode()) not in made.seen
        assert b"WM_" not in made.seen


def hook() -> WalmartHook:
    found = WalmartHook("shop")
    found.client.session.retries.attempts = 1
    return found


@every_kind
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_calls_go_through_it_and_it_sees_nothing_of_them(kind, name, proxy, walmart):
    between = proxy(kind, name=name)
    assert hook().list_feeds() == []
    assert [request.path for request in walmart.requests] == ["/v3/token", "/v3/feeds"]
    # The name, and not an address: only the proxy can find it.
    assert set(between.hosts) == {f"{HOST}:443"}


@every_kind
def test_a_proxy_may_want_a_user_name_and_password(kind, proxy, walmart):
    proxy(kind, keys=f"{quote(USER)}:{quote(PASSWORD, safe='')}@", wants_keys=True)
    assert hook().list_feeds() == []


@pytest.mark.parametrize("keys", ["", "somebody:else@"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (HttpProxy, "the proxy answered 407.*user name and password"),
        (SocksProxy, "SOCKS proxy: .*authentication.*user name and password"),
    ],
)
def test_without_the_right_ones_nothing_is_sent(kind, said, keys, proxy, walmart):
    proxy(kind, keys=keys, wants_keys=True)
    with pytest.raises(WalmartConnectionError, match=said):
        hook().list_feeds()
    assert walmart.requests == []


@every_kind
def test_one_that_passes_nothing_on_is_named(kind, proxy, walmart):
    proxy(kind, passes_on=False)
    with pytest.raises(WalmartConnectionError, match=r"lets nothing through to this host"):
        hook().list_feeds()
    assert walmart.requests == []


@every_kind
def test_one_that_shows_a_certificate_of_its_own_gets_no_keys(kind, proxy, walmart, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(self_signed(tmp_path, "ca.example.com")))
    proxy(kind)
    with pytest.raises(WalmartConnectionError, match=r"certificate is not trusted here.*REQUESTS_CA_BUNDLE"):
        hook().list_feeds()
    assert walmart.requests == []


@every_kind
def test_none_is_between_this_machine_and_itself(kind, shop, proxy, monkeypatch):
    between = proxy(kind)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"{SCHEMES[kind]}://127.0.0.1:{between.port}")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", shop.connection())
    assert hook().list_feeds() == []
    assert between.hosts == []


def test_a_socks_proxy_without_its_package_says_which_one(proxy, walmart):
    proxy(SocksProxy)
    script = (
        "import sys; sys.modules['socks'] = None\n"
        "from airflow_provider_walmart.hooks.walmart import WalmartHook\n"
        "WalmartHook('shop').list_feeds()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "WalmartConfigError" in done.stderr
    assert "SOCKS proxy, which needs a package: pip install 'requests[socks]'" in done.stderr
