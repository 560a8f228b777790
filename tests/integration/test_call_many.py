"""One read for each of many rows, side by side, over real HTTP."""

from __future__ import annotations

import json
import math
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
)
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.storage import many_answers
from tests.helpers.full_disk import disk_full_after

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
    rows = [{"id": SKUS[0]}, {"id": "none"}, {"id": SKUS[1]}, {"ID": "x"}, "x"]
    found = list(hook.call_many(ONE, rows))
    kinds = [type(answer) for _, answer in found]
    assert kinds == [dict, WalmartNotFoundError, dict, WalmartConfigError, WalmartConfigError]
    assert "parameters are a str; expected a dict" in str(found[4][1])


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


@pytest.mark.parametrize("place", range(3))
def test_a_row_that_makes_no_call_is_a_line_with_its_error_wherever_it_is(place, shop, tmp_path):
    target = tmp_path / "x.jsonl"
    rows = [{"id": sku} for sku in SKUS[:2]]
    rows.insert(place, {"id": ""})
    assert operator(target, records=rows).execute({})["failed"] == 1
    found = lines(target)
    assert [line["params"] for line in found] == rows
    assert [number for number, line in enumerate(found) if "error" in line] == [place]
    assert "it must not be empty" in found[place]["error"]["message"]


def test_an_empty_cell_of_an_optional_parameter_means_that_it_is_not_given(shop, tmp_path):
    file, target = tmp_path / "skus.csv", tmp_path / "x.jsonl"
    file.write_text(f"id,productIdType,condition\n{SKUS[0]},,New\n{SKUS[1]},SKU,  \n")
    operator(target, records_path=file, concurrency=1, api_params={"condition": "Restored"}).execute({})
    queries = [entry["query"] for entry in shop.received("^/v3/items/")]
    assert queries == ["condition=New", "productIdType=SKU&condition=Restored"]
    assert lines(target)[0]["params"] == {"id": SKUS[0], "condition": "New"}


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_an_empty_cell_of_a_required_parameter_takes_that_of_all_rows(empty, shop, tmp_path):
    rows = [{"id": empty}, {"id": SKUS[1]}]
    operator(tmp_path / "x.jsonl", records=rows, concurrency=1, api_params={"id": SKUS[0]}).execute({})
    assert asked(shop) == SKUS[:2]


def test_a_value_without_form_in_json_ends_no_other_row(shop, tmp_path):
    target = tmp_path / "x.jsonl"
    assert operator(target, records=[{"id": {(1, 2): "a"}}, {"id": SKUS[0]}]).execute({})["failed"] == 1
    assert ["error" in line for line in lines(target)] == [True, False]


def test_what_json_does_not_know_lands_as_null(shop, tmp_path):
    target = tmp_path / "x.jsonl"
    rows = [{"id": SKUS[0]}, {"id": math.nan}]
    assert operator(target, records=rows).execute({})["failed"] == 1
    assert "NaN" not in target.read_text().splitlines()[1].partition('"error"')[0]
    assert lines(target)[1]["params"] == {"id": None}


def test_an_answer_that_is_a_file_is_an_error_and_no_text_of_bytes(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection(extra={"market": "ca"}))
    target = tmp_path / "x.jsonl"
    xml = {
        "body": "<ItemResponse><sku>a</sku></ItemResponse>",
        "headers": {"Content-Type": "application/xml"},
    }
    shop.fault(f"/v3/ca/items/{SKUS[1]}", status=200, **xml)
    rows = [{"sku": sku} for sku in SKUS[:3]]
    result = operator(target, records=rows, operation="ca.getAnItem").execute({})
    assert result == {"uri": str(target), "records": 3, "failed": 1}
    assert "result" not in lines(target)[1]
    assert "a file of 41 bytes" in lines(target)[1]["error"]["message"]


PARSED = [
    ({"records": [{"id": "a"}], "records_path": "x.csv"}, "Give one of"),
    ({"records": [{"id": "a"}], "output_path": None}, "needs output_path"),
    ({"records": [{"id": "a"}], "paginate": True}, "needs output_path"),
    ({"records": [{"sku": "a"}], "operation": "DELETE /v3/items/{sku}"}, "only what reads"),
    (
        {"records_path": "x.csv", "operation": "getLabelByTrackingAndCarrier"},
        "answers with a file.*expand_kwargs",
    ),
    ({"records": [{"id": "a"}], "operation": "getAnItm"}, "did you mean getAnItem"),
]


