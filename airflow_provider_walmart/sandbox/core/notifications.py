"""Delivering notifications to webhooks, with the proof that a subscription asks for. No other machine is ever called."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import urllib.request
import uuid
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from msgspec import Struct

from airflow_provider_walmart.sandbox.core import dates

LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT = 10.0


class Notification(Struct, forbid_unknown_fields=True):
    """What happened.

    :param eventType: type of the event.
    :param payload: what it says; the seller's id is added.
    :param eventId: its id; a new one when absent.
    """

    eventType: str  # noqa: N815 - Walmart's names
    payload: dict[str, Any] = {}
    eventId: str | None = None  # noqa: N815


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: it would lead to who knows where."""


# Without the proxies of the environment.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def is_near(url: str) -> bool:
    """Return whether a URL leads to this machine.

    :param url: the URL.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK
    except ValueError:
        return False


def body_of(notification: Notification, seller: str, now: float) -> bytes:
    """Return the body of a delivery.

    :param notification: what happened.
    :param seller: id of the seller.
    :param now: when, in epoch seconds.
    """
    source = {
        "eventType": notification.eventType,
        "eventTime": dates.iso(int(now * 1000)),
        "eventId": notification.eventId or str(uuid.uuid4()),
    }
    return json.dumps({"source": source, "payload": {"partnerId": seller, **notification.payload}}).encode()


async def deliver(subscription: Mapping[str, Any], body: bytes) -> int:
    """Deliver a notification and return the status of the answer, 0 for none.

    :param subscription: who is to get it: ``eventUrl``, ``authDetails``, ``headers``.
    :param body: the body.
    """
    return await asyncio.to_thread(_deliver, subscription, body)


def _deliver(subscription: Mapping[str, Any], body: bytes) -> int:
    auth = subscription.get("authDetails") or {}
    own = {str(name): str(value) for name, value in (subscription.get("headers") or {}).items()}
    name, method = auth.get("authHeaderName") or "Authorization", auth.get("authMethod")
    headers = {"Content-Type": "application/json", **own}
    try:
        if method == "BASIC_AUTH":
            headers[name] = _base64(f"{auth.get('userName')}:{auth.get('password')}")
        elif method == "HMAC":
            digest = hmac.digest(str(auth.get("clientSecret")).encode(), body, hashlib.sha256)
            headers[name] = base64.b64encode(digest).decode()
        elif method == "OAUTH":
            headers[name] = f"Bearer {_token(auth, name, own)}"
        status, _ = _post(str(subscription["eventUrl"]), headers, body)
    except (OSError, ValueError, HTTPException):
        return 0
    return status


def _token(auth: Mapping[str, Any], name: str, own: Mapping[str, str]) -> str:
    headers = {
        **own,
        name: _base64(f"{auth.get('clientId')}:{auth.get('clientSecret')}"),
        "Accept": "application/json; charset=UTF-8",
        "Content-Type": "application/x-www-form-urlencoded; charset=ISO-8859-1",
    }
    url = str(auth.get("authUrl"))
    status, content = _post(url, headers, b"grant_type=client_credentials") if is_near(url) else (0, b"")
    answer = json.loads(content) if status == 200 else {}
    if not isinstance(answer, dict) or not {"access_token", "expires_in"} <= answer.keys():
        raise ValueError("no token")
    return str(answer["access_token"])


def _post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - see is_near
    try:
        with _opener.open(request, timeout=TIMEOUT) as answer:
            return answer.status, answer.read(1_000_000)
    except HTTPError as error:
        with error:
            return error.code, b""


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
