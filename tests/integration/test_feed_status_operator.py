"""The feed-status operator outside Airflow, against the sandbox: a dict for a context is enough."""

from __future__ import annotations

import json
import logging

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartFeedFailedError,
    WalmartNotFoundError,
    WalmartServerError,
)
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator
from tests.helpers.full_disk import disk_full_after
from tests.helpers.tasks import our_warnings
from tests.helpers.wire import http, token

CODES = [
    {"index": 0, "code": "ERR_A", "description": "first"},
    {"index": 1, "code": "ERR_A"},
    {"index": 2, "code": "ERR_B", "field": "upc", "type": "SYSTEM_ERROR"},
    {"index": 2, "code": "ERR_A"},
]


HALF_A_CHARACTER = r"""{"itemsReceived": 1, "itemDetails": {"itemIngestionStatus": [{"sku": "A", "ingestionStatus":
    "DATA_ERROR", "ingestionErrors": {"ingestionError": [{"code": "X", "description": "no \ud83d"}]}}]}}"""


class TaskInstance:
    def __init__(self) -> None:
        self.xcom = {}

    def xcom_push(self, key, value) -> None:
        # Airflow stores JSON, too.
        self.xcom[key] = json.loads(json.dumps(value))


def operator(**fields) -> WalmartFeedStatusOperator:
    return WalmartFeedStatusOperator(task_id="check", **fields)


def rows_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_nothing_to_see(shop):
    assert operator().execute({})["feeds"] == []


def test_all_recent_feeds(shop, caplog):
    caplog.set_level(logging.INFO)
    ids = shop.feeds(
        {"feedType": "MP_INVENTORY", "items": 4, "age": 60},
        {"feedType": "price", "items": 6, "age": 120},
        {"feedType": "MP_ITEM", "feedStatus": "INPROGRESS", "items": 10, "age": 180},
        {"feedType": "item", "feedStatus": "RECEIVED", "age": 200},
    )
    shop.feed(items=3, failed=3, age=90_000)  # the day before
    result = operator().execute({})
    found = result["feeds"]
    assert (result["feedIds"], result["itemsReceived"], result["itemErrorsUri"]) == (ids, 20, None)
    assert [summary["feedId"] for summary in found] == ids
    assert found[0] == {
        "feedId": ids[0],
        "feedType": "MP_INVENTORY",
        "feedStatus": "PROCESSED",
        "itemsReceived": 4,
        "itemsSucceeded": 4,
        "itemsFailed": 0,
        "itemsProcessing": 0,
    }
    assert [summary["feedStatus"] for summary in found[1:]] == ["PROCESSED", "INPROGRESS", "RECEIVED"]
    assert "Walmart is still at work on 2 feeds; only what has failed so far counts" in caplog.text
    assert f"so far counts: {ids[2]}, {ids[3]}" in caplog.text


@pytest.mark.parametrize("feed_status", ["PROCESSED", "INPROGRESS"])
def test_one_feed_costs_two_calls(shop, feed_status):
    feed_id = shop.feed(items=2, feedType="price", feedStatus=feed_status, age=60)
    result = operator(feed_id=feed_id).execute({})
    assert [feed["feedType"] for feed in result["feeds"]] == ["price"]
    asked = sorted(entry["path"] for entry in shop.received("/v3/feeds"))
    assert [path.count("/") for path in asked] == [2, 3]


@pytest.mark.parametrize(
    ("since_hours", "count"), [(1, 1), ("1", 1), (2.5, 2), ("2.5", 2), (24, 3), (1000, 3)]
)
def test_how_far_back(since_hours, count, shop):
    shop.feeds({"age": 1800}, {"age": 2 * 3600}, {"age": 20 * 3600})
    assert len(operator(since_hours=since_hours).execute({})["feeds"]) == count


@pytest.mark.parametrize(
    "feed_types",
    ["price", "PRICE", ["price"], {"Price"}, ("price", "none such"), "lagtime, price", '["price"]'],
)
def test_types(feed_types, shop):
    wanted = shop.feed(feedType="price", age=60)
    shop.feed(feedType="MP_ITEM", items=1, failed=1, age=60)
    assert operator(feed_types=feed_types).execute({})["feedIds"] == [wanted]


