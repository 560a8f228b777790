"""WalmartSubmitFeedOperator with ``send="changed"`` and ``validate_spec``, against the sandbox; deferred or not."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.storage.snapshots import Snapshots
from tests.helpers.item_rows import HEADER, VERSION, mug
from tests.helpers.tasks import Task

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])


@pytest.fixture(autouse=True)
def quick(shop, monkeypatch) -> None:
    monkeypatch.setattr(feed_submit, "SETTLE", 0.3)
    monkeypatch.setattr(feed_submit, "READ_EVERY", 0.1)
    shop.settings(feed_seconds=0)


@pytest.fixture
def prices(tmp_path):
    """Return a function that makes the operator of a price file with a snapshot."""

    def make(prices: dict, **fields):
        rows = [{"sku": sku, "price": price} for sku, price in prices.items()]
        known = {
            "task_id": "a_task",
            "feed_type": "price",
            "records": rows,
            "send": "changed",
            "snapshot_path": f"{tmp_path}/prices.sqlite",
            "poll_interval": 0.05,
            "deferrable": False,
        }
        return lambda: WalmartSubmitFeedOperator(**{**known, **fields})

    return make


@pytest.fixture
def items(tmp_path):
    """Return a function that makes the operator of an item feed that is checked."""

    def make(*rows, **fields):
        known = {
            "task_id": "a_task",
            "feed_type": "MP_ITEM",
            "records": list(rows),
            "validate_spec": True,
            "spec_version": VERSION,
            "item_errors_path": f"{tmp_path}/failed.jsonl",
            "poll_interval": 0.05,
            "deferrable": False,
        }
        return lambda: WalmartSubmitFeedOperator(**{**known, **fields})

    return make


def run(make_operator, *, run_id="1"):
    """Run a task of a run of its own."""
    task = Task(map_index=int(run_id))
    return task.run(make_operator)


def posts(shop) -> int:
    return len([entry for entry in shop.received("^/v3/feeds$") if entry["method"] == "POST"])


# -- only what changed ---------------------------------------------------------------------------------


@MODES
def test_only_what_changed_is_sent(shop, prices, deferrable):
    first = run(prices({"A": 1, "B": 2, "C": "3.50"}, deferrable=deferrable))
    assert (first["sent"], first["unchanged"], first["itemsSucceeded"]) == (3, 0, 3)
    # The same by value: 1 and "1.0", 3.50 and 3.5.
    second = run(prices({"A": "1.0", "B": 2.5, "C": 3.5}, deferrable=deferrable), run_id="2")
    assert (second["sent"], second["unchanged"], second["itemsReceived"]) == (1, 2, 1)
    assert second["feedIds"] == [feed["feedId"] for feed in second["feeds"]]
    assert posts(shop) == 2


@MODES
def test_nothing_changed_is_a_success_without_a_feed(shop, prices, deferrable):
    run(prices({"A": 1}, deferrable=deferrable))
    again = run(prices({"A": 1}, deferrable=deferrable), run_id="2")
    assert again == {
        "feedIds": [],
        "feeds": [],
        "itemsReceived": 0,
        "itemsSucceeded": 0,
        "itemsFailed": 0,
        "itemsProcessing": 0,
        "itemErrorsUri": None,
        "sent": 0,
        "unchanged": 1,
    }
    assert posts(shop) == 1


@MODES
def test_what_failed_is_sent_again_and_what_was_accepted_is_not(shop, prices, tmp_path, deferrable):
    good = {"sku": "A", "pricing": [{"currentPrice": {"currency": "USD", "amount": 5}}]}
    bad = {"sku": "B", "pricing": [{"currentPrice": {"currency": "USD", "amount": -5}}]}
    failing = prices({}, records=[good, bad], deferrable=deferrable)
    with pytest.raises(AirflowFailException, match="1 of 2 items failed"):
        run(failing)
    with pytest.raises(AirflowFailException, match="1 of 1 items failed"):
        run(failing, run_id="2")


def test_a_crash_between_result_and_snapshot_sends_nothing_twice_and_skips_nothing(shop, prices, monkeypatch):
    task = Task(map_index=1)
    with monkeypatch.context() as patch:

        def dies(*_, **__):
            raise KeyboardInterrupt

        patch.setattr(Snapshots, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            task.run(prices({"A": 1, "B": 2}))
    result = task.run(prices({"A": 1, "B": 2}))
    assert (result["sent"], result["itemsSucceeded"]) == (2, 2)
    assert posts(shop) == 1
    assert run(prices({"A": 1, "B": 2}), run_id="2")["sent"] == 0


def test_a_run_that_never_came_back_is_made_up_for_by_the_next_one(shop, prices, monkeypatch):
    with monkeypatch.context() as patch:

        def dies(*_, **__):
            raise KeyboardInterrupt

        patch.setattr(Snapshots, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            run(prices({"A": 1}))
    assert run(prices({"A": 1}), run_id="2")["sent"] == 1


def test_all_rows_are_sent_from_time_to_time(shop, prices):
    run(prices({"A": 1}))
    assert run(prices({"A": 1}, full_every=timedelta(0)), run_id="2")["sent"] == 1


def test_a_row_that_vanished_is_left_as_it_is(shop, prices):
    run(prices({"A": 1, "B": 2}))
    assert run(prices({"A": 1}), run_id="2")["sent"] == 0


def test_stock_of_several_nodes_is_compared_by_node(shop, prices):
    def stock(*quantities):
        rows = [
            {"sku": "A", "quantity": q, "ship_node": node} for node, q in zip("XY", quantities, strict=True)
        ]
        return prices({}, feed_type="MP_INVENTORY", records=rows)

    assert run(stock(1, 2))["sent"] == 2
    again = run(stock(1, 3), run_id="2")
    assert (again["sent"], again["unchanged"]) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"snapshot_path": None}, "needs a place for its snapshot"),
        ({"send": "all"}, "needs a place for its snapshot"),
        ({"wait_for_completion": False}, "what Walmart accepted is known when it has finished"),
        ({"validate_spec": True}, "price has no item spec"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_sent(shop, prices, fields, said):
    with pytest.raises(AirflowFailException, match=said):
        run(prices({"A": 1}, **fields))
    assert posts(shop) == 0


def test_a_wrong_row_among_unchanged_ones_is_named_by_its_number(shop, prices):
    run(prices({"A": 1, "B": 2}))
    with pytest.raises(AirflowFailException, match="row 2: price is 'two', which is not a number"):
        run(prices({"A": 1, "B": "two"}), run_id="2")


# -- checked against the spec --------------------------------------------------------------------------


@MODES
def test_bad_rows_are_kept_and_the_rest_is_sent(shop, items, tmp_path, deferrable):
    rows = [mug("A"), mug("B", visible={"brand": None}), mug("C")]
    with pytest.raises(AirflowFailException, match="1 of 3 rows failed, 1 of them found wrong here"):
        run(items(*rows, deferrable=deferrable))
    result = run(items(*rows, deferrable=deferrable, allowed_failures=1), run_id="2")
    assert (result["invalid"], result["itemsSucceeded"]) == (1, 2)
    assert result["itemErrorsUri"] == f"{tmp_path}/failed.jsonl"
    [line] = map(json.loads, (tmp_path / "failed.jsonl").read_text().splitlines())
    assert (line["row"], line["sku"], line["status"]) == (2, "B", "LOCAL_INVALID")
    assert (line["field"], line["description"]) == ("Visible.Mugs.brand", "is missing; it is required")


def test_a_warning_sends_all(shop, items, caplog):
    rows = [mug("A"), mug("B", visible={"brand": None})]
    with pytest.raises(AirflowFailException, match="1 of 2 items failed"):
        run(items(*rows, validate_spec="warn"))
    assert "row 2, sku B: Visible.Mugs.brand is missing; it is required" in caplog.text


def test_when_all_rows_are_bad_nothing_is_sent(shop, items):
    with pytest.raises(AirflowFailException, match="None of the 1 rows is as the item spec"):
        run(items(mug(price=0), allowed_failures=1.0))
    assert posts(shop) == 0


def test_a_ready_file_is_checked_and_cut(shop, items, tmp_path):
    path = tmp_path / "items.json"
    path.write_text(json.dumps({**HEADER, "MPItem": [mug("A"), mug("B", price=0)]}))
    fields = {"records": None, "payload_path": str(path), "spec_version": None, "allowed_failures": 1}
    result = run(items(**fields))
    assert (result["itemsReceived"], result["invalid"]) == (1, 1)


def test_records_need_no_header_where_the_version_is_known(shop, items):
    assert run(items(mug(), validate_spec=False))["itemsSucceeded"] == 1


def test_a_retired_version_is_named_and_nothing_is_sent(shop, items):
    with pytest.raises(AirflowFailException, match="The version is retired"):
        run(items(mug(), spec_version="5.0.20260114-19_40_57"))
    assert posts(shop) == 0


def test_items_are_checked_and_compared(shop, items, tmp_path):
    both = {"send": "changed", "snapshot_path": f"{tmp_path}/items.sqlite", "allowed_failures": 1}
    rows = [mug("A"), mug("B", price=0), mug("C")]
    first = run(items(*rows, **both))
    assert (first["sent"], first["invalid"]) == (2, 1)
    second = run(items(mug("A"), mug("B", price=0), mug("C", price=9.99), **both), run_id="2")
    assert (second["sent"], second["unchanged"], second["invalid"]) == (1, 1, 1)


# -- what it costs -------------------------------------------------------------------------------------


def test_the_details_of_a_feed_are_read_once_for_the_verdict_and_the_snapshot(shop, prices):
    run(prices({f"S{number}": 5 for number in range(120)}))
    details = [
        entry["query"] for entry in shop.received("^/v3/feeds/") if "includeDetails=true" in entry["query"]
    ]
    assert len(details) == len(set(details)) == 3
    assert run(prices({f"S{number}": 5 for number in range(120)}), run_id="2")["sent"] == 0
