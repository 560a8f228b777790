"""Starts a real Redis for a test."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server here")


class Redis:
    def __init__(self, folder: Path, kind: str) -> None:
        # Somebody else may take a port before this does.
        assert any(self._starts(folder, kind) for _ in range(3)), "redis-server did not start"

    @property
    def patient_url(self) -> str:
        """URL for those to whom the server must not seem to be gone, however busy the machine is."""
        return f"{self.url}?socket_timeout=60&socket_connect_timeout=60"

    def _starts(self, folder: Path, kind: str) -> bool:
        path = folder / "redis.sock"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"unix://{path}" if kind == "unix" else f"redis://127.0.0.1:{port}/0"
        where = ["--port", "0", "--unixsocket", str(path)] if kind == "unix" else ["--port", str(port)]
        command = ["redis-server", *where, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if any("ready to accept connections" in line.lower() for line in self.process.stdout or ()):
            return True
        self.stop()
        return False

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@contextlib.contextmanager
def running_redis(folder: Path, kind: str = "tcp") -> Iterator[Redis]:
    server = Redis(folder, kind)
    try:
        yield server
    finally:
        server.stop()


def client_of(redis: Redis) -> Any:
    import redis as library

    return library.Redis.from_url(redis.url)
