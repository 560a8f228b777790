"""Feeds: submission, processing by the clock, status, details, error report, rate limits."""

import csv
import io
import json
import zipfile
from urllib.parse import quote

import pytest

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def quick(server):
    """A sandbox whose feeds are processed at once."""
    server.control("POST", "settings", {"feed_seconds": 0})
    return server


def submit(server, feed_type, document):
    answer = server.call("POST", f"/v3/feeds?feedType={feed_type}", json=document)
    assert answer.status_code == 200, answer.text
    return answer.json()["feedId"]


def status(server, feed_id, **params):
    return server.get(f"/v3/feeds/{quote(feed_id, safe='')}", **params)


def failures(server, feed_id):
    """SKU or index of every failed item -> its first code."""
    items = status(server, feed_id, includeDetails="true")["itemDetails"]["itemIngestionStatus"]
    return {
        item["sku"] or item["index"]: item["ingestionErrors"]["ingestionError"][0]["code"]
        for item in items
        if item["ingestionStatus"] != "SUCCESS"
    }


def inventory(*rows):
    return {"InventoryHeader": {"version": "1.4"}, "Inventory": list(rows)}


def stock(sku, amount):
    return {"sku": sku, "quantity": {"unit": "EACH", "amount": amount}}


def price(sku, amount):
    return {
        "sku": sku,
        "pricing": [{"currentPriceType": "BASE", "currentPrice": {"currency": "USD", "amount": amount}}],
    }


def test_a_feed_moves_with_the_clock(server):
    server.control("POST", "clock", {"speed": 1e-6})
    server.control("POST", "settings", {"feed_seconds": 30})
    feed_id = submit(
        server, "inventory", inventory(*(stock(f"S{n}", n) for n in range(10)), stock("S10", -1))
    )
    seen = []
    for advance in (0, 9, 2, 10, 9):
        server.control("POST", "clock", {"advance": advance})
        feed = status(server, feed_id)
        fields = ("feedStatus", "itemsReceived", "itemsSucceeded", "itemsFailed", "itemsProcessing")
        seen.append(tuple(feed[name] for name in fields))
    assert seen == [
        ("RECEIVED", 0, 0, 0, 0),
        ("RECEIVED", 0, 0, 0, 0),
        ("INPROGRESS", 11, 0, 0, 11),
        ("INPROGRESS", 11, 6, 0, 5),
        ("PROCESSED", 11, 10, 1, 0),
    ]


def test_details_while_in_progress(server):
    server.control("POST", "seed", {"feeds": [{"feedId": "F@1", "items": 4, "feedStatus": "INPROGRESS"}]})
    items = status(server, "F@1", includeDetails="true")["itemDetails"]["itemIngestionStatus"]
    assert [item["ingestionStatus"] for item in items] == ["SUCCESS", "SUCCESS", "INPROGRESS", "INPROGRESS"]


def test_feed_id_holds_an_at_sign_and_may_be_sent_both_ways(quick):
    feed_id = submit(quick, "inventory", inventory(stock("A", 1)))
    assert "@" in feed_id
    for written in (feed_id, feed_id.replace("@", "%40")):
        assert quick.get(f"/v3/feeds/{written}")["feedId"] == feed_id
        assert quick.get(f"/v3/feeds?feedId={written}")["totalResults"] == 1
    quick.refused(404, "GET", f"/v3/feeds/{feed_id.replace('@', '%2540')}")


def test_reply_fields(quick):
    feed_id = submit(quick, "inventory", inventory(stock("A", 1), stock("B", -1)))
    body = status(quick, feed_id, includeDetails="TRUE", limit=1, offset=1)
    assert body.pop("feedSubmissionDate") > 1_600_000_000_000
    assert body == {
        "feedId": feed_id,
        "feedStatus": "PROCESSED",
        "ingestionErrors": {"ingestionError": []},
        "itemsReceived": 2,
        "itemsSucceeded": 1,
        "itemsFailed": 1,
        "itemsProcessing": 0,
        "offset": 1,
        "limit": 1,
        "itemDetails": {
            "itemIngestionStatus": [
                {
                    "martId": 0,
                    "sku": "B",
                    "index": 1,
                    "ingestionStatus": "DATA_ERROR",
                    "ingestionErrors": {
                        "ingestionError": [
                            {
                                "type": "DATA_ERROR",
                                "code": "ERR_EXT_DATA_0101116",
                                "description": "The quantity must be a whole number of at least 0.",
                                "field": "quantity",
                            }
                        ]
                    },
                }
            ]
        },
    }


