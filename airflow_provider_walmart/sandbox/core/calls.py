"""One business call: what an endpoint is, and what every call is checked for before it is carried out."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import throttle
from airflow_provider_walmart.sandbox.core.errors import (
    Refusal,
    Shape,
    bad_header,
    bad_param,
    unauthorized,
    wants_json,
)
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import State, Token
from airflow_provider_walmart.sandbox.core.xml_answers import in_xml

MARKETS = ("us", "ca", "mx", "cl")
SCOPES = (
    "reports", "item", "shipping", "price", "lagtime", "feeds", "returns", "orders", "rules", "inventory", "content",
)  # fmt: skip
Body = TypeVar("Body")
_LEGACY_HEADERS = ("WM_SEC.TIMESTAMP", "WM_SEC.AUTH_SIGNATURE", "WM_CONSUMER.ID")


@dataclass
class Call:
    """A request that may be carried out.

    :param sandbox: the sandbox it came to.
    :param request: the request.
    :param body: the whole body.
    :param token: the token it came with.
    """

    sandbox: Sandbox
    request: Request
    body: bytes
    token: Token

    @property
    def state(self) -> State:
        """What the sandbox remembers."""
        return self.sandbox.state

    @property
    def now(self) -> float:
        """Sandbox time in epoch seconds."""
        return self.sandbox.state.clock.now()

    @property
    def path(self) -> dict[str, str]:
        """Path parameters, decoded."""
        return self.request.path_params

    def query(self, name: str, default: str = "") -> str:
        """Return a query parameter.

        :param name: its name.
        :param default: what to return when it is absent.
        """
        return self.request.query_params.get(name, default)

    def number(
        self, name: str, default: int, *, least: int = 0, most: int | None = None, shape: Shape = "error"
    ) -> int:
        """Return a query parameter that is a whole number.

        :param name: its name.
        :param default: what to return when it is absent.
        :param least: smallest legal value.
        :param most: largest legal value; no bound when absent.
        :param shape: body shape of the refusal.
        :raises Refusal: 400 when it is not a number in that range.
        """
        text = self.request.query_params.get(name)
        if text is None:
            return default
        value = int(text) if re.fullmatch(r"[0-9]{1,12}", text) else -1
        if value < least or (most is not None and value > most):
            range_text = f"from {least} to {most}" if most is not None else f"of at least {least}"
            raise bad_param(name, f"must be a number {range_text}", shape=shape)
        return value

    def content(self, kind: type[Body], *, shape: Shape = "error", service: str = "GMP_GATEWAY_API") -> Body:
        """Return the JSON body of the request.

        :param kind: what it must look like.
        :param shape: body shape of the refusal.
        :param service: the part of its code after the dot.
        :raises Refusal: 415 when it is not sent as JSON, 400 when it is no JSON or looks otherwise.
        """
        if "json" not in self.request.headers.get("Content-Type", "").lower():
            raise Refusal(415, f"UNSUPPORTED_MEDIA_TYPE.{service}", description="Send JSON", shape=shape)
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            code, reason = "INVALID_REQUEST_CONTENT", str(error)
        except msgspec.DecodeError as error:
            code, reason = "MALFORMED_REQUEST_CONTENT", str(error)
        raise Refusal(
            400, f"{code}.{service}", description="Invalid request content.", info=reason, shape=shape
        )


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    :param method: HTTP method.
    :param path: path template, for instance ``/v3/feeds/{feedId}``.
    :param handle: carries the call out.
    :param scope: scope category it needs; empty for none.
    :param limit: its published rate limit, or a function that knows it by the call.
    :param writes: whether it changes the seller's data; default any method but GET.
    :param is_legacy: whether it belongs to a market's older API, which knows no ``WM_GLOBAL_VERSION``.
    :param refusal: body shape of its answers to bad requests, where it has one of its own.
    """

    method: str
    path: str
    handle: Handler
    scope: str = ""
    limit: throttle.Limit | Callable[[Call], throttle.Limit | None] | None = None
    writes: bool | None = None
    is_legacy: bool = False
    refusal: Shape | None = None

    async def serve(self, sandbox: Sandbox, request: Request) -> Response:
        """Check a request as Walmart's gateway does, then carry it out.

        :param sandbox: the sandbox.
        :param request: the request.
        """
        try:
            token = _admit(sandbox, request, is_legacy=self.is_legacy)
        except Refusal as refusal:
            if refusal.status == 400 and self.refusal:
                refusal.shape = self.refusal
            raise
        call = Call(sandbox, request, await request.body(), token)
        self._check_scope(call)
        limit = self.limit(call) if callable(self.limit) else self.limit
        names = [f"{self.method} {self.path}", self.path]
        if "feedType" in request.query_params:
            names.insert(0, f"{names[0]}?feedType={call.query('feedType')}")
        headers = throttle.spend(sandbox.state, f"{token.client}/{token.seller}", limit, names)
        response = await self.handle(call)
        if response.media_type == "application/json" and not wants_json(request):
            response = in_xml(response)
        response.headers.update(headers)
        return response

    def _check_scope(self, call: Call) -> None:
        access = scopes(call.state, call.token.client).get(self.scope, "full_access")
        writes = self.method != "GET" if self.writes is None else self.writes
        if access == "no_access" or (access == "view_only" and writes):
            raise Refusal(
                403, description="Forbidden", info=f"The access token has {access} for {self.scope}."
            )


