"""Orders told line by line: given numbers, shipments, taxes, discounts, refunds; put into the shop as they are told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from airflow_provider_walmart.sandbox.core import products, shop
from airflow_provider_walmart.sandbox.core.dates import DAY
from airflow_provider_walmart.sandbox.core.records import Batch, Changed, next_number
from airflow_provider_walmart.sandbox.core.state import Seconds, State
from airflow_provider_walmart.sandbox.marketplace.order_records import (
    address,
    customer_order,
    money,
    number_of,
    person,
    purchase_order,
)

Json = dict[str, Any]
Status = Literal["Created", "Acknowledged", "Shipped", "Delivered", "Cancelled"]
NodeType = Literal["SellerFulfilled", "WFSFulfilled", "3PLFulfilled"]
Amount = Annotated[float, Meta(ge=0)]
Quantity = Annotated[int, Meta(ge=1)]

#: Given ids that lie further away than this are never reached.
_FAR = 100_000_000


class SeedShipment(Struct, forbid_unknown_fields=True):
    """A shipment of one order line.

    :param quantity: how many units; without it, all that are left.
    :param age: seconds since it was shipped; without it, a day after the order, at most until now.
    :param status: ``Shipped`` (default), or ``Delivered`` when it has arrived.
    :param carrier: Walmart's name of the carrier; default ``UPS``.
    :param methodCode: how it is shipped; default ``Standard``.
    :param trackingNumber: without it, one of the sandbox's own; empty for a shipment without one.
    :param trackingURL: where the buyer follows it.
    """

    quantity: Quantity | None = None
    age: Seconds | None = None
    status: Literal["Shipped", "Delivered"] = "Shipped"
    carrier: str = "UPS"
    methodCode: Literal["Standard", "Express", "OneDay", "Freight", "WhiteGlove", "Value"] = "Standard"  # noqa: N815 - Walmart's names
    trackingNumber: str | None = None  # noqa: N815
    trackingURL: str = ""  # noqa: N815


class SeedRefund(Struct, forbid_unknown_fields=True):
    """What was paid back of one order line.

    :param amount: how much; without it, what the line cost.
    :param reason: why, in Walmart's words; default ``DamagedItem``.
    :param comments: what the seller says about it.
    """

    amount: Amount | None = None
    reason: str = "DamagedItem"
    comments: str = ""


class SeedLine(Struct, forbid_unknown_fields=True):
    """A line of an order.

    :param sku: the item.
    :param quantity: how many units; default 1.
    :param price: of one unit; without it, that of the item.
    :param tax: on the product, for the whole line; without it, a twelfth of the price.
    :param shipping: what the buyer pays for shipping.
    :param shippingTax: tax on that.
    :param discount: what was taken off the price, for the whole line.
    :param status: of what has not been shipped; without it, that of the order.
    :param cancellationReason: why it is cancelled, where it is; default ``CUSTOMER_REQUESTED_SELLER_TO_CANCEL``.
    :param shipments: what has been shipped; a line that is Shipped or Delivered has one by itself.
    :param refunds: what was paid back.
    :param intentToCancel: whether the buyer asks to cancel.
    :param sellerOrderId: the seller's own id of the order.
    :param productName: name of the item; without it, that of the shop.
    """

    sku: str
    quantity: Quantity = 1
    price: Amount | None = None
    tax: Amount | None = None
    shipping: Amount = 0
    shippingTax: Amount = 0  # noqa: N815
    discount: Amount = 0
    status: Status | None = None
    cancellationReason: str = "CUSTOMER_REQUESTED_SELLER_TO_CANCEL"  # noqa: N815
    shipments: list[SeedShipment] = []
    refunds: list[SeedRefund] = []
    intentToCancel: bool = False  # noqa: N815
    sellerOrderId: str = ""  # noqa: N815
    productName: str = ""  # noqa: N815


class SeedBuyer(Struct, forbid_unknown_fields=True, frozen=True):
    """Who buys, and where it is shipped to; what is empty is made up.

    :param name: name of a person.
    :param phone: default ``3155598681``.
    :param email: made up like the others when empty.
    :param address1: street and number.
    :param address2: what is behind it.
    :param city: the town.
    :param state: two letters.
    :param postalCode: ZIP code.
    :param country: three letters; default ``USA``.
    """

    name: str = ""
    phone: str = "3155598681"
    email: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    state: str = ""
    postalCode: str = ""  # noqa: N815
    country: str = "USA"


class SeedOrder(Struct, forbid_unknown_fields=True):
    """An order, told line by line.

    :param lines: its lines, or their SKUs; at least one.
    :param purchaseOrderId: its id; without it, a new one.
    :param customerOrderId: the buyer's id of it; without it, a new one.
    :param age: seconds since it was created.
    :param status: of its lines; default ``Created``.
    :param shipNodeType: who ships it; default ``SellerFulfilled``.
    :param shipNodeId: where it is shipped from; without it, the shop's own.
    :param shipNodeName: the name of that place.
    :param orderType: default ``REGULAR``.
    :param methodCode: how it is to be shipped; default ``Value``.
    :param shipWithin: seconds from creation to the expected ship date; default 2 days.
    :param deliverWithin: seconds from creation to the expected delivery date; default 7 days.
    :param buyer: who buys, made up by default.
    """

    lines: Annotated[list[SeedLine | str], Meta(min_length=1)]
    purchaseOrderId: str = ""  # noqa: N815
    customerOrderId: str = ""  # noqa: N815
    age: Seconds = 0
    status: Status = "Created"
    shipNodeType: NodeType = "SellerFulfilled"  # noqa: N815
    shipNodeId: str = ""  # noqa: N815
    shipNodeName: str = ""  # noqa: N815
    orderType: Literal["REGULAR", "REPLACEMENT", "PREORDER"] = "REGULAR"  # noqa: N815
    methodCode: Literal["Standard", "Express", "OneDay", "Freight", "WhiteGlove", "Value"] = "Value"  # noqa: N815
    shipWithin: Seconds = 2 * 86400  # noqa: N815
    deliverWithin: Seconds = 7 * 86400  # noqa: N815
    buyer: SeedBuyer = SeedBuyer()


def add(state: State, seeds: Sequence[SeedOrder]) -> list[Json]:
    """Put orders into the shop; return them, oldest first.

    :param state: the sandbox's state.
    :param seeds: the orders.
    :raises ValueError: when an order is there already or makes no sense; then none is put there.
    """
    first = max(next_number(state.orders), least_number(state))
    in_order = sorted(seeds, key=lambda seed: (seed.shipNodeType, -seed.age))
    made = [_record(state, seed, number) for number, seed in enumerate(in_order, first)]
    ids = {changed.record["purchaseOrderId"]: number for number, changed in enumerate(made, first)}
    if len(ids) < len(made):
        raise ValueError("orders: a purchaseOrderId is there twice")
    state.changed_orders.update(enumerate(made, first))
    state.order_numbers.update(ids)
    for node_type, found in groupby(made, lambda changed: changed.record["shipNode"]["type"]):
        times = [changed.record["orderDate"] for changed in found]
        state.orders.append(Batch(first, len(times), 0, 0, "", node_type, times))
        first += len(times)
    return [changed.record for changed in made]


def least_number(state: State) -> int:
    """Return the least number an order can get whose id is not given: ids that were given are left out.

    :param state: the sandbox's state.
    """
    known = (products.whole(text) - products.whole(purchase_order(0)) for text in state.order_numbers)
    return max((number + 1 for number in known if 0 <= number < _FAR), default=0)


def _record(state: State, seed: SeedOrder, number: int) -> Changed:
    if seed.purchaseOrderId and number_of(state, seed.purchaseOrderId) is not None:
        raise ValueError(f"orders: purchaseOrderId {seed.purchaseOrderId} is there already")
    created = int((state.clock.now() - seed.age) * 1000)
    po = seed.purchaseOrderId or purchase_order(number)
    lines = [SeedLine(line) if isinstance(line, str) else line for line in seed.lines]
    order_lines = [_line(state, seed, line, place, f"{po}{place}") for place, line in enumerate(lines, 1)]
    total = sum(map(_cost, order_lines))
    record = {
        "purchaseOrderId": po,
        "customerOrderId": seed.customerOrderId or customer_order(number),
        "customerEmailId": seed.buyer.email or f"{po}A31739D8B0A45A1B@relay.walmart.com",
        "orderType": seed.orderType,
        "orderDate": created,
        "shippingInfo": {
            "phone": seed.buyer.phone,
            "estimatedDeliveryDate": created + int(seed.deliverWithin * 1000),
            "estimatedShipDate": created + int(seed.shipWithin * 1000),
            "methodCode": seed.methodCode,
            "postalAddress": _address(seed.buyer, number),
        },
        "orderLines": {"orderLine": order_lines},
        "orderSummary": {"totalAmount": {"currencyAmount": round(total, 2), "currencyUnit": "USD"}},
        "shipNode": _ship_node(seed),
    }
    return Changed(record, max(line["statusDate"] for line in order_lines))


def _ship_node(seed: SeedOrder) -> Json:
    node = {"type": seed.shipNodeType, "name": seed.shipNodeName, "id": seed.shipNodeId}
    return {name: value for name, value in node.items() if value}


def _cost(line: Json) -> float:
    """Return what the buyer pays for a line, taxes included."""
    charges = line["charges"]["charge"]
    taxes = [charge["tax"]["taxAmount"]["amount"] for charge in charges if "tax" in charge]
    cost: float = sum(charge["chargeAmount"]["amount"] for charge in charges) + sum(taxes)
    return cost


def _address(buyer: SeedBuyer, number: int) -> Json:
    given = {
        name: getattr(buyer, name)
        for name in ("name", "address1", "address2", "city", "state", "postalCode", "country")
        if getattr(buyer, name)
    }
    made_up = {"name": person(number), **({} if buyer.address1 else address(number))}
    return {**made_up, **given, "addressType": "RESIDENTIAL"}


def _line(state: State, order: SeedOrder, line: SeedLine, place: int, key: str) -> Json:
    item, price = _product(state, line, place)
    parts = list(_parts(state, order, line, key))
    created = int((state.clock.now() - order.age) * 1000)
    moments = [part["trackingInfo"]["shipDateTime"] for part in parts if "trackingInfo" in part]
    record: Json = {
        "lineNumber": str(place),
        "item": item,
        "charges": {"charge": list(_charges(line, price))},
        "orderLineQuantity": _quantity(line.quantity),
        "statusDate": max([created, *moments]),
        "orderLineStatuses": {"orderLineStatus": parts},
        "fulfillment": {
            "fulfillmentOption": "S2H",
            "shipMethod": "VALUE",
            "pickUpDateTime": created + int(order.deliverWithin * 1000),
        },
    }
    if line.intentToCancel:
        # The buyer asks; what becomes of it is the seller's to say.
        record["intentToCancel"] = "CANCEL"
    if line.sellerOrderId:
        record["sellerOrderId"] = line.sellerOrderId
    if line.refunds:
        record["refund"] = _refund(line, record, key)
    return record


def _product(state: State, line: SeedLine, place: int) -> tuple[Json, float]:
    """Return what is sold on a line, and its price."""
    known = state.items.find(line.sku)
    item = None if known is None else shop.at(state, known)
    price = item.price if item else products.price(place)
    sold = {
        "productName": line.productName or (item.name if item else line.sku),
        "sku": line.sku,
        "condition": item.condition if item else "New",
        "imageUrl": "https://i5.walmartimages.com/asr/item.jpeg",
        "weight": {"value": "1.5", "unit": "LB"},
    }
    return sold, price if line.price is None else line.price


def _charges(line: SeedLine, price: float) -> Iterator[Json]:
    total = round(price * line.quantity, 2)
    tax = round(total / 12, 2) if line.tax is None else line.tax
    yield _charge("PRODUCT", "ItemPrice", total, tax)
    if line.discount:
        yield _charge("PRODUCT", "Discount", -line.discount)
    if line.shipping or line.shippingTax:
        yield _charge("SHIPPING", "Shipping", line.shipping, line.shippingTax)


def _charge(kind: str, name: str, amount: float, tax: float = 0) -> Json:
    charge: Json = {"chargeType": kind, "chargeName": name, "chargeAmount": money(amount)}
    return {**charge, "tax": {"taxName": "Tax1", "taxAmount": money(tax)}} if tax else charge


def _quantity(amount: int) -> Json:
    return {"unitOfMeasurement": "EACH", "amount": str(amount)}


def _parts(state: State, order: SeedOrder, line: SeedLine, key: str) -> Iterator[Json]:
    """Yield the statuses of a line: one for each shipment, and one for what is left."""
    status, left = line.status or order.status, line.quantity
    shipments = line.shipments
    if not shipments and status in ("Shipped", "Delivered"):
        shipments = [SeedShipment(status=status)]
    for place, shipment in enumerate(shipments, 1):
        quantity = left if shipment.quantity is None else shipment.quantity
        if not 0 < quantity <= left:
            raise ValueError(f"shipments: more than the {line.quantity} units of line {line.sku}")
        left -= quantity
        yield _shipped(state, order, shipment, quantity, f"{key}{place}")
    if left:
        yield _rest(line, status, left)


def _rest(line: SeedLine, status: str, left: int) -> Json:
    """Return the status of what has not been shipped."""
    if status in ("Shipped", "Delivered"):
        raise ValueError(f"shipments: {left} units of line {line.sku} are not shipped, so give its status")
    rest: Json = {"status": status, "statusQuantity": _quantity(left)}
    return {**rest, "cancellationReason": line.cancellationReason} if status == "Cancelled" else rest


def _shipped(state: State, order: SeedOrder, shipment: SeedShipment, quantity: int, key: str) -> Json:
    age = max(0.0, order.age - DAY / 1000) if shipment.age is None else shipment.age
    if age > order.age:
        raise ValueError("shipments: shipped before the order was created")
    tracking: Json = {
        "shipDateTime": int((state.clock.now() - age) * 1000),
        "carrierName": {"carrier": shipment.carrier},
        "methodCode": shipment.methodCode,
    }
    number = f"1Z{uuid.uuid5(uuid.NAMESPACE_OID, key).int % 10**16:016d}"
    number = number if shipment.trackingNumber is None else shipment.trackingNumber
    if number:
        tracking["trackingNumber"] = number
        tracking["trackingURL"] = shipment.trackingURL or f"https://example.com/track/{number}"
    return {"status": shipment.status, "statusQuantity": _quantity(quantity), "trackingInfo": tracking}


def _refund(line: SeedLine, record: Json, key: str) -> Json:
    charged = sum(charge["chargeAmount"]["amount"] for charge in record["charges"]["charge"])
    charges, paid = [], 0.0
    for refund in line.refunds:
        amount = charged if refund.amount is None else refund.amount
        paid += amount
        charges.append(
            {"refundReason": refund.reason, "charge": _charge("PRODUCT", "Item Price", -round(amount, 2))}
        )
    if paid > charged + 0.005:
        raise ValueError(f"refunds: more than the {charged:.2f} that line {line.sku} cost")
    found: Json = {
        "refundId": uuid.uuid5(uuid.NAMESPACE_OID, key).hex,
        "refundCharges": {"refundCharge": charges},
    }
    comments = next((refund.comments for refund in line.refunds if refund.comments), "")
    return {**found, "refundComments": comments} if comments else found
