"""The Marketplace API of one account: calls, and what to make of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests

from airflow_provider_walmart.client.auth import WalmartAuth
from airflow_provider_walmart.client.errors import WalmartError, WalmartPermissionError
from airflow_provider_walmart.client.headers import (
    ACCESS_TOKEN,
    CORRELATION_ID,
    business_headers,
    correlation_id,
)
from airflow_provider_walmart.client.query import encode_query
from airflow_provider_walmart.client.responses import json_object, raise_for_status
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.state import Resilient
from airflow_provider_walmart.client.transport import WalmartSession

TOKEN_DETAIL = "/v3/token/detail"  # noqa: S105 - a path
# Which scope of /v3/token/detail opens which paths: the first fitting one.
SCOPES = (
    ("/feeds", "feeds"),
    ("/orders", "orders"),
    ("/returns", "returns"),
    ("/report", "reports"),
    ("/getReport", "reports"),
    ("/price", "price"),
    ("/promo", "price"),
    ("/repricer", "price"),
    ("/inventor", "inventory"),
    ("/lagtime", "lagtime"),
    ("/settings/ship", "shipping"),
    ("/shipping", "shipping"),
    ("/rules", "rules"),
    ("/items", "item"),
)


class MarketplaceClient:
    """One Walmart Marketplace account.

    :param settings: the account.
    :param store: shared state store, where tokens are kept.
    :param user_agent: value of ``User-Agent``.
    :param on_secret: called with every secret as soon as it is known; a log masker goes here.
    """

    def __init__(
        self,
        settings: WalmartSettings,
        store: Resilient,
        user_agent: str,
        on_secret: Callable[[str], None] = lambda secret: None,
    ) -> None:
        self.settings = settings
        self.session = WalmartSession(settings, store, on_secret, user_agent)

    def access_token(self) -> str:
        """Return a valid access token, from the cache where there is one."""
        return self.session.tokens.get()

    def headers(self) -> dict[str, str]:
        """Return the ``WM_*`` headers of one call: token and a fresh correlation id included."""
        return {
            **business_headers(self.settings),
            ACCESS_TOKEN: self.access_token(),
            CORRELATION_ID: correlation_id(),
        }

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> requests.Response:
        """Send one call and return its answer.

        :param method: HTTP method.
        :param path: path below the base URL, beginning with a slash, already percent-encoded.
        :param params: query parameters, encoded as `encode_query` says.
        :param kwargs: ``json``, ``data``, ``files``, ``headers``, ``stream`` as for `requests`.
        :raises WalmartError: the class of the tree that fits what went wrong.
        """
        auth = self.session.call_auth()
        query = encode_query(params) if params else None
        response = self.session.request(method, path, params=query, auth=auth, **kwargs)
        try:
            raise_for_status(response)
        except WalmartPermissionError as error:
            self._name_scope(error, auth)
            raise
        return response

    def get_json(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the decoded JSON object of a GET.

        :raises WalmartServerError: when the answer is anything but a JSON object.
        """
        return json_object(self.request("GET", path, params=params))

    def token_detail(self) -> dict[str, Any]:
        """Return scopes and validity of the access token from ``GET /v3/token/detail``."""
        return self._token_detail(self.session.call_auth())

    def _token_detail(self, auth: WalmartAuth) -> dict[str, Any]:
        # Content-Type on a GET looks odd, but Walmart's document requires it here.
        headers = {"Content-Type": "application/json"}
        response = self.session.request("GET", TOKEN_DETAIL, auth=auth, headers=headers)
        raise_for_status(response)
        return json_object(response)

    def _name_scope(self, error: WalmartPermissionError, auth: WalmartAuth) -> None:
        """Say in the hint which permission is missing, as far as Walmart tells."""
        scope = next((scope for part, scope in SCOPES if part in (error.path or "")), None)
        if scope is None:
            return
        try:
            granted = self._token_detail(auth).get("scopes")
        except WalmartError:
            return
        if isinstance(granted, dict):
            error.hint = (
                f"The keys have {granted.get(scope, 'no access')!s:.40} for the scope '{scope}'. {error.hint}"
            )
