"""Records of every shape become rows: counts, sums and statuses hold, and nothing is lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.storage.tables.declarations import (
    OPERATIONS,
    all_columns,
    chosen_tables,
    table_of,
)
from airflow_provider_walmart.storage.tables.engine import Engine
from airflow_provider_walmart.storage.tables.parquet import parquet_tables
from airflow_provider_walmart.storage.tables.personal import Personal
from tests.helpers.hostile_orders import Shapes, hostile_orders


def engine(
    operation: str = "getAllOrders", personal_data: str = "keep", tables: Any = None, **params
) -> Engine:
    table = table_of(operation)
    return Engine(
        table, chosen_tables(table, tables), Personal(personal_data, "secret"), ("10001", 0, "run"), params
    )


def rows(record: Any, operation: str = "getAllOrders", personal_data: str = "keep") -> dict[str, list[dict]]:
    made = engine(operation, personal_data, feedId="F1")
    made.read(record if isinstance(record, bytes) else json.dumps(record).encode())
    columns = all_columns(table_of(operation))
    return {name: listed(columns[name], found) for name, found in made.take().items()}


def listed(columns, found) -> list[dict]:
    """Return rows one by one."""
    named = dict(zip([column.name for column in columns], found.columns, strict=False))
    return [{name: values and values[row] for name, values in named.items()} for row in range(found.count)]


def write(folder, records, **fields) -> dict[str, Any]:
    made = engine()
    with parquet_tables(
        str(folder), table_of("getAllOrders"), chosen_tables(table_of("getAllOrders"), None), made, **fields
    ) as tables:
        page = []
        for record in records:
            page.append(record)
            if len(page) == 200:
                tables.write(page)
                page = []
        tables.write(page)
        return tables.publish({})


def test_hostile_orders_keep_their_facts(tmp_path):
    shapes = Shapes(seed=17)
    write(tmp_path, hostile_orders(2000, shapes))
    check(tmp_path, shapes.facts)


def check(folder, facts) -> None:
    """Compare the tables in a folder with the facts of the orders that they were made of."""

    def sql(query: str) -> list[tuple]:
        return duckdb.sql(query.replace("FROM ", f"FROM '{folder}/").replace(";", "/*.parquet'")).fetchall()

    assert sql("SELECT count(*), count(DISTINCT purchase_order_id) FROM orders;") == [
        (facts.orders, facts.orders)
    ]
    assert sql("SELECT count(*), sum(quantity) FROM order_lines;") == [(facts.lines, facts.quantity)]
    assert sql("SELECT count(*), sum(amount), sum(tax_amount) FROM order_line_charges;") == [
        (facts.charges, facts.charged, facts.taxed)
    ]
    assert sql("SELECT count(*), sum(amount) FROM order_line_refunds;") == [(facts.refunds, facts.refunded)]
    assert dict(sql("SELECT status, count(*) FROM order_line_statuses; GROUP BY 1")) == facts.by_status
    keys = {
        "order_lines": "purchase_order_id, line_number",
        "order_line_charges": "purchase_order_id, line_number, charge_index",
        "order_line_statuses": "purchase_order_id, line_number, status_index",
        "order_line_refunds": "purchase_order_id, line_number, charge_index",
    }
    extras = ""
    for table, key in keys.items():
        assert sql(f"SELECT {key} FROM {table}; GROUP BY {key} HAVING count(*) > 1") == []
    for table in ("orders", *keys):
        extras += "\n".join(
            extra for (extra,) in sql(f"SELECT _extra FROM {table}; WHERE _extra IS NOT NULL")
        )
    assert facts.strays - set(re.findall(r"stray-\d+", extras)) == set()


names = st.sampled_from(
    sorted(
        {
            part
            for name in OPERATIONS
            for columns in all_columns(table_of(name)).values()
            for column in columns
            for part in column.path.split(".")
            if part and not part.startswith("#")
        }
        | {"orderLines", "orderLine", "charges", "charge", "refund", "refunds", "refundLines", "refundLine"}
        | {"refundCharges", "refundCharge", "returnOrderLines", "returnLines", "labels", "carrierInfoList"}
        | {
            "orderLineStatuses",
            "orderLineStatus",
            "nodes",
            "ingestionErrors",
            "ingestionError",
            "new",
            "#record",
        }
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=30,
)


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(deadline=None, max_examples=25)
@given(record=JSON, personal_data=st.sampled_from(["keep", "drop"]))
def test_no_json_crashes_it(operation, personal_data, record):
    found = rows(record, operation, personal_data)
    for of_table in found.values():
        for row in of_table:
            if row["_extra"]:
                json.loads(row["_extra"])


@settings(deadline=None, max_examples=25)
@given(record=JSON)
def test_any_rows_become_parquet(record, tmp_path_factory):
    write(tmp_path_factory.mktemp("tables"), [json.dumps(record).encode()])


def order(**fields) -> dict[str, Any]:
    return {"purchaseOrderId": "1", **fields}


def line(**fields) -> dict[str, Any]:
    return order(orderLines={"orderLine": [{"lineNumber": "1", **fields}]})


@pytest.mark.parametrize(
    ("value", "expected", "extra"),
    [
        ("1,5", None, '{"weight":{"value":"1,5"}}'),
        ("1.5", Decimal("1.5"), None),
        (0.1 + 0.2, Decimal("0.3000"), '{"weight":{"value":0.30000000000000004}}'),
        ("NaN", None, '{"weight":{"value":"NaN"}}'),
        (10**14, None, '{"weight":{"value":100000000000000}}'),
        (True, None, '{"weight":{"value":true}}'),
        ("", None, None),
        (None, None, None),
        ([2], None, '{"weight":{"value":[2]}}'),
    ],
)
def test_what_a_number_column_cannot_hold_is_in_extra(value, expected, extra):
    (row,) = rows(line(item={"weight": {"value": value}}))["order_lines"]
    assert row["weight"] == expected
    assert row["_extra"] == (
        None if extra is None else json.dumps({"item": json.loads(extra)}, separators=(",", ":"))
    )


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (1_700_000_000_000, 1_700_000_000_000),
        ("1700000000000", 1_700_000_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T22:13:20.000+00:00", 1_700_000_000_000),
        ("2023-11-14T17:13:20-05:00", 1_700_000_000_000),
        ("soon", None),
        (10**18, None),
        (True, None),
    ],
)
def test_times(value, milliseconds):
    (row,) = rows(order(orderDate=value))["orders"]
    assert row["order_date"] == milliseconds
    assert bool(row["_extra"]) == (milliseconds is None)


def test_a_second_place_of_a_value_counts_when_the_first_one_is_empty():
    def status(**carrier):
        return line(orderLineStatuses={"orderLineStatus": [{"trackingInfo": {"carrierName": carrier}}]})

    for carrier, expected, extra in (
        ({"carrier": "UPS"}, "UPS", None),
        ({"otherCarrier": "Bike"}, "Bike", None),
        ({"otherCarrier": "Bike", "carrier": None}, "Bike", None),
        (
            {"otherCarrier": "Bike", "carrier": "UPS"},
            "UPS",
            {"trackingInfo.carrierName.otherCarrier": "Bike"},
        ),
    ):
        (row,) = rows(status(**carrier))["order_line_statuses"]
        assert row["carrier"] == expected
        assert (json.loads(row["_extra"]) if row["_extra"] else None) == extra


def test_refunds_in_both_layouts():
    charge = {"refundReason": "Lost", "charge": {"chargeAmount": {"amount": -5, "currency": "USD"}}}
    refund = {"refundId": "R", "refundComments": "c", "refundCharges": {"refundCharge": [charge, charge]}}
    one = rows(line(refund=refund))["order_line_refunds"]
    two = rows(line(refunds={"refundLines": {"refundLine": [refund]}}))["order_line_refunds"]
    assert one == two
    assert [(row["refund_id"], row["charge_index"], row["amount"]) for row in one] == [
        ("R", 0, -5),
        ("R", 1, -5),
    ]
    (bare,) = rows(line(refund={"refundId": "R", "new": 1}))["order_line_refunds"]
    assert (bare["refund_id"], bare["amount"], bare["_extra"]) == ("R", None, '{"refund":{"new":1}}')


def test_lines_of_a_return_have_the_label_of_their_group():
    groups = [
        {"returnLines": [{"returnOrderLineNumber": 1}], "labels": []},
        {
            "returnLines": [{"returnOrderLineNumber": "2"}],
            "labels": [{"carrierInfoList": [{"carrierName": "FEDEX", "trackingNo": 785}]}],
        },
    ]
    record = {
        "returnOrderId": "R",
        "returnLineGroups": groups,
        "returnOrderLines": [
            {"returnOrderLineNumber": 1},
            {
                "returnOrderLineNumber": 2,
                "charges": {
                    "tax": [{"taxPerUnit": {"currencyAmount": 1.25}}, {"taxPerUnit": {"currencyAmount": "2"}}]
                },
            },
        ],
    }
    found = rows(record, "getReturns")
    assert [(row["carrier"], row["tracking_no"]) for row in found["return_lines"]] == [
        (None, None),
        ("FEDEX", "785"),
    ]
    (charge,) = found["return_line_charges"]
    assert charge["tax_amount"] == Decimal("3.25")
    assert len(json.loads(charge["taxes"])) == 2


SECRETS = {
    "customerEmailId": "secret1@relay.walmart.com",
    "buyerId": "secret2",
    "shippingInfo": {
        "phone": {"number": "secret3"},
        "postalAddress": {
            "name": "secret4",
            "address1": "secret5",
            "address3": "secret6",
            "city": {"x": "secret7"},
        },
        "alternatePhone": "secret8",
    },
    "pickupPersons": [{"name": {"completeName": "secret9"}}],
    "new": {"emailAddress": "secret10", "harmless": "public"},
    "orderLines": {"orderLine": [{"fulfillment": {"pickUpBy": "secret11"}}]},
}


@pytest.mark.parametrize("personal_data", ["drop", "hash"])
def test_nothing_personal_is_left_wherever_it_was(personal_data):
    found = str(rows(order(**SECRETS), personal_data=personal_data))
    assert "secret" not in found
    assert "public" in found


@pytest.mark.parametrize("record", [[SECRETS], "secret", b'{"customerEmailId": "secret', b"secret \xff"])
def test_nothing_personal_is_left_of_what_is_no_record(record):
    (row,) = rows(record, personal_data="drop")["orders"]
    assert "secret" not in str(row)


def test_all_that_is_personal_is_kept_when_asked_for():
    found = str(rows(order(**SECRETS), personal_data="keep"))
    assert [number for number in range(1, 12) if f"secret{number}" not in found] == []


def test_hashes_differ_between_accounts_and_tell_equal_people():
    one, two = Personal("hash", "one"), Personal("hash", "two")
    assert one.value("Jane") == Personal("hash", "one").value("Jane") != two.value("Jane")
    assert one.value(5551234) == one.value("5551234")
    assert one.value(None) is None


def test_what_is_not_known_is_counted():
    made = engine()
    for number in range(200):
        made.read(json.dumps(order(orderDate="soon", **{f"new{number}": 1})).encode())
    made.take()
    assert made.counts.misfits == Counter({"orders.orderDate": 200})
    assert sum(made.counts.unknown.values()) == 200
    assert len(made.counts.unknown) <= 51
    assert "orders.orderDate (200)" in made.counts.summary()


def test_tables_that_nobody_wants_cost_nothing_and_leave_no_extra():
    made = engine(tables=["orders", "order_line_charges"])
    made.read(
        json.dumps(line(charges={"charge": [{"chargeType": "PRODUCT"}]}, refund={"refundId": "1"})).encode()
    )
    found = made.take()
    assert {name: rows.count for name, rows in found.items()} == {"orders": 1, "order_line_charges": 1}
    assert found["orders"].columns[-1] is None


def test_half_of_a_surrogate_pair_loses_nobody_the_rest(tmp_path):
    write(tmp_path, [b'{"purchaseOrderId": "1", "mart": "half \\ud83d", "new": "\\ud83d"}'])
    (found,) = duckdb.sql(
        f"SELECT purchase_order_id, mart, _extra FROM '{tmp_path}/orders/*.parquet'"
    ).fetchall()
    assert found == ("1", "half ?", '{"new": "\\ud83d"}')


def test_extra_of_a_sku_goes_to_its_nodes():
    record = {"sku": "S", "new": 1, "nodes": [{"shipNode": "1"}, {"shipNode": "2"}]}
    found = rows(record, "getMultiNodeInventoryForAllSkuAndAllShipNodes")["inventory_nodes"]
    assert [(row["sku"], row["ship_node"], row["_extra"]) for row in found] == [
        ("S", "1", '{"new":1}'),
        ("S", "2", '{"new":1}'),
    ]


@pytest.mark.parametrize(
    ("nodes", "extra"),
    [({}, None), ({"nodes": []}, None), ({"nodes": "none"}, '{"#inventory_nodes":["none"]}')],
)
def test_a_sku_without_nodes_has_a_row_without_a_node(nodes, extra):
    found = rows({"sku": "S", **nodes}, "getMultiNodeInventoryForAllSkuAndAllShipNodes")["inventory_nodes"]
    assert [(row["sku"], row["ship_node"], row["_extra"]) for row in found] == [("S", None, extra)]


def test_records_of_many_shapes_stay_apart_when_they_are_read_together():
    made = engine()
    given = [
        order(purchaseOrderId=str(number), orderLines={"orderLine": [{"lineNumber": "1", **fields}]})
        for number, fields in enumerate(
            [
                {"item": {"sku": "A", "new": 1}, "charges": {"charge": [{"chargeName": "x"}, {}]}},
                {"item": None, "orderLineQuantity": {"amount": "many"}},
                {"item": [{"sku": 3}], "charges": [{"chargeName": "y"}], "orderLineQuantity": {"amount": 7}},
            ]
        )
    ]
    for record in given:
        made.read(json.dumps(record).encode())
    columns = all_columns(table_of("getAllOrders"))
    found = {name: listed(columns[name], of_table) for name, of_table in made.take().items()}
    assert [
        (row["purchase_order_id"], row["sku"], row["quantity"], row["_extra"]) for row in found["order_lines"]
    ] == [
        ("0", "A", None, '{"item":{"new":1}}'),
        ("1", None, None, '{"orderLineQuantity":{"amount":"many"}}'),
        ("2", "3", 7, None),
    ]
    assert [
        (row["purchase_order_id"], row["charge_index"], row["charge_name"])
        for row in found["order_line_charges"]
    ] == [("0", 0, "x"), ("0", 1, None), ("2", 0, "y")]
    assert {name: rows.count for name, rows in made.take().items()} == dict.fromkeys(columns, 0)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_declarations_are_sound(operation):
    for name, columns in all_columns(table_of(operation)).items():
        listed = [column.name for column in columns]
        assert len(set(listed)) == len(listed), name
        assert listed[-4:] == ["_account", "_exported_at", "_run_id", "_extra"]
