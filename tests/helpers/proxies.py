"""Proxies that pass calls on: one that takes CONNECT, and one that speaks SOCKS 5 (RFC 1928, 1929)."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
from typing import Any

USER, PASSWORD = "a user", "pass:word@1"


class Proxy:
    """Passes whatever it is asked for on to one server, wherever that is meant to be.

    :param target: host and port of the server; None refuses all.
    :param wants_keys: whether it wants ``USER`` and ``PASSWORD``.
    """

    def __init__(self, target: tuple[str, int] | None, *, wants_keys: bool = False) -> None:
        self.target = target
        self.wants_keys = wants_keys
        #: Hosts that it was asked for.
        self.hosts: list[str] = []
        #: Every byte that clients sent.
        self.seen = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def open(self, client: socket.socket) -> bool:
        """Do what comes before the first byte is passed on; return whether any is to be."""
        raise NotImplementedError

    def read(self, client: socket.socket, count: int) -> bytes:
        found = b""
        while len(found) < count and (piece := client.recv(count - len(found))):
            found += piece
        self.seen += found
        return found

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if not self.open(client) or self.target is None:
                return
            with socket.create_connection(self.target) as server:
                threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()
                self._pass_on(client, server, self.seen)

    def _pass_on(self, source: socket.socket, target: socket.socket, seen: Any = None) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if seen is not None:
                    seen += piece
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


class HttpProxy(Proxy):
    """Takes CONNECT."""

    def open(self, client: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (piece := self.read(client, 1)):
                return False
            head += piece
        method, host, _ = head.decode("latin-1").split(" ", 2)
        self.hosts.append(host)
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        if method != "CONNECT" or self.target is None:
            status = "403 Forbidden"
        elif self.wants_keys and b"Proxy-Authorization: Basic " + wanted not in head:
            status = "407 Proxy Authentication Required"
        else:
            status = "200 Connection established"
        client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        return status.startswith("200")


class SocksProxy(Proxy):
    """Speaks SOCKS 5."""

    def open(self, client: socket.socket) -> bool:
        _, count = self.read(client, 2)
        offered = self.read(client, count)
        method = 2 if self.wants_keys else 0
        client.sendall(bytes([5, method if method in offered else 0xFF]))
        if method not in offered or (self.wants_keys and not self._may(client)):
            return False
        _, _, _, kind = self.read(client, 4)
        if kind == 3:
            (length,) = self.read(client, 1)
            host = self.read(client, length).decode()
        else:
            host = socket.inet_ntop(
                *(
                    (socket.AF_INET, self.read(client, 4))
                    if kind == 1
                    else (socket.AF_INET6, self.read(client, 16))
                )
            )
        (port,) = struct.unpack(">H", self.read(client, 2))
        self.hosts.append(f"{host}:{port}")
        # 2: not allowed by its rules.
        client.sendall(bytes([5, 2 if self.target is None else 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        return True

    def _may(self, client: socket.socket) -> bool:
        _, length = self.read(client, 2)
        user = self.read(client, length)
        password = self.read(client, self.read(client, 1)[0])
        is_right = (user.decode(), password.decode()) == (USER, PASSWORD)
        client.sendall(bytes([1, 0 if is_right else 1]))
        return is_right
