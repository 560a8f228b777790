"""Keys that somebody resets at Walmart and edits in the connection while they are in use."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_walmart.client.errors import WalmartAuthError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator, WalmartSubmitFeedOperator
from tests.helpers.exporting import after_each_page

OLD, NEW = "sandbox", "new-secret"
CONNECTION = "AIRFLOW_CONN_WALMART_DEFAULT"


@pytest.fixture
def edit(monkeypatch) -> Callable[..., None]:
    """Return a function that edits the connection."""

    def change(**fields: Any) -> None:
        monkeypatch.setenv(CONNECTION, json.dumps({**json.loads(os.environ[CONNECTION]), **fields}))

    return change


@pytest.fixture
def reset(shop, edit) -> Callable[[], None]:
    """Return a function that resets the keys, once, so that nothing works with the old ones, and edits the connection."""
    shop.settings(limits=False)
    todo = [True]

    def act() -> None:
        if todo:
            todo.clear()
            shop.settings(secrets={"an-id": NEW})
            shop.revoke_tokens()
            edit(password=NEW)

    return act


def tokens(shop) -> list[int]:
    """Return how the token calls were answered."""
    return [entry["status"] for entry in shop.received("token$")]


def before_call(client: Any, number: int, act: Callable[[], None]) -> None:
    """Let something happen before the call of this number."""
    call, made = client.call, []

    def watched(*args: Any, **kwargs: Any) -> Any:
        made.append(args)
        if len(made) == number:
            act()
        return call(*args, **kwargs)

    client.call = watched


def test_a_long_list_is_read_on(shop, reset):
    shop.server.control("POST", "seed", {"orders": 10})
    hook, found = WalmartHook(), []
    for order in hook.paginate("getAllOrders", limit=3):
        found.append(order["purchaseOrderId"])
        if len(found) == 5:
            reset()
    assert len(set(found)) == len(found) == 10
    # The first one, the old keys once, and the new ones once.
    assert tokens(shop) == [200, 401, 200]


def test_many_reads_side_by_side_go_on(shop, reset):
    placed = shop.server.control("POST", "seed", {"orders": 60})["orders"]
    rows, found = [{"purchaseOrderId": order} for order in placed], []
    for _, answer in WalmartHook().call_many("getAnOrder", rows, concurrency=8):
        found.append(answer["purchaseOrderId"])
        if len(found) == 10:
            reset()
    assert found == placed
    # The old keys are tried once or twice, and by no means by each call; how often depends on how the threads run.
    answered = tokens(shop)
    assert answered.count(200) == 2
    assert 1 <= answered.count(401) <= 8


@pytest.mark.parametrize("operation", ["getAllOrders", "getAllItems", "getAllFeedStatuses"])
def test_an_export_goes_on(operation, shop, reset, tmp_path):
    shop.server.control("POST", "seed", {"orders": {"count": 60, "age": 60, "spacing": 1}, "items": 60})
    shop.feeds(*({"age": 60 + number} for number in range(60)))
    made = WalmartExportOperator(
        task_id="export",
        operation=operation,
        output_path=str(tmp_path / "rows.jsonl"),
        api_params={"limit": 20},
    )
    after_each_page(made, reset)
    assert made.execute({})["records"] == 60
    assert 401 in tokens(shop)


def test_a_report_is_downloaded(shop, reset, tmp_path):
    hook = WalmartHook()
    request = hook.request_report("ITEM")
    shop.advance(7200)
    reset()
    assert hook.download_report(request["requestId"], tmp_path / "report.zip") > 0
    assert tokens(shop) == [200, 401, 200]


def test_a_feed_is_judged_to_its_last_item(shop, reset, tmp_path):
    feed_id = shop.feed(items=120, failed=60, feedStatus="PROCESSED")
    made = WalmartFeedStatusOperator(
        task_id="check",
        feed_id=feed_id,
        allowed_failures=60,
        item_errors_path=str(tmp_path / "errors.jsonl"),
    )
    before_call(made.hook.client, 3, reset)
    assert made.execute({})["itemsFailed"] == 60
    assert len((tmp_path / "errors.jsonl").read_text().splitlines()) == 60
    assert 401 in tokens(shop)


@pytest.mark.parametrize("call", range(1, 6))
def test_a_feed_is_sent_once_whenever_the_keys_are_reset(call, shop, reset):
    shop.settings(feed_seconds=0)
    made = WalmartSubmitFeedOperator(
        task_id="submit", feed_type="price", records=[{"sku": "A", "price": 1}], poll_interval=0.05
    )
    made.hook.client.access_token()
    before_call(made.hook.client, call, reset)
    assert made.execute({})["itemsSucceeded"] == 1
    assert len([entry for entry in shop.received("/v3/feeds$") if entry["method"] == "POST"]) <= 2
    taken = [
        entry for entry in shop.received("/v3/feeds$") if entry["method"] == "POST" and entry["status"] == 200
    ]
    assert len(taken) == 1


def test_a_write_is_done_once(shop, reset):
    (order,) = shop.server.control("POST", "seed", {"orders": 1})["orders"]
    hook = WalmartHook()
    hook.get_access_token()
    reset()
    hook.call("acknowledgeOrders", purchaseOrderId=order)
    assert [entry["status"] for entry in shop.received("acknowledge$")] == [401, 200]


def test_keys_that_are_not_edited_yet_are_tried_once_and_may_be_retried(shop, edit, caplog):
    shop.settings(limits=False)
    hook = WalmartHook()
    rows = [{"purchaseOrderId": str(number)} for number in range(100)]
    hook.get_access_token()
    shop.settings(secrets={"an-id": NEW})
    shop.revoke_tokens()
    # So that others are on their way when the first one is refused.
    shop.fault("^/v3/orders/", delay=0.3, times=16)
    with pytest.raises(WalmartAuthError, match="These keys worked a moment ago") as caught:
        list(hook.call_many("getAnOrder", rows, concurrency=16))
    # Somebody is about to edit the connection: a retry may have the new keys.
    assert not caught.value.is_final
    # Many calls take the outcome of one try; how many depends on how the threads run.
    refused = [entry for entry in shop.received("^/v3/orders/") if entry["status"] == 401]
    assert tokens(shop).count(401) <= max(1, len(refused) // 2)
    made = WalmartApiOperator(task_id="read", operation="getAllOrders")
    # So may another task, that found the old token in the shared state.
    with pytest.raises(WalmartAuthError, match="These keys worked a moment ago"):
        made.execute({})
    edit(password=NEW)
    assert made.execute({}) is not None
    assert hook.call("getAllOrders")
    assert OLD not in caplog.text.replace("sandbox server", "")
    assert NEW not in caplog.text


@pytest.mark.parametrize(
    "other",
    [{"extra": {"partner_id": "10001"}}, {"extra": {"market": "ca"}}, {"extra": {"environment": "sandbox"}}],
    ids=["partner", "market", "environment"],
)
def test_a_connection_that_leads_to_another_account_is_not_gone_on_with(other, shop, reset, edit, caplog):
    shop.server.control("POST", "seed", {"orders": 10})
    found = WalmartHook().paginate("getAllOrders", limit=3)
    next(found)
    reset()
    edit(**other)
    with pytest.raises(WalmartAuthError):
        list(found)
    assert "leads to another account now" in caplog.text
    assert tokens(shop) == [200, 401]


def test_threads_of_one_client_change_its_keys_together(shop, reset):
    hook = WalmartHook()
    hook.get_access_token()
    reset()
    start, found = threading.Barrier(16), []

    def read() -> None:
        start.wait(30)
        found.append(hook.call("getAllFeedStatuses"))

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert tokens(shop).count(200) == 2
    assert tokens(shop).count(401) < 16