def test_details_only_when_asked_for(quick):
    feed_id = submit(quick, "inventory", inventory(stock("A", 1)))
    assert status(quick, feed_id)["itemDetails"] == {"itemIngestionStatus": []}
    assert status(quick, feed_id, includeDetails="false")["itemDetails"] == {"itemIngestionStatus": []}


def test_details_are_paged(quick):
    feed_id = submit(quick, "inventory", inventory(*(stock(f"S{n}", 1) for n in range(120))))
    found = []
    for offset in (0, 50, 100, 150):
        page = status(quick, feed_id, includeDetails="true", offset=offset, limit=50)["itemDetails"]
        found.append([item["index"] for item in page["itemIngestionStatus"]])
    assert found == [list(range(50)), list(range(50, 100)), list(range(100, 120)), []]


@pytest.mark.parametrize("path", ["/v3/feeds", "/v3/feeds/F@1"])
@pytest.mark.parametrize(
    "query",
    ["limit=51", "limit=0", "limit=-1", "limit=x", "limit=", "offset=-1", "offset=1.5", "limit=%D9%A1"],
)
def test_bad_paging_is_refused(server, path, query):
    server.control("POST", "seed", {"feeds": [{"feedId": "F@1"}]})
    error = server.refused(400, "GET", f"{path}?{query}")
    assert (error["code"], error["field"]) == ("INVALID_REQUEST_PARAM.GMP_GATEWAY_API", query.split("=")[0])


def test_include_details_must_be_a_boolean(server):
    server.control("POST", "seed", {"feeds": [{"feedId": "F@1"}]})
    assert server.refused(400, "GET", "/v3/feeds/F@1?includeDetails=yes")["field"] == "includeDetails"


def test_listing_is_newest_first_and_paged(server):
    ages = [50, 10, 40, 20, 30]
    server.control("POST", "seed", {"feeds": [{"feedId": f"F{age}@1", "age": age} for age in ages]})
    body = server.get("/v3/feeds", limit=2, offset=1)
    assert (body["totalResults"], body["offset"], body["limit"]) == (5, 1, 2)
    assert [feed["feedId"] for feed in body["results"]["feed"]] == ["F20@1", "F30@1"]
    assert server.get("/v3/feeds", offset=5)["results"] == {"feed": []}
    assert server.get("/v3/feeds", feedId="nothing")["totalResults"] == 0


def test_listing_fields(server):
    feed = {
        "feedId": "F@1",
        "feedType": "price",
        "feedStatus": "PROCESSED",
        "items": 3,
        "fileName": "prices.json",
    }
    errors = [
        {"index": 0, "type": "SYSTEM_ERROR", "code": "ERR_INT_SYS_0801003"},
        {"index": 2, "type": "TIMEOUT_ERROR"},
    ]
    server.control("POST", "seed", {"feeds": [{**feed, "failed": errors}]})
    (found,) = server.get("/v3/feeds")["results"]["feed"]
    assert found["feedDate"] <= found.pop("modifiedDtm")
    assert found.pop("feedDate") > 1_600_000_000_000
    assert found == {
        "feedId": "F@1",
        "feedSource": "MARKETPLACE_PARTNER",
        "feedType": "price",
        "partnerId": "10001234567",
        "itemsReceived": 3,
        "itemsSucceeded": 1,
        "itemsFailed": 2,
        "itemsProcessing": 0,
        "feedStatus": "PROCESSED",
        "fileName": "prices.json",
        "itemDataErrorCount": 0,
        "itemSystemErrorCount": 1,
        "itemTimeoutErrorCount": 1,
    }


def test_unknown_feed(server):
    assert server.refused(404, "GET", "/v3/feeds/NONE@1")["code"] == "CONTENT_NOT_FOUND.GMP_RECEIVER_API"


