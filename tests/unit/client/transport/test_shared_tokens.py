"""The shared file of a token: who can read it, what breaks it, and that breaking it breaks nothing else."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import re
import stat

import pytest

from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.shared_state import (
    FileStore,
    MemoryStore,
    RedisStore,
    Resilient,
)

SECRET = "s3cr3t-of-the-seller"
REFRESH = "refresh-me-not"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "state"


@pytest.fixture
def token_calls(requests_mock):
    """Give out token-1, token-2, ...; count the calls."""
    numbers = itertools.count(1)
    return requests_mock.post(
        re.compile("/v3/token$"),
        json=lambda request, context: {"access_token": f"token-{next(numbers)}", "expires_in": 900},
    )


def process(folder, **fields) -> MarketplaceClient:
    """Return a client as another process would make it: with nothing in its memory."""
    settings = WalmartSettings(**{"client_id": "an-id", "client_secret": SECRET, **fields})
    return MarketplaceClient(settings, Resilient(FileStore(folder)), "tests")


def token_file(folder):
    (file,) = (file for file in folder.iterdir() if file.suffix != ".lock")
    return file


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_second_process_takes_the_token_of_the_first(folder, token_calls):
    assert process(folder).access_token() == "token-1"
    assert process(folder).access_token() == "token-1"
    assert token_calls.call_count == 1


def test_its_file_tells_nobody_anything(folder, token_calls):
    process(folder, refresh_token=REFRESH, partner_id="10001").access_token()
    for file in folder.iterdir():
        text = file.name.encode() + file.read_bytes()
        for telling in ("token-1", SECRET, REFRESH, "an-id", "10001", "walmartapis"):
            assert telling.encode() not in text


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_whatever_the_umask(umask, folder, token_calls):
    before = os.umask(umask)
    try:
        folder.parent.mkdir(mode=0o700)
        folder.parent.chmod(0o700)
        process(folder).access_token()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


OTHER = [
    {"client_id": "other"},
    {"client_secret": "other"},
    {"environment": "sandbox"},
    {"base_url": "https://example.com"},
    {"base_url": "https://marketplace.walmartapis.com/prefix"},
    {"market": "mx"},
    {"partner_id": "10001"},
    {"refresh_token": REFRESH, "partner_id": "10001"},
    {"refresh_token": "other", "partner_id": "10001"},
    {"refresh_token": REFRESH, "partner_id": "10002"},
]


def test_whatever_a_token_belongs_to_has_a_token_of_its_own(folder, token_calls):
    for fields in [{}, *OTHER]:
        process(folder, **fields).access_token()
    assert token_calls.call_count == 1 + len(OTHER)
    for fields in [{}, *OTHER]:
        process(folder, **fields).access_token()
    assert token_calls.call_count == 1 + len(OTHER)


@pytest.mark.parametrize(
    "fields",
    [{"timeout": 5}, {"service_name": "My Shop"}, {"base_url": "https://marketplace.walmartapis.com/"}],
)
def test_what_a_token_does_not_belong_to_shares_it(fields, folder, token_calls):
    process(folder).access_token()
    assert process(folder, **fields).access_token() == "token-1"


def spoil(folder, change) -> None:
    file = token_file(folder)
    file.write_bytes(change(file.read_bytes()))


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:40],
    "one bit": lambda content: content[:60] + bytes([content[60] ^ 1]) + content[61:],
    "rubbish": lambda content: b"\x00\xff" * 100,
    "clear text": lambda content: b'{"token": {"value": "evil", "expires_at": 9e9, "renew_at": 9e9}}',
    # What comes behind the padding of Base64 does no harm; there is padding for some lengths.
    "longer": lambda content: b"AAAA" + content,
    "no ascii": lambda content: "ü".encode() * 100,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_costs_one_token_and_one_warning(damage, folder, token_calls, caplog):
    process(folder).access_token()
    spoil(folder, DAMAGE[damage])
    second = process(folder)
    assert [second.access_token() for _ in range(5)] == ["token-2"] * 5
    # The store works, and so do the tokens that processes share.
    assert warnings(caplog) == [
        "An entry in the shared state store is damaged or was tampered with: it is not used, and a new one takes its place."
    ]
    assert process(folder).access_token() == "token-2"  # and it is mended


def test_the_file_of_another_account_is_of_no_use(folder, token_calls, caplog):
    process(folder).access_token()
    content = token_file(folder).read_bytes()
    token_file(folder).unlink()
    other = process(folder, client_secret="other")
    other.access_token()
    token_file(folder).write_bytes(content)
    assert process(folder, client_secret="other").access_token() == "token-3"
    assert len(warnings(caplog)) == 1


def is_a_file(folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")


def parent_is_a_file(folder):
    folder.parent.write_text("in the way")


def is_a_dead_link(folder):
    folder.parent.mkdir(parents=True)
    folder.symlink_to("/nowhere/at/all")


def is_on_a_full_disk(folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("airflow_provider_walmart.client.transport.shared_state.tempfile.mkstemp", full)


def fills_the_disk(folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("airflow_provider_walmart.client.transport.shared_state.os.replace", full)


def can_not_be_locked(folder, monkeypatch):
    def none(*args, **kwargs):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("airflow_provider_walmart.client.transport.shared_state.FileLock", none)


@pytest.mark.parametrize(
    "trouble",
    [is_a_file, parent_is_a_file, is_a_dead_link, is_on_a_full_disk, fills_the_disk, can_not_be_locked],
)
def test_a_store_that_can_not_be_used(trouble, folder, token_calls, caplog, monkeypatch):
    trouble(*((folder, monkeypatch) if "monkeypatch" in trouble.__code__.co_varnames else (folder,)))
    client = process(folder)
    assert [client.access_token() for _ in range(5)] == ["token-1"] * 5
    (said,) = warnings(caplog)
    assert said.startswith("The shared state store is of no use right now (")
    if folder.is_dir():
        assert not [file for file in folder.iterdir() if file.suffix != ".lock"]  # no half-written file


@pytest.fixture
def as_nobody():
    """Run without the rights of root, to whom no folder is closed."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.mark.parametrize("mode", [0o000, 0o500, 0o400])
