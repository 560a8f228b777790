"""The ledger of what was sent for which SKU, and what became of it, over real HTTP; deferred or not."""

from __future__ import annotations

import json
import sys

import duckdb
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from tests.helpers.documents import blocks
from tests.helpers.tasks import Task, event_of

SYSTEM = {"type": "SYSTEM_ERROR", "code": "ERR_INT_SYS_0101002", "description": "Try later."}
DATA = {"type": "DATA_ERROR", "code": "ERR_EXT_DATA_0101119\t", "description": "Wrong."}


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(feed_submit, "SETTLE", 0.3)
    monkeypatch.setattr(feed_submit, "READ_EVERY", 0.1)
    shop.settings(feed_seconds=0, limits=False)


def prices(folder, **fields):
    known = {
        "task_id": "a_task",
        "feed_type": "price",
        "records": [{"sku": sku, "price": number + 1} for number, sku in enumerate(("A", "B", "C"))],
        "submissions_path": f"{folder}/ledger",
        "poll_interval": 0.05,
        "allowed_failures": 2,
        "deferrable": False,
    }
    return lambda: WalmartSubmitFeedOperator(**{**known, **fields})


def ledger(folder) -> list[tuple]:
    return duckdb.sql(
        "SELECT item_index, sku, CAST(json_extract(sent, '$.pricing[0].currentPrice.amount') AS DOUBLE), "
        f"ingestion_status, error_codes, dag_id, task_id FROM '{folder}/ledger/*.parquet' "
        "ORDER BY submitted_at, item_index"
    ).fetchall()


@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
def test_each_item_has_a_row_for_each_time_it_was_sent(deferrable, shop, tmp_path):
    shop.settings(refused_skus={"B": SYSTEM, "C": DATA})
    make = prices(tmp_path, resend_transient=1, resend_after=0, deferrable=deferrable)
    task = Task()
    task.run(make)
    made_by = ("a_dag", "a_task")
    expected = [
        (0, "A", 1.0, "SUCCESS", None, *made_by),
        (1, "B", 2.0, "SYSTEM_ERROR", SYSTEM["code"], *made_by),
        (2, "C", 3.0, "DATA_ERROR", DATA["code"].strip(), *made_by),
        (0, "B", 2.0, "SYSTEM_ERROR", SYSTEM["code"], *made_by),
    ]
    assert ledger(tmp_path) == expected
    # Another try of the run writes the same file, another run one of its own.
    task.run(make)
    assert ledger(tmp_path) == expected
    Task(map_index=2).run(prices(tmp_path))
    assert len(ledger(tmp_path)) == 7


def test_the_statement_of_the_page_tells_what_became_of_a_sku(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Task().run(prices("."))
    (block,) = [block for block in blocks("sql") if block.document.name == "feeds.md"]
    ((_, dag, task, sent, status, codes),) = duckdb.sql(block.text.replace("LAMP-1", "B")).fetchall()
    assert (dag, task, status, codes) == ("a_dag", "a_task", "SUCCESS", None)
    assert json.loads(sent)["sku"] == "B"


def test_a_feed_that_fails_has_its_rows(shop, tmp_path):
    shop.settings(refused_skus={"C": DATA})
    with pytest.raises(AirflowFailException, match="1 of 3 items failed"):
        Task().run(prices(tmp_path, allowed_failures=0))
    assert [row[3] for row in ledger(tmp_path)] == ["SUCCESS", "SUCCESS", "DATA_ERROR"]


def test_only_what_changed_is_in_the_ledger_of_a_run_that_sends_only_that(shop, tmp_path):
    changed = {"send": "changed", "snapshot_path": f"{tmp_path}/prices.sqlite"}
    Task(map_index=1).run(prices(tmp_path, **changed))
    rows = [{"sku": "A", "price": 1}, {"sku": "B", "price": 9}]
    Task(map_index=2).run(prices(tmp_path, records=rows, **changed))
    assert [row[1:4] for row in ledger(tmp_path)][3:] == [("B", 9.0, "SUCCESS")]


def test_a_value_that_is_no_longer_in_the_input_is_not_made_up(shop, tmp_path, capsys):
    path = tmp_path / "prices.jsonl"
    path.write_text('{"sku": "A", "price": 1}\n')
    task, make = Task(), prices(tmp_path, records=None, records_path=str(path), deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        make().execute(task.context())
    path.write_text(json.dumps({"sku": "A", "price": 7}))
    make().execute_complete(task.context(), event_of(deferral.value.trigger))
    assert [row[1:4] for row in ledger(tmp_path)] == [("A", None, "SUCCESS")]
    path.unlink()
    make().execute_complete(task.context(), event_of(deferral.value.trigger))
    assert [row[1:4] for row in ledger(tmp_path)] == [("A", None, "SUCCESS")]
    assert "can't be read again to say which values were sent" in capsys.readouterr().out


def test_a_ledger_that_cannot_be_is_an_error_before_anything_is_sent(shop, tmp_path, monkeypatch):
    with pytest.raises(AirflowFailException, match="wait_for_completion is False: what became of items"):
        Task().run(prices(tmp_path, wait_for_completion=False))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(AirflowFailException, match="submissions_path needs pyarrow"):
        Task().run(prices(tmp_path))
    assert not shop.received("^/v3/feeds")
