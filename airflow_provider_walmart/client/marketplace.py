"""The Marketplace API of one account: what its calls have beyond those of every API, and its lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import requests

from airflow_provider_walmart.client.calls.api_client import ApiClient, is_empty_list
from airflow_provider_walmart.client.calls.build import BuiltRequest, build_request
from airflow_provider_walmart.client.calls.many import call_many
from airflow_provider_walmart.client.calls.paging import iter_records, page_params, pages, records
from airflow_provider_walmart.client.calls.partial_failures import check_page
from airflow_provider_walmart.client.calls.raw_pages import RawPage, as_raw, decode_page
from airflow_provider_walmart.client.catalogue.operations import MARKETPLACE, Operation, find
from airflow_provider_walmart.client.errors import (
    WalmartError,
    WalmartNotFoundError,
    WalmartPermissionError,
)
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.auth import WalmartAuth
from airflow_provider_walmart.client.transport.headers import business_headers
from airflow_provider_walmart.client.transport.http import HttpSession
from airflow_provider_walmart.client.transport.observer import Observer, observed_sleep
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.responses import json_object, raise_for_status
from airflow_provider_walmart.client.transport.retries import Retries
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.transport.tokens import (
    MarketplaceTokens,
    TokenCall,
    marketplace_token_call,
)

TOKEN_DETAIL = "/v3/token/detail"  # noqa: S105 - a path
PARTNER_ID = "WM_PARTNER_ID"
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


class MarketplaceClient(ApiClient[WalmartSettings, MarketplaceTokens]):
    """One Walmart Marketplace account; the parameters are those of `ApiClient`."""

    catalogue = MARKETPLACE

    def _token_provider(
        self, http: HttpSession, store: Resilient, on_secret: Callable[[str], None]
    ) -> MarketplaceTokens:
        return MarketplaceTokens(self.settings, http, store, on_secret, self._current_call)

    def _token_call(self, settings: WalmartSettings) -> TokenCall:
        return marketplace_token_call(settings)

    def _common_headers(self) -> dict[str, str]:
        return business_headers(self.settings)

    def _throttle(self, store: Resilient, observer: Observer | None) -> Throttle:
        return Throttle(self.settings, store, Retries.MAX_WAIT, sleep=observed_sleep(observer))

    def _build(self, operation: Operation, params: Mapping[str, Any], strict: bool) -> BuiltRequest:
        """Return the request of an operation, with the partner of the account where it takes one."""
        if self.settings.partner_id and _takes_partner(operation) and params.get(PARTNER_ID) is None:
            params = {**params, PARTNER_ID: self.settings.partner_id}
        return build_request(operation, params, market=self.settings.market, strict=strict)

    def _raise_for_status(self, response: requests.Response, auth: WalmartAuth) -> None:
        try:
            super()._raise_for_status(response, auth)
        except WalmartPermissionError as error:
            self._name_scope(error, auth)
            raise

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
        built = self._build(found, page_params(found, params), strict)

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

    def call_many(
        self,
        operation: str,
        params: Iterable[Mapping[str, Any]],
        *,
        concurrency: int = 8,
        strict: bool = True,
    ) -> Iterator[tuple[Mapping[str, Any], Any]]:
        """Return an iterator over parameters and answers of many reads, side by side, in the order given.

        :param operation: as for `call`; one that changes nothing.
        :param params: parameters of each call.
        :param concurrency: most calls on their way at the same time, 1 to 64.
        :param strict: as for `call`.
        :return: pairs of parameters and answer; in place of the answer of a call that failed its `WalmartError`.
        :raises WalmartConfigError: at once, for an operation that changes something.
        :raises WalmartAuthError: on the way, when Walmart refuses the keys.
        """
        found = find(operation)
        return call_many(
            found, params, lambda row: self.call(found.name, params=row, strict=strict), concurrency
        )

    def raw_pages(
        self, operation: str, *, strict: bool = True, params: Mapping[str, Any] | None = None
    ) -> Iterator[RawPage]:
        """Yield the pages of an operation, with each record as the JSON it is (`msgspec.Raw`).

        :param operation: as for `paginate`.
        :param strict: as for `call`.
        :param params: as for `paginate`.
        """
        found = find(operation)
        built = self._build(found, page_params(found, params), strict)
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
        return (RawPage([as_raw(record) for record in page.records], page.total) for page in read)

    @staticmethod
    def _first_may_be_empty(
        operation: Operation, params: Mapping[str, Any] | None, fetch: Callable[[str, Any], Any]
    ) -> Callable[[str, Any], Any]:
        """Return the function, with a first page that finds nothing and says so with 404 as no page at all."""
        is_first = True

        def first_may_be_empty(query: str, page_body: Any) -> Any:
            nonlocal is_first
            was_first, is_first = is_first, False
            try:
                return fetch(query, page_body)
            except WalmartNotFoundError as error:
                if was_first and is_empty_list(operation, params, error):
                    return None
                raise

        return first_may_be_empty

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
        """Say in the hint which permission is missing, as far as Walmart says."""
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
