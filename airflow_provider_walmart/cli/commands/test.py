"""``walmart test``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.account import any_account
from airflow_provider_walmart.cli.command import OUTPUT, Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> int:
    """Test a connection as the button of Airflow's form does."""
    from airflow_provider_walmart.cli.output import printable

    hook = any_account(args.conn_id)
    # The button's message names the field alone, since the page shows it unmasked; a terminal is the user's own.
    hook.settings_of(hook.get_connection(args.conn_id))
    is_good, message = hook.test_connection()
    if output.as_json:
        output.document({"connection": args.conn_id, "ok": is_good, "message": message})
    else:
        output.text(printable(message))
    return 0 if is_good else 1


COMMAND = Command(
    "test",
    "test a connection: ask Walmart for a token, and what it may do",
    run,
    arguments=(
        argument("conn_id", help="id of a connection of type walmart or walmart_golocal"),
        OUTPUT,
    ),
    examples=("walmart test walmart_default", "walmart test walmart_default && walmart feeds list"),
)
