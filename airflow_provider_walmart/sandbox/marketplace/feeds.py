"""Feeds: submission, processing by the clock, status, details and error report."""

from __future__ import annotations

import csv
import io
import math
import uuid
import zipfile
from typing import Any

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply, require_headers
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_param
from airflow_provider_walmart.sandbox.core.state import Feed, ItemError, State
from airflow_provider_walmart.sandbox.core.throttle import Limit, per_hour, per_minute
from airflow_provider_walmart.sandbox.marketplace import feed_effects, feed_rules

SERVICE = "GMP_RECEIVER_API"
PAGE = 50
_MB = 1_000_000
_HOUR, _DAY = 3600, 86400

#: Feed type in lower case -> submits, their period in seconds, size cap in bytes. Types not named here have
#: the values of the last row.
LIMITS: dict[str, tuple[int, int, int]] = {
    "mp_item_match": (20, _HOUR, 25 * _MB),
    "mp_item_price_update": (20, _HOUR, 25 * _MB),
    "delete_item": (10, _HOUR, 400_000),
    "fitment_aces": (10, _HOUR, 50 * _MB),
    "fitment_pies": (10, _HOUR, 50 * _MB),
    "inventory": (10, _HOUR, 10 * _MB),
    "mp_inventory": (50, _HOUR, _MB),
    "dsv_inventory": (50, _HOUR, 10 * _MB),
    "price": (10, _HOUR, 10 * _MB),
    "promo": (10, _HOUR, 10 * _MB),
    "price_and_promotion": (10, _HOUR, 25 * _MB),
    "cpt_seller_eligibility": (7, _DAY, 10 * _MB),
    "walmart_funded_incentives_enrollment": (6, _HOUR, 25 * _MB),
    "incentive_enrollment": (6, _HOUR, 25 * _MB),
    "lagtime": (6, _DAY, 10 * _MB),
    "returns_overrides": (20, _DAY, 400_000),
    "program_actions": (20, _HOUR, 25 * _MB),
    "": (10, _HOUR, 25 * _MB),
}
UNKNOWN_SKU = ItemError(
    code="ERR_EXT_DATA_0101116", description="There is no item with this SKU.", field="sku"
)
_SHARED = {"price", "promo", "price_and_promotion"}
_FITMENT = ("FITMENT_ACES", "FITMENT_PIES")


def submit_limit(call: Call) -> Limit | None:
    """Return the limit on submits of the call's feed type.

    :param call: the call.
    """
    feed_type = call.query("feedType").lower()
    calls, seconds, _ = _limits(feed_type)
    return (
        Limit(calls, seconds, f"feeds/{'price' if feed_type in _SHARED else feed_type}")
        if feed_type
        else None
    )


async def submit(call: Call) -> Response:
    """Answer ``POST /v3/feeds``.

    :param call: the call.
    """
    feed_type = call.query("feedType").strip()
    if not feed_type:
        raise bad_param("feedType", "missing", service=SERVICE, shape="feed")
    if _is_enrollment(call):
        require_headers(call.request, "WM_MARKET")
    data, file_name = await _file(call)
    if len(data) > _limits(feed_type.lower())[2]:
        raise Refusal(
            413, f"PAYLOAD_TOO_LARGE.{SERVICE}", description="The feed file is too large", shape="feed"
        )
    if not data.strip():
        raise Refusal(
            400, f"INVALID_REQUEST_CONTENT.{SERVICE}", description="The feed file is empty", shape="feed"
        )
    content = feed_rules.read(feed_type, data)
    _refuse_skus(call.state, feed_type, content)
    feed_id = new_id()
    call.state.feeds[feed_id] = Feed(
        id=feed_id,
        type=feed_type,
        seller=call.token.seller,
        submitted=call.now,
        duration=call.state.settings.feed_seconds,
        total=len(content.skus),
        skus=content.skus,
        errors=content.errors,
        feed_errors=content.feed_errors,
        file_name=file_name or f"{feed_id}.json",
    )
    feed_effects.settle(call.state)
    due = call.now + call.state.settings.feed_seconds
    call.state.feed_effects += feed_effects.changes(feed_type, content, due=due, node=call.query("shipNode"))
    return reply({"feedId": feed_id})