@pytest.mark.parametrize("blank", ["", " ", None, []])
def test_no_types_are_all_types(blank, shop):
    """A template that renders to nothing must not hide every feed there is."""
    shop.feed(feedType="price", age=60)
    assert len(operator(feed_types=blank).execute({})["feeds"]) == 1


def test_a_template_of_a_list_checks_those_types(shop):
    failed = shop.feed(feedType="price", items=2, failed=1, age=60)
    shop.feed(feedType="MP_ITEM", items=1, failed=1, age=60)
    check = operator(feed_types="{{ params.types }}")
    check.render_template_fields({"params": {"types": ["price", "lagtime"]}})
    with pytest.raises(AirflowFailException, match=f"1 of 1 feed failed.*{failed}"):
        check.execute({})


def test_a_template_of_nothing_is_refused(shop):
    shop.feed(feedType="price", items=2, failed=1, age=60)
    check = operator(feed_types="{{ params.types }}")
    check.render_template_fields({"params": {"types": None}})
    with pytest.raises(AirflowFailException, match="feed_types is 'None'; allowed: names such as MP_ITEM"):
        check.execute({})
    assert not shop.received()


def test_types_that_no_feed_has_are_said(shop, caplog):
    shop.feeds({"feedType": "price", "age": 60}, {"feedType": "MP_ITEM", "age": 60})
    shop.feed(feedType="lagtime", age=90_000)
    assert operator(feed_types="prcie").execute({})["feeds"] == []
    (said,) = our_warnings(caplog)
    assert said == "None of the feeds is of the types wanted (prcie); there are: MP_ITEM, price"


def test_one_feed_has_its_type_from_the_list(shop):
    feed_id = shop.feed(feedType="price", items=2, age=60)
    (summary,) = operator(feed_id=feed_id).execute({})["feeds"]
    assert (summary["feedId"], summary["feedType"], summary["itemsSucceeded"]) == (feed_id, "price", 2)


@pytest.mark.parametrize(
    ("allowed", "failed", "fails"),
    [
        (0, 1, True),
        (1, 1, False),
        ("1", 1, False),
        (1, 2, True),
        (0.2, 2, False),
        ("0.2", 2, False),
        (0.2, 3, True),
        (1.0, 9, False),
        (1.0, 10, True),
        (10, 10, True),
        (0, 0, False),
    ],
)
@pytest.mark.parametrize("one", [True, False])
def test_the_policy(allowed, failed, fails, one, shop):
    feed_id = shop.feed(items=10, failed=failed, age=60)
    check = operator(feed_id=feed_id if one else None, allowed_failures=allowed)
    ti = TaskInstance()
    if fails:
        with pytest.raises(AirflowFailException, match=f"{failed} of 10 items failed") as raised:
            check.execute({"ti": ti})
        assert isinstance(raised.value.__cause__, WalmartFeedFailedError)
    else:
        check.execute({"ti": ti})
    # Whoever opens a failed task finds the numbers, too.
    kept = ti.xcom["return_value"]
    assert kept["itemsFailed"] == kept["feeds"][0]["itemsFailed"] == failed


def test_an_error_fails_whatever_is_allowed(shop):
    error = {"code": "ERR_PDI_0034", "description": "The file is not readable"}
    feed_id = shop.feed(feedStatus="ERROR", ingestionErrors=[error], age=60)
    with pytest.raises(AirflowFailException, match=r"ERROR.*ERR_PDI_0034"):
        operator(feed_id=feed_id, allowed_failures=1.0).execute({})


@pytest.mark.parametrize(("allowed", "fails"), [(2, True), (3, False), (0.2, True), (0.3, False)])
def test_what_items_in_processing_cannot_mend_is_a_failure(allowed, fails, shop):
    feed_id = shop.feed(feedStatus="PROCESSED", items=10, failed=3, processing=2, age=60)
    check = operator(feed_id=feed_id, allowed_failures=allowed)
    if fails:
        with pytest.raises(AirflowFailException, match="3 of 10 items failed"):
            check.execute({})
    else:
        assert check.execute({})["itemsProcessing"] == 2


