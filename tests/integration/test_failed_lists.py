"""Answers of success that hold errors, or nothing at all, in place of a list: never taken for an empty one."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timedelta, timezone

import pytest
from airflow.sdk import Asset

from airflow_provider_walmart.client.errors import WalmartIncompleteError, WalmartServerError
from airflow_provider_walmart.client.events.polls import poll_orders
from airflow_provider_walmart.client.events.scope import PollScope
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator
from tests.helpers.tasks import ByAsset, StateStore, our_warnings

ERROR = {
    "code": "SYSTEM_ERROR.GMP_ORDER_API",
    "description": "Down for a moment",
    "severity": "ERROR",
    "category": "SYSTEM",
}
NAMED = "SYSTEM_ERROR.GMP_ORDER_API: Down for a moment"
SAID_ERRORS = rf"with errors in place of records: {re.escape(NAMED)}"
# What came, and what the error has to say of it.
FAILURES = {
    "errors list": ({"errors": [ERROR]}, SAID_ERRORS),
    "errors in errors": ({"errors": {"error": [ERROR]}}, SAID_ERRORS),
    "error list": ({"error": [ERROR]}, SAID_ERRORS),
    "errors inside": (
        {"list": {"errors": [ERROR], "meta": {"totalCount": 0}, "elements": None}},
        SAID_ERRORS,
    ),
    "errors beside an empty list": (
        {"list": {"meta": {"totalCount": 0}, "elements": {"order": []}}, "errors": [ERROR]},
        SAID_ERRORS,
    ),
    "status and errors": ({"status": "FAIL", "header": {}, "errors": [ERROR], "payload": None}, SAID_ERRORS),
    "status": ({"status": "FAIL", "payload": None}, "with status FAIL in place of records"),
    "problem": (
        {"title": "Down", "detail": "Down for a moment", "status": 500},
        "with status 500 in place of records: Down for a moment",
    ),
    "message": ({"message": "maintenance"}, "neither a list of records nor a total.*: maintenance"),
    "empty object": ({}, "neither a list of records nor a total"),
    "null": ("null", "no body"),
    "text as list": ({"list": "Service temporarily unavailable"}, "something else than an object as 'list'"),
    "list of pages": ({"list": [{"elements": {}}]}, "something else than an object as 'list'"),
    "text inside": (
        {"list": {"meta": {"totalCount": 0}, "elements": "unavailable"}},
        "something else than an object as 'elements'",
    ),
    "message inside": (
        {"list": {"message": "Endpoint request timed out"}},
        "an error as 'list': Endpoint request timed",
    ),
    "status alone": ({"status": "OK"}, "neither a list of records nor a total"),
    "another total": ({"totalX": 1}, "neither a list of records nor a total"),
}
ORDERS = "/v3/orders$"


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


@pytest.fixture
def hook(shop) -> WalmartHook:
    return WalmartHook()


@pytest.fixture
def export(shop, tmp_path):
    """Return a function that exports orders, with what Airflow remembers of them as ``export.marks``."""
    asset = Asset("walmart_orders", uri="x-walmart://us/orders")

    def run(operation: str = "getAllOrders", **fields) -> dict:
        path = str(tmp_path / "records.jsonl")
        made = WalmartExportOperator(
            task_id="export", operation=operation, output_path=path, outlets=[asset], **fields
        )
        made.hook.client.session.throttle = None
        now = datetime.now(timezone.utc)
        interval = {"data_interval_start": now - timedelta(days=2), "data_interval_end": now}
        return made.execute({**interval, "asset_state_store": ByAsset({asset.name: run.marks})})

    run.marks = StateStore()
    return run


def orders(shop, count: int, **fields) -> list[str]:
    return shop.server.control(
        "POST", "seed", {"orders": {"count": count, "age": 60, "spacing": 1, **fields}}
    )["orders"]


# Beside an empty list of orders, and a total of 0.
EMPTY = {"list": {"meta": {"totalCount": 0}, "elements": {"order": []}}}
FAILURES |= {
    f"{name} beside an empty list": ({**EMPTY, **fields}, said)
    for name, fields, said in (
        ("status FAILED", {"status": "FAILED", "message": "backend"}, "with status FAILED .*: backend"),
        ("status ERROR", {"status": "ERROR"}, "with status ERROR in place of records"),
        ("success false", {"success": False}, "with success false in place of records"),
        ("code", {"code": "SYSTEM_ERROR", "message": "down"}, "with an error .*: SYSTEM_ERROR: down"),
    )
}
EVERY_FAILURE = pytest.mark.parametrize(("body", "said"), FAILURES.values(), ids=FAILURES)


@EVERY_FAILURE
def test_an_export_fails_and_leaves_file_and_mark_as_they_are(body, said, shop, export, tmp_path):
    orders(shop, 3)
    first = export()
    landed, marked = (tmp_path / "records.jsonl").read_bytes(), dict(export.marks)
    assert first["records"] == 3
    assert marked
    shop.fault(ORDERS, body=body)
    with pytest.raises(WalmartServerError, match=said) as caught:
        export()
    assert not caught.value.is_final
    assert "not taken for an empty" in str(caught.value) or body == "null"
    assert "correlation id" in str(caught.value)
    assert (tmp_path / "records.jsonl").read_bytes() == landed
    assert dict(export.marks) == marked
    shop.no_faults()
    assert export()["records"] == 3


@EVERY_FAILURE
def test_a_page_that_fails_later_on_ends_an_export_with_an_error(body, said, shop, export, tmp_path):
    orders(shop, 5)
    shop.fault(r"^/v3/orders\?.*hasMoreElements", body=body)
    with pytest.raises(WalmartServerError, match=said):
        export(api_params={"limit": 2})
    assert not (tmp_path / "records.jsonl").exists()
    assert not dict(export.marks)


@EVERY_FAILURE
def test_hook_and_call_raise_as_well(body, said, shop, hook):
    shop.fault(ORDERS, body=body)
    with pytest.raises(WalmartServerError, match=f"getAllOrders .*{said}" if body != "null" else said):
        list(hook.paginate("getAllOrders"))
    if body != "null":
        with pytest.raises(WalmartServerError, match=said):
            hook.call("getAllOrders")


@EVERY_FAILURE
def test_a_watcher_of_orders_does_not_pass_over_them(body, said, shop, hook):
    placed = orders(shop, 3)
    # So long ago that the poll ends before now, and the next one would go on there.
    scope = PollScope(datetime.now(timezone.utc) - timedelta(days=9), frozenset({"SellerFulfilled"}))
    shop.fault(ORDERS, body=body)
    with pytest.raises(WalmartServerError, match=said):
        poll_orders(hook.client, scope)
    shop.no_faults()
    seen, _ = poll_orders(hook.client, PollScope(scope.since + timedelta(days=8), scope.names))
    assert {one.order_id for one in seen} == set(placed)


def test_a_list_of_items_is_not_cut_short(shop, hook):
    shop.server.control("POST", "seed", {"items": 5})
    shop.fault("^/v3/items$", skip=1, body={"errors": [ERROR]})
    found = hook.paginate("getAllItems", limit=2)
    assert len([next(found), next(found)]) == 2
    with pytest.raises(WalmartServerError, match=SAID_ERRORS):
        next(found)


@pytest.mark.parametrize(
    "beside",
    [{}, {"status": "OK"}, {"code": 200, "message": "success"}, {"description": "Number of lines 0"}],
)
@pytest.mark.parametrize("empty", [EMPTY, {"list": None}, {"list": {}}, {"list": {"elements": None}}])
def test_an_empty_list_is_one(empty, beside, shop, hook, export):
    shop.fault(ORDERS, status=200, body={**empty, **beside})
    assert list(hook.paginate("getAllOrders")) == []
    assert export()["records"] == 0
    assert dict(export.marks)


@pytest.mark.parametrize("results", ["unavailable", 5, [{"feed": []}]])
def test_feeds_that_are_no_list_are_not_no_feeds(results, shop, hook):
    shop.fault("^/v3/feeds$", body={"results": results})
    with pytest.raises(WalmartServerError, match="something else than an object as 'results'"):
        list(hook.paginate("getAllFeedStatuses"))


def test_stock_that_could_not_be_read_is_not_no_stock(shop, hook):
    body = {"status": "FAIL", "errors": [{"code": "500.WFS.100", "description": "down"}]}
    shop.fault("^/v3/wfs/inventory$", body=body)
    with pytest.raises(WalmartServerError, match=r"getWFSInventoryDetails .*500\.WFS\.100: down"):
        list(hook.paginate("getWFSInventoryDetails"))


def test_a_search_that_is_posted_may_be_retried_as_well(shop, hook):
    shop.fault("listingQuality/items$", body={"errors": [ERROR]})
    with pytest.raises(WalmartServerError, match=SAID_ERRORS) as caught:
        list(hook.paginate("itemsDetailsForListing", body={}))
    assert not caught.value.is_final


@pytest.mark.parametrize("body", [{"errors": {"error": [ERROR]}}, {}, {"message": "maintenance"}])
def test_feeds_that_could_not_be_listed_are_not_no_feeds(body, shop):
    shop.feed(items=3, failed=3, age=60)
    shop.fault("^/v3/feeds$", body=body)
    with pytest.raises(WalmartServerError, match="getAllFeedStatuses"):
        WalmartFeedStatusOperator(task_id="check").execute({})


@pytest.mark.parametrize("body", [{"errors": {"error": [ERROR]}}, {"status": "FAIL", "errors": [ERROR]}])
def test_a_feed_that_could_not_be_read_is_not_a_feed_without_failures(body, shop):
    feed_id = shop.feed(items=3, failed=3, age=60)
    shop.fault("^/v3/feeds/.+", body=body)
    with pytest.raises(WalmartServerError, match=f"nothing but errors: {re.escape(NAMED)}"):
        WalmartFeedStatusOperator(task_id="check", feed_id=feed_id).execute({})


def test_an_error_in_a_success_shows_no_token(shop, hook):
    token = hook.get_access_token()
    body = {"list": {"errors": [{"code": "X", "description": f"The token {token} is odd"}]}}
    shop.fault(ORDERS, body=body)
    with pytest.raises(WalmartServerError, match="is odd") as caught:
        list(hook.paginate("getAllOrders"))
    assert token not in str(caught.value)


def test_errors_beside_records_are_no_error(shop, hook, caplog):
    page = {"list": {"meta": {"totalCount": 1}, "elements": {"order": [{"purchaseOrderId": "1"}]}}}
    shop.fault(ORDERS, body={**page, "errors": [ERROR]})
    assert list(hook.paginate("getAllOrders")) == [{"purchaseOrderId": "1"}]
    assert hook.call("getAllOrders")["list"] == page["list"]
    assert f"getAllOrders answered with errors beside its records: {NAMED}" in caplog.text


# -- lists that end before their total ----------------------------------------------------------------


def page(*records: str, total: int, cursor: str | None = None) -> dict:
    return {"ItemResponse": [{"sku": sku} for sku in records], "totalItems": total, "nextCursor": cursor}


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ([page("a", total=3, cursor="A"), page("b", total=3)], "getAllItems ended after 2 of 3 records"),
        ([page("a", total=3, cursor="A"), page(total=3)], "getAllItems ended after 1 of 3 records"),
        ([page(total=3)], "getAllItems ended after 0 of 3 records"),
    ],
)
def test_a_list_that_ends_below_its_total_is_an_error_unless_told_otherwise(
    pages, said, shop, hook, export, caplog
):
    count = sum(len(body["ItemResponse"]) for body in pages)

    def again() -> None:
        shop.no_faults()
        for body in pages:
            shop.fault("^/v3/items$", status=200, body=body, times=1)

    for read in (lambda: list(hook.paginate("getAllItems")), lambda: export("getAllItems")):
        again()
        with pytest.raises(WalmartIncompleteError, match=said) as caught:
            read()
        assert not caught.value.is_final
    again()
    caplog.set_level(logging.WARNING)
    assert len(list(hook.paginate("getAllItems", strict=False))) == count
    assert [text.partition(";")[0] for text in our_warnings(caplog)] == [said]
    again()
    assert export("getAllItems", strict=False)["records"] == count


@pytest.mark.parametrize(
    "pages",
    [
        [page("a", total=2, cursor="A"), page("b", total=2)],
        # Items were added and taken away while it was read.
        [page("a", total=2, cursor="A"), page("b", total=3)],
        [page("a", total=3, cursor="A"), page("b", total=2)],
    ],
)
def test_a_list_with_as_many_records_as_one_of_its_pages_announced_is_whole(
    pages, shop, hook, export, caplog
):
    caplog.set_level(logging.WARNING)
    for read in (lambda: len(list(hook.paginate("getAllItems"))), lambda: export("getAllItems")["records"]):
        for body in pages:
            shop.fault("^/v3/items$", status=200, body=body, times=1)
        assert read() == 2
    assert our_warnings(caplog) == []


def test_a_caller_that_begins_or_stops_in_the_middle_gets_no_warning(shop, hook, caplog):
    shop.feeds(*[{"age": age + 1} for age in range(60)])
    shop.server.control("POST", "seed", {"orders": 5})
    assert len(list(hook.paginate("getAllFeedStatuses", offset=50))) == 10
    assert len(list(hook.paginate("getAllFeedStatuses", max_records=20))) == 20
    first = hook.call("getAllOrders", limit=2)
    assert json.dumps(first)
    assert not [record for record in caplog.records if "ended after" in record.getMessage()]