@pytest.mark.parametrize(("fields", "said"), PARSED)
def test_what_is_known_to_be_wrong_is_an_error_when_the_dag_is_parsed(fields, said, tmp_path):
    with pytest.raises(WalmartConfigError, match=said):
        operator(**{"target": tmp_path / "x.jsonl", **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"records": [{"id": SKUS[0]}, {"sku": "a"}]}, "row 2: getAnItem has no parameter 'sku'"),
        (
            {"records": [{"id": SKUS[0]}, "a", None]},
            "row 2: it is a str; expected a dict\n +row 3: it is a NoneType",
        ),
        ({"records": [{"id": SKUS[0]}], "api_params": {"sku": "a"}}, "has no parameter 'sku'"),
        ({"records": "a"}, "expected a list of dicts"),
        ({"records": [{"id": "a"}], "concurrency": 0}, "concurrency"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(fields, said, shop, tmp_path):
    with pytest.raises(AirflowFailException, match=said):
        operator(**{"target": tmp_path / "x.jsonl", **fields}).execute({})
    assert not shop.received("^/v3/items")


@pytest.mark.parametrize("field", ["operation", "output_path"])
def test_what_a_template_makes_is_checked_before_anything_is_sent(field, shop, tmp_path):
    made = operator(tmp_path / "x.jsonl", records=[{"id": "a"}], **{field: "{{ params.it }}"})
    made.render_template_fields({"params": {"it": "downloadLabel" if field == "operation" else ""}})
    with pytest.raises(AirflowFailException):
        made.execute({})
    assert not shop.received("^/v3/")


def test_columns_that_are_no_parameters_are_named_with_their_line_before_anything_is_sent(shop, tmp_path):
    file = tmp_path / "skus.csv"
    file.write_text(f"id,note\n\n{SKUS[0]},\n")
    with pytest.raises(AirflowFailException, match=r"row 1 \(line 3\): getAnItem has no parameter 'note'"):
        operator(tmp_path / "x.jsonl", records_path=file).execute({})
    assert not shop.received("^/v3/items")


def test_a_bad_line_at_the_end_of_a_file_is_an_error_before_anything_is_sent(shop, tmp_path):
    file = tmp_path / "skus.jsonl"
    file.write_text("".join(json.dumps({"id": sku}) + "\n" for sku in SKUS) + "[1]\n")
    with pytest.raises(AirflowFailException, match="line 41: is JSON, but not an object"):
        operator(tmp_path / "x.jsonl", records_path=file).execute({})
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


ALL = [{"id": sku} for sku in SKUS]


@pytest.fixture
def small_parts(monkeypatch) -> None:
    monkeypatch.setattr(many_answers, "PART_LINES", 6)


def failed_try(shop, target: Path, context, **fields) -> None:
    """Run a try that ends when the keys are refused, with 20 rows answered."""
    shop.fault("^/v3/i", status=401, skip=20)
    with pytest.raises(AirflowFailException, match="WalmartAuthError"):
        operator(target, concurrency=1, **fields).execute(context)
    shop.no_faults()


def left_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_what_was_answered_before_an_error_a_later_try_does_not_ask_again(shop, tmp_path):
    target = tmp_path / "lake" / "items.jsonl"
    failed_try(shop, target, TRY, records=ALL)
    before = len(asked(shop))
    assert operator(target, records=ALL).execute(TRY)["records"] == 40
    assert sorted(asked(shop)[before:]) == SKUS[20:]
    assert [line["params"]["id"] for line in lines(target)] == SKUS
    assert left_in(target.parent) == ["items.jsonl"]


def test_other_rows_than_those_of_the_try_before_are_all_read(small_parts, shop, tmp_path):
    target = tmp_path / "lake" / "items.jsonl"
    failed_try(shop, target, TRY, records=ALL)
    operator(target, records=ALL[::-1]).execute(TRY)
    assert [line["params"]["id"] for line in lines(target)] == SKUS[::-1]
    assert left_in(target.parent) == ["items.jsonl"]


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "getMultiNodeInventoryForSkuAndAllShipnodes"},
        {"walmart_conn_id": "other"},
        {"api_params": {"shipNode": "10000005050"}},
    ],
    ids=["operation", "account", "parameters of all rows"],
)
def test_answers_to_something_else_are_not_gone_on_with(fields, small_parts, shop, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", shop.connection(login="other-id"))
    target, stock = tmp_path / "lake" / "stock.jsonl", {"operation": "getInventory"}
    stock["records"] = [{"sku": sku} for sku in SKUS]
    failed_try(shop, target, TRY, **stock)
    before = len(shop.received("^/v3/inventor"))
    operator(target, **{**stock, **fields}).execute(TRY)
    assert len(shop.received("^/v3/inventor")) - before == 40
    assert len({frozenset(line.get("result", ())) for line in lines(target)}) == 1
    assert left_in(target.parent) == ["stock.jsonl"]


def test_where_no_run_is_known_nothing_is_kept(small_parts, shop, tmp_path):
    target = tmp_path / "lake" / "items.jsonl"
    failed_try(shop, target, {}, records=ALL)
    assert left_in(target.parent) == []
    before = len(asked(shop))
    assert operator(target, records=ALL).execute({})["records"] == 40
    assert sorted(asked(shop)[before:]) == SKUS


def try_without_space(target: Path, rows: list[dict[str, str]]) -> None:
    """Run a try for which the disk is full when all rows are answered."""
    with disk_full_after(10_000), pytest.raises(OSError, match="File too large"):
        operator(target, records=rows).execute(TRY)
    assert len(left_in(target.parent)) == 7


def test_a_try_that_finds_no_place_for_the_file_keeps_the_answers(small_parts, shop, tmp_path):
    target = tmp_path / "lake" / "items.jsonl"
    try_without_space(target, ALL)
    before = len(asked(shop))
    assert operator(target, records=ALL).execute(TRY)["records"] == 40
    assert asked(shop)[before:] == []
    assert [line["params"]["id"] for line in lines(target)] == SKUS
    assert left_in(target.parent) == ["items.jsonl"]


def test_when_all_fail_so_does_a_later_try_that_has_their_errors(small_parts, shop, tmp_path):
    target = tmp_path / "lake" / "items.jsonl"
    try_without_space(target, [{"id": "none"}] * 40)
    with pytest.raises(WalmartNotFoundError):
        operator(target, records=[{"id": "none"}] * 40).execute(TRY)
    assert len(lines(target)) == 40


def test_what_is_left_of_an_interrupted_end_is_of_the_first_rows(small_parts, shop, tmp_path, monkeypatch):
    target, removed, really_remove = tmp_path / "lake" / "items.jsonl", [], many_answers.remove

    def remove(file):
        removed.append(file)
        if len(removed) == 2:
            raise KeyboardInterrupt
        really_remove(file)

    monkeypatch.setattr(many_answers, "remove", remove)
    with pytest.raises(KeyboardInterrupt):
        operator(target, records=ALL).execute(TRY)
    before = len(asked(shop))
    assert operator(target, records=ALL).execute(TRY)["records"] == 40
    assert sorted(asked(shop)[before:]) == SKUS[30:]


def test_answers_that_can_no_longer_be_read_are_asked_for_again(small_parts, shop, tmp_path):
    target = tmp_path / "lake" / "items.jsonl"
    failed_try(shop, target, TRY, records=ALL)
    first = min(target.parent.glob(".*.rows"))
    first.write_bytes(first.read_bytes()[:-20])
    assert operator(target, records=ALL).execute(TRY)["records"] == 40
    assert left_in(target.parent) == ["items.jsonl"]


def test_answers_that_wait_for_another_file_stay(shop, tmp_path):
    folder = tmp_path / "lake"
    failed_try(shop, folder / "ox.jsonl", TRY, records=ALL)
    (kept,) = left_in(folder)
    operator(folder / "o?.jsonl", records=ALL[:1]).execute(TRY)
    assert left_in(folder) == sorted([kept, "o?.jsonl"])
