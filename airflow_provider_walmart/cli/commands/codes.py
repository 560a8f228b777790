"""``walmart codes``."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.command import OUTPUT, Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> int:
    """Show what is known of error codes; exit code 1 when nothing is known of one of them."""
    from airflow_provider_walmart.client.values.error_codes import ACTIONS, all_error_codes, find_error_code

    looked_up = {code: find_error_code(code) for code in args.code}
    unknown = [code for code, known in looked_up.items() if known is None]
    found = [known for known in looked_up.values() if known] if looked_up else list(all_error_codes())
    output.rows(
        [{**asdict(each), "action": ACTIONS[each.action], "to_do": each.to_do} for each in found],
        {"code": "code", "meaning": "meaning", "to_do": "what to do", "source": "known from"},
        empty="Walmart's own text is all there is to go by.",
    )
    if unknown:
        print(f"Nothing is known of {', '.join(unknown)}.", file=sys.stderr)  # noqa: T201 - the command line
    return 1 if unknown else 0


COMMAND = Command(
    "codes",
    "show what Walmart's error codes mean and what to do about them",
    run,
    arguments=(argument("code", nargs="*", metavar="CODE", help="codes to look up; none: all"), OUTPUT),
    examples=("walmart codes ERR_EXT_DATA_0101119", "walmart codes -o json"),
)