def _refuse_skus(state: State, feed_type: str, content: feed_rules.Content) -> None:
    """Let fail what the settings say of SKUs."""
    settings = state.settings
    is_checked = settings.known_skus_only and feed_type.lower() in feed_effects.FINDERS
    refused = dict(settings.refused_skus)
    if is_checked:
        unknown = {sku for sku in content.skus if sku not in state.items and sku not in state.inventories}
        refused = {**dict.fromkeys(unknown - {""}, UNKNOWN_SKU), **refused}
    for index, sku in enumerate(content.skus):
        if sku in refused:
            content.errors.setdefault(index, []).append(refused[sku])


async def listing(call: Call) -> Response:
    """Answer ``GET /v3/feeds``.

    :param call: the call.
    """
    offset = call.number("offset", 0, shape="errors")
    limit = call.number("limit", PAGE, least=1, most=PAGE, shape="errors")
    feeds = sorted(call.state.feeds.values(), key=lambda feed: feed.submitted, reverse=True)
    wanted = call.query("feedId")
    if wanted:
        feeds = [feed for feed in feeds if feed.id == wanted]
    page = [_summary(feed, call.now) for feed in feeds[offset : offset + limit]]
    return reply({"totalResults": len(feeds), "offset": offset, "limit": limit, "results": {"feed": page}})


async def status(call: Call) -> Response:
    """Answer ``GET /v3/feeds/{feedId}``.

    :param call: the call.
    """
    feed = _find(call)
    with_details = call.query("includeDetails", "false").lower()
    if with_details not in ("true", "false"):
        raise bad_param("includeDetails", "must be true or false", service=SERVICE, shape="errors")
    offset = call.number("offset", 0, shape="errors")
    limit = call.number("limit", PAGE, least=1, most=PAGE, shape="errors")
    state, done = progress(feed, call.now)
    page = (
        range(offset, min(offset + limit, feed.total))
        if with_details == "true" and state != "RECEIVED"
        else ()
    )
    return reply(
        {
            "feedId": feed.id,
            "feedStatus": state,
            "feedSubmissionDate": round(feed.submitted * 1000),
            "ingestionErrors": {"ingestionError": feed.feed_errors if state == "ERROR" else []},
            **_counts(feed, state, done),
            "offset": offset,
            "limit": limit,
            "itemDetails": {"itemIngestionStatus": [_item(feed, index, done) for index in page]},
        }
    )


