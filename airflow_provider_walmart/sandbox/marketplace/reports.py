"""On-request reports: request, status, list, download link. Their files are in :mod:`.report_files`."""

from __future__ import annotations

import re
import uuid
from typing import Any, Literal
from urllib.parse import quote

from msgspec import Struct, to_builtins
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import dates
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param, wants_json
from airflow_provider_walmart.sandbox.core.state import ReportRequest
from airflow_provider_walmart.sandbox.core.throttle import Limit, per_hour, per_minute
from airflow_provider_walmart.sandbox.marketplace import report_files

SERVICE = "GMP_REPORT_API"

TYPES = (
    "ITEM", "INVENTORY", "CANCELLATION", "DELIVERY_DEFECT", "ITEM_PERFORMANCE", "PROMO", "RETURN_OVERRIDES", "CPA",
    "SHIPPING_CONFIGURATION", "SHIPPING_PROGRAM", "FITMENT_MISSING_ATTR", "FITMENT_ACES_COVERAGE", "BUYBOX",
    "ASSORTMENT_RECOMMENDATIONS", "LAGTIME", "SEARCH_INSIGHTS_PERF_REPORT", "SEARCH_INSIGHTS_SQR_REPORT",
    "INVENTORY_RECOMMENDATIONS", "SEM_PERFORMANCE", "SEM_SEARCH_TERMS", "INVENTORY_RECON", "SETTLEMENT", "WFS_ORDERS",
    "WFS_CUSTOMER_RETURNS", "CONTENT_QUALITY", "LISTING_QUALITY", "API_traffic_report",
)  # fmt: skip

_VERSIONS = {"ITEM": 6, "ITEM_PERFORMANCE": 3}
_FILTERS = (
    "reportType",
    "reportVersion",
    "requestStatus",
    "src",
    "requestSubmissionStartDate",
    "requestSubmissionEndDate",
)
_JUST_RECEIVED = float("-inf")
_PAGE = 10
_LONGEST_WINDOW = 730 * dates.DAY


class Body(Struct, omit_defaults=True):
    """Body of a request."""

    rowFilters: list[dict[str, Any]] = []  # noqa: N815
    excludeColumns: list[str] = []  # noqa: N815
    dataStartTime: str = ""  # noqa: N815
    dataEndTime: str = ""  # noqa: N815
    dateGranularity: Literal["", "DAILY", "WEEKLY", "MONTHLY", "QUARTERLY"] = ""  # noqa: N815


def request_limit(call: Call) -> Limit:
    """Return the limit of requests: one per type and hour.

    :param call: the call.
    """
    return per_hour(1, f"reports/{call.query('reportType')}")


