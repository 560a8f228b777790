"""Whatever is sent, the sandbox answers, and never with a breakdown of its own."""

import socket
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ENDPOINTS = [
    ("POST", "/v3/token", ["grant_type"]),
    ("GET", "/v3/token/detail", []),
    ("POST", "/v3/feeds", ["feedType", "shipNode"]),
    ("GET", "/v3/feeds", ["feedId", "offset", "limit"]),
    ("GET", "/v3/feeds/{}", ["includeDetails", "offset", "limit"]),
    ("GET", "/v3/feeds/{}/errorReport", ["feedType"]),
    ("GET", "/v3/orders", ["createdStartDate", "createdEndDate", "sku", "purchaseOrderId", "limit", "hasMoreElements", "poIndex"]),
    ("GET", "/v3/orders/released", ["createdStartDate", "limit"]),
    ("GET", "/v3/orders/{}", ["productInfo"]),
    ("POST", "/v3/orders/{}/shipping", []),
    ("POST", "/v3/orders/{}/cancel", []),
    ("POST", "/v3/orders/{}/refund", []),
    ("GET", "/v3/orders/cursor", ["statusCodeFilter", "cursorMark"]),
    ("GET", "/v3/returns", ["offset", "limit", "returnCreationStartDate", "returnCreationEndDate"]),
    ("POST", "/v3/returns/{}/refund", []),
    ("GET", "/v3/inventory", ["sku", "shipNode"]),
    ("PUT", "/v3/inventory", ["sku", "shipNode"]),
    ("GET", "/v3/inventories", ["limit", "nextCursor"]),
    ("GET", "/v3/inventories/{}", ["shipNode"]),
    ("PUT", "/v3/inventories/{}", []),
    ("GET", "/v3/wfs/inventory", ["sku", "limit", "offset"]),
    ("PUT", "/v3/price", ["promo"]),
    ("GET", "/v3/promo/sku/{}", []),
    ("GET", "/v3/lagtime", ["sku"]),
    ("GET", "/v3/items", ["nextCursor", "offset", "limit", "sku", "gtin"]),
    ("GET", "/v3/items/{}", ["productIdType"]),
    ("DELETE", "/v3/items/{}", []),
    ("POST", "/v3/items/catalog/search", ["page", "limit", "nextCursor"]),
    ("POST", "/v3/insights/items/listingQuality/items", ["nextCursor"]),
    ("POST", "/v3/growth/reviews-accelerator/items", ["scrollId"]),
    ("GET", "/v3/reports/reportRequests", ["reportType", "page"]),
    ("POST", "/v3/reports/reportRequests", ["reportType", "reportVersion"]),
    ("GET", "/v3/report/reconreport/reconFileJson", ["reportDate", "offset", "noOfRecords"]),
    ("PATCH", "/v3/webhooks/subscriptions/{}", []),
    ("POST", "/v3/reports/schedules", ["reportType", "reportVersion"]),
    ("POST", "/_sandbox/seed", []),
    ("POST", "/_sandbox/clock", []),
    ("POST", "/_sandbox/settings", []),
    ("GET", "/_sandbox/requests", ["path"]),
]  # fmt: skip

