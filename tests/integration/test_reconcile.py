"""A snapshot rebuilt from what the sandbox has."""

from __future__ import annotations

import time

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.storage.reconcile import reconcile
from tests.helpers.tasks import Task


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(feed_submit, "SETTLE", 0.3)
    shop.settings(feed_seconds=0)


def send(tmp_path, feed_type, rows, run):
    return Task(map_index=run).run(
        lambda: WalmartSubmitFeedOperator(
            task_id="a_task",
            feed_type=feed_type,
            records=rows,
            send="changed",
            snapshot_path=f"{tmp_path}/accepted.sqlite",
            poll_interval=0.05,
            deferrable=False,
        )
    )


def client():
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    return WalmartHook().client


def test_a_price_that_was_changed_elsewhere_is_sent_again(shop, tmp_path):
    shop.server.control("POST", "seed", {"items": 3})
    items = list(client().paginate("getAllItems"))
    rows = [{"sku": item["sku"], "price": 20 + number} for number, item in enumerate(items)]
    send(tmp_path, "price", rows, 1)
    assert send(tmp_path, "price", rows, 2)["sent"] == 0
    elsewhere = {"task_id": "elsewhere", "feed_type": "price", "records": [{**rows[0], "price": 5}]}
    Task(map_index=9).run(
        lambda: WalmartSubmitFeedOperator(**elsewhere, poll_interval=0.05, deferrable=False)
    )
    # What was accepted in the second in which reading begins stays as it is.
    time.sleep(1.1)
    kept, changed = reconcile(client(), "price", f"{tmp_path}/accepted.sqlite")
    assert (kept, changed) == (3, 1)
    assert send(tmp_path, "price", rows, 3)["sent"] == 1


def test_another_feed_type_is_refused(shop, tmp_path):
    with pytest.raises(WalmartConfigError, match="allowed: price, MP_INVENTORY"):
        reconcile(client(), "lagtime", f"{tmp_path}/accepted.sqlite")
