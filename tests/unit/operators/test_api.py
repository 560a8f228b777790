"""`WalmartApiOperator` without Airflow around it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, Param, task

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartNotFoundError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.transport.retries import Retries
from airflow_provider_walmart.operators.api import MAX_XCOM, WalmartApiOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from tests.helpers.full_disk import disk_full_after

BASE = "https://marketplace.walmartapis.com"


@pytest.fixture(autouse=True)
def connection(monkeypatch) -> None:
    account = {"conn_type": "walmart", "login": "an-id", "password": "a-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(account))
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER", json.dumps({**account, "login": "another-id"}))
    monkeypatch.setattr(Retries, "BACKOFF", 0.0)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder for what is landed; the shared state lies beside it."""
    made = tmp_path / "landed"
    made.mkdir()
    return made


def run(operation: str, **options: Any) -> Any:
    return WalmartApiOperator(task_id="a_task", operation=operation, **options).execute({})


def sent(walmart) -> list[tuple[str, str]]:
    """Return what was called, tokens aside."""
    return [
        (request.method, request.path) for request in walmart.request_history if request.path != "/v3/token"
    ]


def pages(*numbers: range, last: bool = True) -> list[dict[str, Any]]:
    """Return replies with these orders."""
    return [
        {
            "json": {
                "list": {
                    "meta": {"nextCursor": None if last and page is numbers[-1] else f"?page={index}"},
                    "elements": {"order": [{"purchaseOrderId": str(number)} for number in page]},
                }
            }
        }
        for index, page in enumerate(numbers)
    ]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# -- into XCom ---------------------------------------------------------------------------------------


def test_a_small_answer_is_returned(walmart):
    walmart.get(f"{BASE}/v3/orders/1", json={"order": {"purchaseOrderId": "1"}})
    assert run("getAnOrder", api_params={"purchaseOrderId": "1"}) == {"purchaseOrderId": "1"}


def test_records_of_all_pages_are_returned(walmart):
    walmart.get(f"{BASE}/v3/orders", pages(range(3), range(3, 5)))
    found = run("getAllOrders", paginate=True)
    assert [order["purchaseOrderId"] for order in found] == ["0", "1", "2", "3", "4"]


def test_nothing_is_returned_as_none(walmart):
    walmart.delete(f"{BASE}/v3/webhooks/subscriptions/1", status_code=204)
    assert run("deleteSubscription", api_params={"subscriptionId": "1"}) is None


