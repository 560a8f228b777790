"""Six natural mistakes at every operator and sensor: each error names what to write instead, and nothing is changed at Walmart."""

from __future__ import annotations

import importlib
import inspect
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseOperator

from airflow_provider_walmart.get_provider_info import get_provider_info
from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.deadlines import WalmartOrdersDueOperator, WalmartPerformanceOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator, WalmartSubmitFeedOperator
from airflow_provider_walmart.operators.golocal import (
    WalmartGoLocalCancelDeliveryOperator,
    WalmartGoLocalCreateDeliveryOperator,
)
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.operators.settlements import WalmartSettlementOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor
from airflow_provider_walmart.sensors.golocal import WalmartGoLocalDeliverySensor
from airflow_provider_walmart.sensors.reports import WalmartReportSensor

CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"
PRICES = [{"sku": "A", "price": "1.00"}]
SHIPMENT = {
    "purchase_order_id": "1",
    "line_number": "1",
    "carrier": "FedEx",
    "tracking_number": "123456789012",
    "ship_date_time": "2026-11-30T10:00:00Z",
    "method": "Standard",
}
CANCELLATION = {"purchase_order_id": "1", "line_number": "1", "reason": "SELLER_CANCEL"}
FILE = "orders.jsonl"

Mistakes = list[tuple[dict[str, Any], str]]
# What is given, and the part of the error that says what to write instead.
MISTAKES: dict[type, Mistakes] = {
    WalmartFeedStatusOperator: [
        ({"feed_id": ""}, "expected an id such as"),
        ({"feed_id": 17}, "expected an id such as"),
        ({"allowed_failures": "5 of 100"}, 'a number of items .* or a share of them .* such as "5%"'),
        ({"since_hours": "yesterday"}, "since_hours is 'yesterday'; allowed: hours above 0"),
        ({"item_errors_path": "s3:/bucket/failed.jsonl"}, "did you mean 's3://bucket/failed.jsonl'"),
        ({"item_errors_path": "failed.csv"}, "item_errors_path ends in '.csv', .* Let it end in '.jsonl'"),
    ],
    WalmartSubmitFeedOperator: [
        ({"feed_type": "prices", "records": PRICES}, "did you mean price?"),
        ({"feed_type": "price"}, "Give one of records, records_path and payload_path; given: none"),
        ({"feed_type": "price", "records": [{"sku": "A", "prise": 1}]}, "'prise'; did you mean price?"),
        ({"feed_type": "price", "records_path": "/nowhere/prices.csv"}, "there is no such file"),
        (
            {"feed_type": "price", "records": PRICES, "poll_interval": "5m"},
            "such as timedelta.minutes=5. or 300",
        ),
        (
            {"feed_type": "price", "records": PRICES, "send": "changed"},
            "a file such as .s3://my-bucket/prices.sqlite",
        ),
    ],
    WalmartReportOperator: [
        ({"report_type": "ITEM", "output_path": "items.xlsx"}, "written as csv. Let it end in '.csv'"),
        (
            {"report_type": "ITEM", "output_path": "items.csv", "output_format": "excel"},
            "allowed: csv, zip, jsonl, parquet",
        ),
        (
            {"report_type": "ITEM", "output_path": "items.csv", "start": "31/01/2026"},
            "start is '31/01/2026'; expected a point in time such as 2026-01-31T00:00:00Z",
        ),
        (
            {"report_type": "ITEM", "output_path": "items.csv", "report_version": "9"},
            "ITEM has v1, v2, v3, v4, v5, v6",
        ),
        (
            {"report_type": "ITEM", "output_path": "items.csv", "reuse_within": "1h"},
            "such as timedelta.minutes=5. or 300",
        ),
        (
            {"report_type": "ITEM", "output_path": "items.csv", "exclude_columns": "SKU"},
            "expected a list of names such as ..SKU",
        ),
    ],
    WalmartExportOperator: [
        ({"operation": "getOrders", "output_path": FILE}, "did you mean getAllOrders"),
        ({"operation": "getAllOrders", "output_path": "orders.csv"}, "Let it end in '.jsonl'"),
        (
            {"operation": "getAllOrders", "output_path": FILE, "api_params": {"createdStart": "2026-01-01"}},
            "did you mean createdStartDate",
        ),
        (
            {"operation": "getAllOrders", "output_path": FILE, "output_format": "json"},
            "allowed: jsonl, parquet",
        ),
        (
            {
                "operation": "getAllOrders",
                "output_path": "orders",
                "output_format": "parquet",
                "tables": ["order"],
            },
            "expected some of orders, order_lines",
        ),
        (
            {"operation": "acknowledgeOrders", "output_path": FILE},
            "call it rather than page through it .WalmartApiOperator, hook.call",
        ),
    ],
    WalmartSettlementOperator: [
        ({"output_path": ""}, "expected a path or a URI"),
        ({"output_path": "settlements.csv"}, "it is a folder of files"),
        ({"output_path": "s3:/bucket/settlements"}, "did you mean 's3://bucket/settlements'"),
        ({"output_path": "settlements", "output_format": "xlsx"}, "allowed: csv, parquet"),
        ({"output_path": "settlements", "personal_data": "hash"}, "is for output_format='parquet'"),
        (
            {"output_path": "settlements", "output_format": "parquet", "personal_data": "no"},
            "allowed: drop, hash, keep",
        ),
    ],
    WalmartApiOperator: [
        ({"operation": "getAllItem"}, "did you mean getAllItems"),
        ({"operation": "getAnItem"}, "getAnItem needs id: give it by name .in an operator: in api_params"),
        ({"operation": "getAllItems", "api_params": {"limt": 5}}, "did you mean limit?"),
        ({"operation": "getAnItem", "api_params": {"id": 1.5}}, "Quote it"),
        ({"operation": "getAnItem", "records": [{"id": "A"}]}, "One read for each row needs output_path"),
        (
            {"operation": "getAnItem", "api_params": {"id": "A"}, "body": {"price": 1}},
            "getAnItem takes no body",
        ),
    ],
    WalmartOrderUpdateOperator: [
        ({"action": "shipp", "records": [SHIPMENT]}, "allowed: acknowledge, ship, cancel, refund"),
        ({"action": "ship"}, "Give one of records and records_path; given: none"),
        ({"action": "ship", "records": [{**SHIPMENT, "carrier": "FedExx"}]}, "did you mean FedEx"),
        ({"action": "ship", "records": [{**SHIPMENT, "tracking_number": "9.4E+21"}]}, "spreadsheet"),
        ({"action": "cancel", "records": [{**CANCELLATION, "reasn": "x"}]}, "did you mean reason?"),
        (
            {"action": "ship", "records": [SHIPMENT], "outcomes_path": "outcomes.xlsx"},
            "outcomes_path ends in '.xlsx', .* Let it end in '.jsonl'",
        ),
    ],
    WalmartOrdersDueOperator: [
        ({"kind": "acknowlege"}, "allowed: acknowledge, ship, cancel"),
        ({"kind": "ship", "within": "4h"}, "such as timedelta.minutes=5. or 300"),
        ({"kind": "ship", "within": timedelta(hours=-4)}, "not negative"),
        ({"kind": "ship", "output_path": "due.xlsx"}, "Let it end in '.jsonl'"),
        ({"kind": "ship", "output_path": "due.jsonl.gz"}, "not compressed. Leave that off"),
        ({"kind": "ship", "output_path": "s3:/bucket/due.jsonl"}, "did you mean 's3://bucket/due.jsonl'"),
    ],
    WalmartPerformanceOperator: [
        ({"metrics": "ontime"}, "allowed: cancellations, itemNotReceived"),
        ({"metrics": "otd;vtr"}, "such as otd, as a list or as text with commas between"),
        ({"metrics": 17}, "names such as otd, as a list or as text with commas between"),
        ({"metrics": ["OTD"]}, "allowed: cancellations, .*otd"),
        ({"fail_on": "urgent"}, "allowed: MONITOR, URGENT, None"),
        ({"fail_on": True}, "allowed: MONITOR, URGENT, None"),
    ],
    WalmartGoLocalCreateDeliveryOperator: [
        ({"delivery": {}}, "externalOrderId of delivery is missing; expected an id, as text"),
        ({"delivery": "order 1"}, "expected a dict"),
        (
            {"delivery": {"externalOrderID": "1"}},
            "delivery has .externalOrderID.; did you mean externalOrderId?",
        ),
        ({"delivery": {"externalOrderId": 1.0}}, "externalOrderId of delivery is 1.0; .*Quote it"),
        ({"delivery": [{"externalOrderId": "1"}]}, "expected a dict"),
        ({"delivery": {"externalOrderId": ""}}, "externalOrderId of delivery is missing; expected an id"),
    ],
    WalmartGoLocalCancelDeliveryOperator: [
        ({"delivery_id": ""}, "expected an id, as text"),
        ({"delivery_id": None}, "expected an id, as text"),
        ({"delivery_id": 17.0}, "Quote it"),
        ({"delivery_id": {"deliveryId": "a"}}, "such as book.output"),
        ({"delivery_id": "a", "reason_code": None}, "reason_code is missing; expected an id, as text"),
        ({"delivery_id": "a", "reason_code": "no longer wanted"}, "CD-002"),
    ],
    WalmartFeedSensor: [
        ({"feed_id": ""}, "expected an id such as"),
        ({"feed_id": []}, "expected an id such as"),
        ({"feed_id": 1.5}, "such as F129C1"),
        ({"feed_id": "F", "allowed_failures": "few"}, 'such as "5%"'),
        ({"feed_id": "F", "item_errors_path": "s3:/bucket/f.jsonl"}, "did you mean 's3://bucket/f.jsonl'"),
        ({"feed_id": "F", "item_errors_path": "failed.parquet"}, "Let it end in '.jsonl'"),
    ],
    WalmartReportSensor: [
        ({"request_id": ""}, "expected an id, as text"),
        ({"request_id": None}, "expected an id, as text"),
        ({"request_id": 17.0}, "request_id is 17.0; an id is text"),
        ({"request_id": ["a"]}, "is a list; expected an id, as text"),
        ({"request_id": "no-such-request"}, "reports are kept for 30 days"),
        ({"request_id": "a", "report_type": "ITEMS"}, "reportType"),
    ],
    WalmartGoLocalDeliverySensor: [
        ({"delivery_id": ""}, "expected an id, as text"),
        ({"delivery_id": 17.0}, "Quote it"),
        ({"delivery_id": "a", "success_statuses": []}, "Give one, such as DELIVERED"),
        ({"delivery_id": "a", "success_statuses": "at the door"}, "such as DELIVERED"),
        (
            {"delivery_id": "a", "failure_statuses": "DELIVERED"},
            "Leave it in one of them",
        ),
        ({"delivery_id": "a", "success_statuses": "delivered!"}, "such as DELIVERED"),
    ],
}
CASES = [
    pytest.param(kind, given, says, id=f"{kind.__name__.removeprefix('Walmart')}-{number}")
    for kind, mistakes in MISTAKES.items()
    for number, (given, says) in enumerate(mistakes, 1)
]


@pytest.mark.parametrize(("kind", "given", "says"), CASES)
def test_the_error_names_what_to_write_instead(shop, monkeypatch, tmp_path, kind, given, says):
    monkeypatch.chdir(tmp_path)
    golocal = shop.connection(conn_type="walmart_golocal", login=CLIENT_ID, extra={"environment": "sandbox"})
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_GOLOCAL_DEFAULT", golocal)
    with pytest.raises(Exception, match=re.compile(says.replace("?", r"\?"), re.DOTALL)):
        kind(task_id="a_task", **given).execute({})
    assert not [
        entry for entry in shop.received() if entry["method"] != "GET" and "/token" not in entry["path"]
    ]
    assert not [path for path in Path(tmp_path).rglob("*") if "state" not in path.parts]


def test_the_table_has_every_operator_and_sensor():
    info = get_provider_info()
    modules = [
        m for part in ("operators", "sensors") for entry in info[part] for m in entry["python-modules"]
    ]
    kinds = {
        kind
        for module in map(importlib.import_module, modules)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and name[0] != "_"
    }
    assert set(MISTAKES) == {kind for kind in kinds if issubclass(kind, BaseOperator)}
    assert {len(mistakes) for mistakes in MISTAKES.values()} == {6}
