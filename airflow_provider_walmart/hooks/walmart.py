"""The hook of Walmart Marketplace."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_walmart import __version__
from airflow_provider_walmart.client import errors, feeds, reports
from airflow_provider_walmart.client.feed_formats import upload_of
from airflow_provider_walmart.client.feed_results import has_failed
from airflow_provider_walmart.client.feed_slices import plan_document
from airflow_provider_walmart.client.feed_submit import FeedFile, submit_feed
from airflow_provider_walmart.client.headers import basic_credentials
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.state import MemoryStore, Resilient
from airflow_provider_walmart.hooks.connection import walmart_settings
from airflow_provider_walmart.hooks.shared_state import shared_state

if TYPE_CHECKING:
    import requests
    from airflow.providers.common.compat.sdk import Connection

TEST_TIMEOUT = 10.0


class WalmartHook(BaseHook):
    """Talks to Walmart Marketplace with the account of a connection.

    Tokens are fetched when needed, shared by all tasks of the deployment (``[walmart] shared_state``),
    renewed before they expire and once when Walmart refuses one. All methods raise the errors of
    `airflow_provider_walmart.client.errors`.

    :param walmart_conn_id: id of a connection of type ``walmart``.
    """

    conn_name_attr = "walmart_conn_id"
    default_conn_name = "walmart_default"
    conn_type = "walmart"
    hook_name = "Walmart Marketplace"

    def __init__(self, walmart_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.walmart_conn_id = walmart_conn_id

    # -- connection form of Airflow 3.1; newer ones read get_provider_info() and never call these -------

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form fields for Airflow 3.1."""
        from airflow_provider_walmart.hooks.legacy_form import connection_form_widgets

        return connection_form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return labels and hidden fields for Airflow 3.1."""
        from airflow_provider_walmart.hooks.legacy_form import ui_field_behaviour

        return ui_field_behaviour()

    # -- the account ---------------------------------------------------------------------------------

    @cached_property
    def client(self) -> MarketplaceClient:
        """The client of the connection's account."""
        return self.client_of(self.settings_of(self.get_connection(self.walmart_conn_id)))

    @staticmethod
    def settings_of(connection: Connection) -> WalmartSettings:
        """Return the settings that a connection describes, and have its secrets masked in all logs."""
        settings = walmart_settings(connection)
        for secret in (settings.client_secret, settings.refresh_token, basic_credentials(settings)):
            if secret:
                mask_secret(secret)
        return settings

    @staticmethod
    def client_of(settings: WalmartSettings, store: Resilient | None = None) -> MarketplaceClient:
        """Return a client for an account.

        :param store: where it keeps its token and its rate budgets; default: the store of the deployment.
        """
        user_agent = (
            f"airflow-provider-walmart/{__version__} apache-airflow/{version('apache-airflow')} "
            f"python/{platform.python_version()}"
        )
        return MarketplaceClient(settings, store or shared_state(), user_agent, mask_secret)

    def get_conn(self) -> requests.Session:
        """Return an authenticated session: base URL, headers, token and retries included.

        Paths such as ``/v3/feeds`` may be given in place of URLs. Statuses are not raised.
        """
        return self.client.session

    def get_access_token(self) -> str:
        """Return a valid access token, from the cache where there is one."""
        return self.client.access_token()

    def get_headers(self) -> dict[str, str]:
        """Return the ``WM_*`` headers of one call, token and a fresh correlation id included."""
        return self.client.headers()

    def get_token_detail(self) -> dict[str, Any]:
        """Return scopes and validity of the access token from ``GET /v3/token/detail``.

        :return: dict with ``scopes`` (category to ``full_access``, ``view_only`` or ``no_access``),
            ``is_valid``, ``issued_at`` and ``expire_at`` (epoch milliseconds as text).
        """
        return self.client.token_detail()

    def exchange_authorization_code(self, code: str, redirect_uri: str, partner_id: str) -> str:
        """Exchange an OAuth authorization code for the refresh token to store in the connection.

        :param code: ``code`` of the callback, URL-decoded.
        :param redirect_uri: exactly as registered for the app.
        :param partner_id: ``sellerId`` of the callback.
        :return: the refresh token, valid for a year; put it, with the partner id, into the connection.
        """
        return self.client.tokens.exchange_authorization_code(code, redirect_uri, partner_id)

    def test_connection(self) -> tuple[bool, str]:
        """Ask for a token and for what it may do, and say so in fixed sentences.

        Airflow shows the message unmasked, so nothing that was received or configured as a secret, and no
        text of an exception, ever goes into it.
        """
        try:
            settings = self.settings_of(self.get_connection(self.walmart_conn_id))
        except errors.WalmartConfigError:
            return False, "The connection is incomplete or has a field with a value that is not allowed."
        except Exception:
            self.log.exception("The connection could not be read")
            return False, "The connection could not be read."
        where = f"environment {settings.environment}, market {settings.market}"
        # Nobody waits long for a button, and a cached token would hide that the keys were reset.
        settings = replace(settings, timeout=min(settings.timeout, TEST_TIMEOUT))
        client = self.client_of(settings, Resilient(MemoryStore()))
        client.session.ATTEMPTS = 1
        try:
            scopes = client.token_detail().get("scopes")
        except errors.WalmartError as error:
            self.log.warning("Connection test failed: %s", error)
            said = next(text for kind, text in TEST_FAILURES if isinstance(error, kind))
            return False, f"{said} ({where})"
        finally:
            client.session.close()
        return True, f"Connected to Walmart Marketplace: {where}. Scopes: {_scopes_text(scopes)}."

    # -- calls ---------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send one call and return its answer.

        GET calls are sent again after a 5xx, a lost connection and a 429; a write is sent once.

        :param method: HTTP method.
        :param path: path below the base URL, beginning with a slash, already percent-encoded.
        :param params: query parameters; None values are left out, booleans become ``true`` and ``false``.
        :param json: body to send as JSON.
        :param data: body to send as it is.
        :param files: parts of a multipart body.
        :param headers: headers besides the ``WM_*`` ones.
        :param stream: leave the body unread, for downloads.
        :raises WalmartError: the class of the tree that fits what went wrong.
        """
        return self.client.request(
            method, path, params=params, json=json, data=data, files=files, headers=headers, stream=stream
        )

    def call(self, operation: str, *, body: Any = None, strict: bool = True, **params: Any) -> Any:
        """Call one documented operation by name.

        Parameters are checked before anything is sent, and calls stay inside Walmart's rate limits.

        :param operation: operation id (``getAnOrder``) or method and path
            (``GET /v3/orders/{purchaseOrderId}``); the docs list all of them.
        :param body: for operations that take one: anything JSON can hold, or text or bytes that are ready.
        :param strict: False lets parameters and values pass that are newer than the catalogue.
        :param params: parameters by Walmart's names, those of the path included.
        :return: decoded JSON; bytes for files; None for 204; an empty dict when a listing finds nothing.
        :raises WalmartConfigError: naming parameter, value and what is allowed.
        """
        return self.client.call(operation, body=body, strict=strict, params=params)

    def paginate(
        self,
        operation: str,
        *,
        body: Any = None,
        strict: bool = True,
        max_records: int | None = None,
        **params: Any,
    ) -> Iterator[Any]:
        """Yield the records of all pages of a documented operation, in constant memory.

        :param operation: as for `call`; one that pages.
        :param body: for operations that take one.
        :param strict: as for `call`.
        :param max_records: stop after so many; default: all.
        :param params: as for `call`; the page size is the largest documented one unless given.
        """
        return self.client.paginate(
            operation, body=body, strict=strict, max_records=max_records, params=params
        )

    # -- feeds ---------------------------------------------------------------------------------------

    def list_feeds(
        self, *, feed_types: Collection[str] | None = None, since: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return the feeds of the account, newest first.

        :param feed_types: only these, compared without regard to case; default: all.
        :param since: only feeds submitted at this time (aware) or later; default: all that Walmart lists.
        :return: dicts with ``feedId``, ``feedType``, ``feedStatus``, counts and ``feedDate`` (epoch ms).
        """
        return list(feeds.iter_feeds(self.client, feed_types=feed_types, since=since))

    def get_feed(self, feed_id: str, *, include_details: bool = False) -> dict[str, Any]:
        """Return the status of one feed.

        :param feed_id: the id with its ``@``, as Walmart gave it.
        :param include_details: with its first 50 items; all of them come from `iter_feed_items`.
        """
        return feeds.get_feed(self.client, feed_id, include_details=include_details)

    def find_feed(self, feed_id: str) -> dict[str, Any] | None:
        """Return one feed as the list of feeds has it, which names its type; None when it isn't listed."""
        return feeds.find_feed(self.client, feed_id)

    def iter_feed_items(self, feed_id: str, *, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the items of a feed with what became of them, page by page.

        :param feed_id: the id with its ``@``, as Walmart gave it.
        :param status: only items of this ``ingestionStatus`` (such as ``DATA_ERROR``), or ``failed`` for all
            that were refused; default: all items.
        """
        for item in feeds.iter_feed_items(self.client, feed_id):
            if (
                status is None
                or item.get("ingestionStatus") == status
                or (status == "failed" and has_failed(item))
            ):
                yield item

    def submit_feed(self, feed_type: str, payload: Any, *, file_name: str | None = None) -> str:
        """Send one feed and return its id; called twice, it sends twice.

        `WalmartSubmitFeedOperator` sends once whatever dies when, builds feeds from records, and waits.

        :param feed_type: Walmart's ``feedType``; any is passed on.
        :param payload: the finished document: a dict, or JSON, XML or a zip file as text or bytes.
        :param file_name: name shown in the list of feeds; default: feed type and a hash of the content.
        :raises WalmartConfigError: when it is empty, malformed or larger than Walmart takes.
        :raises WalmartUnknownOutcomeError: when it was sent and no id came back: look before sending it again.
        """
        content = (
            payload
            if isinstance(payload, bytes)
            else (payload if isinstance(payload, str) else _json(payload)).encode()
        )
        planned = plan_document(feed_type, content, file_name=file_name or "payload")
        feed = FeedFile(
            feed_type=feed_type,
            content=content,
            items=planned.items,
            fingerprint=planned.fingerprint,
            multipart=upload_of(feed_type).multipart,
            given_name=file_name or "",
        )
        return submit_feed(self.client, feed)

    # -- reports -------------------------------------------------------------------------------------

    def request_report(
        self,
        report_type: str,
        *,
        report_version: str | None = None,
        row_filters: Sequence[Mapping[str, Any]] | None = None,
        exclude_columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        date_granularity: str | None = None,
    ) -> dict[str, Any]:
        """Ask for a report; Walmart takes one request per type and hour.

        :param report_type: Walmart's ``reportType``; any passes, known ones are checked.
        :param report_version: None: the newest documented one.
        :param row_filters: Walmart's ``rowFilters``.
        :param exclude_columns: columns to leave out.
        :param start: begin of the data's time window (aware).
        :param end: its end.
        :param date_granularity: ``DAILY`` (default with a window), ``WEEKLY``, ``MONTHLY`` or ``QUARTERLY``.
        :return: the request, with ``requestId`` and ``requestStatus``.
        """
        version = reports.check_report(report_type, report_version, start, end)
        body = reports.report_body(
            row_filters=row_filters,
            exclude_columns=exclude_columns,
            start=start,
            end=end,
            date_granularity=date_granularity,
        )
        return reports.request_report(self.client, report_type, version, body)

    def find_report_requests(
        self,
        report_type: str,
        *,
        report_version: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """Return the report requests of a type, those of the last 30 days at most.

        :param report_version: only this version; default: all.
        :param status: only ``RECEIVED``, ``INPROGRESS``, ``READY`` or ``ERROR``; default: all.
        :param since: only those made at this time (aware) or later.
        """
        found = reports.find_report_requests(
            self.client, report_type, report_version=report_version, status=status, since=since
        )
        return list(found)

    def get_report_request(self, request_id: str) -> dict[str, Any] | None:
        """Return one report request; None when Walmart doesn't know it. Allowed 20 times an hour."""
        return reports.get_report_request(self.client, request_id)

    def download_report(self, request_id: str, path: str) -> int:
        """Download a finished report, a zip file, and return its length in bytes.

        :param path: local file; appears once the download is complete.
        """
        beside = f"{path}.part"
        try:
            with open(beside, "w+b") as file:
                length = reports.download_report(self.client, request_id, file)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        return length


TEST_FAILURES: tuple[tuple[type[errors.WalmartError], str], ...] = (
    (
        errors.WalmartAuthError,
        "Walmart refuses these keys. Check client ID and client secret, and that they belong to this environment.",
    ),
    (errors.WalmartPermissionError, "The keys are right, but have no permission."),
    (errors.WalmartRateLimitError, "Walmart is throttling this account; try again in a few minutes."),
    (errors.WalmartConnectionError, "The server could not be reached. Check the base URL and the network."),
    (errors.WalmartNotFoundError, "The server answered, but it is not Walmart's API. Check the base URL."),
    (
        errors.WalmartServerError,
        "The server failed or gave an answer that makes no sense. Check the base URL.",
    ),
    (
        errors.WalmartError,
        "The server refused the request. Check the base URL and the fields of the connection.",
    ),
)


def _json(payload: Any) -> str:
    try:
        return json.dumps(payload, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise errors.WalmartConfigError(f"payload can't be written as JSON: {error}") from None


def _scopes_text(scopes: Any) -> str:
    if not isinstance(scopes, dict):
        return "not told"
    # Only words that we know go into a message that is shown as it is.
    levels = {"full_access": "full access", "view_only": "view only", "no_access": "no access"}
    found = {name: levels[level] for name, level in scopes.items() if level in levels and str(name).isalpha()}
    return ", ".join(f"{name} {found[name]}" for name in sorted(found)) or "none"
