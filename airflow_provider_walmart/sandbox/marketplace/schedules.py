"""Report schedules: when Walmart is to make a report by itself. They are kept, and start nothing."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import dates
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.state import Schedule
from airflow_provider_walmart.sandbox.core.throttle import per_minute
from airflow_provider_walmart.sandbox.marketplace.reports import SERVICE, check_version, report_type

_PAGE = 10
#: Frequency -> what its schedules must say besides how often they repeat.
_NEEDED: dict[str, tuple[str, ...]] = {
    "HOURLY": (),
    "DAILY": ("hour",),
    "WEEKLY": ("hour", "dayOfWeek"),
    "MONTHLY": ("hour", "dayOfMonth"),
    "YEARLY": ("hour", "dayOfMonth", "monthOfYear"),
}

Whole = Annotated[int, Meta(ge=1, le=1000)]


class Timing(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What of a schedule can be changed."""

    repeatsEvery: Whole | UnsetType = UNSET  # noqa: N815 - Walmart's names
    hour: Annotated[int, Meta(ge=0, le=23)] | UnsetType = UNSET
    dayOfWeek: Annotated[int, Meta(ge=0, le=6)] | UnsetType = UNSET  # noqa: N815
    dayOfMonth: Annotated[int, Meta(ge=1, le=31)] | UnsetType = UNSET  # noqa: N815
    monthOfYear: Annotated[int, Meta(ge=1, le=12)] | UnsetType = UNSET  # noqa: N815
    scheduleStartDate: str | UnsetType = UNSET  # noqa: N815


class Body(Timing, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A new schedule."""

    frequency: Literal["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
    repeatsEvery: Whole = 1  # noqa: N815
    filters: dict[str, Any] | UnsetType = UNSET


async def create(call: Call) -> Response:
    """Answer ``POST /v3/reports/schedules``.

    :param call: the call.
    """
    kind = report_type(call)
    version = call.query("reportVersion", "v1")
    check_version(kind, version)
    body = to_builtins(call.content(Body, shape="problem", service=SERVICE))
    for name in _NEEDED[body["frequency"]]:
        if name not in body:
            raise _problem(name, f"needed for {body['frequency']}")
    body.setdefault("repeatsEvery", 1)
    start = _start(call, body.pop("scheduleStartDate", None))
    made = Schedule(str(uuid.uuid4()), kind, version, call.now, start, body)
    call.state.schedules[made.id] = made
    return reply(_answer(made, call.now))


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/reports/schedules``, oldest first; the cursor is the query of the next page.

    :param call: the call.
    """
    kind = report_type(call)
    page = call.number("page", 1, least=1)
    wanted = [schedule for schedule in call.state.schedules.values() if schedule.type == kind]
    found = wanted[(page - 1) * _PAGE : page * _PAGE]
    answer: dict[str, Any] = {
        "page": page,
        "totalCount": len(wanted),
        "limit": _PAGE,
        "schedules": [_answer(schedule, call.now) for schedule in found],
    }
    if page * _PAGE < len(wanted):
        answer["nextCursor"] = f"reportType={kind}&page={page + 1}&limit={_PAGE}"
    return reply(answer)


async def one(call: Call) -> Response:
    """Answer ``GET /v3/reports/schedules/{scheduleId}``.

    :param call: the call.
    """
    return reply(_answer(_find(call), call.now))


async def change(call: Call) -> Response:
    """Answer ``PUT /v3/reports/schedules/{scheduleId}``: its timing, not how often it runs nor what it filters.

    :param call: the call.
    """
    schedule = _find(call)
    timing = to_builtins(call.content(Timing, shape="problem", service=SERVICE))
    if "scheduleStartDate" in timing:
        schedule.start = _start(call, timing.pop("scheduleStartDate"))
    schedule.payload.update(timing)
    schedule.modified = call.now
    return reply(_answer(schedule, call.now))


async def delete(call: Call) -> Response:
    """Answer ``DELETE /v3/reports/schedules/{scheduleId}``.

    :param call: the call.
    """
    del call.state.schedules[_find(call).id]
    return reply({"message": "Schedule deleted successfully"})


def _problem(field: str, reason: str) -> Refusal:
    return bad_param(field, reason, service=SERVICE, shape="problem")


def _find(call: Call) -> Schedule:
    schedule = call.state.schedules.get(call.path["scheduleId"])
    if schedule is None:
        raise Refusal(404, f"CONTENT_NOT_FOUND.{SERVICE}", field="scheduleId", description="No such schedule")
    return schedule


def _start(call: Call, text: str | None) -> int:
    """Return the first day of a schedule in epoch milliseconds, today when none is named."""
    today = int(call.now * 1000) // dates.DAY * dates.DAY
    try:
        start = dates.parse(text) if text else today
    except ValueError:
        start = -1
    if not today <= start <= today + 3650 * dates.DAY:
        raise _problem("scheduleStartDate", "must be a date such as 2025-05-02, of today or later")
    return start


def _answer(schedule: Schedule, now: float) -> dict[str, Any]:
    answer = {
        "scheduleId": schedule.id,
        "requestSubmissionDate": dates.iso(int(schedule.submitted * 1000)),
        "reportType": schedule.type,
        "reportVersion": schedule.version,
        "scheduleStartDate": dates.iso(schedule.start),
        "nextScheduledTime": _next(schedule, now),
        "payload": schedule.payload,
        "requestModifiedTime": None
        if schedule.modified is None
        else dates.iso(int(schedule.modified * 1000)),
    }
    return {name: value for name, value in answer.items() if value is not None}


def _next(schedule: Schedule, now: float) -> str | None:
    """Return when a schedule runs next, were it to repeat every time; ``None`` for the 30th of February."""
    payload = schedule.payload
    needed = _NEEDED[payload["frequency"]]
    moment = datetime.fromtimestamp(max(schedule.start / 1000, now), timezone.utc)
    moment = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while needed and moment.hour != payload["hour"]:
        moment += timedelta(hours=1)
    # Eight years hold every date there is, whatever the century.
    for _ in range(8 * 366):
        fits = {
            "hour": moment.hour,
            "dayOfWeek": moment.weekday(),
            "dayOfMonth": moment.day,
            "monthOfYear": moment.month,
        }
        if all(payload[name] == fits[name] for name in needed):
            return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        moment += timedelta(days=1)
    return None


_PATH = "/v3/reports/schedules"
ENDPOINTS = [
    Endpoint("GET", _PATH, listing, "reports", per_minute(100, "schedules/list")),
    Endpoint("POST", _PATH, create, "reports", per_minute(60, "schedules/create")),
    Endpoint("GET", f"{_PATH}/{{scheduleId}}", one, "reports", per_minute(100, "schedules/one")),
    Endpoint("PUT", f"{_PATH}/{{scheduleId}}", change, "reports", per_minute(60, "schedules/change")),
    Endpoint("DELETE", f"{_PATH}/{{scheduleId}}", delete, "reports", per_minute(60, "schedules/delete")),
]
