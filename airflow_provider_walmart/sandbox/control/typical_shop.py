"""A shop as there are many: a few hundred items, four weeks of orders by day and night, returns, feeds of every outcome."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from airflow_provider_walmart.sandbox.control.seed import Seed, SeedProduct, SeedReport
from airflow_provider_walmart.sandbox.control.seed_feeds import SeedError, SeedFeed
from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.state import NODES, WFS_NODE, ItemError
from airflow_provider_walmart.sandbox.marketplace.named_orders import (
    SeedLine,
    SeedOrder,
    SeedRefund,
    SeedShipment,
)
from airflow_provider_walmart.sandbox.marketplace.named_returns import SeedReturn

ITEMS, DAYS = 300, 28
_DAY, _HOUR = 86_400, 3600

#: Seconds by which midnight of the buyers is later than that of UTC.
_TIME_ZONE = 6 * _HOUR

#: Orders of a usual day.
_ORDERS_A_DAY = 22
#: Material and kind of the products, and how many of a kind there are.
_MATERIALS = ("Enamel", "Oak", "Steel", "Cotton", "Bamboo", "Wool", "Glass", "Ceramic", "Linen", "Copper")
_KINDS = (
    ("Mug", "MUG", "Mugs", 9.5),
    ("Desk Lamp", "LMP", "Desk Lamps", 34.0),
    ("Blanket", "BLK", "Blankets", 42.0),
    ("Bread Box", "BRB", "Bread Boxes", 27.5),
    ("Picture Frame", "FRM", "Picture Frames", 14.0),
    ("Garden Hose", "HOS", "Garden Hoses", 31.0),
)
_COLOURS = ("White", "Black", "Blue", "Green", "Red")
_UNPUBLISHED = (
    "REASONABLE_PRICE_NOT_SATISFIED",
    "END_DATE_REACHED",
    "PRIMARY_IMAGE_MISSING",
    "COMPLIANCE_ISSUE",
)
#: What can become of an item of a feed: one error of each kind Walmart tells.
_ITEM_ERRORS = (
    ItemError("DATA_ERROR", "ERR_EXT_DATA_0101119", "The product id belongs to another item.", "productId"),
    ItemError("DATA_ERROR", "ERR_EXT_DATA_0101211", "The SKU is locked by another change.", "sku"),
    ItemError("DATA_ERROR", "ERR_PDI_0001", "The price has more than 2 decimals.", "price"),
    ItemError("DATA_ERROR", "ERR_EXT_DATA_0101198", "A newer update was taken before.", "sku"),
    ItemError("SYSTEM_ERROR", "ERR_INT_SYS_0101002", "The item could not be processed.", ""),
    ItemError("TIMEOUT_ERROR", "ERR_INT_SYS_0801001", "The item took too long.", ""),
)
_CANCELLATIONS = (
    "SELLER_CANCEL_OUT_OF_STOCK",
    "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
    "SELLER_CANCEL_PRICING_ERROR",
)
_REFUNDS = ("DamagedItem", "ItemNotAsAdvertised", "CustomerReceivedItemLate")
_RETURN_REASONS = ("DEFECTIVE", "BUYER_CHANGED_MIND", "ARRIVED_DAMAGED", "WRONG_ITEM", "NOT_AS_DESCRIBED")


def seed(now: float) -> Seed:
    """Return what the shop holds: the same each time, but that days end when they do.

    :param now: epoch seconds.
    """
    chance = random.Random(2026)  # noqa: S311 - a shop, not a secret
    items = list(_items(chance))
    orders = list(_orders(chance, items, now))
    return Seed(
        items=list(items),
        orders=orders,
        returns=list(_returns(chance, orders)),
        feeds=list(_feeds(items)),
        reports=[
            SeedReport("ITEM", "v4", age=3 * _HOUR),
            SeedReport("SETTLEMENT", age=_DAY, outcome="ERROR"),
        ],
    )


def _items(chance: random.Random) -> Iterator[SeedProduct]:
    names = (
        (f"{material} {kind}, {colour}", code, product_type, price)
        for colour in _COLOURS
        for material in _MATERIALS
        for kind, code, product_type, price in _KINDS
    )
    for number, (name, code, product_type, price) in zip(range(1, ITEMS + 1), names, strict=False):
        is_wfs, is_unpublished = number % 5 == 0, number % 20 == 0
        digits = f"71{number:09d}"
        yield SeedProduct(
            sku=f"{code}-{number:04d}",
            price=round(price * chance.uniform(0.8, 1.9), 1) + 0.09,
            stock=_stock(chance, is_wfs=is_wfs, is_out=number % 23 == 0),
            productName=name,
            upc=digits + products.check_digit(digits),
            productType=product_type,
            brand="Northfield",
            publishedStatus="UNPUBLISHED" if is_unpublished else "PUBLISHED",
            unpublishedReasons=[_UNPUBLISHED[number // 20 % len(_UNPUBLISHED)]] if is_unpublished else [],
            wfs=is_wfs,
        )


def _stock(chance: random.Random, *, is_wfs: bool, is_out: bool) -> dict[str, int]:
    nodes = {WFS_NODE: (3, 240)} if is_wfs else {NODES[0]: (3, 240), NODES[1]: (0, 60)}
    return {node: 0 if is_out else chance.randint(*bounds) for node, bounds in nodes.items()}


def _orders(chance: random.Random, items: list[SeedProduct], now: float) -> Iterator[SeedOrder]:
    published = [item for item in items if item.publishedStatus == "PUBLISHED"]
    # A few items sell most.
    weights = [1 / (1 + place % 60) for place in range(len(published))]
    for day in range(DAYS):
        busy = 1.4 if day % 7 in (2, 3) else 1.0
        for _ in range(round(_ORDERS_A_DAY * busy * chance.uniform(0.8, 1.2))):
            # Most people buy in the evening, few at night.
            hour = max(chance.gauss(19, 4.5), 0) % 24
            age = (now - _TIME_ZONE) % _DAY + day * _DAY - hour * _HOUR - chance.uniform(0, 60)
            wanted = chance.choices(published, weights, k=chance.choice((1, 1, 1, 1, 2, 2, 3)))
            if age < 0:
                continue
            yield _order(chance, age, list({item.sku: item for item in wanted}.values()))


def _order(chance: random.Random, age: float, wanted: list[SeedProduct]) -> SeedOrder:
    is_wfs = wanted[0].wfs
    lines = [
        _line(chance, item, age, is_wfs=bool(is_wfs)) for item in wanted if bool(item.wfs) == bool(is_wfs)
    ]
    return SeedOrder(
        lines=list(lines),
        age=age,
        status="Created" if age < 8 * _HOUR else "Acknowledged",
        shipNodeType="WFSFulfilled"
        if is_wfs
        else "3PLFulfilled"
        if chance.random() < 0.08
        else "SellerFulfilled",
        shipNodeId=WFS_NODE if is_wfs else NODES[chance.random() < 0.2],
    )


def _line(chance: random.Random, item: SeedProduct, age: float, *, is_wfs: bool) -> SeedLine:
    line = SeedLine(
        sku=item.sku,
        quantity=chance.choice((1, 1, 1, 2, 3)),
        price=item.price,
        shipping=0 if is_wfs or chance.random() < 0.7 else 4.99,
        discount=0 if chance.random() < 0.9 else round((item.price or 0) * 0.1, 2),
    )
    fate = chance.random()
    shipped = age - chance.uniform(0.5, 2.1 if chance.random() < 0.93 else 4) * _DAY
    if fate < 0.03 and not is_wfs:
        line.status = "Cancelled"
        line.cancellationReason = chance.choice(_CANCELLATIONS)
    elif shipped <= 0:
        line.intentToCancel = fate > 0.97
    else:
        line.shipments = list(_shipments(chance, line, shipped))
        line.refunds = list(_refunds(chance, line))
    return line


def _refunds(chance: random.Random, line: SeedLine) -> Iterator[SeedRefund]:
    if line.shipments[-1].status == "Delivered" and chance.random() < 0.03:
        yield SeedRefund(reason=chance.choice(_REFUNDS))


def _shipments(chance: random.Random, line: SeedLine, age: float) -> Iterator[SeedShipment]:
    carrier = chance.choice(("UPS", "USPS", "FedEx"))
    tracking = "" if chance.random() < 0.01 else None
    parts = [1, line.quantity - 1] if line.quantity > 1 and chance.random() < 0.3 else [line.quantity]
    for part in parts:
        is_there = age > 4 * _DAY
        yield SeedShipment(
            part, age, "Delivered" if is_there else "Shipped", carrier, trackingNumber=tracking
        )
        age = age * 0.95


def _returns(chance: random.Random, orders: list[SeedOrder]) -> Iterator[SeedReturn]:
    for number, order in enumerate(orders, 1):
        order.purchaseOrderId = f"17962770{number:05d}"
        order.customerOrderId = f"52819564{number:05d}"
        line = order.lines[0]
        if not isinstance(line, SeedLine) or not line.shipments or line.shipments[-1].status != "Delivered":
            continue
        if chance.random() < 0.06:
            age = (line.shipments[-1].age or 0) * chance.uniform(0.1, 0.6)
            yield SeedReturn(
                order.purchaseOrderId,
                reason=chance.choice(_RETURN_REASONS),
                age=age,
                status="COMPLETED" if age > 6 * _DAY else "DELIVERED" if age > 3 * _DAY else "INITIATED",
            )


def _feeds(items: list[SeedProduct]) -> Iterator[SeedFeed]:
    skus: list[object] = [item.sku for item in items]
    for day in range(7):
        age = day * _DAY + 2 * _HOUR
        yield SeedFeed("MP_INVENTORY", items=list(map(str, skus)), age=age, fileName=f"stock_{day}.json")
        failed = [
            SeedError(error.type, error.code, error.description, error.field, index=7 * place + day)
            for place, error in enumerate(_ITEM_ERRORS[: math.ceil(day / 2)])
        ]
        yield SeedFeed(
            "price",
            items=list(map(str, skus[:120])),
            failed=failed,
            age=age + _HOUR,
            fileName=f"prices_{day}.json",
        )
    every = [
        SeedError(error.type, error.code, error.description, error.field, index=place)
        for place, error in enumerate(_ITEM_ERRORS)
    ]
    yield SeedFeed(
        "MP_ITEM", items=list(map(str, skus[:40])), failed=every, age=5 * _HOUR, fileName="items.json"
    )
    retired = ItemError(
        "DATA_ERROR", "ERR_INT_SYS_0801003", "The version of the item spec is not valid.", "version"
    )
    yield SeedFeed(
        "MP_ITEM", "ERROR", items=0, age=4 * _HOUR, ingestionErrors=[retired], fileName="items_old.json"
    )
    yield SeedFeed("MP_MAINTENANCE", "INPROGRESS", items=list(map(str, skus[:25])), age=_HOUR, processing=10)
    yield SeedFeed("lagtime", "RECEIVED", items=12, age=60)
