"""When a feed counts as finished, and when as failed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.feeds.item_errors import error_rows, item_errors
from airflow_provider_walmart.client.feeds.results import progress, result_of, summarize
from airflow_provider_walmart.client.feeds.verdict import corrected, has_failed, is_finished, verdict
from airflow_provider_walmart.client.values.allowed_failures import ErrorTally, parse_allowed_failures


def summary(status="PROCESSED", received=10, failed=0, processing=0):
    return summarize(
        {
            "feedId": "F@1",
            "feedStatus": status,
            "itemsReceived": received,
            "itemsSucceeded": received - failed - processing,
            "itemsFailed": failed,
            "itemsProcessing": processing,
        }
    )


def test_the_form_of_a_summary():
    assert summarize({"feedId": "F@1", "feedStatus": "RECEIVED", "batchId": "x"}, "price") == {
        "feedId": "F@1",
        "feedType": "price",
        "feedStatus": "RECEIVED",
        "itemsReceived": 0,
        "itemsSucceeded": 0,
        "itemsFailed": 0,
        "itemsProcessing": 0,
    }
    assert summarize({"feedType": "item"}, "price")["feedType"] == "item"


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (5, 5),
        ("5", 5),
        (5.0, 5),
        (None, 0),
        ("", 0),
        ("many", 0),
        (-1, 0),
        ([], 0),
        (float("nan"), 0),
        (float("inf"), 0),
    ],
)
def test_counts_of_any_type(value, count):
    assert summarize({"itemsFailed": value})["itemsFailed"] == count


@pytest.mark.parametrize(
    ("status", "processing", "finished"),
    [
        ("RECEIVED", 0, False),
        ("INPROGRESS", 5, False),
        ("INPROGRESS", 0, False),
        ("PROCESSED", 0, True),
        ("PROCESSED", 1, False),
        ("PROCESSED_WITH_ERRORS", 0, True),
        ("PROCESSED_WITH_ERRORS", 1, False),
        ("processed ", 0, True),
        ("ERROR", 0, True),
        ("ERROR", 5, True),
        ("SOMETHING_NEW", 0, False),
        (None, 0, False),
    ],
)
def test_finished(status, processing, finished):
    assert is_finished(summary(status, processing=processing)) is finished


@pytest.mark.parametrize(
    ("failed", "received", "allowed", "fails"),
    [
        (0, 10, 0, False),
        (1, 10, 0, True),
        (1, 10, 1, False),
        (2, 10, 1, True),
        (9, 10, 9, False),
        (1, 10, 0.0, True),
        (1, 10, 0.1, False),
        (2, 10, 0.1, True),
        (9, 10, 1.0, False),
        (29, 100, 0.29, False),  # 0.29 * 100 is a little less than 29
        (30, 100, 0.29, True),
        (57, 100, 0.57, False),
        (58, 100, 0.58, False),
        (7, 100, 0.07, False),
        (1, 3, 1 / 3, False),
    ],
)
def test_the_policy(failed, received, allowed, fails):
    reason = verdict(summary(failed=failed, received=received), allowed)
    assert (reason is not None) is fails
    assert not fails or f"{failed} of {received} items failed" in reason


@pytest.mark.parametrize(
    ("failed", "allowed", "fails"),
    [
        (0, 0, False),
        (1, 0, True),
        (3, 3, False),
        (4, 3, True),
        (2, 0.2, False),
        (3, 0.2, True),
        (3, 1.0, False),
    ],
)
def test_items_in_processing_mend_nothing(failed, allowed, fails):
    """All the others may succeed, which makes neither a number nor a share smaller."""
    reason = verdict(summary(failed=failed, processing=5), allowed)
    assert (reason is not None) is fails


@pytest.mark.parametrize("status", ["RECEIVED", "INPROGRESS", "SOMETHING_NEW", None])
def test_a_feed_in_progress_fails_as_soon_as_more_items_failed_than_allowed(status):
    assert verdict(summary(status, failed=5, processing=5), 0) == "5 of 10 items failed, allowed: 0"
    assert verdict(summary(status, failed=5, processing=5), 5) is None
    assert verdict(summary(status, failed=0, processing=10), 0) is None


@pytest.mark.parametrize(
    ("fields", "allowed", "fails"),
    [
        ({}, 0, True),
        ({}, 0.5, True),
        ({}, 10, True),
        ({}, 1.0, True),
        ({"itemsFailed": 3}, 5, True),
        # However many may fail, one has to be applied.
        ({"itemsFailed": 10}, 10, True),
        ({"itemsFailed": 10}, 1.0, True),
        ({"itemsFailed": 10, "itemsSucceeded": None}, 1.0, True),
        ({"itemsFailed": 9, "itemsSucceeded": None}, 1.0, False),
        ({"itemsFailed": 10, "feedStatus": "INPROGRESS"}, 1.0, False),
        ({"itemsSucceeded": "0"}, 0, True),
        ({"itemsProcessing": 10}, 0, False),
        ({"itemsReceived": 0}, 0, True),
        ({"itemsReceived": 0, "itemsFailed": 1}, 1.0, True),
        ({"itemsReceived": 0, "feedStatus": "RECEIVED"}, 0, False),
        ({"feedStatus": "PROCESSED_WITH_ERRORS"}, 1.0, True),
        # Nobody said that nothing succeeded.
        ({"itemsSucceeded": None}, 0, False),
    ],
)
def test_nothing_applied_is_a_failure(fields, allowed, fails):
    counts = {"itemsReceived": 10, "itemsSucceeded": 0, "itemsFailed": 0, "itemsProcessing": 0}
    reason = verdict({"feedStatus": "PROCESSED", **counts, **fields}, allowed)
    assert (reason is not None) is fails
    assert not fails or "nothing was applied" in reason


@pytest.mark.parametrize("allowed", [0, 1000, 0.0, 1.0])
def test_an_error_always_fails(allowed):
    assert "ERROR" in verdict(summary("ERROR", received=0), allowed)


@given(failed=st.integers(0, 300), received=st.integers(1, 300), hundredths=st.integers(0, 100))
def test_a_share_means_what_it_says(failed, received, hundredths):
    share = hundredths / 100
    exceeds = failed * 100 > hundredths * max(received, failed) or failed >= received
    assert (verdict(summary(failed=failed, received=received), share) is not None) is exceeds


@pytest.mark.parametrize(
    ("item", "failed"),
    [
        ({"ingestionStatus": "SUCCESS"}, False),
        ({"ingestionStatus": "PROCESSED"}, False),
        ({"ingestionStatus": "INPROGRESS"}, False),
        ({"ingestionStatus": "DATA_ERROR"}, True),
        ({"ingestionStatus": "SYSTEM_ERROR"}, True),
        ({"ingestionStatus": "TIMEOUT_ERROR"}, True),
        ({"ingestionStatus": "ERROR"}, True),
        ({"ingestionStatus": "NEW_ERROR"}, True),
        ({"ingestionStatus": "SOMETHING_NEW"}, False),
        ({"ingestionStatus": "SOMETHING_NEW", "ingestionErrors": {"ingestionError": [{"code": "X"}]}}, True),
        ({"ingestionStatus": "SUCCESS", "ingestionErrors": {"ingestionError": [{"code": "X"}]}}, True),
        ({"ingestionStatus": "SUCCESS", "ingestionErrors": {"ingestionError": {"code": "X"}}}, True),
        (
            {
                "ingestionStatus": "SUCCESS",
                "ingestionErrors": {"ingestionError": [{"code": None, "type": ""}]},
            },
            False,
        ),
        ({"ingestionStatus": "data_error "}, True),
        ({"ingestionStatus": None}, False),
        ({}, False),
    ],
)
def test_failed_items(item, failed):
    assert has_failed(item) is failed


@pytest.mark.parametrize(
    "container", [{}, {"ingestionErrors": None}, {"ingestionErrors": []}, {"ingestionErrors": "x"},
    {"ingestionErrors": {}}, {"ingestionErrors": {"ingestionError": None}}, {"ingestionErrors": {"ingestionError": "x"}},
    {"ingestionErrors": {"ingestionError": [None, "x", [], {}]}}, {"ingestionErrors": {"ingestionError": {}}}]
)  # fmt: skip
def test_no_errors_in_any_form(container):
    assert item_errors(container) == []
    (row,) = error_rows("F@1", {"sku": "A", "ingestionStatus": "DATA_ERROR", **container})
    assert row["status"] == "DATA_ERROR"
    assert row["code"] is None


def test_rows_of_failed_items_have_walmarts_words_and_what_is_known_of_the_code_beside_them():
    errors = [
        {"type": "DATA_ERROR", "code": "ERR_EXT_DATA_0101119\t", "field": "upc", "description": "0101119"},
        {"type": "SYSTEM_ERROR"},
        {"type": "NEW", "code": "C1"},
    ]
    item = {
        "sku": "A",
        "index": 3,
        "ingestionStatus": "DATA_ERROR",
        "ingestionErrors": {"ingestionError": errors},
    }
    same = {"feedId": "F@1", "sku": "A", "index": 3, "status": "DATA_ERROR"}
    of_code, of_type, unknown = error_rows("F@1", item)
    assert "UPC" in of_code.pop("hint")
    assert of_code == {
        **same,
        "type": "DATA_ERROR",
        "code": "ERR_EXT_DATA_0101119",
        "field": "upc",
        "description": "0101119",
        "action": "fix",
    }
    assert "an hour" in of_type.pop("hint")
    assert of_type == {
        **same,
        "type": "SYSTEM_ERROR",
        "code": None,
        "field": None,
        "description": None,
        "action": "later",
    }
    assert unknown == {
        **same,
        "type": "NEW",
        "code": "C1",
        "field": None,
        "description": None,
        "action": None,
        "hint": None,
    }


def test_errors_that_are_one_object_are_errors_like_those_in_a_list():
    error = {"type": "DATA_ERROR", "code": "C1", "field": "price", "description": "below the floor"}
    for errors in ({"ingestionError": error}, {"ingestionError": [error]}, [error], error):
        assert item_errors({"ingestionErrors": errors}) == [error]


@pytest.mark.parametrize("count", ["itemDataErrorCount", "itemSystemErrorCount", "itemTimeoutErrorCount"])
def test_counts_of_errors_count_as_failed_items_where_walmart_counts_no_failed_ones(count):
    feed = {"feedStatus": "PROCESSED", "itemsReceived": 5, "itemsSucceeded": 5, "itemsFailed": 0, count: "2"}
    assert summarize(feed)["itemsFailed"] == 2
    assert verdict(feed, 0) == "2 of 5 items failed, allowed: 0"
    assert summarize({**feed, "itemsFailed": 3})["itemsFailed"] == 3


@pytest.mark.parametrize(
    ("counts", "failed", "sent", "wanted"),
    [
        # received, succeeded, failed by Walmart -> by its details
        ((5, 5, 0), 2, 0, (3, 2)),
        ((5, 3, 2), 2, 0, (3, 2)),
        ((5, 3, 2), 0, 0, (3, 2)),
        ((3, 3, 0), 2, 5, (3, 2)),
        ((0, 0, 0), 2, 2, (0, 2)),
        ((5, 5, 0), 9, 0, (0, 9)),
    ],
)
def test_counts_are_put_right_by_what_the_items_show(counts, failed, sent, wanted):
    received, succeeded, failed_by_walmart = counts
    feed = {"itemsReceived": received, "itemsSucceeded": succeeded, "itemsFailed": failed_by_walmart}
    right = corrected(feed, failed=failed, sent=sent)
    assert (right["itemsSucceeded"], right["itemsFailed"]) == wanted


def test_one_result_whatever_the_number_of_feeds():
    one, other = summary(failed=1), {**summary(received=5), "feedId": "F@2"}
    assert result_of([one, other], "/failed.jsonl") == {
        "feedIds": ["F@1", "F@2"],
        "feeds": [one, other],
        "itemsReceived": 15,
        "itemsSucceeded": 14,
        "itemsFailed": 1,
        "itemsProcessing": 0,
        "itemErrorsUri": "/failed.jsonl",
    }
    assert result_of([])["feeds"] == []


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
ITEM = ("feedId", "feedType", "feedStatus", "itemsReceived", "itemsFailed", "itemsProcessing", "sku", "index",
        "ingestionStatus", "ingestionErrors")  # fmt: skip
hostile_feeds = st.dictionaries(
    st.sampled_from(ITEM),
    junk | st.fixed_dictionaries({"ingestionError": st.lists(junk | st.dictionaries(st.sampled_from(["code", "type", "field", "description"]), junk))}),
)  # fmt: skip


@given(feed=hostile_feeds, allowed=junk)
def test_whatever_walmart_says_of_a_feed(feed, allowed):
    made = summarize(feed)
    json.dumps(made)
    assert isinstance(made["feedId"], (str, type(None)))
    assert progress(feed)
    is_finished(made)
    tally = ErrorTally()
    if has_failed(feed):
        for row in error_rows("F", feed):
            tally.add(row)
        assert tally.top()
        assert str(tally)
    try:
        verdict(made, parse_allowed_failures(allowed))
    except WalmartError as error:
        assert "allowed_failures" in str(error)  # noqa: PT017 - some of the junk is legal
