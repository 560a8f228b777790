"""Orders: search with its cursor, filters, one order, and the writes."""

import copy
import re
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import pytest

JSON = {"Content-Type": "application/json"}
DAY = 86400


def seed(server, **orders):
    return server.control("POST", "seed", {"orders": {"count": 1, **orders}})["orders"]


def listed(answer):
    return [order["purchaseOrderId"] for order in (answer["list"]["elements"] or {"order": []})["order"]]


def all_pages(server, path):
    found = []
    cursor = path.partition("?")[2] and "?" + path.partition("?")[2]
    path = path.partition("?")[0]
    while cursor is not None:
        answer = server.get(path + cursor)
        found.append(listed(answer))
        cursor = answer["list"]["meta"].get("nextCursor")
    return found


def utc(**back):
    return (datetime.now(timezone.utc) - timedelta(**back)).strftime("%Y-%m-%dT%H:%M:%SZ")


def statuses(order):
    return [
        [
            (part["status"], part["statusQuantity"]["amount"])
            for part in line["orderLineStatuses"]["orderLineStatus"]
        ]
        for line in order["orderLines"]["orderLine"]
    ]


@pytest.mark.parametrize("path", ["/v3/orders", "/v3/orders/released"])
def test_all_pages_by_the_cursor_as_it_is(server, path):
    ids = server.control("POST", "seed", {"orders": 25})["orders"]
    pages = all_pages(server, f"{path}?limit=10")
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [order for page in pages for order in page] == ids[::-1]


def test_the_cursor_is_a_ready_query_string(server):
    server.control("POST", "seed", {"orders": 3})
    meta = server.get("/v3/orders?limit=1&status=Created")["list"]["meta"]
    assert (meta["totalCount"], meta["limit"]) == (3, 1)
    pattern = (
        r"\?limit=1&hasMoreElements=true&soIndex=\d+&poIndex=1&partnerId=10001234567&sellerId=151&created.*"
    )
    assert re.fullmatch(pattern, meta["nextCursor"])
    assert "&status=Created" in meta["nextCursor"]
    assert ":" in meta["nextCursor"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cursor: quote(cursor, safe="?&="),
        lambda cursor: quote(cursor, safe=""),
        lambda cursor: cursor + "&limit=1",
        lambda cursor: cursor + "&productInfo=true",
        lambda cursor: cursor.replace("limit=1", "limit=2"),
        lambda cursor: "?nextCursor=" + quote(cursor, safe=""),
        lambda cursor: "?limit=1&nextCursor=" + cursor[1:],
        lambda cursor: cursor.replace("partnerId=1", "partnerId=2"),
    ],
)
def test_a_cursor_encoded_again_or_added_to_is_refused(server, spoil):
    server.control("POST", "seed", {"orders": 3})
    cursor = server.get("/v3/orders?limit=1")["list"]["meta"]["nextCursor"]
    answer = server.session.get(
        server.url + "/v3/orders" + spoil(cursor), headers=server.call("GET", "/v3/feeds").request.headers
    )
    assert answer.status_code in (400, 404)
    assert server.call("GET", "/v3/orders" + cursor).status_code == 200


def test_pages_stay_as_they_are_when_orders_arrive(server):
    ids = server.control("POST", "seed", {"orders": 4})["orders"]
    first = server.get("/v3/orders?limit=2")
    server.control("POST", "clock", {"advance": 10})
    server.control("POST", "seed", {"orders": 4})
    second = server.get("/v3/orders" + first["list"]["meta"]["nextCursor"])
    assert listed(first) + listed(second) == ids[::-1]


def test_later_orders_are_younger(server):
    server.control("POST", "seed", {"orders": 100})
    newest = server.get("/v3/orders?limit=1")["list"]["elements"]["order"][0]["orderDate"]
    time.sleep(0.01)
    ids = server.control("POST", "seed", {"orders": 100})["orders"]
    orders = server.get("/v3/orders?limit=200")["list"]["elements"]["order"]
    assert {order["purchaseOrderId"] for order in orders if order["orderDate"] > newest} == set(ids)


