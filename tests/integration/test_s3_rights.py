"""Writing with few rights, and where nothing can be written, as far as a local server of S3's interface tells."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.storage.files import atomic_write
from tests.helpers.tasks import Task

MEGABYTE = 1024 * 1024
# As they are given to those who write into a lake.
OBJECTS = {"lake/orders/*": ["PutObject", "GetObject", "DeleteObject", "AbortMultipartUpload"]}
PLACE = "s3://aws_writer@lake/orders/today"


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    shop.server.control("POST", "seed", {"orders": 30})
    return shop


@pytest.fixture
def bucket(bucket, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_AWS_WRITER", bucket.writer)
    return bucket


def export(place: str = PLACE, **fields) -> dict:
    made = WalmartExportOperator(task_id="export", operation="getAllOrders", output_path=place, **fields)
    return made.execute({})


@pytest.mark.parametrize("size", [1, 12 * MEGABYTE])
def test_rights_on_objects_are_enough_for_a_file(bucket, size):
    with bucket.allowed(OBJECTS):
        for content in (b"of yesterday", b"x" * size):
            with atomic_write(PLACE, "wb") as file:
                file.write(content)
    assert {key: len(content) for key, content in bucket.files().items()} == {"orders/today": size}


def test_rights_on_objects_are_enough_for_what_operators_land(shop, bucket):
    shop.settings(report_seconds=0, report_csv="SKU,Name\r\nA,x\r\n")
    with bucket.allowed(OBJECTS):
        export()
        export(PLACE + ".gz", compression="gzip")
        Task().run(
            lambda: WalmartReportOperator(
                task_id="report",
                report_type="ITEM",
                output_path=PLACE + ".csv",
                poll_interval=0.05,
                deferrable=False,
            )
        )
        WalmartApiOperator(task_id="call", operation="getAllItems", output_path=PLACE + ".json").execute({})
    assert bucket.names() == ["orders/today", "orders/today.csv", "orders/today.gz", "orders/today.json"]


def test_parts_need_the_list_of_their_folder_and_say_so_before_anything_is_fetched(shop, bucket):
    with (
        bucket.allowed(OBJECTS),
        pytest.raises(OSError, match=f"^{PLACE} can't be written: .*AccessDenied.* ListObjectsV2 operation"),
    ):
        export(part_records=10)
    assert not shop.received("^/v3/orders")
    with bucket.allowed({**OBJECTS, "lake": ["ListBucket"]}):
        export(part_records=10)
        export(part_records=20)
    assert len(json.loads(bucket.read("orders/today/_manifest.json"))["parts"]) == 2
    assert len(bucket.names()) == 3


@pytest.mark.parametrize(
    ("size", "refused"), [(1, "PutObject"), (12 * MEGABYTE, "CreateMultipartUpload")], ids=["small", "large"]
)
def test_a_refused_file_is_named_with_what_was_refused(bucket, size, refused):
    place = "s3://aws_writer@lake/elsewhere/today"
    said = f"^{place} can't be written: .*AccessDenied.* {refused} operation"
    with bucket.allowed(OBJECTS), pytest.raises(OSError, match=said), atomic_write(place, "wb") as file:
        file.write(b"x" * size)
    assert bucket.names() == []


@pytest.mark.parametrize("parts", [{}, {"part_records": 10}], ids=["one file", "parts"])
def test_a_bucket_that_is_missing_is_not_made(shop, bucket, parts):
    place = "s3://aws_default@laek/orders/today"
    with pytest.raises(OSError, match=f"^{place} can't be written: .*NoSuchBucket"):
        export(place, **parts)
    assert bucket.all() == ["lake"]
