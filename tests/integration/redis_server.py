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
        path = folder / "redis.sock"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"unix://{path}" if kind == "unix" else f"redis://127.0.0.1:{port}/0"
        where = ["--port", "0", "--unixsocket", str(path)] if kind == "unix" else ["--port", str(port)]
        command = ["redis-server", *where, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout or ():
            if "ready to accept connections" in line.lower():
                return
        raise AssertionError("redis-server did not start")

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
