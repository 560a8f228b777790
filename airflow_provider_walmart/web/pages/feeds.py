"""The feeds of an account, and one feed with the items that failed."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.feeds import status as feed_status
from airflow_provider_walmart.client.feeds.item_errors import item_errors
from airflow_provider_walmart.client.feeds.results import submitted_at, summarize
from airflow_provider_walmart.client.feeds.verdict import is_finished
from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.web.access import User, reads_connection
from airflow_provider_walmart.web.desk import BusyError, desk, marketplace
from airflow_provider_walmart.web.feed_items import FailedItems, readings
from airflow_provider_walmart.web.rendering import page
from airflow_provider_walmart.web.task_records import submitters

router = APIRouter(prefix="/account/{connection_id}/feeds", dependencies=[reads_connection])

DAYS = (1, 3, 7, 14, 30)
# Feeds that are read for a page: 50 of them are a call.
MOST_FEEDS = 500
# Rows of a page.
FEEDS_PER_PAGE = 25
ITEMS_PER_PAGE = 50
# Error codes that are shown, the most frequent ones.
CODES = 20
# Seconds that a page waits for the items of a feed before it shows how far they are.
ITEMS_WAIT = 3.0


@dataclass(frozen=True)
class Feed:
    """A feed, as a page shows it."""

    feed_id: str
    feed_type: str
    status: str
    received: int
    succeeded: int
    failed: int
    processing: int
    submitted: datetime | None
    #: Whether its details may tell of errors: those of a finished feed may carry some that no count tells of.
    may_have_errors: bool

    @property
    def has_failures(self) -> bool:
        """Whether an item, or all of it, failed."""
        return bool(self.failed) or self.status == "ERROR"


@dataclass(frozen=True)
class FeedList:
    """The newest feeds of an account.

    :param is_cut: whether there are more than were read.
    """

    feeds: tuple[Feed, ...]
    is_cut: bool


@dataclass(frozen=True)
class Bar:
    """One day, or hour, of the plot of items over time."""

    begin: datetime
    succeeded: int
    failed: int


@dataclass(frozen=True)
class Code:
    """One error code of a feed, with a field.

    :param description: Walmart's words for the first of them.
    :param hint: what is known of the code; empty where that is nothing.
    """

    code: str
    field: str
    count: int
    description: str
    hint: str


def feed_of(feed: dict[str, Any]) -> Feed:
    """Return a feed of Walmart's as a page shows it."""
    known = summarize(feed)
    return Feed(
        known["feedId"] or "",
        known["feedType"] or "",
        known["feedStatus"] or "",
        known["itemsReceived"],
        known["itemsSucceeded"],
        known["itemsFailed"],
        known["itemsProcessing"],
        submitted_at(feed),
        bool(is_finished(feed) or known["itemsFailed"] or item_errors(feed)),
    )


