"""What operators tell OpenLineage, through its own provider."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.task.lineage import dataset_of


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/lake/orders.jsonl", ("file", "/lake/orders.jsonl")),
        ("file:///lake/orders.jsonl", ("file", "/lake/orders.jsonl")),
        ("orders.jsonl", ("file", str(Path.cwd() / "orders.jsonl"))),
        ("s3://my_conn@bucket/a/b.csv", ("s3://bucket", "a/b.csv")),
        ("gs://bucket/a b.csv", ("gs://bucket", "a b.csv")),
        ("walmart://us/10001/feeds/MP_INVENTORY", ("walmart://us", "10001/feeds/MP_INVENTORY")),
    ],
)
def test_places_have_the_names_that_others_give_them(uri, expected):
    assert dataset_of(uri) == expected


def test_a_task_that_moved_nothing_tells_nothing():
    operator = WalmartExportOperator(task_id="a_task", operation="getAllOrders", output_path="/x")
    assert operator.get_openlineage_facets_on_complete(None) is None


def test_what_was_moved_becomes_an_event(tmp_path):
    extractors = pytest.importorskip(
        "airflow.providers.openlineage.extractors.base", reason="needs apache-airflow-providers-openlineage"
    )
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.uuid import generate_new_uuid

    operator = WalmartExportOperator(task_id="a_task", operation="getAllOrders", output_path="/x")
    operator.moved("walmart://us/10001/orders", "s3://c@bucket/orders.jsonl", 7)
    # As the provider itself asks for it.
    lineage = extractors.DefaultExtractor(operator).extract_on_complete(None)
    path = tmp_path / "events.jsonl"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(path), append=True)))
    client.emit(
        RunEvent(
            eventType=RunState.COMPLETE,
            eventTime=datetime(2026, 11, 1, tzinfo=timezone.utc).isoformat(),
            run=Run(runId=str(generate_new_uuid())),
            job=Job(namespace="n", name="j"),
            producer="tests",
            inputs=lineage.inputs,
            outputs=lineage.outputs,
        )
    )
    event = json.loads(path.read_text())
    assert [(found["namespace"], found["name"]) for found in event["inputs"]] == [
        ("walmart://us", "10001/orders")
    ]
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("s3://bucket", "orders.jsonl")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 7


def test_tables_are_outputs_with_their_columns():
    pytest.importorskip("airflow.providers.openlineage.extractors", reason="needs the OpenLineage provider")
    operator = WalmartExportOperator(task_id="a_task", operation="getAllOrders", output_path="/x")
    columns = [{"name": "amount", "type": "decimal128(18, 4)"}]
    tables = {name: {"uri": f"s3://bucket/x/{name}", "rows": 3, "columns": columns} for name in ("a", "b")}
    operator.moved("walmart://us/10001/orders", "s3://bucket/x", 7, tables)
    outputs = operator.get_openlineage_facets_on_complete(None).outputs
    assert [output.name for output in outputs] == ["x/a", "x/b"]
    for output in outputs:
        assert [(one.name, one.type) for one in output.facets["schema"].fields] == [
            ("amount", "decimal128(18, 4)")
        ]
        assert output.outputFacets["outputStatistics"].rowCount == 3
