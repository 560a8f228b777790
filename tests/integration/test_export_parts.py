"""Exports in parts of a stated size, over real HTTP: readers see all of them or none."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airflow.exceptions import AirflowFailException
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from tests.helpers.exporting import kill_export, plain_name


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "lake" / "orders"


def export(folder: Path, **fields) -> dict:
    fields = {"operation": "getAllOrders", "output_path": str(folder), **fields}
    made = WalmartExportOperator(task_id="export", **fields)
    made.hook.client.session.throttle = None
    return made.execute({})


def seed(shop, count: int) -> list[str]:
    return shop.server.control("POST", "seed", {"orders": {"count": count, "spacing": 60, "age": 10}})[
        "orders"
    ]


def content(path: Path) -> bytes:
    packed = path.read_bytes()
    return gzip.decompress(packed) if path.suffix == ".gz" else packed


def ids(folder: Path) -> Counter:
    """Return the ids in the parts that the manifest names, as a reader would."""
    parts = [Path(part["uri"]) for part in manifest(folder)["parts"]]
    return Counter(
        json.loads(line)["purchaseOrderId"] for part in parts for line in content(part).splitlines()
    )


def manifest(folder: Path) -> dict:
    return json.loads((folder / "_manifest.json").read_text())


def names(folder: Path) -> list[str]:
    return sorted(plain_name(entry.name) for entry in folder.iterdir())


def everything(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def parts(folder: Path) -> dict[str, bytes]:
    return {plain_name(name): content for name, content in everything(folder).items() if "part" in name}


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_parts_hold_so_many_records(compression, shop, folder):
    placed = seed(shop, 1000)
    result = export(folder, part_records=300, compression=compression)
    suffix = ".jsonl.gz" if compression else ".jsonl"
    assert names(folder) == ["_manifest.json", *(f"part-0000{number}{suffix}" for number in (1, 2, 3, 4))]
    assert ids(folder) == Counter(placed)
    said = manifest(folder)
    assert [part["records"] for part in said["parts"]] == [300, 300, 300, 100]
    for part in said["parts"]:
        assert part["bytes"] == Path(part["uri"]).stat().st_size
        assert part["records"] == content(Path(part["uri"])).count(b"\n")
    assert said["operation"] == "getAllOrders"
    assert said["records"] == result["records"] == 1000
    assert said["bytes"] == sum(part["bytes"] for part in said["parts"])
    for name in ("window", "watermark", "pages"):
        assert said[name] == result[name]
    assert result["uri"] == str(folder)
    assert result["manifest"] == str(folder / "_manifest.json")


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_parts_are_no_larger_than_so_many_bytes_before_compression(compression, shop, folder):
    placed = seed(shop, 1000)
    export(folder, part_bytes=100_000, compression=compression)
    assert ids(folder) == Counter(placed)
    sizes = [len(content(Path(part["uri"]))) for part in manifest(folder)["parts"]]
    assert len(sizes) > 5
    # Full, up to a record that would not have fitted.
    assert all(95_000 < size <= 100_000 for size in sizes[:-1])


def test_a_record_larger_than_a_part_has_one_of_its_own(shop, folder):
    placed = seed(shop, 5)
    export(folder, part_bytes=10)
    assert [part["records"] for part in manifest(folder)["parts"]] == [1] * 5
    assert ids(folder) == Counter(placed)


def test_both_sizes_count(shop, folder):
    seed(shop, 500)
    export(folder, part_records=400, part_bytes=100_000)
    parts = manifest(folder)["parts"]
    assert all(part["records"] < 400 and part["bytes"] <= 100_000 for part in parts)
    export(folder, part_records=40, part_bytes=100_000)
    assert {part["records"] for part in manifest(folder)["parts"]} == {40, 20}


def test_nothing_found_is_a_manifest_without_parts(shop, folder):
    assert export(folder, part_records=10)["records"] == 0
    assert names(folder) == ["_manifest.json"]
    assert manifest(folder)["parts"] == []


def test_fewer_parts_than_before_leave_none_of_the_old_ones(shop, folder):
    seed(shop, 100)
    export(folder, part_records=10, compression="gzip")
    export(folder, part_records=60)
    assert names(folder) == ["_manifest.json", "part-00001.jsonl", "part-00002.jsonl"]


def test_a_failed_run_leaves_everything_as_it_was(shop, folder):
    seed(shop, 650)
    export(folder, part_records=100)
    before = everything(folder)
    seed(shop, 5)
    shop.fault("/v3/orders.*hasMoreElements", status=500, skip=2)
    with pytest.raises(WalmartServerError):
        export(folder, part_records=100)
    assert everything(folder) == before


def test_a_killed_run_shows_no_part_and_the_next_one_leaves_the_same_as_any(shop, folder):
    # Several windows, and pages of each.
    shop.settings(orders_per_search=400)
    placed = seed(shop, 650)
    now = datetime.now(timezone.utc)
    dates = {
        "createdStartDate": f"{now - timedelta(days=9):%Y-%m-%d}",
        "createdEndDate": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    fields = {"part_records": 50, "api_params": {"limit": 10, **dates}}
    # Two parts are complete, and another one has begun.
    kill_export(
        shop,
        lambda: folder.exists() and len(list(folder.iterdir())) >= 3,
        answered=20,
        output_path=str(folder),
        concurrency=1,
        **fields,
    )
    assert all(name.startswith(".") for name in names(folder))
    export(folder, **fields)
    assert ids(folder) == Counter(placed)
    assert [name for name in names(folder) if name.startswith(".")] == []
    elsewhere = folder.with_name("elsewhere")
    export(elsewhere, **fields)
    assert parts(folder) == parts(elsewhere)


def test_no_name_of_a_folder_is_a_pattern(shop, tmp_path):
    seed(shop, 30)
    folder = tmp_path / "we[1]ird?*"
    folder.mkdir()
    (folder / ".part-00001.jsonl.0123abcd.part").touch()
    export(folder, part_records=5)
    export(folder, part_records=20)
    assert names(folder) == ["_manifest.json", "part-00001.jsonl", "part-00002.jsonl"]
    (folder / ".all.jsonl.0123abcd.part").touch()
    export(folder / "all.jsonl")
    assert ".all.jsonl.0123abcd.part" not in names(folder)


def test_a_run_that_fails_while_parts_take_their_places_leaves_everything_as_it_was(
    shop, folder, monkeypatch
):
    seed(shop, 100)
    export(folder, part_records=10)
    before = everything(folder)
    seed(shop, 100)

    real, moved = LocalFileSystem.mv, []

    def mv(self, source, target, **options):
        moved.append(target)
        if len(moved) == 4:
            raise RuntimeError("died between two parts")
        real(self, source, target, **options)

    with monkeypatch.context() as patched:
        patched.setattr(LocalFileSystem, "mv", mv)
        with pytest.raises(RuntimeError, match="died"):
            export(folder, part_records=10)
    assert everything(folder) == before
    export(folder, part_records=10)
    assert sum(ids(folder).values()) == 200


@pytest.mark.parametrize(
    "fields", [{"part_records": 0}, {"part_records": -5}, {"part_bytes": "many"}, {"part_bytes": 1.5}]
)
def test_a_size_that_is_none_is_an_error_before_anything_is_sent(fields, shop, folder):
    with pytest.raises(AirflowFailException, match=next(iter(fields))):
        export(folder, **fields)
    assert not shop.received("^/v3/(?!token)")
    assert not folder.exists()
