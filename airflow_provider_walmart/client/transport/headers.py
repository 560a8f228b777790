"""The headers of calls: those of Marketplace, and where an access token goes."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_walmart.client.settings import WalmartSettings

ACCESS_TOKEN = "WM_SEC.ACCESS_TOKEN"  # noqa: S105 - the name of a header
CORRELATION_ID = "WM_QOS.CORRELATION_ID"


@dataclass(frozen=True)
class TokenHeader:
    """The header that carries an access token.

    :param name: its name.
    :param scheme: what stands before the token, such as ``Bearer``; empty for nothing.
    """

    name: str
    scheme: str = ""

    def value(self, token: str) -> str:
        """Return the value of the header for a token."""
        return f"{self.scheme} {token}" if self.scheme else token

    def token_in(self, headers: Mapping[str, Any]) -> str | None:
        """Return the token that a request carries; None when it carries none."""
        value = headers.get(self.name)
        return None if value is None else str(value).removeprefix(f"{self.scheme} " if self.scheme else "")


MARKETPLACE_TOKEN = TokenHeader(ACCESS_TOKEN)
BEARER_TOKEN = TokenHeader("Authorization", "Bearer")
# Required beside WM_MARKET by the Global Marketplace API, which serves the markets outside the US.
GLOBAL_VERSION = "3.1"


def correlation_id() -> str:
    """Return a fresh GUID for one attempt of one call."""
    return str(uuid.uuid4())


def common_headers(settings: WalmartSettings) -> dict[str, str]:
    """Return the headers that every call of an account has in common, token call included.

    ``WM_MARKET`` is sent for the markets outside the US: it is the default where it is missing, and
    Mexican token calls fail without it.
    """
    headers = {"Accept": "application/json", "WM_SVC.NAME": settings.service_name}
    if settings.channel_type:
        headers["WM_CONSUMER.CHANNEL.TYPE"] = settings.channel_type
    if settings.market != "us":
        headers["WM_MARKET"] = settings.market
    return headers


def business_headers(settings: WalmartSettings) -> dict[str, str]:
    """Return the headers of every call but the token call, without token and correlation id."""
    headers = common_headers(settings)
    if settings.market != "us":
        headers["WM_GLOBAL_VERSION"] = GLOBAL_VERSION
    if settings.sandbox_version:
        headers["WM_SANDBOX"] = settings.sandbox_version
    return headers


def token_headers(settings: WalmartSettings) -> dict[str, str]:
    """Return the headers of one token call; they hold the secret."""
    headers = common_headers(settings)
    headers["Authorization"] = f"Basic {basic_credentials(settings)}"
    headers[CORRELATION_ID] = correlation_id()
    if settings.partner_id:
        headers["WM_PARTNER.ID"] = settings.partner_id
    return headers


def basic_credentials(settings: WalmartSettings) -> str:
    """Return the Base64 of id and secret: as secret as the secret itself."""
    return base64.b64encode(f"{settings.client_id}:{settings.client_secret}".encode()).decode()


def strip_credentials(headers: MutableMapping[str, Any]) -> None:
    """Take out all that Walmart alone may see, before a request goes to another host."""
    for name in [name for name in headers if name.upper().startswith("WM_")]:
        del headers[name]
    for name in ("Authorization", "Cookie"):
        headers.pop(name, None)
