# ruff: noqa: RUF005 - rows are read more easily in pieces
"""Exporting orders as tables, beside ``requests``, ``json`` and pyarrow by hand doing the same over the same server.

``python tests/benchmarks/bench_tables.py [orders] [rounds] [latency in seconds]`` prints a table. Both read the same orders in
windows as large as one search allows, 200 a page, and write four tables of the same columns as Parquet with zstd; by
hand, that trusts every record to be as documented. Gzip JSON lines of our own stand beside them. Every round is a
process of its own, as in `bench_export`.

``python tests/benchmarks/bench_tables.py hostile [orders]`` makes orders of hostile shapes (100,000 unless given) and
holds the tables to the facts of what was made.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests
from tabulate import tabulate

from tests.benchmarks.bench_export import SPACING, part, peak
from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import running

ORDERS = 50_000
ROUNDS = 3
MEGABYTE = 1_000_000
BATCH = 20_000


def ours(url: str, folder: Path, days: float, output_format: str) -> int:
    from airflow_provider_walmart.operators.exports import WalmartExportOperator

    connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": url}
    os.environ["AIRFLOW_CONN_WALMART_DEFAULT"] = json.dumps(connection)
    os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = str(folder / "state")
    fields = {"compression": "gzip"} if output_format == "jsonl" else {}
    operator = WalmartExportOperator(
        task_id="export",
        operation="getAllOrders",
        output_path=str(folder / ("orders.jsonl.gz" if fields else "orders")),
        api_params={"shipNodeType": "SellerFulfilled"},
        output_format=output_format,
        **fields,
    )
    # The budget of Walmart's, 5,000 calls a minute, would be the time measured.
    operator.hook.client.session.throttle = None
    end = datetime.now(timezone.utc)
    interval = {"data_interval_start": end - timedelta(days=days), "data_interval_end": end}
    return int(operator.execute(interval)["records"])


COLUMNS = {
    "orders": "purchase_order_id customer_order_id order_date:t email ship_date:t delivery_date:t method name city state zip"
    " country node",
    "order_lines": "purchase_order_id line_number sku product_name condition quantity:i status_date:t option method pick_up:t",
    "order_line_charges": "purchase_order_id line_number index:i type name currency amount:d tax_name tax_amount:d",
    "order_line_statuses": "purchase_order_id line_number index:i status quantity:i",
}
TYPES = {"": pa.string(), "t": pa.timestamp("ms", "UTC"), "i": pa.int64(), "d": pa.decimal128(18, 4)}


def by_hand(url: str, folder: Path, days: float, token: str) -> int:
    session = requests.Session()
    session.headers.update(
        {
            "WM_SEC.ACCESS_TOKEN": token,
            "WM_QOS.CORRELATION_ID": "bench",
            "WM_SVC.NAME": "Walmart Marketplace",
            "Accept": "application/json",
        }
    )
    schemas = {
        table: pa.schema([(name.partition(":")[0], TYPES[name.partition(":")[2]]) for name in names.split()])
        for table, names in COLUMNS.items()
    }
    writers = {
        table: pq.ParquetWriter(folder / f"{table}.parquet", schema, compression="zstd")
        for table, schema in schemas.items()
    }
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in schemas}

    def flush(table: str) -> None:
        if rows[table]:
            columns = [
                pa.array(c, t)
                for c, t in zip(zip(*rows[table], strict=True), schemas[table].types, strict=True)
            ]
            writers[table].write_table(pa.Table.from_arrays(columns, schema=schemas[table]))
            rows[table].clear()

    now = datetime.now(timezone.utc)
    start, count = now - timedelta(days=days), 0
    width = timedelta(seconds=9_999 * SPACING)
    while start < now:
        end = min(start + width, now)
        edges = f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"
        query = f"?limit=200&createdStartDate={edges[0]}&createdEndDate={edges[1]}"
        while query:
            page = json.loads(session.get(f"{url}/v3/orders{query}").content, parse_float=Decimal)["list"]
            for order in (page["elements"] or {}).get("order", []):
                count += 1
                take(order, rows)
            for table in rows:
                if len(rows[table]) >= BATCH:
                    flush(table)
            query = page["meta"].get("nextCursor")
        start = end
    for table, writer in writers.items():
        flush(table)
        writer.close()
    return count


def take(order: dict[str, Any], rows: dict[str, list[tuple[Any, ...]]]) -> None:
    po, shipping = order["purchaseOrderId"], order["shippingInfo"]
    address = shipping["postalAddress"]
    rows["orders"].append(
        (po, order["customerOrderId"], order["orderDate"], order["customerEmailId"])
        + (shipping["estimatedShipDate"], shipping["estimatedDeliveryDate"], shipping["methodCode"])
        + (address["name"], address["city"], address["state"], address["postalCode"], address["country"])
        + (order["shipNode"]["type"],)
    )
    for line in order["orderLines"]["orderLine"]:
        number, item, how = line["lineNumber"], line["item"], line["fulfillment"]
        rows["order_lines"].append(
            (po, number, item["sku"], item["productName"], item["condition"])
            + (int(line["orderLineQuantity"]["amount"]), line["statusDate"])
            + (how["fulfillmentOption"], how["shipMethod"], how["pickUpDateTime"])
        )
        for index, charge in enumerate(line["charges"]["charge"]):
            money, tax = charge["chargeAmount"], charge["tax"]
            rows["order_line_charges"].append(
                (po, number, index, charge["chargeType"], charge["chargeName"], money["currency"])
                + (Decimal(money["amount"]), tax["taxName"], Decimal(tax["taxAmount"]["amount"]))
            )
        for index, status in enumerate(line["orderLineStatuses"]["orderLineStatus"]):
            quantity = int(status["statusQuantity"]["amount"])
            rows["order_line_statuses"].append((po, number, index, status["status"], quantity))


def measure(what: str, url: str, days: float, token: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def run(span: float) -> int:
            if what == "by hand":
                return by_hand(url, folder, span, token)
            return ours(url, folder, span, "jsonl" if what == "gzip JSON lines" else "parquet")

        run(100 * SPACING / 86_400)
        memory, started, worked = peak(), time.perf_counter(), time.process_time()
        count = run(days)
        seconds, work = time.perf_counter() - started, time.process_time() - worked
        found = [path for path in folder.rglob("*") if path.suffix in (".parquet", ".gz")]
        size = sum(path.stat().st_size for path in found)
    return {"records": count, "seconds": seconds, "cpu": work, "grown": peak() - memory, "bytes": size}


def compare(orders: int, rounds: int, latency: float) -> dict[str, dict[str, Any]]:
    """Print and return what was measured."""
    days = min(179.9, orders * SPACING / 86_400)
    kinds = ("tables", "by hand", "gzip JSON lines")
    results: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    with running("--no-seed") as server:
        part(server)
        server.control("POST", "settings", {"limits": False})
        server.control("POST", "seed", {"orders": {"count": orders, "spacing": SPACING}})
        if latency:
            server.control("POST", "faults", [{"path": "/v3/orders", "delay": latency}])
        for number in range(rounds):
            for what in kinds if number % 2 else kinds[::-1]:
                arguments = [sys.executable, "-m", __spec__.name, what, server.url, str(days), server.token()]
                done = subprocess.run(arguments, capture_output=True, text=True, check=True)
                results[what].append(json.loads(done.stdout.splitlines()[-1]))
    lines = [
        {
            "": what,
            "orders": max(run["records"] for run in runs),
            "orders/s": statistics.median(run["records"] / run["seconds"] for run in runs),
            "CPU s per 100,000": statistics.median(1e5 * run["cpu"] / run["records"] for run in runs),
            "peak grows by, MB": max(run["grown"] for run in runs) / MEGABYTE,
            "bytes an order": statistics.median(run["bytes"] / run["records"] for run in runs),
        }
        for what, runs in results.items()
    ]
    print("\n" + tabulate(lines, headers="keys", floatfmt=".1f", intfmt=","))
    print(f"ratio {lines[0]['orders/s'] / lines[1]['orders/s']:.2f} by time")
    return {line[""]: line for line in lines}


def figures(orders: int = 10_000, rounds: int = 1, latency: float = 0.3) -> list[Figure]:
    """Measure, and return what was found."""
    found = compare(orders, rounds, latency)
    tables, hand, lines = found["tables"], found["by hand"], found["gzip JSON lines"]
    ratio, grown = tables["orders/s"] / hand["orders/s"], tables["peak grows by, MB"]
    return [
        Figure(
            f"orders a second to tables in Parquet, {orders:,} orders, answers after {1000 * latency:.0f} ms, against"
            " requests + json + pyarrow by hand",
            f"{ratio:.2f} x",
            f"{lines['orders/s'] / hand['orders/s']:.2f} x as gzip JSON lines",
            ">= 1.5 x",
            ratio >= 1.5,
        ),
        Figure(
            "growth of peak memory meanwhile",
            f"{grown:.1f} MB",
            f"{hand['peak grows by, MB']:.1f} MB by hand",
            "<= 150 MB",
            grown <= 150,
        ),
        Figure(
            "bytes an order in the files",
            f"{tables['bytes an order']:.0f}",
            f"{lines['bytes an order']:.0f} as gzip JSON lines",
            "",
            None,
        ),
    ]


def hostile(orders: int) -> None:
    """Write orders of hostile shapes as tables, and hold those to the facts."""
    from tests.helpers.hostile_orders import Shapes, hostile_orders
    from tests.unit.storage.tables.test_engine import check, write

    shapes = Shapes(seed=2026)
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), hostile_orders(orders, shapes))
        check(Path(name), shapes.facts)
    print(
        f"{orders:,} orders of hostile shapes: counts, sums, statuses and what no column holds are all there"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hostile", *count]:
            hostile(int(count[0]) if count else 100_000)
        case ["tables" | "by hand" | "gzip JSON lines" as what, url, days, token]:
            print(json.dumps(measure(what, url, float(days), token)))
        case arguments:
            given = [*map(float, arguments), *(ORDERS, ROUNDS, 0)[len(arguments) :]]
            compare(int(given[0]), int(given[1]), given[2])
