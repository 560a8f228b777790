"""Data to start with: what the control API asks for, and the small shop of a fresh sandbox."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from airflow_provider_walmart.sandbox.core.records import append
from airflow_provider_walmart.sandbox.core.state import (
    NODES,
    OWN_SELLER,
    Count,
    Feed,
    FeedStatus,
    ItemError,
    ReportOutcome,
    ReportRequest,
    ReportSource,
    Seconds,
    Skus,
    State,
    Stock,
)
from airflow_provider_walmart.sandbox.marketplace.feeds import new_id
from airflow_provider_walmart.sandbox.marketplace.order_records import purchase_order
from airflow_provider_walmart.sandbox.marketplace.returns import return_order

#: Ids returned per kind of record, feeds apart.
IDS_RETURNED = 10_000


class SeedItem(Struct, forbid_unknown_fields=True):
    """One item of a seeded feed.

    :param errors: its errors; none means success.
    """

    sku: str
    errors: list[ItemError] = []


class SeedProduct(Struct, forbid_unknown_fields=True):
    """An item of the shop.

    :param price: its price; default one that follows from its place.
    :param stock: what is there of it, at the default ship node.
    """

    sku: str
    price: Annotated[float, Meta(gt=0)] | None = None
    stock: Count | None = None


class SeedError(ItemError, forbid_unknown_fields=True):
    """An error of one item of a seeded feed.

    :param index: the item; default its own place among the errors.
    """

    index: Count | None = None


class SeedFeed(Struct, forbid_unknown_fields=True):
    """A feed to make.

    :param feedStatus: fixed status; without it the feed follows the clock from its age on.
    :param items: number of items, or the items, or their SKUs.
    :param failed: number of items that fail, the first ones; or the errors.
    :param age: seconds since submission.
    :param processing: items still processing under a fixed status; default half of them for INPROGRESS.
    :param ingestionErrors: errors of the feed as a whole.
    :param feedId: its id; default a new one.
    """

    feedType: str = "inventory"  # noqa: N815 - Walmart's names
    feedStatus: FeedStatus | None = None  # noqa: N815
    items: Count | list[SeedItem | str] = 1
    failed: Count | list[SeedError] = 0
    age: Seconds = 0
    processing: Count | None = None
    ingestionErrors: list[ItemError] = []  # noqa: N815
    fileName: str = ""  # noqa: N815
    feedId: str = ""  # noqa: N815
    partnerId: str = OWN_SELLER  # noqa: N815


class SeedOrders(Struct, forbid_unknown_fields=True):
    """Orders to make.

    :param count: how many.
    :param spacing: seconds between two orders.
    :param age: seconds since the newest one; default is now.
    :param status: status of their only line.
    :param shipNodeType: who ships them.
    """

    count: Count
    spacing: Seconds = 0.1
    age: Seconds = 0
    status: Literal["Created", "Acknowledged", "Shipped", "Delivered", "Cancelled"] = "Created"
    shipNodeType: Literal["SellerFulfilled", "WFSFulfilled", "3PLFulfilled"] = "SellerFulfilled"  # noqa: N815


class SeedReturns(Struct, forbid_unknown_fields=True):
    """Returns to make.

    :param count: how many.
    :param spacing: seconds between two returns.
    :param age: seconds since the newest one; default is now.
    :param status: status of their only line.
    """

    count: Count
    spacing: Seconds = 0.1
    age: Seconds = 0
    status: Literal["INITIATED", "DELIVERED", "COMPLETED"] = "INITIATED"


class SeedReport(Struct, forbid_unknown_fields=True):
    """A report that somebody else asked for.

    :param src: who did: Seller Center, the API or a schedule.
    :param age: seconds since then.
    :param seconds: how long it takes; default as long as a new one.
    :param outcome: what becomes of it.
    """

    reportType: str = "ITEM"  # noqa: N815 - Walmart's names
    reportVersion: str = "v1"  # noqa: N815
    src: ReportSource = "SC"
    age: Seconds = 0
    seconds: Seconds | None = None
    outcome: ReportOutcome = "READY"
    payload: dict[str, Any] = {}


class Seed(Struct, forbid_unknown_fields=True):
    """What to make, in addition to what is there.

    :param orders: how many orders, or more about them.
    :param returns: how many returns, or more about them.
    :param items: how many items, or the SKUs of items with SKUs of their own, or more about them.
    :param inventories: how many SKUs with stock, or the SKUs.
    :param settlements: how many rows the settlement reports get.
    :param reports: the reports.
    :param feeds: the feeds.
    """

    orders: Count | SeedOrders = 0
    returns: Count | SeedReturns = 0
    items: Count | list[str | SeedProduct] = 0
    inventories: Count | list[str] = 0
    settlements: Count = 0
    reports: list[SeedReport] = []
    feeds: list[SeedFeed] = []


def sow(state: State, seed: Seed) -> dict[str, Any]:
    """Make data.

    :param state: the sandbox's state.
    :param seed: what to make.
    :raises ValueError: when an item is to fail that is not there; then nothing is made.
    :returns: kind of record -> the ids made; all of the reports and feeds, the first 10,000 of the others.
    """
    now = state.clock.now()
    feeds = [_feed(state, feed) for feed in seed.feeds]
    reports = [_report(state, report) for report in seed.reports]
    orders = seed.orders if isinstance(seed.orders, SeedOrders) else SeedOrders(seed.orders)
    returns = seed.returns if isinstance(seed.returns, SeedReturns) else SeedReturns(seed.returns)
    order_numbers = append(
        state.orders,
        orders.count,
        now,
        spacing=orders.spacing,
        age=orders.age,
        status=orders.status,
        kind=orders.shipNodeType,
    )
    return_numbers = append(
        state.returns, returns.count, now, spacing=returns.spacing, age=returns.age, status=returns.status
    )
    state.settlement_rows += seed.settlements
    state.feeds.update({feed.id: feed for feed in feeds})
    state.reports.update({report.id: report for report in reports})
    return {
        "orders": [purchase_order(number) for number in order_numbers[:IDS_RETURNED]],
        "returns": [return_order(number) for number in return_numbers[:IDS_RETURNED]],
        "items": _skus(state.items, _products(state, seed.items)),
        "inventories": _skus(state.inventories, seed.inventories),
        "reports": [report.id for report in reports],
        "feeds": [feed.id for feed in feeds],
    }


def small_shop(state: State) -> None:
    """Fill a fresh sandbox with a small, plausible shop.

    :param state: the sandbox's state.
    """
    for orders in (
        SeedOrders(4, spacing=7200, age=5 * 86400, status="Delivered"),
        SeedOrders(3, spacing=7200, age=2 * 86400, status="Shipped"),
        SeedOrders(2, spacing=3600, age=86400, shipNodeType="WFSFulfilled"),
        SeedOrders(2, spacing=1800, age=9000, status="Acknowledged"),
    ):
        sow(state, Seed(orders=orders))
    sow(
        state,
        Seed(
            orders=SeedOrders(5, spacing=1200, age=60),
            returns=SeedReturns(3, spacing=40_000, age=3000),
            items=20,
            inventories=20,
            settlements=40,
            feeds=[
                SeedFeed(feedType="MP_INVENTORY", items=4, age=7200, fileName="inventory.json"),
                SeedFeed(feedType="price", items=6, failed=2, age=3600, fileName="prices.json"),
                SeedFeed(
                    feedType="MP_ITEM", feedStatus="INPROGRESS", items=10, age=600, fileName="items.json"
                ),
            ],
        ),
    )


def _products(state: State, products: int | list[str | SeedProduct]) -> int | list[str]:
    """Note prices and stock of products; return how many, or their SKUs."""
    if isinstance(products, int):
        return products
    for product in products:
        if isinstance(product, SeedProduct) and product.price is not None:
            state.prices[product.sku] = product.price
        if isinstance(product, SeedProduct) and product.stock is not None:
            _skus(state.inventories, [product.sku])
            state.stock.setdefault(product.sku, {})[NODES[0]] = Stock(product.stock)
    return [product.sku if isinstance(product, SeedProduct) else product for product in products]


def _skus(skus: Skus, more: int | list[str]) -> list[str]:
    """Add SKUs to a list of them; return those made."""
    start = skus.count if isinstance(more, int) else len(skus)
    if isinstance(more, int):
        skus.count += more
    else:
        skus.names.extend(sku for sku in more if sku not in skus)
    stop = skus.count if isinstance(more, int) else len(skus)
    return [skus.at(place) for place in range(start, stop)[:IDS_RETURNED]]


def _report(state: State, seed: SeedReport) -> ReportRequest:
    return ReportRequest(
        id=str(uuid.uuid4()),
        type=seed.reportType,
        version=seed.reportVersion,
        submitted=state.clock.now() - seed.age,
        duration=state.settings.report_seconds if seed.seconds is None else seed.seconds,
        payload=seed.payload,
        outcome=seed.outcome,
        src=seed.src,
    )


def _feed(state: State, seed: SeedFeed) -> Feed:
    items = seed.items if isinstance(seed.items, list) else []
    total = seed.items if isinstance(seed.items, int) else len(items)
    errors = {
        index: item.errors for index, item in enumerate(items) if isinstance(item, SeedItem) and item.errors
    }
    if isinstance(seed.failed, int):
        errors.update({index: [ItemError()] for index in range(min(seed.failed, total))})
    else:
        for place, error in enumerate(seed.failed):
            index = place if error.index is None else error.index
            errors.setdefault(index, []).append(
                ItemError(error.type, error.code, error.description, error.field)
            )
    if any(index >= total for index in errors):
        raise ValueError("failed: there is no such item")
    processing = seed.processing
    if processing is None:
        processing = -(-total // 2) if seed.feedStatus == "INPROGRESS" else 0
    feed = Feed(
        id=seed.feedId or new_id(),
        type=seed.feedType,
        seller=seed.partnerId,
        submitted=state.clock.now() - seed.age,
        duration=state.settings.feed_seconds,
        total=total,
        skus=[item.sku if isinstance(item, SeedItem) else item for item in items],
        errors=errors,
        feed_errors=seed.ingestionErrors,
        fixed_status=seed.feedStatus,
        processing=min(processing, total),
    )
    feed.file_name = seed.fileName or f"{feed.id}.json"
    return feed
