"""On-request reports: asked for, waited for, downloaded."""

from __future__ import annotations

import contextlib
import difflib
import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any
from urllib.parse import urlsplit

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from airflow_provider_walmart.client.calls.partial_failures import in_place_of_file
from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartNotFoundError,
    WalmartRateLimitError,
    WalmartReportFailedError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.settings import is_loopback
from airflow_provider_walmart.client.transport.http import CONNECT_TIMEOUT, HttpSession, reason
from airflow_provider_walmart.client.values.dates import parse_iso, parse_time, utc_now, utc_text

log = logging.getLogger(__name__)

# The documented versions of each type that has more than v1, the newest last, and those that insist on dates.
VERSIONS = {"ITEM": ("v1", "v2", "v3", "v4", "v5", "v6"), "ITEM_PERFORMANCE": ("v1", "v2", "v3")}
NEED_DATES = (("ITEM_PERFORMANCE", "v3"),)
LONGEST_WINDOW = timedelta(days=730)
# A request that was taken is known to Walmart's own list within this time. Seconds.
LISTED_WITHIN = 90.0
CHUNK = 1024 * 1024
PROGRESS_EVERY = 100 * 1024 * 1024


def check_report(
    report_type: str, report_version: str | None, start: datetime | None, end: datetime | None
) -> str:
    """Return the version of a report that is to be asked for, having checked what is known of its type.

    :param report_type: any passes; what is known of a type is checked.
    :param report_version: None: the newest documented one that the other parameters allow.
    :raises WalmartConfigError: naming the parameter, its value and what is allowed.
    """
    if not isinstance(report_type, str) or not report_type.strip():
        raise WalmartConfigError(f"report_type is {report_type!r}; expected a type such as ITEM.")
    _warn_of_misspelt(report_type)
    version = report_version or _newest_version(report_type, has_dates=start is not None)
    versions = VERSIONS.get(report_type, (version,))
    if version not in versions:
        raise WalmartConfigError(f"report_version is {version!r}; {report_type} has {', '.join(versions)}.")
    _check_window(start, end)
    if start is None and (report_type, version) in NEED_DATES:
        raise WalmartConfigError(f"{report_type} {version} needs start and end.")
    return version


def _warn_of_misspelt(report_type: str) -> None:
    """Say what may have been meant by a type that the documents don't have; a newer one passes."""
    known = next(each.enum for each in find("generateReport").parameters if each.name == "reportType")
    close = difflib.get_close_matches(report_type.upper(), known, n=1, cutoff=0.8)
    if close and report_type not in known:
        log.warning(
            "report_type is %r, which Walmart's documents don't have; did you mean %s?", report_type, *close
        )


def _newest_version(report_type: str, *, has_dates: bool) -> str:
    """Return the newest documented version of a type; without dates, the newest of those that need none."""
    versions = VERSIONS.get(report_type, ("v1",))
    return next(
        version for version in reversed(versions) if has_dates or (report_type, version) not in NEED_DATES
    )


def _check_window(start: datetime | None, end: datetime | None) -> None:
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and moment.tzinfo is None:
            raise WalmartConfigError(f"{name} is {moment!r}; it needs a time zone.")
    if (start is None) != (end is None):
        raise WalmartConfigError("start and end belong together: give both or none.")
    if start and end and not timedelta(0) < end - start <= LONGEST_WINDOW:
        raise WalmartConfigError(f"start is {start} and end is {end}; allowed: a window of up to 730 days.")


def report_body(
    *,
    row_filters: Sequence[Mapping[str, Any]] | None = None,
    exclude_columns: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    date_granularity: str | None = None,
) -> dict[str, Any]:
    """Return the body of a report request: what the report is to hold, without what was not given.

    :raises WalmartConfigError: when filters or columns are no lists of dicts and names.
    """
    body = {
        "rowFilters": _list_of("row_filters", row_filters, Mapping, "dicts"),
        "excludeColumns": _list_of("exclude_columns", exclude_columns, str, "names such as ['SKU']"),
        "dataStartTime": _moment(start),
        "dataEndTime": _moment(end),
        "dateGranularity": date_granularity or ("DAILY" if start else None),
    }
    return {name: value for name, value in body.items() if value}


def _list_of(name: str, given: Any, kind: type, what: str) -> list[Any]:
    # A text is a sequence, too, and would be taken apart.
    if given is None or (isinstance(given, (list, tuple)) and all(isinstance(item, kind) for item in given)):
        return list(given or ())
    raise WalmartConfigError(f"{name} is {str(given)[:80]!r}; expected a list of {what}.")


def _moment(when: datetime | None) -> str | None:
    return utc_text(when.replace(microsecond=0), "milliseconds") if when else None