async def request(call: Call) -> Response:
    """Answer ``POST /v3/reports/reportRequests``.

    :param call: the call.
    """
    _check_accept(call)
    kind, version = report_type(call), call.query("reportVersion")
    check_version(kind, version)
    body = call.content(Body, shape="problem", service=SERVICE) if call.body else Body()
    _check_window(body, is_required=(kind, version) == ("ITEM_PERFORMANCE", "v3"))
    made = ReportRequest(
        id=str(uuid.uuid4()),
        type=kind,
        version=version,
        submitted=call.now,
        duration=call.state.settings.report_seconds,
        outcome=call.state.settings.report_outcome,
        payload=to_builtins(body),
    )
    call.state.reports[made.id] = made
    return reply(_answer_with_body(made, _JUST_RECEIVED))


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/reports/reportRequests``, newest first; the cursor is the query of the next page.

    :param call: the call.
    """
    _check_accept(call)
    kind = report_type(call)
    filters = {name: call.query(name) for name in _FILTERS if call.query(name)}
    page = call.number("page", 1, least=1)
    raw = call.request.scope["query_string"].decode("latin-1")
    if "nextCursor" in call.request.query_params or (page > 1 and raw != _cursor(filters, page)):
        raise _problem("nextCursor", "send the cursor alone, as the query it is")
    wanted = _wanted(call, kind, filters)
    found = wanted[(page - 1) * _PAGE : page * _PAGE]
    answer: dict[str, Any] = {
        "page": page,
        "totalCount": len(wanted),
        "limit": _PAGE,
        "requests": [{**_answer_with_body(report, call.now), "src": report.src} for report in found],
    }
    if page * _PAGE < len(wanted):
        answer["nextCursor"] = _cursor(filters, page + 1)
    return reply(answer)


def _wanted(call: Call, kind: str, filters: dict[str, str]) -> list[ReportRequest]:
    """Return the reports of the last 30 days that a list asks for, newest first."""
    start = dates.from_query(call, "requestSubmissionStartDate", 0)
    end = dates.from_query(call, "requestSubmissionEndDate", 1 << 62)
    start = max(start, int(call.now * 1000) - 30 * dates.DAY)

    def is_wanted(report: ReportRequest) -> bool:
        has = {"reportVersion": report.version, "requestStatus": status(report, call.now), "src": report.src}
        return (
            report.type == kind
            and start <= report.submitted * 1000 <= end
            and all(filters.get(name, value) == value for name, value in has.items())
        )

    newest_first = sorted(call.state.reports.values(), key=lambda report: -report.submitted)
    return list(filter(is_wanted, newest_first))


async def one(call: Call) -> Response:
    """Answer ``GET /v3/reports/reportRequests/{requestId}``.

    :param call: the call.
    """
    _check_accept(call)
    return reply(_answer_with_body(_find(call, call.path["requestId"]), call.now))


async def download(call: Call) -> Response:
    """Answer ``GET /v3/reports/downloadReport`` with a link that is good for 15 minutes.

    :param call: the call.
    """
    _check_accept(call)
    report = _find(call, call.query("requestId"))
    if status(report, call.now) != "READY":
        raise _problem("requestId", "the report is not ready")
    link, expires = report_files.link(call.sandbox, call.request, report)
    return reply(
        {
            **_answer(report, call.now),
            "downloadURL": link,
            "downloadURLExpirationTime": dates.iso(int(expires * 1000)),
        }
    )


def status(report: ReportRequest, now: float) -> str:
    """Return how far a report is.

    :param report: the report.
    :param now: sandbox time in epoch seconds.
    """
    age = now - report.submitted
    if age >= report.duration:
        return report.outcome
    return "RECEIVED" if age < report.duration / 3 else "INPROGRESS"


def _check_accept(call: Call) -> None:
    if not wants_json(call.request):
        raise Refusal(
            406, f"INVALID_ACCEPT_TYPE.{SERVICE}", field="Accept", description="Only JSON is supported"
        )


def report_type(call: Call) -> str:
    """Return the report type a call names.

    :param call: the call.
    :raises Refusal: 400 when it names none, or one there is not.
    """
    kind = call.query("reportType")
    if kind not in TYPES:
        raise _problem("reportType", "missing or unknown")
    return kind


def check_version(kind: str, version: str) -> None:
    """Refuse a version that a report type does not have.

    :param kind: the report type.
    :param version: the version.
    :raises Refusal: 400.
    """
    most = _VERSIONS.get(kind, 1)
    if not re.fullmatch(f"v[1-{most}]", version):
        raise _problem("reportVersion", f"must be v1 to v{most} for {kind}")


def _check_window(body: Body, *, is_required: bool) -> None:
    if is_required and not (body.dataStartTime and body.dataEndTime and body.dateGranularity):
        raise _problem("dataStartTime", "dataStartTime, dataEndTime and dateGranularity are required")
    try:
        given = [dates.parse(text) for text in (body.dataStartTime, body.dataEndTime) if text]
    except ValueError:
        raise _problem("dataStartTime", "must look like 2024-08-10T20:11:24.000Z") from None
    if len(given) == 2 and not 0 <= given[1] - given[0] <= _LONGEST_WINDOW:
        raise _problem("dataStartTime", "must lie before dataEndTime and at most 730 days")


def _problem(field: str, reason: str) -> Refusal:
    return bad_param(field, reason, service=SERVICE, shape="problem")


def _find(call: Call, request_id: str) -> ReportRequest:
    report = call.state.reports.get(request_id)
    if report is None:
        raise Refusal(404, f"CONTENT_NOT_FOUND.{SERVICE}", field="requestId", description="No such request")
    return report


def _cursor(filters: dict[str, str], page: int) -> str:
    parts = {**filters, "page": str(page), "limit": str(_PAGE)}
    return "&".join(f"{name}={quote(value, safe=':')}" for name, value in parts.items())


def _answer(report: ReportRequest, now: float) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "requestId": report.id,
        "requestStatus": status(report, now),
        "requestSubmissionDate": dates.iso(int(report.submitted * 1000)),
        "reportType": report.type,
        "reportVersion": report.version,
    }
    if answer["requestStatus"] == "READY":
        answer["reportGenerationDate"] = dates.iso(int((report.submitted + report.duration) * 1000))
    return answer


def _answer_with_body(report: ReportRequest, now: float) -> dict[str, Any]:
    answer = _answer(report, now)
    return {**answer, "payload": report.payload} if report.payload else answer


_PATH = "/v3/reports"
ENDPOINTS = [
    Endpoint("GET", f"{_PATH}/reportRequests", listing, "reports", per_minute(200, "reports/list")),
    Endpoint("POST", f"{_PATH}/reportRequests", request, "reports", request_limit, writes=False),
    Endpoint("GET", f"{_PATH}/reportRequests/{{requestId}}", one, "reports", per_hour(20, "reports/status")),
    Endpoint("GET", f"{_PATH}/downloadReport", download, "reports", per_hour(20, "reports/download")),
]
