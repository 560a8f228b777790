"""One read for each of many rows, side by side, over real HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.exceptions import AirflowFailException

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConfigError,
    WalmartNotFoundError,
    WalmartServerError,
)
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.api import WalmartApiOperator

SKUS = [f"SKU-{number:06}" for number in range(1, 41)]
ONE = "GET /v3/items/{id}"


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    shop.server.control("POST", "seed", {"items": 40})
    return shop


@pytest.fixture
def hook(shop) -> WalmartHook:
    made = WalmartHook()
    made.client.session.throttle = None
    return made


def operator(target: Path, **fields) -> WalmartApiOperator:
    fields = {"operation": ONE, "output_path": str(target), **fields}
    made = WalmartApiOperator(task_id="read", **fields)
    made.hook.client.session.throttle = None
    return made


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked(shop) -> list[str]:
    return [entry["path"].rpartition("/")[2] for entry in shop.received("^/v3/items/")]


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_answers_come_in_the_order_given_each_asked_for_once(concurrency, hook, shop):
    found = list(hook.call_many(ONE, ({"id": sku} for sku in SKUS), concurrency=concurrency))
    assert [params["id"] for params, _ in found] == SKUS
    assert [answer["sku"] for _, answer in found] == SKUS
    assert sorted(asked(shop)) == SKUS


def test_a_failed_call_gives_its_error_and_ends_nothing(hook):
    found = list(hook.call_many(ONE, [{"id": SKUS[0]}, {"id": "none"}, {"id": SKUS[1]}, {"ID": "x"}]))
    kinds = [type(answer) for _, answer in found]
    assert kinds == [dict, WalmartNotFoundError, dict, WalmartConfigError]


def test_nothing_that_changes_something_is_called_for_many_rows(hook, shop):
    with pytest.raises(WalmartConfigError, match="only what reads"):
        hook.call_many("DELETE /v3/items/{sku}", [{"sku": "a"}])
    assert not shop.received()


def test_keys_that_are_refused_end_all(hook, shop):
    shop.fault("/v3/items", status=401)
    with pytest.raises(WalmartAuthError):
        list(hook.call_many(ONE, [{"id": sku} for sku in SKUS], concurrency=4))
    assert len(shop.received("^/v3/items")) <= 16


def test_calls_are_on_their_way_at_the_same_time_and_few_are_taken_ahead(hook, shop):
    shop.fault("/v3/items", delay=0.3)
    taken: list[str] = []

    def rows():
        for sku in SKUS:
            taken.append(sku)
            yield {"id": sku}

    started = time.monotonic()
    found = hook.call_many(ONE, rows(), concurrency=8)
    next(found)
    assert len(taken) <= 17
    assert len(list(found)) == 39
    assert time.monotonic() - started < 40 * 0.3 / 2


def test_who_has_to_wait_longer_than_a_call_may_comes_later(shop, monkeypatch):
    hook = WalmartHook()
    monkeypatch.setattr(hook.client.session.throttle, "_max_wait", 0.5)
    monkeypatch.setattr(hook.client.session.retries, "MAX_WAIT", 0.5)
    shop.fault("/v3/items", status=429, headers={"Retry-After": "2"}, skip=5, times=1)
    found = list(hook.call_many(ONE, [{"id": sku} for sku in SKUS], concurrency=4))
    assert [answer["sku"] for _, answer in found] == SKUS


def test_rows_of_a_file_land_as_lines_with_the_errors_of_those_that_failed(shop, tmp_path):
    file = tmp_path / "skus.csv"
    file.write_text("id\n" + "\n".join([*SKUS[:3], "1E5", *SKUS[3:5]]) + "\n")
    target = tmp_path / "lake" / "items.jsonl"
    result = operator(target, records_path=file).execute({})
    assert result == {"uri": str(target), "records": 6, "failed": 1}
    found = lines(target)
    assert [line["params"]["id"] for line in found] == [*SKUS[:3], "1E5", *SKUS[3:5]]
    assert found[0]["result"]["sku"] == SKUS[0]
    error = found[3]["error"]
    assert "result" not in found[3]
    assert error["status"] == 404
    assert error["type"] == "WalmartNotFoundError"
    assert error["errors"][0]["code"].startswith("CONTENT_NOT_FOUND")
    assert [entry.name for entry in target.parent.iterdir()] == ["items.jsonl"]


def test_parameters_of_the_task_go_with_each_row(shop, tmp_path):
    operator(tmp_path / "x.jsonl", records=[{"id": SKUS[0]}], api_params={"productIdType": "SKU"}).execute({})
    assert shop.received("^/v3/items/")[0]["query"] == "productIdType=SKU"


def test_when_all_fail_the_task_does(shop, tmp_path):
    target = tmp_path / "x.jsonl"
    with pytest.raises(WalmartNotFoundError):
        operator(target, records=[{"id": "a"}, {"id": "b"}]).execute({})
    assert len(lines(target)) == 2


def test_no_rows_are_an_empty_file(shop, tmp_path):
    target = tmp_path / "x.jsonl"
    assert operator(target, records=[]).execute({}) == {"uri": str(target), "records": 0, "failed": 0}
    assert target.read_bytes() == b""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"records": [{"id": "a"}], "records_path": "x.csv"}, "Give one of"),
        ({"records": [{"id": "a"}], "output_path": None}, "needs output_path"),
        ({"records": [{"id": "a"}], "paginate": True}, "needs output_path"),
        ({"records": [{"sku": "a"}]}, "sku"),
        ({"records": "a"}, "expected a list of dicts"),
        ({"records": [{"id": "a"}], "concurrency": 0}, "concurrency"),
        ({"records": [{"sku": "a"}], "operation": "DELETE /v3/items/{sku}"}, "only what reads"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(fields, said, shop, tmp_path):
    with pytest.raises(AirflowFailException, match=said):
        operator(**{"target": tmp_path / "x.jsonl", **fields}).execute({})
    assert not shop.received("^/v3/items")


SCRIPT = """
import json, sys
from types import SimpleNamespace
from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.storage import many_answers
many_answers.PART_LINES = 5
fields = json.loads(sys.argv[1])
ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)
WalmartApiOperator(task_id="t", **fields).execute({"ti": ti})
"""
TRY = {"ti": SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)}
OTHER_RUN = {"ti": SimpleNamespace(dag_id="d", task_id="t", run_id="s", map_index=-1)}


@pytest.mark.parametrize("context", [TRY, OTHER_RUN], ids=["the next try", "another run"])
def test_what_a_killed_try_has_read_the_next_one_does_not_ask_again(context, shop, tmp_path):
    target = tmp_path / "lake" / "items.jsonl"
    fields = {"operation": ONE, "output_path": str(target), "records": [{"id": sku} for sku in SKUS]}
    # With more at once, one of the first twenty may come behind the calls that are answered.
    fields["concurrency"] = 2
    shop.fault("/v3/items", delay=600, skip=24)
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, json.dumps(fields)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while len(list(tmp_path.glob("lake/.*.rows"))) < 4:
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not target.exists()
    shop.no_faults()
    before = len(asked(shop))
    assert operator(target, records=fields["records"]).execute(context)["records"] == 40
    assert [line["params"]["id"] for line in lines(target)] == SKUS
    assert len(asked(shop)) - before == (20 if context is TRY else 40)
    assert [entry.name for entry in target.parent.iterdir()] == ["items.jsonl"]


def test_other_rows_than_those_of_the_try_before_are_all_read(shop, tmp_path, monkeypatch):
    monkeypatch.setattr("airflow_provider_walmart.storage.many_answers.PART_LINES", 5)
    target = tmp_path / "lake" / "items.jsonl"
    shop.fault("/v3/items", status=401, skip=15)
    with pytest.raises((WalmartAuthError, AirflowFailException, WalmartServerError)):
        operator(target, records=[{"id": sku} for sku in SKUS], concurrency=1).execute(TRY)
    shop.no_faults()
    operator(target, records=[{"id": sku} for sku in SKUS[::-1]]).execute(TRY)
    assert [line["params"]["id"] for line in lines(target)] == SKUS[::-1]
    assert [entry.name for entry in target.parent.iterdir()] == ["items.jsonl"]
