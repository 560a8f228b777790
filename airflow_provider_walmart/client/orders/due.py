"""Orders that have to be acknowledged or shipped, and by when.

By Walmart's rules an order is to be acknowledged within 4 hours of its creation and shipped by its ``estimatedShipDate``;
4 days after that date Walmart cancels what is not shipped. Orders that Walmart ships itself are nobody else's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.values.dates import parse_time, utc_now

ACKNOWLEDGE_WITHIN = timedelta(hours=4)
CANCELLED_AFTER = timedelta(days=4)
# Older orders are cancelled by now, or shipped. Without it, Walmart finds those of the last week alone.
LONGEST = timedelta(days=45)


@dataclass(frozen=True)
class DueOrder:
    """What an order needs next; nothing personal.

    :param purchase_order_id: Walmart's id of it.
    :param action: ``acknowledge`` or ``ship``.
    :param due_at: until when (aware, UTC); None where Walmart names no date.
    :param cancelled_at: when Walmart cancels what is not shipped (aware, UTC); None likewise.
    """

    purchase_order_id: str
    action: str
    due_at: datetime | None
    cancelled_at: datetime | None


def orders_due(client: MarketplaceClient, max_orders: int | None = None) -> Iterator[DueOrder]:
    """Yield the orders that wait for the seller, in the order in which Walmart lists them.

    :param client: the account.
    :param max_orders: stop after so many of each status; default: all.
    :raises WalmartError: on the way.
    """
    since = utc_now() - LONGEST
    for status in ("Created", "Acknowledged"):
        params = {"status": status, "createdStartDate": since}
        for order in client.paginate("getAllOrders", params=params, max_records=max_orders):
            if isinstance(order, dict) and order.get("purchaseOrderId"):
                yield due_order(order, status)


def due_order(order: dict[str, Any], status: str) -> DueOrder:
    """Return what an order needs next.

    :param order: as Walmart lists it.
    :param status: ``Created`` or ``Acknowledged``: what it was listed for.
    """
    shipping = order.get("shippingInfo")
    ship_by = parse_time(shipping.get("estimatedShipDate")) if isinstance(shipping, dict) else None
    placed = parse_time(order.get("orderDate"))
    is_new = status == "Created"
    due_at = placed + ACKNOWLEDGE_WITHIN if is_new and placed else None if is_new else ship_by
    return DueOrder(
        str(order["purchaseOrderId"]),
        "acknowledge" if is_new else "ship",
        due_at,
        ship_by + CANCELLED_AFTER if ship_by else None,
    )
