"""How a call gets to Walmart: one pooled session, time-outs, and what may be sent again."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    wait_exponential,
    wait_random,
)

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.transport.auth import WalmartAuth
from airflow_provider_walmart.client.transport.headers import CORRELATION_ID
from airflow_provider_walmart.client.transport.http import (
    CONNECT_TIMEOUT,
    HttpSession,
    origin,
    transport_error,
)
from airflow_provider_walmart.client.transport.observer import Observer
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.responses import SAFE_METHODS
from airflow_provider_walmart.client.transport.retry_after import retry_time
from airflow_provider_walmart.client.transport.tokens import TokenProvider
from airflow_provider_walmart.client.values.dates import utc_now

log = logging.getLogger(__name__)

# How often a call that changes nothing is sent when it fails in a way that may pass.
ATTEMPTS = 4


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

    # First pause between attempts when Walmart names no time; doubles, with jitter. Seconds.
    BACKOFF = 1.0
    MAX_BACKOFF = 30.0
    # A longer wait than this must not block a worker: the 429 is given to the caller. It is long enough to page through
    # what may be called once a minute. Seconds.
    MAX_WAIT = 90.0

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
        self.attempts = attempts
        self.headers.update(headers)
        self._retry = Retrying(
            stop=lambda state: state.attempt_number >= self.attempts,
            retry=retry_if_result(self._worth_another) | retry_if_exception(_may_pass),
            wait=self._pause,
            before_sleep=self._say,
            retry_error_callback=_last_outcome,
        )
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
            response = self._with_retries(send, method, url) if safe else send()
        except requests.RequestException as error:
            raise transport_error(error, method, url, changes_something=not safe) from None
        if "Deprecation" in response.headers or "Sunset" in response.headers:
            self._announce_deprecation(method, response)
        return response

    def _with_retries(
        self, send: Callable[[], requests.Response], method: str, url: str
    ) -> requests.Response:
        """Send a call, again while its failure may pass.

        Nearly always the first attempt succeeds: keeping account of attempts, which costs as much as a tenth
        of a quick call, begins after it.
        """
        try:
            response = send()
        except requests.RequestException as error:
            first = functools.partial(_raise, error)
        else:
            if not self._worth_another(response):
                return response
            first = functools.partial(_return, response)
        attempts = iter((first,))
        return self._retry(lambda method, url: next(attempts, send)(), method, url)

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

    def _worth_another(self, response: requests.Response) -> bool:
        if response.status_code != 429:
            return response.status_code >= 500
        when = retry_time(response.headers)
        return when is None or _seconds_until(when) <= self.MAX_WAIT

    def _pause(self, state: RetryCallState) -> float:
        outcome = state.outcome
        if outcome and not outcome.failed:
            when = retry_time(outcome.result().headers)
            if when and _seconds_until(when) <= self.MAX_WAIT:
                # A little later than named, and not all at the same moment.
                return _seconds_until(when) + wait_random(0.05, 0.5)(state)
        backoff = wait_exponential(multiplier=self.BACKOFF, max=self.MAX_BACKOFF)
        return (backoff + wait_random(0, self.BACKOFF))(state)

    def _say(self, state: RetryCallState) -> None:
        outcome = state.outcome
        if outcome is None:
            return
        if outcome.failed:
            what, request = type(outcome.exception()).__name__, getattr(outcome.exception(), "request", None)
        else:
            what, request = str(outcome.result().status_code), outcome.result().request
            if self.observer and outcome.result().status_code == 429:
                self.observer.throttled(state.upcoming_sleep)
            outcome.result().close()
        method, url = state.args[:2]
        log.warning(
            "%s %s: %s, attempt %d of %d, next in %.1f s [correlation id %s]",
            method,
            urlsplit(url).path,
            what,
            state.attempt_number,
            self.attempts,
            state.upcoming_sleep,
            getattr(request, "headers", {}).get(CORRELATION_ID),
        )

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


def _return(response: requests.Response) -> requests.Response:
    return response


def _raise(error: requests.RequestException) -> requests.Response:
    raise error


def _may_pass(error: BaseException) -> bool:
    """Return whether a failure on the wire may be gone at the next attempt."""
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, (*passing, requests.exceptions.ContentDecodingError))


def _last_outcome(state: RetryCallState) -> requests.Response:
    """Give the caller the last answer or the last failure, rather than an error about retrying."""
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt only
    response: requests.Response = state.outcome.result()
    return response


def _seconds_until(when: datetime) -> float:
    return max(0.0, (when - utc_now()).total_seconds())
