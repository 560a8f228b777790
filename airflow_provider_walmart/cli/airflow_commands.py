"""The commands as Airflow takes them: ``airflow walmart ...`` (Airflow 3.2 and later)."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.command import GROUPS, Command
from airflow_provider_walmart.cli.commands import all_commands

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, CLICommand, GroupCommand


def get_commands() -> list[CLICommand]:
    """Return the group ``walmart``."""
    from airflow.cli.cli_config import GroupCommand

    groups: dict[str, list[Command]] = defaultdict(list)
    for command in all_commands():
        groups[command.group].append(command)
    subcommands: list[ActionCommand | GroupCommand] = [_action(command) for command in groups.pop("", ())]
    for name, commands in groups.items():
        actions = [_action(command) for command in commands]
        subcommands.append(GroupCommand(name=name, help=GROUPS[name], subcommands=actions))
    return [
        GroupCommand(
            name="walmart",
            help="Inspect Walmart accounts",
            subcommands=sorted(subcommands, key=lambda each: each.name),
        )
    ]


def _action(command: Command) -> ActionCommand:
    from airflow.cli.cli_config import ActionCommand, Arg

    return ActionCommand(
        name=command.name,
        help=command.help,
        description=command.full_description,
        func=_function(command),
        args=[
            Arg(flags=each.flags, **each.options)  # type: ignore[no-untyped-call]
            for each in command.all_arguments
        ],
        epilog=command.epilog.replace("  walmart ", "  airflow walmart "),
    )


def _function(command: Command) -> Callable[[Namespace], None]:
    def run(args: Namespace) -> None:
        from airflow_provider_walmart.cli.main import perform

        sys.exit(perform(command, args))

    return run
