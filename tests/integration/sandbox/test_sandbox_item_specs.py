"""Item specs as the sandbox serves them, and item feeds checked against them."""

import copy

import jsonschema
import pytest

from tests.helpers import item_rows
from tests.helpers.item_rows import MUG, VERSION
from tests.integration.sandbox.test_sandbox_feeds import failures, status, submit

HEADER = item_rows.HEADER["MPItemFeedHeader"]


@pytest.fixture
def quick(server):
    """A sandbox whose feeds are processed at once, without limits."""
    server.control("POST", "settings", {"feed_seconds": 0, "limits": False})
    return server


def ask(server, **body):
    request = {"feedType": "MP_ITEM", "version": VERSION, "productTypes": ["Mugs"], **body}
    return server.call("POST", "/v3/items/spec", json=request)


def feed(*items, **header):
    return {"MPItemFeedHeader": {**HEADER, **header}, "MPItem": list(items)}


def changed(part, **fields):
    item = copy.deepcopy(MUG)
    (item[part] if part == "Orderable" else item[part]["Mugs"]).update(fields)
    return item


@pytest.mark.parametrize("feed_type", ["MP_ITEM", "MP_MAINTENANCE"])
def test_a_spec_is_a_schema_that_a_good_item_meets(quick, feed_type):
    schema = ask(quick, feedType=feed_type).json()["schema"]
    jsonschema.Draft7Validator.check_schema(schema)
    # A whole price: in floats, cents are no multiples of a hundredth.
    jsonschema.Draft7Validator(schema).validate(feed(changed("Orderable", price=4)))
    assert schema["properties"]["MPItemFeedHeader"]["properties"]["version"]["enum"] == [VERSION]


def test_a_product_type_that_is_none_is_named_beside_the_rest(quick):
    answer = ask(quick, productTypes=["Mugs", "Carrot"])
    assert answer.status_code == 207
    assert answer.json()["errors"] == [f"Carrot is not a valid PT for MP_ITEM/{VERSION}"]
    assert list(
        answer.json()["schema"]["properties"]["MPItem"]["items"]["properties"]["Visible"]["properties"]
    ) == ["Mugs"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"productTypes": ["Carrot"]}, "productTypes"),
        ({"productTypes": ["Mugs"] * 21}, "productTypes"),
        ({"version": "5.0.20260114-19_40_57"}, "version"),
        ({"version": "5.0"}, "version"),
        ({"feedType": "price"}, "feedType"),
    ],
)
def test_a_request_for_no_spec_is_refused(quick, body, field):
    answer = ask(quick, **body)
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["field"]) == ("INVALID_REQUEST.GMP_ITEM_QUERY_API", field)


def test_three_specs_a_minute(server):
    assert [ask(server).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_search_names_the_recommended_version(quick):
    (found,) = quick.get("/v3/items/walmart/search", gtin="00012345678905", responseFormat="SPEC")["items"]
    assert (found["version"], found["productType"] in ("Mugs", "Desk Lamps", "Throw Blankets")) == (
        "5.0.20260803-17_50_56-api",
        True,
    )
    assert quick.get("/v3/items/walmart/search", gtin="00012345678906", responseFormat="SPEC") == {}


BAD_PRICE, NOT_AS_SPECIFIED = "ERR_EXT_DATA_4001029", "ERR_EXT_DATA_0101116"


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        (changed("Orderable", price="4.35"), BAD_PRICE, "price"),
        (changed("Orderable", price=4.355), BAD_PRICE, "price"),
        (changed("Orderable", colour="blue"), NOT_AS_SPECIFIED, "Orderable"),
        (changed("Visible", keyFeatures=["One"]), NOT_AS_SPECIFIED, "keyFeatures"),
        (changed("Visible", isProp65WarningRequired="Yes"), NOT_AS_SPECIFIED, "Mugs"),
        ({"Orderable": MUG["Orderable"], "Visible": {"Carrot": {}}}, NOT_AS_SPECIFIED, "Visible"),
        ({"Orderable": MUG["Orderable"]}, NOT_AS_SPECIFIED, "required"),
    ],
)
def test_an_item_that_is_not_as_specified_fails_with_the_field(quick, item, code, field):
    feed_id = submit(quick, "MP_ITEM", feed(changed("Orderable", sku="GOOD"), item))
    assert failures(quick, feed_id) == {"MUG-1": code}
    entries = status(quick, feed_id, includeDetails="true")["itemDetails"]["itemIngestionStatus"]
    assert field in [error["field"] for error in entries[1]["ingestionErrors"]["ingestionError"]]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"version": "5.0.20260114-19_40_57"}, "ERR_INT_SYS_0801003"),
        ({"version": "4.8"}, "ERR_INT_SYS_0801003"),
        ({"processMode": "REPLACE"}, "ERR_INT_DATA_01010092"),
    ],
)
def test_a_feed_with_a_header_that_is_none_receives_nothing(quick, header, code):
    body = status(quick, submit(quick, "MP_ITEM", feed(MUG, **header)))
    assert (body["feedStatus"], body["itemsReceived"]) == ("ERROR", 0)
    assert [error["code"] for error in body["ingestionErrors"]["ingestionError"]] == [code]
