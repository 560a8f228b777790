"""Puts the access token into a request, and renews it once when Walmart refuses it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import requests
from requests.auth import AuthBase
from requests.utils import rewind_body

from airflow_provider_walmart.client.transport.error_bodies import error_details
from airflow_provider_walmart.client.transport.headers import (
    CORRELATION_ID,
    correlation_id,
    strip_credentials,
)
from airflow_provider_walmart.client.transport.http import origin
from airflow_provider_walmart.client.transport.responses import has_invalid_token
from airflow_provider_walmart.client.transport.tokens import TokenBudget, TokenProvider

log = logging.getLogger(__name__)


class WalmartAuth(AuthBase):
    """Authentication of one call, all its attempts included.

    One call costs at most two token requests and renews a refused token once, whatever the server does.

    :param tokens: where tokens come from.
    :param allowed_origin: the only origin that gets to see them.
    :param wait: called with a refused request before it is sent again; waits until it may be.
    """

    def __init__(
        self,
        tokens: TokenProvider,
        allowed_origin: tuple[str, str | None, int | None],
        wait: Callable[[requests.PreparedRequest], None],
    ) -> None:
        # Whether a refused call was not sent again since its body, such as a generator, can't be read twice.
        self.body_was_spent = False
        self._tokens = tokens
        self._wait = wait
        self._header = tokens.call.header
        self._origin = allowed_origin
        self._budget = TokenBudget()
        self._renewed = False
        self._token = ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add token and correlation id to a request for Walmart; take credentials out of any other."""
        if origin(request.url or "") != self._origin:
            strip_credentials(request.headers)
            return request
        self._token = self._token or self._tokens.get(budget=self._budget)
        request.headers.setdefault(CORRELATION_ID, correlation_id())
        request.headers[self._header.name] = self._header.value(self._token)
        request.register_hook("response", self._renew_if_refused)  # type: ignore[no-untyped-call]
        return request

    def _renew_if_refused(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        """Send a refused request once more with a new token; a refused token means that it was not acted on.

        One whose body can't be read again is left at that.
        """
        request = response.request
        rejected = self._header.token_in(request.headers)
        # A request that was redirected to another host and back has lost its token on the way.
        if self._renewed or self._budget.left == 0 or rejected is None or not _refused(response):
            return response
        again = request.copy()
        log.info(
            "Walmart refused the access token for %s %s (%s), renewing it once [correlation id %s]",
            request.method,
            again.path_url.partition("?")[0],
            response.status_code,
            request.headers.get(CORRELATION_ID),
        )
        self._renewed = True
        self._token = self._tokens.get(rejected, self._budget)
        body: Any = again.body
        if body is not None and not isinstance(body, (bytes, str)):
            try:
                rewind_body(again)
            except requests.exceptions.UnrewindableBodyError:
                # The new token is for whoever tries again.
                self.body_was_spent = True
                return response
        response.close()
        again.headers[self._header.name] = self._header.value(self._token)
        again.headers[CORRELATION_ID] = correlation_id()
        # A new token may have taken its time.
        self._wait(again)
        answer: requests.Response = response.connection.send(again, **kwargs)
        answer.history.append(response)
        answer.request = again
        return answer


def _refused(response: requests.Response) -> bool:
    if response.status_code == 401:
        return True
    return response.status_code == 400 and has_invalid_token(error_details(response))
