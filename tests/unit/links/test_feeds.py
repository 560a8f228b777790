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
    """Return where both links lead, given the XComs of a task."""

    def of(**xcoms) -> tuple[str, str]:
        monkeypatch.setattr(XCom, "get_value", lambda *, key, ti_key: xcoms.get(key))
        return tuple(link().get_link(None, ti_key=None) for link in (WalmartFeedLink, WalmartFailedItemsLink))

    return of


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
    ("uri", "address"),
    [
        (None, ""),
        ("/data/failed.jsonl", "file:///data/failed.jsonl"),
        ("~/failed.jsonl", "file:///home/ann/failed.jsonl"),
        ("file:///data/failed.jsonl", "file:///data/failed.jsonl"),
        (
            "s3://aws_default@my-bucket/a b/failed.jsonl",
            "https://s3.console.aws.amazon.com/s3/object/my-bucket?prefix=a%20b/failed.jsonl",
        ),
        (
            "gs://my-bucket/a/failed.jsonl",
            "https://console.cloud.google.com/storage/browser/_details/my-bucket/a/failed.jsonl",
        ),
        ("abfs://key:secret@container/failed.jsonl", "abfs://container/failed.jsonl"),
    ],
)
def test_the_failed_items(links, uri, address, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert links(return_value=result(("F@1", 0), ("F@2", 1), uri=uri))[1] == address


@pytest.mark.parametrize("task", [WalmartFeedStatusOperator, WalmartSubmitFeedOperator, WalmartFeedSensor])
def test_every_feed_task_has_them(task):
    assert [type(link) for link in task.operator_extra_links] == [
        WalmartPageLink,
        WalmartFeedLink,
        WalmartFailedItemsLink,
    ]
