"""Performance of the seller, as it follows from the orders: late, cancelled, without tracking, refunded, returned."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from airflow_provider_walmart.sandbox.core import dates
from airflow_provider_walmart.sandbox.core.records import Batch
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.marketplace import order_records
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill

Json = dict[str, Any]

#: Days that are looked at when a call doesn't say.
DURATION = 30

#: What can be wrong with an order, as the reasons of cancellations, refunds and returns tell it -> the driver of a rate.
_CANCELLED = {
    "SELLER_CANCEL_OUT_OF_STOCK": "outOfStockRate",
    "SELLER_CANCEL_PRICING_ERROR": "pricingErrorRate",
    "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE": "incMrkdAddNotSvcbleRate",
    "SELLER_CANCEL_FRAUD_STOP_SHIPMENT": "customerFraudRate",
    "CUSTOMER_REQUESTED_SELLER_TO_CANCEL": "customerReqRate",
}
_REFUNDED = {
    "IncorrectItemReceived": "incorrectItemsRate",
    "CustomerReceivedItemLate": "arrivedLateRate",
    "DefectiveItem": "defectiveRate",
    "DamagedItem": "damagedRate",
    "ItemNotReceivedByCustomer": "lostRate",
    "Merchandise not received": "lostRate",
    "CustomerChangedMind": "customerChangedMindRate",
    "Buyer canceled": "customerChangedMindRate",
}
_RETURNED = {
    "WRONG_ITEM": "incorrectItemsRate",
    "SELLER_WRONG_ITEM_SHIPPED": "incorrectItemsRate",
    "DEFECTIVE": "defectiveRate",
    "ITEM_NOT_WORKING": "defectiveRate",
    "ARRIVED_DAMAGED": "damagedRate",
    "BUYER_CHANGED_MIND": "customerChangedMindRate",
    "ORDERED_WRONG_ITEM": "customerChangedMindRate",
}


@dataclass(frozen=True)
class Metric:
    """A rate that Walmart watches.

    :param rate: names of the fields that hold it.
    :param orders: name of the field with the number of orders concerned.
    :param standard: what it is to be, in percent.
    :param find: yields the driver of everything that is wrong with an order; Walmart counts an order once.
    :param is_share_of_good: whether the rate is the share of orders with which nothing is wrong.
    """

    rate: tuple[str, ...]
    orders: str
    standard: float
    find: Callable[[State, Json], Iterator[str]]
    is_share_of_good: bool = False


def _parts(order: Json) -> Iterator[Json]:
    for line in order["orderLines"]["orderLine"]:
        yield from line["orderLineStatuses"]["orderLineStatus"]


def _cancelled(state: State, order: Json) -> Iterator[str]:
    for part in _parts(order):
        if part["status"] == "Cancelled":
            yield _CANCELLED.get(part.get("cancellationReason", ""), "miscellaneousRate")


def _late(state: State, order: Json) -> Iterator[str]:
    """Yield what was shipped after the expected ship date, or is not shipped although that has passed."""
    due, now = order["shippingInfo"]["estimatedShipDate"], int(state.clock.now() * 1000)
    for part in _parts(order):
        is_open = part["status"] in ("Created", "Acknowledged")
        shipped = now if is_open else part.get("trackingInfo", {}).get("shipDateTime", 0)
        if shipped > due:
            yield "lateShipmentRate"


def _untracked(state: State, order: Json) -> Iterator[str]:
    for part in _parts(order):
        if "trackingInfo" in part and not part["trackingInfo"].get("trackingNumber"):
            yield "invalidTrackingIdRate"


def _refunded(state: State, order: Json) -> Iterator[str]:
    for line in order["orderLines"]["orderLine"]:
        for charge in line.get("refund", {}).get("refundCharges", {}).get("refundCharge", []):
            yield _REFUNDED.get(charge["refundReason"], "miscellaneousRate")


def _not_received(state: State, order: Json) -> Iterator[str]:
    yield from (driver for driver in _refunded(state, order) if driver == "lostRate")


def _returned(state: State, order: Json) -> Iterator[str]:
    for changed in state.changed_returns.values():
        for line in changed.record["returnOrderLines"]:
            if line["purchaseOrderId"] == order["purchaseOrderId"]:
                yield _RETURNED.get(line["returnReason"], "miscellaneousRate")


#: Standards are Walmart's of 2026, but for late shipment, whose standard is published nowhere.
METRICS = {
    "otd": Metric(("overallRate", "sellerAccountableRate"), "impactedCustomerCount", 90, _late, True),
    "vtr": Metric(("cumulativeRate",), "impactedCustomerCount", 99, _untracked, True),
    "cancellations": Metric(("cumulativeRate",), "ordersImpacted", 2, _cancelled),
    "lateShipment": Metric(("overallRate", "sellerAccountableRate"), "ordersImpacted", 5, _late),
    "refunds": Metric(("cumulativeRate",), "ordersImpacted", 6, _refunded),
    "returns": Metric(("cumulativeRate",), "ordersImpacted", 6, _returned),
    "itemNotReceived": Metric(("cumulativeRate",), "ordersImpacted", 2, _not_received),
}
#: Drivers that are not the seller's fault.
_NOT_THE_SELLERS = {"customerReqRate", "customerFraudRate", "customerChangedMindRate", "miscellaneousRate"}
_RISKS = {"GOOD": "Meets standard", "MONITOR": "Monitor", "URGENT": "Urgent"}


def counted(state: State, metric: Metric, days: int) -> tuple[int, Counter[str]]:
    """Return how many orders there were, and driver -> with how many of them it is the first that is wrong.

    :param state: the sandbox's state.
    :param metric: what is looked for.
    :param days: how far back.
    """
    now = int(state.clock.now() * 1000)
    since = now - days * dates.DAY
    batches = [batch for batch in state.orders if batch.kind != "WFSFulfilled"]
    wrong: Counter[str] = Counter()
    for batch in batches:
        wrong += _wrong_as_made(state, metric, batch, since, now)
    for changed in state.changed_orders.values():
        order = changed.record
        if order["orderDate"] >= since and order["shipNode"]["type"] != "WFSFulfilled":
            wrong.update(islice(metric.find(state, order), 1))
    return sum(len(batch.between(since, now)) for batch in batches), wrong


def _wrong_as_made(state: State, metric: Metric, batch: Batch, since: int, now: int) -> Counter[str]:
    """Count what is wrong with the orders of a batch that are as they were made: all alike, but the older ones may be late."""
    if batch.times:
        return Counter()
    until = now - order_records.expected_ship(0) if metric.find is _late else now
    alike = batch.between(since, until)
    driver = next(metric.find(state, _as_made(batch, alike)), None) if alike else None
    if driver is None:
        return Counter()
    return Counter({driver: len(alike) - sum(number in alike for number in state.changed_orders)})


def _as_made(batch: Batch, numbers: range) -> Json:
    """Return the oldest of some orders of a batch, as it was made."""
    order: Json = json.loads(order_records.made(batch, numbers[0]))
    return order


def risk(metric: Metric, rate: float) -> str:
    """Return ``GOOD``, ``MONITOR`` or ``URGENT``: the standard is met, just missed, or missed by more than half.

    :param metric: the metric.
    :param rate: its rate, in percent.
    """
    if metric.is_share_of_good:
        missed, tolerance = metric.standard - rate, (100 - metric.standard) / 2
    else:
        missed, tolerance = rate - metric.standard, metric.standard / 2
    return "GOOD" if missed <= 0 else "MONITOR" if missed <= tolerance else "URGENT"


def _summary(metric: Metric) -> Fill:
    def fill(draft: Draft) -> Any:
        state = draft.call.state
        days = draft.call.number("reportDuration", DURATION, least=1)
        orders, wrong = counted(state, metric, days)
        if not orders:
            return draft.made()
        shares = {driver: round(100 * count / orders, 2) for driver, count in wrong.items()}
        share = round(100 * wrong.total() / orders, 2)
        rate = round(100 - share, 2) if metric.is_share_of_good else share
        level = risk(metric, rate)
        standard = f"{'>=' if metric.is_share_of_good else '<='}{metric.standard:g}%"
        answer = draft.made(reportDuration=days)
        payload = answer["payload"]
        told = {
            **dict.fromkeys(metric.rate, rate),
            metric.orders: wrong.total(),
            "updatedTimestamp": dates.iso(int(state.clock.now() * 1000)),
            "standard": standard,
            "performanceStandard": standard,
            "performanceRiskLevel": level,
            "riskLevel": _RISKS[level],
            "recommendations": [],
        }
        payload |= {name: value for name, value in told.items() if name in payload}
        for group in ("sellerAccountableDrivers", "nonAccountableDrivers"):
            payload[group] = {name: shares.get(name, 0.0) for name in payload[group]}
        return answer

    return fill


def _payment_performance(draft: Draft) -> Any:
    """Return the rates of each period, as the page of payments shows them."""
    state, answer = draft.call.state, draft.made()
    for days in (7, 14, 30, 60, 90):
        orders, late = counted(state, METRICS["otd"], days)
        if not orders:
            continue
        _, untracked = counted(state, METRICS["vtr"], days)
        told = {"otd": 100 - _share(late.total(), orders), "ots": 100 - _share(late.total(), orders)}
        told["vtr"] = 100 - _share(untracked.total(), orders)
        for name, metric in (("cancellation", "cancellations"), ("refundRate", "refunds")):
            _, wrong = counted(state, METRICS[metric], days)
            by_customer = sum(count for driver, count in wrong.items() if driver in _NOT_THE_SELLERS)
            told[f"{name}SellerFault"] = _share(wrong.total() - by_customer, orders)
            told[f"{name}CustomerFault"] = _share(by_customer, orders)
        answer[f"{days}DAY"] = {name: round(told[name], 2) for name in answer[f"{days}DAY"]}
    return answer


def _share(count: int, orders: int) -> float:
    return 100 * count / orders


FILLS: dict[tuple[str, str], Fill] = {
    **{
        ("GET", f"/v3/insights/performance/{name}/summary"): _summary(metric)
        for name, metric in METRICS.items()
    },
    ("GET", "/v3/report/payment/performance"): _payment_performance,
}
