"""The ways into the package that the fault matrix goes through, each with the request that troubles hit."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.shop import Shop
from tests.helpers.tasks import Task

CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
ROWS = [{"sku": f"A-{number}", "quantity": number} for number in range(3)]
BOOKINGS = "/api-proxy/service/supplychain/transportation/v1/sbx-daas/deliveries$"
SUBSCRIPTION = {
    "events": [
        {
            "eventType": "PO_CREATED",
            "eventVersion": "V1",
            "resourceName": "ORDER",
            "eventUrl": "https://example.com/hook",
        }
    ]
}
# Two pages, old enough for a client whose clock is an hour late.
ORDERS = {"count": 150, "age": 7200}
SECOND_PAGE = r"^/v3/orders\?.*hasMoreElements"


@dataclass(frozen=True)
class EntryPoint:
    """One way in.

    :param name: heading of its column.
    :param kind: which expectations it has where it has none of its own: ``read``, ``write`` or ``wait``.
    :param method: of the requests that troubles hit.
    :param path: their path, as a regular expression.
    :param prepare: puts what it needs into the shop.
    :param run: one try of one task, in a folder of its own, with so many seconds to wait: returns the result.
    :param is_right: whether a result is the right one.
    :param made: how many things Walmart holds that it made; None for what makes none.
    :param is_in_log: the log says of each thing what is wrong with it, and the error how many there are.
    :param is_hook: called by itself, without a task that is tried again.
    """

    name: str
    kind: str
    method: str
    path: str
    prepare: Callable[[Shop], Any]
    run: Callable[[Task, Path, Any, float], Any]
    is_right: Callable[[Any], bool]
    made: Callable[[Shop], int] | None = None
    is_hook: bool = False
    is_in_log: bool = False

    def is_hit(self, method: str, target: str) -> bool:
        """Return whether troubles hit a request."""
        if self.kind == "wait" and "includeDetails=true" in target:
            # Of a finished feed the items are read as well, which is another call.
            return False
        return method == self.method and any(
            re.search(self.path, text) for text in (target, target.partition("?")[0])
        )


def hook() -> Any:
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    return WalmartHook()


def in_task(name: str, module: str, **fields: Any) -> Callable[[Task, Path, Any, float], Any]:
    """Return what runs an operator; ``{folder}`` and ``{prepared}`` in its fields are filled in, functions called with
    what was prepared, and the time-out added."""

    def run(task: Task, folder: Path, prepared: Any, patience: float) -> Any:
        from importlib import import_module

        kind = getattr(import_module(f"airflow_provider_walmart.{module}"), name)
        filled = {
            field: value(prepared)
            if callable(value)
            else value.format(folder=folder, prepared=prepared)
            if isinstance(value, str)
            else value
            for field, value in fields.items()
        }
        if "poll_interval" in fields:
            filled["timeout"] = patience
        return task.run(functools.partial(kind, task_id="a_task", **filled))

    return run


def orders(shop: Shop, **fields: Any) -> str:
    return shop.server.control("POST", "seed", {"orders": {**ORDERS, **fields}})["orders"][0]


def some_items(shop: Shop) -> None:
    shop.server.control("POST", "seed", {"items": 3})


def shipments(order: str) -> list[dict[str, Any]]:
    return [{"purchase_order_id": order, "tracking_number": "1Z999", "carrier": "UPS"}]


def shipped(shop: Shop) -> int:
    """Return how many orders have been shipped."""
    found = shop.server.get("/v3/orders?status=Shipped")["list"]["elements"]
    return len((found or {}).get("order") or ())


def feed_under_way(shop: Shop) -> str:
    # Of a finished one the items are read as well, which is another call.
    return shop.feed(feedStatus="INPROGRESS", items=3, processing=3)


def count(path: str, kind: str) -> Callable[[Shop], int]:
    """Return what counts the things of a kind that Walmart lists under a path."""
    return lambda shop: len(_inside(shop.server.get(path), kind))


def _inside(answer: Any, kind: str) -> Any:
    for key in kind.split("."):
        answer = answer.get(key) or {}
    return answer


def deliveries(shop: Shop) -> int:
    return len(shop.server.control("GET", "deliveries"))


def succeeded(result: Any) -> bool:
    return (result["feeds"][0]["feedStatus"], result["itemsSucceeded"]) == ("PROCESSED", 3)


def landed(result: Any) -> bool:
    return result["rows"] == Path(result["uri"]).read_text().count("\n") - 1 == 3


def exported(result: Any) -> bool:
    ids = {json.loads(line)["purchaseOrderId"] for line in Path(result["uri"]).read_text().splitlines()}
    return len(ids) == result["records"] == 150


feeds_made = count("/v3/feeds", "results.feed")
reports_made = count("/v3/reports/reportRequests?reportType=ITEM", "requests")
SUBMIT = {"feed_type": "inventory", "records": ROWS, "poll_interval": 0.05}
REPORT = {"report_type": "ITEM", "output_path": "{folder}/items.csv", "poll_interval": 0.05}
BOOKING = {"externalOrderId": "ORDER-7", "deliveryMethod": "SCHEDULED_DELIVERY"}

ENTRY_POINTS = [
    EntryPoint(
        "hook: read",
        "read",
        "GET",
        "^/v3/orders/[^/]+$",
        functools.partial(orders, count=1),
        lambda task, folder, order, _: hook().call("getAnOrder", purchaseOrderId=order),
        lambda result: bool(result["purchaseOrderId"]),
        is_hook=True,
    ),
    EntryPoint(
        "hook: paginate",
        "read",
        "GET",
        SECOND_PAGE,
        orders,
        lambda task, folder, order, _: list(hook().paginate("getAllOrders", limit=100)),
        lambda result: len(result) == 150,
        is_hook=True,
    ),
    EntryPoint(
        "feed status",
        "read",
        "GET",
        "^/v3/feeds/.+",
        feed_under_way,
        in_task("WalmartFeedStatusOperator", "operators.feeds", feed_id="{prepared}"),
        lambda result: (result["feeds"][0]["feedStatus"], result["itemsReceived"]) == ("INPROGRESS", 3),
    ),
    EntryPoint(
        "export",
        "read",
        "GET",
        SECOND_PAGE,
        orders,
        in_task(
            "WalmartExportOperator",
            "operators.exports",
            operation="getAllOrders",
            api_params={"limit": 100},
            output_path="{folder}/orders.jsonl",
        ),
        exported,
    ),
    EntryPoint(
        "report: link",
        "read",
        "GET",
        "^/v3/reports/downloadReport$",
        some_items,
        in_task("WalmartReportOperator", "operators.reports", **REPORT),
        landed,
        reports_made,
    ),
    EntryPoint(
        "report: file",
        "file",
        "GET",
        "^/storage/",
        some_items,
        in_task("WalmartReportOperator", "operators.reports", **REPORT),
        landed,
        reports_made,
    ),
    EntryPoint(
        "wait, polled",
        "wait",
        "GET",
        "^/v3/feeds/.+",
        lambda shop: None,
        in_task("WalmartSubmitFeedOperator", "operators.feeds", deferrable=False, **SUBMIT),
        succeeded,
        feeds_made,
    ),
    EntryPoint(
        "wait, deferred",
        "wait",
        "GET",
        "^/v3/feeds/.+",
        lambda shop: None,
        in_task("WalmartSubmitFeedOperator", "operators.feeds", deferrable=True, **SUBMIT),
        succeeded,
        feeds_made,
    ),
    EntryPoint(
        "hook: write",
        "write",
        "POST",
        "^/v3/webhooks/subscriptions$",
        lambda shop: None,
        lambda *_: hook().call("createSubscription", body=SUBSCRIPTION),
        lambda result: result is None or len(result["events"]) == 1,
        count("/v3/webhooks/subscriptions", "events"),
        is_hook=True,
    ),
    EntryPoint(
        "submit feed",
        "write",
        "POST",
        "^/v3/feeds$",
        lambda shop: None,
        in_task("WalmartSubmitFeedOperator", "operators.feeds", wait_for_completion=False, **SUBMIT),
        lambda result: bool(result["feedIds"]),
        feeds_made,
    ),
    EntryPoint(
        "ask for report",
        "write",
        "POST",
        "^/v3/reports/reportRequests$",
        some_items,
        in_task("WalmartReportOperator", "operators.reports", **REPORT),
        landed,
        reports_made,
    ),
    EntryPoint(
        "ship order",
        "write",
        "POST",
        "^/v3/orders/[^/]+/shipping$",
        functools.partial(orders, count=1, status="Acknowledged"),
        in_task("WalmartOrderUpdateOperator", "operators.orders", action="ship", records=shipments),
        lambda result: result["done"] + result["already"] == result["orders"] == 1,
        shipped,
        is_in_log=True,
    ),
    EntryPoint(
        "GoLocal booking",
        "write",
        "POST",
        BOOKINGS,
        lambda shop: None,
        in_task("WalmartGoLocalCreateDeliveryOperator", "operators.golocal", delivery=BOOKING),
        lambda result: result["externalOrderId"] == "ORDER-7",
        deliveries,
    ),
]
