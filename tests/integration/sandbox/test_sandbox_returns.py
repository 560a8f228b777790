"""Returns: search with its cursor, filters, refund."""

import re
from datetime import datetime, timedelta, timezone

import pytest

DAY = 86400


def seed(server, **returns):
    return server.control("POST", "seed", {"returns": {"count": 1, **returns}})["returns"]


def listed(answer):
    return [one["returnOrderId"] for one in answer["returnOrders"]]


def utc(**back):
    return (datetime.now(timezone.utc) - timedelta(**back)).strftime("%Y-%m-%dT%H:%M:%SZ")


def refund_body(server, return_id, **fields):
    customer = server.get(f"/v3/returns?returnOrderId={return_id}")["returnOrders"][0]["customerOrderId"]
    return {"customerOrderId": customer, "refundLines": [{"returnOrderLineNumber": 1}], **fields}


def test_all_pages_by_the_cursor_as_it_is(server):
    ids = server.control("POST", "seed", {"returns": 25})["returns"]
    found, path = [], "/v3/returns"
    while path:
        body = server.get(path)
        found += listed(body)
        assert body["meta"]["totalCount"] == 25
        path = body["meta"]["nextCursor"] and "/v3/returns" + body["meta"]["nextCursor"]
    assert found == ids


def test_the_cursor_keeps_the_filters(server):
    seed(server, count=3)
    dates = f"returnCreationStartDate={utc(days=1)}&returnCreationEndDate={utc(days=-1)}"
    cursor = server.get(f"/v3/returns?limit=2&status=INITIATED&{dates}")["meta"]["nextCursor"]
    assert re.fullmatch(rf"\?sellerId=\d+&limit=2&offset=2&status=INITIATED&{dates}", cursor)
    assert len(listed(server.get("/v3/returns" + cursor))) == 1
    assert server.call("GET", "/v3/returns" + cursor.replace(":", "%3A")).status_code == 400


@pytest.mark.parametrize("spoil", ["{cursor}&limit=5", "{cursor}&status=INITIATED", "?nextCursor={cursor}", "?limit=10&nextCursor={cursor}", "?offset=10"])  # fmt: skip
def test_a_spoilt_cursor_is_refused(server, spoil):
    seed(server, count=11)
    cursor = server.get("/v3/returns")["meta"]["nextCursor"]
    assert server.refused(400, "GET", "/v3/returns" + spoil.format(cursor=cursor))["field"] == "nextCursor"


def test_filters(server):
    (old,) = seed(server, age=3 * DAY, status="COMPLETED")
    (new,) = seed(server)
    assert listed(server.get("/v3/returns")) == [old, new]
    assert listed(server.get("/v3/returns?status=COMPLETED")) == [old]
    assert listed(server.get(f"/v3/returns?returnOrderId={new}")) == [new]
    assert listed(server.get("/v3/returns?customerOrderId=1")) == []
    assert listed(server.get("/v3/returns?isWFSEnabled=Y")) == []
    assert listed(server.get("/v3/returns?isWFSEnabled=N&returnType=REFUND&replacementInfo=true")) == [
        old,
        new,
    ]
    assert listed(server.get("/v3/returns?returnType=REPLACEMENT")) == []
    dates = {"returnCreationStartDate": utc(days=4), "returnCreationEndDate": utc(days=2)}
    assert listed(server.get("/v3/returns", **dates)) == [old]
    dates = {"returnLastModifiedStartDate": utc(days=1), "returnLastModifiedEndDate": utc(days=-1)}
    assert listed(server.get("/v3/returns", **dates)) == [new]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=201", "limit"),
        ("status=DONE", "status"),
        ("isWFSEnabled=true", "isWFSEnabled"),
        ("returnType=X", "returnType"),
        ("returnCreationStartDate=2026-01-01", "returnCreationEndDate"),
        ("returnLastModifiedEndDate=2026-01-01", "returnLastModifiedEndDate"),
        (
            "returnCreationStartDate=2026-01-01T00:00:00+0000&returnCreationEndDate=2026-01-02",
            "returnCreationStartDate",
        ),
    ],
)
def test_bad_parameters_are_refused(server, query, field):
    assert server.refused(400, "GET", f"/v3/returns?{query}")["field"] == field


def test_refund(server):
    other, return_id = seed(server, count=2, age=2 * DAY)
    body = refund_body(server, return_id)
    answer = server.call("POST", f"/v3/returns/{return_id}/refund", json=body)
    assert answer.json()["returnOrderId"] == return_id
    assert listed(server.get("/v3/returns?status=COMPLETED")) == [return_id]
    assert listed(server.get("/v3/returns?status=INITIATED")) == [other]
    dates = {"returnLastModifiedStartDate": utc(days=1), "returnLastModifiedEndDate": utc(days=-1)}
    assert listed(server.get("/v3/returns", **dates)) == [return_id]
    assert listed(server.get("/v3/returns")) == [other, return_id]
    server.refused(400, "POST", f"/v3/returns/{return_id}/refund", json=body)


@pytest.mark.parametrize("fields", [{"customerOrderId": "1"}, {"refundLines": []}, {"refundLines": [{"returnOrderLineNumber": 2}]}, {"refundLines": "1"}])  # fmt: skip
def test_bad_refunds_are_refused(server, fields):
    (return_id,) = seed(server)
    body = refund_body(server, return_id, **fields)
    error = server.refused(400, "POST", f"/v3/returns/{return_id}/refund", json=body)
    assert error["code"] == "INVALID_REQUEST_CONTENT.GMP_RETURNS_API"
    assert listed(server.get("/v3/returns?status=COMPLETED")) == []


@pytest.mark.parametrize("return_id", ["1", "x"])
def test_unknown_returns(server, return_id):
    body = {"customerOrderId": "1", "refundLines": [{"returnOrderLineNumber": 1}]}
    server.refused(404, "POST", f"/v3/returns/{return_id}/refund", json=body)
