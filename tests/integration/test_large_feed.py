"""A feed of ten thousand items, 137 of which were refused, all over it."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor
from tests.helpers.tasks import Task

FEED, ITEMS, FAILED = "LARGE@AQMBAQA", 10_000, 137
KINDS = [
    {"type": "DATA_ERROR", "code": "ERR_EXT_DATA_0101119", "description": "0101119", "field": "productId"},
    {"type": "SYSTEM_ERROR", "code": "ERR_INT_SYS_0801003"},
    # A status that no document has.
    {"type": "AWAITING_REVIEW", "code": "ERR_NEW", "description": "Somebody looks at it"},
]
# The last item is among them: no page can be left out.
INDEXES = [ITEMS - 1 - 73 * number for number in range(FAILED)]


@pytest.fixture
def large(shop):
    errors = [{"index": index, **KINDS[index % 3]} for index in INDEXES]
    shop.feed(feedId=FEED, feedType="MP_ITEM", items=ITEMS, failed=errors, age=4 * 3600)
    return shop


@pytest.mark.parametrize("make", [WalmartFeedStatusOperator, WalmartFeedSensor])
def test_table_file_and_message(large, make, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "failed.jsonl"
    task = Task()
    with pytest.raises(AirflowFailException) as caught:
        task.run(lambda: make(task_id="a_task", feed_id=FEED, item_errors_path=str(path)))

    counts = Counter(KINDS[index % 3]["code"] for index in INDEXES)
    message = str(caught.value)
    assert "137 of 10000 items failed, allowed: 0; " in message
    assert all(f"{code} x {count} (such as SKU-" in message for code, count in counts.items())
    assert str(path) in message
    assert "productId: 0101119 [Another item already has this product id (UPC)." in message
    assert len(message) < 900

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["index"] for row in rows] == sorted(INDEXES)
    assert {(row["sku"], row["status"], row["code"], row["field"]) for row in rows} == {
        (f"SKU-{index + 1:06d}", kind["type"], kind["code"], kind.get("field", ""))
        for index in INDEXES
        for kind in [KINDS[index % 3]]
    }

    [table] = [text for text in caplog.messages if text.startswith("Failed items of feed")]
    lines = [re.split(r"\s{2,}", line) for line in table.splitlines()[3:]]
    assert {code: int(count) for code, count, *_ in lines} == counts
    assert [int(count) for _, count, *_ in lines] == sorted(counts.values(), reverse=True)
    assert (
        "productId: 0101119 [Another item already has this product id (UPC). To do: find the other item by its"
        in table
    )
    assert "5000 of 10000 items read" in caplog.text

    assert task.xcom["return_value"] == {
        "feedIds": [FEED],
        "feeds": [
            {
                "feedId": FEED,
                "feedType": "MP_ITEM",
                "feedStatus": "PROCESSED",
                "itemsReceived": ITEMS,
                "itemsSucceeded": ITEMS - FAILED,
                "itemsFailed": FAILED,
                "itemsProcessing": 0,
            }
        ],
        "itemsReceived": ITEMS,
        "itemsSucceeded": ITEMS - FAILED,
        "itemsFailed": FAILED,
        "itemsProcessing": 0,
        "itemErrorsUri": str(path),
    }

    pages = [entry["query"] for entry in large.received("/v3/feeds/.") if "includeDetails" in entry["query"]]
    assert len(pages) == ITEMS // 50
    assert all("limit=50" in query.split("&") for query in pages)


@pytest.mark.parametrize(("allowed", "fails"), [(136, True), (137, False), (0.0136, True), (0.0137, False)])
def test_the_policy_at_its_edge(large, allowed, fails):
    def run():
        return Task().run(
            lambda: WalmartFeedStatusOperator(task_id="a_task", feed_id=FEED, allowed_failures=allowed)
        )

    if fails:
        with pytest.raises(AirflowFailException, match="137 of 10000 items failed, allowed: "):
            run()
    else:
        assert run()["itemsFailed"] == FAILED