def reply(value: Any, status: int = 200) -> Response:
    """Return a JSON response.

    :param value: the body.
    :param status: HTTP status.
    """
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def scopes(state: State, client: str) -> dict[str, str]:
    """Return the access of a client, scope category by scope category.

    :param state: the sandbox's state.
    :param client: client id.
    """
    settings = state.settings.scopes
    return {**dict.fromkeys(SCOPES, "full_access"), **settings.get("*", {}), **settings.get(client, {})}


def make_token() -> str:
    """Return a new text that looks like an encrypted JSON web token."""
    header = {"kid": secrets.token_hex(16), "enc": "A256GCM", "alg": "dir"}
    parts = (
        msgspec.json.encode(header),
        b"",
        secrets.token_bytes(12),
        secrets.token_bytes(800),
        secrets.token_bytes(16),
    )
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def token_key(token: str) -> str:
    """Return the key under which a token is remembered.

    :param token: its text.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def market_of(request: Request) -> str:
    """Return the market a request names, ``us`` when it names none.

    :param request: the request.
    :raises Refusal: 400 for an unknown market.
    """
    market = request.headers.get("WM_MARKET", "us").lower()
    if market not in MARKETS:
        raise bad_header("WM_MARKET", f"must be one of {', '.join(MARKETS)}")
    return market


def require_headers(request: Request, *names: str) -> None:
    """Refuse a request that lacks a header or leaves it blank.

    :param request: the request.
    :param names: the headers.
    :raises Refusal: 400 naming the first one missing.
    """
    for name in names:
        if not request.headers.get(name, "").strip():
            raise bad_header(name)


def _admit(sandbox: Sandbox, request: Request, *, is_legacy: bool) -> Token:
    for name in _LEGACY_HEADERS:
        if name in request.headers:
            raise bad_header(name, "belongs to signed requests, which are no longer accepted")
    require_headers(request, "WM_QOS.CORRELATION_ID", "WM_SVC.NAME")
    market = market_of(request)
    if market != "us" and not is_legacy and request.headers.get("WM_GLOBAL_VERSION") != "3.1":
        raise bad_header("WM_GLOBAL_VERSION", "must be 3.1 for this market")
    token = sandbox.state.tokens.get(token_key(request.headers.get("WM_SEC.ACCESS_TOKEN", "")))
    if token is None or token.revoked or token.expires <= sandbox.state.clock.now() or token.market != market:
        raise unauthorized()
    return token
