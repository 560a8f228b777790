"""Walmart's error bodies in all their shapes, and what must never get out of one."""

from __future__ import annotations

import io
import json
import pickle
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest, Response

from airflow_provider_walmart.client import errors
from airflow_provider_walmart.client.errors import ErrorDetail, WalmartError
from airflow_provider_walmart.client.transport.error_bodies import error_details
from airflow_provider_walmart.client.transport.responses import decode_json, json_object, raise_for_status

TOKEN = "eyJ-the-token"
BASIC = "YW4taWQ6czNjcjN0LXNlY3JldA=="  # an-id:s3cr3t-secret
GUID = "0b2f6b1e-8d4e-4ef1-9d64-9d3e1cfdcb5f"


def answer(
    status=400, body=b"", *, method="GET", path="/v3/feeds?sku=private", headers=None, data=None
) -> Response:
    request = PreparedRequest()
    request.prepare(
        method=method,
        url=f"https://marketplace.walmartapis.com{path}",
        headers={
            "WM_SEC.ACCESS_TOKEN": TOKEN,
            "Authorization": f"Basic {BASIC}",
            "WM_QOS.CORRELATION_ID": GUID,
        },
        data=data,
    )
    response = Response()
    response.status_code = status
    response.request = request
    response.headers.update(headers or {})
    response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    return response


FULL = {
    "code": "UNAUTHORIZED.GMP_GATEWAY_API",
    "field": "UNAUTHORIZED",
    "description": "Unauthorized",
    "info": "Unauthorized token or incorrect authorization header.",
    "severity": "ERROR",
    "category": "DATA",
    "causes": [],
    "errorIdentifiers": {},
}
FULL_DETAIL = ErrorDetail("UNAUTHORIZED.GMP_GATEWAY_API", "UNAUTHORIZED", "Unauthorized")
SKU = {"code": "INVALID_SKU", "message": "SKU 'ABC' not found.", "field": "inventory[0].sku"}
SKU_DETAIL = ErrorDetail("INVALID_SKU", "inventory[0].sku", "SKU 'ABC' not found.")
XML = (
    '<?xml version="1.0"?><ns2:errors xmlns:ns2="http://walmart.com/"><ns2:error><ns2:code>A.B</ns2:code>'
    "<ns2:field>WM_SVC.ENV</ns2:field><ns2:description>set blank</ns2:description></ns2:error>"
    "<ns2:error><ns2:code>C</ns2:code></ns2:error></ns2:errors>"
)