def test_multipart_upload_keeps_the_file_name(quick):
    files = {"file": ("tuesday stock é.json", json.dumps(inventory(stock("A", 1))), "application/json")}
    feed_id = quick.call("POST", "/v3/feeds?feedType=inventory", files=files).json()["feedId"]
    (feed,) = quick.get("/v3/feeds")["results"]["feed"]
    assert (feed["feedId"], feed["fileName"], feed["itemsSucceeded"]) == (feed_id, "tuesday stock é.json", 1)


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml; charset=utf-8"])
def test_xml_upload(quick, content_type):
    body = b'<?xml version="1.0"?><InventoryFeed><inventory><sku>A</sku></inventory><inventory><sku>B</sku></inventory></InventoryFeed>'
    answer = quick.call(
        "POST", "/v3/feeds?feedType=inventory", data=body, headers={"Content-Type": content_type}
    )
    assert status(quick, answer.json()["feedId"])["itemsSucceeded"] == 2


def test_unknown_feed_types_are_accepted(quick):
    feed_id = submit(
        quick,
        "BRAND_NEW_TYPE",
        {"Header": {"tags": ["a", "b"]}, "Things": [{"sku": str(n)} for n in range(3)]},
    )
    assert status(quick, feed_id)["itemsSucceeded"] == 3
    assert quick.get("/v3/feeds")["results"]["feed"][0]["feedType"] == "BRAND_NEW_TYPE"


@pytest.mark.parametrize(
    ("feed_type", "document", "expected"),
    [
        ("inventory", inventory(stock("A", 0), stock("B", -1), stock("C", "5"), stock("D", 1.5), stock("E", None), stock("F", True), stock("G", 10**30)),
         dict.fromkeys("BCDEFG", "ERR_EXT_DATA_0101116")),
        ("inventory", inventory({"sku": "A", "quantity": {"unit": "EACH"}}), {"A": "ERR_EXT_DATA_0101116"}),
        ("inventory", inventory(stock("A", 1), stock("A", 2), stock("a", 3)), {"A": "ERR_PDI_0034"}),
        ("inventory", inventory(stock("A", 1), stock("", 2), stock(" ", 2), stock(None, 2), {}, "text", stock(7, 1)),
         dict.fromkeys(range(1, 7), "ERR_PDI_0001")),
        ("MP_INVENTORY", {"inventoryHeader": {"version": "1.5"}, "inventory": [
            {"sku": "A", "shipNodes": [{"shipNode": "1", "quantity": {"unit": "EACH", "amount": 1}}, {"shipNode": "2", "quantity": {"unit": "EACH", "amount": 1}}]},
            {"sku": "B", "shipNodes": [{"shipNode": "1", "quantity": {"unit": "EACH", "amount": 1}}, {"shipNode": "2", "quantity": {"unit": "EACH", "amount": -1}}]}]},
         {"B": "ERR_EXT_DATA_0101116"}),
        ("price", {"PriceHeader": {"version": "1.7"}, "Price": [price("A", 9.99), price("B", 9.999), price("C", "9"), price("D", 0), price("E", -1), price("F", 10), price("G", 1e300)]},
         dict.fromkeys("BCDEG", "ERR_EXT_DATA_4001029")),
        ("PRICE_AND_PROMOTION", {"MPItemFeedHeader": {}, "MPItem": [{"Promo&Discount": {"sku": "A", "price": 1.25}}, {"Promo&Discount": {"sku": "B", "price": 1.251}}]},
         {"B": "ERR_EXT_DATA_4001029"}),
        ("RETIRE_ITEM", {"RetireItemHeader": {"version": "1.0"}, "RetireItem": [{"sku": "A"}, {"sku": ""}]}, {1: "ERR_PDI_0001"}),
        ("MP_ITEM_MATCH", {"MPItemFeedHeader": {}, "MPItem": [{"Orderable": {"sku": "A", "price": 1}, "Visible": {"X": {"keyFeatures": ["1", "2", "3"]}}}]}, {}),
        ("OMNI_RICH_MEDIA", {"SupplierItem": [{"Orderable": {"productId": "1"}}, {"Orderable": {}}]}, {1: "ERR_PDI_0001"}),
        ("lagtime", [{"sku": "A", "fulfillmentLagTime": "1"}], {}),
    ],
)  # fmt: skip
def test_bad_rows_fail_and_good_ones_do_not(quick, feed_type, document, expected):
    feed_id = submit(quick, feed_type, document)
    body = status(quick, feed_id)
    rows = next(
        value
        for value in (document.values() if isinstance(document, dict) else [document])
        if isinstance(value, list)
    )
    assert failures(quick, feed_id) == expected
    assert (body["itemsReceived"], body["itemsFailed"]) == (len(rows), len(expected))


