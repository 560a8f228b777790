"""Encryption: whom we believe, and what a failure of it says about a write."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_walmart.client.errors import WalmartConnectionError, WalmartUnknownOutcomeError
from tests.helpers.wire import Wire, http, reset, token


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that nobody but its owner knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


@pytest.fixture
def walmart(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
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
    assert make_client(server.url).get_json("/v3/feeds") == {"fine": True}


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
