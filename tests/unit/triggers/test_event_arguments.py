"""Arguments of event triggers that are lists of names."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.triggers.feed_events import WalmartFeedFinishedTrigger
from airflow_provider_walmart.triggers.order_events import WalmartNewOrdersTrigger
from airflow_provider_walmart.triggers.report_events import WalmartReportReadyTrigger

LISTS = [
    (WalmartFeedFinishedTrigger, "feed_types", "feed types such as price"),
    (WalmartReportReadyTrigger, "report_types", "report types such as ITEM"),
    (WalmartNewOrdersTrigger, "statuses", "Created, Acknowledged, Shipped, Delivered, Cancelled, Refund"),
    (WalmartNewOrdersTrigger, "ship_node_types", "SellerFulfilled, WFSFulfilled, 3PLFulfilled"),
]


@pytest.mark.parametrize(
    "values", ["Created", {"Created": 1}, 5, [5], [["Created"]], ["Created", " "]], ids=repr
)
@pytest.mark.parametrize(("trigger", "name", "allowed"), LISTS, ids=[name for _, name, _ in LISTS])
def test_what_is_no_list_of_names_is_refused_at_once(trigger, name, allowed, values):
    with pytest.raises(WalmartConfigError) as caught:
        trigger(**{name: values})
    assert str(caught.value) == f"{name} is {values!r}; allowed: a list of {allowed}."


@pytest.mark.parametrize("name", ["statuses", "ship_node_types"])
def test_names_that_walmart_does_not_know_are_refused_at_once(name):
    with pytest.raises(WalmartConfigError, match=rf"{name} is \['Canceled'\]; allowed: a list of .*ed"):
        WalmartNewOrdersTrigger(**{name: ["Canceled"]})


@pytest.mark.parametrize("types", [[], None])
def test_reports_need_a_type(types):
    with pytest.raises(WalmartConfigError, match=r"report_types is .*; allowed: a list of report types such"):
        WalmartReportReadyTrigger(report_types=types)


@pytest.mark.parametrize("types", [[], None])
def test_without_types_all_feeds_are_announced(types):
    assert WalmartFeedFinishedTrigger(feed_types=types).feed_types is None


@pytest.mark.parametrize("make", [list, tuple, set, frozenset], ids=lambda kind: kind.__name__)
def test_any_collection_will_do(make):
    assert WalmartFeedFinishedTrigger(feed_types=make(["price", "item", "price"])).feed_types == [
        "item",
        "price",
    ]
