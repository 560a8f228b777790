"""The token call of GoLocal, and what each of its calls is checked for before it is carried out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_walmart.sandbox.core import bounded
from airflow_provider_walmart.sandbox.core.calls import Call, Handler, make_token, reply, token_key
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import Token

TOKEN_PATH = "/api-proxy/service/identity/oauth/v1/token"  # noqa: S105 - a path
#: What tells its tokens from those of Marketplace: neither is good for the other.
MARKET = "golocal"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class GoLocalRefusal(Refusal):
    """A request that GoLocal refuses; always JSON.

    :param number: last part of its code. Those Walmart documents are used where they fit; the others are ours.
    :param field: field at fault.
    :param description: one sentence for the reader.
    :param status: HTTP status.
    """

    def __init__(self, number: int, field: str, description: str, *, status: int = 400) -> None:
        super().__init__(status, f"{status}.500.{number}", field=field, description=description)

    def answer(self, request: Request) -> Response:
        """Return the refusal as a response.

        :param request: the request that is refused.
        """
        error = {
            "code": self.code,
            "field": f"field.{self.field}",
            "description": self.description,
            "info": self.info,
            "severity": "ERROR",
            "category": "REQUEST",
        }
        return JSONResponse({"errors": [error]}, self.status)


async def issue(sandbox: Sandbox, request: Request) -> Response:
    """Answer the token call.

    :param sandbox: the sandbox.
    :param request: the request.
    """
    if "Authorization" in request.headers:
        raise GoLocalRefusal(400, "Authorization", "Keys belong into the body, not into a header.")
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise GoLocalRefusal(400, "Content-Type", "Send a form: application/x-www-form-urlencoded.")
    form = {name: values[-1] for name, values in parse_qs((await request.body()).decode("latin-1")).items()}
    client = form.get("client_id", "")
    if form.get("grant_type") != "client_credentials":
        raise GoLocalRefusal(400, "grant_type", "Must be client_credentials.")
    if not _UUID.fullmatch(client):
        raise GoLocalRefusal(400, "client_id", "Must be a UUID of 36 characters.")
    if not sandbox.knows(client, form.get("client_secret", "")):
        raise GoLocalRefusal(401, "client_secret", "Client ID and client secret do not match.", status=401)
    now, life = sandbox.state.clock.now(), sandbox.state.settings.token_life
    access_token = make_token()
    token = Token(client=client, seller="", market=MARKET, channel="", issued=now, expires=now + life)
    bounded.put(sandbox.state.tokens, token_key(access_token), token)
    return reply({"token_type": "Bearer", "expires_in": int(life), "access_token": access_token})


def bearer_token(request: Request) -> str:
    """Return the token of an ``Authorization: Bearer`` header, empty when there is none.

    :param request: the request.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


@dataclass(frozen=True)
class GoLocalEndpoint:
    """One method of one path.

    :param method: HTTP method.
    :param path: path template below the host.
    :param handle: carries the call out.
    """

    method: str
    path: str
    handle: Handler

    async def serve(self, sandbox: Sandbox, request: Request) -> Response:
        """Check a request as GoLocal does, then carry it out.

        :param sandbox: the sandbox.
        :param request: the request.
        """
        token = sandbox.state.tokens.get(token_key(bearer_token(request)))
        now = sandbox.state.clock.now()
        if token is None or token.revoked or token.expires <= now or token.market != MARKET:
            raise GoLocalRefusal(
                401, "Authorization", "Missing, unknown or expired access token.", status=401
            )
        if request.headers.get("WM_CONSUMER.ID") != token.client:
            raise GoLocalRefusal(400, "WM_CONSUMER.ID", "Must be the client ID of the access token.")
        return await self.handle(Call(sandbox, request, await request.body(), token))
