"""Everything that Walmart's API documents tell of a record is in a column or in ``_extra``, where they are at hand."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.storage.tables.declarations import OPERATIONS
from airflow_provider_walmart.storage.tables.values import CONVERTERS, MISFIT
from tests.unit.storage.tables.test_engine import rows

REPOSITORY = Path(__file__).resolve().parents[4]
DOCUMENTS = Path(os.environ.get("WALMART_OPENAPI_DIR") or REPOSITORY.parent / "shared" / "walmart-openapi")

pytestmark = pytest.mark.skipif(
    not DOCUMENTS.is_dir(),
    reason="Walmart's API documents are not here; set WALMART_OPENAPI_DIR to check against them",
)


@functools.cache
def answers() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Return name of the document, operation, document and content of each answer whose records are tables."""
    found = []
    for path in sorted(DOCUMENTS.rglob("*.json")):
        document = json.loads(path.read_text())
        for place, methods in document.get("paths", {}).items() if isinstance(document, dict) else ():
            for method in methods.values():
                # Performance metrics have an operation of the same id as the list of returns.
                if "/insights/" in place or not isinstance(method, dict):
                    continue
                if method.get("operationId") in OPERATIONS:
                    content = method["responses"]["200"].get("content", {}).get("application/json")
                    if content:
                        name = str(path.relative_to(DOCUMENTS))
                        found.append((name, method["operationId"], document, content))
    return found


def records_of(operation: str, answer: Any) -> list[Any]:
    """Return the records in an answer as an export finds them."""
    found = []
    for path in find(operation).paging.records:
        level = answer
        for name in path.split(".") if path else ():
            # Mexico's answers have the list without what is around it in the US.
            level = level.get(name, level) if isinstance(level, dict) else level
        found += level if isinstance(level, list) else []
    return found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Return paths and values of everything in a record that is no list and no object, and says something."""
    if isinstance(value, (dict, list)):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}.{name}")
    elif value is not None and value != "":
        yield path, value


def missing(record: Any, operation: str) -> list[tuple[str, Any]]:
    """Return what is in a record and in none of its rows."""
    written = {
        value
        for of_table in rows(record, operation).values()
        for row in of_table
        for cell in row.values()
        if cell is not None
        for value in ((cell, *texts_in(cell)) if isinstance(cell, str) else (cell,))
    }
    return [(path, value) for path, value in leaves(record) if not forms(value) & written]


def texts_in(cell: str) -> Iterator[Any]:
    """Return what is inside a column of JSON."""
    if cell[0:1] in ("[", "{", '"'):
        for _, value in leaves(json.loads(cell)):
            yield from forms(value)


def forms(value: Any) -> set[Any]:
    """Return a value in all forms that say the same."""
    found = {value, str(value)}
    if isinstance(value, bool):
        found.add(str(value).lower())
    elif isinstance(value, float):
        found.add(Decimal(str(value)))
    elif isinstance(value, str):
        for kind in ("int64", "decimal", "timestamp", "date", "bool"):
            if (read := CONVERTERS[kind](value)) not in (None, MISFIT):
                found.add(read)
        found.add(value.strip())
    return found


def test_the_documents_hold_answers_of_most_operations_with_tables():
    assert {operation for _, operation, _, _ in answers()} == set(OPERATIONS)


def examples() -> list[Any]:
    if not DOCUMENTS.is_dir():
        return []
    return [
        pytest.param(operation, content["example"], id=f"{name}-{operation}")
        for name, operation, _, content in answers()
        if isinstance(content.get("example"), dict)
    ]


@pytest.mark.parametrize(("operation", "answer"), examples())
def test_examples_of_the_documents_lose_nothing(operation, answer):
    records = records_of(operation, answer)
    assert records
    for record in records:
        assert missing(record, operation) == []


def filled(document: Any, schema: Any, path: str, depth: int = 0) -> Any:
    """Return a value for a schema with every declared field, each of another value."""
    while "$ref" in schema:
        place = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            place = place[re.sub("~1", "/", name)]
        schema = place
    for name in ("allOf", "oneOf", "anyOf"):
        if name in schema:
            parts = [filled(document, part, path, depth) for part in schema[name]]
            objects = [part for part in parts if isinstance(part, dict)]
            return {key: value for part in objects for key, value in part.items()} if objects else parts[0]
    if "properties" in schema and depth < 20:
        return {
            name: filled(document, inner, f"{path}.{name}", depth + 1)
            for name, inner in schema["properties"].items()
        }
    if "items" in schema:
        return [filled(document, schema["items"], f"{path}[{one}]", depth + 1) for one in range(2)]
    number = 1000 + sum(map(ord, path)) * 7 + len(path)
    return {"integer": number, "number": number + 0.25, "boolean": True}.get(
        schema.get("type"), f"value of {path}"
    )


def schemas() -> list[Any]:
    if not DOCUMENTS.is_dir():
        return []
    return [
        pytest.param(operation, document, content["schema"], id=f"{name}-{operation}")
        for name, operation, document, content in answers()
        if name.startswith("us-mp-2026/") and "schema" in content
    ]


@pytest.mark.parametrize(("operation", "document", "schema"), schemas())
def test_all_documented_fields_are_in_a_column_or_in_extra(operation, document, schema):
    answer = filled(document, schema, "")
    records = records_of(operation, answer)
    assert records
    for record in records:
        assert missing(record, operation) == []
