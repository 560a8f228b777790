from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartReportFailedError
from airflow_provider_walmart.client.reports.requests import (
    check_ready,
    check_report,
    is_done,
    matches,
    report_body,
    submitted_at,
)

NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)
FILTERS = [{"type": "enumFilter", "columnName": "Publish Status", "values": ["PUBLISHED"]}]


# -- what is known of types ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report_type", "given", "dates", "version"),
    [
        ("ITEM", None, (None, None), "v6"),
        ("ITEM", "v1", (None, None), "v1"),
        ("INVENTORY", None, (None, None), "v1"),
        ("ITEM_PERFORMANCE", None, (None, None), "v2"),
        ("ITEM_PERFORMANCE", None, (NEW_YEAR, NEW_YEAR + timedelta(days=730)), "v3"),
        ("ITEM_PERFORMANCE", "v1", (None, None), "v1"),
        ("MADE_UP_TOMORROW", None, (None, None), "v1"),
        ("MADE_UP_TOMORROW", "v17", (None, None), "v17"),
    ],
)
def test_the_version_is_the_newest_that_fits(report_type, given, dates, version):
    assert check_report(report_type, given, *dates) == version


@pytest.mark.parametrize(
    ("report_type", "version", "start", "end", "named"),
    [
        ("", None, None, None, "report_type"),
        (None, None, None, None, "report_type"),
        ("ITEM", "v7", None, None, "v1, v2, v3, v4, v5, v6"),
        ("ITEM", "6", None, None, "report_version is '6'"),
        ("ITEM_PERFORMANCE", "v4", None, None, "v1, v2, v3"),
        ("ITEM_PERFORMANCE", "v3", None, None, "needs start and end"),
        ("ITEM", None, NEW_YEAR, None, "start and end"),
        ("ITEM", None, None, NEW_YEAR, "start and end"),
        ("ITEM", None, NEW_YEAR.replace(tzinfo=None), NEW_YEAR, "time zone"),
        ("ITEM", None, NEW_YEAR, NEW_YEAR, "730 days"),
        ("ITEM", None, NEW_YEAR, NEW_YEAR + timedelta(days=730, seconds=1), "730 days"),
    ],
)
def test_what_can_not_be_is_refused_with_a_reason(report_type, version, start, end, named):
    with pytest.raises(WalmartConfigError, match=named):
        check_report(report_type, version, start, end)


@pytest.mark.parametrize(
    ("report_type", "meant"),
    [("ITEMS", "ITEM"), ("item", "ITEM"), ("ITEM", None), ("MADE_UP_TOMORROW", None)],
)
def test_a_misspelt_type_passes_with_a_warning(report_type, meant, caplog):
    check_report(report_type, None, None, None)
    assert [record.levelname for record in caplog.records] == (["WARNING"] if meant else [])
    assert (
        not meant
        or f"{report_type!r}, which Walmart's documents don't have; did you mean {meant}?" in caplog.text
    )


# -- bodies --------------------------------------------------------------------------------------------


def test_a_body_holds_what_was_given_and_nothing_else():
    assert report_body() == {}
    assert report_body(row_filters=[], exclude_columns=[]) == {}
    assert report_body(row_filters=FILTERS, exclude_columns=("Price",)) == {
        "rowFilters": FILTERS,
        "excludeColumns": ["Price"],
    }


def test_a_window_is_sent_in_utc_and_by_days_unless_said_otherwise():
    start = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-5)))
    body = report_body(start=start, end=NEW_YEAR + timedelta(days=1))
    assert body == {
        "dataStartTime": "2026-01-01T05:00:00.000Z",
        "dataEndTime": "2026-01-02T00:00:00.000Z",
        "dateGranularity": "DAILY",
    }
    assert report_body(start=start, end=NEW_YEAR, date_granularity="MONTHLY")["dateGranularity"] == "MONTHLY"


# -- which request is equal ----------------------------------------------------------------------------

WINDOW = report_body(start=NEW_YEAR, end=NEW_YEAR + timedelta(days=1))


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (None, {}),
        ({}, {}),
        ({"rowFilters": [], "excludeColumns": None}, {}),
        ({"rowFilters": FILTERS}, {"rowFilters": FILTERS}),
        (WINDOW, WINDOW),
        # Walmart's documents show answers without the granularity, and times with and without milliseconds.
        ({key: WINDOW[key] for key in ("dataStartTime", "dataEndTime")}, WINDOW),
        ({"dataStartTime": "2026-01-01T00:00:00Z", "dataEndTime": "2026-01-02T00:00:00Z"}, WINDOW),
        ({"rowFilters": [{**FILTERS[0], "from": None}]}, {"rowFilters": FILTERS}),
        ({"excludeColumns": ["A", "B"]}, {"excludeColumns": ["B", "A"]}),
        ({"rowFilters": [{"to": "9", "columnName": "Price"}, *FILTERS]}, {"rowFilters": [*FILTERS, {"columnName": "Price", "to": "9"}]}),
    ],
)  # fmt: skip
def test_equal_requests(payload, body):
    request = {} if payload is None else {"payload": payload}
    assert matches(request, body)


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ({}, {"rowFilters": FILTERS}),
        ({"rowFilters": FILTERS}, {}),
        ({"rowFilters": [{**FILTERS[0], "values": ["UNPUBLISHED"]}]}, {"rowFilters": FILTERS}),
        ({"excludeColumns": ["Price"]}, {"excludeColumns": ["Price", "SKU"]}),
        ({**WINDOW, "dateGranularity": "WEEKLY"}, WINDOW),
        ({**WINDOW, "dataEndTime": "2026-01-02T00:00:01Z"}, WINDOW),
        ({}, WINDOW),
        ({"dataStartTime": "soon"}, {"dataStartTime": "later"}),
    ],
)
def test_requests_that_differ(payload, body):
    assert not matches({"payload": payload}, body)


# -- state ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z", "2025-12-31T19:00:00-05:00", "2026-01-01T00:00:00"])  # fmt: skip
def test_when_it_was_asked_for(text):
    assert submitted_at({"requestSubmissionDate": text}) == NEW_YEAR


@pytest.mark.parametrize("request_", [{}, {"requestSubmissionDate": "x"}, {"requestSubmissionDate": []}])
def test_unknown_when_it_was_asked_for(request_):
    assert submitted_at(request_) is None


@pytest.mark.parametrize(
    ("status", "done"), [("RECEIVED", False), ("INPROGRESS", False), ("READY", True), ("ERROR", True)]
)
def test_when_a_report_is_done(status, done):
    assert is_done({"requestStatus": status}) is done


def test_a_report_that_failed_says_what_to_do():
    check_ready({"requestStatus": "READY"}, "R-1")
    with pytest.raises(WalmartReportFailedError, match=r"could not make report R-1 .*Hint: .*hour"):
        check_ready({"requestId": "R-1", "requestStatus": "ERROR"}, "R-1")
    with pytest.raises(WalmartReportFailedError, match=r"doesn't know report request R-1.*30 days"):
        check_ready(None, "R-1")
