"""Data to start with: what the control API asks for, and the small shop of a fresh sandbox."""

from __future__ import annotations

import copy
import uuid
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from airflow_provider_walmart.sandbox.control import seed_feeds
from airflow_provider_walmart.sandbox.control.seed_feeds import SeedFeed
from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.records import Batch, append
from airflow_provider_walmart.sandbox.core.state import (
    NODES,
    WFS_NODE,
    Count,
    ItemFacts,
    ReportOutcome,
    ReportRequest,
    ReportSource,
    Seconds,
    Skus,
    State,
    Stock,
)
from airflow_provider_walmart.sandbox.marketplace import named_orders, named_returns
from airflow_provider_walmart.sandbox.marketplace.named_orders import SeedOrder
from airflow_provider_walmart.sandbox.marketplace.named_returns import SeedReturn
from airflow_provider_walmart.sandbox.marketplace.order_records import purchase_order
from airflow_provider_walmart.sandbox.marketplace.returns import return_order

#: Ids returned per kind of record, feeds apart.
IDS_RETURNED = 10_000


class SeedProduct(Struct, forbid_unknown_fields=True):
    """An item of the shop.

    :param sku: its SKU.
    :param price: its price; without one it follows from the item's place in the shop.
    :param stock: what is there of it at the default ship node, or ship node -> how much. Other ship nodes than the
        shop's two become its own, too; ``WFS`` is what Walmart stores.
    :param productName: its name; likewise made up when empty, as all texts here are.
    :param upc: its product code, with the right check digit.
    :param gtin: its trade item number; default the product code with zeros before it.
    :param productType: its product type.
    :param brand: its brand.
    :param condition: such as ``New``.
    :param publishedStatus: whether buyers see it.
    :param unpublishedReasons: why it is not published, in Walmart's words.
    :param wfs: whether Walmart stores and ships it.
    """

    sku: str
    price: Annotated[float, Meta(gt=0)] | None = None
    stock: Count | dict[str, Count] | None = None
    productName: str = ""  # noqa: N815 - Walmart's names
    upc: str = ""
    gtin: str = ""
    productType: str = ""  # noqa: N815
    brand: str = ""
    condition: str = ""
    publishedStatus: Literal["PUBLISHED", "UNPUBLISHED", "SYSTEM_PROBLEM", "IN_PROGRESS"] | None = None  # noqa: N815
    unpublishedReasons: list[str] = []  # noqa: N815
    wfs: bool | None = None


class SeedOrders(Struct, forbid_unknown_fields=True):
    """Orders to make, all alike.

    :param count: how many.
    :param spacing: seconds between two orders; default 0.1.
    :param age: seconds since the newest one; without it, now.
    :param status: status of their only line; default ``Created``.
    :param shipNodeType: who ships them; default ``SellerFulfilled``.
    """

    count: Count
    spacing: Seconds = 0.1
    age: Seconds = 0
    status: Literal["Created", "Acknowledged", "Shipped", "Delivered", "Cancelled"] = "Created"
    shipNodeType: Literal["SellerFulfilled", "WFSFulfilled", "3PLFulfilled"] = "SellerFulfilled"  # noqa: N815


class SeedReturns(Struct, forbid_unknown_fields=True):
    """Returns to make, all alike.

    :param count: how many.
    :param spacing: seconds between two returns; default 0.1.
    :param age: seconds since the newest one; without it, now.
    :param status: status of their only line; default ``INITIATED``.
    """

    count: Count
    spacing: Seconds = 0.1
    age: Seconds = 0
    status: Literal["INITIATED", "DELIVERED", "COMPLETED"] = "INITIATED"


class SeedReport(Struct, forbid_unknown_fields=True):
    """A report that somebody else asked for.

    :param reportType: its type; default ``ITEM``.
    :param reportVersion: its version; default ``v1``.
    :param src: who did: ``SC`` (default) for Seller Center, ``API`` or ``Scheduler``.
    :param age: seconds since then.
    :param seconds: how long it takes; without it, as long as a new one.
    :param outcome: what becomes of it; default ``READY``.
    :param payload: what it was asked with: filters, columns, window.
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

    :param orders: how many orders, more about them, or each of them told line by line.
    :param returns: how many returns, more about them, or each of them told by its order line.
    :param items: how many items, or the SKUs of items with SKUs of their own, or more about them.
    :param inventories: how many SKUs with stock, or the SKUs.
    :param settlements: how many rows the settlement reports get beside those of shipped orders.
    :param reports: the reports.
    :param feeds: the feeds.
    """

    orders: Count | SeedOrders | list[SeedOrder] = 0
    returns: Count | SeedReturns | list[SeedReturn] = 0
    items: Count | list[str | SeedProduct] = 0
    inventories: Count | list[str] = 0
    settlements: Count = 0
    reports: list[SeedReport] = []
    feeds: list[SeedFeed] = []


