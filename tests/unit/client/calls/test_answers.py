"""What an answer means beyond its JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from requests import PreparedRequest, Response

from airflow_provider_walmart.client.calls.answers import parse_answer
from airflow_provider_walmart.client.calls.partial_failures import check_page, embedded_errors
from airflow_provider_walmart.client.catalogue.operations import all_operations, find
from airflow_provider_walmart.client.errors import ErrorDetail, WalmartRequestError, WalmartServerError
from airflow_provider_walmart.client.transport.hints import HINT_WRITE

WRITE = find("updateMultiNodeInventory")
READ = find("getMultiNodeInventoryForSkuAndAllShipnodes")
FILE = find("getReconReport")
ERROR = {"code": "X.Y", "field": "sku", "description": "no such SKU", "severity": "ERROR"}
DETAIL = ErrorDetail("X.Y", "sku", "no such SKU")


def response(body=b"", status=200, kind="application/json;charset=UTF-8") -> Response:
    made = Response()
    made.status_code = status
    made.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    if kind:
        made.headers["Content-Type"] = kind
    made.request = PreparedRequest()
    made.request.prepare(method="PUT", url="https://marketplace.walmartapis.com/v3/inventories/a?sku=b")
    return made


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        (READ, response({"sku": "a"}), {"sku": "a"}),
        (READ, response({"sku": "a"}, kind="text/plain"), {"sku": "a"}),
        (READ, response({"sku": "a"}, kind=""), {"sku": "a"}),
        (READ, response([1, 2]), [1, 2]),
        (WRITE, response(b""), None),
        (READ, response({"sku": "a"}, status=204), None),
        (READ, response({"sku": "a"}, status=206), {"sku": "a"}),
        (FILE, response(b"PK\x03\x04", kind="application/octet-stream"), b"PK\x03\x04"),
        (FILE, response(b"PK\x03\x04", kind=""), b"PK\x03\x04"),
        (find("ca.getAllItems"), response(b"<items/>", kind="application/xml"), b"<items/>"),
    ],
)
def test_what_comes_out_follows_from_what_came_and_what_was_to_be_expected(operation, given, expected):
    assert parse_answer(operation, given) == expected


def test_a_read_that_is_answered_with_nothing_is_an_error():
    with pytest.raises(WalmartServerError, match="200 with no body"):
        parse_answer(READ, response(b""))


@pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff\xfe"])
def test_json_that_is_none_is_an_error(body):
    with pytest.raises(WalmartServerError, match="not JSON"):
        parse_answer(READ, response(body))


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": [ERROR]},
        {"errors": {"error": [ERROR]}},
        {"errors": ERROR},
        {"payload": {"errors": [ERROR]}},
        {"nodes": [{"status": "Success"}, {"errors": [ERROR]}]},
        {"errors": [{**ERROR, "severity": "WARN"}, ERROR]},
    ],
)
def test_errors_are_found_wherever_walmart_puts_them(answer):
    assert embedded_errors(answer) == [DETAIL]
    with pytest.raises(WalmartRequestError) as caught:
        parse_answer(WRITE, response(answer))
    assert caught.value.details == (DETAIL,)
    assert caught.value.is_final


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"errors": [ERROR]}, ErrorDetail("X.Y", "sku, shipNode 2", "no such SKU")),
        ({"errors": [{**ERROR, "field": "shipNode"}]}, ErrorDetail("X.Y", "shipNode 2", "no such SKU")),
        ({"errors": [{"code": "X"}], "status": "Failure"}, ErrorDetail("X", "shipNode 2", "")),
        ({"status": "Failure"}, ErrorDetail("", "shipNode 2", "status Failure")),
        ({"status": "FAILED", "errors": []}, ErrorDetail("", "shipNode 2", "status FAILED")),
    ],
)
def test_a_node_whose_stock_was_not_set_is_named(node, expected):
    answer = {"nodes": [{"shipNode": "1", "status": "Success"}, {"shipNode": "2", **node}]}
    assert embedded_errors(answer) == [expected]
    with pytest.raises(WalmartRequestError, match="shipNode 2"):
        parse_answer(WRITE, response(answer))


@pytest.mark.parametrize("status", [200, 201, 202, 207])
def test_a_write_that_was_refused_is_not_tried_again(status):
    with pytest.raises(
        WalmartRequestError, match=f"answered {status}, but refused the request: status FAIL"
    ) as caught:
        parse_answer(WRITE, response({"status": "FAIL", "errors": None, "payload": None}, status=status))
    assert caught.value.is_final


def test_nodes_that_were_set_are_no_error():
    answer = {
        "nodes": [
            {"shipNode": "1", "status": "Success"},
            {"shipNode": "2"},
            {"shipNode": "3", "status": None},
        ]
    }
    assert parse_answer(WRITE, response(answer)) == answer


def test_errors_that_are_plain_sentences_are_errors_too():
    assert embedded_errors({"errors": ["no such SKU"]}) == [ErrorDetail("", "", "no such SKU")]


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": None},
        {"errors": []},
        {"errors": {}},
        {"errors": {"error": []}},
        {"errors": [{**ERROR, "severity": "INFO"}, {**ERROR, "severity": "WARN"}]},
        {"nodes": [{"errors": None}, "text", None]},
        {"nodes": None, "payload": {"errors": None}},
        [ERROR],
    ],
)
def test_a_write_that_was_done_is_no_error(answer):
    assert parse_answer(WRITE, response(answer)) == answer


def test_a_read_with_errors_is_unwrapped_like_any_other(caplog):
    order = {"purchaseOrderId": "1"}
    given = response({"order": order, "errors": [ERROR]})
    assert parse_answer(find("getAnOrder"), given) == order
    assert "getAnOrder answered with errors beside its records: X.Y: no such SKU (sku)" in caplog.text


def test_a_single_record_of_a_list_is_not_taken_for_a_wrapper():
    # JSON made from XML has no list around a single one.
    page = {"meta": {"totalCount": 1}, "order": {"purchaseOrderId": "1"}}
    assert parse_answer(find("mx.getAllOrders"), response(page)) == page


def test_an_error_inside_a_200_names_the_call_and_nothing_secret():
    with pytest.raises(WalmartRequestError) as caught:
        parse_answer(WRITE, response({"errors": [ERROR]}))
    assert str(caught.value) == (
        "PUT /v3/inventories/a answered 200, but refused the request or part of it: X.Y: no such SKU (sku) "
        f"Hint: {HINT_WRITE}"
    )


# -- lists -----------------------------------------------------------------------------------------------


LISTS = [operation for operation in all_operations() if operation.paging]


def put(path: str, value: object, tree: dict) -> dict:
    name, _, rest = path.partition(".")
    tree[name] = put(rest, value, dict(tree.get(name) or {})) if rest else value
    return tree


def empty_answers(operation) -> Iterator[dict]:
    """Yield the forms in which an operation may say that there is nothing."""
    for path in operation.paging.records:
        yield put(path, [], {})
        yield put(path, None, {})
        # JSON that was made from XML lacks an empty list, and what would be around it.
        for above in (".".join(path.split(".")[:depth]) for depth in range(1, path.count(".") + 1)):
            yield put(above, {}, {})
            yield put(above, None, {})
        yield put(path, [], {"errors": [], "error": None, "status": "OK"})
        yield put(path, None, {"errors": [{**ERROR, "severity": "INFO"}]})
    for path in operation.paging.total:
        yield put(path, 0, {})
        yield put(path, 0, {"errors": None})
    yield {"totalCount": 0}


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
def test_what_says_that_a_list_is_empty_is_no_error(operation):
    for page in empty_answers(operation):
        check_page(operation, response(page), page)


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
@pytest.mark.parametrize(
    "page",
    [
        {"errors": [ERROR]},
        {"errors": {"error": [ERROR]}},
        {"error": [ERROR]},
        {"summary": {"errors": [ERROR]}},
        {"status": "FAIL", "errors": [ERROR], "payload": None},
        {"detail": "no such SKU", "code": "X.Y", "title": "Broken", "status": 500},
        {"message": "maintenance"},
        {"status": "OK"},
        {"totalX": 1},
        {},
    ],
)
def test_what_says_nothing_of_a_list_is_an_error(operation, page):
    with pytest.raises(
        WalmartServerError, match=f"to {operation.name} with (errors in place|status|neither)"
    ) as caught:
        check_page(operation, response(page), page)
    assert not caught.value.is_final
    silent = ({}, {"status": "OK"}, {"totalX": 1})
    said = ["maintenance"] if "message" in page else [] if page in silent else ["X.Y", "no such SKU"]
    assert all(words in str(caught.value) for words in said)


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
def test_errors_beside_records_are_no_failure_of_a_list(operation):
    page = put(operation.paging.records[0], [{"a": 1}], {"errors": [ERROR], "status": "FAIL"})
    check_page(operation, response(page), page)


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": [ERROR]},
        {"error": ERROR},
        {"status": "FAIL", "errors": [ERROR], "header": {"a": 1}, "payload": None},
        {"ERROR": [ERROR]},
        {"Errors": {"error": [ERROR]}},
        {"ns2:errors": {"ns2:error": ERROR}},
        {"errorCode": "X.Y", "errorMessage": "no such SKU"},
        {"error_code": "X.Y", "error_description": "no such SKU"},
        {"code": "X.Y", "message": "no such SKU"},
        {"error": "X.Y", "error_description": "no such SKU"},
        {
            "timestamp": "2026-11-30",
            "status": 500,
            "error": "X.Y",
            "message": "no such SKU",
            "path": "/v3/orders",
        },
        {"type": "about:blank", "title": "Broken", "status": 500, "code": "X.Y", "detail": "no such SKU"},
        {"fault": {"code": "X.Y", "faultstring": "no such SKU", "detail": {}}},
        {"status": "ERROR", "code": "X.Y", "message": "no such SKU"},
        {"success": False, "code": "X.Y", "message": "no such SKU"},
    ],
)
def test_a_read_with_nothing_but_errors_is_an_error(answer):
    with pytest.raises(WalmartServerError, match=r"to getAnOrder with nothing but errors: X\.Y") as caught:
        parse_answer(find("getAnOrder"), response(answer))
    assert not caught.value.is_final


@pytest.mark.parametrize(
    "answer", [{}, {"status": "OK", "errors": []}, {"status": "SUCCESS", "message": "none"}, {"items": []}]
)
def test_a_read_that_finds_nothing_is_no_error(answer):
    # The search of Walmart's catalogue says with an empty object that it has found nothing.
    assert parse_answer(find("getSearchResult"), response(answer)) == answer


@pytest.mark.parametrize(
    "answer", [{"status": "ERROR"}, {"status": "FAILED"}, {"statusCode": 500}, {"success": False}]
)
def test_a_read_that_says_only_that_it_failed_is_an_error(answer):
    with pytest.raises(WalmartServerError, match="to getAnOrder with nothing but errors"):
        parse_answer(find("getAnOrder"), response(answer))


@pytest.mark.parametrize("answer", [{"message": "Internal Server Error"}, {"title": "Broken"}, {"code": 500}])
def test_a_read_with_nothing_but_a_message_is_an_error(answer):
    with pytest.raises(WalmartServerError, match="to getInventory with nothing but errors"):
        parse_answer(find("getInventory"), response(answer))


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "ERROR", "orderId": 1},
        {"status": "INACTIVE"},
        {"code": "ABC", "status": "ACTIVE"},
        {"statusCode": 200, "message": "Thank you."},
        {"errors": [{**ERROR, "severity": "INFO"}]},
    ],
)
def test_a_read_with_something_to_it_is_no_error(answer):
    assert parse_answer(find("getInventory"), response(answer)) == answer


# -- files -----------------------------------------------------------------------------------------------

NO_FILES = {
    "a sign-in page": (b"<html><head><title>Sign in</title></head></html>", "a web page.*Sign in"),
    "a page with a doctype": (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>", "a web page.*Sign in"),
    "JSON": (b'{"status":"ERROR","message":"No acceptable representation"}', "JSON in.*No acceptable"),
    "XML": (
        b'<?xml version="1.0"?>\n<ns2:errors xmlns:ns2="x"><ns2:error><ns2:code>A.B</ns2:code></ns2:error></ns2:errors>',
        "errors in place of a file: A.B",
    ),
}


def test_a_message_in_place_of_a_file_is_an_error():
    with pytest.raises(WalmartServerError, match="JSON in place of a file: none"):
        parse_answer(FILE, response({"message": "none"}))


@pytest.mark.parametrize("body", NO_FILES)
@pytest.mark.parametrize("name", ["getReconReport", "downloadLabel", "ca.getAllItems"])
def test_what_is_no_file_is_an_error_whatever_it_says_it_is(name, body):
    content, said = NO_FILES[body]
    with pytest.raises(WalmartServerError, match=f"(?s)answered 200 to {name} with .*{said}") as caught:
        parse_answer(find(name), response(content, kind="application/octet-stream"))
    assert not caught.value.is_final


def test_a_page_in_place_of_a_new_label_is_not_asked_for_again():
    content, _ = NO_FILES["a sign-in page"]
    with pytest.raises(WalmartServerError, match="may have happened") as caught:
        parse_answer(find("generateLabel"), response(content, kind="text/html"))
    assert caught.value.is_final


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,<html>\n",
        b"%PDF-1.7 <html>",
        b"<?xml version='1.0'?><ns2:ItemResponses><errors/></ns2:ItemResponses>",
        b"<errorReport/>",
    ],
)
def test_a_file_may_hold_whatever_it_likes_further_on(content):
    assert parse_answer(FILE, response(content, kind="")) == (content or None)
