"""Exports that go on where the last one ended, over real HTTP."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.exceptions import AirflowFailException
from airflow.sdk import Asset

from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from tests.helpers.tasks import ByAsset, StateStore, our_warnings

UTC = timezone.utc
ORDERS = Asset("walmart_orders", uri="x-walmart://us/orders")
HOUR = 3600


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


class Lake:
    """A folder, what Airflow remembers of its asset, and runs that export into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marks = StateStore()
        self.tasks: dict[str, StateStore] = {}
        self.event = SimpleNamespace(extra={})

    def run(self, name: str, interval: tuple | None = None, has_state: bool = True, **fields) -> dict:
        """Run one try of the run of that name."""
        fields = {"operation": "getAllOrders", "output_path": str(self.folder / name), **fields}
        made = WalmartExportOperator(task_id="export", outlets=[ORDERS], **fields)
        made.hook.client.session.throttle = None
        context = {"outlet_events": ByAsset({ORDERS.name: self.event})}
        if interval:
            context |= {"data_interval_start": interval[0], "data_interval_end": interval[1]}
        if has_state:
            self.tasks.setdefault(name, StateStore())
            context |= {
                "asset_state_store": ByAsset({ORDERS.name: self.marks}),
                "task_state_store": self.tasks[name],
            }
        return made.execute(context)

    def ids(self, name: str, key: str = "purchaseOrderId") -> Counter:
        return Counter(json.loads(line)[key] for line in (self.folder / name).read_text().splitlines())

    @property
    def mark(self) -> datetime | None:
        """How far the asset was exported, as Airflow remembers it."""
        (text,) = self.marks.values() or [None]
        return text and datetime.fromisoformat(text)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path)


def seed(shop, count: int, **fields) -> list[str]:
    return shop.server.control("POST", "seed", {"orders": {"count": count, "spacing": 60, **fields}})[
        "orders"
    ]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=seconds)


def test_a_run_without_an_interval_goes_on_where_the_last_one_ended(shop, lake):
    first = seed(shop, 100, age=HOUR)
    assert lake.run("a")["window"]["start"] is None
    assert lake.ids("a") == Counter(first)
    second = seed(shop, 50, spacing=0.1)
    result = lake.run("b")
    # Ten minutes of lookback, in which there was nothing.
    assert lake.ids("b") == Counter(second)
    start, end = (datetime.fromisoformat(result["window"][name]) for name in ("start", "end"))
    assert result["watermark"] == result["window"]["end"]
    assert end == lake.mark
    assert timedelta(minutes=10) < end - start < timedelta(minutes=12)


def test_the_event_of_the_asset_says_what_was_exported(shop, lake):
    seed(shop, 10, age=5)
    result = lake.run("a")
    assert lake.event.extra == result
    assert result["uri"] == str(lake.folder / "a")
    assert result["records"] == 10
    assert set(result) == {"uri", "records", "pages", "window", "watermark"}


def test_a_failed_run_moves_nothing(shop, lake):
    first = seed(shop, 300, age=5)
    lake.run("a")
    mark, extra = lake.mark, dict(lake.event.extra)
    seed(shop, 600, spacing=0.001)
    shop.fault("/v3/orders.*hasMoreElements", status=500, times=4)
    with pytest.raises(WalmartServerError):
        lake.run("b")
    assert (lake.mark, lake.event.extra) == (mark, extra)
    assert not (lake.folder / "b").exists()
    lake.run("b")
    lake.run("c")
    assert set(first) <= set(lake.ids("a"))
    assert len(set(lake.ids("b")) - set(first)) == 600
    assert lake.mark > mark


def test_every_try_of_a_run_has_the_same_window_and_gives_the_same_file(shop, lake):
    seed(shop, 100, age=5)
    first = lake.run("a")
    content = (lake.folder / "a").read_bytes()
    # Searches are exact to the second.
    time.sleep(1.1)
    seed(shop, 50, spacing=0.001)
    lake.run("b")
    mark = lake.mark
    # As when somebody clears the task.
    assert lake.run("a") == first
    assert (lake.folder / "a").read_bytes() == content
    assert lake.mark == mark


def test_a_cleared_task_with_a_longer_lookback_uses_it(shop, lake):
    placed = seed(shop, 100, age=30)
    interval = ago(20 * 60), ago(1)
    lake.run("a", interval)
    assert lake.ids("a") == Counter(placed[-20:])
    lake.run("a", interval, lookback=1800)
    assert lake.ids("a") == Counter(placed[-50:])


def test_an_older_run_without_an_interval_replaces_no_file(shop, lake):
    seed(shop, 100, age=5)
    lake.run("a")
    lake.tasks.clear()
    lake.marks.update(dict.fromkeys(lake.marks, ago(-HOUR).isoformat()))
    content = (lake.folder / "a").read_bytes()
    with pytest.raises(AirflowFailException, match="name its dates"):
        lake.run("a")
    assert (lake.folder / "a").read_bytes() == content


def test_intervals_are_exported_as_they_are_and_missing_ones_are_made_up_for(shop, lake):
    placed = seed(shop, 100, age=30)
    times = [ago(seconds) for seconds in (6001, 4001, 2001, 1)]
    lake.run("a", (times[0], times[1]))
    assert lake.mark == times[1]
    # The second interval was never exported.
    result = lake.run("c", (times[2], times[3]))
    assert result["window"]["end"] == times[3].isoformat()
    assert datetime.fromisoformat(result["window"]["start"]) == times[1] - timedelta(minutes=10)
    assert set(lake.ids("a")) | set(lake.ids("c")) == set(placed)
    # An earlier interval is exported as it is, and takes nothing back.
    result = lake.run("b", (times[1], times[2]))
    assert result["window"] == {"start": times[1].isoformat(), "end": times[2].isoformat()}
    assert lake.mark == times[3]
    # The next one begins where the last one ended: there is nothing to make up for.
    assert lake.run("d", (times[3], ago(0)))["window"]["start"] == times[3].isoformat()


