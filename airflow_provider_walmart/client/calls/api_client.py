"""What the clients of Walmart's APIs have in common: one constructor, and one way of a call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import requests

from airflow_provider_walmart.client.calls.answers import parse_answer, parse_file
from airflow_provider_walmart.client.calls.bodies import request_body
from airflow_provider_walmart.client.calls.build import BuiltRequest, build_request
from airflow_provider_walmart.client.calls.query import Params, encode_query
from airflow_provider_walmart.client.catalogue.operations import Operation, find
from airflow_provider_walmart.client.errors import WalmartNotFoundError
from airflow_provider_walmart.client.transport.auth import WalmartAuth
from airflow_provider_walmart.client.transport.headers import CORRELATION_ID, correlation_id
from airflow_provider_walmart.client.transport.hints import HINT_ONE_WAY, STATUS_HINTS
from airflow_provider_walmart.client.transport.http import HttpSession
from airflow_provider_walmart.client.transport.observer import Observer
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.responses import raise_for_status
from airflow_provider_walmart.client.transport.retries import ATTEMPTS
from airflow_provider_walmart.client.transport.session import WalmartSession
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.transport.tokens import TokenCall, TokenProvider

log = logging.getLogger(__name__)


class Account(Protocol):
    """What a client needs to know of an account, whatever the API."""

    @property
    def base_url(self) -> str:
        """What paths are appended to."""

    @property
    def timeout(self) -> float:
        """Seconds to wait for each answer."""

    def is_same_account(self, other: Any) -> bool:
        """Return whether other settings lead to the same account, with other keys perhaps."""


SettingsT = TypeVar("SettingsT", bound=Account)
TokensT = TypeVar("TokensT", bound=TokenProvider)


class ApiClient(Generic[SettingsT, TokensT]):
    """One account at one of Walmart's APIs.

    :param settings: the account.
    :param store: shared state store, where tokens are kept.
    :param user_agent: value of ``User-Agent``.
    :param on_secret: called with every secret as soon as it is known; a log masker goes here.
    :param observer: is notified of what goes over the wire; None: nobody is.
    :param attempts: how often a call that changes nothing is sent when it fails in a way that may pass; default 4.
    :param current_settings: asked when the keys are refused: returns the account as it is now, with keys that may have been
        edited since. None: nobody knows of others.
    """

    # Rows of the API in the catalogue.
    catalogue: ClassVar[str]
    # What to do about a status that is an error.
    hints: ClassVar[Mapping[int, str]] = STATUS_HINTS

    def __init__(
        self,
        settings: SettingsT,
        store: Resilient,
        user_agent: str,
        on_secret: Callable[[str], None] = lambda secret: None,
        observer: Observer | None = None,
        attempts: int = ATTEMPTS,
        current_settings: Callable[[], SettingsT] | None = None,
    ) -> None:
        self.settings = settings
        self._current_settings = current_settings
        self.store = store
        http = HttpSession(settings.base_url, user_agent, observer)
        self.tokens = self._token_provider(http, store, on_secret)
        self.session = WalmartSession(
            settings.base_url,
            user_agent,
            timeout=settings.timeout,
            headers=self._common_headers(),
            tokens=self.tokens,
            throttle=self._throttle(store, observer),
            observer=observer,
            attempts=attempts,
        )

    def __reduce__(self) -> Any:
        raise TypeError(
            "A client can't be pickled or copied: it holds connections and secrets. Pickle the hook, which makes a new one."
        )

    # -- what differs between the APIs ---------------------------------------------------------------

    def _token_provider(
        self, http: HttpSession, store: Resilient, on_secret: Callable[[str], None]
    ) -> TokensT:
        """Return what gives out the tokens of the account."""
        raise NotImplementedError

    def _token_call(self, settings: SettingsT) -> TokenCall:
        """Return how a token is asked for."""
        raise NotImplementedError

    def _common_headers(self) -> dict[str, str]:
        """Return the headers of every call but the token call, without token and correlation id."""
        raise NotImplementedError

    def _throttle(self, store: Resilient, observer: Observer | None) -> Throttle | None:
        """Return the rate budgets of the account; None where the API publishes none."""
        return None

    def _absolute(self, path: str) -> str:
        """Return a path that a user gave, below the base URL."""
        return path

    def _build(self, operation: Operation, params: Mapping[str, Any], strict: bool) -> BuiltRequest:
        """Return the request of an operation.

        :raises WalmartConfigError: naming parameter, value and what is allowed.
        """
        return build_request(operation, params, strict=strict)

    def _raise_for_status(self, response: requests.Response, auth: WalmartAuth) -> None:
        hints = {**self.hints, 401: HINT_ONE_WAY} if auth.body_was_spent else self.hints
        raise_for_status(response, hints)

    def _current_call(self) -> TokenCall | None:
        """Return how a token is asked for with the keys that the account has now; None where that can't be known."""
        if self._current_settings is None:
            return None
        try:
            current = self._current_settings()
        except Exception as error:
            # Somebody may be in the middle of editing it.
            log.warning("The connection can't be used as it is now: %s", error)
            return None
        if not self.settings.is_same_account(current):
            log.warning("The connection leads to another account now, which is not gone on with")
            return None
        self.settings = current
        self.session.headers.update(self._common_headers())
        return self._token_call(current)

    # -- calls ---------------------------------------------------------------------------------------

    def access_token(self) -> str:
        """Return a valid access token, from the cache where there is one."""
        return self.tokens.get()

    def headers(self) -> dict[str, str]:
        """Return the headers of one call: token and a fresh correlation id included."""
        header = self.tokens.call.header
        return {
            **self._common_headers(),
            header.name: header.value(self.access_token()),
            CORRELATION_ID: correlation_id(),
        }

    def request(
        self, method: str, path: str, *, params: Params | None = None, **kwargs: Any
    ) -> requests.Response:
        """Send one call and return its answer.

        :param method: HTTP method.
        :param path: path below the base URL (for GoLocal: below the deliveries of the environment, unless it begins with
            ``/api-proxy/``), beginning with a slash, already percent-encoded.
        :param params: query parameters, encoded as `encode_query` says.
        :param kwargs: ``json``, ``data``, ``files``, ``headers``, ``stream`` as for `requests`.
        :raises WalmartError: the class of the tree that fits what went wrong.
        """
        auth = self.session.call_auth()
        query = encode_query(params) if params else None
        response = self.session.request(method, self._absolute(path), params=query, auth=auth, **kwargs)
        self._raise_for_status(response, auth)
        return response

    def call(
        self,
        operation: str,
        *,
        body: Any = None,
        strict: bool = True,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call one catalogued operation and return what it answers.

        :param operation: operation id (``getAnOrder``) or method and path
            (``GET /v3/orders/{purchaseOrderId}``).
        :param body: for operations that take one: anything JSON can hold, or text or bytes that are ready.
        :param strict: False lets parameters and values pass that are newer than the catalogue.
        :param params: parameters by Walmart's names, those of the path included.
        :return: decoded JSON, without the key that wraps all of it where there is one; bytes for files; None
            for 204; an empty dict when a listing finds nothing and says so with 404.
        :raises WalmartConfigError: before anything is sent, naming parameter, value and what is allowed.
        :raises WalmartError: the class of the tree that fits what went wrong.
        """
        found = find(operation, self.catalogue)
        request = self._build(found, params or {}, strict)
        try:
            response = self._send(found, request, body)
        except WalmartNotFoundError as error:
            if is_empty_list(found, params, error):
                return {}
            raise
        return parse_answer(found, response)

    def file(
        self,
        operation: str,
        *,
        body: Any = None,
        strict: bool = True,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[bytes]:
        """Yield the file that an operation answers with, part by part as they come; nothing for 204.

        :param operation: as for `call`; one that answers with a file.
        :param body: as for `call`.
        :param strict: as for `call`.
        :param params: as for `call`.
        :raises WalmartError: the class of the tree that fits what went wrong; also on the way, when the file breaks
            off; also for a page or an error document in place of the file.
        """
        found = find(operation, self.catalogue)
        request = self._build(found, params or {}, strict)
        with self._send(found, request, body, stream=True) as response:
            yield from parse_file(found, response)

    def _send(
        self,
        operation: Operation,
        request: BuiltRequest,
        body: Any,
        query: str | None = None,
        *,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request, with another query where it is one of many pages.

        :raises WalmartError: when it is refused, or not answered.
        """
        auth = self.session.call_auth()
        response = self.session.request(
            request.method,
            request.path,
            params=(request.query if query is None else query) or None,
            headers=request.headers,
            auth=auth,
            safe_to_retry=operation.safe_to_retry,
            stream=stream,
            **request_body(operation, body),
        )
        self._raise_for_status(response, auth)
        return response


def is_empty_list(
    operation: Operation, params: Mapping[str, Any] | None, error: WalmartNotFoundError
) -> bool:
    """Return whether a 404 says that a list, asked for from its start, has nothing in it."""
    paging = operation.paging
    # What has a path of its own is missing itself, and a place in the list that is unknown is no end of it.
    if paging is None or not operation.is_list:
        return False
    position = (params or {}).get(paging.position)
    is_start = position is None or str(position) == str(paging.first)
    # A wrong path is a 404 as well, with another code.
    return is_start and any(detail.name == "CONTENT_NOT_FOUND" for detail in error.details)
