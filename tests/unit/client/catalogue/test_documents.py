"""The catalogue against Walmart's own documents, read here on their own, not by the script that built it.

The documents are not part of this repository: ``WALMART_OPENAPI_DIR`` says where they are, the default is
``../shared/walmart-openapi`` beside the repository. Without them these tests are skipped.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.client.calls.build import build_request
from airflow_provider_walmart.client.calls.paging import records
from airflow_provider_walmart.client.catalogue.operations import Operation, Parameter, all_operations

REPOSITORY = Path(__file__).parents[4]
DOCUMENTS = Path(os.environ.get("WALMART_OPENAPI_DIR") or REPOSITORY.parent / "shared" / "walmart-openapi")
FOLDERS = {"us": "us-mp-2026", "mx": "mx-mp-2023", "ca": "ca-mp-2023"}
OPERATIONS = all_operations()

pytestmark = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason="Walmart's API documents are not here; see WALMART_OPENAPI_DIR"
)

# Added to every call, or to the token call, by the client.
ADDED_ELSEWHERE = {
    "authorization",
    "wm_consumer.channel.type",
    "wm_partner.id",
    "wm_qos.correlation_id",
    "wm_sec.access_token",
    "wm_svc.name",
}
# The enumeration of sort_order has a letter twist that the wording beside it has not.
MISPRINTS = {"ACS": "ASC"}


def resolve(root, node):
    while "$ref" in node:
        node = functools.reduce(lambda tree, name: tree[name], node["$ref"].split("/")[1:], root)
    return node


@functools.cache
def documented():
    """Return all documented operations: by market, group and id, or where there is no id by method and path."""
    found = {}
    for market, folder in FOLDERS.items():
        for file in (DOCUMENTS / folder).glob("*.json"):
            root = json.loads(file.read_text("utf-8"))
            prefix = re.sub(r"^https://[^/]+", "", root["servers"][0]["url"])
            for path, methods in root["paths"].items():
                for method, operation in methods.items():
                    group = file.name.split(".")[0]
                    key = operation.get("operationId") or f"{method.upper()} {prefix}{path}"
                    assert (market, group, key) not in found
                    parameters = [resolve(root, node) for node in operation.get("parameters", ())]
                    body = resolve(root, operation.get("requestBody", {}))
                    replies = {code: resolve(root, reply) for code, reply in operation["responses"].items()}
                    found[market, group, key] = {
                        "method": method.upper(),
                        "path": prefix + path,
                        "parameters": {(node["in"], node["name"].lower()): node for node in parameters},
                        "body": body,
                        "replies": replies,
                    }
    return found


def key_of(operation: Operation):
    return operation.market, operation.group, operation.operation_id or operation.place


def values_of(parameter: Parameter):
    """Return a strategy of valid values."""
    if parameter.enum:
        return st.sampled_from(parameter.enum)
    if parameter.pattern:
        return st.from_regex(parameter.pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
    if parameter.type == "boolean":
        return st.booleans()
    if parameter.type == "integer" or parameter.maximum is not None:
        smallest = parameter.minimum or 0
        largest = parameter.maximum if parameter.maximum is not None else 10**12
        return st.integers(smallest, largest).flatmap(lambda number: st.sampled_from([number, str(number)]))
    if parameter.location == "header":
        return st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
    text = st.text(min_size=1).filter(lambda value: value not in (".", ".."))
    if parameter.type == "array":
        return st.lists(text, min_size=1, max_size=3)
    return text


@st.composite
def valid_params(draw, operation: Operation):
    params = {}
    for parameter in operation.parameters:
        must = parameter.required and parameter.default is None
        if must or draw(st.booleans()):
            params[parameter.name] = draw(values_of(parameter))
    return params


def test_every_documented_operation_is_in_the_catalogue_once():
    assert sorted(map(key_of, OPERATIONS)) == sorted(documented())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_built_request_is_what_the_document_describes(operation, data):
    document = documented()[key_of(operation)]
    params = data.draw(valid_params(operation))
    built = build_request(operation, params)

    assert built.method == document["method"]

    path, _, fixed = document["path"].partition("?")
    names = re.findall(r"{(\w+)}", path)
    template = re.sub(r"{\w+}", "([^/?#]+)", re.sub(r"[.]", r"\\.", path))
    match = re.fullmatch(template, built.path)
    assert match, (built.path, path)
    for name, segment in zip(names, match.groups(), strict=True):
        assert unquote(segment, errors="strict") == str(params[name])
        assert ("path", name.lower()) in document["parameters"]

    sent = parse_qsl(built.query, keep_blank_values=True, strict_parsing=bool(built.query), errors="strict")
    query = dict(sent)
    assert len(query) == len(sent)
    allowed = {node["name"]: node for (place, _), node in document["parameters"].items() if place == "query"}
    fixed_query = dict(parse_qsl(fixed))
    assert set(query) <= set(allowed) | set(fixed_query)
    assert fixed_query.items() <= query.items()
    for name, node in allowed.items():
        assert not node.get("required") or name in query
        if name in query:
            check_value(node["schema"], query[name])
        if isinstance(params.get(name), list):
            raw = next(pair for pair in built.query.split("&") if pair.startswith(f"{name}="))
            assert [unquote(item) for item in raw.partition("=")[2].split(",")] == params[name]
        elif name in params:
            value = params[name]
            assert query[name] == (str(value).lower() if isinstance(value, bool) else str(value))

    headers = {name.lower(): value for name, value in built.headers.items()}
    declared = {name: node for (place, name), node in document["parameters"].items() if place == "header"}
    assert set(headers) <= set(declared) | {"accept", "content-type"}
    for name, node in declared.items():
        if name in ADDED_ELSEWHERE or not node.get("required"):
            continue
        if name == "content-type":
            check_content_type(headers.get(name), document)
        elif name == "accept":
            # Where the operation does not ask for anything else the client asks for JSON.
            assert headers.get(name, "application/json") in media_types(document) | {node.get("example")}
        else:
            check_value(node["schema"], headers[name])
    check_content_type(headers.get("content-type"), document)
    assert operation.body == tuple(document["body"].get("content", ()))
    assert operation.body_required == bool(document["body"].get("required"))
    assert set(operation.success) == media_types(document)


def check_value(schema, text):
    if "enum" in schema:
        assert text in [MISPRINTS.get(str(value), str(value)) for value in schema["enum"]]
    if schema["type"] == "integer":
        int(text)
    if schema["type"] == "boolean":
        assert text in ("true", "false")
    if "pattern" in schema:
        assert re.fullmatch(schema["pattern"], text)


def check_content_type(content_type, document):
    accepted = document["body"].get("content", {})
    if content_type is None:
        # No body, or a file, whose media type is set together with its boundary.
        assert not accepted or "multipart/form-data" in accepted
        assert document["method"] in ("GET", "DELETE") or accepted
    else:
        declared = (
            document["parameters"].get(("header", "content-type"), {}).get("example", "application/json")
        )
        assert content_type in accepted if accepted else content_type == declared


def media_types(document):
    return {
        media_type
        for code, reply in document["replies"].items()
        if code.startswith("2")
        for media_type in reply.get("content", ())
    }


def examples(document):
    content = next(
        (reply.get("content", {}) for code, reply in document["replies"].items() if code == "200"), {}
    )
    node = content.get("application/json", {})
    return [node[key] for key in ("example",) if key in node] + [
        example["value"] for example in node.get("examples", {}).values() if "value" in example
    ]


# Walmart's example of these replies is not an example of them: an empty one, or that of another operation.
NO_EXAMPLE = {"getCatalogSearch"}


def test_records_are_where_walmarts_own_examples_have_them():
    checked = 0
    for operation in OPERATIONS:
        found = examples(documented()[key_of(operation)])
        if operation.paging and found and operation.name not in NO_EXAMPLE:
            assert any(records(operation, example) for example in found), operation.name
            checked += 1
    assert checked >= 30


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_script_gives_the_committed_catalogue_again(tmp_path, seed):
    output = tmp_path / "catalogue.json"
    script = REPOSITORY / "scripts" / "build_catalogue.py"
    command = [sys.executable, str(script), str(DOCUMENTS), "--output", str(output)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
    committed = REPOSITORY / "airflow_provider_walmart" / "client" / "catalogue" / "marketplace.json"
    assert output.read_bytes() == committed.read_bytes()
