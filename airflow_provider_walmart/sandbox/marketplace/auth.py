"""The token API: three grants and the detail of a token."""

from __future__ import annotations

import base64
import binascii
import secrets
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import bounded
from airflow_provider_walmart.sandbox.core.calls import (
    Call,
    Endpoint,
    make_token,
    market_of,
    reply,
    require_headers,
    scopes,
    token_key,
)
from airflow_provider_walmart.sandbox.core.errors import bad_header, bad_param, unauthorized, wants_json
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import (
    OWN_SELLER,
    WELL_KNOWN_REFRESH_TOKEN,
    RefreshToken,
    Token,
)


async def issue(sandbox: Sandbox, request: Request) -> Response:
    """Answer ``POST /v3/token``.

    :param sandbox: the sandbox.
    :param request: the request.
    """
    require_headers(request, "Authorization", "Content-Type", "WM_QOS.CORRELATION_ID", "WM_SVC.NAME")
    if request.headers["Content-Type"].partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise bad_header("Content-Type", "must be application/x-www-form-urlencoded")
    client, secret = basic_credentials(request.headers["Authorization"])
    if not sandbox.knows(client, secret):
        raise unauthorized()
    market = market_of(request)
    form = {name: values[-1] for name, values in parse_qs((await request.body()).decode("latin-1")).items()}
    seller = request.headers.get("WM_PARTNER.ID", "").strip() or OWN_SELLER
    refresh_token = _check_grant(sandbox, request, form, client, seller)

    now, life = sandbox.state.clock.now(), sandbox.state.settings.token_life
    access_token = make_token()
    token = Token(
        client=client,
        seller=seller,
        market=market,
        channel=request.headers.get("WM_CONSUMER.CHANNEL.TYPE", ""),
        issued=now,
        expires=now + life,
    )
    bounded.put(sandbox.state.tokens, token_key(access_token), token)
    return _token_answer(request, access_token, int(life), refresh_token)


def basic_credentials(header: str) -> tuple[str, str]:
    """Return client id and secret of a Basic ``Authorization`` header.

    :param header: its value.
    :raises Refusal: 401 when it is something else.
    """
    kind, _, encoded = header.partition(" ")
    try:
        client, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized() from None
    if kind.lower() != "basic" or not colon:
        raise unauthorized()
    return client, secret


async def detail(call: Call) -> Response:
    """Answer ``GET /v3/token/detail``.

    :param call: the call.
    """
    channel = call.request.headers.get("WM_CONSUMER.CHANNEL.TYPE", "")
    return reply(
        {
            "expire_at": str(round(call.token.expires * 1000)),
            "issued_at": str(round(call.token.issued * 1000)),
            "is_valid": True,
            "is_channel_match": channel == call.token.channel,
            "scopes": scopes(call.state, call.token.client),
        }
    )


def _check_grant(sandbox: Sandbox, request: Request, form: dict[str, str], client: str, seller: str) -> str:
    """Check the fields of the grant; return the refresh token to hand out, if any."""
    grant = form.get("grant_type", "")
    if grant == "client_credentials":
        return ""
    if grant not in ("authorization_code", "refresh_token"):
        raise bad_param("grant_type", "must be client_credentials, authorization_code or refresh_token")
    require_headers(request, "WM_PARTNER.ID")
    state = sandbox.state
    if grant == "authorization_code":
        code = form.get("code", "")
        if not code.startswith("code-") or code in state.used_codes:
            raise bad_param("code", "missing, unknown or already used")
        if not form.get("redirect_uri"):
            raise bad_param("redirect_uri", "missing")
        bounded.put(state.used_codes, code, True)
        refresh_token = "APX" + secrets.token_urlsafe(48)
        bounded.put(state.refresh_tokens, token_key(refresh_token), RefreshToken(client, seller))
        return refresh_token
    given = form.get("refresh_token", "")
    known = state.refresh_tokens.get(token_key(given))
    if given != WELL_KNOWN_REFRESH_TOKEN and known != RefreshToken(client, seller):
        raise bad_param("refresh_token", "missing, unknown or issued for another client or seller")
    return ""


def _token_answer(request: Request, access_token: str, life: int, refresh_token: str) -> Response:
    if wants_json(request):
        body = {"access_token": access_token, "token_type": "Bearer", "expires_in": life}
        return reply({**body, "refresh_token": refresh_token} if refresh_token else body)
    fields = {"accessToken": access_token, "tokenType": "Bearer", "expiresIn": str(life)}
    if refresh_token:
        fields["refresh_token"] = refresh_token
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return Response(f'<OAuthTokenDTO xmlns="">{inner}</OAuthTokenDTO>', media_type="application/xml")


ENDPOINTS = [Endpoint("GET", "/v3/token/detail", detail)]
