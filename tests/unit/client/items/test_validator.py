"""The two engines of the item check against each other, and against Walmart's own example of a spec."""

from __future__ import annotations

import copy
import json
import os
import random
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from airflow_provider_walmart.client.items.rules import has_check_digit, is_placeholder
from airflow_provider_walmart.client.items.specs import ItemSpec
from airflow_provider_walmart.client.items.validator import SpecValidator, without_annotations

REPOSITORY = Path(__file__).parents[4]
DOCUMENTS = Path(os.environ.get("WALMART_OPENAPI_DIR") or REPOSITORY.parent / "shared" / "walmart-openapi")
DOCUMENT = DOCUMENTS / "us-mp-2026" / "item-management.openapi.json"
PRICE = {"type": "number", "multipleOf": 0.01, "minimum": 0}


@pytest.mark.parametrize("fast", [False, True], ids=["jsonschema", "jsonschema-rs"])
def test_no_price_with_two_decimals_is_taken_for_another(fast):
    validator = SpecValidator(json.dumps(PRICE), fast=fast)
    assert [cents for cents in range(100_000) if validator.problems(cents / 100)] == []
    assert validator.problems(19.999)


def test_annotations_go_and_fields_of_their_names_stay():
    schema = {"title": "T", "examples": "", "properties": {"title": {"type": "string", "description": "D"}}}
    assert without_annotations(schema) == {"properties": {"title": {"type": "string"}}}


@pytest.mark.parametrize("fast", [False, True], ids=["jsonschema", "jsonschema-rs"])
def test_no_sentence_is_long_however_large_schema_and_value_are(fast):
    schema = {
        "properties": {"a": {"enum": [f"value {n}" for n in range(5000)]}, "b": {"pattern": "x" * 5000}}
    }
    problems = SpecValidator(json.dumps(schema), fast=fast).problems({"a": "y" * 5000, "b": "z" * 5000})
    assert [problem.field for problem in problems] == ["a", "b"]
    assert all(len(problem.text) < 500 for problem in problems)
    assert problems[0].text.endswith("value 9 and 4990 more")


@pytest.mark.parametrize(
    ("digits", "is_right"),
    [("00012345678905", True), ("012345678905", True), ("4006381333931", True), ("4006381333932", False)],
)
def test_check_digits(digits, is_right):
    assert has_check_digit(digits) is is_right


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/a.jpg", True),
        ("https://img.example.org/a.jpg", True),
        ("https://via.placeholder.com/500", True),
        ("http://localhost/a.jpg", True),
        ("https://i5.walmartimages.com/placeholder.jpg", False),
        ("https://cdn.myexample.com/a.jpg", False),
        ("https://[broken/a.jpg", False),
    ],
)
def test_placeholders(url, expected):
    assert is_placeholder(url) is expected


def valid(schema):
    """Return a value that a schema takes, made by its own words."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        # All fields, so that no condition asks for one that is not there.
        return {name: valid(part) for name, part in schema["properties"].items()}
    if kind == "array":
        return [valid(schema["items"]) for _ in range(schema.get("minItems", 1))]
    if kind == "string":
        known = {"uri": "https://images.shop.com/1.jpg", "date-time": "2026-12-01T00:00:00Z"}
        return known.get(schema.get("format")) or "1" * max(1, schema.get("minLength", 1))
    return schema.get("minimum", 1)


def places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def broken(item, rng):
    """Return a copy of an item with one thing wrong somewhere."""
    item = copy.deepcopy(item)
    *way, last = rng.choice([path for path in places(item) if path])
    holder = item
    for key in way:
        holder = holder[key]
    match rng.randrange(5):
        case 0:
            del holder[last]
        case 1:
            holder[last] = {"no": "such"}
        case 2:
            holder[last] = "x" * 20_000
        case 3:
            holder[last] = 0.0005
        case _:
            (holder if isinstance(holder, dict) else item)["noSuchField"] = 1
    return item


@pytest.mark.skipif(
    not DOCUMENT.is_file(), reason="Walmart's API documents are not here; see WALMART_OPENAPI_DIR"
)
def test_walmarts_example_judges_items_as_an_independent_validator_does():
    document = json.loads(DOCUMENT.read_text("utf-8"))
    answer = document["paths"]["/v3/items/spec"]["post"]["responses"]["200"]["content"]["application/json"]
    text = json.dumps(answer["example"]["schema"])
    spec = ItemSpec("MP_WFS_ITEM", "5.0", "Baby Blankets", text)
    good = valid(spec.item_schema)
    # The judge: jsonschema with exact decimals, without anything of ours; it takes every format.
    schema = json.loads(text, parse_float=Decimal)["properties"]["MPItem"]["items"]
    judge = jsonschema.Draft7Validator(schema)
    rng = random.Random(18)
    items = []
    for _ in range(1000):
        item = copy.deepcopy(good)
        item["Orderable"]["price"] = rng.randrange(1, 10**7) / 100
        items += [item, broken(good, rng)]
    engines = [SpecValidator(json.dumps(spec.item_schema), fast=fast) for fast in (False, True)]
    verdicts = [judge.is_valid(json.loads(json.dumps(item), parse_float=Decimal)) for item in items]
    assert 1000 <= sum(verdicts) < 1100
    for item, verdict in zip(items, verdicts, strict=True):
        plain, fast = (engine.problems(item) for engine in engines)
        assert plain == fast
        without_formats = [problem for problem in plain if "; expected a time" not in problem.text]
        without_formats = [
            problem for problem in without_formats if "; expected an address" not in problem.text
        ]
        assert (not without_formats) is verdict
