"""Puts the access token into a request, and renews it once when Walmart refuses it."""

from __future__ import annotations

import logging
import random
import time
from typing import Any

import requests
from requests.auth import AuthBase
from requests.utils import rewind_body

from airflow_provider_walmart.client.errors import WalmartConnectionError, WalmartServerError
from airflow_provider_walmart.client.headers import (
    ACCESS_TOKEN,
    CORRELATION_ID,
    correlation_id,
    strip_credentials,
)
from airflow_provider_walmart.client.http import origin
from airflow_provider_walmart.client.responses import error_details
from airflow_provider_walmart.client.tokens import TokenProvider

log = logging.getLogger(__name__)


class WalmartAuth(AuthBase):
    """Authentication of one call, all its attempts included.

    Asks the token provider at most twice, so one call costs at most two token requests, whatever the
    server does: once to begin with, and once more when the token endpoint fails or the token is refused.

    :param tokens: where tokens come from.
    :param allowed_origin: the only origin that gets to see them.
    """

    PAUSE = 1.0

    def __init__(self, tokens: TokenProvider, allowed_origin: tuple[str, str | None, int | None]) -> None:
        self._tokens = tokens
        self._origin = allowed_origin
        self._left = 2
        self._token = ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add token and correlation id to a request for Walmart; take credentials out of any other."""
        if origin(request.url or "") != self._origin:
            strip_credentials(request.headers)
            return request
        request.headers.setdefault(CORRELATION_ID, correlation_id())
        request.headers[ACCESS_TOKEN] = self._token or self._obtain()
        request.register_hook("response", self._renew_if_refused)  # type: ignore[no-untyped-call]
        return request

    def _obtain(self, rejected: str | None = None) -> str:
        failed_before = None
        while True:
            self._left -= 1
            try:
                self._token = self._tokens.get(rejected, failed_before)
                return self._token
            except (WalmartConnectionError, WalmartServerError) as error:
                if self._left == 0:
                    raise
                log.warning("No access token, trying once more: %s", error)
                failed_before = time.time()
                time.sleep(self.PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, guards nothing

    def _renew_if_refused(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        """Send a refused request once more with a new token; the refusal means it was not acted on."""
        request = response.request
        if self._left == 0 or not _refused(response) or origin(request.url or "") != self._origin:
            return response
        again = request.copy()
        body: Any = again.body
        if body is not None and not isinstance(body, (bytes, str)):
            try:
                rewind_body(again)
            except requests.exceptions.UnrewindableBodyError:
                return response
        log.info(
            "Walmart refused the access token for %s %s (%s), renewing it once [correlation id %s]",
            request.method,
            again.path_url.partition("?")[0],
            response.status_code,
            request.headers.get(CORRELATION_ID),
        )
        response.close()
        again.headers[ACCESS_TOKEN] = self._obtain(rejected=str(request.headers[ACCESS_TOKEN]))
        again.headers[CORRELATION_ID] = correlation_id()
        answer: requests.Response = response.connection.send(again, **kwargs)
        answer.history.append(response)
        answer.request = again
        return answer


def _refused(response: requests.Response) -> bool:
    if response.status_code == 401:
        return True
    return response.status_code == 400 and any(
        detail.name == "INVALID_TOKEN" for detail in error_details(response)
    )
