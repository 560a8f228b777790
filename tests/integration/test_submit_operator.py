"""WalmartSubmitFeedOperator against the sandbox: sent once, waited for, judged; deferred or not."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartError,
    WalmartRateLimitError,
    WalmartServerError,
    WalmartTimeoutError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.feeds import feed_types as feed_formats
from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from tests.helpers.tasks import Task, our_warnings

ROWS = [{"sku": f"A-{number}", "quantity": number} for number in range(5)]
# One type that is uploaded as a file with a name, and one whose body is the document itself.
INVENTORY = {"feed_type": "MP_INVENTORY", "records": ROWS}
LAGTIME = {"feed_type": "lagtime", "records": [{"sku": row["sku"], "lag_time": 1} for row in ROWS]}
PAYLOADS = pytest.mark.parametrize("payload", [INVENTORY, LAGTIME], ids=["file", "body"])
MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(feed_submit, "SETTLE", 0.3)
    monkeypatch.setattr(feed_submit, "READ_EVERY", 0.1)
    monkeypatch.setattr(feed_submit, "LONGEST_SEND", 0.5)
    # After a 429 the client asks again at once: the time until a slot is free does not pass in a test.
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)
    shop.settings(feed_seconds=0)


def operator(**fields):
    known = {"task_id": "a_task", "poll_interval": 0.05, "deferrable": False, **INVENTORY}
    return lambda: WalmartSubmitFeedOperator(**{**known, **fields})


def taken(shop) -> list[str]:
    """Return the ids of the feeds that Walmart took, oldest first."""
    return [feed["feedId"] for feed in shop.server.get("/v3/feeds")["results"]["feed"]][::-1]


def sent(shop) -> list[dict]:
    return [entry for entry in shop.received("^/v3/feeds$") if entry["method"] == "POST"]


# -- the plain way ---------------------------------------------------------------------------------------


@MODES
@PAYLOADS
def test_submits_waits_and_returns_the_counts(shop, payload, deferrable):
    shop.settings(feed_seconds=0.3)
    task = Task()
    result = task.run(operator(**payload, deferrable=deferrable))
    [feed_id] = taken(shop)
    assert result == {
        "feedIds": [feed_id],
        "feeds": [
            {
                "feedId": feed_id,
                "feedType": payload["feed_type"],
                "feedStatus": "PROCESSED",
                "itemsReceived": 5,
                "itemsSucceeded": 5,
                "itemsFailed": 0,
                "itemsProcessing": 0,
            }
        ],
        "itemsReceived": 5,
        "itemsSucceeded": 5,
        "itemsFailed": 0,
        "itemsProcessing": 0,
        "itemErrorsUri": None,
    }
    assert task.xcom == {"feed_ids": [feed_id], "return_value": result}
    assert len(task.deferrals) == int(deferrable)
    assert len(sent(shop)) == 1


def test_returns_at_once_when_told_not_to_wait(shop):
    shop.settings(feed_seconds=3600)
    result = Task().run(operator(wait_for_completion=False))
    assert result["feedIds"] == taken(shop)
    assert (result["feeds"][0]["feedStatus"], result["itemsReceived"]) == ("RECEIVED", 5)


@MODES
def test_several_slices_make_a_list(shop, monkeypatch, deferrable):
    monkeypatch.setitem(feed_formats._MAX_ITEMS, "mp_inventory", 2)
    task = Task()
    result = task.run(operator(deferrable=deferrable))
    assert result["feedIds"] == taken(shop) == task.xcom["feed_ids"]
    assert [feed["itemsReceived"] for feed in result["feeds"]] == [2, 2, 1]
    assert result["itemsReceived"] == 5


@MODES
def test_failed_items_fail_the_task_for_good_and_stay_in_xcom(shop, tmp_path, deferrable):
    path = tmp_path / "failed.jsonl"
    payload = tmp_path / "feed.json"
    rows = [{"sku": "GOOD", "quantity": {"amount": 1}}, {"sku": "BAD", "quantity": {"amount": -1}}]
    payload.write_text(json.dumps({"InventoryHeader": {"version": "1.4"}, "Inventory": rows}))
    fields = {
        "feed_type": "inventory",
        "records": None,
        "payload_path": ObjectStoragePath(f"file://{payload}"),
        "item_errors_path": path,
        "deferrable": deferrable,
    }
    task = Task()
    with pytest.raises(AirflowFailException, match=r"1 of 2 items failed.*ERR_EXT_DATA_0101116.*BAD"):
        task.run(operator(**fields))
    assert task.xcom["return_value"]["itemsFailed"] == 1
    assert task.xcom["return_value"]["itemErrorsUri"] == str(path)
    assert [json.loads(line)["sku"] for line in path.read_text().splitlines()] == ["BAD"]

    # A retry that finds it in order goes on with the same feed.
    assert task.run(operator(**fields, allowed_failures=1))["itemsFailed"] == 1
    assert len(sent(shop)) == 1


@pytest.mark.parametrize(
    ("feed_type", "name", "content", "sent_as"),
    [
        ("price", "prices.xml", b"<PriceFeed><Price><sku>A</sku></Price></PriceFeed>", "application/xml"),
        ("FITMENT_ACES", "fitment.zip", b"PK\x03\x04...", "application/zip"),
        ("NEWER_THAN_THIS_TEST", "feed.json", b'{"Things": [{"sku": "A"}]}', "application/json"),
    ],
)
def test_a_ready_file_is_sent_as_it_is(shop, tmp_path, feed_type, name, content, sent_as):
    (tmp_path / name).write_bytes(content)
    path = f"file://{tmp_path}/{name}"
    result = Task().run(operator(feed_type=feed_type, records=None, payload_path=path))
    assert (result["feeds"][0]["feedType"], result["feeds"][0]["feedStatus"]) == (feed_type, "PROCESSED")
    [call] = sent(shop)
    assert call["query"] == f"feedType={feed_type}"
    [listed] = shop.server.get("/v3/feeds")["results"]["feed"]
    assert listed["fileName"].endswith(f".{sent_as.partition('/')[2]}")
    assert call["body_bytes"] > len(content)


def test_bad_rows_send_nothing(shop):
    rows = [*ROWS, {"sku": "", "quantity": 1}, {"sku": "Z", "quantity": "many"}]
    with pytest.raises(AirflowFailException, match=r"(?s)row 6: .*row 7: "):
        Task().run(operator(records=rows))
    assert shop.received() == []


BAD_ROWS = [{"sku": "Y", "quantity": "many"}, {"SKU": "Z", "quantity": -1}]


@pytest.mark.parametrize("allowed", [2, 0.29, "50%"])
@pytest.mark.parametrize("deferrable", [False, True])
def test_bad_rows_that_may_fail_are_left_out_named_and_counted_and_the_rest_is_sent_once(
    shop, tmp_path, allowed, deferrable
):
    failed = tmp_path / "failed.jsonl"
    records = [*ROWS[:3], *BAD_ROWS, *ROWS[3:]]
    fields = {
        "records": records,
        "item_errors_path": str(failed),
        "allowed_failures": allowed,
        "deferrable": deferrable,
    }
    task = Task()
    result = task.run(operator(**fields))
    assert (result["itemsReceived"], result["itemsSucceeded"], result["invalid"]) == (5, 5, 2)
    rows = [json.loads(line) for line in failed.read_text().splitlines()]
    assert [(row["row"], row["sku"], row["status"]) for row in rows] == [
        (4, "Y", "LOCAL_INVALID"),
        (5, "Z", "LOCAL_INVALID"),
    ]
    assert "quantity is 'many', which is not a number" in rows[0]["description"]
    # A retry goes on with the same feed.
    assert task.run(operator(**fields))["feedIds"] == result["feedIds"]
    assert len(sent(shop)) == 1


@pytest.mark.parametrize(
    ("rows", "allowed"), [([*ROWS, *BAD_ROWS], 1), ([*ROWS, *BAD_ROWS], 0.2), (BAD_ROWS, 2), (BAD_ROWS, 1.0)]
)
def test_more_bad_rows_than_allowed_or_nothing_else_send_nothing(shop, tmp_path, rows, allowed):
    failed = tmp_path / "failed.jsonl"
    with pytest.raises(AirflowFailException, match="quantity is 'many'"):
        Task().run(operator(records=rows, allowed_failures=allowed, item_errors_path=str(failed)))
    assert shop.received() == []
    assert not failed.exists()


def test_rows_that_are_left_out_are_in_the_log_which_does_not_say_that_nothing_was_sent(shop, caplog):
    Task().run(operator(records=[*ROWS, *BAD_ROWS], allowed_failures=2))
    [said] = [text for text in our_warnings(caplog) if "rows" in text]
    assert "2 of 7 rows can't be sent and are left out:\n  row 6, sku Y: quantity is 'many'" in said
    assert "nothing was sent" not in said


def test_a_ready_file_that_makes_no_sense_is_named_whatever_may_fail(shop, tmp_path):
    (tmp_path / "feed.json").write_text('{"Things": [')
    fields = {"records": None, "payload_path": str(tmp_path / "feed.json"), "allowed_failures": 1}
    with pytest.raises(AirflowFailException, match=r"feed\.json") as raised:
        Task().run(operator(**fields))
    assert "records_path" not in str(raised.value)


def test_the_same_sku_twice_counts_as_a_bad_row(shop):
    result = Task().run(operator(records=[*ROWS, {"sku": "A-0", "quantity": 7}], allowed_failures=2))
    assert result["invalid"] + result["itemsReceived"] == len(ROWS) + 1
    assert len(sent(shop)) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"item_errors_path": "/tmp"}, "item_errors_path is '/tmp', a folder"),
        ({"timeout": 0}, "timeout is 0:00:00; allowed: above 0"),
        ({"feed_type": " "}, "feed_type"),
        ({"records": "[]"}, "render_template_as_native_obj"),
    ],
)
def test_wrong_parameters_send_nothing(shop, fields, said):
    with pytest.raises(AirflowFailException, match=said):
        Task().run(operator(**fields))
    assert shop.received() == []


@pytest.mark.parametrize("fields", [{"records": None}, {"payload_path": "x"}, {"records_path": "{{ x }}"}])
def test_no_input_and_two_are_named_when_the_dag_is_parsed(fields):
    with pytest.raises(WalmartConfigError, match="Give one of records, records_path and payload_path; given"):
        operator(**fields)()


# -- troubles on the wire --------------------------------------------------------------------------------

ARRIVED = {
    "answer lost": {"reset": "after"},
    "200 without a body": {"body": ""},
    "200 from a proxy": {"body": "<html><title>Hello</title></html>"},
    "200 without an id": {"body": {"additionalAttributes": None}},
    "200 cut short": {"truncate": 3},
    "5xx after accept": {"status": 504, "after_effect": True},
}
REFUSED = {
    "5xx before accept": ({"status": 503}, WalmartConnectionError),
    "connection lost before accept": ({"reset": "before"}, WalmartConnectionError),
    "429": ({"status": 429}, WalmartRateLimitError),
}


@MODES
@PAYLOADS
@pytest.mark.parametrize("trouble", ARRIVED.values(), ids=ARRIVED)
def test_goes_on_with_a_feed_that_arrived(shop, payload, trouble, deferrable):
    shop.fault("^/v3/feeds$", method="POST", times=1, **trouble)
    task = Task()
    assert task.run(operator(**payload, deferrable=deferrable))["feedIds"] == taken(shop)[:1]
    assert len(taken(shop)) == len(sent(shop)) == 1


@PAYLOADS
@pytest.mark.parametrize(("trouble", "error"), REFUSED.values(), ids=REFUSED)
def test_a_retry_sends_what_did_not_arrive(shop, payload, trouble, error):
    shop.fault("^/v3/feeds$", method="POST", times=1, **trouble)
    task = Task()
    with pytest.raises(error):
        task.run(operator(**payload))
    assert taken(shop) == []
    assert task.run(operator(**payload))["feedIds"] == taken(shop)[:1]
    assert len(taken(shop)) == 1


@PAYLOADS
@pytest.mark.parametrize("trouble", [*ARRIVED.values(), *(made for made, _ in REFUSED.values())])
def test_a_retry_without_task_state_sends_what_did_not_arrive(shop, payload, trouble, caplog):
    shop.fault("^/v3/feeds$", method="POST", times=1, **trouble)
    # Nobody can tell when the list of feeds fails as well: the task ends, and is tried again.
    shop.fault("^/v3/feeds$", method="GET", status=503, skip=1, times=4)
    task = Task(has_state=False)
    with pytest.raises(WalmartError):
        task.run(operator(**payload))
    shop.no_faults()
    assert task.run(operator(**payload))["feedIds"] == taken(shop)[:1]
    assert len(taken(shop)) == 1
    assert "no task state store" in caplog.text


@PAYLOADS
def test_a_list_of_feeds_that_holds_errors_says_nothing_of_what_arrived(shop, payload):
    shop.fault("^/v3/feeds$", method="POST", times=1, reset="after")
    shop.fault("^/v3/feeds$", method="GET", skip=1, body={"errors": {"error": [{"code": "SYSTEM_ERROR.X"}]}})
    task = Task()
    with pytest.raises(WalmartServerError, match="SYSTEM_ERROR"):
        task.run(operator(**payload))
    shop.no_faults()
    assert task.run(operator(**payload))["feedIds"] == taken(shop)[:1]
    assert len(taken(shop)) == len(sent(shop)) == 1


# -- retries and Clear -----------------------------------------------------------------------------------


def test_two_that_may_be_ours_need_a_person(shop, monkeypatch):
    monkeypatch.setattr(feed_submit, "has_items", lambda *_: "unknown")
    shop.fault("^/v3/feeds$", method="POST", times=1, reset="after")
    shop.fault("^/v3/feeds$", method="GET", status=503, skip=1, times=4)
    task = Task()
    with pytest.raises(Exception, match="503"):
        task.run(operator(**LAGTIME))
    # Somebody else uploads the same number of items.
    shop.feed(feedType="lagtime", items=5)
    with pytest.raises(WalmartUnknownOutcomeError):
        task.run(operator(**LAGTIME))
    assert len(sent(shop)) == 1
    result = task.run(operator(**LAGTIME, on_unknown="resubmit"))
    assert len(sent(shop)) == 2
    assert result["feedIds"] == taken(shop)[-1:]


@MODES
def test_clear_with_the_same_payload_reconnects(shop, deferrable, caplog):
    caplog.set_level(logging.INFO)
    task = Task()
    first = task.run(operator(deferrable=deferrable))
    assert task.run(operator(deferrable=deferrable)) == first
    assert len(sent(shop)) == 1
    assert "submitted before" in caplog.text
    assert "durable=False" in caplog.text


def test_clear_reconnects_without_task_state(shop):
    task = Task(has_state=False)
    first = task.run(operator())
    # A cleared run begins anew.
    task.started += timedelta(hours=8)
    assert task.run(operator()) == first
    assert len(sent(shop)) == 1


def test_a_backfill_of_long_ago_does_not_look_through_all_feeds(shop):
    task = Task(has_state=False)
    task.planned -= timedelta(days=400)
    shop.feeds(*({"feedType": "MP_INVENTORY", "items": 5, "age": 86_400 + 60 * n} for n in range(60)))
    shop.fault("^/v3/feeds$", method="POST", times=1, reset="before")
    with pytest.raises(WalmartConnectionError):
        task.run(operator())
    seen = len(shop.received("^/v3/feeds$"))
    task.run(operator())
    polls = [entry for entry in shop.received("^/v3/feeds$")[seen:] if entry["method"] == "GET"]
    assert "offset=50" not in str(polls)


def test_clear_with_another_payload_submits(shop):
    task = Task()
    first = task.run(operator())
    second = task.run(operator(records=[*ROWS, {"sku": "new", "quantity": 1}]))
    assert first["feedIds"] + second["feedIds"] == taken(shop)
    # Back to the first payload: that one is known.
    assert task.run(operator())["feedIds"] == first["feedIds"]


@pytest.mark.parametrize("has_state", [True, False])
def test_not_durable_always_submits(shop, has_state):
    task = Task(has_state=has_state)
    ids = [task.run(operator(durable=False))["feedIds"][0] for _ in range(3)]
    assert ids == taken(shop)
    assert not task.state


def test_mapped_tasks_with_equal_payloads_submit_one_each(shop):
    ids = [Task(map_index=index).run(operator())["feedIds"][0] for index in range(3)]
    assert ids == taken(shop)


@PAYLOADS
@pytest.mark.parametrize("trouble", [{"reset": "after"}, {"reset": "before"}, {"status": 429}])
@pytest.mark.parametrize("has_state", [True, False], ids=["state", "no state"])
def test_a_retry_continues_with_the_missing_slices(shop, monkeypatch, payload, trouble, has_state):
    for name in ("mp_inventory", "lagtime"):
        monkeypatch.setitem(feed_formats._MAX_ITEMS, name, 2)
    shop.fault("^/v3/feeds$", method="POST", skip=1, times=1, **trouble)
    shop.fault("^/v3/feeds$", method="GET", skip=3, times=4, status=503)
    task = Task(has_state=has_state)
    with pytest.raises(WalmartError):
        task.run(operator(**payload))
    shop.no_faults()
    result = task.run(operator(**payload))
    assert result["feedIds"] == taken(shop)
    assert [feed["itemsReceived"] for feed in result["feeds"]] == [2, 2, 1]


# -- scarce slots ----------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("has_state", [True, False], ids=["state", "no state"])
def test_waits_for_an_hourly_slot(shop, monkeypatch, deferrable, has_state):
    monkeypatch.setitem(feed_formats._MAX_ITEMS, "mp_inventory", 2)
    slept = []
    clock = SimpleNamespace(time=time.time, sleep=slept.append)
    monkeypatch.setattr("airflow_provider_walmart.operators.feeds.time", clock)
    at = datetime.now(timezone.utc) + timedelta(minutes=10)
    headers = {"X-Next-Replenishment-Time": str(int(at.timestamp() * 1000))}
    shop.fault("^/v3/feeds$", method="POST", skip=1, times=1, status=429, headers=headers)

    task = Task(has_state=has_state)
    result = task.run(operator(deferrable=deferrable, wait_for_completion=False))

    assert result["feedIds"] == taken(shop)
    assert len(taken(shop)) == 3
    if deferrable:
        [trigger] = task.deferrals
        # In whole milliseconds; later only by what the answer took, should that have been seconds: clocks may differ.
        assert (
            at - timedelta(milliseconds=1)
            <= datetime.fromtimestamp(trigger.at, timezone.utc)
            < at + timedelta(minutes=1)
        )
    else:
        assert slept == [pytest.approx(600, abs=60)]


def test_does_not_sleep_longer_than_it_may(shop):
    headers = {"Retry-After": "7200"}
    shop.fault("^/v3/feeds$", method="POST", times=1, status=429, headers=headers)
    with pytest.raises(WalmartRateLimitError):
        Task().run(operator(timeout=timedelta(hours=1)))


@MODES
def test_slots_that_never_come_are_given_up(shop, deferrable):
    headers = {"Retry-After": "0.05"}
    shop.fault("^/v3/feeds$", method="POST", status=429, headers=headers)
    with pytest.raises(WalmartRateLimitError):
        Task().run(operator(timeout=0.5, deferrable=deferrable))
    assert sent(shop)
    assert taken(shop) == []


def test_a_deferral_before_a_slice_was_looked_for_does_not_forget_the_earlier_try(shop, monkeypatch):
    """Without task state: the first try sent both slices, then died; the second is throttled between them."""
    monkeypatch.setitem(feed_formats._MAX_ITEMS, "mp_inventory", 3)
    task = Task(has_state=False)
    first = task.run(operator(wait_for_completion=False))
    shop.fault("^/v3/feeds$", method="GET", skip=1, times=1, status=429, headers={"Retry-After": "3600"})
    again = task.run(operator(wait_for_completion=False, deferrable=True))
    assert again == first
    assert len(task.deferrals) == 1
    assert len(sent(shop)) == 2


def test_on_kill_says_that_feeds_go_on(capsys):
    operator()().on_kill()
    assert "cannot recall" in capsys.readouterr().out


def test_an_unknown_feed_type_is_sent_with_the_header_and_root_key_of_the_user(shop):
    result = Task().run(
        operator(
            feed_type="BRAND_NEW",
            records=[{"sku": "A", "anything": [1]}],
            feed_header={"NewHeader": {"version": "9"}},
            root_key="Things",
        )
    )
    assert (result["feeds"][0]["feedType"], result["itemsReceived"]) == ("BRAND_NEW", 1)


def test_deadline_fails_the_task_and_a_retry_goes_on_waiting(shop):
    shop.settings(feed_seconds=3600)
    task = Task()
    with pytest.raises(WalmartTimeoutError, match="goes on waiting") as caught:
        task.run(operator(timeout=0.2))
    assert not isinstance(caught.value, AirflowFailException)
    shop.advance(3600)
    assert task.run(operator(timeout=60))["feeds"][0]["feedStatus"] == "PROCESSED"
    assert len(sent(shop)) == 1
