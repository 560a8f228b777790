"""The SQL of the page about tables gives what it promises, on tables of the sandbox."""

from __future__ import annotations

import runpy
from decimal import Decimal

import duckdb
import pytest

from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.settlements import WalmartSettlementOperator
from tests.helpers.documents import CHECKOUT, blocks

SQL = [block for block in blocks("sql") if block.document == CHECKOUT / "docs" / "tables.md"]


@pytest.fixture
def lake(shop, tmp_path, monkeypatch):
    """A lake with orders of yesterday and today, one of them refunded, stock and settlements."""
    monkeypatch.chdir(tmp_path)
    shop.settings(limits=False)
    orders = {"count": 60, "spacing": 60, "age": 86_400}
    shop.server.control("POST", "seed", {"orders": orders, "inventories": 30, "settlements": 40})
    refunded = {"sku": "SKU-REFUNDED", "price": 20, "refunds": [{"amount": 5.5}, {"amount": 2}]}
    shop.server.control(
        "POST",
        "seed",
        {"orders": [{"age": 86_400, "status": "Delivered", "lines": [refunded, "SKU-REFUNDED"]}] * 2},
    )

    def export(operation: str, folder: str) -> dict:
        return WalmartExportOperator(
            task_id="t", operation=operation, output_path=f"lake/{folder}", output_format="parquet"
        ).execute({})

    export("getAllOrders", "orders")
    export("getMultiNodeInventoryForAllSkuAndAllShipNodes", "stock")
    WalmartSettlementOperator(task_id="t", output_path="lake/settlements", output_format="parquet").execute(
        {}
    )
    return tmp_path


def found(mart: duckdb.DuckDBPyConnection, words: str) -> list[dict]:
    """Return the rows of the statement in the page that holds some words."""
    (block,) = [block for block in SQL if words in block.text]
    for statement in mart.extract_statements(block.text):
        result = mart.execute(statement)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_the_statements_of_the_page(lake):
    mart = duckdb.connect()
    mart.execute("SET TimeZone = 'UTC'")
    assert sum(row["orders"] for row in found(mart, "GROUP BY ship_state")) == 62
    assert found(mart, "getvariable") == [{"named": 62}]

    lines = "FROM 'lake/orders/order_lines/*.parquet'"
    for _ in range(2):  # loaded twice, it is the same
        found(mart, "CREATE TABLE IF NOT EXISTS")
        assert mart.execute("SELECT count(*) FROM orders").fetchall() == [(62,)]
        assert mart.execute("SELECT count(*) FROM order_lines").fetchall() == [(64,)]
        assert mart.execute(f"SELECT count(*) {lines}").fetchall() == [(64,)]

    yesterday = mart.execute(
        "SELECT count(*), (SELECT sum(amount) FROM 'lake/orders/order_line_charges/*.parquet' "
        "JOIN 'lake/orders/orders/*.parquet' USING (purchase_order_id) "
        "WHERE CAST(order_date AS DATE) = current_date - 1) "
        "FROM 'lake/orders/orders/*.parquet' WHERE CAST(order_date AS DATE) = current_date - 1"
    ).fetchall()[0]
    sales = found(mart, "WITH sold AS")
    assert (sum(row["orders"] for row in sales), sum(row["sales"] for row in sales)) == yesterday
    refunds = {row["sku"]: row["refunds"] for row in sales if row["refunds"]}
    assert refunds == {"SKU-REFUNDED": Decimal("-15")}

    settled = found(mart, "lake/settlements")
    assert len(settled) == 40
    assert all(row["settled"] > 0 for row in settled)
    assert [row["skus"] for row in found(mart, "inventory_nodes")] == [30, 30]


def test_every_statement_of_the_page_is_tried():
    assert len(SQL) == 6


def test_the_example_loads_each_order_once(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("WALMART_LAKE_DIR", str(tmp_path))
    shop.settings(limits=False)
    dag = runpy.run_path(str(CHECKOUT / "example_dags" / "walmart_mart.py"))["export"].dag
    load = dag.get_task("load").python_callable

    def run(number: int) -> list[tuple]:
        export = WalmartExportOperator(
            task_id="t",
            operation="getAllOrders",
            output_path=f"{tmp_path}/order_tables/{number}",
            output_format="parquet",
        )
        load(export.execute({}))
        with duckdb.connect(str(tmp_path / "mart.duckdb"), read_only=True) as mart:
            return mart.execute(
                "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_lines), sum(sales), "
                "(SELECT sum(amount) FROM order_line_charges) FROM sales"
            ).fetchall()

    shop.server.control("POST", "seed", {"orders": {"count": 20, "age": 3600}})
    ((orders, lines, sales, charged),) = run(1)
    assert orders == lines == 20
    assert sales == charged > 0
    shop.server.control("POST", "seed", {"orders": {"count": 5, "spacing": 0}})
    # Orders that came again took the place of themselves.
    ((orders, lines, more, charged),) = run(2)
    assert orders == lines == 25
    assert more == charged > sales
