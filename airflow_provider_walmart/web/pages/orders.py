"""Orders that wait for the seller, by when they are due. Nothing personal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from fastapi import APIRouter, Request
from starlette.responses import Response

from airflow_provider_walmart.client.orders.due import DueOrder, orders_due
from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.web.access import reads_connection
from airflow_provider_walmart.web.desk import desk, marketplace
from airflow_provider_walmart.web.rendering import page

router = APIRouter(prefix="/account/{connection_id}/orders", dependencies=[reads_connection])

# Orders of each status that are read for a page: 200 of them are a call.
MOST_ORDERS = 1000
# Rows of each table: the oldest ones.
SHOWN = 25
ACTIONS = {"acknowledge": "To acknowledge", "ship": "To ship"}
# Until when, and how it is called; the last one holds the rest.
SPANS = (
    (timedelta(0), "overdue"),
    (timedelta(hours=4), "in 4 hours"),
    (timedelta(hours=24), "in a day"),
    (timedelta(days=3), "in 3 days"),
    (timedelta.max, "later"),
)


@dataclass(frozen=True)
class Group:
    """What is due of one kind."""

    title: str
    counts: dict[str, int]
    oldest: tuple[DueOrder, ...]
    total: int
    is_cut: bool


@router.get("")
async def orders(request: Request, connection_id: str) -> Response:
    """Show how many orders are due when, and the oldest ones."""
    found = await desk().ask(
        ("orders", connection_id),
        lambda: list(orders_due(marketplace(connection_id), max_orders=MOST_ORDERS)),
    )
    now = utc_now()
    groups = [group(action, [each for each in found if each.action == action], now) for action in ACTIONS]
    return page(request, "orders", conn_id=connection_id, conn_type="walmart", groups=groups, now=now)


def group(action: str, due: Sequence[DueOrder], now: datetime) -> Group:
    """Return what is due of one kind, counted and in order."""
    ordered = sorted(due, key=lambda order: order.due_at or datetime.max.replace(tzinfo=timezone.utc))
    counts = dict.fromkeys((name for _, name in SPANS), 0)
    for order in ordered:
        left = order.due_at - now if order.due_at else timedelta.max
        counts[next(name for until, name in SPANS if left <= until)] += 1
    return Group(ACTIONS[action], counts, tuple(ordered[:SHOWN]), len(ordered), len(ordered) >= MOST_ORDERS)
