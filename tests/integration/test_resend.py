"""Items that failed at Walmart are sent again as feeds of their own, over real HTTP; deferred or not."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.client.feeds.status import iter_feed_items, iter_feeds
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.triggers.base import WalmartTimeTrigger
from tests.helpers.exporting import in_a_fork
from tests.helpers.tasks import StateStore, Task, event_of

SYSTEM = {"type": "SYSTEM_ERROR", "code": "ERR_INT_SYS_0101002", "description": "Try later."}
TIMEOUT = {"type": "TIMEOUT_ERROR", "code": "ERR_INT_SYS_0801001", "description": "Too slow."}
DATA = {"type": "DATA_ERROR", "code": "ERR_INT_SYS_0101139", "description": "Wrong."}
MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
SKUS = [f"S{number}" for number in range(6)]


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(feed_submit, "SETTLE", 0.3)
    monkeypatch.setattr(feed_submit, "READ_EVERY", 0.1)
    shop.settings(feed_seconds=0, limits=False)


@pytest.fixture
def later(shop, monkeypatch):
    """Return a function that says what Walmart refuses after each hour, and returns the pauses that were made."""

    def say(*refused: dict[str, dict]) -> list[float]:
        rounds, pauses = iter(refused), []

        def pass_time(seconds: float) -> None:
            pauses.append(seconds)
            shop.settings(refused_skus=next(rounds, {}))

        real = time.sleep
        monkeypatch.setattr(time, "sleep", lambda s: pass_time(s) if s > 60 else real(s))
        run = WalmartTimeTrigger.run

        async def run_at_once(self: WalmartTimeTrigger) -> Any:
            pass_time(self.resume["limit"]["since"])
            async for event in run(self):
                yield event

        monkeypatch.setattr(WalmartTimeTrigger, "run", run_at_once)
        return pauses

    return say


def prices(**fields):
    known = {
        "task_id": "a_task",
        "feed_type": "price",
        "records": [{"sku": sku, "price": number + 1} for number, sku in enumerate(SKUS)],
        "resend_transient": 3,
        "poll_interval": 0.05,
        "deferrable": False,
    }
    return lambda: WalmartSubmitFeedOperator(**{**known, **fields})


def sent(shop) -> list[list[str]]:
    """Return the SKUs of each feed that Walmart has, oldest first."""
    return [[item["sku"] for item in iter_feed_items(client(), feed_id)] for feed_id in shop_feeds(shop)]


def client():
    return prices()().hook.client


def shop_feeds(shop) -> list[str]:
    return [feed["feedId"] for feed in sorted(iter_feeds(client()), key=lambda feed: feed["feedDate"])]


@MODES
def test_what_failed_at_walmart_is_sent_again_until_it_is_applied(deferrable, shop, later):
    shop.settings(refused_skus={"S1": SYSTEM, "S3": TIMEOUT})
    pauses = later({"S3": TIMEOUT}, {})
    task = Task()
    result = task.run(prices(deferrable=deferrable))
    assert sent(shop) == [SKUS, ["S1", "S3"], ["S3"]]
    assert result["feedIds"] == shop_feeds(shop) == task.xcom["feed_ids"]
    assert (result["itemsReceived"], result["itemsSucceeded"], result["itemsFailed"]) == (6, 6, 0)
    assert [feed["itemsReceived"] for feed in result["feeds"]] == [4, 1, 1]
    assert len(pauses) == 2
    if not deferrable:
        assert all(3590 < seconds <= 3600 for seconds in pauses)


@MODES
def test_what_is_wrong_in_a_row_is_not_sent_again(deferrable, shop, later, tmp_path):
    shop.settings(refused_skus={"S1": DATA, "S2": SYSTEM})
    later({"S2": DATA})
    errors = tmp_path / "failed.jsonl"
    with pytest.raises(AirflowFailException, match=r"2 of 6 items failed.*ERR_INT_SYS_0101139"):
        Task().run(prices(deferrable=deferrable, item_errors_path=str(errors)))
    assert sent(shop) == [SKUS, ["S2"]]
    rows = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(row["feedId"], row["sku"], row["code"]) for row in rows] == [
        (shop_feeds(shop)[0], "S1", DATA["code"]),
        (shop_feeds(shop)[1], "S2", DATA["code"]),
    ]
    # Both of them, and no more than those, are allowed failures.
    shop.settings(refused_skus={"S1": DATA, "S2": SYSTEM})
    later({"S2": DATA})
    assert Task(map_index=2).run(prices(allowed_failures=2))["itemsFailed"] == 2


@MODES
@pytest.mark.parametrize("times", [0, 1, 2])
def test_an_item_is_sent_again_so_many_times_and_no_more(times, deferrable, shop, later):
    shop.settings(refused_skus={"S1": SYSTEM})
    later(*[{"S1": SYSTEM}] * 3)
    task = Task()
    with pytest.raises(AirflowFailException, match="1 of 6 items failed"):
        task.run(prices(deferrable=deferrable, resend_transient=str(times)))
    assert sent(shop) == [SKUS, *[["S1"]] * times]


def test_each_of_several_feeds_has_a_feed_of_its_own(shop, later, monkeypatch):
    rows = [{"sku": f"S{n}", "price": 1 + n % 7} for n in range(10_500)]
    shop.settings(refused_skus={"S3": SYSTEM, "S10200": SYSTEM})
    later()
    result = Task().run(prices(records=rows))
    assert [len(skus) for skus in sent(shop)] == [10_000, 500, 1, 1]
    assert sorted(sent(shop)[2:]) == [["S10200"], ["S3"]]
    assert (result["itemsReceived"], result["itemsFailed"]) == (10_500, 0)


@pytest.mark.parametrize("step", range(6))
def test_whatever_dies_when_each_item_goes_out_once_more(step, shop, tmp_path):
    """A try is killed before one of the times that it stores something; the next one goes on."""
    shop.settings(refused_skus={"S1": SYSTEM})
    path = tmp_path / "state.json"
    make = prices(resend_after=timedelta(seconds=0.2), resend_transient=1, allowed_failures=1)

    class FileState(StateStore):
        left = step

        def set(self, key: str, value: Any, **_: Any) -> None:
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
            super().set(key, value)
            path.write_text(json.dumps(self))

    def first_try() -> None:
        task = Task()
        task.state = FileState()
        task.run(make)

    os.waitpid(in_a_fork(first_try), 0)
    task = Task()
    task.state.update(json.loads(path.read_text()) if path.exists() else {})
    task.tries = 1
    result = task.run(make)
    assert sent(shop) == [SKUS, ["S1"]]
    assert (result["itemsReceived"], result["itemsSucceeded"], result["itemsFailed"]) == (6, 5, 1)


def test_the_snapshot_has_what_was_accepted_at_last(shop, later, tmp_path):
    shop.settings(refused_skus={"S1": SYSTEM})
    later({})
    fields = {"send": "changed", "snapshot_path": f"{tmp_path}/prices.sqlite"}
    Task(map_index=1).run(prices(**fields))
    assert sent(shop) == [SKUS, ["S1"]]
    result = Task(map_index=2).run(prices(**fields))
    assert (result["sent"], result["unchanged"]) == (0, 6)


def test_input_that_changed_meanwhile_is_not_sent_in_its_place(shop, tmp_path, capsys):
    path = tmp_path / "prices.jsonl"
    path.write_text('{"sku": "S1", "price": 1}\n{"sku": "S2", "price": 2}\n')
    shop.settings(refused_skus={"S1": SYSTEM})
    task, make = Task(), prices(records=None, records_path=str(path), deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        make().execute(task.context())
    path.write_text('{"sku": "S1", "price": 9}\n{"sku": "S2", "price": 2}\n')
    with pytest.raises(AirflowFailException, match="1 of 2 items failed"):
        make().execute_complete(task.context(), event_of(deferral.value.trigger))
    assert "the input has changed since" in capsys.readouterr().out
    assert len(shop_feeds(shop)) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"resend_transient": -1}, "resend_transient is '-1'; expected a whole number of at least 0"),
        ({"resend_transient": True}, "resend_transient is 'True'"),
        ({"wait_for_completion": False}, "wait_for_completion is False: which items failed is known"),
    ],
)
def test_bad_input_is_an_error_when_the_dag_is_parsed(fields, message):
    with pytest.raises(WalmartConfigError, match=message):
        prices(**fields)()


def test_bad_input_of_a_template_is_an_error_before_anything_is_sent(shop):
    def make():
        operator = prices(resend_transient="{{ params.times }}")()
        operator.resend_transient = "often"
        return operator

    with pytest.raises(AirflowFailException, match="resend_transient is 'often'"):
        Task().run(make)
    assert not shop.received("^/v3/feeds")
