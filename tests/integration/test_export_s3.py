"""Exports into S3, as far as a local server of the same interface tells."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import datetime, timedelta, timezone

import duckdb
import pytest
from airflow.exceptions import AirflowFailException
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from tests.helpers.exporting import after_each_page, kill_export, plain_name

PLACE = "s3://aws_default@lake/orders/today"


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


def export(place=PLACE, before=None, interval: dict | None = None, **fields) -> dict:
    made = WalmartExportOperator(task_id="export", operation="getAllOrders", output_path=place, **fields)
    made.hook.client.session.throttle = None
    if before:
        after_each_page(made, before)
    return made.execute(interval or {})


def seed(shop, count: int, **fields) -> list[str]:
    return shop.server.control("POST", "seed", {"orders": {"count": count, "spacing": 60, **fields}})[
        "orders"
    ]


def names(bucket) -> list[str]:
    return sorted(map(plain_name, bucket.names()))


def key(uri: str) -> str:
    return uri.removeprefix("s3://aws_default@lake/")


def ids(content: bytes) -> Counter:
    return Counter(json.loads(line)["purchaseOrderId"] for line in content.splitlines())


def test_one_file_lands_whole(shop, bucket):
    placed = seed(shop, 650, age=10)
    seen = []
    result = export(PLACE + ".jsonl", before=lambda: seen.append(bucket.names()))
    assert not any(seen)
    assert bucket.names() == ["orders/today.jsonl"]
    assert ids(bucket.read("orders/today.jsonl")) == Counter(placed)
    assert result["uri"] == PLACE + ".jsonl"


def test_a_failed_run_leaves_what_was_there(shop, bucket):
    seed(shop, 650, age=10)
    export(part_records=200)
    before = bucket.files()
    shop.fault("/v3/orders.*hasMoreElements", status=500, skip=1)
    with pytest.raises(WalmartServerError):
        export(part_records=200)
    assert bucket.files() == before


def test_parts_and_their_manifest_land(shop, bucket):
    placed = seed(shop, 650, age=10)
    result = export(part_records=300, compression="gzip")
    said = json.loads(bucket.read("orders/today/_manifest.json"))
    assert result["manifest"] == PLACE + "/_manifest.json"
    assert [plain_name(part["uri"]) for part in said["parts"]] == [
        f"{PLACE}/part-0000{n}.jsonl.gz" for n in (1, 2, 3)
    ]
    found = Counter()
    for part in said["parts"]:
        content = bucket.read(key(part["uri"]))
        assert part["bytes"] == len(content)
        found += ids(gzip.decompress(content))
    assert found == Counter(placed)
    assert len(bucket.names()) == 4
    # A smaller one later leaves none of the old parts.
    export(part_records=600, compression="gzip", api_params={"limit": 200})
    assert len(bucket.names()) == 3


def test_a_killed_run_shows_nothing_and_the_next_one_leaves_none_of_its_parts(shop, bucket):
    # Several windows, and pages of each.
    shop.settings(orders_per_search=400)
    placed = seed(shop, 650, age=10)
    kill_export(
        shop,
        lambda: len(bucket.names()) >= 2,
        answered=20,
        output_path=PLACE,
        part_records=50,
        api_params={"limit": 10},
        concurrency=1,
    )
    # What starts with a dot is no data to those who read folders.
    assert all(name.rpartition("/")[2].startswith(".part-") for name in bucket.names())
    export(part_records=150)
    assert names(bucket) == [
        "orders/today/_manifest.json",
        *(f"orders/today/part-0000{number}.jsonl" for number in (1, 2, 3, 4, 5)),
    ]
    parts = [bucket.read(name) for name in bucket.names() if "part" in name]
    assert ids(b"".join(parts)) == Counter(placed)


@pytest.mark.parametrize("parts", [{}, {"part_records": 20}], ids=["one file", "parts"])
def test_a_place_may_be_an_object_storage_path(shop, bucket, parts):
    seed(shop, 30)
    result = export(ObjectStoragePath("s3://lake/orders/today", conn_id="aws_default"), **parts)
    # As it goes through XCom.
    assert json.loads(json.dumps(result))["uri"] == PLACE
    assert bucket.names()


def test_a_folder_is_a_place_for_parts_only(shop, bucket):
    seed(shop, 30)
    with pytest.raises(AirflowFailException, match=f"output_path is '{PLACE}/', a folder"):
        export(PLACE + "/")
    assert not shop.received("^/v3/orders")
    assert export(PLACE + "/", part_records=20)["manifest"] == PLACE + "/_manifest.json"
    assert names(bucket) == [
        "orders/today/_manifest.json",
        "orders/today/part-00001.jsonl",
        "orders/today/part-00002.jsonl",
    ]


def test_no_name_is_a_pattern(shop, bucket):
    seed(shop, 30)
    # What another one left, and what it must not be taken for.
    others = ["we1ird?x/p/.part-00001.jsonl.0123abcd.part", "we1ird?x/p/part-00009.jsonl"]
    for name in [*others, "we[1]ird?*/p/.part-00001.jsonl.0123abcd.part"]:
        bucket.write(name)
    place = "s3://aws_default@lake/we[1]ird?*/p"
    for size in (5, 10):
        result = export(place, part_records=size)
    shop.fault("/v3/orders", status=500)
    with pytest.raises(WalmartServerError):
        export(place, part_records=5)
    assert result["manifest"] == f"{place}/_manifest.json"
    written = ["_manifest.json", "part-00001.jsonl", "part-00002.jsonl", "part-00003.jsonl"]
    assert names(bucket) == sorted([*others, *(f"we[1]ird?*/p/{name}" for name in written)])


ORDER_TABLES = ("orders", "order_lines", "order_line_charges", "order_line_statuses", "order_line_refunds")


def test_tables_land_and_are_queried(shop, bucket):
    """DuckDB reads them through the file system of Airflow's connection, which needs no extension of its own."""
    seed(shop, 650, age=10)
    export(output_format="parquet")
    placed = seed(shop, 50)
    result = export(output_format="parquet", part_records=300)
    assert names(bucket) == [
        "orders/today/_manifest.json",
        *(
            f"orders/today/{table}/part-0000{number}.parquet"
            for table in sorted(ORDER_TABLES)
            for number in ((1,) if table == "order_line_refunds" else (1, 2, 3))
        ),
    ]
    manifest = json.loads(bucket.read("orders/today/_manifest.json"))
    duck = duckdb.connect()
    duck.register_filesystem(ObjectStoragePath(result["uri"]).fs)
    for table in ORDER_TABLES[:4]:
        files = [f"s3://lake/{key(part['uri'])}" for part in manifest["tables"][table]["parts"]]
        for place in (files, [f"s3://lake/orders/today/{table}/*.parquet"]):
            found = duck.execute(
                "SELECT count(*), count(DISTINCT purchase_order_id), "
                "count_if(list_contains(?, purchase_order_id)) FROM read_parquet(?)",
                [placed, place],
            )
            assert found.fetchall() == [(700, 700, 50)]


