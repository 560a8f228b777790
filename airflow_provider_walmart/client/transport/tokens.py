"""Access tokens: grants, renewal, single flight.

A token lives 900 seconds and belongs to host, keys, grant, seller and market. It is kept in the memory of
the process and, encrypted, in the shared state store, so that a whole deployment asks for one at a time.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConfigError,
    WalmartConnectionError,
    WalmartError,
    WalmartNotFoundError,
    WalmartPermissionError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.settings import WalmartSettings, text_field
from airflow_provider_walmart.client.transport.headers import MARKETPLACE_TOKEN, TokenHeader, token_headers
from airflow_provider_walmart.client.transport.hints import HINT_IN_BETWEEN
from airflow_provider_walmart.client.transport.http import transport_error
from airflow_provider_walmart.client.transport.responses import json_object, raise_for_status
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.transport.token_cache import (
    Token,
    TokenCache,
    TokenRecord,
    failure_to_dict,
)
from airflow_provider_walmart.client.values.dates import from_epoch

log = logging.getLogger(__name__)

PATH = "/v3/token"
DEFAULT_LIFE = 900.0
# Fail rather than hang: a token answer is small, and others wait for it.
TOKEN_TIMEOUT = 30.0
# Two attempts and the pause between them.
LONGEST_RENEWAL = 2 * TOKEN_TIMEOUT + 2
# For so long a failure answers for others, too: tasks that start together never do so to the moment. One that names
# the time to come back at answers until then. Seconds.
FAILURE_LIFE = 2.0

HINT_KEYS = (
    "Walmart refuses these keys. Are they complete and current (somebody may have reset them), do they belong to the "
    "{place} of the connection (production and sandbox keys differ), and is the secret the one that belongs to the "
    "client ID?"
)
HINT_RESET = (
    "These keys worked a moment ago: somebody has reset them. Put the new ones into the connection; what runs reads it again, and "
    "so does a retry."
)
HINT_FORBIDDEN = (
    "These keys get no token. Either Walmart has not enabled this API for them, or something between here and Walmart "
    "(a proxy, a firewall) refuses the call."
)
HINT_PLACE = "Nothing gives out tokens at this address. Check the base URL (host) of the connection."


@dataclass(frozen=True)
class TokenCall:
    """How an API is asked for tokens on behalf of one account.

    :param url: of the token call.
    :param identity: what a token belongs to, besides URL and secret; may hold a refresh token.
    :param secret: the client secret: names and encrypts the record that processes share.
    :param headers: returns the headers of one request.
    :param form: fields of its body.
    :param timeout: seconds to wait for the answer.
    :param header: where the token goes on all other calls.
    :param keys_belong_to: what of a connection its keys must fit, in words.
    """

    url: str
    identity: tuple[str, ...] = field(repr=False)
    secret: str = field(repr=False)
    headers: Callable[[], dict[str, str]] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    timeout: float
    header: TokenHeader
    keys_belong_to: str

    @property
    def path(self) -> str:
        """Path of the URL."""
        return urlsplit(self.url).path


@dataclass(frozen=True)
class TokenStatus:
    """What is known of the token of an account, without the token itself.

    :param good_until: when it expires (aware, UTC); None when there is none.
    :param failure: why the last request for one failed; None when it did not.
    :param failed_at: when that was (aware, UTC).
    """

    good_until: datetime | None
    failure: WalmartError | None
    failed_at: datetime | None


@dataclass(frozen=True)
class _Keys:
    """The keys that are in use: how to ask for a token with them, and the record of it."""

    call: TokenCall
    cache: TokenCache


@dataclass
class TokenBudget:
    """How many token requests one call may still cost, whatever the server does."""

    left: int = 2


# One lock per credential for the whole process, however many hooks it makes.
_locks: dict[str, threading.Lock] = {}
# A task is a fork: a lock that another thread of the parent held would never be given back.
os.register_at_fork(after_in_child=_locks.clear)
# When the last failure was that a thread has seen, by credential: it asks again for another attempt.
_seen = threading.local()


class TokenProvider:
    """Gives out valid access tokens for one account.

    :param call: how to ask for one.
    :param http: plain session for the token call; shares the connections of the session that it is for.
    :param store: shared state store.
    :param on_secret: called with every token as soon as it is known, before anything else sees it.
    :param fresh: ask for one each time and keep none.
    :param current_call: asked when the keys are refused: returns how to ask for a token with those that the account has now;
        None where nobody knows of others.
    """

    # Before the second attempt; more or less by half. Seconds.
    PAUSE = 1.0

    def __init__(
        self,
        call: TokenCall,
        http: requests.Session,
        store: Resilient,
        on_secret: Callable[[str], None],
        *,
        fresh: bool = False,
        current_call: Callable[[], TokenCall | None] = lambda: None,
    ) -> None:
        self.http = http
        self._store = store
        self._on_secret = on_secret
        self._fresh = fresh
        self._current_call = current_call
        self._worked = False
        self._keys = self._keys_of(call)

    @property
    def call(self) -> TokenCall:
        """How a token is asked for."""
        return self._keys.call

    def get(self, rejected: str | None = None, budget: TokenBudget | None = None) -> str:
        """Return a valid token.

        However many threads and processes ask at once, one of them sends the request, a second one after
        a transient error, and the others take the outcome, be it a token or an error.

        Keys that are refused may have been reset and edited since: they are asked for once more, and others tried once.

        :param rejected: a token that Walmart just refused: another one is returned.
        :param budget: what the call that needs the token may still cost; default: one request.
        :raises WalmartError: when there is no token to be had.
        """
        keys = self._keys
        try:
            token = self._get(keys, rejected, budget or TokenBudget(1))
        except WalmartAuthError as error:
            if not self._has_other_keys(keys):
                if self._worked or rejected is not None:
                    error.keys_worked, error.hint = True, HINT_RESET
                raise
            token = self._get(self._keys, rejected, TokenBudget(1))
        self._worked = True
        return token

    def _get(self, keys: _Keys, rejected: str | None, budget: TokenBudget) -> str:
        """Return a valid token of some keys."""
        if self._fresh:
            self._raise_while_blocked(keys.cache.newest())
            return self._renew(keys, TokenRecord(), rejected, budget)
        asked_at = time.time()
        return keys.cache.usable(keys.cache.known(), rejected) or self._single_flight(
            keys, rejected, budget, asked_at
        )

    def _keys_of(self, call: TokenCall) -> _Keys:
        return _Keys(call, TokenCache((call.url, *call.identity), call.secret, self._store, self._on_secret))

    def _has_other_keys(self, refused: _Keys) -> bool:
        """Return whether there are other keys than those that were refused, and use them from now on."""
        with _locks.setdefault(f"other keys than {refused.cache.name}", threading.Lock()):
            # Another thread may have been quicker.
            if self._keys is refused and (call := self._current_call()):
                keys = self._keys_of(call)
                if keys.cache.name != refused.cache.name:
                    log.info("The connection was edited: going on with the keys that it has now")
                    self._keys = keys
            return self._keys is not refused

    def status(self) -> TokenStatus:
        """Return what is known of the account's token, without asking Walmart."""
        record = self._keys.cache.newest()
        token = record.token if record.has_good_token(None) else None
        return TokenStatus(
            from_epoch(token.expires_at) if token else None,
            record.failure_error,
            from_epoch(record.failed_at) if record.failure else None,
        )

    def _single_flight(self, keys: _Keys, rejected: str | None, budget: TokenBudget, asked_at: float) -> str:
        """Return a token that one of all that ask at once asks for; the others wait and take the outcome.

        :param asked_at: when this caller wanted it, seconds since 1970 UTC.
        """
        cache = keys.cache
        with _locks.setdefault(cache.name, threading.Lock()):
            if token := cache.usable(cache.known(), rejected) or cache.usable(cache.stored(), rejected):
                return token
            # A little longer than the holder can take, so that waiters see how it went.
            with self._store.lock(cache.name, LONGEST_RENEWAL + 5):
                record = cache.newest()
                if token := cache.usable(record, rejected):
                    return token
                self._raise_while_blocked(record)
                if failure := self._failure_of_others(cache, record, asked_at):
                    return self._old_token(cache, record, rejected, failure)
                return self._renew(keys, record, rejected, budget)

    def _failure_of_others(
        self, cache: TokenCache, record: TokenRecord, asked_at: float
    ) -> WalmartError | None:
        """Return the failure that answers for this caller, too; None when it is to ask itself."""
        has_seen_it = record.failed_at == vars(_seen).get(cache.name)
        since = asked_at if has_seen_it else asked_at - FAILURE_LIFE
        # A failure from the future was written by a host whose clock is wrong.
        return record.failure_error if since <= record.failed_at <= time.time() else None

    def _raise_while_blocked(self, record: TokenRecord) -> None:
        if time.time() < record.blocked_until and (failure := record.failure_error):
            raise failure

    def _renew(self, keys: _Keys, record: TokenRecord, rejected: str | None, budget: TokenBudget) -> str:
        while True:
            asked_at = time.time()
            budget.left -= 1
            try:
                token = self._token_of(self._request(keys.call), asked_at)
            except WalmartError as error:
                passing = isinstance(error, (WalmartConnectionError, WalmartServerError))
                if passing and budget.left > 0 and not record.has_good_token(rejected):
                    log.warning("No access token, trying once more: %s", error)
                    time.sleep(self.PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, guards nothing
                    continue
                record = replace(record, failed_at=time.time(), failure=failure_to_dict(error))
                self._keep(keys.cache, record)
                return self._old_token(keys.cache, record, rejected, error)
            self._keep(keys.cache, TokenRecord(token=token))
            return token.value

    def _old_token(
        self, cache: TokenCache, record: TokenRecord, rejected: str | None, error: WalmartError
    ) -> str:
        """Return the token that could not be renewed while it is good, or else raise why.

        Renewal comes early, so there is time left to ride out a transient error.
        """
        vars(_seen)[cache.name] = record.failed_at
        if record.token is None or not record.token.is_good(rejected) or error.status == 401:
            raise error
        log.warning("Could not renew the access token, going on with the old one: %s", error)
        return record.token.value

    def _keep(self, cache: TokenCache, record: TokenRecord) -> None:
        # One that is asked for each time is nothing to be kept; when to ask again is.
        if not self._fresh or time.time() < record.blocked_until:
            cache.keep(record)

    def _token_of(self, answer: dict[str, Any], asked_at: float) -> Token:
        value = answer.get("access_token")
        # White space can't be part of one, and a gateway may add a line end.
        value = value.strip() if isinstance(value, str) else ""
        if not value or not value.isascii() or not value.isprintable():
            raise WalmartServerError(
                f"POST {self.call.path} answered 200 without an access_token.",
                path=self.call.path,
                method="POST",
            )
        self._on_secret(value)
        try:
            life = float(answer.get("expires_in") or DEFAULT_LIFE)
        except (TypeError, ValueError, OverflowError):
            life = DEFAULT_LIFE
        if not 0 < life < 10 * 365 * 86400:
            life = DEFAULT_LIFE
        # Counted from the answer's arrival it would be too long by the time the request took.
        expires_at = asked_at + life
        return Token(value, expires_at, expires_at - min(max(60.0, life / 10), life / 2))

    def _request(self, call: TokenCall) -> dict[str, Any]:
        try:
            response = self.http.post(
                call.url,
                data=call.form,
                headers=call.headers(),
                timeout=min(call.timeout, TOKEN_TIMEOUT),
                # A redirect would carry the secret somewhere else.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise transport_error(error, "POST", call.url, changes_something=False) from None
        try:
            raise_for_status(response)
        except WalmartAuthError as error:
            error.hint = HINT_KEYS.format(place=call.keys_belong_to)
            raise
        except WalmartPermissionError as error:
            error.hint = HINT_FORBIDDEN
            raise
        except WalmartServerError as error:
            error.hint = None  # that of a failed write: asking for a token changes nothing
            raise
        except (WalmartNotFoundError, WalmartRequestError) as error:
            if error.status in (404, 405):
                error.hint = HINT_PLACE
            elif "invalid_client" in error.codes:
                # By OAuth a 400 may say the same as a 401.
                raise WalmartAuthError(
                    error.message,
                    status=error.status,
                    method=error.method,
                    path=error.path,
                    details=error.details,
                    correlation_id=error.correlation_id,
                    hint=HINT_KEYS.format(place=call.keys_belong_to),
                ) from None
            raise
        if response.content.lstrip()[:1] == b"<":
            raise WalmartServerError(
                f"POST {call.path} answered 200 with XML or HTML in place of JSON.",
                method="POST",
                path=call.path,
                hint="The Accept header was lost on the way, or something else than Walmart answered: check the base URL.",
            )
        try:
            return json_object(response)
        except WalmartServerError as error:
            # Unlike a write, which a 200 may have done in part, it can be asked for again.
            error.status, error.hint = None, HINT_IN_BETWEEN
            raise


class MarketplaceTokens(TokenProvider):
    """Gives out tokens of Marketplace.

    :param settings: the account.
    :param http: plain session for the token call; shares the connections of the session that it is for.
    :param store: shared state store.
    :param on_secret: called with every token as soon as it is known, before anything else sees it.
    :param current_call: as for `TokenProvider`.
    """

    def __init__(
        self,
        settings: WalmartSettings,
        http: requests.Session,
        store: Resilient,
        on_secret: Callable[[str], None],
        current_call: Callable[[], TokenCall | None] = lambda: None,
    ) -> None:
        super().__init__(marketplace_token_call(settings), http, store, on_secret, current_call=current_call)
        self._settings = settings

    def exchange_authorization_code(self, code: str, redirect_uri: str, partner_id: str | int) -> str:
        """Return the refresh token that an authorization code is worth (valid for a year).

        :param code: ``code`` of the callback, URL-decoded.
        :param redirect_uri: exactly as registered for the app.
        :param partner_id: ``sellerId`` of the callback.
        :raises WalmartConfigError: when one of them is blank or can't be sent.
        :raises WalmartAuthError: when Walmart refuses them.
        """
        given = {"code": code, "redirect_uri": redirect_uri, "partner_id": partner_id}
        texts = {name: text_field(name, value) for name, value in given.items()}
        for name, text in texts.items():
            if not text:
                raise WalmartConfigError(f"{name} is blank: the authorization_code grant needs it.")
        settings = replace(self._settings, partner_id=texts.pop("partner_id"))
        answer = self._request(
            marketplace_token_call(settings, {"grant_type": "authorization_code", **texts})
        )
        refresh_token = answer.get("refresh_token")
        if not isinstance(refresh_token, str) or not refresh_token:
            raise WalmartAuthError(
                "The authorization code was accepted, but the answer holds no refresh_token."
            )
        self._on_secret(refresh_token)
        return refresh_token


def marketplace_token_call(settings: WalmartSettings, form: Mapping[str, str] | None = None) -> TokenCall:
    """Return how Marketplace is asked for tokens.

    :param form: that of another grant than the account's own.
    """
    grant = "refresh_token" if settings.refresh_token else "client_credentials"
    own = {"grant_type": grant}
    if settings.refresh_token:
        own["refresh_token"] = settings.refresh_token
    return TokenCall(
        url=settings.base_url + PATH,
        identity=(settings.client_id, grant, settings.refresh_token, settings.partner_id, settings.market),
        secret=settings.client_secret,
        headers=lambda: token_headers(settings),
        form=form or own,
        timeout=settings.timeout,
        header=MARKETPLACE_TOKEN,
        keys_belong_to="environment and market",
    )
