"""The ASGI application: what stands before the endpoints, and the list of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from airflow_provider_walmart.sandbox import (
    auth,
    control,
    faults,
    feeds,
    insights,
    inventory,
    items,
    mexico,
    order_writes,
    orders,
    prices,
    reports,
    returns,
    settlements,
    utilities,
    webhooks,
)
from airflow_provider_walmart.sandbox.calls import Endpoint, token_key
from airflow_provider_walmart.sandbox.errors import Refusal
from airflow_provider_walmart.sandbox.sandbox import Sandbox

#: Every business endpoint; of two that match a path, the first one answers.
ENDPOINTS: list[Endpoint] = [
    *auth.ENDPOINTS,
    *feeds.ENDPOINTS,
    *mexico.ENDPOINTS,
    *orders.ENDPOINTS,
    *order_writes.ENDPOINTS,
    *returns.ENDPOINTS,
    *inventory.ENDPOINTS,
    *prices.ENDPOINTS,
    *items.ENDPOINTS,
    *insights.ENDPOINTS,
    *reports.ENDPOINTS,
    *settlements.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *utilities.ENDPOINTS,
]

#: Longest request body read, in bytes.
LONGEST_BODY = 64_000_000


class _Segment(Convertor[str]):
    """One segment of a raw path, decoded: an encoded slash does not end it."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value, errors="replace")

    def to_string(self, value: str) -> str:
        raise NotImplementedError  # no route is looked up by name


register_url_convertor("segment", _Segment())


class App:
    """The sandbox over HTTP.

    :param sandbox: what it serves.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._routes = _router(sandbox)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: read it whole, note it, make troubles, answer, save the state."""
        # Paths are matched undecoded, or an encoded slash in a SKU would split it.
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        body = await _read(receive)
        if body is None:
            return
        if not scope["path"].startswith(control.PREFIX + "/"):
            await self._serve(scope, body, receive, send)
            return
        answer = await _collect(self._routes, scope, body)
        self._sandbox.store.save()
        await faults.deliver(answer, None, receive, send)

    async def _serve(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        sandbox = self._sandbox
        request = Request(scope, _replay(body))
        log = sandbox.log
        entry = log.add(scope, body, time=sandbox.state.clock.now(), client=_client(sandbox, request))
        query = scope["query_string"].decode("latin-1")
        fault = faults.hit(sandbox.state.faults, scope["method"], scope["path"], query)
        answer = faults.Answer()
        if fault and not fault.after_effect:
            await asyncio.sleep(fault.delay)
        if fault is None or faults.takes_effect(fault):
            too_long = Refusal(413).answer(request) if len(body) > LONGEST_BODY else None
            answer = await _collect(too_long or self._routes, scope, body)
        if scope["method"] != "GET":
            sandbox.store.save()
        if fault and fault.after_effect:
            await asyncio.sleep(fault.delay)
        if fault and fault.reset:
            log.finish(entry, 0)
            await faults.break_connection(receive, send)
            return
        if fault:
            await faults.shape(answer, fault, request)
        log.finish(entry, answer.status)
        await faults.deliver(answer, fault, receive, send)


def _router(sandbox: Sandbox) -> Starlette:
    def route(method: str, path: str, serve: Callable[[Sandbox, Request], Awaitable[Response]]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await serve(sandbox, request)

        return Route(re.sub(r"\{(\w+)\}", r"{\1:segment}", path), endpoint, methods=[method])

    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        Refusal: _refuse,
        HTTPException: _refuse_http,
        control.Misuse: control.refuse,
    }
    app = Starlette(
        routes=[
            route("POST", "/v3/token", auth.issue),
            route("GET", reports.STORAGE, reports.stored),
            *(route(endpoint.method, endpoint.path, endpoint.serve) for endpoint in ENDPOINTS),
            *control.routes(sandbox),
        ],
        exception_handlers=handlers,
    )
    app.router.redirect_slashes = False
    return app


async def _refuse(request: Request, refusal: Refusal) -> Response:
    return refusal.answer(request)


async def _refuse_http(request: Request, error: HTTPException) -> Response:
    code = "URI_NOT_FOUND.GMP_GATEWAY_API" if error.status_code == 404 else ""
    return Refusal(error.status_code, code, headers=error.headers).answer(request)


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request; ``None`` when the caller has gone."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        # What is too long is still read, so that the caller gets to see the answer, but not kept.
        if size <= LONGEST_BODY + len(chunk):
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _collect(app: Any, scope: Scope, body: bytes) -> faults.Answer:
    answer = faults.Answer()
    await app(scope, _replay(body), answer.take)
    return answer


def _client(sandbox: Sandbox, request: Request) -> str:
    """Return the client id of the request's credentials, right or wrong."""
    token = sandbox.state.tokens.get(token_key(request.headers.get("WM_SEC.ACCESS_TOKEN", "")))
    if token:
        return token.client
    try:
        return auth.basic_credentials(request.headers.get("Authorization", ""))[0]
    except Refusal:
        return ""
