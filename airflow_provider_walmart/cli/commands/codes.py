"""``walmart codes``."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.command import OUTPUT, Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> int:
    """Show what is known of error codes; exit code 1 when that is nothing."""
    from airflow_provider_walmart.client.values.error_codes import ACTIONS, all_error_codes, find_error_code

    if args.code:
        found = [known for code in args.code if (known := find_error_code(code))]
    else:
        found = list(all_error_codes())
    output.rows(
        [{**asdict(each), "action": ACTIONS[each.action]} for each in found],
        {"code": "code", "meaning": "meaning", "action": "what to do", "source": "known from"},
        empty="Nothing is known of it: Walmart's own text is all there is to go by.",
    )
    return 0 if found else 1


COMMAND = Command(
    "codes",
    "show what Walmart's error codes mean and what to do about them",
    run,
    arguments=(argument("code", nargs="*", metavar="CODE", help="codes to look up; none: all"), OUTPUT),
    examples=("walmart codes ERR_EXT_DATA_0101119", "walmart codes -o json"),
)
