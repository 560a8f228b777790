"""What pages of the site are completed with when they are read: nothing of it can be forgotten or get stale.

A line that ends in a comment such as ``<!-- made: operations -->`` gives way to the text made here. What stands in front of
the comment is for readers of the repository, where nothing is made: it links to where the text comes from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import airflow_provider_walmart
from airflow_provider_walmart.cli.commands import all_commands
from airflow_provider_walmart.client.catalogue.operations import (
    Operation,
    Parameter,
    RateLimit,
    all_feed_types,
    all_operations,
)
from airflow_provider_walmart.client.values.error_codes import all_error_codes
from airflow_provider_walmart.get_provider_info import get_provider_info
from airflow_provider_walmart.storage.tables.declarations import (
    ADDED,
    OPERATIONS,
    SETTLEMENT_LINES,
    SUBMISSIONS,
    Column,
    Table,
    all_columns,
    with_children,
)

PACKAGE = Path(airflow_provider_walmart.__file__).parent
EXAMPLES = PACKAGE.parent / "example_dags"
WALMART = "https://developer.walmart.com"
# Longer lists of values are left to Walmart's page.
MOST_VALUES = 8
PLACE = re.compile(r"^(?:.* )?<!-- made: (\S+)(?: (\S+))? -->$", re.MULTILINE)
MARKETS = {"us": "United States", "mx": "Mexico, legacy", "ca": "Canada, legacy"}
HOOK_OPTIONS = [
    "   :members:",
    "   :inherited-members: BaseHook",
    "   :exclude-members: client, client_of, settings_of",
]
PERIODS = {60: "min", 3600: "hour", 86400: "day"}


def setup(app: Any) -> dict[str, bool]:
    """Have every page completed before it is parsed."""
    app.connect("source-read", complete)
    return {"parallel_read_safe": True}


def complete(app: Any, docname: str, source: list[str]) -> None:
    """Put in what a page asks for."""
    makers: dict[str, Callable[[str | None], str]] = {
        "classes": classes_of,
        "operations": lambda _: operations(),
        "examples": lambda _: examples(),
        "feed-types": lambda _: feed_types(),
        "tables": lambda _: tables(),
        "error-codes": lambda _: error_codes(),
        "command": lambda name: command(name or ""),
        "commands": lambda _: commands(),
        "other-pages": lambda _: other_pages(Path(app.srcdir), source[0]),
    }
    source[0] = PLACE.sub(lambda found: makers[found[1]](found[2]), source[0])


def classes_of(part: str | None) -> str:
    """Return the reference of all public classes in the modules that the provider lists as a part.

    Only the docstring of an operator, a sensor or a trigger is for its user; of a hook, each method is.
    """
    lines = []
    modules = [module for entry in get_provider_info()[part or ""] for module in entry["python-modules"]]
    for module in sorted(modules):
        lines += [f"## {module.removeprefix('airflow_provider_walmart.')}", "", "```{eval-rst}"]
        lines += [f".. py:currentmodule:: {module}", ""]
        for name in public_classes(module):
            lines += [f".. autoclass:: {module}.{name}"]
            lines += HOOK_OPTIONS if part == "hooks" else []
            lines += [""]
        lines += ["```", ""]
    return "\n".join(lines)


def public_classes(module: str) -> list[str]:
    """Return the names of the public classes that a module defines."""
    path = PACKAGE.parent / f"{module.replace('.', '/')}.py"
    tree = ast.parse(path.read_text())
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]


def operations() -> str:
    """Return tables of all catalogued operations, by market and group."""
    lines = []
    for market, of_market in groupby(all_operations(), key=lambda operation: operation.market):
        rows = sorted(of_market, key=lambda operation: operation.group)
        lines += [f"## {MARKETS[market]}: {len(rows)} operations", ""]
        for group, of_group in groupby(rows, key=lambda operation: operation.group):
            lines += [f"### {group}", "", "| operation | parameters | pages | limits |", "|---|---|---|---|"]
            lines += [row(operation) for operation in of_group]
            lines += [""]
    return "\n".join(lines)


def row(operation: Operation) -> str:
    """Return the line of an operation."""
    name = f"`{operation.name}`<br>`{operation.place}`"
    if operation.operation_id:
        slug = re.sub(r"[^a-z0-9]+", "-", operation.operation_id.lower()).strip("-")
        name += f"<br>[Walmart's page]({WALMART}/{operation.market}-marketplace/reference/{slug})"
    told = [parameter_text(parameter) for parameter in operation.parameters]
    if operation.body:
        told.append("**body**" if operation.body_required else "body")
    pages = operation.paging.style if operation.paging else ""
    limits = ", ".join(limit_text(limit) for limit in operation.limits)
    return f"| {name} | {', '.join(told)} | {pages} | {limits} |"


def parameter_text(parameter: Parameter) -> str:
    """Return a parameter as text: bold when the caller has to give it, with the values that are allowed."""
    text = f"`{parameter.name}`"
    if parameter.required and parameter.default is None:
        text = f"**{text}**"
    if 1 < len(parameter.enum) <= MOST_VALUES:
        return f"{text} ({', '.join(parameter.enum)})"
    if parameter.minimum is not None and parameter.maximum is not None:
        return f"{text} ({parameter.minimum} to {parameter.maximum})"
    return text


def examples() -> str:
    """Return all example DAGs, whole, each with what its docstring says."""
    lines = []
    for path in sorted(EXAMPLES.glob("*.py")):
        about = (ast.get_docstring(ast.parse(path.read_text())) or "").replace("``", "`")
        lines += [f"## {path.stem}", "", about, "", "```{literalinclude} ../example_dags/" + path.name]
        lines += [":language: python", ":start-at: from __future__", "```", ""]
    return "\n".join(lines)


def feed_types() -> str:
    """Return a table of what is published about uploads."""
    lines = ["| feed type | uploads | largest file |", "|---|---|---|"]
    for feed in sorted(all_feed_types(), key=lambda feed: feed.name.lower()):
        limits = ", ".join(limit_text(limit) for limit in feed.limits)
        size = f"{feed.max_bytes / 1_000_000:g} MB" if feed.max_bytes else ""
        lines.append(f"| `{feed.name}` | {limits} | {size} |")
    return "\n".join(lines)


def error_codes() -> str:
    """Return a table of the error codes that are known."""
    lines = ["| code | what it means | what to do | known from |", "|---|---|---|---|"]
    lines += [
        f"| `{known.code}` | {known.meaning} | {known.to_do} | {known.source} |"
        for known in all_error_codes()
    ]
    return "\n".join(lines)


def commands() -> str:
    """Return a table of the commands of the command line, each with a page of its own."""
    lines = ["| command | what it does |", "|---|---|"]
    lines += [
        f"| [`walmart {command.words}`](commands/{command.words.replace(' ', '-')}.md) | {command.help} |"
        for command in all_commands()
    ]
    return "\n".join(lines)


def command(page: str) -> str:
    """Return how one command is called: its arguments, as its help has them, and its examples."""
    (found,) = (each for each in all_commands() if each.words.replace(" ", "-") == page)
    lines = [*([found.description, ""] if found.description else []), "```bash", *found.examples, "```", ""]
    lines += ["| argument | what it is |", "|---|---|"]
    for each in found.all_arguments:
        name = each.options.get("metavar") or each.flags[0]
        value = "" if each.options.get("action") == "store_true" else f" {each.options.get('metavar', '...')}"
        shown = ", ".join(each.flags) + value if each.flags[0].startswith("-") else name
        lines.append(f"| `{shown}` | {each.options['help']} |")
    return "\n".join(lines)


def tables() -> str:
    """Return the columns of all tables."""
    lines = []
    sources: dict[str, list[str]] = {}
    columns: dict[str, tuple[Column, ...]] = {}
    about: dict[str, Table] = {}
    for operation, table in [
        *OPERATIONS.items(),
        ("settlement reports", SETTLEMENT_LINES),
        ("submissions_path", SUBMISSIONS),
    ]:
        of_operation = all_columns(table)
        columns |= of_operation
        about |= {one.name: one for one in with_children(table)}
        for name in of_operation:
            sources.setdefault(name, []).append(f"`{operation}`")
    for name, of_table in columns.items():
        key = ", ".join(f"`{column}`" for column in about[name].key)
        lines += [f"## {name}", "", f"{about[name].about} Key: {key}. From {', '.join(sources[name])}.", ""]
        lines += ["| column | type | in Walmart's record | personal |", "|---|---|---|---|"]
        for column in of_table[: -len(ADDED)]:
            path = " or ".join(f"`{one}`" for one in (column.path, column.or_path) if one and one[0] != "#")
            lines.append(f"| `{column.name}` | {column.type} | {path} | {'yes' if column.personal else ''} |")
        lines.append("")
    return "\n".join(lines)


def limit_text(limit: RateLimit) -> str:
    """Return a rate limit as text, such as ``60/min``."""
    text = f"{limit.count}/{PERIODS[limit.per_seconds]}"
    if limit.when == "*":
        return f"{text} with any parameter"
    return f"{text} with `{limit.when}`" if limit.when else text


def other_pages(folder: Path, index: str) -> str:
    """Return a table of contents of the pages that the index doesn't name, so that none is ever lost."""
    named = set(re.findall(r"^[\w/-]+$", index, re.MULTILINE))
    others = sorted(page.stem for page in folder.glob("*.md") if page.stem not in {*named, "index"})
    return "\n".join(["```{toctree}", ":caption: More", "", *others, "```"]) if others else ""
