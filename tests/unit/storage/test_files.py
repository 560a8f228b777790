"""Places that operators are given as paths of whatever kind."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator, WalmartSubmitFeedOperator
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.sensors.feeds import WalmartFeedSensor
from airflow_provider_walmart.storage.files import atomic_write, storage_path
from airflow_provider_walmart.storage.rows import iter_rows

NEEDED = {
    WalmartApiOperator: {"operation": "getAllItems", "output_path": "/x"},
    WalmartExportOperator: {"operation": "getAllOrders", "output_path": "/x"},
    WalmartFeedSensor: {"feed_id": "F@1"},
    WalmartFeedStatusOperator: {},
    WalmartOrderUpdateOperator: {"action": "ship"},
    WalmartReportOperator: {"report_type": "ITEM", "output_path": "/x"},
    WalmartSubmitFeedOperator: {"feed_type": "price"},
}
WITH_ROWS = {made: {**NEEDED[made], "records": []} for made in NEEDED}
WITH_ROWS[WalmartApiOperator] = NEEDED[WalmartApiOperator]
FIELDS = [(made, field) for made in NEEDED for field in made.template_fields if field.endswith("_path")]
PLACES = [
    (Path("/lake/{{ ds }}.csv"), "/lake/{{ ds }}.csv"),
    (ObjectStoragePath("/lake/{{ ds }}.csv"), "/lake/{{ ds }}.csv"),
    (ObjectStoragePath("file:///lake/{{ ds }}.csv"), "file:///lake/{{ ds }}.csv"),
    (ObjectStoragePath("s3://lake/{{ ds }}[1].csv", conn_id="my_s3"), "s3://my_s3@lake/{{ ds }}[1].csv"),
    ("orders.jsonl", "orders.jsonl"),
    (None, None),
]


@pytest.mark.parametrize(("made", "field"), FIELDS, ids=[f"{made.__name__}-{name}" for made, name in FIELDS])
def test_a_path_of_any_kind_becomes_text_with_its_connection(made, field):
    for place, text in PLACES:
        has_input = field in ("records_path", "payload_path") and place is not None
        fields = NEEDED[made] if has_input or "records" not in made.template_fields else WITH_ROWS[made]
        operator = made(task_id="a_task", **{**fields, field: place})
        assert getattr(operator, field) == text
        operator.render_template_fields({"ds": "2026-01-01"})
        rendered = text and text.replace("{{ ds }}", "2026-01-01")
        assert getattr(operator, field) == rendered
        # What another task returned, be it in a list, Airflow puts in as it is.
        setattr(operator, field, place)
        assert json.dumps(getattr(operator, field)) == json.dumps(text)


def test_all_fields_for_places_are_known():
    assert len(FIELDS) == 13


def test_rows_are_read_from_where_a_relative_path_leads(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("sku,quantity\nA,1\n")
    monkeypatch.chdir(tmp_path)
    assert list(iter_rows(None, "rows.csv")) == [{"sku": "A", "quantity": "1"}]


class Elsewhere(LocalFileSystem):
    """A file system as those of SFTP are: with real folders, and told only when it is made how files are renamed."""

    mv = AbstractFileSystem.mv

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.mv = partial(os.replace)

    def cp_file(self, *_: object, **__: object) -> None:
        raise PermissionError("there is no shell")


def test_files_land_in_new_folders_of_other_file_systems(tmp_path):
    attach(protocol="sftp", fs=Elsewhere())
    for content in ("of yesterday", "of today"):
        with atomic_write(f"sftp://{tmp_path}/new/folder/a[1].csv") as file:
            file.write(content)
    assert [(file.name, file.read_text()) for file in (tmp_path / "new" / "folder").iterdir()] == [
        ("a[1].csv", "of today")
    ]


@pytest.mark.parametrize("value", ["", "  ", 7, b"/x", None])
def test_what_is_no_place_is_refused(value):
    with pytest.raises(ValueError, match=r"^output_path is .*; expected a path or a URI"):
        storage_path(value, "output_path")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("s3:/bucket/a.csv", "s3://bucket/a.csv"),
        ("s3:bucket/a.csv", "s3://bucket/a.csv"),
        ("file:/tmp/a.csv", "file:///tmp/a.csv"),
        ("s3:/AKIA1:s3cr3t@bucket/a.csv", "s3://***@bucket/a.csv"),
    ],
)
def test_a_uri_that_lost_a_slash_is_no_folder_on_this_machine(value, meant):
    with pytest.raises(
        ValueError, match=rf"^output_path lacks a slash; did you mean '{re.escape(meant)}'\?"
    ) as caught:
        storage_path(value, "output_path")
    assert "s3cr3t" not in str(caught.value)


def test_a_symbolic_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path):
    target, link = tmp_path / "of-today.csv", tmp_path / "latest.csv"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_write(str(link)) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
