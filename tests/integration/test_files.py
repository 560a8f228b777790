"""Files that operations answer with go to object storage part by part, as a whole or not at all."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from airflow_provider_walmart.client.errors import WalmartConnectionError
from airflow_provider_walmart.operators.api import WalmartApiOperator
from tests.helpers.wire import token

MEGABYTE = 1024 * 1024
PART = bytes(range(256)) * 4096
ERRORS = {"operation": "getFeedErrorReport", "api_params": {"feedId": "F@1", "feedType": "FITMENT_ACES"}}


@pytest.fixture
def answers(wire, monkeypatch, tmp_path):
    """Return a function: a server that answers with so many parts, of which it announces more or as many."""
    monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path / "state"))

    def start(sent: int, announced: int) -> None:
        def file(connection) -> None:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {announced * MEGABYTE}"
            connection.sendall(f"{head}\r\n\r\n".encode())
            for _ in range(sent):
                connection.sendall(PART)

        server = wire(lambda request: token() if request.path == "/v3/token" else file)
        account = {"conn_type": "walmart", "login": "an-id", "password": "a-secret", "host": server.url}
        monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(account))

    return start


def land(path: Path):
    operator = WalmartApiOperator(task_id="a_task", output_path=str(path), **ERRORS)
    return operator.execute({})


def test_a_large_file_is_never_in_memory(answers, tmp_path):
    answers(sent=1, announced=1)
    land(tmp_path / "landed" / "first")  # brings in the modules
    answers(sent=40, announced=40)
    tracemalloc.start()
    try:
        landed = land(tmp_path / "landed" / "errors.zip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert landed["bytes"] == (tmp_path / "landed" / "errors.zip").stat().st_size == 40 * MEGABYTE
    assert peak < 10 * MEGABYTE


def test_a_file_that_breaks_off_changes_nothing(answers, tmp_path):
    place = tmp_path / "landed" / "errors.zip"
    place.parent.mkdir()
    place.write_text("of yesterday")
    answers(sent=3, announced=5)
    with pytest.raises(WalmartConnectionError, match="GET /v3/feeds/F%401/errorReport got no answer"):
        land(place)
    assert [(file.name, file.read_text()) for file in place.parent.iterdir()] == [
        ("errors.zip", "of yesterday")
    ]
