"""Exports as tables in Parquet files, over real HTTP: all tables of a run or none."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from airflow.exceptions import AirflowFailException
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from tests.helpers.exporting import in_a_fork, kill_export, plain_name

ORDER_TABLES = ("orders", "order_lines", "order_line_charges", "order_line_statuses", "order_line_refunds")


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "lake" / "orders"


def export(folder: Path, context=None, **fields) -> dict:
    fields = {"operation": "getAllOrders", "output_path": str(folder), "output_format": "parquet", **fields}
    made = WalmartExportOperator(task_id="export", **fields)
    made.hook.client.session.throttle = None
    return made.execute(context or {})


def seed(shop, count: int, **fields) -> list[str]:
    return shop.server.control(
        "POST", "seed", {"orders": {"count": count, "spacing": 60, "age": 10, **fields}}
    )["orders"]


def manifest(folder: Path) -> dict:
    return json.loads((folder / "_manifest.json").read_text())


def rows(folder: Path, table: str) -> list[dict]:
    """Return the rows in the files that the manifest names, as a reader would."""
    return [
        row
        for part in manifest(folder)["tables"][table]["parts"]
        for row in pq.ParquetFile(part["uri"]).read().to_pylist()
    ]


def ids(folder: Path, table: str = "orders") -> Counter:
    return Counter(row["purchase_order_id"] for row in rows(folder, table))


def names(folder: Path) -> list[str]:
    return sorted(plain_name(str(path.relative_to(folder))) for path in folder.rglob("*") if path.is_file())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_orders_are_five_tables(shop, folder):
    placed = seed(shop, 700)
    lines = WalmartExportOperator(
        task_id="lines", operation="getAllOrders", output_path=str(folder.with_suffix(".jsonl"))
    )
    lines.execute({})
    records = [json.loads(line, parse_float=Decimal) for line in folder.with_suffix(".jsonl").open()]
    result = export(folder, {"run_id": "manual__1"})
    assert {name: table["rows"] for name, table in result["tables"].items()} == {
        **dict.fromkeys(ORDER_TABLES[:4], 700),
        "order_line_refunds": 0,
    }
    assert result["records"] == 700
    assert ids(folder) == Counter(placed)
    for table in ORDER_TABLES[1:4]:
        assert ids(folder, table) == Counter(placed)
    charged = sum(
        charge["chargeAmount"]["amount"]
        for record in records
        for line in record["orderLines"]["orderLine"]
        for charge in line["charges"]["charge"]
    )
    assert sum(row["amount"] for row in rows(folder, "order_line_charges")) == charged
    order = rows(folder, "orders")[0]
    record = next(one for one in records if one["purchaseOrderId"] == order["purchase_order_id"])
    assert order["order_date"].timestamp() * 1000 == record["orderDate"]
    assert order["order_date"].utcoffset().total_seconds() == 0
    assert order["ship_city"] == record["shippingInfo"]["postalAddress"]["city"]
    assert order["_run_id"] == "manual__1"
    assert order["_account"]
    assert abs(order["_exported_at"].timestamp() - time.time()) < 300
    assert order["_extra"] is None
    said = manifest(folder)
    assert said["records"] == 700
    assert said["tables"]["orders"]["columns"][0] == {"name": "purchase_order_id", "type": "string"}
    for name in ORDER_TABLES:
        assert result["tables"][name]["uri"] == str(folder / name)
        (part,) = said["tables"][name]["parts"]
        assert part["bytes"] == Path(part["uri"]).stat().st_size


@pytest.mark.parametrize(
    ("operation", "seeds", "expected"),
    [
        (
            "getReturns",
            {"returns": {"count": 12}},
            {"returns": 12, "return_lines": 12, "return_line_charges": 12},
        ),
        ("getAllItems", {"items": 45}, {"items": 45}),
        ("getMultiNodeInventoryForAllSkuAndAllShipNodes", {"inventories": 30}, {"inventory_nodes": 60}),
        ("getWFSInventoryDetails", {"items": 45}, {"wfs_inventory": 5}),
        (
            "getAllReleasedOrders",
            {"orders": {"count": 9}},
            {**dict.fromkeys(ORDER_TABLES[:4], 9), "order_line_refunds": 0},
        ),
    ],
)
def test_every_operation_with_tables(operation, seeds, expected, shop, folder):
    shop.server.control("POST", "seed", seeds)
    result = export(folder, operation=operation)
    assert {name: table["rows"] for name, table in result["tables"].items()} == expected
    for name in expected:
        for row in rows(folder, name):
            assert row["_extra"] is None, row


def test_feeds_and_their_items(shop, folder):
    feed = shop.feed(feedType="price", items=2, failed=1, age=3600)
    export(folder, operation="getAllFeedStatuses")
    (row,) = rows(folder, "feeds")
    assert row["feed_id"] == feed
    assert row["items_received"] == 2
    items = folder.with_name("items")
    result = export(items, operation="getFeedItemStatus", api_params={"feedId": feed})
    assert [(row["feed_id"], row["item_index"]) for row in rows(items, "feed_items")] == [
        (feed, 0),
        (feed, 1),
    ]
    failed = [row for row in rows(items, "feed_items") if row["ingestion_status"] != "SUCCESS"]
    errors = rows(items, "feed_item_errors")
    assert len(errors) == result["tables"]["feed_item_errors"]["rows"] >= len(failed) == 1
    assert {(row["feed_id"], row["item_index"]) for row in errors} == {(feed, failed[0]["item_index"])}
    assert all(row["code"] and row["code"] == row["code"].strip() for row in errors)


def test_personal_data_is_dropped_unless_asked_for(shop, folder):
    seed(shop, 20)
    private = ("customer_email", "ship_name", "ship_phone", "ship_address1")
    results = {}
    for choice in ("drop", "hash", "keep"):
        export(folder / choice, personal_data=choice)
        results[choice] = {row["purchase_order_id"]: row for row in rows(folder / choice, "orders")}
    export(folder / "hash again", personal_data="hash")
    assert len({str(pq.read_schema(path)) for path in folder.rglob("orders/*.parquet")}) == 1
    for column in private:
        for order, kept in results["keep"].items():
            assert kept[column]
            assert results["drop"][order][column] is None
            assert len(results["hash"][order][column]) == 64
    # Equal people have equal hashes, also in the next run.
    hashed = {
        kept["ship_name"]: results["hash"][order]["ship_name"] for order, kept in results["keep"].items()
    }
    assert len(set(hashed.values())) == len(hashed) < 20
    again = {row["purchase_order_id"]: row["ship_name"] for row in rows(folder / "hash again", "orders")}
    assert again == {order: row["ship_name"] for order, row in results["hash"].items()}
    words = {row[column].encode() for row in results["keep"].values() for column in private}
    for choice in ("drop", "hash"):
        for path in (folder / choice).rglob("*.parquet"):
            text = str(pq.ParquetFile(path).read().to_pylist()).encode()
            assert not [word for word in words if word in text]


def test_files_are_of_a_bounded_size(shop, folder):
    placed = seed(shop, 1000)
    export(folder, part_records=300)
    parts = manifest(folder)["tables"]["orders"]["parts"]
    assert [part["rows"] for part in parts] == [300, 300, 300, 100]
    assert ids(folder) == Counter(placed)
    assert len({pq.read_schema(part["uri"]) for part in parts}) == 1
    # Fewer than before leave none of the old ones, nor do tables that nobody wants any more.
    export(folder, part_records=600, tables="orders, order_lines")
    assert names(folder) == [
        "_manifest.json",
        *(f"{table}/part-0000{number}.parquet" for table in ("order_lines", "orders") for number in (1, 2)),
    ]


def test_nothing_found_is_empty_tables_with_all_columns(shop, folder):
    assert export(folder)["records"] == 0
    assert names(folder) == [
        "_manifest.json",
        *(f"{name}/part-00001.parquet" for name in sorted(ORDER_TABLES)),
    ]
    found = duckdb.sql(
        f"SELECT count(*), sum(amount) FROM '{folder}/order_line_charges/*.parquet'"
    ).fetchall()
    assert found == [(0, None)]


def test_a_failed_run_leaves_everything_as_it_was(shop, folder):
    seed(shop, 650)
    export(folder)
    before = contents(folder)
    seed(shop, 5)
    shop.fault("/v3/orders.*hasMoreElements", status=500, skip=2)
    with pytest.raises(WalmartServerError):
        export(folder)
    assert contents(folder) == before


def test_a_killed_run_shows_no_table_and_the_next_one_all(shop, folder):
    placed = seed(shop, 650)
    patience = random.Random(4).uniform(0, 1)
    kill_export(
        shop,
        lambda: folder.exists() and not time.sleep(patience),
        output_path=str(folder),
        output_format="parquet",
    )
    assert all(Path(name).name.startswith(".") for name in names(folder))
    export(folder)
    for table in ORDER_TABLES[:4]:
        assert ids(folder, table) == Counter(placed)
    assert not [name for name in names(folder) if Path(name).name.startswith(".")]


def hold_one_run(folder: Path, *runs: list[str]) -> None:
    """Hold what the manifest names to be one of some runs, in all tables alike, each row once."""
    for table in ORDER_TABLES[:4]:
        assert ids(folder, table) == ids(folder)
    assert ids(folder) in [Counter(run) for run in runs]


def hold_no_rest(folder: Path) -> None:
    """Hold the folder to what its manifest names."""
    named = {part["uri"] for table in manifest(folder)["tables"].values() for part in table["parts"]}
    assert {str(path) for path in folder.rglob("*.p*")} == named


def die_before(step: int, act) -> None:
    """Do something in a copy of this process that is killed before one of its steps in the file system."""

    def run() -> None:
        taken = 0

        def counted(real):
            def wrapper(*args, **options):
                nonlocal taken
                if taken == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                taken += 1
                return real(*args, **options)

            return wrapper

        LocalFileSystem.mv = counted(LocalFileSystem.mv)
        LocalFileSystem.rm_file = counted(LocalFileSystem.rm_file)
        act()

    os.waitpid(in_a_fork(run), 0)


@pytest.mark.parametrize("step", range(11))
def test_whatever_step_a_run_dies_before_one_run_is_seen(step, shop, folder):
    """Five tables take their places, then the manifest its own, then those of the run before go."""
    first = seed(shop, 50)
    export(folder)
    both = first + seed(shop, 50)
    die_before(step, lambda: export(folder))
    hold_one_run(folder, first if step <= len(ORDER_TABLES) else both)
    export(folder)
    hold_one_run(folder, both)
    hold_no_rest(folder)


def test_whenever_a_run_is_killed_one_run_is_seen(shop, folder):
    placed = seed(shop, 50)
    started = time.monotonic()
    export(folder)
    lasts = time.monotonic() - started
    chance, runs = random.Random(2026), [placed]
    for _ in range(8):
        runs.append(runs[-1] + seed(shop, 20))
        process = in_a_fork(lambda: export(folder))
        time.sleep(chance.uniform(0, 1.2 * lasts))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        hold_one_run(folder, *runs)
    export(folder)
    hold_one_run(folder, runs[-1])
    hold_no_rest(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tables": ["order"]}, "tables is .*expected some of orders, order_lines"),
        ({"tables": []}, "tables is"),
        ({"compression": "lz9"}, "compression is 'lz9'; allowed for Parquet"),
        (
            {"operation": "itemsDetailsForListing"},
            "has no tables; output_format='parquet' is there for getAllOrders",
        ),
        ({"output_path": "/tmp/orders.jsonl"}, "ends in '.jsonl', but the file is written as parquet"),
        ({"output_format": "jsonl", "tables": ["orders"]}, "are for output_format='parquet'"),
        ({"output_format": "jsonl", "personal_data": "hash"}, "are for output_format='parquet'"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(fields, message, shop, folder):
    with pytest.raises(AirflowFailException, match=message):
        export(folder, **fields)
    assert not shop.received("^/v3/(?!token)")
    assert not folder.exists()


def test_without_pyarrow_the_error_says_what_to_install(shop, folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(AirflowFailException, match=r"pip install 'airflow-provider-walmart\[parquet\]'"):
        export(folder)


@pytest.mark.parametrize("compression", ["zstd", "gzip", "snappy"])
def test_compressions(compression, shop, folder):
    seed(shop, 10)
    export(folder, compression=compression)
    (part,) = manifest(folder)["tables"]["orders"]["parts"]
    assert pq.ParquetFile(part["uri"]).metadata.row_group(0).column(0).compression == compression.upper()
