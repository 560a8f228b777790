"""What Walmart says of feeds beside their counts: errors of items that succeeded, of feeds as a whole, items that are missing."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator, WalmartSubmitFeedOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor
from tests.helpers.tasks import Task
from tests.helpers.wire import http, token

FEED = "AA11@AQMBAAA"
SKUS = [f"SKU-{number}" for number in range(3)]
UNREADABLE = {
    "type": "DATA_ERROR",
    "code": "ERR_INT_DATA_01010092\t",
    "field": "PGW",
    "description": "internal error",
}


def item(index: int, status: str = "SUCCESS", **errors) -> dict:
    return {"sku": SKUS[index], "index": index, "ingestionStatus": status, **errors}


def with_error(code: str = "ERR_X", *, single: bool = False) -> dict:
    error = {"type": "DATA_ERROR", "code": code, "field": "price", "description": "below the floor"}
    return {"ingestionErrors": {"ingestionError": error if single else [error]}}


@pytest.fixture
def walmart(wire, monkeypatch):
    """Return a function that has Walmart answer with one feed and its items."""

    def answers(items: list[dict], **fields):
        failed = sum(found["ingestionStatus"].endswith("ERROR") for found in items)
        counts = {"itemsReceived": len(items), "itemsSucceeded": len(items) - failed, "itemsFailed": failed}
        feed = {"feedId": FEED, "feedStatus": "PROCESSED", **counts, "itemsProcessing": 0, **fields}
        posted = []

        def reply(request):
            if request.path == "/v3/token":
                return token()
            if request.method == "POST":
                posted.append(request.body)
                return http(200, {"feedId": FEED})
            if request.path == "/v3/feeds":
                listed = [{**feed, "feedType": "MP_ITEM", "ingestionErrors": None}] if posted else []
                return http(200, {"totalResults": len(listed), "results": {"feed": listed}})
            query = parse_qs(urlsplit(request.target).query)
            if "includeDetails" not in query:
                return http(200, feed)
            offset = int(query["offset"][0])
            page = items[offset : offset + 50]
            return http(
                200, {**feed, "itemDetails": {"itemIngestionStatus": page[0] if len(page) == 1 else page}}
            )

        url = wire(reply).url
        monkeypatch.setenv(
            "AIRFLOW_CONN_WALMART_DEFAULT",
            json.dumps({"conn_type": "walmart", "login": "i", "password": "s", "host": url}),
        )
        return posted

    return answers


def status(**fields):
    return lambda: WalmartFeedStatusOperator(task_id="a_task", feed_id=FEED, **fields)


def sensor(**fields):
    return lambda: WalmartFeedSensor(task_id="a_task", feed_id=FEED, poke_interval=0.05, **fields)


def submit(**fields):
    rows = [{"sku": sku, "quantity": 1} for sku in SKUS]
    known = {"task_id": "a_task", "feed_type": "MP_INVENTORY", "records": rows, "poll_interval": 0.05}
    return lambda: WalmartSubmitFeedOperator(**{**known, **fields})


EVERY = pytest.mark.parametrize("make", [status, sensor, submit], ids=["status", "sensor", "submit"])


@EVERY
@pytest.mark.parametrize("single", [False, True], ids=["list", "one object"])
def test_an_item_that_is_success_with_errors_counts_as_failed(walmart, make, single, tmp_path):
    walmart([item(0), item(1), item(2, **with_error(single=single))])
    path, task = tmp_path / "failed.jsonl", Task()
    with pytest.raises(
        AirflowFailException, match=r"1 of 3 items failed, allowed: 0; ERR_X x 1 .*price: below the floor"
    ):
        task.run(make(item_errors_path=str(path)))
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (row["sku"], row["status"], row["code"], row["field"]) == ("SKU-2", "SUCCESS", "ERR_X", "price")
    result = task.xcom["return_value"]
    assert (result["itemsSucceeded"], result["itemsFailed"]) == (2, 1)
    assert Task().run(make(allowed_failures=1))["itemsFailed"] == 1


@EVERY
def test_an_item_that_is_success_with_errors_is_found_on_the_last_page_too(walmart, make):
    items = [{"sku": f"A-{number}", "index": number, "ingestionStatus": "SUCCESS"} for number in range(151)]
    items[150] |= with_error("ERR_LAST")
    walmart(items)
    with pytest.raises(AirflowFailException, match="1 of 151 items failed, allowed: 0; ERR_LAST x 1"):
        Task().run(make())


@EVERY
@pytest.mark.parametrize("allowed", [0, 1.0, 1000])
def test_a_feed_of_which_nothing_was_received_is_red_and_says_why(walmart, make, allowed, tmp_path):
    walmart([], ingestionErrors={"ingestionError": UNREADABLE})
    path = tmp_path / "failed.jsonl"
    with pytest.raises(AirflowFailException) as caught:
        Task().run(make(allowed_failures=allowed, item_errors_path=str(path)))
    assert "nothing was applied (PROCESSED, but Walmart received none of" in str(caught.value)
    assert "ERR_INT_DATA_01010092 x 1: PGW: internal error [The header" in str(caught.value)
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["status"], first["code"], first["sku"]) == ("PROCESSED", "ERR_INT_DATA_01010092", None)


@EVERY
@pytest.mark.parametrize("allowed", [0, 1.0, 1000])
def test_a_feed_of_which_nothing_succeeded_though_nothing_failed_is_red(walmart, make, allowed):
    walmart([item(index) for index in range(3)], itemsSucceeded=0)
    with pytest.raises(AirflowFailException, match=r"nothing was applied .* none of 3 items that succeeded"):
        Task().run(make(allowed_failures=allowed))


@EVERY
def test_processed_with_errors_is_finished_and_judged(walmart, make):
    walmart([item(0), item(1), item(2, "DATA_ERROR", **with_error())], feedStatus="PROCESSED_WITH_ERRORS")
    with pytest.raises(AirflowFailException, match="1 of 3 items failed"):
        Task().run(make())


@EVERY
def test_counts_of_errors_beside_the_count_of_failed_items_are_counted(walmart, make):
    walmart([item(index) for index in range(3)], itemDataErrorCount=2)
    with pytest.raises(AirflowFailException, match="2 of 3 items failed, allowed: 0"):
        Task().run(make())


@EVERY
def test_errors_of_a_feed_as_a_whole_are_shown_though_its_items_are_fine(walmart, make, tmp_path, caplog):
    walmart([item(index) for index in range(3)], ingestionErrors={"ingestionError": [UNREADABLE]})
    path = tmp_path / "failed.jsonl"
    result = Task().run(make(item_errors_path=str(path)))
    assert result["itemErrorsUri"] == str(path)
    assert json.loads(path.read_text())["code"] == "ERR_INT_DATA_01010092"
    assert "internal error" in caplog.text


@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
def test_items_that_were_sent_and_that_the_details_do_not_name_are_named_here(walmart, deferrable, tmp_path):
    walmart([item(0), item(2)])
    path, task = tmp_path / "failed.jsonl", Task()
    with pytest.raises(
        AirflowFailException, match=r"1 of 3 items failed, allowed: 0; MISSING x 1 .such as SKU-1."
    ):
        task.run(submit(item_errors_path=str(path), deferrable=deferrable))
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (row["sku"], row["index"], row["status"], row["code"]) == ("SKU-1", 1, "MISSING", None)
    result = task.xcom["return_value"]
    assert (result["itemsReceived"], result["itemsSucceeded"], result["itemsFailed"]) == (2, 2, 1)


def test_missing_items_are_counted_when_the_input_can_no_longer_be_read(walmart, tmp_path):
    source, path = tmp_path / "rows.jsonl", tmp_path / "failed.jsonl"
    source.write_text("".join(json.dumps({"sku": sku, "quantity": 1}) + "\n" for sku in SKUS))
    walmart([item(0)])
    task = Task()

    def make():
        if task.deferrals:
            source.unlink()
        return submit(records=None, records_path=str(source), item_errors_path=str(path), deferrable=True)()

    with pytest.raises(AirflowFailException, match="2 of 3 items failed, allowed: 0; MISSING x 2"):
        task.run(make)
    assert [json.loads(line)["sku"] for line in path.read_text().splitlines()] == [None, None]


def of_sku(sku, index: int = 1) -> dict:
    return {"sku": sku, "index": index, "ingestionStatus": "SUCCESS"}


@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
@pytest.mark.parametrize("sku", ["SKU-0", "SKU-99"], ids=["one twice", "one of another feed"])
def test_an_item_in_place_of_another_is_found(sku, deferrable, walmart, tmp_path):
    walmart([item(0), of_sku(sku), item(2)])
    path = tmp_path / "failed.jsonl"
    with pytest.raises(AirflowFailException, match=r"1 of 3 items failed.*MISSING x 1 .such as SKU-1."):
        Task().run(submit(item_errors_path=str(path), deferrable=deferrable))
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (row["sku"], row["index"], row["status"]) == ("SKU-1", 1, "MISSING")


def test_the_same_page_of_details_again_is_not_the_rest_of_them(walmart):
    skus = [f"SKU-{number}" for number in range(60)]
    walmart([of_sku(sku) for sku in (*skus[:50], *skus[:50])], itemsReceived=60, itemsSucceeded=60)
    with pytest.raises(AirflowFailException, match=r"10 of 60 items failed.*MISSING x 10"):
        Task().run(submit(records=[{"sku": sku, "quantity": 1} for sku in skus]))


@pytest.mark.parametrize(
    "skus",
    [
        ["sku-0 ", "Sku-1", "SKU-2"],
        [None, None, None],
        [None, "SKU-1", "SKU-1"],
        [0, 1, 2],
        ["1", "2", "3"],
        ["SKU-2", "SKU-1", "SKU-0"],
        ["SKU-0", "SKU-1", "SKU-2", "SKU-2"],
    ],
    ids=["other case", "none", "some", "numbers", "other ids", "other order", "one twice beside all"],
)
def test_skus_in_other_forms_are_not_missing(skus, walmart):
    walmart([of_sku(sku, index) for index, sku in enumerate(skus)], itemsReceived=3, itemsSucceeded=3)
    assert Task().run(submit())["itemsFailed"] == 0


def test_skus_are_compared_with_those_that_were_sent(walmart, tmp_path):
    """Of input that has changed since, nothing is said."""
    rows = [{"sku": sku, "quantity": 1} for sku in ("A & B", "C")]
    walmart([of_sku("A &amp; B"), of_sku("C")])
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = Task()

    def make():
        if task.deferrals:
            source.write_text(json.dumps({"sku": "D", "quantity": 1}) + "\n")
        return submit(records=None, records_path=str(source), deferrable=True)()

    assert task.run(make)["itemsFailed"] == 0
    assert Task().run(submit(records=rows))["itemsFailed"] == 0


def test_a_sensor_waits_for_several_feeds_and_returns_one_result(shop):
    ids = shop.feeds(
        {"items": 2, "age": 60, "feedType": "price"}, {"items": 3, "age": 70, "feedType": "price"}
    )
    for given in (ids, str(ids), ", ".join(ids), [*ids, ids[0]]):
        made = WalmartFeedSensor(task_id="a_task", feed_id=given, poke_interval=0.05)
        result = Task().run(lambda made=made: made)
        assert result["feedIds"] == ids
        assert result["itemsReceived"] == 5
        assert [feed["feedType"] for feed in result["feeds"]] == ["price", "price"]


@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
def test_a_sensor_of_several_feeds_is_red_when_one_of_them_is(shop, deferrable):
    shop.settings(feed_seconds=0.3)
    good, bad = shop.feed(items=2), shop.feed(items=3, failed=1)
    with pytest.raises(AirflowFailException, match=f"1 of 2 feeds failed: feed {bad}"):
        Task().run(
            lambda: WalmartFeedSensor(
                task_id="a_task", feed_id=[good, bad], poke_interval=0.05, deferrable=deferrable
            )
        )


IN_PROGRESS = {"feedStatus": "INPROGRESS", "items": 10, "failed": 2, "processing": 5}


@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
@pytest.mark.parametrize("kind", ["sensor", "submit"])
def test_what_is_known_of_failed_items_at_a_timeout_is_written_and_counted(
    shop, kind, deferrable, tmp_path, monkeypatch
):
    path, task = tmp_path / "failed.jsonl", Task()
    feed_id = shop.feed(**IN_PROGRESS)
    fields = {"item_errors_path": str(path), "deferrable": deferrable, "timeout": 0.5}
    if kind == "submit":
        monkeypatch.setattr(WalmartSubmitFeedOperator, "_submit", lambda *_: [feed_id])
        make = submit(**fields)
    else:
        make = lambda: WalmartFeedSensor(task_id="a_task", feed_id=feed_id, poke_interval=0.05, **fields)  # noqa: E731
    with pytest.raises(
        Exception, match=r"So far: 10 items received, 3 succeeded, 2 failed, 5 in processing"
    ) as caught:
        task.run(make)
    assert not isinstance(caught.value, AirflowFailException)
    assert f"The failed items are in {path}." in str(caught.value)
    assert len(path.read_text().splitlines()) == 2
    assert task.xcom["return_value"]["itemsFailed"] == 2
    assert task.xcom["return_value"]["itemErrorsUri"] == str(path)
