"""Orders of every shape that Walmart's own examples have, and worse: with what must be found of them in tables."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

STATUSES = ("Created", "Acknowledged", "Shipped", "Delivered", "Cancelled", "Refund")
TEXTS = ("Zoë", "日本語", "🧺 basket", 'quote " and \\', "line\nbreak", "\u0000", "", "a" * 5000, "e\u0301")
HUGE = ("99999999999999.9999", "-99999999999999.9999", "0.0001", "1e3", "12345678901.5")
MISSING = object()
NUMBER = re.compile(r'"#number ([^"]*)"')


class Facts:
    """What the tables must hold of the orders that were made."""

    def __init__(self) -> None:
        self.orders = self.lines = self.charges = self.statuses = self.refunds = 0
        self.charged = self.taxed = self.refunded = Decimal(0)
        self.quantity = 0
        self.by_status: Counter[str] = Counter()
        #: Values that no column can hold, each of which must be in an ``_extra``.
        self.strays: set[str] = set()


class Shapes:
    """Makes values in one of the shapes that stand for the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.facts = Facts()
        self._stray = 0

    def number(self, value: Decimal | int) -> Any:
        """A number, or a text that says it."""
        return self.random.choice((value, value, str(value), f" {value} "))

    def text(self, value: str) -> Any:
        return int(value) if value.isdigit() and value[0] != "0" and self.random.random() < 0.2 else value

    def listed(self, values: list[Any]) -> Any:
        """A list, or one thing for a list of one; nothing in one of its shapes."""
        if not values:
            return self.random.choice(([], None, MISSING))
        return values[0] if len(values) == 1 and self.random.random() < 0.3 else values

    def wrapped(self, name: str, values: list[Any]) -> Any:
        """A list inside an object, or without it."""
        found = self.listed(values)
        if found is MISSING or (found is None and self.random.random() < 0.5):
            return self.random.choice(({}, None, MISSING))
        if isinstance(found, list) and self.random.random() < 0.1:
            return found
        return {name: found}

    def new_key(self, record: dict[str, Any]) -> None:
        """Put something in that no document tells of."""
        if self.random.random() < 0.1:
            self._stray += 1
            stray = f"stray-{self._stray}"
            self.facts.strays.add(stray)
            record[self.random.choice(("brandNew", "x", "ünïcode", "a.b"))] = self.random.choice(
                (stray, {"deep": [stray]}, [{"deeper": {"still": stray}}])
            )

    def scalar_as_object(self, record: dict[str, Any], name: str) -> None:
        """Put an object where a text belongs."""
        if self.random.random() < 0.03:
            self._stray += 1
            stray = f"stray-{self._stray}"
            self.facts.strays.add(stray)
            record[name] = {"value": stray}

    def money(self, low: int, high: int) -> Decimal:
        if self.random.random() < 0.02:
            return Decimal(self.random.choice(HUGE)) * (1 if high > 0 else -1)
        return Decimal(self.random.randint(low, high)) / 100

    def charge(self, low: int, high: int) -> tuple[dict[str, Any], Decimal, Decimal]:
        amount, tax = self.money(low, high), self.money(0, 999)
        made = {
            "chargeType": "PRODUCT",
            "chargeName": self.random.choice(TEXTS),
            "chargeAmount": {"currency": "USD", "amount": self.number(amount)},
        }
        if self.random.random() < 0.8:
            made["tax"] = {"taxName": "Tax1", "taxAmount": {"currency": "USD", "amount": self.number(tax)}}
        else:
            tax = Decimal(0)
            made["tax"] = self.random.choice((None, {}, []))
        self.new_key(made)
        return made, amount, tax

    def line(self, number: int) -> dict[str, Any]:
        facts = self.facts
        quantity = self.random.randint(0, 10**6)
        facts.lines += 1
        facts.quantity += quantity
        charges = []
        for _ in range(self.random.choice((0, 1, 1, 2, 5))):
            charge, amount, tax = self.charge(0, 99_999)
            facts.charges += 1
            facts.charged += amount
            facts.taxed += tax
            charges.append(charge)
        statuses = []
        for _ in range(self.random.choice((0, 1, 1, 3))):
            status = self.random.choice(STATUSES)
            facts.statuses += 1
            facts.by_status[status] += 1
            statuses.append({"status": status, "statusQuantity": {"amount": str(quantity)}})
            self.new_key(statuses[-1])
        made: dict[str, Any] = {
            "lineNumber": self.text(str(number)),
            "item": {"sku": self.random.choice(TEXTS), "productName": self.random.choice(TEXTS)},
            "orderLineQuantity": {"amount": self.number(quantity)},
            "charges": self.wrapped("charge", charges),
            "orderLineStatuses": self.wrapped("orderLineStatus", statuses),
            "statusDate": self.random.choice(
                (1_700_000_000_000, "1700000000000", "2026-11-01T00:00:00Z", None, "")
            ),
        }
        if self.random.random() < 0.3:
            self.refund(made)
        self.scalar_as_object(made["item"], "condition")
        self.new_key(made)
        return made

    def refund(self, line: dict[str, Any]) -> None:
        rows = []
        for _ in range(self.random.choice((1, 2))):
            charge, amount, _tax = self.charge(-9999, -1)
            self.facts.refunds += 1
            self.facts.refunded += amount
            rows.append({"refundReason": "Damaged", "charge": charge})
        refund = {"refundId": "R1", "refundCharges": {"refundCharge": rows[0] if len(rows) == 1 else rows}}
        if self.random.random() < 0.5:
            line["refund"] = refund
        else:
            line["refunds"] = {"refundLines": {"refundLine": [refund]}}

    def order(self, number: int) -> dict[str, Any]:
        self.facts.orders += 1
        lines = [self.line(one + 1) for one in range(self.random.choice((0, 1, 1, 1, 2, 7)))]
        made: dict[str, Any] = {
            "orderLines": self.wrapped("orderLine", lines),
            "purchaseOrderId": self.text(str(1_000_000 + number)),
            "orderDate": self.random.choice(
                (1_700_000_000_000, "2026-11-01T00:00:00.000Z", "soon", -1, 10**30, True)
            ),
            "isGuest": self.random.choice((True, "false", 1, None, "maybe")),
            "shippingInfo": self.random.choice(
                (
                    None,
                    {},
                    "none",
                    [],
                    {"phone": "555-secret", "postalAddress": {"name": "secret", "city": "X"}},
                )
            ),
        }
        self.new_key(made)
        return without_missing(made)


def without_missing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_missing(inner) for name, inner in value.items() if inner is not MISSING}
    return [without_missing(inner) for inner in value] if isinstance(value, list) else value


def hostile_orders(count: int, facts_of: Shapes) -> Iterator[bytes]:
    """Yield orders as JSON; the facts of all of them are in the maker afterwards."""
    for number in range(count):
        made = facts_of.order(number)
        # A Decimal is written as the number it is.
        marked = json.dumps(made, default=lambda value: f"#number {value}", ensure_ascii=number % 2 == 0)
        yield NUMBER.sub(r"\1", marked).encode()