SHAPES = {
    "error": ({"error": [FULL]}, [FULL_DETAIL]),
    "errors": ({"errors": [FULL]}, [FULL_DETAIL]),
    "errors.error": ({"errors": {"error": [FULL, SKU]}}, [FULL_DETAIL, SKU_DETAIL]),
    "errors.error, a single one": ({"errors": {"error": FULL}}, [FULL_DETAIL]),
    "errors, a single one": ({"errors": FULL}, [FULL_DETAIL]),
    "feed upload": ({"errors": [SKU]}, [SKU_DETAIL]),
    "bare": (FULL, [FULL_DETAIL]),
    "problem": (
        {
            "type": "https://marketplace.walmart.com/errors/invalid-date-range",
            "title": "Invalid date range",
            "status": 400,
            "detail": "The end is before the start.",
            "instance": "/v3/reports/reportRequests",
            "code": "REPORTS-400-001",
        },
        [ErrorDetail("REPORTS-400-001", "", "The end is before the start.")],
    ),
    "problem without detail": ({"title": "Not found", "status": 404}, [ErrorDetail("", "", "Not found")]),
    "payload": (
        {"status": "FAIL", "header": {}, "errors": [{"code": "400.WFS.100", "description": "No"}], "payload": {}},
        [ErrorDetail("400.WFS.100", "", "No")],
    ),
    "price": (
        {"statusCode": 400, "mart": "WALMART_US", "sku": "A", "message": "Price too low", "errors": None},
        [ErrorDetail("", "", "Price too low")],
    ),
    "oauth": (
        {"error": "invalid_grant", "error_description": "expired"},
        [ErrorDetail("invalid_grant", "", "expired")],
    ),
    "info when there is no description": (
        {"error": [{"code": "X", "description": None, "info": "why"}]},
        [ErrorDetail("X", "", "why")],
    ),
    "xml with a prefix": (
        XML.encode(),
        [ErrorDetail("A.B", "WM_SVC.ENV", "set blank"), ErrorDetail("C")],
    ),
    "xml without a prefix": (XML.replace("ns2:", "").encode(), [ErrorDetail("A.B", "WM_SVC.ENV", "set blank"), ErrorDetail("C")]),
    "html": (
        b"<html><head><title>\n 502 Bad\nGateway </title></head><body/></html>",
        [ErrorDetail("", "", "502 Bad Gateway")],
    ),
    "empty": (b"", []),
    "text": (b"upstream connect error", []),
    "null": (b"null", []),
    "no error in it": ({"payload": []}, []),
    "an empty list": ({"errors": []}, []),
    "numbers": ({"errors": [{"code": 17, "description": 3.5, "field": 1}]}, [ErrorDetail("17", "1", "3.5")]),
    "sentences": ({"errors": [None, "text", 1, []]}, [ErrorDetail("", "", "text")]),
    "other case": ({"ERROR": [{"errorCode": "X", "errorMessage": "why"}]}, [ErrorDetail("X", "", "why")]),
    "underscores": ({"error_code": "X", "error_message": "why"}, [ErrorDetail("X", "", "why")]),
    "fault": ({"fault": {"faultstring": "why", "detail": {"errorcode": "X"}}}, [ErrorDetail("", "", "why")]),
    "spring": ({"status": 500, "error": "Broken", "message": "why"}, [ErrorDetail("Broken", "", "why")]),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_body_shapes(shape):
    body, expected = SHAPES[shape]
    assert error_details(answer(body=body)) == expected


def test_the_name_of_a_code_is_the_part_before_the_dot():
    assert FULL_DETAIL.name == "UNAUTHORIZED"
    assert ErrorDetail("PLAIN").name == "PLAIN"


CLASSES = [
    (400, errors.WalmartRequestError, True),
    (401, errors.WalmartAuthError, True),
    (403, errors.WalmartPermissionError, True),
    (404, errors.WalmartNotFoundError, False),
    (405, errors.WalmartRequestError, True),
    (406, errors.WalmartRequestError, True),
    (409, errors.WalmartRequestError, False),
    (413, errors.WalmartRequestError, True),
    (415, errors.WalmartRequestError, True),
    (422, errors.WalmartRequestError, True),
    (423, errors.WalmartRequestError, False),
    (429, errors.WalmartRateLimitError, False),
    (301, errors.WalmartRequestError, False),
    (500, errors.WalmartServerError, False),
    (502, errors.WalmartServerError, False),
    (503, errors.WalmartServerError, False),
    (504, errors.WalmartServerError, False),
    (520, errors.WalmartServerError, False),
]


@pytest.mark.parametrize(("status", "kind", "is_final"), CLASSES)
@pytest.mark.parametrize("shape", ["error", "xml with a prefix", "html", "empty"])
def test_the_class_of_each_status_and_what_it_knows(status, kind, is_final, shape):
    body, details = SHAPES[shape]
    with pytest.raises(WalmartError) as raised:
        raise_for_status(answer(status, body))
    error = raised.value
    assert type(error) is kind
    # A read that is called wrong without a reason may be right.
    assert error.is_final is (is_final and (status, shape) != (400, "empty"))
    assert (error.status, error.method, error.path) == (status, "GET", "/v3/feeds")
    assert error.correlation_id == GUID
    assert list(error.details) == details
    assert error.codes == tuple(detail.code for detail in details if detail.code)
    text = str(error)
    assert str(status) in text
    assert "private" not in text  # the query
    for detail in details:
        assert detail.code in text
        assert detail.description in text


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_success_is_quiet(status):
    raise_for_status(answer(status, {"errors": [FULL]}))


def test_an_old_servers_400_for_a_bad_token_is_an_auth_error():
    with pytest.raises(errors.WalmartAuthError, match="different environments"):
        raise_for_status(answer(400, {"error": [{"code": "INVALID_TOKEN.GMP_GATEWAY_API"}]}))


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "UNAUTHORIZED.GMP_GATEWAY_API", "different environments"),
        (403, "FORBIDDEN.GMP_GATEWAY_API", "no permission"),
        (400, "INVALID_REQUEST_HEADER.GMP_ORDER_API", "WM_ header"),
        (423, "RESOURCE_IS_LOCKED.GMP_RECEIVER_API", "an hour"),
        (302, "", "base URL"),
    ],
)
def test_hints_say_what_to_do(status, code, hint):
    with pytest.raises(WalmartError) as raised:
        raise_for_status(answer(status, {"error": [{"code": code, "description": "d"}]}))
    assert hint in raised.value.hint
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("said", "splits"),
    [
        ("The search matches more than 10000 orders.", True),
        ("Result set exceeds 10,000 records", True),
        ("More than 20,000 orders match", True),
        ("offset must not exceed 10,000", False),
        ("At most 10,000 items per feed", False),
        ("Invalid date range", False),
    ],
)
def test_a_search_that_finds_too_much_is_to_be_split(said, splits):
    with pytest.raises(WalmartError) as raised:
        raise_for_status(answer(400, {"error": [{"code": "INVALID_REQUEST_PARAM", "description": said}]}))
    assert ("paginate_windows" in str(raised.value)) is splits