@pytest.mark.parametrize(
    "data",
    [b"{", b"no json", b'{"Inventory": [{"sku": "A", "quantity": {"amount": NaN}}]}', b"\xff\xfe", b"[" * 100_000, b"{}", b"[]", b'"text"', b'{"Inventory": []}'],
)  # fmt: skip
def test_an_unusable_file_ends_as_error(quick, data):
    feed_id = quick.call("POST", "/v3/feeds?feedType=inventory", data=data, headers=JSON).json()["feedId"]
    body = status(quick, feed_id, includeDetails="true")
    assert (body["feedStatus"], body["itemsReceived"], body["itemsFailed"]) == ("ERROR", 0, 0)
    (error,) = body["ingestionErrors"]["ingestionError"]
    assert (error["type"], error["code"]) == ("DATA_ERROR", "ERR_INT_DATA_01010092")


def test_an_item_feed_holds_at_most_10000_items(quick):
    rows = [{"Orderable": {"sku": str(n)}} for n in range(10_001)]
    assert status(quick, submit(quick, "MP_ITEM_MATCH", {"MPItem": rows}))["feedStatus"] == "ERROR"
    assert status(quick, submit(quick, "MP_ITEM_MATCH", {"MPItem": rows[1:]}))["itemsSucceeded"] == 10_000


@pytest.mark.parametrize(
    ("query", "field"), [("", "feedType"), ("?feedType=", "feedType"), ("?feedtype=price", "feedType")]
)
def test_feed_type_is_required(server, query, field):
    assert server.refused(400, "POST", f"/v3/feeds{query}", json={"a": [1]})["field"] == field


@pytest.mark.parametrize("data", [b"", b"  \n"])
def test_an_empty_body_is_refused(server, data):
    error = server.refused(400, "POST", "/v3/feeds?feedType=inventory", data=data, headers=JSON)
    assert error["code"] == "INVALID_REQUEST_CONTENT.GMP_RECEIVER_API"
    server.refused(400, "POST", "/v3/feeds?feedType=inventory", files={"file": ("a.json", data)})
    assert server.get("/v3/feeds")["totalResults"] == 0


def test_the_part_must_be_named_file(server):
    error = server.refused(400, "POST", "/v3/feeds?feedType=inventory", files={"document": ("a.json", b"{}")})
    assert error["code"] == "MISSING_FILE"


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=none"])
def test_a_broken_multipart_body_is_refused(server, content_type):
    headers = {"Content-Type": content_type}
    error = server.refused(
        400, "POST", "/v3/feeds?feedType=inventory", data=b'{"Inventory": []}', headers=headers
    )
    assert error["code"] == "MISSING_FILE"


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
def test_other_media_types_are_refused(server, content_type):
    headers = {"Content-Type": content_type}
    error = server.refused(
        415, "POST", "/v3/feeds?feedType=inventory", data=b'{"Inventory": []}', headers=headers
    )
    assert error["code"] == "UNSUPPORTED_MEDIA_TYPE.GMP_RECEIVER_API"


