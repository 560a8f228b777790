"""Which calls are sent again, how often, and after what pause."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from datetime import datetime
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

from airflow_provider_walmart.client.transport.headers import CORRELATION_ID
from airflow_provider_walmart.client.transport.observer import Observer
from airflow_provider_walmart.client.transport.retry_after import retry_time
from airflow_provider_walmart.client.values.dates import utc_now

log = logging.getLogger(__name__)

# Methods of calls that change nothing.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# How often a call that changes nothing is sent when it fails in a way that may pass.
ATTEMPTS = 4


class Retries:
    """Sends a call that changes nothing again after a 5xx, a lost connection and a 429.

    :param attempts: how often a call is sent when it fails in a way that may pass.
    :param observer: is notified of waits after a 429; None: nobody is.
    """

    # First pause between attempts when Walmart names no time; doubles, with jitter. Seconds.
    BACKOFF = 1.0
    MAX_BACKOFF = 30.0
    # A longer wait than this must not block a worker: the 429 is given to the caller. It is long enough to page through
    # what may be called once a minute. Seconds.
    MAX_WAIT = 90.0

    def __init__(self, attempts: int = ATTEMPTS, observer: Observer | None = None) -> None:
        self.attempts = attempts
        self._observer = observer
        self._retry = Retrying(
            stop=lambda state: state.attempt_number >= self.attempts,
            retry=retry_if_result(self._worth_another) | retry_if_exception(_may_pass),
            wait=self._pause,
            before_sleep=self._announce,
            retry_error_callback=_last_outcome,
        )

    def run(self, send: Callable[[], requests.Response], method: str, url: str) -> requests.Response:
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

    def _announce(self, state: RetryCallState) -> None:
        outcome = state.outcome
        if outcome is None:
            return
        if outcome.failed:
            what, request = type(outcome.exception()).__name__, getattr(outcome.exception(), "request", None)
        else:
            what, request = str(outcome.result().status_code), outcome.result().request
            if self._observer and outcome.result().status_code == 429:
                self._observer.throttled(state.upcoming_sleep)
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