def test_the_limit_of_an_answer(walmart):
    def answer(size: int) -> dict[str, str]:
        return {"text": "ü" * ((size - len('{"text": ""}')) // 2)}

    largest = answer(MAX_XCOM)
    assert len(json.dumps(largest, ensure_ascii=False).encode()) == MAX_XCOM
    walmart.get(f"{BASE}/v3/items/count", json=largest)
    assert run("getCountByStatus") == largest
    walmart.get(f"{BASE}/v3/items/count", json=answer(MAX_XCOM + 2))
    with pytest.raises(
        AirflowFailException, match=rf"49154 bytes of JSON.*up to {MAX_XCOM} bytes.*output_path"
    ):
        run("getCountByStatus")


def test_the_limit_of_records_holds_for_the_whole_list_and_ends_the_paging(walmart):
    record = {"text": "ü" * 100}
    fitting = (MAX_XCOM - len("[]") + len(", ")) // (len(json.dumps(record, ensure_ascii=False).encode()) + 2)
    one = {"results": {"feed": [record]}, "totalResults": fitting}
    walmart.get(f"{BASE}/v3/feeds", json={**one, "results": {"feed": [record] * fitting}})
    found = run("getAllFeedStatuses", paginate=True)
    assert len(found) == fitting
    assert MAX_XCOM - 300 < len(json.dumps(found, ensure_ascii=False).encode()) <= MAX_XCOM
    walmart.reset_mock()
    walmart.get(
        f"{BASE}/v3/feeds",
        json={"results": {"feed": [record] * (fitting + 1)}, "totalResults": 10 * fitting},
    )
    with pytest.raises(AirflowFailException, match="more than 49152 bytes of JSON"):
        run("getAllFeedStatuses", paginate=True)
    assert sent(walmart) == [("GET", "/v3/feeds")]


def test_a_file_belongs_into_a_file(walmart):
    walmart.get(f"{BASE}/v3/report/reconreport/reconfile", content=b"PK\x03\x04")
    with pytest.raises(AirflowFailException, match=r"a file of 4 bytes.*output_path"):
        run("getReconReport", api_params={"reportDate": "01012026"})


# -- into files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_answer_becomes_json(scheme, walmart, folder):
    walmart.get(f"{BASE}/v3/orders/1", json={"order": {"customer": "Zoë"}})
    path = folder / "made" / "order.json"
    uri = f"{scheme}{path}"
    landed = run("getAnOrder", api_params={"purchaseOrderId": "1"}, output_path=uri)
    assert path.read_text(encoding="utf-8") == '{"customer": "Zoë"}'
    assert landed == {"uri": uri, "bytes": len(path.read_bytes()), "records": None}
    assert files(folder) == ["order.json"]


def test_a_file_stays_as_it_is(walmart, folder):
    content = bytes(range(256)) * 1000
    walmart.get(f"{BASE}/v3/report/reconreport/reconfile", content=content)
    path = folder / "report.zip"
    landed = run("getReconReport", api_params={"reportDate": "01012026"}, output_path=str(path))
    assert path.read_bytes() == content
    assert landed == {"uri": str(path), "bytes": 256_000, "records": None}


def test_records_become_lines(walmart, folder):
    walmart.get(f"{BASE}/v3/orders", pages(range(3), range(3, 5)))
    path = folder / "orders.jsonl"
    landed = run("getAllOrders", paginate=True, output_path=str(path))
    assert [json.loads(line)["purchaseOrderId"] for line in path.read_text().splitlines()] == list("01234")
    assert landed == {"uri": str(path), "bytes": None, "records": 5}


def test_no_records_are_an_empty_file(walmart, folder):
    walmart.get(f"{BASE}/v3/orders", pages(range(0)))
    path = folder / "orders.jsonl"
    assert run("getAllOrders", paginate=True, output_path=str(path))["records"] == 0
    assert path.read_bytes() == b""


def test_no_answer_is_no_file(walmart, folder):
    walmart.delete(f"{BASE}/v3/webhooks/subscriptions/1", status_code=204)
    landed = run("deleteSubscription", api_params={"subscriptionId": "1"}, output_path=str(folder / "answer"))
    assert landed == {"uri": None, "bytes": 0, "records": None}
    assert files(folder) == []


@pytest.mark.parametrize("before", [None, "yesterday's\n"])
def test_when_the_server_dies_in_the_middle_there_is_the_old_file_or_none(before, walmart, folder):
    path = folder / "orders.jsonl"
    if before:
        path.write_text(before)
    dead = {"exc": requests.exceptions.ConnectionError("gone")}
    walmart.get(f"{BASE}/v3/orders", [*pages(range(3), range(3, 6), last=False), dead])
    with pytest.raises(WalmartConnectionError):
        run("getAllOrders", paginate=True, output_path=str(path))
    assert files(folder) == (["orders.jsonl"] if before else [])
    assert not before or path.read_text() == before


@pytest.mark.parametrize("paginate", [True, False])
@pytest.mark.parametrize("before", [None, "yesterday's\n"])
def test_when_the_disk_is_full_there_is_the_old_file_or_none(before, paginate, walmart, folder):
    path = folder / "orders.jsonl"
    if before:
        path.write_text(before)
    walmart.get(f"{BASE}/v3/orders", pages(range(1000)))
    with disk_full_after(10_000), pytest.raises(OSError, match="File too large"):
        run("getAllOrders", paginate=paginate, output_path=str(path))
    assert files(folder) == (["orders.jsonl"] if before else [])
    assert not before or path.read_text() == before


# -- what is given -----------------------------------------------------------------------------------


def test_templates_are_rendered_in_all_that_may_hold_them(walmart):
    walmart.put(f"{BASE}/v3/inventory", json={"sku": "a"})
    operator = WalmartApiOperator(
        task_id="a_task",
        operation="{{ which }}",
        api_params={"sku": "{{ sku }}"},
        body={"sku": "{{ sku }}", "quantity": [{"amount": "{{ amount }}"}]},
        output_path="/tmp/{{ sku }}.json",
        walmart_conn_id="{{ conn }}",
    )
    context = {"which": "updateInventoryForAnItem", "sku": "a b", "amount": 5, "conn": "another"}
    operator.render_template_fields(context)
    assert operator.output_path == "/tmp/a b.json"
    operator.output_path = None
    operator.execute(context)
    request = walmart.last_request
    assert (request.path, request.query) == ("/v3/inventory", "sku=a%20b")
    assert request.json() == {"sku": "a b", "quantity": [{"amount": "5"}]}
    assert operator.hook.walmart_conn_id == "another"


def test_booleans_that_a_template_has_rendered_are_understood(walmart):
    run("getAllOrders", api_params={"productInfo": "True"})
    assert walmart.last_request.query == "productinfo=true"


@pytest.mark.parametrize(
    ("operation", "options", "message"),
    [
        ("getAllOrdes", {}, "did you mean getAllOrders"),
        ("getAllOrders", {"api_params": {"limit": 1000}}, "at most 200"),
        ("getAnOrder", {"api_params": {}}, "needs purchaseOrderId"),
        ("getAnOrder", {"api_params": {"purchaseOrderId": "1"}, "paginate": True}, "has a single page"),
        ("{{ nothing }}", {}, "no such operation"),
        (None, {}, "operation is None"),
    ],
)
def test_bad_input_fails_for_good_before_anything_is_sent(operation, options, message, walmart, folder):
    with pytest.raises(AirflowFailException, match=message) as caught:
        run(operation, output_path=str(folder / "file"), **options)
    assert isinstance(caught.value.__cause__, WalmartConfigError)
    assert walmart.request_history == []
    assert files(folder) == []


@pytest.mark.parametrize("place", ["", " ", "{folder}", "file://{folder}/", "nowhere://a/b", "s3://a-bucket"])
@pytest.mark.parametrize("operation", ["getAllOrders", "getReconReport", "acknowledgeOrders"])
def test_where_no_file_can_be_nothing_is_sent(operation, place, walmart, folder):
    params = {"getReconReport": {"reportDate": "1"}, "acknowledgeOrders": {"purchaseOrderId": "1"}}
    with pytest.raises(AirflowFailException, match="output_path is"):
        run(operation, api_params=params.get(operation), output_path=place.format(folder=folder))
    assert walmart.request_history == []
    assert files(folder) == []


def test_a_missing_connection_is_not_sent_anywhere(walmart):
    with pytest.raises(Exception, match="nowhere"):
        run("getAllOrders", walmart_conn_id="nowhere")
    assert walmart.request_history == []


def dag(**params: Any) -> DAG:
    return DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), params=params)


