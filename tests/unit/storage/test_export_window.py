"""Which time window a run exports."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.export_window import (
    Watermark,
    Window,
    add_to_events,
    export_key,
    interval_of,
    outlet_assets,
    window_of,
)

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


# -- what is remembered ----------------------------------------------------------------------------------


class Store(dict):
    """A state store of Airflow."""

    set = dict.__setitem__


def test_the_window_of_the_first_try_is_that_of_all_tries_with_the_same_lookback():
    store = Store()
    first = window({**INTERVAL, "task_state_store": store}, START - HOUR)
    assert list(store) == ["walmart export orders, usual before"]
    later = {"data_interval_start": START - HOUR, "data_interval_end": END + HOUR, "task_state_store": store}
    assert window(later) == first == Window(START - HOUR - TEN_MINUTES, END)
    # Another lookback, and another export of the same task, have windows of their own.
    assert window(later, lookback=HOUR) == Window(START - 2 * HOUR, END + HOUR)
    assert window_of(later, "returns", None, None, TEN_MINUTES) == Window(START - HOUR, END + HOUR)


def test_a_window_without_a_start_is_kept_as_one(caplog):
    caplog.set_level("INFO")
    store = Store()
    assert window({**DUE, "task_state_store": store}) == Window(None, END)
    assert "No data interval and no watermark: exporting all that Walmart keeps" in caplog.text
    assert window({"task_state_store": store}) == Window(None, END)


def test_the_log_says_where_an_export_goes_on(caplog):
    caplog.set_level("INFO")
    window(INTERVAL, START - HOUR)
    assert caplog.messages == ["Going on at 2026-06-30T23:00:00+00:00, where the export before ended"]


@pytest.mark.parametrize("end", [START, None, START - HOUR])
def test_an_interval_without_length_is_none(end):
    context = {"data_interval_start": START, "data_interval_end": end, **DUE}
    assert interval_of(context) == Window(None, END)


def test_a_watermark_moves_forward_only(caplog):
    caplog.set_level("INFO")
    store = Store()
    watermark = Watermark({"asset_state_store": {"an asset": store}}, ["an asset", "another"], "orders")
    assert watermark.get() is None
    watermark.move(None)
    assert not store
    watermark.move(END)
    assert (watermark.get(), list(store)) == (END, ["walmart export orders"])
    watermark.move(START)
    watermark.move(END)
    assert watermark.get() == END
    assert caplog.messages == ["The next export begins at 2026-07-02T00:00:00+00:00"]


@pytest.mark.parametrize(("context", "assets"), [({}, ["an asset"]), ({"asset_state_store": {}}, [])])
def test_without_an_asset_or_a_store_there_is_no_watermark(context, assets):
    watermark = Watermark(context, assets, "orders")
    watermark.move(END)
    assert watermark.get() is None


def test_exports_with_other_parameters_have_other_keys():
    keys = {export_key("orders", {"a": 1}), export_key("orders", {"a": 2}), export_key("returns", {"a": 1})}
    assert len(keys) == 3
    assert all(re.fullmatch(r"(orders|returns) [0-9a-f]{12}", key) for key in keys)
    assert export_key("orders", {"a": 1, "b": END}) == export_key("orders", {"b": END, "a": 1})


def test_events_of_outlet_assets_say_what_was_exported():
    events = {name: SimpleNamespace(extra={"before": 1}) for name in ("a", "b")}
    add_to_events({"outlet_events": events}, ["a", "b"], {"uri": "u"})
    assert [event.extra for event in events.values()] == [{"before": 1, "uri": "u"}] * 2
    add_to_events({}, ["a"], {"uri": "u"})


def test_assets_among_outlets_are_those_alone():
    from airflow.sdk import Asset, AssetAlias

    asset = Asset("an asset")
    assert outlet_assets([asset, AssetAlias("an alias"), "a name"]) == [asset]
    assert outlet_assets(None) == []