@pytest.mark.parametrize("answer", [{}, {"errors": [{"code": "SYSTEM_ERROR", "description": "Try later"}]}])
def test_an_answer_without_a_status_is_no_feed(answer, shop):
    feed_id = shop.feed(items=2, age=60)
    shop.fault("/v3/feeds/", body=json.dumps(answer))
    with pytest.raises(WalmartServerError, match=r"without a feedStatus|nothing but errors") as raised:
        operator(feed_id=feed_id).execute({})
    assert not raised.value.is_final
    assert ("Try later" in str(raised.value)) == bool(answer)


def test_the_message_names_codes_and_skus(shop):
    shop.feed(
        feedType="price",
        items=[{"sku": "GOOD"}, *({"sku": f"BAD-{n}", "errors": [{"code": "ERR_X"}]} for n in range(5))],
        age=60,
    )
    with pytest.raises(AirflowFailException) as raised:
        operator().execute({})
    assert "1 of 1 feed failed" in str(raised.value)
    assert "(price): 5 of 6 items failed, allowed: 0; ERR_X x 5 (such as BAD-0, BAD-1, BAD-2): " in str(
        raised.value
    )


def test_the_log_shows_a_table(shop, caplog):
    caplog.set_level(logging.INFO)
    good = shop.feed(feedType="price", items=2, age=60)
    bad = shop.feed(feedType="item", items=3, failed=CODES, age=50)
    with pytest.raises(AirflowFailException):
        operator().execute({})
    table = next(text for text in caplog.messages if text.startswith("2 feeds:"))
    assert good in table
    assert all(
        word in table for word in ("feed", "type", "status", "received", "succeeded", "failed", "PROCESSED")
    )
    errors = next(text for text in caplog.messages if text.startswith(f"Failed items of feed {bad}"))
    assert [line.split()[:2] for line in errors.splitlines()[3:]] == [["ERR_A", "3"], ["ERR_B", "1"]]


