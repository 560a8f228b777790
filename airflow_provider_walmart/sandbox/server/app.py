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

from airflow_provider_walmart.sandbox.control import api as control
from airflow_provider_walmart.sandbox.control import golocal as golocal_control
from airflow_provider_walmart.sandbox.control import notifications, page
from airflow_provider_walmart.sandbox.core.calls import Endpoint, token_key
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.request_log import Entry, reason_of
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import Fault
from airflow_provider_walmart.sandbox.golocal import auth as golocal_auth
from airflow_provider_walmart.sandbox.golocal import deliveries as golocal
from airflow_provider_walmart.sandbox.marketplace import (
    auth,
    claims,
    documented,
    feeds,
    inbound,
    insights,
    inventory,
    item_search,
    item_specs,
    items,
    kept_records,
    mexico,
    order_writes,
    orders,
    performance,
    prices,
    report_files,
    reports,
    schedules,
    seller_settings,
    settlements,
    shipping_labels,
    simulations,
    taxonomy,
    utilities,
    webhooks,
)
from airflow_provider_walmart.sandbox.marketplace.request_checks import place_of
from airflow_provider_walmart.sandbox.server import faults, profiles
from airflow_provider_walmart.sandbox.server.routing import Table

#: Method and path of documented operations of which a module knows more -> what makes their answers.
FILLS = {
    **mexico.FILLS,
    **settlements.FILLS,
    **performance.FILLS,
    **simulations.FILLS,
    **inbound.FILLS,
    **shipping_labels.FILLS,
    **claims.FILLS,
    **taxonomy.FILLS,
    **kept_records.FILLS,
    **seller_settings.FILLS,
}
#: Every business endpoint; of two that match a path, the first one answers.
ENDPOINTS: list[Endpoint] = [
    *auth.ENDPOINTS,
    *feeds.ENDPOINTS,
    *mexico.ENDPOINTS,
    *orders.ENDPOINTS,
    *order_writes.ENDPOINTS,
    *inventory.ENDPOINTS,
    *prices.ENDPOINTS,
    *item_specs.ENDPOINTS,
    *item_search.ENDPOINTS,
    *items.ENDPOINTS,
    *insights.ENDPOINTS,
    *reports.ENDPOINTS,
    *schedules.ENDPOINTS,
    *settlements.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *utilities.ENDPOINTS,
]
#: Every other operation that Walmart documents.
ENDPOINTS += documented.endpoints(
    {place_of(found.method, found.path) for found in ENDPOINTS},
    {place_of(*place): fill for place, fill in FILLS.items()},
)