def test_many_orders_of_200_days_while_new_ones_arrive_land_once(shop, bucket):
    """More than one search finds, several of one moment, some too old: what Walmart keeps lands, each order once."""
    shop.settings(orders_per_search=1_000)
    many = seed(shop, 5_000, spacing=200 * 86_400 / 5_000, age=30)
    # At the turn of a second and within it, by all who ship.
    same = [
        seed(shop, 150, spacing=0, age=age, shipNodeType=who)
        for who in ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled")
        for age in (86_400.0, 86_400.5)
    ]
    arrived: list[str] = []
    end = datetime.now(timezone.utc)
    result = export(
        before=lambda: arrived.extend(seed(shop, 2, spacing=0)),
        interval={"data_interval_start": end - timedelta(days=179), "data_interval_end": end},
        part_bytes=1_000_000,
    )
    assert len(arrived) > 40
    said = json.loads(bucket.read("orders/today/_manifest.json"))
    assert len(said["parts"]) > 4
    found = Counter()
    for part in said["parts"]:
        found += ids(bucket.read(key(part["uri"])))
    assert max(found.values()) == 1
    assert sum(found.values()) == result["records"] == said["records"]
    # 179 of 200 days.
    kept = many[len(many) * 21 // 200 + 1 :]
    expected = {*kept, *(order for orders in same for order in orders)}
    assert expected <= set(found)
    assert len(set(found) - expected - set(arrived)) <= 1
