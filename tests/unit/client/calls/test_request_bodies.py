"""Bodies of calls: what is sent for them, and what is refused before anything is sent."""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from decimal import Decimal

import pytest

from airflow_provider_walmart.client.calls.bodies import request_body
from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import WalmartConfigError


class Text(str):
    pass


def sent(body, name="updateInventoryForAnItem"):
    return request_body(find(name), body)


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ({"a": [1, 2.5, True, None, "ü"]}, '{"a":[1,2.5,true,null,"ü"]}'),
        ({"amount": Decimal("1.10")}, '{"amount":1.10}'),
        ({"amount": Decimal("0.1") + Decimal("0.2")}, '{"amount":0.3}'),
        (OrderedDict(a=Text("b")), '{"a":"b"}'),
        ([{"a": (1, 2)}], '[{"a":[1,2]}]'),
        (' {"ready": true} ', ' {"ready": true} '),
        (b"{'sent as it is'}", "{'sent as it is'}"),
    ],
)
def test_bodies(body, content):
    assert sent(body) == {"data": content.encode()}


def test_a_file_holds_the_same_json():
    assert sent({"amount": Decimal("1.10")}, "inventory.postFeeds")["files"]["file"][1] == b'{"amount":1.10}'


@pytest.mark.parametrize(("body", "kind"), [({"a": 1}, "json"), (b" <a/>", "xml")], ids=["JSON", "XML"])
def test_a_file_says_what_it_is(body, kind):
    name, _, media_type = sent(body, "inventory.postFeeds")["files"]["file"]
    assert (name, media_type) == (f"file.{kind}", f"application/{kind}")


def test_a_file_has_the_name_that_its_operation_wants():
    assert list(sent({"a": 1}, "walmartPlusEnrollment")["files"]) == ["fileName"]


PAYLOAD = {"purchaseOrderNo": "1"}
TYPES = [{"fileName": "lamp.png", "type": "OTHER"}]


def test_the_parts_of_a_form():
    body = {"files": [("lamp.png", b"A"), b"B"], "documentTypes": TYPES, "payload": PAYLOAD}
    assert sent(body, "submitClaim")["files"] == [
        ("files", ("lamp.png", b"A", "application/octet-stream")),
        ("files", ("file2", b"B", "application/octet-stream")),
        ("documentTypes", (None, b'[{"fileName":"lamp.png","type":"OTHER"}]', "application/json")),
        ("payload", (None, b'{"purchaseOrderNo":"1"}', "application/json")),
    ]
    event = {"file": b"A", "eventId": "7", "eventName": "Summer"}
    assert sent(event, "ca.bulkAddItem")["files"][1] == ("eventId", (None, b"7", "text/plain"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"A", "it takes a dict with the parts documentTypes, files, payload"),
        ({"files": [b"A"], "payload": PAYLOAD}, "body has no documentTypes"),
        ({"files": [], "documentTypes": TYPES, "payload": PAYLOAD}, "body has no files"),
        ({"file": b"A"}, "body is ['file']; it takes a dict with the parts"),
        ({"files": [b"A"], "documentTypes": TYPES, "payload": {"a": {1}}}, "payload.a is of type set"),
        ({"files": ["lamp.png", b"A"], "documentTypes": TYPES, "payload": PAYLOAD}, "files is of type bytes"),
    ],
)
def test_forms_that_cannot_be_sent(body, said):
    with pytest.raises(WalmartConfigError) as raised:
        sent(body, "submitClaim")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"tags": {"a"}}, "body.tags is of type set"),
        ({"a": [{"b": object()}]}, "body.a.b is of type object"),
        ({"when": date(2026, 1, 1)}, "body.when is 2026-01-01, which has no form in JSON"),
        ({"amount": Decimal("NaN")}, "body.amount is NaN"),
        ({"amount": float("inf")}, "body.amount is inf"),
        ({"name": "Ann\ud83d"}, "body.name is not valid Unicode"),
        ({1: 2}, "body has the key 1"),
        ({"a": b"raw"}, "body.a is of type bytes"),
        (object(), "body is of type object"),
        ('{"sku": "A\ud83d"}', "not valid Unicode"),
    ],
)
@pytest.mark.parametrize("name", ["updateInventoryForAnItem", "inventory.postFeeds"])
def test_bodies_that_cannot_be_sent(body, said, name):
    with pytest.raises(WalmartConfigError) as raised:
        sent(body, name)
    assert str(raised.value).startswith(f"{name}: ")
    assert said in str(raised.value)
    # A body may be about a person.
    assert "Ann" not in str(raised.value)
    assert "sku" not in str(raised.value)


@pytest.mark.parametrize("text", [str({"sku": "A"}), "", "[" * 10_000])
def test_text_that_is_not_json_says_what_to_do(text):
    with pytest.raises(WalmartConfigError, match=r"give a dict.*render_template_as_native_obj=True"):
        sent(text)
    assert sent(text, "inventory.postFeeds"), "files may be anything"


def test_xml_is_given_as_text():
    assert sent("<price/>", "mx.updatePrice") == {"data": b"<price/>"}
    with pytest.raises(WalmartConfigError, match="body is of type dict; it takes application/xml, as text"):
        sent({"sku": "A"}, "mx.updatePrice")


def test_a_body_within_itself():
    body = {}
    body["body"] = body
    with pytest.raises(WalmartConfigError, match="nested more than 50 levels deep"):
        sent(body)


@pytest.mark.parametrize("number", [100000.0, Decimal("1E5"), 1.5])
@pytest.mark.parametrize("name", ["sku", "purchaseOrderId", "customer_order_id", "trackingNumber", "upc"])
@pytest.mark.parametrize("wrap", [lambda row: row, lambda row: {"items": [{"deep": row}]}])
def test_an_id_that_was_a_number_on_the_way_is_refused(wrap, name, number):
    with pytest.raises(
        WalmartConfigError, match=rf"{name} is .*an id is text.*render_template_as_native_obj"
    ):
        sent(wrap({name: number}))


@pytest.mark.parametrize(
    "name",
    ["sku", "skus", "gtins", "itemIds", "Upc", "SKU", "shipNodes", "listOfSkus", "vendorSku", "caseGTIN"],
)
@pytest.mark.parametrize("number", [100000.0, 5.0, Decimal("1E11"), True, False])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: ["A", value], lambda value: [[value]]])
def test_ids_that_are_listed_are_text_too(wrap, number, name):
    with pytest.raises(WalmartConfigError, match=rf"{name} is .*an id is text") as raised:
        sent({name: wrap(number)})
    assert ("render_template_as_native_obj" in str(raised.value)) != isinstance(number, bool)


@pytest.mark.parametrize(
    "body",
    [
        {"skus": ["1E5", 100000, None]},
        {"mixedSKUs": 5.0},
        {"isValid": True, "paid": 1.5, "valid": True, "nodes": [1.5]},
        {"sku": "1E5"},
        {"purchaseOrderId": 108900000000001},
        {"weight": 1.5, "grid": 2.0, "amountPaid": 3.5},
    ],
)
def test_other_ids_and_numbers_are_sent(body):
    assert sent(body)
