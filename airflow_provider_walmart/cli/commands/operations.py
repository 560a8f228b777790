"""``walmart operations``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.command import OUTPUT, Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output
    from airflow_provider_walmart.client.catalogue.operations import Operation


def run(args: Namespace, output: Output) -> None:
    """List the documented operations that a search finds."""
    from airflow_provider_walmart.client.catalogue.operations import all_operations

    words = [word.casefold() for word in args.search]
    found = (each for each in all_operations() if all(word in _searched(each) for word in words))
    output.rows(
        [_row(each) for each in found],
        {"name": "operation", "place": "method and path", "parameters": "parameters", "pages": "pages"},
        empty=f"No operation has {' and '.join(args.search)} in its name, path or group.",
    )


def _searched(operation: Operation) -> str:
    return f"{operation.name} {operation.place} {operation.group}".casefold()


def _row(operation: Operation) -> dict[str, object]:
    # The required ones first, and marked.
    named = sorted(operation.parameters, key=lambda parameter: not parameter.required)
    return {
        "name": operation.name,
        "group": operation.group,
        "market": operation.market,
        "place": operation.place,
        "parameters": " ".join(f"{each.name}{'*' if each.required else ''}" for each in named),
        "pages": "yes" if operation.paging else "",
    }


COMMAND = Command(
    "operations",
    "list the documented operations, or those that a search finds",
    run,
    arguments=(
        argument("search", nargs="*", metavar="SEARCH", help="words of name, path or group"),
        OUTPUT,
    ),
    description="Parameters with a star are required.",
    examples=("walmart operations returns", "walmart operations GET orders -o json"),
)