def test_nothing_found_has_no_elements(server):
    assert server.get("/v3/orders") == {"list": {"meta": {"totalCount": 0, "limit": 100}, "elements": None}}


def test_only_the_last_seven_days_by_default(server):
    seed(server, age=7 * DAY + 60)
    (recent,) = seed(server, age=7 * DAY - 60)
    assert listed(server.get("/v3/orders")) == [recent]
    assert server.get("/v3/orders", createdStartDate=utc(days=8))["list"]["meta"]["totalCount"] == 2
    assert (
        server.get("/v3/orders", createdStartDate=utc(days=8), createdEndDate=utc(days=7))["list"]["meta"][
            "totalCount"
        ]
        == 1
    )
    assert server.get("/v3/orders", createdStartDate=utc(days=8)[:10])["list"]["meta"]["totalCount"] == 2


def test_never_more_than_180_days(server):
    seed(server, age=181 * DAY)
    known = seed(server, count=3, age=179 * DAY)
    assert all_pages(server, "/v3/orders?limit=1&createdStartDate=2001-01-01") == [
        [one] for one in known[::-1]
    ]


@pytest.mark.parametrize("offset", ["%2B00:00", "%2B0000", ""])
def test_dates_may_have_an_offset_and_a_fraction(server, offset):
    seed(server, age=60)
    date = utc(days=1)[:-1] + ".123" + (offset or "Z")
    assert server.get(f"/v3/orders?createdStartDate={date}")["list"]["meta"]["totalCount"] == 1


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "2026-1-1", "20260101", "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "1700000000000"])  # fmt: skip
@pytest.mark.parametrize("name", ["createdStartDate", "lastModifiedEndDate", "fromExpectedShipDate"])
def test_bad_dates_are_refused(server, name, date):
    assert server.refused(400, "GET", f"/v3/orders?{name}={date}")["field"] == name


