"""What a GoLocal call needs to know of an account: keys and environment. Checked once, then frozen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.settings import (
    DEFAULT_TIMEOUT,
    base_url_field,
    choice_field,
    seconds_field,
    text_field,
)

HOST = "https://developer.api.us.walmart.com"
TOKEN_PATH = "/api-proxy/service/identity/oauth/v1/token"  # noqa: S105 - a path
_TRANSPORTATION = "/api-proxy/service/supplychain/transportation/v1"
# Where the deliveries of an environment are; keys distinguish the environments, the host is the same.
DELIVERIES = {"production": f"{_TRANSPORTATION}/daas", "sandbox": f"{_TRANSPORTATION}/sbx-daas"}
SIMULATOR = f"{_TRANSPORTATION}/daas-simulator"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class GoLocalSettings:
    """One Walmart GoLocal account, as the connection form describes it.

    ``None``, ``""`` and ``0`` mean absent, as the form of Airflow sends them; white space around a value is removed.

    :param client_id: Client ID, a UUID of 36 characters.
    :param client_secret: Client secret that belongs to it.
    :param environment: ``production`` (default) or ``sandbox``.
    :param base_url: overrides scheme and host; token call, deliveries and simulator keep their paths below it.
        ``https`` only, except on this machine.
    :param timeout: seconds to wait for each answer, at most 3600; default 60.
    :param fresh_token_per_request: True asks for a token before each call, as Walmart recommends; False (default)
        uses each token as long as it is valid.
    :raises WalmartConfigError: naming the field and what is allowed; secrets are not repeated.
    """

    client_id: str
    client_secret: str = field(repr=False)
    environment: str = "production"
    base_url: str = ""
    timeout: float = DEFAULT_TIMEOUT
    fresh_token_per_request: bool = False

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        for name in ("client_id", "client_secret"):
            put(name, text_field(name, getattr(self, name)))
        put("environment", choice_field("environment", self.environment, tuple(DELIVERIES), "production"))
        put("timeout", seconds_field(self.timeout))
        put("base_url", base_url_field(text_field("host", self.base_url) or HOST, HOST))
        put("fresh_token_per_request", _flag("fresh_token_per_request", self.fresh_token_per_request))

        if not self.client_id:
            raise WalmartConfigError(
                "The connection has no client ID (login): nothing was sent.", field="client_id"
            )
        if not UUID.fullmatch(self.client_id):
            # Not repeated: a secret in the wrong field is the likeliest mistake.
            raise WalmartConfigError(
                f"client_id (login) has {len(self.client_id)} characters and is no UUID; expected one of 36 characters "
                "such as 7d55b982-faea-410d-a5c6-3cf6debb2973. Nothing was sent.",
                field="client_id",
            )
        if not self.client_secret:
            raise WalmartConfigError(
                "The connection has no client secret (password): nothing was sent.", field="client_secret"
            )
        if "/api-proxy" in urlsplit(self.base_url).path:
            raise WalmartConfigError(
                f"host is {self.base_url!r}; leave out the path from /api-proxy on, it is added by itself.",
                field="host",
            )

    def is_same_account(self, other: GoLocalSettings) -> bool:
        """Return whether other settings lead to the same account as far as they say, with other keys perhaps."""
        return (self.base_url, self.environment) == (other.base_url, other.environment)

    @property
    def deliveries(self) -> str:
        """Path that all delivery calls begin with."""
        return DELIVERIES[self.environment]


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    # A connection in URI form has nothing but text.
    return choice_field(name, value, ("true", "false"), "false") == "true"
