"""How a call gets to Walmart: one pooled session with time-outs, tokens, rate budgets and retries."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.transport.auth import WalmartAuth
from airflow_provider_walmart.client.transport.http import (
    CONNECT_TIMEOUT,
    HttpSession,
    origin,
    transport_error,
)
from airflow_provider_walmart.client.transport.observer import Observer
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.retries import ATTEMPTS, SAFE_METHODS, Retries
from airflow_provider_walmart.client.transport.tokens import TokenProvider

log = logging.getLogger(__name__)


class WalmartSession(HttpSession):
    """An authenticated `requests.Session` for one account.

    URLs may be paths (``/v3/feeds``). Calls that change nothing (GET, HEAD, OPTIONS) are sent again after
    a 5xx, a lost connection and a 429, up to ``attempts`` times; a write is sent once, and once more only
    when Walmart refused its token and so did not act on it. Statuses are returned, not raised.

    :param base_url: what paths are appended to.
    :param user_agent: value of ``User-Agent``.
    :param timeout: seconds to wait for each answer.
    :param headers: what all calls but the token call have in common.
    :param tokens: where tokens come from.
    :param throttle: rate budgets to keep to; None: there are none.
    :param observer: is notified of every request and of waits after a 429; None: nobody is.
    :param attempts: how often a call that changes nothing is sent when it fails in a way that may pass; default 4.
    """

    def __init__(
        self,
        base_url: str,
        user_agent: str,
        *,
        timeout: float,
        headers: Mapping[str, str],
        tokens: TokenProvider,
        throttle: Throttle | None = None,
        observer: Observer | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        super().__init__(base_url, user_agent, observer)
        self._base_url = base_url
        self._prefix = len(urlsplit(base_url).path)
        self._timeout = (min(CONNECT_TIMEOUT, timeout), timeout)
        # Token calls share the connections of all other calls.
        tokens.http.adapters = self.adapters
        self.tokens = tokens
        self.retries = Retries(attempts, observer)
        self.headers.update(headers)
        self.throttle = throttle
        self._announced: set[str] = set()

    def request(  # type: ignore[override]
        self, method: str, url: str, *, safe_to_retry: bool = False, **kwargs: Any
    ) -> requests.Response:
        """Send one call and return the answer, whatever its status.

        :param method: HTTP method.
        :param url: a path below the base URL, or a full URL; no credentials go to any other origin.
        :param safe_to_retry: the call changes nothing although its method could.
        :param kwargs: as for `requests.Session.request`.
        :raises WalmartError: when there is no token, no answer, or a write with unknown outcome.
        """
        method = method.upper()
        safe = safe_to_retry or method in SAFE_METHODS
        url = self._absolute(url)
        kwargs.setdefault("timeout", self._timeout)
        if "auth" not in kwargs:
            kwargs["auth"] = self.call_auth()
        # A redirected write would be sent twice.
        kwargs.setdefault("allow_redirects", method in SAFE_METHODS)
        try:
            send = functools.partial(super().request, method, url, **kwargs)
            response = self.retries.run(send, method, url) if safe else send()
        except requests.RequestException as error:
            raise transport_error(error, method, url, changes_something=not safe) from None
        if "Deprecation" in response.headers or "Sunset" in response.headers:
            self._announce_deprecation(method, response)
        return response

    def call_auth(self) -> WalmartAuth:
        """Return the authentication for one call and what belongs to it: two token requests at most."""
        return WalmartAuth(self.tokens, self.origin, self._wait_again)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a prepared request within the rate budgets of the account.

        It has its token by now: nothing but the wire lies between its slot and Walmart.
        """
        if self.throttle is None or origin(str(request.url)) != self.origin:
            return super().send(request, **kwargs)
        call = self._call(request)
        self.throttle.wait(*call)
        response = super().send(request, **kwargs)
        self.throttle.learn(*call, response.status_code, response.headers)
        return response

    def _wait_again(self, request: requests.PreparedRequest) -> None:
        """Wait until a request whose token was refused, and which has its slot, may be sent once more."""
        if self.throttle is not None:
            self.throttle.wait(*self._call(request), has_slot=True)

    def _call(self, request: requests.PreparedRequest) -> tuple[str, str, str]:
        parts = urlsplit(str(request.url))
        return str(request.method), parts.path[self._prefix :], parts.query

    def _absolute(self, url: str) -> str:
        if url.startswith("/"):
            return self._base_url + url
        if "://" not in url:
            raise WalmartConfigError(
                f"path is {url[:200]!r}; expected one that begins with a slash, such as /v3/feeds."
            )
        return url

    def _announce_deprecation(self, method: str, response: requests.Response) -> None:
        path = urlsplit(response.request.url or "").path
        if path not in self._announced:
            self._announced.add(path)
            log.warning(
                "Walmart announces the end of %s %s: Deprecation %s, Sunset %s",
                method,
                path,
                response.headers.get("Deprecation", "not given"),
                response.headers.get("Sunset", "not given"),
            )