def test_a_range_that_runs_backwards_is_refused_as_a_problem(server):
    answer = server.call("GET", f"/v3/orders?createdStartDate={utc(days=1)}&createdEndDate={utc(days=2)}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["title"] == "Invalid date range"


@pytest.mark.parametrize(("name", "value"), [("limit", "201"), ("limit", "0"), ("limit", "x"), ("status", "created"), ("shipNodeType", "Mine"), ("productInfo", "yes"), ("orderType", "X"), ("shippingProgramType", "X")])  # fmt: skip
def test_bad_parameters_are_refused(server, name, value):
    assert server.refused(400, "GET", f"/v3/orders?{name}={value}")["field"] == name


def test_at_most_ten_thousand_orders_per_search(server):
    now = server.control("POST", "clock", {"speed": 1e-6})["now"]
    seed(server, count=10_001, spacing=1)
    answer = server.call("GET", "/v3/orders?limit=1")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("The search matches more than 10000 orders.")
    an_hour_ago = datetime.fromtimestamp(now - 3600, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = server.get("/v3/orders", createdStartDate=an_hour_ago)["list"]["meta"]["totalCount"]
    assert found in range(3600, 3603)
    server.control("POST", "settings", {"orders_per_search": 20_000})
    assert server.get("/v3/orders?limit=1")["list"]["meta"]["totalCount"] == 10_001


def test_filters(server):
    ids = server.control("POST", "seed", {"orders": 2005})["orders"]
    assert server.get("/v3/orders?sku=SKU-000002")["list"]["meta"]["totalCount"] == 3
    assert listed(server.get("/v3/orders?sku=SKU-000005"))[-1] == ids[4]
    for missing in ("SKU-2", "SKU-000000", "SKU-001001", "other", "SKU-x"):
        assert listed(server.get(f"/v3/orders?sku={missing}")) == []
    assert listed(server.get(f"/v3/orders?purchaseOrderId={ids[7]}")) == [ids[7]]
    customer = server.get(f"/v3/orders/{ids[7]}")["order"]["customerOrderId"]
    assert listed(server.get(f"/v3/orders?customerOrderId={customer}")) == [ids[7]]
    assert listed(server.get(f"/v3/orders?customerOrderId={customer}&purchaseOrderId={ids[8]}")) == []
    for nonsense in ("x", "-1", "1" * 30):
        assert listed(server.get(f"/v3/orders?purchaseOrderId={nonsense}")) == []
    assert listed(server.get("/v3/orders?orderType=REPLACEMENT")) == []
    assert listed(server.get("/v3/orders?shippingProgramType=TWO_DAY")) == []


def test_orders_shipped_by_walmart_are_told_only_when_asked_for(server):
    (own,) = seed(server, age=9)
    (walmart,) = seed(server, shipNodeType="WFSFulfilled")
    assert listed(server.get("/v3/orders")) == [own]
    assert listed(server.get("/v3/orders?shipNodeType=WFSFulfilled")) == [walmart]
    assert listed(server.get("/v3/orders?shipNodeType=3PLFulfilled")) == []


def test_status_filter_and_released(server):
    (created,) = seed(server, age=9)
    (shipped,) = seed(server, status="Shipped")
    assert listed(server.get("/v3/orders?status=Shipped")) == [shipped]
    assert listed(server.get("/v3/orders/released")) == [created]
    server.call("POST", f"/v3/orders/{created}/acknowledge", headers=JSON)
    assert listed(server.get("/v3/orders/released")) == []
    assert listed(server.get("/v3/orders?status=Acknowledged")) == [created]


def test_last_modified(server):
    old, changed = seed(server, count=2, age=3 * DAY)
    (new,) = seed(server)
    assert listed(server.get("/v3/orders", lastModifiedStartDate=utc(hours=1))) == [new]
    server.call("POST", f"/v3/orders/{changed}/acknowledge", headers=JSON)
    assert set(listed(server.get("/v3/orders", lastModifiedStartDate=utc(hours=1)))) == {new, changed}
    assert listed(server.get("/v3/orders", lastModifiedEndDate=utc(hours=1))) == [old]


def test_expected_ship_date(server):
    (early,) = seed(server, age=3 * DAY)
    (late,) = seed(server)
    today = utc()
    assert listed(server.get("/v3/orders", toExpectedShipDate=today)) == [early]
    assert listed(server.get("/v3/orders", fromExpectedShipDate=today)) == [late]


def test_more_information_when_asked_for(server):
    (order_id,) = seed(server)
    for path, pick in (
        ("/v3/orders", lambda body: body["list"]["elements"]["order"][0]),
        (f"/v3/orders/{order_id}", lambda body: body["order"]),
    ):
        plain = pick(server.get(path))
        full = pick(server.get(f"{path}?productInfo=true&replacementInfo=true"))
        assert "imageUrl" not in plain["orderLines"]["orderLine"][0]["item"]
        assert "orderType" not in plain
        assert full["orderLines"]["orderLine"][0]["item"]["weight"]["unit"] == "LB"
        assert full["orderType"] == "REGULAR"


def test_a_changed_order_keeps_its_information(server):
    (order_id,) = seed(server)
    before = server.get(f"/v3/orders/{order_id}?productInfo=true&replacementInfo=true")["order"]
    short = server.get(f"/v3/orders/{order_id}")["order"]
    server.call("POST", f"/v3/orders/{order_id}/acknowledge", headers=JSON)
    after = server.get(f"/v3/orders/{order_id}?productInfo=true&replacementInfo=true")["order"]
    short_after = server.get(f"/v3/orders/{order_id}")["order"]
    for one, other in ((before, after), (short, short_after)):
        for line in (one["orderLines"]["orderLine"][0], other["orderLines"]["orderLine"][0]):
            del line["orderLineStatuses"], line["statusDate"]
        assert one == other


def test_one_order_is_wrapped(server):
    (order_id,) = seed(server)
    body = server.get(f"/v3/orders/{order_id}")
    assert list(body) == ["order"]
    assert body["order"]["purchaseOrderId"] == order_id
    assert len(order_id) > 13
    assert isinstance(body["order"]["orderDate"], int)


@pytest.mark.parametrize("order_id", ["1", "x", "%2F", "108900000000002"])
@pytest.mark.parametrize("method_and_path", ["GET ", "POST /acknowledge"])
def test_unknown_orders(server, order_id, method_and_path):
    seed(server)
    method, path = method_and_path.split(" ")
    error = server.refused(404, method, f"/v3/orders/{order_id}{path}", headers=JSON)
    assert error["code"] == "NOT_FOUND.GMP_ORDER_API"


def test_acknowledge_needs_a_media_type_although_it_has_no_body(server):
    (order_id,) = seed(server)
    path = f"/v3/orders/{order_id}/acknowledge"
    assert server.refused(500, "POST", path)["code"] == "SYSTEM_ERROR.GMP_ORDER_API"
    assert statuses(server.get(f"/v3/orders/{order_id}")["order"])[0][0][0] == "Created"
    answer = server.call("POST", path, headers=JSON)
    assert statuses(answer.json()["order"])[0][0][0] == "Acknowledged"
    assert server.call("POST", path, headers=JSON).status_code == 200


def shipment(amount="1", **tracking):
    tracking = {
        "shipDateTime": 1,
        "carrierName": {"carrier": "UPS"},
        "methodCode": "Standard",
        "trackingNumber": "1Z",
        **tracking,
    }
    quantity = {"unitOfMeasurement": "EACH", "amount": amount}
    part = {"status": "Shipped", "statusQuantity": quantity, "trackingInfo": tracking}
    line = {"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}}
    return {"orderShipment": {"orderLines": {"orderLine": [line]}}}


def cancellation(amount="1", reason="SELLER_CANCEL_OUT_OF_STOCK"):
    quantity = {"unitOfMeasurement": "EACH", "amount": amount}
    part = {"status": "Cancelled", "cancellationReason": reason, "statusQuantity": quantity}
    line = {"lineNumber": "1", "orderLineStatuses": {"orderLineStatus": [part]}}
    return {"orderCancellation": {"orderLines": {"orderLine": [line]}}}


def refund(amount=-1.0, *, full=False, reason="DamagedItem", **fields):
    charge = {
        "chargeType": "PRODUCT",
        "chargeName": "Item Price",
        "chargeAmount": {"currency": "USD", "amount": amount},
    }
    charges = {"refundCharges": {"refundCharge": [{"refundReason": reason, "charge": charge}]}}
    line = {"lineNumber": "1", "isFullRefund": full, "refunds": {"refund": [charges]}}
    return {"orderRefund": {"orderLines": {"orderLine": [line]}, **fields}}


def three_pieces(server):
    """An order of three pieces."""
    return server.control("POST", "seed", {"orders": 3})["orders"][2]


def test_ship_and_cancel_by_the_piece(server):
    order_id = three_pieces(server)
    path = f"/v3/orders/{order_id}"
    shipped = server.call("POST", f"{path}/shipping", json=shipment("1")).json()["order"]
    assert statuses(shipped) == [[("Created", "2"), ("Shipped", "1")]]
    server.call("POST", f"{path}/acknowledge", headers=JSON)
    cancelled = server.call("POST", f"{path}/cancel", json=cancellation("1")).json()["order"]
    assert statuses(cancelled) == [[("Shipped", "1"), ("Acknowledged", "1"), ("Cancelled", "1")]]
    server.call("POST", f"{path}/shipping", json=shipment("1"))
    order = server.get(path)["order"]
    assert statuses(order) == [[("Shipped", "1"), ("Cancelled", "1"), ("Shipped", "1")]]
    parts = order["orderLines"]["orderLine"][0]["orderLineStatuses"]["orderLineStatus"]
    assert parts[0]["trackingInfo"]["trackingNumber"] == "1Z"
    assert parts[1]["cancellationReason"] == "SELLER_CANCEL_OUT_OF_STOCK"
    assert listed(server.get("/v3/orders?status=Cancelled")) == [order_id]
    for spent in (("shipping", shipment()), ("cancel", cancellation())):
        server_refuses(server, f"{path}/{spent[0]}", spent[1])
    server_refuses(server, f"{path}/acknowledge", {})


def server_refuses(server, path, body):
    """The write is refused in the nested shape and changes nothing."""
    before = server.get(path.rpartition("/")[0])
    answer = server.call("POST", path, json=body)
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]["error"]
    assert error["code"].endswith("_CONTENT.GMP_ORDER_API")
    assert server.get(path.rpartition("/")[0]) == before
    return error


def drop(body, *path):
    body = copy.deepcopy(body)
    place = body
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return body


LINE = ("orderShipment", "orderLines", "orderLine", 0)
PART = (*LINE, "orderLineStatuses", "orderLineStatus", 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"orderShipment": {"orderLines": {"orderLine": []}}},
        {"orderShipment": {"orderLines": {"orderLine": {}}}},
        shipment("4"),
        shipment("0"),
        shipment("-1"),
        shipment("one"),
        shipment(1),
        shipment(methodCode="Rocket"),
        shipment(trackingNumber=""),
        shipment(shipDateTime="now"),
        shipment(carrierName={}),
        shipment(carrierName={"carrier": ""}),
        drop(shipment(), *LINE, "lineNumber"),
        drop(shipment(), *PART, "statusQuantity"),
        drop(shipment(), *PART, "statusQuantity", "unitOfMeasurement"),
        drop(shipment(), *PART, "trackingInfo"),
        drop(shipment(), *PART, "status"),
        drop(shipment(), *PART),
    ],
)
def test_bad_shipments_are_refused(server, body):
    server_refuses(server, f"/v3/orders/{three_pieces(server)}/shipping", body)