def test_a_folder_without_permission(mode, folder, token_calls, caplog, request):
    folder.mkdir(parents=True)
    folder.chmod(mode)
    request.getfixturevalue("as_nobody")
    client = process(folder)
    assert [client.access_token() for _ in range(5)] == ["token-1"] * 5
    assert len(warnings(caplog)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_and_a_file_that_belong_to_somebody_else(folder, token_calls, caplog, request, tmp_path):
    process(folder).access_token()
    for part in (folder.parent, folder):
        part.chmod(0o755)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    request.getfixturevalue("as_nobody")
    client = process(folder)
    assert [client.access_token() for _ in range(5)] == ["token-2"] * 5
    assert len(warnings(caplog)) == 1


def test_a_store_that_recovers_is_used_again(folder, token_calls, monkeypatch, caplog):
    is_a_file(folder)
    client = process(folder)
    client.access_token()
    folder.unlink()
    monkeypatch.setattr(Resilient, "REST", 0.0)
    client.session.tokens._store._rest_until = 0.0
    assert client.session.tokens.get(rejected="token-1") == "token-2"
    assert process(folder).access_token() == "token-2"
    assert len(warnings(caplog)) == 1


def test_a_resting_store_is_left_alone(folder, token_calls):
    is_a_file(folder)
    client = process(folder)
    client.access_token()
    folder.unlink()
    assert client.session.tokens.get(rejected="token-1") == "token-2"
    assert not folder.exists()


def test_a_lock_that_is_never_given_back(folder, token_calls, caplog, monkeypatch):
    monkeypatch.setattr("airflow_provider_walmart.client.transport.tokens.LONGEST_RENEWAL", -4.9)
    client = process(folder)
    with FileStore(folder).lock(client.session.tokens._keys.cache.name, 1):
        assert client.access_token() == "token-1"
    assert warnings(caplog) == [
        "A lock in the shared state store was held too long: this step goes on without it."
    ]


def test_a_damaged_entry_hides_no_store_that_fails_later(folder, token_calls, caplog):
    process(folder).access_token()
    spoil(folder, DAMAGE["rubbish"])
    client = process(folder)
    client.access_token()
    folder.rename(folder.with_name("gone"))
    is_a_file(folder)
    assert client.session.tokens.get(rejected="token-2") == "token-3"
    assert [text.partition(" (")[0] for text in warnings(caplog)[1:]] == [
        "The shared state store is of no use right now"
    ]


def test_memory_shares_nothing(token_calls):
    settings = WalmartSettings(client_id="an-id", client_secret=SECRET)
    for number in (1, 2):
        client = MarketplaceClient(settings, Resilient(MemoryStore()), "tests")
        assert client.access_token() == client.access_token() == f"token-{number}"


def test_a_redis_that_is_not_there(token_calls, caplog):
    settings = WalmartSettings(client_id="an-id", client_secret=SECRET)
    store = Resilient(RedisStore("redis://:redis-password@127.0.0.1:1/0"))
    client = MarketplaceClient(settings, store, "tests")
    assert [client.access_token() for _ in range(5)] == ["token-1"] * 5
    (said,) = warnings(caplog)
    assert "redis-password" not in said


def test_another_threads_secret_is_masked_when_a_token_is_read(folder, token_calls):
    process(folder).access_token()
    told = []
    second = process(folder)
    second.session.tokens._keys.cache._on_secret = told.append
    second.access_token()
    assert told == ["token-1"]