def sow(state: State, seed: Seed) -> dict[str, Any]:
    """Make data.

    :param state: the sandbox's state.
    :param seed: what to make.
    :raises ValueError: when something makes no sense, such as an item that is to fail and is not there; then nothing is
        made.
    :returns: kind of record -> the ids made; all of the reports and feeds, the first 10,000 of the others.
    """
    draft = copy.copy(state)
    for name in _SOWN:
        setattr(draft, name, copy.copy(getattr(state, name)))
    for name in ("items", "inventories", "stock"):
        setattr(draft, name, copy.deepcopy(getattr(state, name)))
    feeds = [seed_feeds.made(draft, feed) for feed in seed.feeds]
    reports = [_report(draft, report) for report in seed.reports]
    draft.feeds.update({feed.id: feed for feed in feeds})
    draft.reports.update({report.id: report for report in reports})
    draft.settlement_rows += seed.settlements
    made = {
        "items": _skus(draft.items, _products(draft, seed.items)),
        "inventories": _skus(draft.inventories, seed.inventories),
        "orders": _orders(draft, seed.orders),
        "returns": _returns(draft, seed.returns),
        "reports": [report.id for report in reports],
        "feeds": [feed.id for feed in feeds],
    }
    for name in (*_SOWN, "items", "inventories", "stock", "settlement_rows"):
        setattr(state, name, getattr(draft, name))
    return made


#: What is copied before it is added to, so that nothing is made when something makes no sense.
_SOWN = (
    "feeds", "reports", "orders", "changed_orders", "order_numbers", "returns", "changed_returns", "return_numbers",
    "prices", "item_facts", "nodes",
)  # fmt: skip


def _orders(state: State, orders: int | SeedOrders | list[SeedOrder]) -> list[str]:
    if isinstance(orders, list):
        return [record["purchaseOrderId"] for record in named_orders.add(state, orders)][:IDS_RETURNED]
    wanted = orders if isinstance(orders, SeedOrders) else SeedOrders(orders)
    least = named_orders.least_number(state)
    numbers = _counted(state, state.orders, wanted, kind=wanted.shipNodeType, least=least)
    return [purchase_order(number) for number in numbers]


def _returns(state: State, wanted: int | SeedReturns | list[SeedReturn]) -> list[str]:
    if isinstance(wanted, list):
        return [record["returnOrderId"] for record in named_returns.add(state, wanted)][:IDS_RETURNED]
    wanted = wanted if isinstance(wanted, SeedReturns) else SeedReturns(wanted)
    return [return_order(number) for number in _counted(state, state.returns, wanted)]


def _counted(
    state: State, batches: list[Batch], wanted: SeedOrders | SeedReturns, *, kind: str = "", least: int = 0
) -> range:
    """Make records that are all alike; return the numbers of those whose ids are told."""
    numbers = append(
        batches,
        wanted.count,
        state.clock.now(),
        spacing=wanted.spacing,
        age=wanted.age,
        status=wanted.status,
        kind=kind,
        least=least,
    )
    return numbers[:IDS_RETURNED]


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
                # By this id the examples of the command line ask for it.
                SeedFeed(
                    feedType="price",
                    items=6,
                    failed=2,
                    age=3600,
                    fileName="prices.json",
                    feedId="3F1C0A6C@AQMBAQA",
                ),
                SeedFeed(
                    feedType="MP_ITEM", feedStatus="INPROGRESS", items=10, age=600, fileName="items.json"
                ),
            ],
        ),
    )


def _products(state: State, wanted: int | list[str | SeedProduct]) -> int | list[str]:
    """Note what is told of products; return how many, or their SKUs."""
    if isinstance(wanted, int):
        return wanted
    for product in wanted:
        if isinstance(product, SeedProduct):
            _note(state, product)
    return [product.sku if isinstance(product, SeedProduct) else product for product in wanted]


def _note(state: State, product: SeedProduct) -> None:
    _check_digits(product)
    facts = ItemFacts(
        name=product.productName,
        upc=product.upc,
        gtin=product.gtin.zfill(14) if product.gtin else "",
        product_type=product.productType,
        brand=product.brand,
        condition=product.condition,
        published=product.publishedStatus or "",
        reasons=product.unpublishedReasons,
        wfs=product.wfs,
    )
    if facts != ItemFacts():
        state.item_facts[product.sku] = facts
    if product.price is not None:
        state.prices[product.sku] = product.price
    if product.stock is not None:
        _store(state, product.sku, product.stock)


def _check_digits(product: SeedProduct) -> None:
    for name in ("upc", "gtin"):
        code = getattr(product, name)
        if code and not products.has_check_digit(code):
            digits = code[:-1] if code.isascii() and code.isdigit() else ""
            hint = f"; with these digits the last one is {products.check_digit(digits)}" if digits else ""
            raise ValueError(f"items: {name} {code} of {product.sku} has not the right check digit{hint}")


def _store(state: State, sku: str, units: int | dict[str, int]) -> None:
    """Note how much there is of a product, and where."""
    state.inventories.add(sku)
    told = units if isinstance(units, dict) else {NODES[0]: units}
    by_node = {**dict.fromkeys(NODES, 0), **told}
    state.nodes += [node for node in by_node if node not in (*state.nodes, WFS_NODE)]
    state.stock.setdefault(sku, {}).update({node: Stock(number) for node, number in by_node.items()})


def _skus(skus: Skus, more: int | list[str]) -> list[str]:
    """Add SKUs to a list of them; return those made."""
    start = skus.count if isinstance(more, int) else len(skus)
    if isinstance(more, int):
        skus.count += more
    else:
        for sku in more:
            skus.add(sku)
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
