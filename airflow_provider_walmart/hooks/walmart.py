"""The hook of Walmart Marketplace."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_walmart.client import errors
from airflow_provider_walmart.client.feeds import status as feeds
from airflow_provider_walmart.client.feeds.verdict import has_failed
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.headers import basic_credentials
from airflow_provider_walmart.client.transport.retries import ATTEMPTS
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.hooks.account import AccountHook, user_agent
from airflow_provider_walmart.hooks.connection import walmart_settings
from airflow_provider_walmart.hooks.masking import mask
from airflow_provider_walmart.hooks.metrics import observer
from airflow_provider_walmart.hooks.shared_state import shared_state

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection, ObjectStoragePath

NOT_VALID = (
    "Walmart gave out a token and says that it is not valid. Check that client ID and client secret belong to this "
    "environment and market."
)
NO_CHANNEL_MATCH = "Walmart says that the channel type does not match these keys."


class WalmartHook(AccountHook[WalmartSettings, MarketplaceClient]):
    """Talks to Walmart Marketplace with the account of a connection.

    Tokens are fetched when needed, shared by all tasks of the deployment (``[walmart] shared_state``),
    renewed before they expire and once when Walmart refuses one. All methods raise the errors of
    `airflow_provider_walmart.client.errors`.

    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    """

    conn_name_attr = "walmart_conn_id"
    default_conn_name = "walmart_default"
    conn_type = "walmart"
    hook_name = "Walmart Marketplace"

    def __init__(self, walmart_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.walmart_conn_id = walmart_conn_id

    # -- the account ---------------------------------------------------------------------------------

    @staticmethod
    def settings_of(connection: Connection) -> WalmartSettings:
        """Return the settings that a connection describes, and have its secrets masked in all logs."""
        settings = walmart_settings(connection)
        for secret in (settings.client_secret, settings.refresh_token, basic_credentials(settings)):
            if secret:
                mask(secret)
        return settings

    @staticmethod
    def client_of(
        settings: WalmartSettings,
        store: Resilient | None = None,
        attempts: int = ATTEMPTS,
        current_settings: Callable[[], WalmartSettings] | None = None,
    ) -> MarketplaceClient:
        """Return a client for an account.

        :param store: where it keeps its token and its rate budgets; default: the store of the deployment.
        :param attempts: how often a call that changes nothing is sent when it fails in a way that may pass.
        :param current_settings: returns the account as the connection describes it now.
        """
        return MarketplaceClient(
            settings, store or shared_state(), user_agent(), mask, observer(), attempts, current_settings
        )

    def get_token_detail(self) -> dict[str, Any]:
        """Return scopes and validity of the access token from ``GET /v3/token/detail``.

        :return: dict with ``scopes`` (category to ``full_access``, ``view_only`` or ``no_access``),
            ``is_valid``, ``issued_at`` and ``expire_at`` (epoch milliseconds as text).
        """
        return self.client.token_detail()

    def exchange_authorization_code(self, code: str, redirect_uri: str, partner_id: str | int) -> str:
        """Exchange an OAuth authorization code for the refresh token to store in the connection.

        :param code: ``code`` of the callback, URL-decoded.
        :param redirect_uri: exactly as registered for the app.
        :param partner_id: ``sellerId`` of the callback.
        :return: the refresh token, valid for a year; put it, with the partner id, into the connection.
        """
        return self.client.tokens.exchange_authorization_code(code, redirect_uri, partner_id)

    def _where(self, settings: WalmartSettings) -> str:
        return f"environment {settings.environment}, market {settings.market}"

    def _prove(self, client: MarketplaceClient) -> tuple[bool, str]:
        detail = client.token_detail()
        if detail.get("is_valid") is False:
            return False, NOT_VALID
        found = f" Scopes: {_scopes_text(detail.get('scopes'))}."
        # No reason to fail: calls don't need a channel type in every market.
        return True, found if detail.get("is_channel_match") is not False else f"{found} {NO_CHANNEL_MATCH}"

    # -- calls ---------------------------------------------------------------------------------------

    def call(self, operation: str, *, body: Any = None, strict: bool = True, **params: Any) -> Any:
        """Call one documented operation by name.

        Parameters are checked before anything is sent, and calls stay inside Walmart's rate limits.

        :param operation: operation id (``getAnOrder``) or method and path
            (``GET /v3/orders/{purchaseOrderId}``); the docs list all of them.
        :param body: for operations that take one: anything JSON can hold, or text or bytes that are ready.
        :param strict: False lets parameters and values pass that are newer than the catalogue; default True.
        :param params: parameters by Walmart's names, those of the path included.
        :return: decoded JSON; bytes for files; None for 204; an empty dict when a listing finds nothing.
        :raises WalmartConfigError: naming parameter, value and what is allowed.
        """
        return self.client.call(operation, body=body, strict=strict, params=params)

    def call_many(
        self,
        operation: str,
        params: Iterable[Mapping[str, Any]],
        *,
        concurrency: int = 8,
        strict: bool = True,
    ) -> Iterator[tuple[Mapping[str, Any], Any]]:
        """Yield the answers to many reads of one operation, made side by side under its rate budget.

        Calls wait for their turn in the budget, however long that takes.

        :param operation: as for `call`; one that changes nothing.
        :param params: parameters of each call as a dict, by Walmart's names; taken as they are needed.
        :param concurrency: most calls on their way at the same time, 1 to 64; default 8.
        :param strict: as for `call`.
        :return: pairs ``(params, result)`` in the order given; the result of a call that failed is its `WalmartError`.
        :raises WalmartConfigError: at once, for an operation that changes something.
        :raises WalmartAuthError: on the way, when Walmart refuses the keys.
        """
        return self.client.call_many(operation, params, concurrency=concurrency, strict=strict)

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
        :param strict: as for `call`; False also takes a list that ends before all records came that Walmart announced.
        :param max_records: stop after so many; default: all.
        :param params: as for `call`; the page size is the largest documented one unless given.
        :raises WalmartConfigError: at once, for bad input and for an operation that doesn't page.
        :raises WalmartIncompleteError: on the way, when the list ends before all records came that Walmart announced.
        """
        return self.client.paginate(
            operation, body=body, strict=strict, max_records=max_records, params=params
        )

    def paginate_windows(
        self,
        operation: str,
        start_param: str,
        end_param: str,
        start: datetime,
        end: datetime,
        *,
        strict: bool = True,
        concurrency: int = 8,
        **params: Any,
    ) -> Iterator[Any]:
        """Yield the records of a date range, each once, however many there are.

        One search finds 10,000 records at most, and Walmart refuses one that finds more; so a long range is read in
        windows, several side by side. Records that are a second older than the range may come along.

        :param operation: as for `paginate`; one that takes dates.
        :param start_param: its parameter with the begin of the range, such as ``createdStartDate``.
        :param end_param: its parameter with the end.
        :param start: first moment of the range (aware).
        :param end: first moment after it (aware).
        :param strict: as for `call`; False takes a search that ends too early as it is, too.
        :param concurrency: most calls on their way at the same time, 1 to 64; default 8. The order doesn't depend on it.
        :param params: its other parameters, as for `paginate`.
        :raises WalmartConfigError: at once, for bad input.
        :raises WalmartError: on the way; when a single second holds more than 10,000 records.
        """
        from airflow_provider_walmart.client.calls.parallel import check_concurrency
        from airflow_provider_walmart.client.exports.operations import Period
        from airflow_provider_walmart.client.exports.pages import window_pages

        period = Period(start_param, end_param)
        pages = window_pages(
            self.client,
            operation,
            period,
            start,
            end,
            params,
            strict=strict,
            concurrency=check_concurrency(concurrency),
        )
        return (msgspec.json.decode(record) for page in pages for record in page)

    # -- feeds ---------------------------------------------------------------------------------------

    def list_feeds(
        self, *, feed_types: Collection[str] | str | None = None, since: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return the feeds of the account, newest first.

        :param feed_types: only these, as a list or as text with commas between, without regard to case; default: all.
        :param since: only feeds submitted at this time (aware) or later; default: all that Walmart lists.
        :return: dicts with ``feedId``, ``feedType``, ``feedStatus``, counts and ``feedDate`` (epoch ms).
        """
        return list(feeds.iter_feeds(self.client, feed_types=feed_types, since=since))

    def get_feed(self, feed_id: str, *, include_details: bool = False) -> dict[str, Any]:
        """Return the status of one feed.

        :param feed_id: the id with its ``@``, as Walmart gave it.
        :param include_details: True gives its first 50 items, too; default False. `iter_feed_items` gives all of them.
        :return: dict with ``feedId``, ``feedStatus`` and counts, as Walmart gives it.
        :raises WalmartNotFoundError: when Walmart doesn't know the feed.
        """
        return feeds.get_feed(self.client, feed_id, include_details=include_details)

    def find_feed(self, feed_id: str) -> dict[str, Any] | None:
        """Return one feed as the list of feeds has it, which names its type; None when it isn't listed.

        :param feed_id: the id with its ``@``, as Walmart gave it.
        """
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

        `WalmartSubmitFeedOperator` sends once, even if a worker dies; it builds feeds from records, and waits.

        :param feed_type: Walmart's ``feedType``; any is passed on.
        :param payload: the finished document: a dict, or JSON, XML or a zip file as text or bytes.
        :param file_name: name shown in the list of feeds; default: feed type and a hash of the content.
        :raises WalmartConfigError: when it is empty, malformed or larger than Walmart takes.
        :raises WalmartUnknownOutcomeError: when it was sent and no id came back: check before sending it again.
        """
        from airflow_provider_walmart.client.feeds.feed_types import upload_of
        from airflow_provider_walmart.client.feeds.slices import plan_document
        from airflow_provider_walmart.client.feeds.submit import FeedFile, submit_feed

        content = _document(payload)
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
        :param report_version: None (default): the newest documented one that the other parameters allow.
        :param row_filters: Walmart's ``rowFilters``, a list of dicts.
        :param exclude_columns: list of names of columns to leave out.
        :param start: begin of the data's time window (aware).
        :param end: its end (aware); both or none, 730 days apart at most.
        :param date_granularity: ``DAILY`` (what a window has unless said otherwise), ``WEEKLY``, ``MONTHLY`` or ``QUARTERLY``.
        :return: the request, with ``requestId`` and ``requestStatus``.
        :raises WalmartConfigError: naming parameter, value and what is allowed.
        :raises WalmartRateLimitError: when the report was asked for in the last hour already.
        :raises WalmartUnknownOutcomeError: when it was sent and no id came back.
        """
        from airflow_provider_walmart.client.reports import requests as reports

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

        :param report_type: Walmart's ``reportType``, such as ``ITEM``.
        :param report_version: only this version; default: all.
        :param status: only ``RECEIVED``, ``INPROGRESS``, ``READY`` or ``ERROR``; default: all.
        :param since: only those made at this time (aware) or later; default: all.
        :return: dicts with ``requestId``, ``reportType``, ``reportVersion``, ``requestStatus`` and
            ``requestSubmissionDate``.
        """
        from airflow_provider_walmart.client.reports import requests as reports

        found = reports.find_report_requests(
            self.client, report_type, report_version=report_version, status=status, since=since
        )
        return list(found)

    def get_report_request(self, request_id: str) -> dict[str, Any] | None:
        """Return one report request; None when Walmart doesn't know it.

        Walmart allows 20 of these calls an hour; `find_report_requests` may be called 200 times a minute.

        :param request_id: ``requestId`` of the report request.
        """
        from airflow_provider_walmart.client.reports import requests as reports

        return reports.get_report_request(self.client, request_id)

    def download_report(self, request_id: str, path: str | PurePath | ObjectStoragePath) -> int:
        """Download a finished report, a zip file, and return its length in bytes.

        :param request_id: ``requestId`` of the report request, which is READY.
        :param path: local file; appears once the download is complete.
        :raises WalmartConfigError: for a place that is not on this machine.
        :raises WalmartReportFailedError: when Walmart's storage has no such report.
        """
        from airflow_provider_walmart.client.reports import requests as reports

        path = os.path.expanduser(str(path).removeprefix("file://"))
        scheme, elsewhere, _ = path.partition("://")
        if elsewhere:
            raise errors.WalmartConfigError(
                f"path begins with {scheme}://; expected a local file.",
                hint="WalmartReportOperator lands reports in object storage.",
            )
        beside = f"{path}.{uuid.uuid4().hex[:8]}.part"
        try:
            with open(beside, "x+b") as file:
                length = reports.download_report(self.client, request_id, file)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        return length


def _document(payload: Any) -> bytes:
    from airflow_provider_walmart.client.values.json_values import check_json, encode
    from airflow_provider_walmart.client.values.rows import RowError

    if isinstance(payload, bytes):
        return payload
    try:
        check_json(payload, "payload")
    except RowError as error:
        raise errors.WalmartConfigError(f"{error}.") from None
    return payload.encode() if isinstance(payload, str) else encode(payload)


def _scopes_text(scopes: Any) -> str:
    if not isinstance(scopes, dict):
        return "not named"
    # Only words that we know go into a message that is shown as it is.
    levels = {"full_access": "full access", "view_only": "view only", "no_access": "no access"}
    found = {
        name: levels[level]
        for name, level in scopes.items()
        if isinstance(level, str) and level in levels and name.isalpha() and len(name) <= 20
    }
    return ", ".join(f"{name} {found[name]}" for name in sorted(found)) or "none"
