"""Landing in S3, as far as a local server of the same interface tells: whole or not at all, in small parts."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.client.errors import WalmartReportFailedError
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.storage import files
from airflow_provider_walmart.storage.files import atomic_write
from tests.helpers.tasks import Task

PLACE = "s3://aws_default@lake/items/today.csv"
MEGABYTE = 1024 * 1024


def operator(**fields):
    known = {"task_id": "a_task", "report_type": "ITEM", "output_path": PLACE, "poll_interval": 0.05}
    return lambda: WalmartReportOperator(**{**known, "deferrable": False, **fields})


@pytest.fixture(autouse=True)
def quick(shop) -> None:
    shop.settings(report_seconds=0, report_csv="SKU,Name\r\nA,x\r\nB,y\r\n")


@pytest.mark.parametrize("deferrable", [False, True], ids=["poll", "deferred"])
def test_a_report_is_landed(bucket, deferrable):
    result = Task().run(operator(deferrable=deferrable))
    assert (result["uri"], result["rows"]) == (PLACE, 2)
    assert bucket.files() == {"items/today.csv": b"SKU,Name\r\nA,x\r\nB,y\r\n"}


def test_a_report_is_converted(bucket):
    Task().run(operator(output_format="jsonl", output_path="s3://aws_default@lake/items.jsonl"))
    assert [json.loads(line) for line in bucket.files()["items.jsonl"].splitlines()] == [
        {"SKU": "A", "Name": "x"},
        {"SKU": "B", "Name": "y"},
    ]


@pytest.mark.parametrize("damage", ["truncated", "two files", "gone"])
def test_a_bad_download_changes_nothing(shop, bucket, damage):
    task = Task()
    task.run(operator())
    before = bucket.files()
    shop.settings(report_damage=damage)
    with pytest.raises(WalmartReportFailedError):
        task.run(operator())
    assert bucket.files() == before


def test_nothing_is_seen_before_all_is_there(bucket):
    with atomic_write(PLACE, "wb") as file:
        for _ in range(12):
            file.write(b"x" * MEGABYTE)
        assert bucket.files() == {}
        # It doesn't pile up here meanwhile.
        assert bucket.uploads() == 1
    assert {key: len(content) for key, content in bucket.files().items()} == {
        "items/today.csv": 12 * MEGABYTE
    }
    assert bucket.uploads() == 0


@pytest.mark.parametrize("size", [1, 12 * MEGABYTE])
def test_what_fails_on_the_way_leaves_nothing(bucket, size):
    with atomic_write(PLACE) as file:
        file.write("of yesterday")

    def breaks() -> None:
        with atomic_write(PLACE, "wb") as file:
            file.write(b"x" * size)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert bucket.files() == {"items/today.csv": b"of yesterday"}
    assert bucket.uploads() == 0


@pytest.mark.parametrize(
    "key", ["a[1].csv", "a*b?.csv", "run=2026-01-01T00:00:00+00:00/{a}.csv", "ü%20#.csv"]
)
def test_a_name_is_no_pattern(bucket, key):
    for content in ("of yesterday", "of today"):
        with atomic_write(f"s3://aws_default@lake/{key}") as file:
            file.write(content)
    assert bucket.files() == {key: b"of today"}

    def breaks() -> None:
        with atomic_write(f"s3://aws_default@lake/{key}") as file:
            file.write("of tomorrow")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert bucket.files() == {key: b"of today"}


@pytest.mark.parametrize("is_copied", [False, True], ids=["before the copy", "after the copy"])
def test_what_a_killed_run_left_is_gone_after_the_next_one(bucket, monkeypatch, is_copied):
    class KilledError(BaseException):
        pass

    def die(source, target) -> None:
        if is_copied:
            source.fs.cp_file(source.path, target.path)
        raise KilledError

    def write(content: bytes) -> None:
        with atomic_write(PLACE, "wb") as file:
            file.write(content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "move", die)
        # Nothing is tidied up by the dead.
        patch.setattr(files, "remove", lambda _: None)
        with pytest.raises(KilledError):
            write(b"old")
    assert any(name.endswith(".part") for name in bucket.names())
    write(b"new")
    assert bucket.files() == {"items/today.csv": b"new"}
