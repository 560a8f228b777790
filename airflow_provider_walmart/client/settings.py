"""What a call needs to know of an account: keys, environment, market. Checked once, then frozen."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_walmart.client.errors import WalmartConfigError

HOSTS = {
    "production": "https://marketplace.walmartapis.com",
    "sandbox": "https://sandbox.walmartapis.com",
}
# Markets, and the currency of their prices.
CURRENCIES = {"us": "USD", "ca": "CAD", "mx": "MXN", "cl": "CLP"}
MARKETS = tuple(CURRENCIES)
DEFAULT_SERVICE_NAME = "Walmart Marketplace"
DEFAULT_TIMEOUT = 60.0
MAX_TIMEOUT = 3600.0


@dataclass(frozen=True)
class WalmartSettings:
    """One Walmart Marketplace account, as the connection form describes it.

    ``None``, ``""`` and ``0`` mean absent, as the form of Airflow sends them; white space around a value
    is removed, since pasted keys bring it along.

    :param client_id: Client ID of the API keys page.
    :param client_secret: Client secret that belongs to it.
    :param environment: ``production`` (default) or ``sandbox``. Keys and tokens of one are refused by the other.
    :param market: ``us`` (default), ``ca``, ``mx`` or ``cl``; sent as ``WM_MARKET``.
    :param base_url: overrides the base URL of the environment; ``https`` only, except on this machine.
    :param partner_id: seller id, sent as ``WM_PARTNER.ID`` on the token call; required with a refresh token.
    :param channel_type: ``WM_CONSUMER.CHANNEL.TYPE`` received at onboarding.
    :param service_name: ``WM_SVC.NAME``; default ``Walmart Marketplace``.
    :param refresh_token: makes the token call use the ``refresh_token`` grant (delegated access).
    :param sandbox_version: ``v2`` selects the dynamic sandbox (US only), sent as ``WM_SANDBOX``.
    :param timeout: seconds to wait for each answer, at most 3600; default 60.
    :raises WalmartConfigError: naming the field, the value and what is allowed; secrets are not repeated.
    """

    client_id: str
    client_secret: str = field(repr=False)
    environment: str = "production"
    market: str = "us"
    base_url: str = ""
    partner_id: str = ""
    channel_type: str = ""
    service_name: str = DEFAULT_SERVICE_NAME
    refresh_token: str = field(default="", repr=False)
    sandbox_version: str = ""
    timeout: float = DEFAULT_TIMEOUT

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        for name in ("client_id", "client_secret", "partner_id", "channel_type", "refresh_token"):
            put(name, text_field(name, getattr(self, name)))
        put("environment", choice_field("environment", self.environment, tuple(HOSTS), "production"))
        put("market", choice_field("market", self.market, MARKETS, "us"))
        put("sandbox_version", choice_field("sandbox_version", self.sandbox_version, ("v2",), ""))
        put("service_name", text_field("service_name", self.service_name) or DEFAULT_SERVICE_NAME)
        put("timeout", seconds_field(self.timeout))
        put("base_url", base_url_field(text_field("host", self.base_url) or HOSTS[self.environment]))

        problems = (
            (
                not self.client_id,
                "client_id",
                "The connection has no client ID (login): nothing was sent.",
            ),
            (
                ":" in self.client_id,
                "client_id",
                "client_id (login) has a colon in it, a client ID has none: are ID and secret in one field?",
            ),
            (
                not self.client_secret,
                "client_secret",
                "The connection has no client secret (password): nothing was sent.",
            ),
            (
                self.refresh_token and not self.partner_id,
                "partner_id",
                "The connection has a refresh_token but no partner_id: "
                "the refresh_token grant needs the seller's id in partner_id.",
            ),
            (
                self.sandbox_version and self.market != "us",
                "sandbox_version",
                f"sandbox_version is {self.sandbox_version!r} with market {self.market!r}: "
                "the dynamic sandbox knows the market 'us' only.",
            ),
        )
        for is_wrong, name, text in problems:
            if is_wrong:
                raise WalmartConfigError(text, field=name)

    @property
    def account(self) -> tuple[str, ...]:
        """What tells the account from others in what processes share: no secret is in it."""
        return self.base_url, self.client_id, self.partner_id, self.market

    @property
    def is_production(self) -> bool:
        """Whether calls go to Walmart's production, and not to a sandbox or another host."""
        return urlsplit(self.base_url).hostname == urlsplit(HOSTS["production"]).hostname

    def is_same_account(self, other: WalmartSettings) -> bool:
        """Return whether other settings lead to the same account as far as they say, with other keys perhaps."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("base_url", "environment", "market", "partner_id")
        )


def text_field(name: str, value: Any) -> str:
    """Return a pasted value as it was meant; refuse what can't be sent in a header."""
    if value is None or value == 0:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise WalmartConfigError(f"{name} is a {type(value).__name__}; expected text.", field=name)
    text = str(value).strip()
    if not text.isascii() or not text.isprintable():
        # The value itself may be a secret, so it isn't repeated.
        raise WalmartConfigError(
            f"{name} holds a character that is not printable ASCII; paste it again.", field=name
        )
    return text


def choice_field(name: str, value: Any, allowed: tuple[str, ...], default: str) -> str:
    """Return one of the allowed values in lower case; the default where none is given."""
    text = text_field(name, value).lower() or default
    if text not in (*allowed, default):
        raise WalmartConfigError(f"{name} is {text!r}; allowed: {', '.join(allowed)}.", field=name)
    return text


def seconds_field(value: Any) -> float:
    """Return a time-out in seconds; the default where none is given."""
    given = value.strip() if isinstance(value, str) else value
    try:
        seconds = float(given or 0) or DEFAULT_TIMEOUT
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not 0 < seconds <= MAX_TIMEOUT:
        raise WalmartConfigError(
            f"timeout is {value!r}; allowed: seconds above 0, at most {MAX_TIMEOUT:g}.", field="timeout"
        )
    return seconds


def base_url_field(url: str, example: str = HOSTS["production"]) -> str:
    """Return the base URL without a slash at its end; refuse those that would send keys in the clear."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        # With an @ in it, it may hold a password.
        shown = "" if "@" in url else f" {url!r}"
        raise WalmartConfigError(f"host{shown} is not a URL.", field="host") from None
    if "@" in parts.netloc:
        raise WalmartConfigError(
            "host holds a user name or password; they belong into login and password.", field="host"
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise WalmartConfigError(f"host is {url!r}; expected a base URL such as {example}.", field="host")
    if parts.scheme == "http" and not is_loopback(host):
        raise WalmartConfigError(
            f"host is {url!r}: plain http would send keys in the clear, so it is allowed for this machine "
            "(localhost) only. Use https.",
            field="host",
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
