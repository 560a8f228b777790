"""Where the links of feed tasks lead."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_walmart.client.feeds.results import result_of, summarize
from airflow_provider_walmart.links.feeds import WalmartFailedItemsLink, WalmartFeedLink
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator, WalmartSubmitFeedOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor


def result(*feeds: tuple[str, int], uri: str | None = None) -> dict:
    summaries = [summarize({"feedId": feed_id, "itemsFailed": failed}) for feed_id, failed in feeds]
    return result_of(summaries, uri)


@pytest.fixture
def links(monkeypatch):
    """Return where both links lead, given the account and the XComs of a task."""

    def of(account: str = "", kind=WalmartFeedStatusOperator, **xcoms) -> tuple[str, str]:
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"walmart://an-id:a-secret@{account}")
        monkeypatch.setattr(XCom, "get_value", lambda *, key, ti_key: xcoms.get(key))
        task = kind(task_id="check", walmart_conn_id="shop", **TASKS[kind])
        return tuple(link().get_link(task, ti_key=None) for link in (WalmartFeedLink, WalmartFailedItemsLink))

    return of


TASKS = {
    WalmartFeedStatusOperator: {},
    WalmartSubmitFeedOperator: {"feed_type": "price", "records": [{"sku": "A", "price": 1}]},
    WalmartFeedSensor: {"feed_id": "F@1"},
}
PAGE = "https://seller.walmart.com/activity-feed?feedId="


@pytest.mark.parametrize(
    ("xcoms", "page"),
    [
        ({}, ""),
        ({"feed_ids": []}, ""),
        ({"feed_ids": ["F@1", "F@2"]}, "F%401"),
        ({"return_value": result()}, ""),
        ({"return_value": result(("F@1", 0))}, "F%401"),
        ({"return_value": result(("F@1", 0), ("F@2", 3), ("F@3", 1)), "feed_ids": ["F@1"]}, "F%402"),
        ({"return_value": result(("F/&?x#1", 0))}, "F%2F%26%3Fx%231"),
    ],
)
def test_the_feed(links, xcoms, page):
    assert links(**xcoms)[0] == (PAGE + page if page else "")


@pytest.mark.parametrize(
    ("account", "is_there"),
    [
        ("", True),
        ("?environment=production", True),
        ("Marketplace.walmartapis.com:443", True),
        ("?environment=sandbox", False),
        ("sandbox.walmartapis.com", False),
        ("127.0.0.1:8090", False),
        ("marketplace.walmartapis.com.example.com", False),
    ],
)
@pytest.mark.parametrize("xcoms", [{"feed_ids": ["F@1"]}, {"return_value": result(("F@1", 2))}])
@pytest.mark.parametrize("kind", TASKS)
def test_seller_center_has_the_feeds_of_production_alone(links, account, is_there, xcoms, kind):
    assert links(account, kind, **xcoms)[0] == (PAGE + "F%401" if is_there else "")


def test_a_task_without_feeds_reads_no_connection_for_its_links(links):
    assert links("?market=none-such") == ("", "")


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        (None, ""),
        # Browsers follow no link from Airflow to a file, nor do they know other stores.
        ("/data/failed.jsonl", ""),
        ("~/failed.jsonl", ""),
        ("file:///data/failed.jsonl", ""),
        ("abfs://key:secret@container/failed.jsonl", ""),
        (
            "s3://aws_default@my-bucket/a b/failed.jsonl",
            "https://s3.console.aws.amazon.com/s3/object/my-bucket?prefix=a%20b/failed.jsonl",
        ),
        (
            "gs://my-bucket/a/failed.jsonl",
            "https://console.cloud.google.com/storage/browser/_details/my-bucket/a/failed.jsonl",
        ),
    ],
)
def test_the_failed_items(links, uri, address):
    assert links(return_value=result(("F@1", 0), ("F@2", 1), uri=uri))[1] == address


@pytest.mark.parametrize("task", TASKS)
def test_every_feed_task_has_them(task):
    assert [type(link) for link in task.operator_extra_links] == [
        WalmartPageLink,
        WalmartFeedLink,
        WalmartFailedItemsLink,
    ]