def test_a_write_that_met_a_5xx_may_have_happened():
    with pytest.raises(errors.WalmartServerError, match="may have happened"):
        raise_for_status(answer(500, method="POST"))


def test_a_429_knows_when_to_come_back():
    later = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(minutes=5)
    named = str(int(later.timestamp() * 1000))
    with pytest.raises(errors.WalmartRateLimitError) as raised:
        raise_for_status(answer(429, headers={"X-Next-Replenishment-Time": named}))
    assert raised.value.retry_at == later
    assert later.isoformat() in str(raised.value)


def test_a_429_that_names_no_time():
    with pytest.raises(errors.WalmartRateLimitError) as raised:
        raise_for_status(answer(429))
    assert raised.value.retry_at is None


FORM = {
    "grant_type": "refresh_token",
    "refresh_token": "the refresh/token+",
    "code": "the-code=",
    "redirect_uri": "https://example.com/",
}


@pytest.mark.parametrize("secret", [TOKEN, BASIC, "s3cr3t-secret", FORM["refresh_token"], FORM["code"]])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda secret: json.dumps({"error": [{"code": f"c-{secret}", "field": secret, "info": f"bad {secret}"}]}).encode(),
        lambda secret: json.dumps({"title": "t", "detail": f"header was Basic {secret}!"}).encode(),
        lambda secret: json.dumps({"error": secret, "error_description": secret}).encode(),
        lambda secret: f"<error><code>{secret}</code><description>{secret}</description></error>".encode(),
        lambda secret: f"<title>{secret}</title>".encode(),
    ],
)  # fmt: skip
def test_an_echoed_secret_is_redacted(secret, wrap):
    response = answer(401, wrap(secret), method="POST", path="/v3/token", data=FORM)
    with pytest.raises(WalmartError) as raised:
        raise_for_status(response)
    everything = f"{raised.value} {vars(raised.value)} {raised.value!r}"
    assert "***" in everything
    assert secret not in everything


def test_a_secret_is_redacted_before_a_long_text_is_cut():
    body = {"error": [{"code": "X", "description": "x" * 295 + TOKEN}]}
    (detail,) = error_details(answer(body=body))
    assert "eyJ" not in detail.description


def test_long_texts_and_long_lists_are_cut():
    body = {"errors": [{"code": str(n), "description": "x" * 1000} for n in range(200)]}
    with pytest.raises(WalmartError) as raised:
        raise_for_status(answer(body=body))
    assert len(raised.value.details) == 50
    assert len(str(raised.value)) < 2500
    assert "and 45 more" in str(raised.value)


def test_errors_survive_pickling():
    # Airflow hands exceptions from process to process.
    with pytest.raises(errors.WalmartRateLimitError) as raised:
        raise_for_status(answer(429, {"error": [FULL]}, headers={"Retry-After": "60"}))
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (type(copy), str(copy), copy.retry_at) == (
        type(raised.value),
        str(raised.value),
        raised.value.retry_at,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"<title" * 20_000,
        b"<title>" * 20_000,
        b"<" + b"a" * 100_000,
        b"</error>" * 20_000,
        b"<code>" * 20_000,
        b"[" * 100_000,
        b'{"error":' * 50_000,
        b"\xff\xfe\x00" * 1000,
        b"1" * 60_000,
    ],
)
def test_poisonous_bodies_do_no_harm(body):
    with pytest.raises(errors.WalmartServerError, match="answered 500"):
        raise_for_status(answer(500, body))


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b"<html/>", b"\xff", b"nul", b"1" * 10_000])
def test_a_200_that_is_no_json(body):
    with pytest.raises(errors.WalmartServerError, match="not JSON") as raised:
        decode_json(answer(200, body, headers={"Content-Type": "text/html; charset=x"}))
    assert "text/html" in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"1", b"true"])
def test_a_200_that_is_no_object(body):
    with pytest.raises(errors.WalmartServerError, match="in place of a JSON object"):
        json_object(answer(200, body))


def test_204_and_an_empty_body_are_nothing():
    assert decode_json(answer(204)) is None
    assert decode_json(answer(200, b"")) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["error", "errors", "code", "field", "description", "message", "detail", "title", "info"]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    body=st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()),
    status=st.integers(100, 599),
)
def test_whatever_the_body_is_the_error_is_ours(body, status):
    response = answer(status, body, headers={"Retry-After": "1"})
    try:
        raise_for_status(response)
        json_object(response)
    except WalmartError as error:
        assert str(error)  # noqa: PT017 - fine without an error as well