@pytest.mark.parametrize(
    "body",
    [
        shipment(),
        cancellation("4"),
        cancellation(reason="BORED"),
        drop(cancellation(), "orderCancellation", "orderLines"),
    ],
)
def test_bad_cancellations_are_refused(server, body):
    server_refuses(server, f"/v3/orders/{three_pieces(server)}/cancel", body)


@pytest.mark.parametrize(
    "body",
    [
        refund(1.0),
        refund(0),
        refund("-1"),
        refund(-1e6),
        refund(reason="Bored"),
        refund(purchaseOrderId="1"),
        {"orderRefund": {"orderLines": {"orderLine": [{"lineNumber": "2"}]}}},
    ],
)
def test_bad_refunds_are_refused(server, body):
    path = f"/v3/orders/{three_pieces(server)}"
    server.call("POST", f"{path}/shipping", json=shipment("3"))
    server_refuses(server, f"{path}/refund", body)


def test_a_body_that_is_no_json_is_refused(server):
    path = f"/v3/orders/{three_pieces(server)}/shipping"
    answer = server.call("POST", path, data=b"{", headers=JSON)
    assert answer.json()["errors"]["error"][0]["code"] == "MALFORMED_REQUEST_CONTENT.GMP_ORDER_API"
    assert (
        server.call("POST", path, data=b"{}", headers={"Content-Type": "application/xml"}).status_code == 415
    )


