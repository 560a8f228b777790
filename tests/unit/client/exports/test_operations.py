"""What to search for to export everything."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl

import pytest

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartIncompleteError,
    WalmartRequestError,
)
from airflow_provider_walmart.client.exports.operations import EXPORTS
from airflow_provider_walmart.client.exports.pages import export_pages, uses_interval
from airflow_provider_walmart.client.exports.searches import PASSES

UTC = timezone.utc
END = datetime.now(UTC).replace(microsecond=0)
START = END - timedelta(hours=1)
ONE_KIND = {"shipNodeType": "SellerFulfilled"}


def orders(*names: object, total: int | None = None, **meta: object) -> dict:
    found = [{"purchaseOrderId": name} if isinstance(name, str) else name for name in names]
    meta = {**meta, **({} if total is None else {"totalCount": total})}
    return {"list": {"meta": meta, "elements": {"order": found}}}


@pytest.fixture
def client(make_client):
    return make_client()


def export(client, params=ONE_KIND, start=START, end=END, operation="getAllOrders", **options) -> list[dict]:
    pages = export_pages(client, operation, params, start, end, **options)
    return [json.loads(bytes(record)) for page in pages for record in page]


def queries(walmart) -> list[dict]:
    sent = [request for request in walmart.request_history if request.method == "GET"]
    # In the case they were sent in, which request.qs loses.
    return [dict(parse_qsl(request.url.partition("?")[2])) for request in sent]


@pytest.mark.parametrize("name", EXPORTS)
def test_every_parameter_of_a_row_is_one_of_the_operation(name):
    operation, row = find(name), EXPORTS[name]
    assert operation.name == name
    known = {parameter.name for parameter in operation.parameters}
    named = {part for period in row.periods for part in (period.start, period.end)}
    named |= {row.since, row.beginning} - {""} | {part for variant in row.variants for part in variant}
    assert named <= known
    # Searches are counted before they are read.
    assert operation.paging.limit in known or not (row.periods or row.since)


def test_a_reply_without_a_total_is_read_all_the_same(client, walmart):
    walmart.get("/v3/orders", json=orders("a"))
    assert export(client) == [{"purchaseOrderId": "a"}]


def test_records_without_a_key_are_all_kept_and_equal_ones_given_once(client, walmart):
    walmart.get("/v3/orders", json=orders("a", {"x": 1}, {"x": 2}, "a", {"x": 2}, total=3))
    assert export(client) == [{"purchaseOrderId": "a"}, {"x": 1}, {"x": 2}]


def test_edges_are_whole_seconds_that_leave_nothing_out(client, walmart):
    walmart.get("/v3/orders", json=orders("a", total=1))
    half = timedelta(milliseconds=500)
    export(client, start=START + half, end=END - half)
    for query in queries(walmart):
        assert datetime.fromisoformat(query["lastModifiedStartDate"].replace("Z", "+00:00")) < START
        assert datetime.fromisoformat(query["lastModifiedEndDate"].replace("Z", "+00:00")) == END


def test_a_search_that_never_stays_the_same_is_an_error_in_the_end(client, walmart):
    answers = itertools.count()

    def changing(request, context):
        return orders(f"order {next(answers)}", total=7)

    walmart.get("/v3/orders", json=changing)
    with pytest.raises(WalmartError, match="faster than they can be read") as caught:
        export(client)
    assert not caught.value.is_final
    assert len(queries(walmart)) == PASSES


def test_a_total_that_is_never_reached_is_an_error_that_may_pass(client, walmart):
    walmart.get("/v3/orders", json=orders("a", total=2))
    with pytest.raises(WalmartIncompleteError, match="finds 2 records, and gives 1 of them") as caught:
        export(client)
    assert not caught.value.is_final
    # Nothing new came when it was read again.
    assert len(queries(walmart)) == 2


def test_whoever_is_not_strict_gets_what_walmart_gives(client, walmart, caplog):
    walmart.get("/v3/orders", json=orders("a", total=2))
    assert export(client, strict=False) == [{"purchaseOrderId": "a"}]
    assert "finds 2 records, and gives 1 of them" in caplog.text


def test_a_refused_search_is_not_split_for_ever(client, walmart):
    walmart.get("/v3/orders", status_code=400, json={"errors": [{"code": "NO", "description": "No."}]})
    with pytest.raises(WalmartRequestError):
        export(client)
    # The whole, its first part, and one second of that.
    assert len(queries(walmart)) == 3


def test_an_interval_partly_forgotten_is_exported_as_far_as_it_is_kept(client, walmart, caplog):
    walmart.get("/v3/orders", json=orders("a", total=1))
    assert export(client, start=END - timedelta(days=300)) == [{"purchaseOrderId": "a"}]
    assert "180 days" in caplog.text
    (begin,) = {query["lastModifiedStartDate"] for query in queries(walmart)}
    age = END - datetime.fromisoformat(begin.replace("Z", "+00:00"))
    assert timedelta(days=179) < age < timedelta(days=180)


@pytest.mark.parametrize(
    ("params", "uses"),
    [
        ({}, True),
        ({"status": "Created"}, True),
        ({"createdEndDate": None}, True),
        ({"createdEndDate": "2026-12-01"}, False),
        ({"lastModifiedStartDate": "2026-12-01"}, False),
    ],
)
def test_whose_dates_are_used(params, uses):
    assert uses_interval("getAllOrders", params) is uses
    assert uses_interval("GET /v3/orders", params) is uses


def test_operations_without_dates_use_none():
    assert not uses_interval("getAllItems", {})


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z"),
        ("2026-11-01T10:00:00+01:00", "2026-11-01T10:00:00+01:00"),
        # What templates make of a data interval, and of dates without a time zone.
        ("2026-11-01 10:00:00+00:00", "2026-11-01T10:00:00Z"),
        ("2026-11-01 10:00:00.250000+01:00", "2026-11-01T09:00:00Z"),
        ("2026-11-01 10:00:00", "2026-11-01T10:00:00Z"),
        ("2026-11-01T10:00:00", "2026-11-01T10:00:00Z"),
        (datetime(2026, 11, 1, 10, tzinfo=UTC), "2026-11-01T10:00:00Z"),
        (datetime(2026, 11, 1, tzinfo=UTC).date(), "2026-11-01"),
    ],
)
def test_own_dates_may_have_several_forms(value, sent, client, walmart):
    walmart.get("/v3/orders", json=orders("a", total=1))
    params = {**ONE_KIND, "createdStartDate": value, "createdEndDate": "2026-11-02"}
    assert export(client, params=params) == [{"purchaseOrderId": "a"}]
    for query in queries(walmart):
        assert query["createdStartDate"] == sent
        assert query["createdEndDate"] == "2026-11-02"
        assert "lastModifiedStartDate" not in query


@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", 5, ["2026-11-01"]])
def test_dates_that_are_none_are_refused(value, client, walmart):
    with pytest.raises(WalmartConfigError, match="createdStartDate"):
        export(client, params={"createdStartDate": value})
    assert not walmart.called
