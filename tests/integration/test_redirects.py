"""Whoever redirects us elsewhere gets our credentials nowhere: checked in the raw bytes received."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_walmart.client.errors import WalmartError, WalmartNotFoundError, WalmartRequestError
from tests.helpers.wire import http, token

TOKEN = "the-access-token"
BASIC = base64.b64encode(b"an-id:sandbox").decode()
ACCOUNT = {"channel_type": "ch-secret", "partner_id": "10001", "market": "mx"}


def home(target_of):
    """Return a reply that gives out tokens and sends all else to where ``target_of()`` says."""

    def reply(request):
        if request.path == "/v3/token":
            return token(TOKEN)
        if request.path == "/here":
            return http(200, {"stayed": True})
        return http(302, Location=target_of(request), Set_Cookie="session=cookie-secret; Path=/")

    return reply


def saw_nothing(server) -> bool:
    for request in server.requests:
        for secret in (TOKEN, BASIC, "cookie-secret", "ch-secret", "10001"):
            assert secret.encode() not in request.raw
        assert not [name for name in request.headers if name.startswith("wm_")]
        assert not {"authorization", "cookie", "proxy-authorization"} & set(request.headers)
    return True


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """The user has a password for every host in his ``.netrc``."""
    (tmp_path / "netrc").write_text("default login me password netrc-secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("other_host", ["127.0.0.1", "localhost"])
def test_another_port_and_another_host(other_host, wire, make_client):
    foreign = wire(lambda request: http(200, {"here": "too"}))
    elsewhere = foreign.url.replace("127.0.0.1", other_host) + "/elsewhere"
    server = wire(home(lambda request: elsewhere))
    client = make_client(server.url, **ACCOUNT)
    assert client.request("GET", "/v3/feeds").json() == {"here": "too"}
    assert foreign.count("/elsewhere") == 1
    assert saw_nothing(foreign)


@pytest.mark.usefixtures("netrc")
def test_credentials_stay_when_a_redirect_leads_to_the_same_port_under_another_name(wire, make_client):
    """Where the host is another one, it is none of ours, even if the machine is the same."""
    server = wire(lambda request: reply(request))
    reply = home(lambda request: server.url.replace("127.0.0.1", "localhost") + "/here")
    make_client(server.url).request("GET", "/v3/feeds").json()
    (landed,) = (request for request in server.requests if request.path == "/here")
    server.requests[:] = [landed]
    assert saw_nothing(server)


def test_within_the_host_credentials_stay(wire, make_client):
    server = wire(home(lambda request: "/here"))
    assert make_client(server.url, **ACCOUNT).request("GET", "/v3/feeds").json() == {"stayed": True}
    landed = server.requests[-1]
    assert landed.headers["wm_sec.access_token"] == TOKEN
    assert landed.headers["wm_market"] == "mx"


@pytest.mark.parametrize("status", [401, 400])
def test_a_foreign_401_gets_no_token_out_of_us(status, wire, make_client):
    body = {"error": [{"code": "INVALID_TOKEN.GMP_GATEWAY_API"}]}
    foreign = wire(lambda request: http(status, body, WWW_Authenticate="Basic"))
    server = wire(home(lambda request: foreign.url))
    with pytest.raises(WalmartError):
        make_client(server.url).request("GET", "/v3/feeds").json()
    assert server.count("/v3/token") == 1
    assert foreign.count() == 1
    assert saw_nothing(foreign)


@pytest.mark.parametrize("status", [200, 401])
def test_there_and_back_again(status, wire, make_client):
    """A redirect that comes back has no token any more, and gets none."""
    foreign = wire(lambda request: http(302, Location=server.url + "/back"))

    def reply(request):
        if request.path == "/back":
            return http(status, {"back": True})
        return home(lambda request: foreign.url)(request)

    server = wire(reply)
    client = make_client(server.url)
    if status == 200:
        assert client.request("GET", "/v3/feeds").json() == {"back": True}
    else:
        with pytest.raises(WalmartError):
            client.request("GET", "/v3/feeds").json()
    assert saw_nothing(foreign)
    assert server.count("/v3/token") == 1


def test_a_full_url_of_another_host_gets_nothing(wire, make_client):
    foreign = wire(lambda request: http(401))
    server = wire(home(lambda request: "/here"))
    session = make_client(server.url, **ACCOUNT).session
    session.get("/v3/feeds")
    session.get(foreign.url + "/report.csv?signature=abc")
    assert foreign.requests[0].target == "/report.csv?signature=abc"
    assert saw_nothing(foreign)
    assert server.count("/v3/token") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_token_call_is_not_followed(status, wire, make_client):
    foreign = wire(lambda request: token("evil"))
    server = wire(lambda request: http(status, Location=foreign.url + "/v3/token"))
    with pytest.raises(WalmartRequestError, match="redirect"):
        make_client(server.url).access_token()
    assert foreign.count() == 0
    assert server.count() == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_redirected_write_is_not_followed(status, method, wire, make_client):
    foreign = wire(lambda request: http(200, {}))

    def reply(request):
        return token() if request.path == "/v3/token" else http(status, Location=foreign.url)

    server = wire(reply)
    with pytest.raises(WalmartRequestError, match="redirect"):
        make_client(server.url).request(method, "/v3/feeds", json={})
    assert foreign.count() == 0
    assert server.count("/v3/feeds") == 1


def test_redirects_in_a_circle_end(wire, make_client):
    server = wire(home(lambda request: "/v3/feeds"))
    with pytest.raises(WalmartError):
        make_client(server.url).request("GET", "/v3/feeds").json()
    assert server.count("/v3/feeds") == 31


@pytest.mark.parametrize(
    "target", ["http://[", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "//", "\x7f", "http://a..b/"]
)
def test_redirects_to_nonsense(target, wire, make_client):
    server = wire(home(lambda request: target))
    try:
        make_client(server.url).request("GET", "/v3/feeds").json()
    except WalmartNotFoundError:
        pytest.fail("nothing was found there")
    except WalmartError as error:
        assert TOKEN not in str(error)  # noqa: PT017 - which error it is doesn't matter
