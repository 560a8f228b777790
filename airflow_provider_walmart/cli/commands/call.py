"""``walmart call``."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, Command, argument
from airflow_provider_walmart.client.errors import WalmartConfigError

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output

T = TypeVar("T")


def run(args: Namespace, output: Output) -> int | None:
    """Call one operation and show what it answers, as JSON."""
    from airflow_provider_walmart.client.catalogue.operations import find

    operation = find(args.operation)
    params = params_of(args.params)
    body = _body(args.body)
    if not operation.safe_to_retry:
        if not args.write:
            raise WalmartConfigError(
                f"{operation.name} ({operation.place}) changes something: --write allows it. Nothing was sent."
            )
        if not args.yes and not _is_confirmed(f"Send {operation.place} with the account of {args.conn_id}?"):
            print("Nothing was sent.", file=sys.stderr)  # noqa: T201 - the command line
            return 1
    client = marketplace(args.conn_id).client
    if args.all:
        found = client.paginate(operation.name, body=body, params=params)
        with output.progress("records") as read:
            output.stream(_counted(found, read))
        return None
    answer = client.call(operation.name, body=body, params=params)
    if isinstance(answer, bytes):
        output.file.flush()
        output.file.buffer.write(answer)
    else:
        output.document(answer)
    return None


def params_of(pairs: Iterable[str]) -> dict[str, Any]:
    """Return parameters from ``name=value``; a name that comes more than once has a list.

    :raises WalmartConfigError: for what is no such pair.
    """
    found: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise WalmartConfigError(f"{pair!r} is no parameter; expected name=value, such as limit=10.")
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _body(text: str | None) -> Any:
    if text is None:
        return None
    try:
        if text.startswith("@"):
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise WalmartConfigError(f"--body: {text[1:]} could not be read ({error.strerror}).") from None
    except ValueError as error:
        raise WalmartConfigError(f"--body is not JSON: {error}.") from None


def _is_confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise WalmartConfigError(
            "A write is confirmed at a terminal; --yes confirms it in a script. Nothing was sent."
        )
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - the command line
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def _counted(values: Iterable[T], read: Any) -> Iterator[T]:
    for value in values:
        read(1)
        yield value


COMMAND = Command(
    "call",
    "call one documented operation and show its answer as JSON",
    run,
    arguments=(
        argument("operation", help="operation id, or method and path; `walmart operations` lists them"),
        argument("params", nargs="*", metavar="name=value", help="parameters by Walmart's names"),
        CONN_ID,
        argument("--all", action="store_true", help="all pages: a JSON list of their records, one a line"),
        argument("--body", metavar="JSON", help="body of the call: JSON, @file, or @- for standard input"),
        argument("--write", action="store_true", help="allow an operation that changes something"),
        argument("--yes", action="store_true", help="with --write: don't ask"),
    ),
    description="Reads only, unless --write is given. A write is sent once, after a confirmation.",
    examples=(
        "walmart call getAnOrder purchaseOrderId=108900000000016",
        "walmart call getAllOrders status=Created --all | jq length",
        "walmart call 'GET /v3/inventory' sku=SKU-000001",
        """walmart call updateInventoryForAnItem sku=SKU-000001 --write --body @stock.json""",
    ),
)
