"""What a command is: its words, its arguments, and the function that does it."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output

#: What the groups of commands are about.
GROUPS = {
    "feeds": "feeds of an account: which came through, and which items did not",
    "items": "items of an account",
    "orders": "orders of an account",
    "reports": "reports of an account",
}


@dataclass(frozen=True)
class Argument:
    """One argument of a command, as `argparse.ArgumentParser.add_argument` takes it."""

    flags: tuple[str, ...]
    options: Mapping[str, Any]


def argument(*flags: str, **options: Any) -> Argument:
    """Return an argument.

    :param flags: its name, or its flags.
    :param options: ``help``, ``action``, ``default``, ``nargs``, ``type``, ``choices``, ``metavar``, ``dest``.
    """
    return Argument(flags, options)


def up_to(most: float) -> Callable[[str], float]:
    """Return what reads a number of an argument.

    :param most: it is from 0 to this.
    """

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no number") from None
        if not 0 <= value <= most:
            raise ArgumentTypeError(f"{text} is not from 0 to {most:g}")
        return value

    return number


CONN_ID = argument(
    "-c",
    "--conn-id",
    default="walmart_default",
    help="id of a connection of type walmart (default: walmart_default)",
)
OUTPUT = argument(
    "-o", "--output", choices=("table", "json"), default="table", help="table for people, json for programs"
)
VERBOSE = argument(
    "-v", "--verbose", action="store_true", help="show log lines, and where an error came from"
)


@dataclass(frozen=True)
class Command:
    """One command.

    :param words: what is typed behind ``walmart``: its name, with that of its group in front.
    :param help: what it does, in one line.
    :param run: does it; gets the parsed arguments and where results go, returns the exit code (None: 0).
    :param arguments: its arguments; ``--verbose`` has every command.
    :param description: what else is to be said; default: nothing.
    :param examples: command lines, shown below the help.
    """

    words: str
    help: str
    run: Callable[[Namespace, Output], int | None]
    arguments: tuple[Argument, ...] = ()
    description: str = ""
    examples: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Name of its group; empty where it has none."""
        return self.words.rpartition(" ")[0]

    @property
    def name(self) -> str:
        """Its name within its group."""
        return self.words.rpartition(" ")[2]

    @property
    def epilog(self) -> str:
        """Its examples, as the help shows them."""
        return "\n".join(("examples:", *(f"  {line}" for line in self.examples))) if self.examples else ""

    @property
    def all_arguments(self) -> tuple[Argument, ...]:
        """Its arguments, and those that every command has."""
        return (*self.arguments, VERBOSE)

    @property
    def full_description(self) -> str:
        """What it does, as the head of its help says it."""
        sentence = f"{self.help[:1].upper()}{self.help[1:]}."
        return f"{sentence}\n\n{self.description}" if self.description else sentence
