"""Rows of order changes, and what an order still lacks of them."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.orders.changes import OrderStateError, request_left, statuses_of
from airflow_provider_walmart.client.orders.rows import order_changes

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
SHIP = {"purchase_order_id": "1", "tracking_number": "T1", "carrier": "UPS"}
CANCEL = {"purchase_order_id": "1", "reason": "SELLER_CANCEL_OUT_OF_STOCK"}
REFUND = {"purchase_order_id": "1", "line_number": "1", "reason": "DamagedItem"}


def part(status: str, amount: int, **more) -> dict:
    return {
        "status": status,
        "statusQuantity": {"unitOfMeasurement": "EACH", "amount": str(amount)},
        **more,
    }


def shipped(tracking: str, amount: int, status: str = "Shipped") -> dict:
    return part(status, amount, trackingInfo={"trackingNumber": tracking})


def charge(amount: float, kind: str = "PRODUCT", name: str = "ItemPrice", tax: float | None = None) -> dict:
    made = {
        "chargeType": kind,
        "chargeName": name,
        "chargeAmount": {"currency": "USD", "amount": amount},
    }
    return made if tax is None else {**made, "tax": tax_of(tax)}


def tax_of(amount: float) -> dict:
    return {"taxName": "Tax1", "taxAmount": {"currency": "USD", "amount": amount}}


def order(*lines: list[dict], charges: list[dict] | None = None, refunds: list[dict] | None = None) -> dict:
    made = []
    for number, parts in enumerate(lines, 1):
        line = {"lineNumber": str(number), "orderLineStatuses": {"orderLineStatus": parts}}
        line["charges"] = {"charge": [charge(20.0, tax=1.5)] if charges is None else charges}
        if refunds:
            line["refund"] = {"refundCharges": {"refundCharge": refunds}}
        made.append(line)
    return {"purchaseOrderId": "1", "orderLines": {"orderLine": made}}


def left(action: str, *rows: dict, of: dict):
    (change,) = order_changes(action, rows)
    return request_left(change, of, NOW)


def amounts(request) -> dict[str, list[tuple[str, str]]]:
    """Return status and amount of what a request sets, by line."""
    ((_, body),) = request[1].items()
    return {
        line["lineNumber"]: [
            (status["status"], status["statusQuantity"]["amount"])
            for status in line["orderLineStatuses"]["orderLineStatus"]
        ]
        for line in body["orderLines"]["orderLine"]
    }


# -- rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "rows", "problem"),
    [
        (
            "ship",
            [{**SHIP, "traking_url": "x"}],
            "row 1: unknown column 'traking_url'; did you mean tracking_url?",
        ),
        ("ship", [SHIP, {**SHIP, "purchase_order_id": " "}], "row 2: purchase_order_id is missing"),
        ("ship", [{**SHIP, "carrier": ""}], "row 1: give one of carrier and other_carrier"),
        ("ship", [{**SHIP, "other_carrier": "Bob"}], "row 1: give one of carrier and other_carrier"),
        ("ship", [{**SHIP, "carrier": None, "other_carrier": "Bob"}], "row 1: tracking_url is missing"),
        ("ship", [{**SHIP, "method": "Fast"}], "row 1: method is 'Fast'; expected Standard, Express"),
        ("ship", [{**SHIP, "ship_date_time": "noon"}], "row 1: ship_date_time is 'noon'; expected a time"),
        ("ship", [{**SHIP, "quantity": 1}], "row 1: line_number is missing; quantity needs it"),
        ("ship", [{**SHIP, "line_number": 1, "quantity": "0"}], "row 1: quantity is 0; expected 1 or more"),
        ("ship", [{**SHIP, "seller_order_id": "x" * 31}], "row 1: seller_order_id has 31 characters"),
        (
            "ship",
            [SHIP, SHIP],
            "row 2: the order is in row 1 already; several rows of an order need line_number",
        ),
        ("ship", [{**SHIP, "line_number": 1}] * 2, "row 2: line and tracking_number are in row 1 already"),
        (
            "ship",
            [{**SHIP, "line_number": 1}, {**SHIP, "line_number": 1, "tracking_number": "T2"}],
            "row 2: the line is in row 1 already; several packages of a line need quantity",
        ),
        ("cancel", [{"purchase_order_id": "1"}], "row 1: reason is missing"),
        ("cancel", [{**CANCEL, "line_number": "1"}] * 2, "row 2: the line is in row 1 already"),
        ("refund", [{**REFUND, "line_number": None}], "row 1: line_number is missing"),
        ("refund", [{**REFUND, "amount": -5}], "row 1: amount is -5; it must be above 0"),
        ("refund", [{**REFUND, "tax": 1}], "row 1: amount is missing; tax, charge_type and currency need it"),
        ("refund", [REFUND, REFUND], "row 2: the same refund is in row 1 already"),
        (
            "refund",
            [REFUND, {**REFUND, "amount": 1}],
            "row 2: row 1 of this order differs in having an amount",
        ),
        ("refund", [{**REFUND, "amount": "2.50"}, {**REFUND, "amount": 2.5}], "row 2: the same refund"),
        ("acknowledge", [{"purchaseOrderId": None}], "row 1: purchaseOrderId is missing"),
        ("acknowledge", ["1"], "row 1: it is a str; expected a dict"),
    ],
)
def test_bad_rows_are_named(action, rows, problem):
    with pytest.raises(WalmartConfigError) as caught:
        order_changes(action, rows)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"These rows can't be used to {action} orders, so nothing was sent (")


def test_an_unknown_action_is_refused():
    with pytest.raises(
        WalmartConfigError, match="action is 'delete'; allowed: acknowledge, ship, cancel, refund"
    ):
        order_changes("delete", [])


def test_rows_of_an_order_are_one_change():
    rows = [
        {**SHIP, "line_number": "1"},
        {**SHIP, "purchase_order_id": 22},
        {**SHIP, "line_number": "2"},
    ]
    found = [(change.purchase_order_id, change.numbers) for change in order_changes("ship", rows)]
    assert found == [("1", [1, 3]), ("22", [2])]


def test_orders_as_walmart_has_them_can_be_acknowledged():
    rows = [{"purchaseOrderId": "7", "orderLines": {}}, {"purchase_order_id": "7"}]
    assert [(change.purchase_order_id, change.numbers) for change in order_changes("acknowledge", rows)] == [
        ("7", [1, 2])
    ]


# -- what is left ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part("Created", 1)], ("acknowledgeOrders", None)),
        ([part("Acknowledged", 1), part("Created", 1)], ("acknowledgeOrders", None)),
        ([part("Acknowledged", 1)], None),
        ([part("Shipped", 1), part("Cancelled", 1)], None),
    ],
)
def test_only_new_orders_are_acknowledged(parts, expected):
    assert left("acknowledge", {"purchase_order_id": "1"}, of=order(parts)) == expected


@pytest.mark.parametrize(
    "written",
    [
        # The form of Walmart's own order JSON, and of exports.
        1793437200000,
        "1793437200000",
        "2026-10-31T10:00:00+01:00",
        "2026-10-31 10:00:00.000+01:00",
        "2026-10-31T09:00:00.123456Z",
    ],
)
def test_the_time_of_a_shipment_may_be_written_in_any_form(written):
    [(_, body)] = [left("ship", {**SHIP, "ship_date_time": written}, of=order([part("Acknowledged", 3)]))]
    (line,) = body["orderShipment"]["orderLines"]["orderLine"]
    (status,) = line["orderLineStatuses"]["orderLineStatus"]
    assert status["trackingInfo"]["shipDateTime"] // 1000 == 1793437200


def test_a_shipment_says_what_walmart_wants():
    row = {
        **SHIP,
        "line_number": 1,
        "quantity": "2",
        "method": "express",
        "ship_date_time": "2026-10-31T10:00:00+01:00",
        "tracking_url": "https://ups.example/T1",
    }
    assert left("ship", row, of=order([part("Acknowledged", 3)])) == (
        "shippingUpdates",
        {
            "orderShipment": {
                "orderLines": {
                    "orderLine": [
                        {
                            "lineNumber": "1",
                            "sellerOrderId": "1",
                            "orderLineStatuses": {
                                "orderLineStatus": [
                                    {
                                        "status": "Shipped",
                                        "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "2"},
                                        "trackingInfo": {
                                            "shipDateTime": 1793437200000,
                                            "carrierName": {"carrier": "UPS"},
                                            "methodCode": "Express",
                                            "trackingNumber": "T1",
                                            "trackingURL": "https://ups.example/T1",
                                        },
                                    }
                                ]
                            },
                        }
                    ]
                }
            }
        },
    )


T2 = {**SHIP, "tracking_number": "T2", "line_number": "1", "quantity": 1}


@pytest.mark.parametrize(
    ("rows", "lines", "expected"),
    [
        # Everything open of the order.
        ([SHIP], [[part("Acknowledged", 2)], [part("Created", 1)]], {"1": [("Shipped", "2")], "2": [("Shipped", "1")]}),
        ([SHIP], [[part("Cancelled", 2)], [part("Created", 1)]], {"2": [("Shipped", "1")]}),
        # A line went out before, under this number: the others are left.
        ([SHIP], [[shipped("T1", 2)], [part("Created", 1)]], {"2": [("Shipped", "1")]}),
        ([SHIP], [[shipped("T1", 2, "Delivered")]], None),
        ([SHIP], [[shipped("T1", 1), part("Acknowledged", 1)]], None),
        ([{**SHIP, "tracking_number": "1z 99-a"}], [[shipped("1Z99A", 1), part("Acknowledged", 1)]], None),
        # So many under this number, in the end.
        ([{**SHIP, "line_number": 1, "quantity": 2}], [[shipped("T1", 1), part("Acknowledged", 2)]], {"1": [("Shipped", "1")]}),
        ([{**SHIP, "line_number": 1, "quantity": 1}], [[shipped("T1", 1), part("Acknowledged", 2)]], None),
        # Two packages, one of which went out before.
        ([{**T2, "tracking_number": "T1"}, T2], [[shipped("T1", 1), part("Acknowledged", 1)]], {"1": [("Shipped", "1")]}),
        ([{**T2, "tracking_number": "T1"}, T2], [[part("Acknowledged", 2)]], {"1": [("Shipped", "1"), ("Shipped", "1")]}),
    ],
)  # fmt: skip
def test_what_went_out_is_not_shipped_again(rows, lines, expected):
    request = left("ship", *rows, of=order(*lines))
    assert (request and amounts(request)) == expected


@pytest.mark.parametrize(
    ("row", "parts", "problem"),
    [
        (SHIP, [shipped("T9", 1)], "nothing is left to ship (line 1: 1 Shipped)"),
        (SHIP, [part("Cancelled", 2)], "nothing is left to ship (line 1: 2 Cancelled)"),
        (T2, [shipped("T9", 1)], "line 1: 1 to ship, but 0 open (1 Shipped)"),
        ({**T2, "quantity": 3}, [part("Created", 2)], "line 1: 3 to ship, but 2 open (2 Created)"),
        ({**T2, "line_number": "4"}, [part("Created", 2)], "the order has no line 4; it has 1"),
    ],
)
def test_what_cannot_be_shipped_is_said(row, parts, problem):
    with pytest.raises(OrderStateError) as caught:
        left("ship", row, of=order(parts))
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("row", "parts", "expected"),
    [
        (CANCEL, [part("Created", 2)], {"1": [("Cancelled", "2")]}),
        (CANCEL, [part("Cancelled", 1), part("Acknowledged", 1)], {"1": [("Cancelled", "1")]}),
        (CANCEL, [part("Cancelled", 2)], None),
        ({**CANCEL, "line_number": 1, "quantity": 1}, [part("Cancelled", 1), part("Created", 2)], None),
        ({**CANCEL, "line_number": 1, "quantity": 2}, [part("Cancelled", 1), part("Created", 2)], {"1": [("Cancelled", "1")]}),
    ],
)  # fmt: skip
def test_what_was_cancelled_is_not_cancelled_again(row, parts, expected):
    request = left("cancel", row, of=order(parts))
    assert (request and amounts(request)) == expected


def test_what_was_shipped_cannot_be_cancelled():
    with pytest.raises(OrderStateError, match="nothing is left to cancel"):
        left("cancel", CANCEL, of=order([shipped("T1", 1)]))


def refund_charge(amount: float, reason: str = "DamagedItem", kind: str = "PRODUCT") -> dict:
    return {"refundReason": reason, "charge": charge(amount, kind)}


def test_a_refund_in_full_turns_all_charges():
    charges = [
        charge(20.0, tax=1.5),
        charge(-2.0, name="SubscriptionDiscount"),
        charge(4.99, "SHIPPING", "Shipping"),
    ]
    operation, body = left("refund", REFUND, of=order([shipped("T1", 1)], charges=charges))
    assert operation == "refundOrderLines"
    assert body["orderRefund"]["purchaseOrderId"] == "1"
    (line,) = body["orderRefund"]["orderLines"]["orderLine"]
    assert (line["lineNumber"], line["isFullRefund"]) == ("1", True)
    paid = [
        (part["refundReason"], part["charge"]["chargeType"], part["charge"]["chargeAmount"]["amount"])
        for part in line["refunds"]["refund"][0]["refundCharges"]["refundCharge"]
    ]
    assert paid == [
        ("DamagedItem", "PRODUCT", -20.0),
        ("DamagedItem", "PRODUCT", 2.0),
        ("DamagedItem", "SHIPPING", -4.99),
    ]


def test_a_refund_of_an_amount_goes_by_the_charge_it_is_about():
    row = {**REFUND, "amount": "2.50", "tax": 0.2, "comments": "a scratch"}
    (line,) = left("refund", row, of=order([shipped("T1", 1)]))[1]["orderRefund"]["orderLines"]["orderLine"]
    assert line == {
        "lineNumber": "1",
        "isFullRefund": False,
        "refunds": {
            "refund": [
                {
                    "refundComments": "a scratch",
                    "refundCharges": {
                        "refundCharge": [
                            {
                                "refundReason": "DamagedItem",
                                "charge": {
                                    "chargeType": "PRODUCT",
                                    "chargeName": "ItemPrice",
                                    "chargeAmount": {"currency": "USD", "amount": -2.5},
                                    "tax": tax_of(-0.2),
                                },
                            }
                        ]
                    },
                }
            ]
        },
    }


@pytest.mark.parametrize(
    ("row", "refunds", "is_left"),
    [
        (REFUND, [], True),
        # Whatever the sign that Walmart gives it.
        (REFUND, [refund_charge(-20.0)], False),
        (REFUND, [refund_charge(20.0, "BillingError")], False),
        ({**REFUND, "amount": 5}, [refund_charge(-5.0)], False),
        ({**REFUND, "amount": 5}, [refund_charge(5.0)], False),
        # Whatever became of the reason.
        ({**REFUND, "amount": 5}, [refund_charge(-5.0, "Damaged item")], False),
        ({**REFUND, "amount": 5}, [refund_charge(-5.01)], True),
        ({**REFUND, "amount": 5, "charge_type": "shipping", "currency": "USD"}, [refund_charge(-5.0)], True),
    ],
)
def test_what_was_paid_back_is_not_paid_back_again(row, refunds, is_left):
    assert (left("refund", row, of=order([shipped("T1", 1)], refunds=refunds)) is not None) == is_left


def test_a_line_in_status_refund_was_paid_back():
    assert left("refund", REFUND, of=order([part("Refund", 1)])) is None


@pytest.mark.parametrize(
    ("row", "given", "problem"),
    [
        (REFUND, order([part("Acknowledged", 1)]), "line 1 has not been shipped (1 Acknowledged)"),
        (REFUND, order([shipped("T1", 1)], refunds=[refund_charge(-5)]), "line 1: 5.00 of 20.00 was paid back before"),
        (REFUND, order([shipped("T1", 1)], charges=[]), "line 1 has no charges that could be paid back"),
        ({**REFUND, "amount": 1, "charge_type": "SHIPPING"}, order([shipped("T1", 1)]), "give a currency"),
    ],
)  # fmt: skip
def test_what_cannot_be_paid_back_is_said(row, given, problem):
    with pytest.raises(OrderStateError) as caught:
        left("refund", row, of=given)
    assert problem in str(caught.value)


def test_orders_that_are_odd_break_nothing():
    # JSON made from XML has no list around a single one; amounts may be floats, or missing.
    single = {
        "lineNumber": 1,
        "orderLineStatuses": {"orderLineStatus": part("Created", 2.0)},
    }
    given = {"orderLines": {"orderLine": single}}
    assert statuses_of(given) == "2 Created"
    assert amounts(left("cancel", CANCEL, of=given)) == {"1": [("Cancelled", "2")]}
    for odd in ({}, {"orderLines": None}, {"orderLines": {"orderLine": [None, "x"]}}):
        with pytest.raises(OrderStateError):
            left("cancel", CANCEL, of=odd)


def shipped_with(**columns):
    return order_changes(
        "ship", [{"purchase_order_id": "1", "tracking_number": "T", "carrier": "UPS", **columns}]
    )


@pytest.mark.parametrize(
    ("given", "sent"), [("UPS", "UPS"), ("fedex", "FedEx"), ("DHL ecommerce - us", "DHL Ecommerce - US")]
)
def test_a_carrier_goes_out_as_walmart_spells_it(given, sent):
    assert shipped_with(carrier=given)[0].rows[0]["carrier"] == {"carrier": sent}


@pytest.mark.parametrize(("given", "hint"), [("FedExx", "did you mean FedEx? "), ("Pigeon Express Lane", "")])
def test_a_carrier_that_walmart_does_not_know_is_refused_with_one_that_is_alike(given, hint):
    said = f"row 1: carrier is '{given}', which Walmart doesn't know; {hint}Any other carrier goes into other_carrier"
    with pytest.raises(WalmartConfigError, match=re.escape(said)):
        shipped_with(carrier=given)


def test_carriers_of_other_markets_are_left_to_walmart():
    row = {"purchase_order_id": "1", "tracking_number": "T", "carrier": "Estafeta"}
    (change,) = order_changes("ship", [row], market="mx")
    assert change.rows[0]["carrier"] == {"carrier": "Estafeta"}


@pytest.mark.parametrize("column", ["purchase_order_id", "tracking_number", "seller_order_id", "line_number"])
@pytest.mark.parametrize("value", ["9.4E+21", 108900000000001.0])
def test_an_id_that_was_a_number_on_its_way_is_refused(column, value):
    with pytest.raises(WalmartConfigError, match=f"row 1: {column} is "):
        shipped_with(**{column: value})


@pytest.mark.parametrize(
    ("columns", "overridden"),
    [
        ({}, False),
        ({"intent_to_cancel_override": True}, True),
        ({"intent_to_cancel_override": "yes"}, True),
        ({"intentToCancelOverride": "true"}, True),
        ({"intent_to_cancel_override": "false"}, False),
        ({"intent_to_cancel_override": ""}, False),
    ],
)
def test_a_line_whose_buyer_asked_to_cancel_ships_when_its_row_says_so(columns, overridden):
    (change,) = shipped_with(**columns)
    line = {
        "lineNumber": "1",
        "orderLineStatuses": {
            "orderLineStatus": [{"status": "Acknowledged", "statusQuantity": {"amount": "1"}}]
        },
    }
    _, body = request_left(change, {"orderLines": {"orderLine": [line]}}, datetime.now(timezone.utc))
    (sent,) = body["orderShipment"]["orderLines"]["orderLine"]
    assert sent.get("intentToCancelOverride", False) is overridden


def test_an_override_that_is_neither_yes_nor_no_is_refused():
    with pytest.raises(
        WalmartConfigError, match="intent_to_cancel_override is 'perhaps'; expected true or false"
    ):
        shipped_with(intent_to_cancel_override="perhaps")


def test_an_override_of_one_line_is_not_one_of_the_others():
    rows = [
        {
            "purchase_order_id": "1",
            "tracking_number": "T",
            "carrier": "UPS",
            "line_number": "1",
            "intent_to_cancel_override": True,
        },
        {"purchase_order_id": "1", "tracking_number": "T", "carrier": "UPS", "line_number": "2"},
    ]
    (change,) = order_changes("ship", rows)
    status = {"orderLineStatus": [{"status": "Acknowledged", "statusQuantity": {"amount": "1"}}]}
    lines = [{"lineNumber": number, "orderLineStatuses": status} for number in ("1", "2")]
    _, body = request_left(change, {"orderLines": {"orderLine": lines}}, datetime.now(timezone.utc))
    sent = body["orderShipment"]["orderLines"]["orderLine"]
    assert [line.get("intentToCancelOverride", False) for line in sent] == [True, False]


def test_problems_of_rows_of_a_file_name_the_line_too():
    row = {"purchase_order_id": "1", "tracking_number": "T", "carrier": "FedExx"}
    with pytest.raises(
        WalmartConfigError, match=r"take these out of the input\):\n  row 1 \(line 4\): carrier"
    ):
        order_changes("ship", [row], lines=lambda rows: {row: row + 3 for row in rows})


def test_the_same_refund_of_29_cents_is_not_paid_twice():
    # 0.29 * 100 is 28.999999999999996.
    refund = {
        "refundCharges": {
            "refundCharge": [
                {"charge": {"chargeType": "PRODUCT", "chargeAmount": {"amount": -0.29, "currency": "USD"}}}
            ]
        }
    }
    status = {"orderLineStatus": [{"status": "Shipped", "statusQuantity": {"amount": "1"}}]}
    line = {"lineNumber": "1", "orderLineStatuses": status, "refund": refund}
    row = {"purchase_order_id": "1", "line_number": "1", "reason": "R", "amount": 0.29, "currency": "USD"}
    (change,) = order_changes("refund", [row])
    order = {"orderLines": {"orderLine": [line]}}
    assert request_left(change, order, datetime.now(timezone.utc)) is None
    line["refund"] = {}
    assert request_left(change, order, datetime.now(timezone.utc)) is not None


def test_a_full_refund_counts_what_was_paid_back_in_whole_cents():
    charge = {
        "chargeType": "PRODUCT",
        "chargeName": "ItemPrice",
        "chargeAmount": {"amount": 0.29, "currency": "USD"},
    }
    paid = {"refundCharges": {"refundCharge": [{"charge": {**charge, "chargeAmount": {"amount": -0.29}}}]}}
    status = {"orderLineStatus": [{"status": "Shipped", "statusQuantity": {"amount": "1"}}]}
    line = {
        "lineNumber": "1",
        "orderLineStatuses": status,
        "charges": {"charge": [charge, charge]},
        "refund": paid,
    }
    (change,) = order_changes("refund", [{"purchase_order_id": "1", "line_number": "1", "reason": "R"}])
    with pytest.raises(OrderStateError, match=r"0\.29 of 0\.58 was paid back before"):
        request_left(change, {"orderLines": {"orderLine": [line]}}, datetime.now(timezone.utc))


def line_of(request) -> dict:
    """Return the only line that a request changes."""
    ((_, body),) = request[1].items()
    (line,) = body["orderLines"]["orderLine"]
    return line


def test_a_full_refund_repeats_charges_with_names_and_taxes_and_the_sign_turned():
    fees = {"taxName": "Fee", "taxAmount": {"currency": "USD", "amount": 0.25}}
    given = [{**charge(20.0, name="ItemPrice", tax=1.5), "taxAndOtherFees": fees}, {"chargeType": "PRODUCT"}]
    (refund,) = line_of(left("refund", REFUND, of=order([shipped("T1", 1)], charges=given)))["refunds"][
        "refund"
    ]
    assert refund["refundCharges"]["refundCharge"] == [
        {
            "refundReason": "DamagedItem",
            "charge": {
                "chargeType": "PRODUCT",
                "chargeName": "ItemPrice",
                "chargeAmount": {"currency": "USD", "amount": -20.0},
                "tax": tax_of(-1.5),
                "taxAndOtherFees": {"taxName": "Fee", "taxAmount": {"currency": "USD", "amount": -0.25}},
            },
        }
    ]


@pytest.mark.parametrize(
    ("row", "charges", "names"),
    [
        ({}, [charge(20.0, name="Price", tax=1.5)], ("Price", "Tax1")),
        ({}, [charge(20.0, name="")], ("ItemPrice", "Tax")),
        ({"charge_type": "shipping"}, [charge(5.0, "SHIPPING", "")], ("Shipping", "Tax")),
        ({"currency": "CAD"}, [], ("ItemPrice", "Tax")),
    ],
)
def test_a_refund_of_an_amount_is_named_as_the_charge_or_as_walmart_names_such(row, charges, names):
    row = {**REFUND, **row, "amount": 1, "tax": 0.1}
    (refund,) = line_of(left("refund", row, of=order([shipped("T1", 1)], charges=charges)))["refunds"][
        "refund"
    ]
    (sent,) = refund["refundCharges"]["refundCharge"]
    assert (sent["charge"]["chargeName"], sent["charge"]["tax"]["taxName"]) == names
    assert sent["charge"]["chargeType"] == str(row.get("charge_type", "product")).upper()


def test_a_refund_that_was_made_before_does_not_keep_back_those_of_the_rows_after_it():
    rows = [{**REFUND, "amount": 2}, {**REFUND, "amount": 3}]
    given = order([shipped("T1", 1)], refunds=[{"charge": charge(-2.0)}])
    (refund,) = line_of(left("refund", *rows, of=given))["refunds"]["refund"]
    assert refund["refundCharges"]["refundCharge"][0]["charge"]["chargeAmount"]["amount"] == -3


@pytest.mark.parametrize("column", ["tax", "charge_type", "currency"])
def test_a_refund_in_full_takes_no_column_that_belongs_to_an_amount(column):
    given = {"tax": 1, "charge_type": "PRODUCT", "currency": "USD"}
    with pytest.raises(
        WalmartConfigError, match="row 1: amount is missing; tax, charge_type and currency need it"
    ):
        order_changes("refund", [{**REFUND, column: given[column]}])
    # As an empty cell of a CSV file, it is not given.
    assert order_changes("refund", [{**REFUND, column: "", "amount": ""}])


def test_a_cancellation_says_what_walmart_wants():
    assert left("cancel", {**CANCEL, "line_number": "1", "quantity": 1}, of=order([part("Created", 2)])) == (
        "cancelOrderLines",
        {
            "orderCancellation": {
                "orderLines": {
                    "orderLine": [
                        {
                            "lineNumber": "1",
                            "orderLineStatuses": {
                                "orderLineStatus": [
                                    {
                                        "status": "Cancelled",
                                        "cancellationReason": "SELLER_CANCEL_OUT_OF_STOCK",
                                        "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "1"},
                                    }
                                ]
                            },
                        }
                    ]
                }
            }
        },
    )


def test_another_carrier_the_usual_method_and_the_sellers_own_order_id_go_out():
    row = {**SHIP, "carrier": "", "other_carrier": "Hermes", "tracking_url": "https://h.example/T1"}
    line = line_of(left("ship", {**row, "seller_order_id": "S" * 30}, of=order([part("Created", 1)])))
    assert line["sellerOrderId"] == "S" * 30
    tracking = line["orderLineStatuses"]["orderLineStatus"][0]["trackingInfo"]
    assert (tracking["carrierName"], tracking["methodCode"]) == ({"otherCarrier": "Hermes"}, "Standard")


def test_a_row_is_compared_with_all_rows_of_its_order():
    other = {**SHIP, "line_number": "2"}
    with pytest.raises(WalmartConfigError, match="row 3: line and tracking_number are in row 2 already"):
        order_changes("ship", [other, {**SHIP, "line_number": "1"}, {**SHIP, "line_number": "1"}])


def test_packages_of_a_line_ship_no_more_than_is_open_together():
    rows = [{**T2, "tracking_number": "T1", "quantity": 2}, {**T2, "quantity": 2}]
    with pytest.raises(OrderStateError, match=re.escape("line 1: 2 to ship, but 1 open (3 Created)")):
        left("ship", *rows, of=order([part("Created", 3)]))


def test_a_row_for_all_lines_counts_what_is_done_of_each_of_them():
    assert left("ship", SHIP, of=order([shipped("T1", 2)], [part("Cancelled", 1)])) is None
    with pytest.raises(OrderStateError, match=re.escape("(line 1: 2 Shipped; line 2: 1 Cancelled)")):
        left("ship", SHIP, of=order([shipped("OTHER", 2)], [part("Cancelled", 1)]))


def test_quantities_of_a_status_are_added_up_in_words():
    given = order([part("Created", 2), part("Shipped", 1)], [part("Created", 1)], [])
    assert statuses_of(given) == "3 Created, 1 Shipped"
    assert statuses_of(order([])) == "no status"
    assert statuses_of(order([{"status": "Created", "statusQuantity": {"amount": "some"}}])) == "0 Created"


def test_a_line_that_an_order_lacks_is_named_with_those_it_has():
    with pytest.raises(OrderStateError, match=r"no line 7; it has 1, 2$"):
        left("cancel", {**CANCEL, "line_number": "7"}, of=order([part("Created", 1)], [part("Created", 1)]))
    with pytest.raises(OrderStateError, match=r"no line 7; it has none$"):
        left("cancel", {**CANCEL, "line_number": "7"}, of={})
