from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.sandbox_server import Server, running


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    with running("--no-seed", "--client", "named:its-own-secret") as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Server:
    """An empty sandbox, as it is right after its start."""
    shared_server.reset()
    return shared_server


@pytest.fixture
def start() -> Iterator[Any]:
    """Start sandboxes of one's own: ``start("--no-seed", ...)``."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(running(*arguments))
