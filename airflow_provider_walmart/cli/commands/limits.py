"""``walmart limits``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> None:
    """Show what is left of the rate budgets, the busiest first; Walmart is not asked."""
    throttle = marketplace(args.conn_id).client.session.throttle
    budgets = throttle.budgets() if throttle else []
    shown = [each for each in budgets if args.all or each.left < each.count or each.blocked_until]
    shown.sort(key=lambda each: (each.blocked_until is None, each.left / each.count, each.bucket))
    output.rows(
        [
            {
                "bucket": each.bucket,
                "left": each.left,
                "count": each.count,
                "per_seconds": each.per_seconds,
                "blocked_until": each.blocked_until,
            }
            for each in shown
        ],
        {
            "bucket": "budget",
            "left": "left",
            "count": "of",
            "per_seconds": "per seconds",
            "blocked_until": "blocked until",
        },
        empty="All rate budgets are full.",
    )


COMMAND = Command(
    "limits",
    "show what is left of the rate budgets in use, the busiest first",
    run,
    arguments=(CONN_ID, argument("--all", action="store_true", help="those that are full, too"), OUTPUT),
    description=(
        "They are read from the shared state store of this host, or of Redis; Walmart is not asked. A time in "
        "'blocked until' was named by Walmart with a 429."
    ),
    examples=("walmart limits", "walmart limits --all -o json"),
)
