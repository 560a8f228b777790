"""A snapshot rebuilt from what the sandbox has."""

from __future__ import annotations

import time

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.sandbox.core.state import NODES
from airflow_provider_walmart.storage.reconcile import reconcile
from tests.helpers.tasks import Task


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(feed_submit, "SETTLE", 0.3)
    shop.settings(feed_seconds=0)


def send(tmp_path, feed_type, rows, run, **options):
    return Task(map_index=run).run(
        lambda: WalmartSubmitFeedOperator(
            task_id="a_task",
            feed_type=feed_type,
            records=rows,
            send="changed",
            snapshot_path=f"{tmp_path}/accepted.sqlite",
            poll_interval=0.05,
            deferrable=False,
            **options,
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


FIRST, SECOND = NODES
STOCK = [
    {"sku": "A", "ship_node": FIRST, "quantity": 5},
    {"sku": "A", "ship_node": SECOND, "quantity": 7},
    {"sku": "B", "ship_node": FIRST, "quantity": 3},
]


def stock_of(sku):
    answer = client().call("getMultiNodeInventoryForSkuAndAllShipnodes", params={"sku": sku})
    return {node["shipNode"]: node["inputQty"]["amount"] for node in answer["nodes"]}


def test_stock_that_was_changed_elsewhere_is_sent_again_for_its_ship_node_only(shop, tmp_path):
    shop.server.control("POST", "seed", {"inventories": ["A", "B"]})
    send(tmp_path, "MP_INVENTORY", STOCK, 1)
    assert send(tmp_path, "MP_INVENTORY", STOCK, 2)["sent"] == 0
    sold = {"shipNode": SECOND, "inputQty": {"unit": "EACH", "amount": 6}}
    client().call("updateMultiNodeInventory", params={"sku": "A"}, body={"inventories": {"nodes": [sold]}})
    time.sleep(1.1)
    # Both SKUs at both ship nodes, of which B at the second one was never sent.
    assert reconcile(client(), "mp_inventory", f"{tmp_path}/accepted.sqlite") == (4, 2)
    assert send(tmp_path, "MP_INVENTORY", STOCK, 3)["sent"] == 1
    assert stock_of("A") == {FIRST: 5, SECOND: 7}


def test_stock_of_a_sku_that_walmart_does_not_know_is_never_taken_for_accepted(shop, tmp_path):
    shop.server.control("POST", "seed", {"inventories": ["A", "B"]})
    shop.settings(known_skus_only=True)
    rows = [*STOCK, {"sku": "NOBODY", "ship_node": FIRST, "quantity": 4}]
    first = send(tmp_path, "MP_INVENTORY", rows, 1, allowed_failures=1)
    assert (first["sent"], first["itemsFailed"]) == (4, 1)
    time.sleep(1.1)
    reconcile(client(), "MP_INVENTORY", f"{tmp_path}/accepted.sqlite")
    with pytest.raises(AirflowFailException, match=r"1 of 1 items failed.*NOBODY"):
        send(tmp_path, "MP_INVENTORY", rows, 2)
    assert shop.counts()["POST", "/v3/feeds"] == 2


def test_stock_of_skus_that_walmart_lists_without_any_is_sent_again(shop, tmp_path):
    without = {
        "no nodes": {"nodes": []},
        "nodes null": {"nodes": None},
        "nodes absent": {},
        "a node with errors": {"nodes": [{"shipNode": FIRST, "errors": [{"code": "CONTENT_NOT_FOUND"}]}]},
        "no amount": {"nodes": [{"shipNode": FIRST, "inputQty": {"unit": "EACH", "amount": None}}]},
    }
    rows = [{"sku": sku, "ship_node": FIRST, "quantity": 3} for sku in ("A", *without)]
    send(tmp_path, "MP_INVENTORY", rows, 1)
    time.sleep(1.1)
    with_stock = {"nodes": [{"shipNode": FIRST, "inputQty": {"unit": "EACH", "amount": 3}}]}
    listed = [{"sku": sku, **nodes} for sku, nodes in {"A": with_stock, **without}.items()]
    answer = {"meta": {"totalCount": len(listed)}, "elements": {"inventories": listed}}
    shop.fault("/v3/inventories", status=200, body=answer, times=1)
    assert reconcile(client(), "MP_INVENTORY", f"{tmp_path}/accepted.sqlite") == (1, 0)
    assert send(tmp_path, "MP_INVENTORY", rows, 2)["sent"] == len(without)