def request_report(
    client: MarketplaceClient, report_type: str, report_version: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask for a report and return the request, with its ``requestId``.

    Walmart takes one request per report type and hour.

    :raises WalmartUnknownOutcomeError: when it was sent and no id came back.
    """
    params = {"reportType": report_type, "reportVersion": report_version}
    answer = client.call("generateReport", body=dict(body), params=params, strict=False)
    if not isinstance(answer, dict) or not answer.get("requestId"):
        raise WalmartUnknownOutcomeError(
            "The report request was answered without an id, so whether it was taken is unknown",
            method="POST",
            path="/v3/reports/reportRequests",
        )
    return answer


def is_documented(report_type: str) -> bool:
    """Return whether Walmart's documents name a report type; there may be newer ones."""
    (types,) = (
        parameter.enum for parameter in find("getRequestsStatus").parameters if parameter.name == "reportType"
    )
    return report_type in types


def find_report_requests(
    client: MarketplaceClient,
    report_type: str,
    *,
    report_version: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    strict: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield the report requests of a type, those of the last 30 days at most.

    :param report_version: only this version; None: all.
    :param status: only RECEIVED, INPROGRESS, READY or ERROR; None: all.
    :param since: only those made at this time (aware) or later.
    :param strict: whether a list that was cut short is an error; of a type that the documents don't name it never is.
    :raises WalmartIncompleteError: for such a list.
    """
    params = {
        "reportType": report_type,
        "reportVersion": report_version,
        "requestStatus": status,
        "requestSubmissionStartDate": since,
        "requestSubmissionEndDate": utc_now() + timedelta(days=1) if since else None,
    }
    return client.paginate("getRequestsStatus", params=params, strict=strict and is_documented(report_type))


def matches(request: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Return whether a request asked for exactly what a body says, in whatever order and words."""
    asked, wanted = _comparable(request.get("payload") or {}), _comparable(body)
    if "dateGranularity" not in asked:
        # By Walmart's documents a list doesn't tell it.
        wanted.pop("dateGranularity", None)
    return bool(asked == wanted)


def _comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _comparable(inner) for name, inner in sorted(value.items()) if inner}
    if isinstance(value, (list, tuple)):
        return sorted(map(_comparable, value), key=repr)
    return (parse_iso(value) if isinstance(value, str) else None) or value


def submitted_at(request: Mapping[str, Any]) -> datetime | None:
    """Return when a report was asked for (aware, UTC)."""
    return parse_time(request.get("requestSubmissionDate"))


class ReportWatch:
    """Asks for the state of all waiting reports of one type at once.

    The list may be read 200 times a minute, the status of a single request 20 times an hour. So that is asked for
    only to learn what the list can't tell: of a request that it lacks, and which type a request has.

    :param client: the account.
    :param report_type: type of the reports; empty when it isn't known.
    """

    def __init__(self, client: MarketplaceClient, report_type: str) -> None:
        self._client = client
        self._type = report_type
        self._learnt: dict[str, str] = {}

    def poll(self, request_ids: Collection[str]) -> dict[str, dict[str, Any] | None]:
        """Return the requests by id; None for one that Walmart doesn't know.

        What may not be asked for now, since the calls for a single status are used up, is left out.

        :raises WalmartRateLimitError: when that is all there is to ask for.
        """
        found: dict[str, dict[str, Any] | None] = {}
        types = {request_id: self._learnt.get(request_id, self._type) for request_id in request_ids}
        for report_type in sorted(set(types.values()) - {""}):
            found.update(
                self._listed(
                    report_type, {request_id for request_id in types if types[request_id] == report_type}
                )
            )
        for request_id in types.keys() - found.keys():
            try:
                found[request_id] = request = get_report_request(self._client, request_id)
            except WalmartRateLimitError as error:
                if not found:
                    raise
                log.warning("Left out what the list of reports doesn't show: %s", error)
                break
            self._learnt[request_id] = str((request or {}).get("reportType", self._type))
        return found

    def _listed(self, report_type: str, wanted: Collection[str]) -> dict[str, dict[str, Any] | None]:
        found: dict[str, dict[str, Any] | None] = {}
        for request in find_report_requests(self._client, report_type):
            if request.get("requestId") in wanted:
                found[request["requestId"]] = request
                if len(found) == len(wanted):
                    break
        return found


def get_report_request(client: MarketplaceClient, request_id: str) -> dict[str, Any] | None:
    """Return one request; None when Walmart doesn't know it. Allowed 20 times an hour."""
    try:
        answer = client.call("getSingleRequestStatus", params={"requestId": request_id})
    except WalmartNotFoundError as error:
        # A report that is gone is asked for anew: not on a gateway's word.
        if not error.is_of_walmart:
            raise
        return None
    return answer if isinstance(answer, dict) else None


def is_done(request: Mapping[str, Any]) -> bool:
    """Return whether nothing more will happen to a request."""
    return request.get("requestStatus") in ("READY", "ERROR")


def progress(request: Mapping[str, Any]) -> str:
    """Return how far a report is, in words for the log."""
    return f"{_name(request)} is {request.get('requestStatus')}"


def _name(request: Mapping[str, Any]) -> str:
    return (
        f"report {request.get('requestId')} ({request.get('reportType')} {request.get('reportVersion')}, asked for at "
        f"{request.get('requestSubmissionDate')})"
    )


def check_ready(request: Mapping[str, Any] | None, request_id: str) -> None:
    """Pass for a report that can be downloaded.

    :raises WalmartReportFailedError: when Walmart could not make it, or doesn't know it.
    """
    if request is None:
        raise WalmartReportFailedError(
            f"Walmart doesn't know report request {request_id} (any more): reports are kept for 30 days."
        )
    if request.get("requestStatus") == "ERROR":
        why = request.get("errorDescription")
        raise WalmartReportFailedError(
            f"Walmart could not make {_name(request)}{f': {why}' if why else ' and gives no reason'}.",
            hint="Ask again in an hour at the earliest: Walmart takes one request per report type and hour.",
        )


def download_report(client: MarketplaceClient, request_id: str, file: IO[bytes]) -> int:
    """Write a finished report (a zip file) into an open file, and return its length in bytes.

    The link is asked for only now, used at once, asked for again once should it have expired, and never logged. It
    leads to a storage that gets no credentials and no header of Walmart's.

    :param file: an open, seekable binary file.
    :raises WalmartReportFailedError: when there is no report behind the link.
    :raises WalmartConnectionError: when the transfer broke off, several times; nothing but the start of the file was
        written.
    :raises WalmartServerError: when the storage failed, likewise.
    """
    for attempt in (1, 2):
        answer = client.call("downloadReport", params={"requestId": request_id})
        link = _link_in(answer)
        if link is None:
            raise WalmartServerError(f"The answer for report {request_id} holds no https download link.")
        length = _fetch(client, link, request_id, file)
        if length is not None:
            return length
        if attempt == 1:
            log.info("The download link of report %s has expired, asking for another one", request_id)
    raise WalmartReportFailedError(f"The storage refuses the download links of report {request_id}.")


def _link_in(answer: Any) -> str | None:
    """Return the download link in an answer; None when there is none that may be followed."""
    link = answer.get("downloadURL") if isinstance(answer, dict) else None
    return link if isinstance(link, str) and _may_be_followed(link) else None


def _may_be_followed(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return bool(
        parts.hostname
        and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)))
    )