def test_parameters_of_the_dag_are_not_sent_to_walmart(walmart):
    # `sku` is a parameter of the operation, too; `late` gets its value when the DAG is started.
    with dag(mine=1, sku="of-the-dag", late=Param(type="string")):
        operator = WalmartApiOperator(task_id="a_task", operation="getAllOrders", api_params={"limit": 7})
    assert operator.api_params == {"limit": 7}
    assert operator.params["mine"] == 1
    operator.execute({})
    assert walmart.last_request.query == "limit=7"


@pytest.mark.parametrize(
    "kind", [WalmartApiOperator, lambda **fields: WalmartExportOperator(output_path="/tmp/x.jsonl", **fields)]
)
def test_parameters_of_an_operation_given_as_those_of_airflow_are_refused_when_the_dag_is_parsed(kind):
    with pytest.raises(
        WalmartConfigError, match=r"params has createdStartDate, sku; params are Airflow's own"
    ):
        kind(
            task_id="t",
            operation="getAllOrders",
            params={"sku": "A", "createdStartDate": "2026-11-01", "mine": 1},
        )
    # What a template takes them from, what the operation doesn't know, and an operation that isn't known yet.
    for fields in (
        {"operation": "getAllOrders", "params": {"sku": "A"}, "api_params": {"sku": "{{ params.sku }}"}},
        {"operation": "getAllOrders", "params": {"mine": 1}},
        {"operation": "{{ params.operation }}", "params": {"sku": "A"}},
    ):
        assert kind(task_id="t", **fields).task_id == "t"


def test_without_parameters_of_its_own_none_are_sent(walmart):
    with dag(mine=1, sku="of-the-dag"):
        operator = WalmartApiOperator(task_id="a_task", operation="getAllOrders")
    operator.execute({})
    assert walmart.last_request.query == ""


def test_one_task_for_each_order(walmart):
    with dag(mine=1, sku="of-the-dag"):
        mapped = WalmartApiOperator.partial(
            task_id="a_task", operation="getAnOrder", params={"colour": "red"}
        ).expand(
            api_params=[
                {"purchaseOrderId": "1", "productInfo": True},
                {"purchaseOrderId": "2", "productInfo": True},
            ]
        )
    for number in "12":
        operator = mapped.unmap({"api_params": {"purchaseOrderId": number, "productInfo": True}})
        operator.execute({})
        assert walmart.last_request.path == f"/v3/orders/{number}"
        assert walmart.last_request.query == "productinfo=true"


def test_what_another_task_returned_may_be_mapped(walmart):
    with dag():

        @task
        def orders() -> list[dict[str, str]]:
            return [{"purchaseOrderId": "1"}]

        found = orders()
        by_params = WalmartApiOperator.partial(task_id="one", operation="getAnOrder").expand(api_params=found)
        by_body = WalmartApiOperator.partial(
            task_id="two", operation="updateInventoryForAnItem", api_params={"sku": "a"}
        ).expand(body=found)
    assert by_params.upstream_task_ids == by_body.upstream_task_ids == {"orders"}
    assert by_body.unmap({"body": {"sku": "a"}}).api_params == {"sku": "a"}
    assert by_body.unmap({"body": {"sku": "a"}}).body == {"sku": "a"}


