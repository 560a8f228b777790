"""The other lists: listing quality, reviews accelerator, settlements, Mexico's orders, reports; and small endpoints."""

import csv
import io
import zipfile
from xml.etree import ElementTree as ET

import pytest
import requests


def test_listing_quality_by_opaque_cursor(server):
    server.control("POST", "settings", {"limits": False})
    server.control("POST", "seed", {"items": 450})
    found, params = [], {}
    while params is not None:
        answer = server.call("POST", "/v3/insights/items/listingQuality/items", params=params, json={})
        found += [item["sku"] for item in answer.json()["payload"]]
        cursor = answer.json().get("nextCursor")
        params = {"nextCursor": cursor} if cursor else None
    assert found == [f"SKU-{n:06d}" for n in range(1, 451)]
    one = {"query": {"field": "sku", "value": "SKU-000009"}}
    answer = server.call("POST", "/v3/insights/items/listingQuality/items", json=one)
    assert [item["sku"] for item in answer.json()["payload"]] == ["SKU-000009"]
    server.refused(400, "POST", "/v3/insights/items/listingQuality/items?nextCursor=AAAA", json={})


def test_listing_quality_is_limited_to_one_call_a_minute(server):
    path = "/v3/insights/items/listingQuality/items"
    assert server.call("POST", path, json={}).status_code == 200
    server.refused(429, "POST", path, json={})
    server.control("POST", "clock", {"advance": 60})
    assert server.call("POST", path, json={}).status_code == 200


def test_reviews_accelerator_by_scroll_id(server):
    server.control("POST", "seed", {"items": 400})
    body = {"filter": {"itemStatus": "ELIGIBLE"}}
    found, scroll_id, ids = [], "*", set()
    while scroll_id:
        answer = server.call(
            "POST", "/v3/growth/reviews-accelerator/items", params={"scrollId": scroll_id}, json=body
        )
        payload = answer.json()["payload"]
        assert payload["fetchedItems"] == len(payload["items"])
        assert payload["totalItems"] == 267
        found += [item["sku"] for item in payload["items"]]
        scroll_id = payload.get("scrollId")
        assert scroll_id not in ids
        ids.add(scroll_id)
    assert len(set(found)) == len(found) == 267


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {"filter": {"itemStatus": "ELIGIBLE"}}),
        ("?scrollId=nonsense", {"filter": {"itemStatus": "ELIGIBLE"}}),
        ("?scrollId=*", {}),
        ("?scrollId=*", {"filter": {"itemStatus": "SOME"}}),
    ],
)
def test_bad_scrolls_are_refused(server, query, body):
    server.refused(400, "POST", f"/v3/growth/reviews-accelerator/items{query}", json=body)


RECON = "/v3/report/reconreport"


