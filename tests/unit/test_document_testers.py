"""What the scripts make of the findings of the two testers that hold the sandbox against Walmart's documents."""

from __future__ import annotations

import csv
import json

import pytest

from airflow_provider_walmart.client.catalogue.operations import all_operations
from scripts import contradictions, fuzz_sandbox
from scripts.contradictions import Contradictions
from scripts.validate_sandbox import only, parts, place_of, violations_in

US = [operation for operation in all_operations() if operation.market == "us"]


@pytest.fixture
def known():
    with contradictions.FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_contradiction_is_of_one_operation_and_has_its_reason(known):
    places = {place_of(operation) for operation in US}
    assert {row["operation"] for row in known} <= places
    assert {row["tester"] for row in known} == {"prism", "schemathesis"}
    assert all(row["finding"] and row["reason"] for row in known)
    keys = [(row["tester"], row["operation"], row["finding"]) for row in known]
    assert len(set(keys)) == len(keys)


def test_a_finding_is_known_for_its_operation_and_tester_alone(known, capsys):
    row = next(row for row in known if row["tester"] == "prism")
    found = Contradictions("prism")
    assert found.add(row["operation"], f"before {row['finding']} behind")
    assert not found.add("GET /v3/other", row["finding"])
    assert not found.add(row["operation"], "Something else")
    assert not Contradictions("schemathesis").add(row["operation"], f"{row['finding']}: so")
    found.report()
    said = capsys.readouterr().out
    assert row["reason"] in said
    assert said.splitlines()[-1] == "2 found that are not known, 1 that are"


VIOLATIONS = [
    {"location": ["response", "body", "list", "3", "name"], "severity": "Error", "message": "list.3.name must be text"},
    {"location": ["request"], "severity": "Error", "message": "must have a body"},
]  # fmt: skip


def test_violations_in_a_header():
    whole = json.dumps(VIOLATIONS)
    first, second = "response.body.list.name: list.name must be text", "request: must have a body"
    assert list(violations_in(whole.replace("}, {", "},{"))) == [first, second]
    # Where there are too many, the header is cut.
    assert list(violations_in(f"Too many violations! {whole[:-20]}")) == [first]
    assert list(violations_in("")) == []


def test_every_operation_is_validated_once_and_apart_from_others_of_its_path():
    for group in {operation.group for operation in US}:
        operations = [operation for operation in US if operation.group == group]
        found = list(parts(operations))
        assert sorted(one.name for part in found for one in part) == sorted(one.name for one in operations)
        assert all(len({place_of(one, whole=False) for one in part}) == len(part) for part in found)


def test_a_document_is_cut_down_to_some_operations():
    (operation,) = (one for one in US if one.name == "richMediaOperation")
    path = "/v3/feeds?feedType=OMNI_RICH_MEDIA"
    headers = [{"name": "Accept", "in": "header"}, {"name": "WM_SVC.NAME", "in": "header"}]
    declared = {"operationId": "richMediaOperation", "parameters": headers}
    document = {
        "servers": [{"url": "https://marketplace.walmartapis.com"}],
        "paths": {path: {"post": declared}, "/v3/feeds": {"get": {}}},
    }
    assert only(document, [operation])["paths"] == {
        "/v3/feeds": {"post": {**declared, "parameters": headers[1:]}}
    }


def test_findings_of_a_report():
    text = (
        "1. Test Case ID: abc\n\n- ST101 Server error\n\n[500] Internal Server Error:\n\n"
        "- ST203 Missing required header accepted\n\n    Got 200 when missing required 'Accept' header\n\n"
        "- ST203 Missing required header accepted\n\n    Got 200 when missing required 'WM_SANDBOX' header\n"
    )
    assert [finding.partition(" Got")[0] for finding in fuzz_sandbox.findings_in(text)] == [
        "ST101 Server error [500] Internal Server Error:",
        "ST203 Missing required header accepted",
    ]
