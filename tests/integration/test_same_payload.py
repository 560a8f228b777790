"""A cleared task goes on with its feed when its rows say the same, however they are written."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from tests.helpers.item_rows import HEADER, mug
from tests.helpers.tasks import Task


def price(amount, *keys: str) -> dict:
    """Return a price in Walmart's own form, its keys in an order."""
    row = {"sku": "A", "pricing": [{"currentPrice": {"currency": "USD", "amount": amount}}]}
    return {key: row[key] for key in keys}


def other_order(value):
    """Return the same value with its keys in another order."""
    if isinstance(value, list):
        return [other_order(inner) for inner in value]
    return {key: other_order(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("feed_type", "first", "again", "changed", "options"),
    [
        ("price", {"sku": "A", "price": 5}, {"price": "5.00", "sku": "A"}, {"sku": "A", "price": 6}, {}),
        ("price", price(5, "sku", "pricing"), price(5.0, "pricing", "sku"), price(6, "sku", "pricing"), {}),
        (
            "MP_MAINTENANCE",
            mug(price=5),
            other_order(mug(price=5.0)),
            mug(price=6),
            {"feed_header": HEADER, "root_key": "MPItem"},
        ),
    ],
    ids=["plain", "own form", "other type"],
)
def test_rows_that_say_the_same_are_sent_once_as_they_are_written(
    shop, tmp_path, feed_type, first, again, changed, options
):
    shop.settings(feed_seconds=0)
    task, path = Task(), tmp_path / "rows.jsonl"

    def run(row):
        path.write_text(json.dumps(row) + "\n")
        fields = {
            "task_id": "a_task",
            "feed_type": feed_type,
            "records_path": str(path),
            "poll_interval": 0.05,
        }
        return task.run(lambda: WalmartSubmitFeedOperator(**fields, deferrable=False, **options))["feedIds"]

    [feed_id] = run(first)
    assert run(again) == [feed_id]
    assert run(changed) != [feed_id]
    sent = [entry for entry in shop.received("^/v3/feeds$") if entry["method"] == "POST"]
    assert len(sent) == 2
