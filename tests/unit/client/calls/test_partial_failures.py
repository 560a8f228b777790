"""Writes that failed inside a 200, in every form that it documents, and those that it did."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.calls.partial_failures import HINT_PART, partial_failure_in
from airflow_provider_walmart.client.errors import ErrorDetail
from airflow_provider_walmart.client.transport.hints import HINT_WRITE
from airflow_provider_walmart.client.values.redaction import Redactor

WHOLE = "refused the request"
PART = "refused part of the request, and did the rest"
SOME = "refused the request or part of it"
ERROR = {"code": "X.Y", "description": "no such SKU", "severity": "ERROR"}


def failure(answer):
    return partial_failure_in(answer)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (
            {"statusCode": 400, "mart": "WALMART_US", "message": "Price rejected", "errors": None},
            ErrorDetail(description="statusCode 400: Price rejected"),
        ),
        ({"statusCode": "404"}, ErrorDetail(description="statusCode 404")),
        ({"status": "FAIL", "errors": None, "payload": None}, ErrorDetail(description="status FAIL")),
        ({"status": "Fail", "header": {}, "errors": []}, ErrorDetail(description="status FAIL")),
        ({"status": "BAD_REQUEST"}, ErrorDetail(description="status BAD_REQUEST")),
        ({"status": "ERROR", "payload": {}}, ErrorDetail(description="status ERROR")),
        (
            {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "no such SKU"},
            ErrorDetail(description="status 400: no such SKU"),
        ),
        (
            {"success": False, "message": "No such item"},
            ErrorDetail(description="success false: No such item"),
        ),
        ({"status": "FAIL", "errors": [ERROR]}, ErrorDetail("X.Y", "", "no such SKU")),
        ({"statusCode": 400, "errors": [ERROR]}, ErrorDetail("X.Y", "", "no such SKU")),
        (
            {
                "payload": {
                    "failure": {"items": [{"itemId": "7", "errorCode": "4.I", "errorDescription": "bad"}]}
                }
            },
            ErrorDetail("4.I", "itemId 7", "bad"),
        ),
        *(
            (
                {"nodes": [{"shipNode": "2", "status": status}]},
                ErrorDetail("", "shipNode 2", f"status {status}"),
            )
            for status in ("Failure", "FAIL", "Failed", "ERROR", "INVALID", "Not Updated")
        ),
    ],
)
def test_a_request_that_was_refused_as_a_whole(answer, detail):
    assert failure(answer) == (WHOLE, [detail], None)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        *(
            (
                {"nodes": [{"shipNode": "1", "status": done}, {"shipNode": "2", **refused}]},
                ErrorDetail(code, "shipNode 2", description),
            )
            for done in ("Success", "SUCCESS", None)
            for refused, code, description in (
                ({"status": "FAIL"}, "", "status FAIL"),
                ({"status": "INVALID", "errors": []}, "", "status INVALID"),
                ({"status": "Not Updated"}, "", "status Not Updated"),
                ({"status": "Failure", "errors": [{**ERROR, "severity": "WARN"}]}, "", "status Failure"),
                ({"status": "Success", "errors": [ERROR]}, "X.Y", "no such SKU"),
            )
        ),
        (
            {
                "statusCode": 200,
                "payload": {
                    "success": {"items": [{"itemId": "6"}]},
                    "failure": {"items": [{"itemId": "7", "errorCode": "4.I", "errorDescription": "bad"}]},
                },
            },
            ErrorDetail("4.I", "itemId 7", "bad"),
        ),
        ({"status": "PARTIAL_SUCCESS"}, ErrorDetail(description="status PARTIAL_SUCCESS")),
    ],
)
def test_a_request_of_which_the_rest_was_done(answer, detail):
    assert failure(answer) == (PART, [detail], HINT_PART)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ({"error": [{"code": "X"}]}, ErrorDetail("X")),
        ({"statusCode": 503}, ErrorDetail(description="statusCode 503")),
        ({"status": "GATEWAY_TIMEOUT"}, ErrorDetail(description="status GATEWAY_TIMEOUT")),
        ({"error": {"code": "X"}}, ErrorDetail("X")),
        ({"error": "rejected"}, ErrorDetail(description="rejected")),
        ({"errors": {"error": [ERROR]}}, ErrorDetail("X.Y", "", "no such SKU")),
        ({"feedId": "F@1", "errors": [ERROR]}, ErrorDetail("X.Y", "", "no such SKU")),
        ({"status": "OK", "errors": [ERROR]}, ErrorDetail("X.Y", "", "no such SKU")),
    ],
)
def test_what_does_not_tell_how_much_was_refused(answer, detail):
    assert failure(answer) == (SOME, [detail], HINT_WRITE)


@pytest.mark.parametrize(
    "answer",
    [
        *({"status": status} for status in ("OK", "SUCCESS", "Success", "CREATED", "ACCEPTED", "NO_CONTENT")),
        *({"status": status} for status in ("ACKNOWLEDGED", "CANCELLED", "ACTIVE", "INACTIVE", None, "", 200)),
        {"status": "OK", "header": {"headerAttributes": {}}, "errors": [], "payload": {"feedId": "F@1"}},
        {"statusCode": 200, "mart": "WALMART_US", "sku": "A", "message": "Thank you.", "errors": None},
        {"statusCode": 200, "payload": {"success": {"items": [{"itemId": "7"}]}}},
        {"statusCode": 200, "payload": {"success": {"items": []}, "failure": {"items": None}}},
        {"success": True, "message": "Item successfully updated."},
        {"error": None, "errors": {}},
        {"nodes": [{"shipNode": "1", "status": "Success"}, {"shipNode": "2", "status": "success", "errors": None}]},
        # The status of a thing is not that of the request.
        {"shipNode": "1", "shipNodeName": "North", "status": "INACTIVE"},
        {"templates": [{"shipNode": "1", "status": "INACTIVE"}]},
        {"order": {"shipNode": {"type": "SellerFulfilled"}, "status": "ERROR"}},
        {"feedStatus": "ERROR", "itemsFailed": 1},
        {"message": "Deleted", "code": 400},
        [{"shipNode": "1", "status": "FAIL"}],
        "text",
        None,
    ],
)  # fmt: skip
def test_a_request_that_was_done(answer):
    assert failure(answer) is None


def test_what_the_answer_echoes_of_a_secret_is_redacted():
    redactor = Redactor({"WM_SEC.ACCESS_TOKEN": "hush"}, None, "/v3/items")
    refused = partial_failure_in({"statusCode": 400, "message": "not hush"}, redactor)
    assert refused.details == [ErrorDetail(description="statusCode 400: not ***")]
