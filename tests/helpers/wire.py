"""A server on a bare socket: sees every byte of a request, and may misbehave in any way."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


# What a reply may be: bytes to send before the connection is closed, or what to do with the connection.
Reply = bytes | Callable[[socket.socket], None]


class Wire:
    """Answers each request with what ``reply(request)`` returns, then closes the connection."""

    def __init__(self, reply: Callable[[Received], Reply], tls: Any = None) -> None:
        self.requests: list[Received] = []
        self.stopped = threading.Event()
        self._reply = reply
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def count(self, path: str = "", *, at_least: int = 0) -> int:
        """Return how many requests came.

        :param at_least: wait for so many: what a client gave up is perhaps about to be read.
        """
        patience = time.monotonic() + 30
        while True:
            count = sum(request.path == path if path else True for request in self.requests)
            if count >= at_least or time.monotonic() > patience:
                return count
            time.sleep(0.01)

    def stop(self) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            request = read_request(connection)
            if request is None:
                return
            self.requests.append(request)
            reply = self._reply(request)
            if callable(reply):
                reply(connection)
            else:
                connection.sendall(reply)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)


def read_request(connection: socket.socket) -> Received | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        piece = connection.recv(65536)
        if not piece:
            return None
        raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    chunked = headers.get("transfer-encoding") == "chunked"
    length = int(headers.get("content-length", 0))
    while not body.endswith(b"0\r\n\r\n") if chunked else len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return Received(method, target, headers, body, raw=head + b"\r\n\r\n" + body)


def http(status: int = 200, body: Any = b"", **headers: str) -> bytes:
    """Return an answer as bytes; a body that isn't bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Length": str(len(content)), "Connection": "close"}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Text\r\n{head}\r\n".encode() + content


def token(value: str = "a-token", **fields: Any) -> bytes:
    return http(200, {"access_token": value, "token_type": "Bearer", "expires_in": 900, **fields})


def reset(connection: socket.socket) -> None:
    """Break the connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(connection: socket.socket) -> None:
    """Say nothing until the other side gives up."""
    connection.recv(1)
