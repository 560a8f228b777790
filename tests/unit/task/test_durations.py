"""Lengths of time that operators are given."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.task.durations import duration
from airflow_provider_walmart.triggers.order_events import WalmartNewOrdersTrigger


@pytest.mark.parametrize("value", [timedelta(minutes=1), 60, 60.0])
def test_a_duration_is_a_timedelta_or_seconds(value):
    assert duration("timeout", value) == timedelta(minutes=1)


@pytest.mark.parametrize("value", ["3600", "1h", None, -1, timedelta(-1), 1e30, float("nan"), [60]])
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(WalmartConfigError, match=r"timeout is .*; expected a timedelta or seconds"):
        duration("timeout", value)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (
            lambda **fields: WalmartSubmitFeedOperator(task_id="t", feed_type="price", records=[], **fields),
            "timeout",
        ),
        (
            lambda **fields: WalmartReportOperator(
                task_id="t", report_type="ITEM", output_path="x", **fields
            ),
            "timeout",
        ),
        (
            lambda **fields: WalmartReportOperator(
                task_id="t", report_type="ITEM", output_path="x", **fields
            ),
            "reuse_within",
        ),
    ],
)
def test_operators_name_their_fields(make, field):
    assert make(**{field: 60}).task_id == "t"
    with pytest.raises(WalmartConfigError, match=f"{field} is '1h'; expected a timedelta or seconds"):
        make(**{field: "1h"})
    with pytest.raises(WalmartConfigError, match=f"{field} is '-1 day.*not negative"):
        make(**{field: timedelta(hours=-1)})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "poll_interval is 0; expected a timedelta or seconds, above 0"),
        (timedelta(0), "above 0"),
        (-1.5, "poll_interval is '-1.5'"),
        ("soon", "poll_interval is 'soon'"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda **fields: WalmartSubmitFeedOperator(task_id="t", feed_type="price", records=[], **fields),
        lambda **fields: WalmartReportOperator(task_id="t", report_type="ITEM", output_path="x", **fields),
        WalmartNewOrdersTrigger,
    ],
)
def test_a_wrong_poll_interval_is_refused_when_the_dag_is_parsed(make, value, message):
    assert make(poll_interval=timedelta(minutes=2)).poll_interval == 120
    with pytest.raises(WalmartConfigError, match=message):
        make(poll_interval=value)
