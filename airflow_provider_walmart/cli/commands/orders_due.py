"""``walmart orders due``."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument, up_to
from airflow_provider_walmart.client.values.dates import utc_now

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> None:
    """List the orders that are due soon, the most urgent first."""
    from airflow_provider_walmart.client.orders.due import orders_due

    client = marketplace(args.conn_id).client
    now = utc_now()
    found = []
    with output.progress("orders") as read:
        for order in orders_due(client):
            read(1)
            if order.due_at and order.due_at <= now + timedelta(hours=args.hours):
                found.append(order)
    found.sort(key=lambda order: str(order.due_at))
    output.rows(
        [
            {
                **asdict(order),
                "hours_left": round((order.due_at - now).total_seconds() / 3600, 1) if order.due_at else None,
            }
            for order in found
        ],
        {
            "purchase_order_id": "order",
            "action": "to do",
            "due_at": "due",
            "hours_left": "hours left",
            "cancelled_at": "Walmart cancels",
        },
        empty=f"No order is due in the next {args.hours:g} hours.",
    )


COMMAND = Command(
    "orders due",
    "list the orders to acknowledge or ship soon, the most urgent first",
    run,
    arguments=(
        CONN_ID,
        argument("--hours", type=up_to(8760), default=24.0, help="due within so many hours (default: 24)"),
        OUTPUT,
    ),
    description="Overdue ones are among them, with hours left below zero. Nothing personal is shown.",
    examples=("walmart orders due --hours 4", "walmart orders due -o json | jq length"),
)
