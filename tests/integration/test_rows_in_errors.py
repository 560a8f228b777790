"""Rows in errors, logs and files of failed items: named by their number in the input, and by their line in the file."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator
from tests.helpers.item_rows import VERSION, mug
from tests.helpers.tasks import Task, our_warnings

CSV_ROWS = 'sku,price\n"A\nlamp",5\n\nB,{B}\nC,{C}\n'
JSON_ROWS = '{{"sku": "A", "price": 5}}\n\n{{"sku": "B", "price": "{B}"}}\n{{"sku": "{C}", "price": 1}}\n'


@pytest.fixture
def send(shop, tmp_path):
    """Return a function that sends a file of rows."""
    shop.settings(feed_seconds=0)

    def send(content: str, name: str = "rows.csv", *, run: int = 1, **fields):
        path = tmp_path / name
        path.write_text(content)
        known = {"task_id": "a_task", "feed_type": "price", "records_path": str(path), "poll_interval": 0.05}
        return Task(map_index=run).run(
            lambda: WalmartSubmitFeedOperator(**{**known, "deferrable": False, **fields})
        )

    return send


def problems(sending, *args, **fields) -> list[str]:
    with pytest.raises(AirflowFailException) as raised:
        sending(*args, **fields)
    return str(raised.value).split("\n  ")[1:]


def posts(shop) -> int:
    return len([entry for entry in shop.received("^/v3/feeds$") if entry["method"] == "POST"])


@pytest.fixture(params=["all", "changed"])
def how(request, tmp_path):
    """Return the options of sending all rows, or what changed."""
    return {"send": "changed", "snapshot_path": f"{tmp_path}/s.sqlite"} if request.param == "changed" else {}


def test_bad_values_name_row_and_line(send, how):
    assert problems(send, CSV_ROWS.format(B="x", C="1.234"), **how) == [
        "row 2 (line 5): price is 'x', which is not a number",
        "row 3 (line 6): price is '1.234', which has more than 2 decimals",
    ]
    assert problems(send, JSON_ROWS.format(B="x", C="C"), "rows.jsonl", **how) == [
        "row 2 (line 3): price is 'x', which is not a number"
    ]


def test_a_sku_that_is_there_twice_names_row_and_line(send, how):
    rows = JSON_ROWS.format(B=1, C="A")
    twice = "sku 'A', price_type BASE is in row 1 already"
    assert problems(send, rows, "rows.jsonl", **how) == [f"row 3 (line 4): {twice}"]
    assert problems(send, "sku,price\n\nA,5\n\nA,6\n", **how) == [f"row 2 (line 5): {twice}"]


def test_a_second_ship_node_names_row_and_line(send):
    rows = "sku,quantity,ship_node\n\nA,5,1\nB,5,2\n"
    [said] = problems(send, rows, feed_type="inventory")
    assert said.startswith("row 2 (line 4): ship_node is '2', but '1' in the rows before")


def test_rows_of_orders_name_row_and_line(shop, tmp_path):
    path = tmp_path / "orders.jsonl"
    path.write_text('\n\n{"purchase_order_id": "1", "tracking_number": "T", "carrier": "FedExx"}\n')
    fields = {"task_id": "a_task", "action": "ship", "records_path": str(path)}
    with pytest.raises(AirflowFailException, match=r"row 1 \(line 3\): carrier"):
        Task().run(lambda: WalmartOrderUpdateOperator(**fields))


def test_rows_that_are_left_out_name_row_and_line_in_the_log(send, caplog):
    result = send(CSV_ROWS.format(B="x", C="1"), allowed_failures=1)
    assert (result["itemsSucceeded"], result["invalid"]) == (2, 1)
    assert (
        "1 of 3 rows can't be sent and are left out:\n  row 2 (line 5), sku B: price is 'x'"
        in (our_warnings(caplog)[0])
    )


def test_a_row_that_is_no_row_is_left_out_too(send):
    rows = [{"sku": "A", "price": 1}, "B,2", {3: 4, "SKU": "C"}]
    assert send("", records_path=None, records=rows, allowed_failures=2)["invalid"] == 2


def test_records_have_no_line(send):
    [said] = problems(send, "", records_path=None, records=[{"sku": "A", "price": "x"}])
    assert said == "row 1: price is 'x', which is not a number"


# -- behind the check against the spec -----------------------------------------------------------------


@pytest.fixture
def send_items(send, tmp_path):
    """Return a function that sends items: one good, one against the spec, the good one again, one more."""
    items = [mug(), mug("MUG-2", price=0), mug(), mug("MUG-3")]
    content = "\n".join(json.dumps(item) + "\n" for item in items)

    def send_items(**fields):
        known = {"feed_type": "MP_ITEM", "validate_spec": True, "spec_version": VERSION}
        path = tmp_path / "failed.jsonl"
        return send(content, "items.jsonl", item_errors_path=str(path), **{**known, **fields})

    return send_items


def failed_rows(tmp_path) -> list[tuple[int, str]]:
    lines = map(json.loads, (tmp_path / "failed.jsonl").read_text().splitlines())
    return [(line["row"], line["sku"], line["field"]) for line in lines if line["status"] == "LOCAL_INVALID"]


def test_rows_behind_the_spec_keep_their_numbers(shop, send_items):
    assert problems(send_items) == ["row 3 (line 5): the same is in row 1 already"]
    assert posts(shop) == 0


@pytest.mark.parametrize("allowed", [2, 0.5])
def test_rows_against_the_spec_and_those_that_cant_be_sent_are_left_out_together(
    shop, send_items, tmp_path, caplog, allowed
):
    result = send_items(allowed_failures=allowed)
    assert (result["itemsSucceeded"], result["invalid"]) == (2, 2)
    assert failed_rows(tmp_path) == [
        (2, "MUG-2", "Orderable.price"),
        (3, "MUG-1", ""),
    ]
    assert "row 2 (line 3), sku MUG-2: Orderable.price" in caplog.text
    assert "row 3 (line 5), sku MUG-1: the same is in row 1 already" in caplog.text
    assert posts(shop) == 1


@pytest.mark.parametrize("allowed", [1, 0.49])
def test_more_of_both_than_allowed_send_nothing(shop, send_items, tmp_path, allowed):
    assert problems(send_items, allowed_failures=allowed) == ["row 3 (line 5): the same is in row 1 already"]
    assert posts(shop) == 0


def test_what_changed_of_the_rest_is_sent(shop, send_items, tmp_path):
    fields = {"allowed_failures": 2, "send": "changed", "snapshot_path": f"{tmp_path}/items.sqlite"}
    first = send_items(**fields)
    assert (first["sent"], first["unchanged"], first["invalid"]) == (2, 0, 2)
    second = send_items(run=2, **fields)
    assert (second["sent"], second["unchanged"], second["invalid"]) == (0, 2, 2)
    assert [row for row, *_ in failed_rows(tmp_path)] == [2, 3]


def test_a_warning_about_the_spec_leaves_out_only_what_cant_be_sent(shop, send_items, tmp_path):
    with pytest.raises(AirflowFailException, match="2 of 4 rows failed, 1 of them found wrong here"):
        send_items(validate_spec="warn", allowed_failures=1)
    assert failed_rows(tmp_path) == [(3, "MUG-1", "")]
    assert posts(shop) == 1