KNOWN = st.sampled_from(
    ["", "0", "1", "-1", "10", "1e9", "true", "*", "ITEM", "v1", "inventory", "SKU-000001", "108900000000001", "2026-01-01",
     "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0000-00-00", "\u0661", "a/b", "%", "\x00", "AoIFQC8 -1", "9" * 40, "9" * 5000, "SKU-" + "9" * 5000]
)  # fmt: skip
TEXT = KNOWN | st.text(max_size=12).filter(
    lambda text: not any("\ud800" <= char <= "\udfff" for char in text)
)
JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["sku", "quantity", "amount", "orderShipment", "orderRefund", "orderLines", "orderLine", "lineNumber", "pricing",
                         "inventories", "nodes", "events", "query", "filter", "advance", "orders", "feeds", "limits", "scopes"]),
        inner, max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(shared_server):
    shared_server.reset()
    shared_server.control("POST", "settings", {"limits": False})
    shared_server.control(
        "POST",
        "seed",
        {"orders": {"count": 3, "age": 1}, "returns": 3, "items": 3, "inventories": 3, "settlements": 3},
    )
    shared_server.control("POST", "seed", {"orders": {"count": 1, "status": "Shipped"}})
    return shared_server


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_input_breaks_it(shop, data):
    method, path, names = data.draw(st.sampled_from(ENDPOINTS))
    path = path.replace("{}", quote(data.draw(TEXT), safe="") or "%20")
    params = {name: data.draw(TEXT) for name in names if data.draw(st.booleans())}
    options = {}
    if method in ("POST", "PUT", "PATCH"):
        if data.draw(st.booleans()):
            options["json"] = data.draw(JSON_VALUE)
        else:
            options = {
                "data": data.draw(st.binary(max_size=30)),
                "headers": {"Content-Type": "application/json"},
            }
    shop._token = ""
    shop.control("POST", "settings", {"limits": False, "scopes": {}, "token_life": 900})
    answer = shop.call(method, path, params=params, **options)
    assert answer.status_code < 500, (method, path, params, options, answer.text)
    if answer.status_code >= 400:
        assert answer.json()


QUANTITY = {"unitOfMeasurement": "EACH", "amount": "1"}
TRACKING = {
    "shipDateTime": 1,
    "carrierName": {"carrier": "UPS"},
    "methodCode": "Value",
    "trackingNumber": "1",
}
SHIPPED = {"status": "Shipped", "statusQuantity": QUANTITY, "trackingInfo": TRACKING}
CANCELLED = {
    "status": "Cancelled",
    "cancellationReason": "SELLER_CANCEL_PRICING_ERROR",
    "statusQuantity": QUANTITY,
}
CHARGE = {"chargeType": "A", "chargeName": "B", "chargeAmount": {"currency": "USD", "amount": -0.01}}
REFUND = {"refund": [{"refundCharges": {"refundCharge": [{"refundReason": "Others", "charge": CHARGE}]}}]}
EVENT = {
    "eventType": "PO_CREATED",
    "eventVersion": "V1",
    "resourceName": "ORDER",
    "eventUrl": "https://a.example",
}


def lines(root, **line):
    return {root: {"orderLines": {"orderLine": [{"lineNumber": "1", **line}]}}}


WRITES = [
    ("/v3/orders/108900000000001/shipping", "POST", lines("orderShipment", orderLineStatuses={"orderLineStatus": [SHIPPED]})),
    ("/v3/orders/108900000000002/cancel", "POST", lines("orderCancellation", orderLineStatuses={"orderLineStatus": [CANCELLED]})),
    ("/v3/orders/108900000000004/refund", "POST", lines("orderRefund", isFullRefund=False, refunds=REFUND)),
    ("/v3/returns/103738048000000001/refund", "POST", {"customerOrderId": "200012000000001", "refundLines": [{"returnOrderLineNumber": 1}]}),
    ("/v3/inventories/SKU-000001", "PUT", {"inventories": {"nodes": [{"shipNode": "10000005050", "inputQty": {"unit": "EACH", "amount": 1}}]}}),
    ("/v3/inventory?sku=SKU-000001", "PUT", {"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": 1}}),
    ("/v3/price?promo=true", "PUT", {"sku": "SKU-000001", "pricing": [{"currentPriceType": "BASE", "currentPrice": {"amount": 1, "currency": "USD"}, "effectiveDate": "2030-01-01", "expirationDate": "2030-01-02"}]}),
    ("/v3/feeds?feedType=inventory", "POST", {"Inventory": [{"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": 1}}]}),
    ("/v3/feeds?feedType=MP_INVENTORY", "POST", {"inventory": [{"sku": "A", "shipNodes": [{"shipNode": "1", "quantity": {"amount": 1}}]}]}),
    ("/v3/feeds?feedType=price", "POST", {"Price": [{"sku": "A", "pricing": [{"currentPrice": {"currency": "USD", "amount": 1}}]}]}),
    ("/v3/feeds?feedType=PRICE_AND_PROMOTION", "POST", {"MPItem": [{"Promo&Discount": {"sku": "A", "price": 1.25}}]}),
    ("/v3/reports/reportRequests?reportType=ITEM&reportVersion=v4", "POST", {"excludeColumns": ["a"], "dataStartTime": "2024-01-01T00:00:00Z"}),
    ("/v3/reports/schedules?reportType=ITEM", "POST", {"frequency": "YEARLY", "repeatsEvery": 1, "hour": 3, "dayOfMonth": 30, "monthOfYear": 2, "scheduleStartDate": "2100-01-01"}),
    ("/v3/webhooks/subscriptions", "POST", {"events": [EVENT]}),
    ("/v3/items/catalog/search", "POST", {"query": {"field": "sku", "value": "1"}, "filters": [{"field": "publishedStatus", "op": "equals", "values": ["PUBLISHED"]}]}),
    ("/_sandbox/seed", "POST", {"feeds": [{"items": [{"sku": "A"}], "failed": [{"index": 1}]}], "orders": {"count": 1}, "items": ["A"]}),
    ("/_sandbox/faults", "POST", [{"path": "/never", "status": 500, "headers": {"a": "b"}}]),
]  # fmt: skip