Serve = Callable[[Sandbox, Request], Awaitable[Response]]

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
        self._storage = _storage(sandbox)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: read it whole, note it, make troubles, answer, save the state."""
        # Paths are matched undecoded, or an encoded slash in a SKU would split it.
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        body = await _read(receive)
        if body is None:
            return
        is_storage = scope["server"][1] == self._sandbox.storage_port
        if is_storage or not f"{scope['path']}/".startswith(f"{control.PREFIX}/"):
            await self._serve(scope, body, receive, send, is_storage=is_storage)
            return
        answer = await _collect(self._routes, scope, body, receive)
        self._sandbox.store.save()
        await faults.deliver(answer, None, receive, send)

    async def _serve(
        self, scope: Scope, body: bytes, receive: Receive, send: Send, *, is_storage: bool
    ) -> None:
        sandbox = self._sandbox
        app = self._storage if is_storage else self._routes
        request = Request(scope, _replay(body, receive))
        entry = sandbox.log.add(
            scope,
            body,
            server="storage" if is_storage else "api",
            time=sandbox.state.clock.now(),
            client=_client(sandbox, request),
        )
        fault = await self._delay(scope)
        if fault is None and is_storage:
            await self._stream(entry, scope, body, receive, send)
            return
        answer = await self._carry_out(app, scope, body, receive, fault)
        if fault and fault.reset:
            sandbox.log.finish(entry, 0)
            await faults.break_connection(receive, send)
            return
        if fault:
            await faults.shape(answer, fault, request)
        sandbox.log.finish(entry, answer.status, reason_of(answer.status, answer.body))
        await faults.deliver(answer, fault, receive, send)

    async def _carry_out(
        self, app: Starlette, scope: Scope, body: bytes, receive: Receive, fault: Fault | None
    ) -> faults.Answer:
        """Return the answer to a request, an empty one when a fault keeps it from taking effect."""
        answer = faults.Answer()
        if fault is None or faults.takes_effect(fault):
            request = Request(scope, _replay(body, receive))
            too_long = Refusal(413).answer(request) if len(body) > LONGEST_BODY else None
            answer = await _collect(too_long or app, scope, body, receive)
        if scope["method"] != "GET":
            self._sandbox.store.save()
        if fault and fault.after_effect:
            await asyncio.sleep(fault.delay)
        return answer

    async def _delay(self, scope: Scope) -> Fault | None:
        """Wait as long as the answer is to be late; return the fault that hits the request."""
        sandbox = self._sandbox
        settings = sandbox.state.settings
        if seconds := settings.latency + profiles.latency(settings, sandbox.chance):
            await asyncio.sleep(seconds)
        query = scope["query_string"].decode("latin-1")
        fault = faults.hit(sandbox.state.faults, scope["method"], scope["path"], query)
        if fault is None:
            fault = profiles.fault(settings, sandbox.chance, scope["method"], scope["path"])
        if fault and fault.delay and not fault.after_effect:
            await asyncio.sleep(fault.delay)
        return fault

    async def _stream(self, entry: Entry, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Send a file while it is made, since it may be larger than memory."""

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._sandbox.log.finish(entry, message["status"])
            await send(message)

        await self._storage(scope, _replay(body, receive), note_and_send)


def _router(sandbox: Sandbox) -> Starlette:
    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        Refusal: _refuse,
        HTTPException: _refuse_http,
        control.Misuse: control.refuse,
    }
    app = Starlette(
        routes=[
            Table(
                [
                    _route(sandbox, "POST", "/v3/token", auth.issue),
                    *(
                        _route(sandbox, endpoint.method, endpoint.path, endpoint.serve)
                        for endpoint in ENDPOINTS
                    ),
                    _route(sandbox, "POST", golocal_auth.TOKEN_PATH, golocal_auth.issue),
                    *(
                        _route(sandbox, endpoint.method, endpoint.path, endpoint.serve)
                        for endpoint in golocal.ENDPOINTS
                    ),
                    *control.routes(sandbox),
                    *golocal_control.routes(sandbox),
                    *notifications.routes(sandbox),
                    *page.routes(sandbox),
                ]
            ),
        ],
        exception_handlers=handlers,
    )
    app.router.redirect_slashes = False
    return app


def _storage(sandbox: Sandbox) -> Starlette:
    return Starlette(routes=[_route(sandbox, "GET", report_files.PATH, report_files.stored)])


def _route(sandbox: Sandbox, method: str, path: str, serve: Serve) -> Route:
    async def endpoint(request: Request) -> Response:
        return await serve(sandbox, request)

    return Route(re.sub(r"\{(\w+)\}", r"{\1:segment}", path), endpoint, methods=[method])


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


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a way to receive a request whose body has been read already."""
    ahead = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return ahead.pop() if ahead else await receive()

    return replay


async def _collect(app: Any, scope: Scope, body: bytes, receive: Receive) -> faults.Answer:
    answer = faults.Answer()
    await app(scope, _replay(body, receive), answer.take)
    return answer


def _client(sandbox: Sandbox, request: Request) -> str:
    """Return the client id of the request's credentials, right or wrong."""
    given = request.headers.get("WM_SEC.ACCESS_TOKEN") or golocal_auth.bearer_token(request)
    token = sandbox.state.tokens.get(token_key(given))
    if token:
        return token.client
    try:
        return auth.basic_credentials(request.headers.get("Authorization", ""))[0]
    except Refusal:
        return ""
