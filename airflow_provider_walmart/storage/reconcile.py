"""Rebuilding a snapshot from what Walmart has, for what was changed elsewhere: in Seller Center, by a repricer, by sales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import utc_now

if TYPE_CHECKING:
    from airflow_provider_walmart.client.marketplace import MarketplaceClient
    from airflow_provider_walmart.storage.snapshots import Row

FEED_TYPES = ("price", "MP_INVENTORY")


def reconcile(client: MarketplaceClient, feed_type: str, snapshot_path: str) -> tuple[int, int]:
    """Put what Walmart has in place of what a snapshot says that it accepted.

    What Walmart does not show, such as promotions, is forgotten, and so sent by the next run. Let no run send at the time.

    :param client: the account.
    :param feed_type: ``price`` or ``MP_INVENTORY``: what Walmart shows of other feeds is not what was sent.
    :param snapshot_path: the snapshot; made when there is none.
    :return: how many values it has now, and how many of them were not known before or other ones.
    :raises WalmartConfigError: for another feed type.
    :raises WalmartError: the class of the tree that fits what went wrong; the snapshot stays as it was.
    """
    from airflow_provider_walmart.storage.snapshots import Snapshots, scope_of

    known = {name.lower(): name for name in FEED_TYPES}
    if feed_type.strip().lower() not in known:
        raise WalmartConfigError(f"feed_type is {feed_type!r}; allowed: {', '.join(FEED_TYPES)}.")
    name = known[feed_type.strip().lower()]
    rows = _prices(client) if name == "price" else _stock(client)
    began = utc_now()
    snapshots = Snapshots(snapshot_path, scope_of(client.settings, name), client.store)
    return snapshots.reconcile(_compared(name, rows), now=began)


def _compared(feed_type: str, rows: Iterator[Mapping[str, Any]]) -> Iterator[Row]:
    from airflow_provider_walmart.client.feeds.feed_types import format_of, value_of
    from airflow_provider_walmart.client.values.rows import RowError
    from airflow_provider_walmart.storage.snapshots import Row

    feed_format = format_of(feed_type)
    for number, row in enumerate(rows, 1):
        try:
            yield Row(number, *value_of(feed_format.piece(row)))
        except RowError:
            # Walmart shows no price, or none that a feed could send.
            continue


def _prices(client: MarketplaceClient) -> Iterator[Mapping[str, Any]]:
    for item in client.paginate("getAllItems"):
        price = item.get("price") if isinstance(item, dict) else None
        if isinstance(price, dict):
            yield {"sku": item.get("sku"), "price": price.get("amount"), "currency": price.get("currency")}


def _stock(client: MarketplaceClient) -> Iterator[Mapping[str, Any]]:
    for item in client.paginate("getMultiNodeInventoryForAllSkuAndAllShipNodes"):
        nodes = item.get("nodes") if isinstance(item, dict) else None
        for node in nodes if isinstance(nodes, list) else []:
            quantity = node.get("inputQty") if isinstance(node, dict) else None
            if isinstance(quantity, dict):
                yield {
                    "sku": item.get("sku"),
                    "ship_node": node.get("shipNode"),
                    "quantity": quantity.get("amount"),
                }
