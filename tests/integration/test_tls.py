"""Encryption: whom we believe, and what a failure of it says about a write."""

from __future__ import annotations

import socket
import ssl

import pytest

from airflow_provider_walmart.client.errors import WalmartConnectionError, WalmartUnknownOutcomeError
from tests.helpers.certificates import self_signed, server_context
from tests.helpers.wire import Wire, http, reset, token


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that nobody but its owner knows."""
    return self_signed(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture
def walmart(certificate):
    context = server_context(certificate)
    servers = []

    def start(reply) -> Wire:
        servers.append(Wire(lambda request: token() if request.path == "/v3/token" else reply, tls=context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))


def speak_no_tls(connection: ssl.SSLSocket) -> None:
    """Break the encryption in the middle of the connection."""
    plain = socket.socket(fileno=connection.detach())
    plain.sendall(http(200, {}))
    plain.close()


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_the_bundle_is_believed(walmart, make_client):
    server = walmart(http(200, {"fine": True}))
    assert make_client(server.url).request("GET", "/v3/feeds").json() == {"fine": True}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_certificate_gets_no_request_at_all(method, walmart, make_client):
    server = walmart(http(200, {}))
    with pytest.raises(WalmartConnectionError, match="SSLError"):
        make_client(server.url).request(method, "/v3/feeds")
    assert server.count() == 0


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("trouble", [reset, b"", speak_no_tls])
def test_a_write_whose_answer_was_lost_in_the_encryption(trouble, walmart, make_client):
    server = walmart(trouble)
    with pytest.raises(WalmartUnknownOutcomeError):
        make_client(server.url).request("POST", "/v3/feeds", json={})
    assert server.count("/v3/feeds") == 1


@pytest.mark.usefixtures("trusted")
def test_a_write_refused_for_its_certificate_did_not_happen(walmart, make_client):
    """The certificate is right, but for another name."""
    server = walmart(http(200, {}))
    client = make_client(server.url)
    client.access_token()
    with pytest.raises(WalmartConnectionError):
        client.request("POST", server.url.replace("127.0.0.1", "localhost") + "/v3/feeds", json={})
    assert server.count("/v3/feeds") == 0