def spoil(data, value):
    """The value with one thing in it replaced by something else."""
    if isinstance(value, (dict, list)) and value and data.draw(st.integers(0, 5)):
        copy = dict(value) if isinstance(value, dict) else list(value)
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        copy[key] = spoil(data, value[key])
        return copy
    return data.draw(JSON_VALUE)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_almost_right_write_breaks_it_or_what_is_read_afterwards(shop, data):
    path, method, body = data.draw(st.sampled_from(WRITES))
    body = spoil(data, body)
    shop._token = ""
    answer = shop.call(method, path, json=body)
    shop.control("DELETE", "faults")
    assert answer.status_code < 500, (path, body, answer.text)
    shop.control("POST", "clock", {"advance": 5})
    for reading in (
        "/v3/orders?shipNodeType=SellerFulfilled",
        "/v3/returns",
        "/v3/feeds",
        "/v3/inventories",
        "/v3/items/SKU-000001",
        "/v3/promo/sku/SKU-000001",
        "/v3/reports/schedules?reportType=ITEM",
        "/v3/webhooks/subscriptions",
    ):
        assert shop.call("GET", reading).status_code == 200, (path, body, reading)


def raw(shop, request):
    """What comes back for bytes that no ordinary client would send."""
    url = urlsplit(shop.url)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /v3/feeds/%FF%FE HTTP/1.1",
        b"GET /v3/feeds/% HTTP/1.1",
        b"GET /v3/feeds/%zz HTTP/1.1",
        b"GET /v3/feeds?limit=%FF HTTP/1.1",
        b"GET /v3/feeds/../../etc/passwd HTTP/1.1",
        b"GET /v3/feeds;x=1 HTTP/1.1",
    ],
)
@pytest.mark.parametrize("token", [b"none", b"\xff\xfe", b"x" * 20_000])
def test_odd_paths_and_headers(shop, request_line, token):
    headers = b"\r\nHost: x\r\nWM_SVC.NAME: \xe9\r\nWM_QOS.CORRELATION_ID: 1\r\nWM_SEC.ACCESS_TOKEN: " + token
    answer = raw(shop, request_line + headers + b"\r\nAccept: application/json\r\nConnection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 404"))


@pytest.mark.parametrize(
    "request_bytes", [b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"]
)
def test_what_is_not_http_is_turned_away_and_the_next_caller_served(shop, request_bytes):
    assert not raw(shop, request_bytes + b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    shop._token = ""
    assert shop.get("/v3/token/detail")["is_valid"] is True


def test_a_caller_who_leaves_early_does_no_harm(shop):
    url = urlsplit(shop.url)
    for _ in range(5):
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(
                b"POST /v3/feeds?feedType=x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{"
            )
    shop._token = ""
    assert shop.get("/v3/token/detail")["is_valid"] is True
