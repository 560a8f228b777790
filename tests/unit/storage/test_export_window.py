"""Which time window a run exports."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.export_window import Window, interval_of, window_of

START = datetime(2026, 7, 1, tzinfo=timezone.utc)
END = START + timedelta(days=1)
HOUR = timedelta(hours=1)
TEN_MINUTES = timedelta(minutes=10)
INTERVAL = {"data_interval_start": START, "data_interval_end": END}
DUE = {"dag_run": SimpleNamespace(run_after=END)}


def window(context, watermark=None, lookback=None) -> Window:
    return window_of(context, "orders", watermark, lookback, TEN_MINUTES)


@pytest.mark.parametrize("early", [HOUR, timedelta(days=400)])
def test_a_window_without_an_interval_never_ends_after_now_however_late_the_run_is_due(early):
    before = datetime.now(timezone.utc)
    found = interval_of({"dag_run": SimpleNamespace(run_after=before + early)})
    assert found.start is None
    assert before <= found.end <= datetime.now(timezone.utc)


def test_a_window_without_an_interval_ends_when_the_run_was_due():
    assert interval_of(DUE) == Window(None, END)


@pytest.mark.parametrize("due", [None, "2026-07-02", SimpleNamespace()])
def test_a_run_that_was_never_due_is_exported_up_to_now(due):
    before = datetime.now(timezone.utc)
    assert before <= interval_of({"dag_run": SimpleNamespace(run_after=due)}).end


@pytest.mark.parametrize(
    ("context", "watermark", "lookback", "start"),
    [
        (INTERVAL, None, None, START),
        (INTERVAL, None, HOUR, START - HOUR),
        (INTERVAL, START, None, START),
        (INTERVAL, END, HOUR, START - HOUR),
        (INTERVAL, START - HOUR, None, START - HOUR - TEN_MINUTES),
        (INTERVAL, START - HOUR, HOUR, START - 2 * HOUR),
        (INTERVAL, START - HOUR, timedelta(0), START - HOUR),
        (DUE, None, HOUR, None),
        (DUE, START, None, START - TEN_MINUTES),
        (DUE, START, HOUR, START - HOUR),
        (DUE, END, None, END - TEN_MINUTES),
    ],
)
def test_begin_of_the_window(context, watermark, lookback, start):
    assert window(context, watermark, lookback) == Window(start, END)


def test_a_run_without_an_interval_that_is_older_than_the_watermark_is_an_error():
    with pytest.raises(WalmartConfigError, match="is older and has no data interval"):
        window(DUE, END + HOUR)