@pytest.mark.parametrize(("feed_type", "cap"), [("MP_INVENTORY", 1_000_000), ("RETURNS_OVERRIDES", 400_000)])
def test_a_file_over_its_cap_is_refused(server, feed_type, cap):
    document = b'[{"sku": "A"}]'
    path = f"/v3/feeds?feedType={feed_type}"
    assert server.call("POST", path, data=document.ljust(cap), headers=JSON).status_code == 200
    assert (
        server.refused(413, "POST", path, data=document.ljust(cap + 1), headers=JSON)["code"]
        == "PAYLOAD_TOO_LARGE.GMP_RECEIVER_API"
    )
    assert server.call("POST", path, files={"file": ("a.json", document.ljust(cap))}).status_code == 200
    server.refused(413, "POST", path, files={"file": ("a.json", document.ljust(cap + 1))})


def test_a_body_beyond_all_caps_is_refused(server):
    server.refused(413, "POST", "/v3/feeds?feedType=FITMENT_ACES", data=b" " * 70_000_000, headers=JSON)


def test_submits_are_limited_by_type(server):
    server.control("POST", "clock", {"speed": 1e-6})
    left = []
    for _ in range(10):
        answer = server.call("POST", "/v3/feeds?feedType=inventory", json=inventory(stock("A", 1)))
        assert answer.status_code == 200
        left.append(int(answer.headers["x-current-token-count"]))
    assert left == list(range(9, -1, -1))
    error = server.refused(429, "POST", "/v3/feeds?feedType=INVENTORY", json=inventory(stock("A", 1)))
    assert error["code"] == "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"
    assert server.get("/v3/feeds")["totalResults"] == 10
    submit(server, "MP_INVENTORY", {"inventory": [{"sku": "A"}]})
    server.control("POST", "clock", {"advance": 360})
    submit(server, "inventory", inventory(stock("A", 1)))
    server.refused(429, "POST", "/v3/feeds?feedType=inventory", json=inventory(stock("A", 1)))


def test_price_feeds_share_one_limit(server):
    for feed_type in ["price", "promo", "PRICE_AND_PROMOTION"] * 3 + ["price"]:
        submit(server, feed_type, {"Price": [price("A", 1)]})
    server.refused(429, "POST", "/v3/feeds?feedType=promo", json={"Price": [price("A", 1)]})


def test_error_report(quick):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("aces.xml", "<ACES/>")
    answer = quick.call(
        "POST", "/v3/feeds?feedType=FITMENT_ACES", files={"file": ("aces.zip", archive.getvalue())}
    )
    path = f"/v3/feeds/{quote(answer.json()['feedId'])}/errorReport?feedType=FITMENT_ACES"
    empty = quick.call("GET", path)
    assert (empty.status_code, empty.content) == (204, b"")

    failed = {"feedId": "F@1", "feedType": "FITMENT_PIES", "items": 3, "failed": 2, "age": 9}
    quick.control("POST", "seed", {"feeds": [failed]})
    report = quick.call("GET", "/v3/feeds/F%401/errorReport?feedType=FITMENT_PIES")
    assert report.headers["Content-Type"] == "application/octet-stream"
    with zipfile.ZipFile(io.BytesIO(report.content)) as file:
        rows = list(csv.DictReader(io.StringIO(file.read(file.namelist()[0]).decode())))
    assert [row["sku"] for row in rows] == ["SKU-000001", "SKU-000002"]


@pytest.mark.parametrize("query", ["", "?feedType=inventory"])
def test_error_report_is_for_fitment_only(server, query):
    server.control("POST", "seed", {"feeds": [{"feedId": "F@1"}]})
    server.refused(400, "GET", f"/v3/feeds/F@1/errorReport{query}")
    server.refused(404, "GET", "/v3/feeds/F@2/errorReport?feedType=FITMENT_ACES")


def test_the_enrollment_in_walmart_plus_has_a_part_and_a_header_of_its_own(server):
    path = "/v3/feeds?feedType=PROGRAM_ACTIONS&requestType=WALMART_PLUS_SFF"
    market = {"WM_MARKET": "us"}
    content = '{"ProgramActionFeedHeader": {}, "ProgramAction": [{"ItemIdentifiers": {"sku": "A"}}]}'
    assert server.refused(400, "POST", path, files={"fileName": content})["field"] == "WM_MARKET"
    assert server.refused(400, "POST", path, files={"file": content}, headers=market)["field"] == "fileName"
    assert server.call("POST", path, files={"fileName": content}, headers=market).json()["feedId"]
