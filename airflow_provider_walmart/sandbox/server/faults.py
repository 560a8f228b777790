"""Troubles made on purpose: which request they hit and what they do to its answer."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import struct
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Message, Receive, Send

from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.state import Fault

#: Number of pieces of a dripped body.
DRIPS = 10


@dataclass
class Answer:
    """A response on its way out, taken as an ASGI ``send`` callable or made up."""

    status: int = 500
    headers: dict[str, str] | None = None
    body: bytes = b""

    async def take(self, message: Message) -> None:
        """Take one message an application sends.

        :param message: ASGI message.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        else:
            self.body += message.get("body", b"")


def hit(faults: list[Fault], method: str, path: str, query: str) -> Fault | None:
    """Return the first fault meant for a request and use it up by one.

    :param faults: the faults, in the order they were asked for; spent ones are removed.
    :param method: HTTP method.
    :param path: raw path.
    :param query: raw query.
    """
    for fault in faults:
        if fault.method and fault.method.upper() != method:
            continue
        if not (re.search(fault.path, path) or (query and re.search(fault.path, f"{path}?{query}"))):
            continue
        if fault.skip:
            fault.skip -= 1
            continue
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                faults.remove(fault)
        return fault
    return None


def takes_effect(fault: Fault) -> bool:
    """Return whether the request is carried out although a fault hits it.

    :param fault: the fault.
    """
    return fault.after_effect or fault.reset == "after" or (fault.status is None and not fault.reset)


async def shape(answer: Answer, fault: Fault, request: Request) -> None:
    """Change an answer as a fault says.

    :param answer: the real answer, or an empty one when the request took no effect.
    :param fault: the fault.
    :param request: the request.
    """
    if fault.status is not None:
        made = Answer()
        await Refusal(fault.status).answer(request)(request.scope, request.receive, made.take)
        answer.status, answer.headers, answer.body = made.status, made.headers, made.body
    headers = dict(answer.headers or {})
    if fault.body is not None:
        is_text = isinstance(fault.body, str)
        answer.body = fault.body.encode() if is_text else msgspec.json.encode(fault.body)
        headers["content-type"] = "text/html" if is_text else "application/json"
    if answer.status in (204, 304):
        answer.body = b""
    if fault.gzip:
        answer.body = gzip.compress(answer.body)[: fault.truncate]
        headers["content-encoding"] = "gzip"
    headers.update({name.lower(): value for name, value in fault.headers.items()})
    answer.headers = headers


async def deliver(answer: Answer, fault: Fault | None, receive: Receive, send: Send) -> None:
    """Send an answer, cut short or slowly when a fault says so.

    :param answer: the answer.
    :param fault: the fault, if any.
    :param receive: the server's ASGI receive.
    :param send: the server's ASGI send.
    """
    headers = dict(answer.headers or {})
    headers.pop("content-length", None)
    if answer.status not in (204, 304):
        headers["content-length"] = str(len(answer.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = answer.body
    if fault and fault.drip and body:
        await _drip(body, fault.drip, send)
        body = b""
    elif fault and fault.truncate is not None and not fault.gzip:
        await _cut(body, fault.truncate, receive, send)
        return
    await send({"type": "http.response.body", "body": body})


async def _cut(body: bytes, size: int, receive: Receive, send: Send) -> None:
    """Send the start of a body and close the connection, unless the whole body is no longer."""
    await send({"type": "http.response.body", "body": body[:size], "more_body": size < len(body)})
    if size < len(body):
        _transport(send).close()
        await _closed(receive)


async def _drip(body: bytes, pause: float, send: Send) -> None:
    """Send a body in pieces, with a pause after each."""
    step = -(-len(body) // DRIPS)
    for start in range(0, len(body), step):
        await send({"type": "http.response.body", "body": body[start : start + step], "more_body": True})
        await asyncio.sleep(pause)


async def break_connection(receive: Receive, send: Send) -> None:
    """Close the caller's connection with a TCP reset.

    :param receive: the server's ASGI receive.
    :param send: the server's ASGI send.
    """
    transport = _transport(send)
    connection = transport.get_extra_info("socket")
    # Lingering for no time makes the kernel send RST in place of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _closed(receive)


def _transport(send: Send) -> asyncio.Transport:
    # The server's send is a method of the object that owns the connection; ASGI itself gives no way to it.
    owner: Any = getattr(send, "__self__")  # noqa: B009
    transport: asyncio.Transport = owner.transport
    return transport


async def _closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