async def error_report(call: Call) -> Response:
    """Answer ``GET /v3/feeds/{feedId}/errorReport``: a zipped CSV file, or 204 when there are no errors.

    :param call: the call.
    """
    feed = _find(call)
    if call.query("feedType") not in _FITMENT:
        raise bad_param("feedType", f"must be one of {', '.join(_FITMENT)}", service=SERVICE, shape="errors")
    state, done = progress(feed, call.now)
    failed = [index for index in sorted(feed.errors) if index < done]
    if state not in ("PROCESSED", "ERROR") or not failed:
        return Response(status_code=204)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["index", "sku", "type", "code", "description"])
    writer.writerows(
        [index, sku_of(feed, index), error.type, error.code, error.description]
        for index in failed
        for error in feed.errors[index]
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        # Without the time: the same report is the same file.
        file.writestr(zipfile.ZipInfo("errorReport.csv"), table.getvalue(), zipfile.ZIP_DEFLATED)
    return Response(archive.getvalue(), media_type="application/octet-stream")


def new_id() -> str:
    """Return a new feed id."""
    return f"{uuid.uuid4().hex.upper()}@AQMBAQA"


def sku_of(feed: Feed, index: int) -> str:
    """Return the SKU of one item of a feed.

    :param feed: the feed.
    :param index: the item.
    """
    return feed.skus[index] if feed.skus else products.sku(index + 1)


def progress(feed: Feed, now: float) -> tuple[str, int]:
    """Return a feed's status and how many of its items are done.

    The first third of its time a feed is RECEIVED, the rest INPROGRESS, item after item.

    :param feed: the feed.
    :param now: sandbox time in epoch seconds.
    """
    if feed.fixed_status:
        done = 0 if feed.fixed_status in ("RECEIVED", "ERROR") else feed.total - feed.processing
        return feed.fixed_status, done
    age = now - feed.submitted
    if age >= feed.duration:
        return ("ERROR", 0) if feed.feed_errors else ("PROCESSED", feed.total)
    start = feed.duration / 3
    if age < start:
        return "RECEIVED", 0
    return "INPROGRESS", math.floor(feed.total * (age - start) / (feed.duration - start))


def _limits(feed_type: str) -> tuple[int, int, int]:
    return LIMITS.get(feed_type, LIMITS[""])


async def _file(call: Call) -> tuple[bytes, str]:
    """Return the feed file of a request and its name."""
    media_type = call.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type in ("application/json", "application/xml", "text/xml"):
        return call.body, ""
    if media_type != "multipart/form-data":
        raise Refusal(
            415,
            f"UNSUPPORTED_MEDIA_TYPE.{SERVICE}",
            description="Send JSON, XML or multipart/form-data",
            shape="feed",
        )
    try:
        form = await call.request.form()
    except (HTTPException, ValueError):  # the second one from older versions of the parser
        form = None
    name = "fileName" if _is_enrollment(call) else "file"
    part = form.get(name) if form is not None else None
    if part is None:
        raise Refusal(
            400,
            "MISSING_FILE",
            field=name,
            description=f"The multipart body needs a part named {name}",
            shape="feed",
        )
    if isinstance(part, UploadFile):
        return await part.read(), part.filename or ""
    return part.encode(), ""


def _is_enrollment(call: Call) -> bool:
    """Return whether a feed enrolls items in Walmart+, whose document differs from those of all others."""
    return call.query("requestType") == "WALMART_PLUS_SFF"


def _find(call: Call) -> Feed:
    feed = call.state.feeds.get(call.path["feedId"])
    if feed is None:
        raise Refusal(
            404, f"CONTENT_NOT_FOUND.{SERVICE}", field="feedId", description="No such feed", shape="errors"
        )
    return feed


def _counts(feed: Feed, state: str, done: int) -> dict[str, int]:
    # A feed that has only been received, or could not be read, has not been counted.
    total = 0 if state in ("RECEIVED", "ERROR") else feed.total
    failed = sum(index < done for index in feed.errors)
    return {
        "itemsReceived": total,
        "itemsSucceeded": done - failed,
        "itemsFailed": failed,
        "itemsProcessing": total - done,
    }


def _summary(feed: Feed, now: float) -> dict[str, Any]:
    state, done = progress(feed, now)
    kinds = [errors[0].type for index, errors in feed.errors.items() if index < done]
    modified = feed.submitted if state == "RECEIVED" else min(now, feed.submitted + feed.duration)
    return {
        "feedId": feed.id,
        "feedSource": "MARKETPLACE_PARTNER",
        "feedType": feed.type,
        "partnerId": feed.seller,
        **_counts(feed, state, done),
        "feedStatus": state,
        "feedDate": round(feed.submitted * 1000),
        "modifiedDtm": round(modified * 1000),
        "fileName": feed.file_name,
        "itemDataErrorCount": kinds.count("DATA_ERROR"),
        "itemSystemErrorCount": kinds.count("SYSTEM_ERROR"),
        "itemTimeoutErrorCount": kinds.count("TIMEOUT_ERROR"),
    }


def _item(feed: Feed, index: int, done: int) -> dict[str, Any]:
    errors: list[ItemError] = feed.errors.get(index, []) if index < done else []
    state = errors[0].type if errors else "SUCCESS" if index < done else "INPROGRESS"
    item: dict[str, Any] = {"martId": 0, "sku": sku_of(feed, index), "index": index, "ingestionStatus": state}
    if errors:
        item["ingestionErrors"] = {"ingestionError": [msgspec.to_builtins(error) for error in errors]}
    else:
        item["wpid"] = f"{uuid.uuid5(uuid.NAMESPACE_OID, item['sku']).hex[:12].upper()}"
    return item


ENDPOINTS = [
    Endpoint("POST", "/v3/feeds", submit, "feeds", submit_limit),
    Endpoint("GET", "/v3/feeds", listing, "feeds", per_minute(5000, "feeds")),
    Endpoint("GET", "/v3/feeds/{feedId}", status, "feeds", per_minute(5000, "feeds")),
    Endpoint("GET", "/v3/feeds/{feedId}/errorReport", error_report, "feeds", per_hour(60, "errorReport")),
]