class TestFailedItemsFile:
    def test_its_rows(self, shop, tmp_path):
        feed_id = shop.feed(items=5, failed=CODES, age=60)
        target = tmp_path / "deep" / "er" / "items.jsonl"
        ti = TaskInstance()
        with pytest.raises(AirflowFailException, match=str(target)):
            operator(item_errors_path=str(target)).execute({"ti": ti})
        assert ti.xcom["return_value"]["itemErrorsUri"] == str(target)
        rows = rows_of(target)
        assert [(row["index"], row["sku"], row["code"], row["status"]) for row in rows] == [
            (0, "SKU-000001", "ERR_A", "DATA_ERROR"),
            (1, "SKU-000002", "ERR_A", "DATA_ERROR"),
            (2, "SKU-000003", "ERR_B", "SYSTEM_ERROR"),
            (2, "SKU-000003", "ERR_A", "SYSTEM_ERROR"),
        ]
        assert set(rows[0]) == {
            "feedId", "sku", "index", "status", "type", "code", "field", "description", "action", "hint",
        }  # fmt: skip
        assert {row["feedId"] for row in rows} == {feed_id}
        assert rows[2]["field"] == "upc"
        assert [file.name for file in target.parent.iterdir()] == ["items.jsonl"]

    def test_a_check_that_finds_no_failed_item_removes_the_file_of_an_earlier_one(self, shop, tmp_path):
        shop.feed(items=5, failed=CODES, age=60)
        target = tmp_path / "items.jsonl"
        with pytest.raises(AirflowFailException):
            operator(item_errors_path=str(target)).execute({})
        assert target.exists()
        shop.reset()
        shop.feed(items=5, age=60)
        assert operator(item_errors_path=str(target)).execute({})["itemErrorsUri"] is None
        assert not target.exists()

    def test_all_feeds_are_in_it(self, shop, tmp_path):
        shop.feeds(
            {"items": 60, "failed": 55, "age": 60},
            {"items": 2, "age": 70},
            {"items": 3, "failed": 1, "age": 80},
        )
        target = tmp_path / "items.jsonl"
        found = operator(item_errors_path=str(target), allowed_failures=1.0).execute({})
        assert len(rows_of(target)) == 56
        assert found["itemErrorsUri"] == str(target)
        assert [feed["itemsFailed"] for feed in found["feeds"]] == [55, 0, 1]

    def test_an_error_of_the_feed_as_a_whole_is_in_it(self, shop, tmp_path):
        shop.feed(
            feedStatus="ERROR",
            ingestionErrors=[{"code": "ERR_PDI_0034", "description": "unreadable"}],
            age=60,
        )
        target = tmp_path / "items.jsonl"
        with pytest.raises(AirflowFailException):
            operator(item_errors_path=str(target)).execute({})
        (row,) = rows_of(target)
        assert (row["sku"], row["status"], row["code"]) == (None, "ERROR", "ERR_PDI_0034")

    def test_an_error_that_nobody_explains_is_in_it(self, shop, tmp_path):
        feed_id = shop.feed(feedStatus="ERROR", age=60)
        target = tmp_path / "items.jsonl"
        with pytest.raises(AirflowFailException):
            operator(item_errors_path=str(target)).execute({})
        (row,) = rows_of(target)
        assert (row["feedId"], row["status"], row["code"]) == (feed_id, "ERROR", None)

    def test_half_a_character_in_it(self, shop, tmp_path):
        """Walmart cuts descriptions, also in the middle of a surrogate pair."""
        shop.fault("/v3/feeds/", body=HALF_A_CHARACTER)
        shop.feed(items=1, failed=1, age=60)
        target = tmp_path / "items.jsonl"
        with pytest.raises(AirflowFailException, match=r"no \?"):
            operator(item_errors_path=str(target)).execute({})
        assert rows_of(target)[0]["description"] == "no ?"

    def test_none_without_failed_items(self, shop, tmp_path):
        shop.feed(items=5, age=60)
        summary = operator(item_errors_path=str(tmp_path / "items.jsonl")).execute({})
        assert summary["itemErrorsUri"] is None
        assert not list(tmp_path.glob("*.jsonl"))

    def test_an_earlier_one_is_replaced(self, shop, tmp_path):
        target = tmp_path / "items.jsonl"
        target.write_text("old\n" * 100)
        shop.feed(items=5, failed=1, age=60)
        operator(item_errors_path=str(target), allowed_failures=5).execute({})
        assert len(rows_of(target)) == 1

    @pytest.mark.parametrize(
        "form", ["{}/items.jsonl", "file://{}/items.jsonl", "items.jsonl", "~/items.jsonl"]
    )
    def test_forms_of_a_path(self, form, shop, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        path = form.format(tmp_path)
        shop.feed(items=5, failed=1, age=60)
        summary = operator(item_errors_path=path, allowed_failures=5).execute({})
        assert summary["itemErrorsUri"] == path
        assert len(rows_of(tmp_path / "items.jsonl")) == 1
        assert not (tmp_path / "~").exists()

    def test_another_kind_of_storage(self, shop):
        from airflow.sdk import ObjectStoragePath
        from airflow.sdk.io import attach
        from fsspec.implementations.memory import MemoryFileSystem

        attach("memory", fs=MemoryFileSystem())
        shop.feed(items=61, failed=60, age=60)
        operator(item_errors_path="memory://bucket/deep/items.jsonl", allowed_failures=60).execute({})
        target = ObjectStoragePath("memory://bucket/deep/items.jsonl")
        assert len(target.read_text().splitlines()) == 60
        assert [path.name for path in target.parent.iterdir()] == ["items.jsonl"]

    def test_nothing_half_written_when_reading_fails_midway(self, shop, tmp_path):
        shop.feed(items=200, failed=150, age=60)
        shop.fault(r"includeDetails=true", skip=2, status=500)
        (tmp_path / "out").mkdir()
        with pytest.raises(Exception, match="answered 500"):
            operator(item_errors_path=str(tmp_path / "out" / "items.jsonl")).execute({})
        assert not list((tmp_path / "out").iterdir())

    def test_an_earlier_one_survives_when_reading_fails_midway(self, shop, tmp_path):
        target = tmp_path / "items.jsonl"
        target.write_text("old\n")
        shop.feed(items=200, failed=150, age=60)
        shop.fault(r"includeDetails=true", skip=2, status=500)
        with pytest.raises(Exception, match="answered 500"):
            operator(item_errors_path=str(target)).execute({})
        assert target.read_text() == "old\n"

    @pytest.mark.parametrize("earlier", [None, "old"])
    def test_nothing_half_written_on_a_full_disk(self, earlier, shop, tmp_path):
        shop.feed(items=2000, failed=2000, age=60)
        folder = tmp_path / "out"
        folder.mkdir()
        if earlier:
            (folder / "items.jsonl").write_text(earlier)
        with disk_full_after(100_000), pytest.raises(OSError, match="File too large"):
            operator(item_errors_path=str(folder / "items.jsonl")).execute({})
        assert [file.read_text() for file in folder.iterdir()] == ([earlier] if earlier else [])


def test_unknown_statuses_are_text(wire, monkeypatch):
    feed = {"feedId": "F@1", "feedStatus": "AWAITING_REVIEW", "itemsReceived": "3", "feedType": "NEW"}

    def reply(request):
        if request.path == "/v3/token":
            return token()
        return http(200, feed if "F%40" in request.path else {"totalResults": 1, "results": {"feed": [feed]}})

    monkeypatch.setenv(
        "AIRFLOW_CONN_WALMART_DEFAULT",
        json.dumps({"conn_type": "walmart", "login": "i", "password": "s", "host": wire(reply).url}),
    )
    (summary,) = operator(feed_id="F@1").execute({})["feeds"]
    assert (summary["feedStatus"], summary["itemsReceived"]) == ("AWAITING_REVIEW", 3)
    assert operator().execute({})["feeds"] == [summary]


def test_a_status_that_does_not_repeat_the_id(wire, monkeypatch):
    def reply(request):
        if request.path == "/v3/token":
            return token()
        if request.path == "/v3/feeds":
            return http(200, {"totalResults": 0})
        return http(200, {"feedStatus": "ERROR", "ingestionErrors": {"ingestionError": [{"code": "X"}]}})

    monkeypatch.setenv(
        "AIRFLOW_CONN_WALMART_DEFAULT",
        json.dumps({"conn_type": "walmart", "login": "i", "password": "s", "host": wire(reply).url}),
    )
    with pytest.raises(AirflowFailException, match="feed F@1"):
        operator(feed_id="F@1").execute({})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"item_errors_path": "/tmp"}, "item_errors_path is '/tmp', a folder"),
        ({"since_hours": 0}, "since_hours"),
        ({"since_hours": -1}, "since_hours"),
        ({"since_hours": "soon"}, "since_hours"),
        ({"since_hours": "nan"}, "since_hours"),
        ({"since_hours": 1e12}, "since_hours"),
        ({"since_hours": None}, "since_hours"),
        ({"feed_id": "F@1", "feed_types": ["price"]}, "feed_types"),
        ({"feed_types": 5}, "feed_types is '5'"),
        ({"feed_types": [None]}, "feed_types"),
        ({"feed_types": ["price", ""]}, "feed_types"),
        ({"feed_id": "F@1", "feed_types": 5}, "feed_types is '5'"),
        ({"feed_id": ".."}, "feed_id"),
        ({"feed_id": ""}, "feed_id"),
        ({"feed_id": "  "}, "feed_id"),
    ],
)
def test_bad_parameters_fail_without_retry_and_send_nothing(fields, said, shop):
    with pytest.raises(AirflowFailException, match=said):
        operator(**fields).execute({})
    assert not shop.received()