class _Storage(HttpSession):
    """Where a download link leads, over any number of redirects."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request, also one that follows a redirect.

        :raises WalmartServerError: when it would go unencrypted to another machine.
        """
        if not _may_be_followed(str(request.url)):
            raise WalmartServerError("A download link leads on to an address that isn't https.")
        return super().send(request, **kwargs)


@contextlib.contextmanager
def _nothing_logged() -> Iterator[None]:
    """Keep the requests of this thread out of the log: on level DEBUG, urllib3 writes whole links."""
    thread = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("urllib3.connectionpool")
    logger.addFilter(is_of_others)
    try:
        yield
    finally:
        logger.removeFilter(is_of_others)


def _fetch(client: MarketplaceClient, link: str, request_id: str, file: IO[bytes]) -> int | None:
    """Download, from the start again while a failure may pass; return the length, None when the link is no good."""
    session = client.session
    # Links may be asked for 20 times an hour, so each of them is worth several attempts.
    retry = Retrying(
        stop=stop_after_attempt(session.retries.attempts),
        retry=retry_if_exception_type((WalmartConnectionError, WalmartServerError)),
        wait=wait_random_exponential(multiplier=session.retries.BACKOFF, max=session.retries.MAX_BACKOFF),
        before_sleep=lambda state: log.warning(
            "%s Attempt %d of %d",
            state.outcome and state.outcome.exception(),
            state.attempt_number,
            session.retries.attempts,
        ),
        reraise=True,
    )
    return retry(_fetch_once, client, link, request_id, file)


def _fetch_once(client: MarketplaceClient, link: str, request_id: str, file: IO[bytes]) -> int | None:
    file.seek(0)
    file.truncate()
    timeout = (CONNECT_TIMEOUT, client.settings.timeout)
    try:
        with (
            _nothing_logged(),
            _Storage(link, str(client.session.headers["User-Agent"])) as storage,
            storage.get(link, stream=True, timeout=timeout) as response,
        ):
            return _write(response, request_id, file)
    except requests.RequestException as error:
        raise WalmartConnectionError(
            f"The download of report {request_id} broke off ({reason(error)})."
        ) from None


def _write(response: requests.Response, request_id: str, file: IO[bytes]) -> int | None:
    status = response.status_code
    if status in (400, 401, 403):
        return None
    if status == 429 or status >= 500:
        raise WalmartServerError(f"The storage answered {status} for report {request_id}.")
    if status != 200:
        raise WalmartReportFailedError(
            f"The storage answered {status} for report {request_id}, although it is READY."
        )
    length = said = 0
    for chunk in response.iter_content(CHUNK):
        if not length and (what := in_place_of_file(chunk, response.headers.get("Content-Type", ""))):
            raise WalmartServerError(f"The storage answered 200 for report {request_id} with {what}.")
        file.write(chunk)
        length += len(chunk)
        if length - said >= PROGRESS_EVERY:
            said = length
            log.info("Report %s: %d MB downloaded", request_id, length // 1_000_000)
    if not length:
        raise WalmartServerError(f"The storage answered 200 for report {request_id} with an empty file.")
    return length
