"""The feed-status example DAG in a real Airflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

pytestmark = pytest.mark.system

DAG, TASK = "walmart_feed_status", "check_feeds"


@pytest.fixture(autouse=True)
def _empty_shop(sandbox: LocalSandbox) -> None:
    sandbox.control("/reset", {})


def test_green_when_no_item_failed(airflow: LocalAirflow, sandbox: LocalSandbox, failed_items: Path) -> None:
    done = {"feedId": "DONE@AQMBAQA", "feedType": "MP_INVENTORY", "items": 3, "age": 7200}
    under_way = {
        "feedId": "UNDERWAY@AQMBAQA",
        "feedType": "price",
        "feedStatus": "INPROGRESS",
        "items": 4,
        "processing": 1,
        "age": 60,
    }
    sandbox.control("/seed", {"feeds": [done, under_way]})

    run = airflow.trigger(DAG)

    assert airflow.wait_for_run(DAG, run) == "success"
    assert airflow.xcom(DAG, run, TASK)["feeds"] == [
        {
            "feedId": "UNDERWAY@AQMBAQA",
            "feedType": "price",
            "feedStatus": "INPROGRESS",
            "itemsReceived": 4,
            "itemsSucceeded": 3,
            "itemsFailed": 0,
            "itemsProcessing": 1,
        },
        {
            "feedId": "DONE@AQMBAQA",
            "feedType": "MP_INVENTORY",
            "feedStatus": "PROCESSED",
            "itemsReceived": 3,
            "itemsSucceeded": 3,
            "itemsFailed": 0,
            "itemsProcessing": 0,
        },
    ]
    assert not (failed_items / f"{run}.jsonl").exists()


def test_red_with_the_failed_skus_when_items_failed(
    airflow: LocalAirflow, sandbox: LocalSandbox, failed_items: Path
) -> None:
    error = {
        "type": "DATA_ERROR",
        "code": "ERR_PRICE_7",
        "description": "The price is below the floor.",
        "field": "price",
    }
    items = [{"sku": "LAMP-1"}, {"sku": "LAMP-2", "errors": [error]}, {"sku": "LAMP-3", "errors": [error]}]
    sandbox.control(
        "/seed", {"feeds": [{"feedId": "BAD@AQMBAQA", "feedType": "price", "items": items, "age": 900}]}
    )

    run = airflow.trigger(DAG)

    assert airflow.wait_for_run(DAG, run) == "failed"
    [task] = airflow.task_instances(DAG, run)
    assert (task["state"], task["try_number"]) == ("failed", 1), "no retry can make the items good"
    log = airflow.task_log(DAG, run, TASK)
    for told in ("BAD@AQMBAQA", "ERR_PRICE_7", "LAMP-2", "LAMP-3"):
        assert told in log
    assert "LAMP-1" not in log

    table = failed_items / f"{run}.jsonl"
    result = airflow.xcom(DAG, run, TASK)
    assert result["itemErrorsUri"] == str(table)
    assert result["feeds"] == [
        {
            "feedId": "BAD@AQMBAQA",
            "feedType": "price",
            "feedStatus": "PROCESSED",
            "itemsReceived": 3,
            "itemsSucceeded": 1,
            "itemsFailed": 2,
            "itemsProcessing": 0,
        }
    ]
    assert [json.loads(line) for line in table.read_text().splitlines()] == [
        {
            "feedId": "BAD@AQMBAQA",
            "sku": sku,
            "index": index,
            "status": "DATA_ERROR",
            "type": "DATA_ERROR",
            "code": "ERR_PRICE_7",
            "field": "price",
            "description": "The price is below the floor.",
            "action": "fix",
            "hint": "Something in the row is wrong. To do: fix the row.",
        }
        for index, sku in [(1, "LAMP-2"), (2, "LAMP-3")]
    ]


def test_two_runs_need_one_token(airflow: LocalAirflow, sandbox: LocalSandbox) -> None:
    sandbox.control("/seed", {"feeds": [{"items": 1, "age": 900}]})

    for _ in range(2):
        assert airflow.wait_for_run(DAG, airflow.trigger(DAG)) == "success"

    assert [call["status"] for call in sandbox.control("/requests?path=/v3/token$")] == [200]