@pytest.mark.parametrize("value", [-1, "many", 1.5])
def test_a_policy_that_is_none_is_refused_by_the_dag_file_and_when_a_template_renders_to_it(value, shop):
    with pytest.raises(WalmartConfigError, match="allowed_failures"):
        operator(allowed_failures=value)
    rendered = operator(allowed_failures="{{ value }}")
    rendered.allowed_failures = value
    with pytest.raises(AirflowFailException, match="allowed_failures"):
        rendered.execute({})
    assert not shop.received()


def test_transient_errors_are_left_to_airflows_retries(shop):
    shop.fault("/v3/feeds", reset="before")
    with pytest.raises(WalmartConnectionError):
        operator().execute({})


def test_an_unknown_feed_may_turn_up_later(shop):
    with pytest.raises(WalmartNotFoundError):
        operator(feed_id="NONE@SUCH").execute({})


def test_bad_keys_fail_without_retry(shop, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", shop.connection(password="wrong"))
    with pytest.raises(AirflowFailException, match="WalmartAuthError"):
        operator().execute({})


def test_all_of_it_can_be_templated():
    assert set(WalmartFeedStatusOperator.template_fields) == {
        "feed_id",
        "feed_types",
        "since_hours",
        "allowed_failures",
        "item_errors_path",
        "walmart_conn_id",
    }
