"""Running a command: what it prints where, how errors are said, and its exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from typing import TextIO

from airflow_provider_walmart import __version__
from airflow_provider_walmart.cli.command import GROUPS, Command
from airflow_provider_walmart.cli.commands import all_commands
from airflow_provider_walmart.cli.output import Output, printable
from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartError,
    WalmartRateLimitError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)

REFUSED, BAD_INPUT, TRY_LATER, UNKNOWN_OUTCOME, INTERRUPTED = 1, 2, 3, 4, 130
AS_WRITTEN = RawDescriptionHelpFormatter
EPILOG = """\
examples:
  walmart test walmart_default
  walmart feeds list --days 7 --failed
  walmart feeds errors 3F1C0A6C@AQMBAQA -o json
  walmart feeds errors --help

exit codes:
  0  done
  1  Walmart refused it, or what was tested is not good
  2  bad input: nothing was sent
  3  no answer, a failure at Walmart, or too many calls: try again later
  4  a write was sent, and whether Walmart acted on it is unknown: check before sending it again"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``walmart ...``.

    :param arguments: what follows the name of the program; None: those of this process.
    """
    args = parser().parse_args(arguments)
    sys.exit(perform(args.command, args))


def perform(command: Command, args: Namespace) -> int:
    """Run one command and return its exit code.

    Nothing but its result goes to the standard output: log lines, progress and errors go to the standard error.

    :param command: the command.
    :param args: its parsed arguments.
    """
    with _results_alone() as results, warnings.catch_warnings():
        if args.verbose:
            logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        else:
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
        try:
            code = command.run(args, Output(results, as_json=getattr(args, "output", "") == "json")) or 0
            results.flush()
            return code
        except WalmartError as error:
            if args.verbose:
                logging.getLogger(__name__).info("It came from here", exc_info=True)
            _say(error)
            return _exit_code(error)
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)  # noqa: T201 - the command line
            return INTERRUPTED
        except BrokenPipeError:
            # Whoever reads has enough, as `head` does; nothing is left to be written when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), results.fileno())
            return 0
        except Exception as error:
            # Not its text: it may come from anywhere, and hold a secret.
            logging.getLogger(__name__).info("It came from here", exc_info=True)
            print(  # noqa: T201 - the command line
                f"Error: {type(error).__name__}, which should not happen; --verbose shows where it came from.",
                file=sys.stderr,
            )
            return REFUSED
        finally:
            logging.disable(logging.NOTSET)


@contextlib.contextmanager
def _results_alone() -> Iterator[TextIO]:
    """Yield a stream to the standard output, while everybody else's output goes to the standard error.

    Airflow 3.2 logs to the standard output, from handlers made before: only on the level of the file descriptor all
    of it is caught.
    """
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with (
            os.fdopen(os.dup(saved), "w", encoding="utf-8", errors="replace") as results,
            contextlib.redirect_stdout(sys.stderr),
        ):
            yield results
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def _say(error: WalmartError) -> None:
    text, hint = str(error), f" Hint: {error.hint}"
    if error.hint and hint in text:
        text = f"{text.replace(hint, '')}\nHint: {error.hint}"
    # What Walmart says may hold what a terminal obeys.
    for line in f"Error: {text}".splitlines():
        print(printable(line), file=sys.stderr)  # noqa: T201 - the command line


def _exit_code(error: WalmartError) -> int:
    if isinstance(error, WalmartConfigError):
        return BAD_INPUT
    if isinstance(error, WalmartUnknownOutcomeError):
        return UNKNOWN_OUTCOME
    if isinstance(error, (WalmartConnectionError, WalmartServerError, WalmartRateLimitError)):
        return TRY_LATER
    return REFUSED


def parser() -> ArgumentParser:
    """Return what reads the command line ``walmart ...``."""
    top = ArgumentParser(
        prog="walmart",
        description="Inspect Walmart accounts.",
        epilog=EPILOG,
        formatter_class=AS_WRITTEN,
    )
    top.add_argument("--version", action="version", version=f"airflow-provider-walmart {__version__}")
    groups = {"": top.add_subparsers(metavar="COMMAND", required=True)}
    for command in all_commands():
        if command.group not in groups:
            about = GROUPS[command.group]
            group = groups[""].add_parser(command.group, help=about, description=f"{about.capitalize()}.")
            groups[command.group] = group.add_subparsers(metavar="COMMAND", required=True)
        own = groups[command.group].add_parser(
            command.name,
            help=command.help,
            description=command.full_description,
            epilog=command.epilog,
            formatter_class=AS_WRITTEN,
        )
        for each in command.all_arguments:
            own.add_argument(*each.flags, **each.options)
        own.set_defaults(command=command)
    return top