def test_only_shipped_lines_can_be_refunded_and_twice_is_twice(server):
    path = f"/v3/orders/{three_pieces(server)}"
    server_refuses(server, f"{path}/refund", refund())
    server.call("POST", f"{path}/shipping", json=shipment("3"))
    for _ in range(2):
        answer = server.call("POST", f"{path}/refund", json=refund(-0.5))
        assert answer.status_code == 200
    line = server.get(path)["order"]["orderLines"]["orderLine"][0]
    assert len(line["refund"]["refundCharges"]["refundCharge"]) == 2
    answer = server.call("POST", f"{path}/refund", json=refund(-0.5, full=True))
    assert statuses(answer.json()["order"]) == [[("Refund", "3")]]


def test_writes_are_limited(server):
    order_id = three_pieces(server)
    answer = server.call("POST", f"/v3/orders/{order_id}/acknowledge", headers=JSON)
    assert answer.headers["x-current-token-count"] == "59"
    assert server.call("GET", "/v3/orders").headers["x-current-token-count"] == "4999"


def test_a_quarter_of_a_million_orders_are_there_at_once(server):
    ids = seed(server, count=250_000, spacing=60)
    assert len(ids) == 10_000
    body = server.get("/v3/orders?limit=200", createdStartDate=utc(days=170), createdEndDate=utc(days=164))
    assert 8600 <= body["list"]["meta"]["totalCount"] <= 8700
    assert len(listed(body)) == 200