def test_an_interval_that_is_not_over_is_gone_on_with_from_where_it_was_read(shop, lake):
    first = seed(shop, 5, age=30)
    began = datetime.now(UTC)
    end = ago(-HOUR)
    result = lake.run("a", (ago(HOUR), end))
    assert began <= lake.mark == datetime.fromisoformat(result["watermark"]) <= datetime.now(UTC)
    assert result["window"]["end"] == end.isoformat()
    more = seed(shop, 5, age=0)
    lake.run("b", (end, end + timedelta(hours=1)))
    assert set(lake.ids("a")) == set(first)
    assert set(lake.ids("b")) >= set(more)


def test_an_airflow_that_remembers_nothing_exports_intervals_all_the_same(shop, lake):
    placed = seed(shop, 100, age=30)
    result = lake.run("a", (ago(6001), ago(1)), has_state=False)
    assert lake.ids("a") == Counter(placed)
    assert lake.event.extra == result


def test_lookback_brings_what_was_exported_already_once(shop, lake):
    placed = seed(shop, 100, age=30)
    start, end = ago(20 * 60), ago(1)
    lake.run("a", (start, end), lookback=timedelta(minutes=30))
    assert lake.ids("a") == Counter(placed[-50:])
    lake.run("b", (start, end), lookback=1800.0)
    assert lake.ids("a") == lake.ids("b")


def test_exports_of_one_asset_that_ask_for_other_things_have_marks_of_their_own(shop, lake):
    seed(shop, 10, age=5)
    lake.run("a")
    lake.run("b", api_params={"status": "Shipped"})
    lake.run("c", operation="getReturns")
    assert len(lake.marks) == 3
    # The key says to people what it is about.
    assert sorted(key.split()[2] for key in lake.marks) == ["getAllOrders", "getAllOrders", "getReturns"]


def test_own_dates_move_no_mark(shop, lake):
    seed(shop, 10, age=5)
    result = lake.run("a", api_params={"createdStartDate": ago(HOUR).isoformat()})
    assert (result["records"], result["watermark"], result["window"]) == (10, None, None)
    assert not lake.marks
    assert lake.event.extra == result


# -- by a date in the records ----------------------------------------------------------------------------


def test_orders_by_the_date_they_were_placed(shop, lake):
    placed = seed(shop, 100, age=30)
    start, end = ago(5000), ago(1000)
    result = lake.run("a", (start, end), cursor_field="orderDate")
    dates = [json.loads(line)["orderDate"] for line in (lake.folder / "a").read_text().splitlines()]
    # To the millisecond, which Walmart's own search can't.
    assert all(start.timestamp() * 1000 <= date < end.timestamp() * 1000 for date in dates)
    assert 65 <= len(dates) <= 67
    assert datetime.fromisoformat(result["watermark"]).timestamp() * 1000 == max(dates)
    # Of the interval, nothing is missing up to its end.
    assert lake.mark == end
    assert set(lake.ids("a")) < set(placed)
    queries = [entry["query"] for entry in shop.received("^/v3/orders$")]
    assert not [query for query in queries if "lastModified" in query]


def test_feeds_which_walmart_cannot_search_by_date(shop, lake):
    feeds = [{"feedType": "price", "age": 60 * n} for n in range(1, 121)]
    known = shop.feeds(*feeds)
    options = {"operation": "getAllFeedStatuses", "cursor_field": "feedDate", "lookback": 0}
    result = lake.run("a", **options)
    assert lake.ids("a", "feedId") == Counter(known)
    newest = max(json.loads(line)["feedDate"] for line in (lake.folder / "a").read_text().splitlines())
    assert datetime.fromisoformat(result["watermark"]) == lake.mark
    assert lake.mark.timestamp() * 1000 == newest
    fresh = shop.feeds(*({"feedType": "price"} for _ in range(3)))
    lake.run("b", **options)
    # The newest one known comes again: another one of the same moment may have come later.
    assert set(lake.ids("b", "feedId")) == {*fresh, known[0]}
    mark = lake.mark
    assert lake.run("c", **options)["records"] <= 3
    assert lake.mark == mark


def test_a_date_that_no_record_has_is_logged(shop, lake, caplog):
    shop.feeds(*({"feedType": "price", "age": 60 * n} for n in range(1, 61)))
    options = {"operation": "getAllFeedStatuses", "cursor_field": "nosuch"}
    result = lake.run("a", (ago(600), ago(60)), **options)
    assert (result["records"], result["watermark"]) == (60, None)
    (said,) = our_warnings(caplog)
    assert said.startswith("No record has a date in nosuch, so all of them are exported")
    assert "feedId, " in said
    assert "feedDate" in said
    caplog.clear()
    lake.run("b", (ago(600), ago(60)), **{**options, "cursor_field": "feedDate"})
    shop.reset()
    lake.run("c", (ago(600), ago(60)), **options)
    assert not our_warnings(caplog)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cursor_field": "statusDate"}, "orderDate"),
        ({"cursor_field": "a..b"}, "cursor_field"),
        ({"lookback": -1}, "lookback"),
        ({"lookback": "an hour"}, "lookback"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(fields, message, shop, lake):
    with pytest.raises(AirflowFailException, match=message):
        lake.run("a", **fields)
    assert not shop.received("^/v3/(?!token)")
    assert not (lake.folder / "a").exists()
