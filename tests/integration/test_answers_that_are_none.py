"""A success that is none: whatever stands in place of a file or an object is an error that may pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.api import WalmartApiOperator
from tests.helpers.wire import http, token

ERROR = {"code": "SYSTEM_ERROR.X ", "description": "down", "severity": "ERROR"}
ANY, JSON, PDF = "application/octet-stream", "application/json", "application/pdf"
ZIP = b"PK\x03\x04 and so on"


@pytest.fixture
def answer(wire, monkeypatch):
    """Return a function that says what every call but that for a token is answered with."""
    said: list[bytes] = []
    server = wire(lambda request: token() if request.path == "/v3/token" else said[-1])
    connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(connection))

    def say(body: Any, kind: str) -> None:
        said.append(http(200, body, Content_Type=kind))

    return say


FILES = {
    "page": (b"\n<!-- x -->\n<html><body>Sign in</body></html>", ANY, "web page"),
    "page in capitals": (b"<HTML><BODY>Sign in", ANY, "web page"),
    "body of a page": (b"<body><h1>Maintenance</h1></body>", ANY, "web page"),
    "page by its type": (b"Maintenance", "text/html; charset=utf-8", "web page"),
    "errors": ({"errors": [ERROR]}, ANY, "JSON in place of a file: SYSTEM_ERROR.X: down"),
    "errors with a mark": (b"\xef\xbb\xbf" + json.dumps({"error": ERROR}).encode(), ANY, "JSON"),
    "list of errors": ([ERROR], ANY, "JSON in place of a file: SYSTEM_ERROR.X: down"),
    "text": (json.dumps("down for maintenance").encode(), JSON, "JSON in place of a file"),
    "null": (b"null", JSON, "JSON in place of a file"),
    "no error": ({"status": "OK"}, JSON, "JSON in place of a file"),
}


@pytest.mark.parametrize(("body", "kind", "said"), FILES.values(), ids=FILES)
def test_what_stands_in_place_of_a_file_is_an_error(body, kind, said, answer, tmp_path):
    answer(body, kind)
    params, path = {"reportDate": "07282026"}, tmp_path / "report.zip"
    made = WalmartApiOperator(
        task_id="a_task", operation="getReconReportV1", api_params=params, output_path=str(path)
    )
    for read in (lambda: made.execute({}), lambda: WalmartHook().call("getReconReportV1", **params)):
        with pytest.raises(
            WalmartServerError, match=f"answered 200 to getReconReportV1 with .*{said}"
        ) as caught:
            read()
        assert not caught.value.is_final
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [PDF, "text/plain"])
def test_a_text_in_place_of_a_pdf_file_is_an_error(kind, answer):
    answer(b"Come back later", kind)
    with pytest.raises(WalmartServerError, match="something else in place of a PDF file"):
        WalmartHook().call(
            "printBillOfLading", shipmentId="1", mode="LTL", WM_GLOBAL_VERSION="3.1", WM_MARKET="US"
        )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (ZIP, ANY),
        (ZIP, "text/plain"),
        (b"[a],b\n1,2\n", "text/csv"),
        (b'"a","b"\n', "text/plain"),
        (b"5", ANY),
    ],
)
def test_a_file_is_taken_as_it_is(body, kind, answer):
    answer(body, kind)
    assert WalmartHook().call("getReconReportV1", reportDate="07282026") == body


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"Service Unavailable", "text/plain", "an outage"),
        (b"502 Bad Gateway\n", ANY, "an outage"),
        (b"<ns:errorResponse xmlns:ns='x'><ns:code>X</ns:code></ns:errorResponse>", "text/plain", "errors"),
    ],
)
def test_an_outage_is_no_file(body, kind, said, answer):
    answer(body, kind)
    with pytest.raises(WalmartServerError, match=f"{said} in place of a file"):
        WalmartHook().call("getFeedErrorReport", feedId="A", feedType="FITMENT_ACES")


READS = {
    "text": ("down", "a text in place of an object"),
    "null": (None, "null in place of an object"),
    "number": (5, "a bare value in place of an object"),
    "true": (True, "a bare value in place of an object"),
    "list of errors": ([ERROR, ERROR], "nothing but errors"),
    "status with blanks": ({"status": "fail "}, "nothing but errors"),
}


@pytest.mark.parametrize(("body", "said"), READS.values(), ids=READS)
def test_what_stands_in_place_of_an_object_is_an_error(body, said, answer):
    answer(json.dumps(body).encode(), JSON)
    for operation, params in (("getInventory", {"sku": "A"}), ("getAnOrder", {"purchaseOrderId": "1"})):
        with pytest.raises(WalmartServerError, match=f"answered 200 to {operation} with {said}") as caught:
            WalmartHook().call(operation, **params)
        assert not caught.value.is_final


def test_a_list_of_codes_may_be_what_was_asked_for(answer):
    found = [{"code": "2038710", "description": "Sales tax"}]
    answer(json.dumps(found).encode(), JSON)
    assert WalmartHook().call("getInventory", sku="A") == found