def test_settlements_by_byte_offset_equal_the_file(server):
    server.control("POST", "seed", {"settlements": 2500})
    date = server.get(f"{RECON}/availableReconFiles")["availableApReportDates"][0]
    rows, offset = [], 0
    while True:
        body = server.get(f"{RECON}/reconFileJson", reportDate=date, offset=offset, noOfRecords=1000)
        assert body["totalRecords"] == len(body["reportData"])
        if not body["reportData"]:
            break
        rows += body["reportData"]
        assert body["nextOffset"] > offset
        offset = body["nextOffset"]
    answer = server.call("GET", f"{RECON}/reconFile?reportDate={date}")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        table = list(csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    assert rows == table
    assert len(rows) == 2500


@pytest.mark.parametrize("query", ["", "reportDate={date}&offset=0", "reportDate={date}&offset=0&noOfRecords=1001", "reportDate={date}&offset=0&noOfRecords=0", "reportDate={date}&offset=1&noOfRecords=10", "reportDate={date}&offset=x&noOfRecords=10", "reportDate={date}&offset=99999999&noOfRecords=10"])  # fmt: skip
def test_bad_settlement_calls_are_refused(server, query):
    server.control("POST", "seed", {"settlements": 5})
    date = server.get(f"{RECON}/availableReconFiles")["availableApReportDates"][0]
    server.refused(400, "GET", f"{RECON}/reconFileJson?{query.format(date=date)}")


def test_unknown_settlements(server):
    assert server.get(f"{RECON}/availableReconFiles")["availableApReportDates"] == []
    server.refused(404, "GET", f"{RECON}/reconFile?reportDate=01012020")
    server.refused(404, "GET", f"{RECON}/reconFileJson?reportDate=01012020&offset=0&noOfRecords=1")


def mexican(server):
    return {"WM_SEC.ACCESS_TOKEN": server.token({"WM_MARKET": "mx"}), "WM_MARKET": "mx"}


def test_mexicos_orders_by_cursor_mark(server):
    ids = server.control("POST", "seed", {"orders": 25})["orders"]
    headers, found, mark = mexican(server), [], "*"
    while mark:
        params = {"statusCodeFilter": "Created", "cursorMark": mark}
        body = server.call("GET", "/v3/orders/cursor", headers=headers, params=params).json()
        found += [order["purchaseOrderId"] for order in body["order"]]
        mark = body["meta"].get("nextCursorMark")
    assert found == [f"P{order_id}" for order_id in ids[::-1]]


def test_mexicos_orders_are_there_for_mexico_only(server):
    server.refused(404, "GET", "/v3/orders/cursor?statusCodeFilter=Created")


@pytest.mark.parametrize("query", ["", "statusCodeFilter=created", "statusCodeFilter=Created&limit=101", "statusCodeFilter=Created&cursorMark=AAAA", "statusCodeFilter=Created&createdStartDate=2022-01-29T10:53:12.355Z", "statusCodeFilter=Created&createdStartDate=2022-01-29&createdEndDate=2022-01-30"])  # fmt: skip
def test_bad_calls_of_mexicos_orders_are_refused(server, query):
    server.refused(400, "GET", f"/v3/orders/cursor?{query}", headers=mexican(server))


REPORTS = "/v3/reports/reportRequests"


@pytest.fixture
def reports(server):
    """A sandbox without rate limits whose reports are ready at once."""
    server.control("POST", "settings", {"limits": False, "report_seconds": 0})
    return server


def request_report(server, kind="ITEM", version="v4", **body):
    answer = server.call("POST", f"{REPORTS}?reportType={kind}&reportVersion={version}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["requestId"]


def test_a_report_moves_with_the_clock(server):
    server.control("POST", "settings", {"report_seconds": 30})
    server.control("POST", "clock", {"speed": 1e-6})
    request_id = request_report(server)
    seen = []
    for advance in (9, 2, 18, 1):
        server.control("POST", "clock", {"advance": advance})
        seen.append(server.get(f"{REPORTS}/{request_id}")["requestStatus"])
    assert seen == ["RECEIVED", "INPROGRESS", "INPROGRESS", "READY"]


def test_reports_by_the_cursor_that_is_the_query(reports):
    ids = [request_report(reports) for _ in range(25)]
    request_report(reports, "INVENTORY", "v1")
    found, query, cursors = [], "reportType=ITEM&requestStatus=READY", []
    while query:
        body = reports.get(f"{REPORTS}?{query}")
        found += [one["requestId"] for one in body["requests"]]
        query = body.get("nextCursor")
        cursors.append(query)
    assert found == ids[::-1]
    assert cursors == [f"reportType=ITEM&requestStatus=READY&page={page}&limit=10" for page in (2, 3)] + [
        None
    ]
    for spoilt in (f"{REPORTS}?{cursors[0]}&reportVersion=v4", f"{REPORTS}?nextCursor={cursors[0]}", f"{REPORTS}?reportType=ITEM&nextCursor=x"):  # fmt: skip
        assert reports.call("GET", spoilt).status_code == 400


def test_reports_filtered(reports):
    request_id = request_report(reports)
    for query, count in (("reportVersion=v4", 1), ("reportVersion=v1", 0), ("requestStatus=ERROR", 0), ("src=API", 1), ("src=SC", 0), ("requestSubmissionStartDate=2100-01-01", 0)):  # fmt: skip
        assert reports.get(f"{REPORTS}?reportType=ITEM&{query}")["totalCount"] == count
    reports.control("POST", "clock", {"advance": 31 * 86400})
    reports._token = ""
    assert reports.get(f"{REPORTS}?reportType=ITEM")["totalCount"] == 0
    assert reports.get(f"{REPORTS}/{request_id}")["requestStatus"] == "READY"


def test_a_report_is_downloaded_without_walmarts_headers(reports):
    reports.control("POST", "seed", {"items": 3})
    request_id = request_report(reports, excludeColumns=["Price"])
    link = reports.get(f"/v3/reports/downloadReport?requestId={request_id}")["downloadURL"]
    answer = requests.get(link)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    assert [row["SKU"] for row in rows] == ["SKU-000001", "SKU-000002", "SKU-000003"]
    assert "Price" not in rows[0]
    assert requests.get(link, headers={"WM_SEC.ACCESS_TOKEN": "x"}).status_code == 400
    assert requests.get(link, headers={"Authorization": "Basic x"}).status_code == 400
    assert requests.get(link[:-1]).status_code == 403
    assert requests.get(link.replace(request_id, "other")).status_code == 403
    reports.control("POST", "clock", {"advance": 900})
    assert requests.get(link).status_code == 403


def test_a_report_that_is_not_ready_cannot_be_downloaded(server):
    server.control("POST", "settings", {"report_seconds": 600})
    request_id = request_report(server)
    assert server.call("GET", f"/v3/reports/downloadReport?requestId={request_id}").status_code == 400
    server.refused(404, "GET", "/v3/reports/downloadReport?requestId=none")
    server.refused(404, "GET", f"{REPORTS}/none")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {}),
        ("reportType=ITEM", {}),
        ("reportType=ITEM&reportVersion=v7", {}),
        ("reportType=PROMO&reportVersion=v2", {}),
        ("reportType=NOTHING&reportVersion=v1", {}),
        ("reportType=ITEM_PERFORMANCE&reportVersion=v3", {}),
        ("reportType=ITEM&reportVersion=v1", {"dateGranularity": "YEARLY"}),
        ("reportType=ITEM&reportVersion=v1", {"dataStartTime": "2024-01-02T00:00:00Z", "dataEndTime": "2024-01-01T00:00:00Z"}),
        ("reportType=ITEM&reportVersion=v1", {"dataStartTime": "2020-01-02T00:00:00Z", "dataEndTime": "2024-01-01T00:00:00Z"}),
        ("reportType=ITEM&reportVersion=v1", {"dataStartTime": "today"}),
        ("reportType=ITEM&reportVersion=v1", {"excludeColumns": "SKU"}),
    ],
)  # fmt: skip
def test_bad_report_requests_are_refused_as_problems(reports, query, body):
    answer = reports.call("POST", f"{REPORTS}?{query}", json=body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("accept", ["*/*", "application/xml", None])
def test_who_does_not_ask_for_json_gets_xml(accept, server):
    order_id, *_ = server.control("POST", "seed", {"orders": 2, "items": 2})["orders"]
    listed = server.call("GET", "/v3/orders", headers={"Accept": accept})
    assert (listed.status_code, listed.headers["Content-Type"]) == (200, "application/xml")
    assert "x-current-token-count" in listed.headers
    document = ET.fromstring(listed.content)
    assert document.tag == "list"
    orders = document.findall("elements/order")
    assert [order.findtext("purchaseOrderId") for order in orders][-1] == order_id
    assert document.findtext("meta/totalCount") == "2"
    items = ET.fromstring(server.call("GET", "/v3/items", headers={"Accept": accept}).content)
    assert items.findtext("totalItems") == "2"


def test_reports_speak_json_only(server):
    for path in (f"{REPORTS}?reportType=ITEM", f"{REPORTS}/x", "/v3/reports/downloadReport?requestId=x"):
        assert server.call("GET", path, headers={"Accept": "*/*"}).status_code == 406


def test_reports_are_limited(server):
    request_id = request_report(server)
    assert server.call("POST", f"{REPORTS}?reportType=ITEM&reportVersion=v4", json={}).status_code == 429
    request_report(server, "INVENTORY", "v1")
    assert server.call("GET", f"{REPORTS}/{request_id}").headers["x-current-token-count"] == "19"
    assert server.call("GET", f"{REPORTS}?reportType=ITEM").headers["x-current-token-count"] == "199"


EVENT = {
    "eventType": "PO_CREATED",
    "eventVersion": "V1",
    "resourceName": "ORDER",
    "eventUrl": "https://example.com/x",
}
HOOKS = "/v3/webhooks/subscriptions"


def test_webhooks(server):
    (made,) = server.call("POST", HOOKS, json={"events": [{**EVENT, "status": "ACTIVE"}]}).json()["events"]
    assert server.get(HOOKS) == {"events": [made]}
    assert server.get(f"{HOOKS}?status=INACTIVE") == {"events": []}
    path = f"{HOOKS}/{made['subscriptionId']}"
    changed = server.call("PATCH", path, json={"status": "INACTIVE", "subscriptionId": "mine"}).json()
    assert changed == {**made, "status": "INACTIVE"}
    assert server.call("DELETE", path).json()["subscriptionId"] == made["subscriptionId"]
    server.refused(404, "DELETE", path)
    server.refused(404, "PATCH", path, json={})
    assert server.call("POST", "/v3/webhooks/test", json=EVENT).status_code == 200
    assert {"resourceName": "ORDER", "eventType": "PO_CREATED", "eventVersion": "V1"} in server.get(
        "/v3/webhooks/eventTypes"
    )["eventTypes"]


@pytest.mark.parametrize(
    "change", [{"eventType": "NOTHING"}, {"eventUrl": "http://example.com"}, {"eventVersion": "V2"}]
)
def test_bad_webhooks_are_refused(server, change):
    server.refused(400, "POST", HOOKS, json={"events": [{**EVENT, **change}]})
    server.refused(400, "POST", "/v3/webhooks/test", json={**EVENT, **change})
    assert server.get(HOOKS) == {"events": []}


def test_api_status(server):
    assert {one["status"] for one in server.get("/v3/utilities/apiStatus")["apiStatuses"]} == {"OPERATIONAL"}
