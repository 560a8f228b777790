"""What an order looks like, made from its number."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.dates import DAY
from airflow_provider_walmart.sandbox.core.records import Batch, Changed, Template, batch_of
from airflow_provider_walmart.sandbox.core.state import State

_FIRST_PURCHASE_ORDER = 108_900_000_000_001
_FIRST_CUSTOMER_ORDER = 200_012_000_000_001

#: What has been shipped, and so has tracking.
SHIPPED = ("Shipped", "Delivered")

#: Orders are for so many different SKUs, ``SKU-000001`` onwards, in turn.
SKUS = 1000

_PEOPLE = (
    "Kathryn Cole",
    "Steffen Matt",
    "Dorothy Kelly",
    "Donna Becker",
    "Vivian Katz",
    "Omar Diaz",
    "Li Wei",
)
_TOWNS = (
    ("3258 Warners Rd", "Warners", "NY", "13164"),
    ("1830 Mason St", "San Francisco", "CA", "94133"),
    ("5831 N Kilpatrick Ave", "Chicago", "IL", "60646"),
    ("6555 Meandering Way", "Lakewood Ranch", "FL", "34202"),
    ("945 Bay Dr", "Miami Beach", "FL", "33141"),
)


def money(amount: Any) -> dict[str, Any]:
    """Return an amount of money.

    :param amount: how much.
    """
    return {"currency": "USD", "amount": amount}


def purchase_order(number: int) -> str:
    """Return the purchase order id of an order.

    :param number: number of the order.
    """
    return str(_FIRST_PURCHASE_ORDER + number)


def customer_order(number: int) -> str:
    """Return the customer order id of an order.

    :param number: number of the order.
    """
    return str(_FIRST_CUSTOMER_ORDER + number)


def by_purchase_order(text: str) -> int:
    """Return the number of the order that has a purchase order id because none was given, below 0 when it can be none.

    :param text: the id.
    """
    return products.whole(text) - _FIRST_PURCHASE_ORDER


def number_of(state: State, text: str) -> int | None:
    """Return the number of the order with a purchase order id, ``None`` when there is no such order.

    :param state: the sandbox's state.
    :param text: the id.
    """
    number = state.order_numbers.get(text)
    if number is not None:
        return number
    number = by_purchase_order(text)
    changed = state.changed_orders.get(number)
    if changed is not None:
        return number if changed.record["purchaseOrderId"] == text else None
    return number if batch_of(state.orders, number) is not None else None


def by_customer_order(text: str) -> int:
    """Return the number of the order with a customer order id, below 0 when it can be none.

    :param text: the id.
    """
    return products.whole(text) - _FIRST_CUSTOMER_ORDER


def sku_number(number: int) -> int:
    """Return the number in the SKU an order is for.

    :param number: number of the order.
    """
    return number % SKUS + 1


def person(number: int) -> str:
    """Return the name of who buys.

    :param number: number of the order.
    """
    return _PEOPLE[number % len(_PEOPLE)]


def address(number: int) -> dict[str, str]:
    """Return where an order is shipped to.

    :param number: number of the order.
    """
    return dict(zip(("address1", "city", "state", "postalCode"), _TOWNS[number % len(_TOWNS)], strict=True))


def expected_ship(created: int) -> int:
    """Return when an order is to be shipped, in epoch milliseconds.

    :param created: when it was created, in epoch milliseconds.
    """
    return created + 2 * DAY


@functools.cache
def _template(product_info: bool, replacement_info: bool, is_shipped: bool) -> Template:
    item: dict[str, Any] = {"productName": "<product>", "sku": "<sku>", "condition": "New"}
    if product_info:
        item |= {
            "imageUrl": "https://i5.walmartimages.com/asr/<sku>.jpeg",
            "weight": {"value": "1.5", "unit": "LB"},
        }
    part: dict[str, Any] = {
        "status": "<status>",
        "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "<quantity>"},
    }
    if is_shipped:
        part["trackingInfo"] = {
            "shipDateTime": "#created",
            "carrierName": {"carrier": "UPS"},
            "methodCode": "Standard",
            "trackingNumber": "1Z<po>",
            "trackingURL": "https://example.com/track/1Z<po>",
        }
    order: dict[str, Any] = {
        "purchaseOrderId": "<po>",
        "customerOrderId": "<co>",
        "customerEmailId": "<po>A31739D8B0A45A1B@relay.walmart.com",
        "orderDate": "#created",
        "shippingInfo": {
            "phone": "3155598681",
            "estimatedDeliveryDate": "#delivery",
            "estimatedShipDate": "#ship",
            "methodCode": "Value",
            "postalAddress": {
                "name": "<name>",
                "address1": "<street>",
                "city": "<city>",
                "state": "<state>",
                "postalCode": "<zip>",
                "country": "USA",
                "addressType": "RESIDENTIAL",
            },
        },
        "orderLines": {
            "orderLine": [
                {
                    "lineNumber": "1",
                    "item": item,
                    "charges": {
                        "charge": [
                            {
                                "chargeType": "PRODUCT",
                                "chargeName": "ItemPrice",
                                "chargeAmount": money("#total"),
                                "tax": {"taxName": "Tax1", "taxAmount": money("#tax")},
                            }
                        ]
                    },
                    "orderLineQuantity": {"unitOfMeasurement": "EACH", "amount": "<quantity>"},
                    "statusDate": "#created",
                    "orderLineStatuses": {"orderLineStatus": [part]},
                    "fulfillment": {
                        "fulfillmentOption": "S2H",
                        "shipMethod": "VALUE",
                        "pickUpDateTime": "#delivery",
                    },
                }
            ]
        },
        "shipNode": {"type": "<node>"},
    }
    if replacement_info:
        order["orderType"] = "REGULAR"
    return Template(order)


@functools.lru_cache(maxsize=4 * SKUS)
def _kind(turn: int, status: str, node: str, product_info: bool, replacement_info: bool) -> tuple[str, ...]:
    """Return the texts around what tells apart orders for the same SKU."""
    sku = turn + 1
    street, city, state, postal_code = _TOWNS[turn % len(_TOWNS)]
    quantity = turn % 3 + 1
    total = products.cents(sku) * quantity
    is_shipped = status in SHIPPED
    narrowed = _template(product_info, replacement_info, is_shipped).narrow(
        {
            "name": person(turn),
            "street": street,
            "city": city,
            "state": state,
            "zip": postal_code,
            "product": products.name(sku),
            "sku": products.sku(sku),
            "total": total / 100,
            "tax": total // 12 / 100,
            "quantity": quantity,
            "status": status,
            "node": node,
        }
    )
    tracking = ("created", "po", "po") if is_shipped else ()
    return narrowed.around("po", "co", "po", "created", "delivery", "ship", "created", *tracking, "delivery")


def made(batch: Batch, number: int, *, product_info: bool = False, replacement_info: bool = False) -> str:
    """Return the JSON text of an order as it was created.

    :param batch: its batch.
    :param number: its number.
    :param product_info: whether to tell image and weight of the products.
    :param replacement_info: whether to tell the type of the order.
    """
    created = batch.created(number)
    po, moment, delivery = purchase_order(number), str(created), str(created + 7 * DAY)
    a, b, c, d, e, f, g, *tracking, h, i = _kind(
        number % SKUS, batch.status, batch.kind, product_info, replacement_info
    )
    # Shipped as soon as it was created.
    shipped = f"{tracking[0]}{moment}{tracking[1]}{po}{tracking[2]}{po}" if tracking else ""
    return (
        f"{a}{po}{b}{customer_order(number)}{c}{po}{d}{moment}{e}{delivery}{f}{expected_ship(created)}{g}{moment}"
        f"{shipped}{h}{delivery}{i}"
    )


def texts(
    state: State, numbers: Iterable[int], *, product_info: bool = False, replacement_info: bool = False
) -> Iterator[str]:
    """Return the JSON texts of orders as they are now.

    :param state: the sandbox's state.
    :param numbers: their numbers.
    :param product_info: whether to tell image and weight of the products.
    :param replacement_info: whether to tell the type of the orders.
    """
    batch, of_batch = None, range(0)
    for number in numbers:
        changed = state.changed_orders.get(number)
        if changed is not None:
            yield _changed_text(changed.record, product_info=product_info, replacement_info=replacement_info)
            continue
        if number not in of_batch:
            batch = batch_of(state.orders, number)
            of_batch = batch.numbers if batch else range(0)
        if batch is not None:
            yield made(batch, number, product_info=product_info, replacement_info=replacement_info)


def _changed_text(record: dict[str, Any], *, product_info: bool, replacement_info: bool) -> str:
    record = copy.deepcopy(record)
    for line in record["orderLines"]["orderLine"]:
        for name in () if product_info else ("imageUrl", "weight"):
            line["item"].pop(name, None)
    if not replacement_info:
        record.pop("orderType", None)
    return json.dumps(record, separators=(",", ":"))


def to_change(state: State, number: int) -> Changed | None:
    """Return an order with everything in it, to be changed; ``None`` when there is no such order.

    :param state: the sandbox's state; it does not know of the change until the caller puts it there.
    :param number: its number.
    """
    if number in state.changed_orders:
        return state.changed_orders[number]
    batch = batch_of(state.orders, number)
    if batch is None:
        return None
    record = json.loads(made(batch, number, product_info=True, replacement_info=True))
    return Changed(record, batch.created(number))


def record_of(state: State, text: str) -> dict[str, Any] | None:
    """Return the order with a purchase order id as it is now, ``None`` when there is no such order.

    :param state: the sandbox's state.
    :param text: the id.
    """
    number = number_of(state, text)
    order = None if number is None else to_change(state, number)
    return order.record if order else None
