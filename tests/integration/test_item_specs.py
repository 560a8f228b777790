"""Item specs out of the sandbox, and rows checked against them."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.items import validator
from airflow_provider_walmart.client.items.check import ItemCheck
from airflow_provider_walmart.client.items.specs import ItemSpecs
from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
from tests.helpers.item_rows import HEADER, VERSION, mug

SPEC = "/v3/items/spec"
IDENTIFIERS = {"productIdType": "UPC", "productId": "012345678905"}


@pytest.fixture(params=["jsonschema", "jsonschema-rs"])
def engine(request, monkeypatch):
    monkeypatch.setattr(validator, "_has_fast", lambda: request.param == "jsonschema-rs")


@pytest.fixture
def client(shop, make_client):
    return make_client(shop.url)


def check(client, *items, version=VERSION, feed_type="MP_ITEM"):
    return ItemCheck(client, feed_type, version, items)


def asked(shop, path=SPEC):
    return len(shop.received(f"^{path}$"))


def test_a_spec_is_fetched_once_for_all_processes(shop, make_client):
    store = Resilient(MemoryStore())
    for _ in range(2):
        specs = ItemSpecs(make_client(shop.url, store=store))
        assert set(specs.of("MP_ITEM", VERSION, ["Mugs", "Desk Lamps"])) == {"Mugs", "Desk Lamps"}
    assert set(specs.of("MP_ITEM", VERSION, ["Mugs", "Throw Blankets"])) == {"Mugs", "Throw Blankets"}
    assert asked(shop) == 2


def test_the_spec_of_one_product_type_is_that_of_many(client):
    alone = ItemSpecs(client).of("MP_ITEM", VERSION, ["Mugs"])["Mugs"]
    names = [field["field"] for field in alone.fields() if field["required"]]
    assert "Orderable.price" in names
    assert "Visible.Mugs.material" in names
    assert not any("Lamps" in field["field"] for field in alone.fields())


def test_good_items_have_no_problems(client, engine):
    rows = [mug(), mug(price=0.07), mug(price=4), mug(startDate="2026-12-01T00:00:00Z")]
    found = check(client, *rows)
    assert [found.problems(row) for row in rows] == [[]] * len(rows)
    assert found.header_problems(HEADER) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (mug(visible={"brand": None}), ("Visible.Mugs.brand", "is missing; it is required")),
        (
            mug(visible={"isProp65WarningRequired": "Yes"}),
            ("Visible.Mugs.prop65WarningText", "is missing; it is required"),
        ),
        (mug(price="4.35"), ("Orderable.price", "is '4.35'; expected a number")),
        (mug(price=4.355), ("Orderable.price", "is 4.355; allowed: 2 decimals at most")),
        (mug(price=0), ("Orderable.price", "is 0; allowed: above 0")),
        (mug(colour="blue"), ("Orderable.colour", "is not a field of the spec")),
        (mug(MustShipAlone="Maybe"), ("Orderable.MustShipAlone", "is 'Maybe'; allowed: Yes, No")),
        (
            mug(visible={"keyFeatures": ["One"]}),
            ("Visible.Mugs.keyFeatures", "is a list of 1; allowed: 3 entries or more"),
        ),
        (
            mug(startDate="tomorrow"),
            (
                "Orderable.startDate",
                "is 'tomorrow'; expected a time with its zone such as 2026-12-31T18:00:00Z",
            ),
        ),
        (
            mug(productIdentifiers={**IDENTIFIERS, "productId": "012345678904"}),
            (
                "Orderable.productIdentifiers.productId",
                "is '012345678904', whose check digit is wrong: a digit of the UPC is mistyped",
            ),
        ),
        (
            mug(visible={"variantGroupId": "G"}),
            (
                "Visible.Mugs.isPrimaryVariant",
                "is missing; an item with variantGroupId needs variantGroupId, variantAttributeNames, isPrimaryVariant, "
                "all of them",
            ),
        ),
        (
            mug(visible={"mainImageUrl": "https://example.com/mug.jpg"}),
            (
                "Visible.Mugs.mainImageUrl",
                "is 'https://example.com/mug.jpg', an address of an example or a placeholder; allowed: one that Walmart can "
                "load",
            ),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "row",
)
def test_a_problem_names_field_value_and_what_is_allowed(client, engine, row, said):
    assert said in [tuple(problem) for problem in check(client, row).problems(row)]


def test_a_product_type_that_walmart_does_not_have_is_named(client):
    carrot = {**mug(), "Visible": {"Carrot": {}}}
    found = check(client, mug(), carrot)
    assert found.problems(mug()) == []
    [problem] = found.problems(carrot)
    assert problem == ("Visible", f"names the product type 'Carrot', which MP_ITEM {VERSION} does not have")


def test_a_batch_without_any_valid_product_type_is_no_bad_version(client):
    carrot = {**mug(), "Visible": {"Carrot": {}}}
    assert len(check(client, carrot).problems(carrot)) == 1


def test_a_header_field_that_is_forbidden_is_named(client):
    header = {"MPItemFeedHeader": {**HEADER["MPItemFeedHeader"], "sellingChannel": "marketplace"}}
    [problem] = check(client, mug()).header_problems(header)
    assert problem == ("MPItemFeedHeader.sellingChannel", "is not a field of the spec")


def test_the_current_version_is_asked_for_once_and_named(shop, client, caplog):
    caplog.set_level("INFO")
    item = mug(productIdentifiers=IDENTIFIERS)
    assert check(client, item, version=None).version == "5.0.20260803-17_50_56-api"
    assert "version 5.0.20260803-17_50_56-api (the current one)" in caplog.text
    check(client, item, version=None)
    assert asked(shop, "/v3/items/walmart/search") == 1


def test_a_retired_version_is_named_as_the_cause(client):
    with pytest.raises(WalmartConfigError, match=r"5\.0\.20260114-19_40_57") as caught:
        check(client, mug(), version="5.0.20260114-19_40_57")
    assert "retired" in str(caught.value.hint)


def test_no_item_to_ask_with_is_an_error_that_says_what_to_set(client):
    with pytest.raises(WalmartConfigError, match="spec_version is None") as caught:
        check(client, mug(productIdentifiers=None), version=None)
    assert "Set spec_version" in str(caught.value.hint)


def test_a_market_without_specs_is_refused_before_anything_is_sent(shop, make_client):
    with pytest.raises(WalmartConfigError, match="market is mx"):
        check(make_client(shop.url, market="mx"), mug())
    assert asked(shop) == 0