# -- what fails --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 405, 406, 413, 415, 422])
def test_what_walmart_refuses_fails_for_good(status, walmart):
    walmart.get(f"{BASE}/v3/orders", status_code=status, json={"errors": [{"code": "X.Y"}]})
    with pytest.raises(AirflowFailException, match=f"answered {status}") as caught:
        run("getAllOrders")
    assert "X.Y" in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"status_code": 404, "json": {"error": [{"code": "NOT_FOUND.X"}]}}, WalmartNotFoundError),
        ({"status_code": 409}, WalmartRequestError),
        ({"status_code": 423}, WalmartRequestError),
        ({"status_code": 429, "headers": {"Retry-After": "3600"}}, WalmartRateLimitError),
        ({"status_code": 500}, WalmartServerError),
        ({"status_code": 520}, WalmartServerError),
        ({"text": "<html>"}, WalmartServerError),
        ({"exc": requests.exceptions.ConnectTimeout}, WalmartConnectionError),
        ({"exc": requests.exceptions.ReadTimeout}, WalmartConnectionError),
    ],
)
def test_what_may_pass_is_left_to_a_retry(reply, error, walmart):
    walmart.get(f"{BASE}/v3/orders/1", **reply)
    with pytest.raises(error):
        run("getAnOrder", api_params={"purchaseOrderId": "1"})


def test_a_throttled_task_knows_when_to_come_back(walmart):
    walmart.get(f"{BASE}/v3/orders", status_code=429, headers={"Retry-After": "3600"})
    with pytest.raises(WalmartRateLimitError) as caught:
        run("getAllOrders")
    until = caught.value.retry_at - datetime.now(timezone.utc)
    assert timedelta(minutes=59) < until <= timedelta(hours=1)


LOST = [
    {"status_code": 500},
    {"status_code": 503},
    {"text": "<html>"},
    {"exc": requests.exceptions.ReadTimeout},
    {"exc": requests.exceptions.ConnectionError("reset")},
]
KEPT_BACK = [
    ({"status_code": 429, "headers": {"Retry-After": "3600"}}, WalmartRateLimitError),
    ({"status_code": 423}, WalmartRequestError),
    ({"exc": requests.exceptions.ConnectTimeout}, WalmartConnectionError),
]


@pytest.mark.parametrize("reply", LOST, ids=repr)
def test_a_write_that_may_have_happened_is_not_retried(reply, walmart):
    walmart.post(f"{BASE}/v3/orders/1/acknowledge", **reply)
    with pytest.raises(AirflowFailException, match="might do it twice") as caught:
        run("acknowledgeOrders", api_params={"purchaseOrderId": "1"})
    assert isinstance(caught.value.__cause__, (WalmartServerError, WalmartUnknownOutcomeError))
    assert sent(walmart) == [("POST", "/v3/orders/1/acknowledge")]


@pytest.mark.parametrize(("reply", "error"), KEPT_BACK, ids=repr)
def test_a_write_that_did_not_happen_may_be_retried(reply, error, walmart):
    walmart.post(f"{BASE}/v3/orders/1/acknowledge", **reply)
    with pytest.raises(error):
        run("acknowledgeOrders", api_params={"purchaseOrderId": "1"})
    assert sent(walmart) == [("POST", "/v3/orders/1/acknowledge")]


def test_without_a_token_no_write_is_sent_and_a_retry_may_help(walmart):
    walmart.post(f"{BASE}/v3/token", status_code=503)
    with pytest.raises(WalmartServerError):
        run("acknowledgeOrders", api_params={"purchaseOrderId": "1"})
    assert sent(walmart) == []


@pytest.mark.parametrize("reply", [reply for reply in LOST if "text" not in reply], ids=repr)
def test_what_may_be_done_twice_may_be_retried(reply, walmart):
    walmart.put(f"{BASE}/v3/inventory", **reply)
    with pytest.raises((WalmartServerError, WalmartUnknownOutcomeError)):
        run("updateInventoryForAnItem", api_params={"sku": "a"}, body={"sku": "a"})
    assert sent(walmart) == [("PUT", "/v3/inventory")]


def test_a_write_whose_answer_finds_no_place_is_not_repeated(walmart, folder):
    walmart.post(f"{BASE}/v3/orders/1/acknowledge", json={"order": {}})
    (folder / "file").write_text("in the way")
    with pytest.raises(AirflowFailException, match="was carried out, but its answer could not be kept"):
        run(
            "acknowledgeOrders",
            api_params={"purchaseOrderId": "1"},
            output_path=str(folder / "file" / "order.json"),
        )
    assert sent(walmart) == [("POST", "/v3/orders/1/acknowledge")]


def test_a_read_whose_answer_finds_no_place_may_be_retried(walmart, folder):
    (folder / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"Not a directory|File exists|landed/file$"):
        run("getAllOrders", output_path=str(folder / "file" / "orders.json"))
