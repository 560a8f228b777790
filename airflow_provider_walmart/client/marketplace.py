"""The Marketplace API of one account: calls, and what to make of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from airflow_provider_walmart.client.calls.answers import answer_of, check_page
from airflow_provider_walmart.client.calls.build import BuiltRequest, build_request, request_body
from airflow_provider_walmart.client.calls.paging import iter_records, page_params, pages, records
from airflow_provider_walmart.client.calls.query import Params, encode_query
from airflow_provider_walmart.client.calls.raw_pages import Raw, as_raw, decode_page
from airflow_provider_walmart.client.catalogue.operations import Operation, find
from airflow_provider_walmart.client.errors import (
    WalmartError,
    WalmartNotFoundError,
    WalmartPermissionError,
)
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.auth import WalmartAuth
from airflow_provider_walmart.client.transport.headers import (
    ACCESS_TOKEN,
    CORRELATION_ID,
    business_headers,
    correlation_id,
)
from airflow_provider_walmart.client.transport.http import HttpSession, transport_error
from airflow_provider_walmart.client.transport.observer import Observer, observed_sleep
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.responses import json_object, raise_for_status
from airflow_provider_walmart.client.transport.session import WalmartSession
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.transport.tokens import MarketplaceTokens

TOKEN_DETAIL = "/v3/token/detail"  # noqa: S105 - a path
PARTNER_ID = "WM_PARTNER_ID"
# In which files are read. Bytes.
CHUNK = 1024 * 1024
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
    :param observer: is told what goes over the wire; None: nobody is.
    """

    def __init__(
        self,
        settings: WalmartSettings,
        store: Resilient,
        user_agent: str,
        on_secret: Callable[[str], None] = lambda secret: None,
        observer: Observer | None = None,
    ) -> None:
        self.settings = settings
        http = HttpSession(settings.base_url, user_agent, observer)
        self.tokens = MarketplaceTokens(settings, http, store, on_secret)
        self.session = WalmartSession(
            settings.base_url,
            user_agent,
            timeout=settings.timeout,
            headers=business_headers(settings),
            tokens=self.tokens,
            throttle=Throttle(settings, store, WalmartSession.MAX_WAIT, sleep=observed_sleep(observer)),
            observer=observer,
        )

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
        self, method: str, path: str, *, params: Params | None = None, **kwargs: Any
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
        found = find(operation)
        try:
            return answer_of(found, self._send(found, self._built(found, params or {}, strict), body))
        except WalmartNotFoundError as error:
            if _is_start_of_list(found, params) and _nothing_found(error):
                return {}
            raise

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
            off.
        """
        found = find(operation)
        built = self._built(found, params or {}, strict)
        with self._send(found, built, body, stream=True) as response:
            try:
                yield from response.iter_content(CHUNK)
            except requests.RequestException as error:
                raise transport_error(
                    error, str(response.request.method), str(response.url), changes_something=False
                ) from None

    def paginate(
        self,
        operation: str,
        *,
        body: Any = None,
        strict: bool = True,
        max_records: int | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[Any]:
        """Yield the records of all pages of an operation, one request at a time, in constant memory.

        :param operation: as for `call`; one that pages.
        :param body: for operations that take one; the place in the list is added to it.
        :param strict: as for `call`.
        :param max_records: stop after so many; default: all.
        :param params: as for `call`; the page size is the largest documented one unless given.
        :raises WalmartConfigError: at once, for bad input.
        :raises WalmartError: on the way.
        """
        found = find(operation)
        built = self._built(found, page_params(found, params), strict)

        def fetch(query: str, page_body: Any) -> Any:
            response = self._send(found, built, page_body, query)
            if response.status_code == 204:
                return None
            page = json_object(response)
            check_page(found, response, page)
            return page

        return iter_records(
            found,
            params,
            body,
            self._first_may_be_empty(found, params, fetch),
            max_records=max_records,
            strict=strict,
        )

    def raw_pages(
        self, operation: str, *, strict: bool = True, params: Mapping[str, Any] | None = None
    ) -> Iterator[list[Raw]]:
        """Yield the records of an operation page by page, each as the JSON it is (`msgspec.Raw`).

        :param operation: as for `paginate`.
        :param strict: as for `call`.
        :param params: as for `paginate`.
        """
        found = find(operation)
        built = self._built(found, page_params(found, params), strict)
        paging = found.paging

        def fetch(query: str, page_body: Any) -> Any:
            response = self._send(found, built, page_body, query)
            if response.status_code == 204 or paging is None:
                return None
            try:
                page = decode_page(response.content, paging)
            except (ValueError, RecursionError):
                # Decodes what is less strict than JSON should be, and says what came in place of it.
                page = json_object(response)
            if not records(found, page):
                check_page(found, response, json_object(response))
            return page

        first_may_be_empty = self._first_may_be_empty(found, params, fetch)
        body: Any = {} if found.body_required else None
        read = pages(found, params, body, first_may_be_empty, strict=strict)
        return ([as_raw(record) for record in records(found, page)] for page in read)

    @staticmethod
    def _first_may_be_empty(
        operation: Operation, params: Mapping[str, Any] | None, fetch: Callable[[str, Any], Any]
    ) -> Callable[[str, Any], Any]:
        """Return the function, with a first page that finds nothing and says so with 404 as no page at all."""
        first = _is_start_of_list(operation, params)

        def first_may_be_empty(query: str, page_body: Any) -> Any:
            nonlocal first
            beginning, first = first, False
            try:
                return fetch(query, page_body)
            except WalmartNotFoundError as error:
                if beginning and _nothing_found(error):
                    return None
                raise

        return first_may_be_empty

    def _built(self, operation: Operation, params: Mapping[str, Any], strict: bool = True) -> BuiltRequest:
        """Return the request of an operation, with the partner of the account where it takes one."""
        if self.settings.partner_id and _takes_partner(operation) and params.get(PARTNER_ID) is None:
            params = {**params, PARTNER_ID: self.settings.partner_id}
        return build_request(operation, params, market=self.settings.market, strict=strict)

    def _send(
        self,
        operation: Operation,
        built: BuiltRequest,
        body: Any,
        query: str | None = None,
        *,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request, with another query where it is one of many pages."""
        auth = self.session.call_auth()
        response = self.session.request(
            built.method,
            built.path,
            params=(built.query if query is None else query) or None,
            headers=built.headers,
            auth=auth,
            safe_to_retry=operation.safe_to_retry,
            stream=stream,
            **request_body(operation, body),
        )
        self._raise_for_status(response, auth)
        return response

    def _raise_for_status(self, response: requests.Response, auth: WalmartAuth) -> None:
        try:
            raise_for_status(response)
        except WalmartPermissionError as error:
            self._name_scope(error, auth)
            raise

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


def _takes_partner(operation: Operation) -> bool:
    return any(parameter.name == PARTNER_ID for parameter in operation.parameters)


def _is_start_of_list(operation: Operation, params: Mapping[str, Any] | None) -> bool:
    """Return whether a call asks for a list from its start, so that there may be nothing in it."""
    paging = operation.paging
    # What has a path of its own is missing itself, and a place in the list that is unknown is no end of it.
    if paging is None or not operation.is_list:
        return False
    position = (params or {}).get(paging.position)
    return position is None or str(position) == str(paging.first)


def _nothing_found(error: WalmartNotFoundError) -> bool:
    # A wrong path is a 404 as well, with another code.
    return any(detail.name == "CONTENT_NOT_FOUND" for detail in error.details)