@router.get("")
async def feeds(
    request: Request,
    connection_id: str,
    user: User,
    days: Annotated[int, Query(ge=1, le=30)] = 3,
    feed_type: str = "",
    status: str = "",
    failures: Literal["", "1"] = "",
    number: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """Show the feeds of the last days."""
    found = await desk().ask(("feeds", connection_id, days), lambda: _read_feeds(connection_id, days))
    types = sorted({feed.feed_type for feed in found.feeds})
    statuses = sorted({feed.status for feed in found.feeds})
    shown = [
        feed
        for feed in found.feeds
        if feed_type in ("", feed.feed_type)
        and status in ("", feed.status)
        and (not failures or feed.has_failures)
    ]
    pages = max(1, -(-len(shown) // FEEDS_PER_PAGE))
    number = min(number, pages)
    on_page = shown[(number - 1) * FEEDS_PER_PAGE : number * FEEDS_PER_PAGE]
    tasks = await submitters(user, days + 1, connection_id, [feed.feed_id for feed in on_page])
    return page(
        request,
        "feeds",
        conn_id=connection_id,
        conn_type="walmart",
        found=found,
        shown=shown,
        on_page=on_page,
        tasks=tasks,
        types=types,
        statuses=statuses,
        days=days,
        day_choices=DAYS,
        feed_type=feed_type,
        status=status,
        failures=failures,
        number=number,
        pages=pages,
        bars=plot(shown, days),
    )


def _read_feeds(conn_id: str, days: int) -> FeedList:
    since = utc_now() - timedelta(days=days)
    found: list[Feed] = []
    for feed in feed_status.iter_feeds(marketplace(conn_id), since=since):
        if len(found) == MOST_FEEDS:
            return FeedList(tuple(found), is_cut=True)
        found.append(feed_of(feed))
    found.sort(key=lambda feed: feed.submitted or since, reverse=True)
    return FeedList(tuple(found), is_cut=False)


def plot(feeds: Sequence[Feed], days: int) -> list[Bar]:
    """Return items over time, in as many bars as a day has hours."""
    count = 24
    width = timedelta(days=days) / count
    now = utc_now()
    succeeded: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for feed in feeds:
        if feed.submitted:
            place = int((now - feed.submitted) / width)
            succeeded[place] += feed.succeeded
            failed[place] += feed.failed
    return [
        Bar(now - width * (place + 1), succeeded[place], failed[place]) for place in reversed(range(count))
    ]


@router.get("/{feed_id}")
async def feed(
    request: Request,
    connection_id: str,
    feed_id: str,
    user: User,
    sku: str = "",
    code: str = "",
    number: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """Show one feed with its failed items."""
    shown, items = await _one(connection_id, feed_id)
    if items:
        await items.wait(ITEMS_WAIT)
    rows = list(items.rows) if items else []
    matching = [
        row
        for row in rows
        if (not sku or sku.casefold() in str(row["sku"] or "").casefold())
        and (not code or code == _code(row))
    ]
    pages = max(1, -(-len(matching) // ITEMS_PER_PAGE))
    number = min(number, pages)
    tasks = await submitters(user, 31, connection_id, [feed_id])
    return page(
        request,
        "feed",
        conn_id=connection_id,
        conn_type="walmart",
        feed=shown,
        items=items,
        codes=codes_of(rows),
        rows=matching[(number - 1) * ITEMS_PER_PAGE : number * ITEMS_PER_PAGE],
        matching=len(matching),
        sku=sku,
        code=code,
        number=number,
        pages=pages,
        task=tasks.get(feed_id),
    )


@router.get("/{feed_id}/items.csv")
async def failed_items_csv(request: Request, connection_id: str, feed_id: str) -> Response:
    """Return the failed items of a feed as a CSV file, as soon as they are read."""
    shown, items = await _one(connection_id, feed_id)
    if items is None and shown.may_have_errors:
        raise BusyError("Many feeds are being read at the moment, so this one is not yet.")
    if items and not await items.wait(ITEMS_WAIT):
        raise BusyError(
            f"{items.read:,} of {shown.received:,} items are read; the file is there when all are."
        )
    if items and items.error:
        raise items.error
    rows = [*items.of_feed, *items.rows] if items else []
    text = await asyncio.to_thread(csv_of, rows)
    name = "".join(character for character in feed_id if character.isalnum())[:60]
    headers = {"content-disposition": f'attachment; filename="failed-items-{name}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def csv_of(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as CSV in which no spreadsheet finds a formula."""
    columns = ("feedId", "sku", "index", "status", "code", "field", "description", "hint")
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_harmless(row.get(column)) for column in columns] for row in rows)
    return file.getvalue()


def _harmless(value: Any) -> Any:
    # SKUs and error texts are foreign.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


async def _one(conn_id: str, feed_id: str) -> tuple[Feed, FailedItems | None]:
    """Return a feed, and what was read of its errors; None where there is nothing to read, or too much else is."""
    raw = await desk().ask(("feed", conn_id, feed_id), lambda: _read_feed(conn_id, feed_id))
    shown = feed_of(raw)
    if not shown.may_have_errors:
        return shown, None
    return shown, readings().of(conn_id, raw, lambda: marketplace(conn_id))


def _read_feed(conn_id: str, feed_id: str) -> dict[str, Any]:
    client = marketplace(conn_id)
    found = feed_status.get_feed(client, feed_id)
    try:
        # The status call doesn't name the type, the list does.
        listed = feed_status.find_feed(client, feed_id) or {}
    except WalmartError:
        listed = {}
    return {"feedId": feed_id, **listed, **found}


def codes_of(rows: Sequence[dict[str, Any]]) -> list[Code]:
    """Return the error codes of failed items, the most frequent first."""
    counts = Counter((_code(row), str(row["field"] or "")) for row in rows)
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        first.setdefault((_code(row), str(row["field"] or "")), row)
    return [
        Code(
            code, field, count, first[code, field]["description"] or "", first[code, field].get("hint") or ""
        )
        for (code, field), count in counts.most_common(CODES)
    ]


def _code(row: dict[str, Any]) -> str:
    return str(row["code"] or row["status"] or "no code given")
