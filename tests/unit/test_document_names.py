"""Names in the running text of the documents are those of the code: classes, parameters, options, commands."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseSensorOperator
from airflow.sdk import DAG

from airflow_provider_walmart.cli.commands import all_commands
from airflow_provider_walmart.cli.main import parser
from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.feeds.feed_types import _KNOWN
from airflow_provider_walmart.client.golocal.client import CATALOGUE
from airflow_provider_walmart.client.orders.rows import KINDS
from airflow_provider_walmart.get_provider_info import (
    GOLOCAL_CONN_FIELDS,
    WALMART_CONN_FIELDS,
    get_provider_info,
)
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.sandbox.__main__ import _parser
from tests.helpers.documents import CHECKOUT, DOCUMENTS, FENCE
from tests.helpers.public_names import public_names

CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# On Airflow 3.3 only.
NOT_EVERYWHERE = {"WalmartRetryPolicy"}


def spans() -> Iterator[tuple[str, str]]:
    """Yield the code in the running text of all documents that are about today, each with where it stands."""
    for path in DOCUMENTS:
        if path.name != "CHANGELOG.md":
            for text in CODE.findall(FENCE.sub("", path.read_text())):
                yield str(path.relative_to(CHECKOUT)), text


@cache
def classes() -> dict[str, Any]:
    """Return the public classes and functions of the package by name."""
    return {name: thing for _, name, thing in public_names() if callable(thing)}


def parameters_of(thing: Any) -> set[str]:
    """Return the names of all parameters, for a class those of the classes it is made of, too."""
    makers = inspect.getmro(thing) if isinstance(thing, type) else (thing,)
    found = set()
    for one in makers:
        # What is written in C has none.
        with suppress(ValueError):
            found |= set(inspect.signature(one).parameters)
    return found


@cache
def known_parameters() -> set[str]:
    hooks = [
        method
        for hook in (WalmartHook, WalmartGoLocalHook)
        for name, method in inspect.getmembers(hook, inspect.isfunction)
        if name[0] != "_"
    ]
    ours = set().union(*map(parameters_of, [*classes().values(), *hooks]))
    return ours | parameters_of(BaseSensorOperator) | parameters_of(DAG)


def keywords_in(text: str) -> list[str]:
    """Return the names in a text that is keyword arguments and nothing else, such as ``strict=False``."""
    if " = " in text:
        return []
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except SyntaxError:
        return []
    if not isinstance(call, ast.Call) or call.args or ast.unparse(call.func) != "f":
        return []
    # Environment variables and targets of make are written like this, too.
    return [keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg.islower()]


def test_classes_that_documents_name_are_there():
    named = {(where, text) for where, text in spans() if re.fullmatch(r"Walmart[A-Z]\w+", text)}
    assert len({text for _, text in named}) > 20
    assert [
        (where, text) for where, text in named if text not in classes() and text not in NOT_EVERYWHERE
    ] == []


def test_keyword_arguments_that_documents_name_are_there():
    # Airflow's decorator hands on what it doesn't know itself, and policies came with Airflow 3.3.
    of_task = {"show_return_value_in_logs", "retry_policy"}
    named = [(where, text, name) for where, text in spans() for name in keywords_in(text)]
    assert len(named) > 40
    known = known_parameters() | of_task
    assert [found for found in named if found[2] not in known] == []


def test_calls_that_documents_name_take_these_keywords():
    called = [
        (where, text, call)
        for where, text in spans()
        for call in [_call(text)]
        if call is not None and ast.unparse(call.func) in classes()
    ]
    assert len(called) > 5
    wrong = [
        (where, text)
        for where, text, call in called
        if not {keyword.arg for keyword in call.keywords} <= parameters_of(classes()[ast.unparse(call.func)])
    ]
    assert wrong == []


def _call(text: str) -> ast.Call | None:
    try:
        found = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    return found if isinstance(found, ast.Call) else None


def test_options_that_documents_name_are_there():
    options = set(get_provider_info()["config"]["walmart"]["options"])
    text = "".join(path.read_text() for path in DOCUMENTS)
    named = set(map(str.lower, re.findall(r"AIRFLOW__WALMART__([A-Z_]*[A-Z])", text)))
    named |= set(re.findall(r"\[walmart\] (\w+)", text))
    assert named
    assert {name.removesuffix("_secret").removesuffix("_cmd") for name in named} <= options


def test_commands_that_documents_name_are_there(capsys):
    named = {found for found in spans() if re.match(r"walmart [a-z]", found[1])}
    whole = {f"walmart {command.words}" for command in all_commands()}
    assert len(named) > 20
    assert [found for found in named if found[1] not in whole and not is_command(found[1])] == []


def is_command(text: str) -> bool:
    try:
        parser().parse_args(shlex.split(text)[1:])
    except SystemExit as end:
        return end.code == 0
    return True


def rows_of_table(page: str, heading: str) -> dict[str, set[str]]:
    """Return the first table behind a heading: the code in each row, by that in its first cell."""
    text = "\n" + (CHECKOUT / "docs" / page).read_text()
    section = text.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0].split("|---", 1)[1]
    lines = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return {CODE.findall(cells[1])[0]: set(CODE.findall("|".join(cells[2:]))) for cells in lines}


def test_columns_of_feeds_that_the_page_lists_are_there():
    listed = rows_of_table("feeds.md", "### Columns")
    assert set(map(str.lower, listed)) == set(_KNOWN)
    for feed_type, same in (("MP_INVENTORY", "inventory"), ("PRICE_AND_PROMOTION", "price")):
        assert not listed[feed_type]
        listed[feed_type] = listed[same]
    assert {name.lower(): columns for name, columns in listed.items()} == {
        name: set(known.columns) for name, known in _KNOWN.items()
    }


def test_columns_of_orders_that_the_page_lists_are_there():
    assert rows_of_table("orders.md", "## Columns") == {
        name: {"purchase_order_id", *kind.columns} for name, kind in KINDS.items()
    }


@pytest.mark.parametrize(
    ("page", "heading", "fields"),
    [
        ("connections.md", "## Walmart Marketplace", WALMART_CONN_FIELDS),
        ("golocal.md", "## Connection", GOLOCAL_CONN_FIELDS),
    ],
)
def test_fields_of_connections_that_a_page_lists_are_there(page, heading, fields):
    assert set(rows_of_table(page, heading)) == set(fields)


def test_options_of_the_sandbox_that_its_page_lists_are_there():
    options = {name for action in _parser()._actions for name in action.option_strings}
    listed = rows_of_table("sandbox.md", "# Sandbox server")
    assert {text.split()[0] for text in listed} == options - {"-h", "--help"}


def test_operations_of_golocal_that_the_page_lists_are_there():
    listed = rows_of_table("golocal.md", "## Everything else")
    known = {operation.name: operation.place for operation in all_operations(CATALOGUE)}
    assert set(listed) == set(known)
    assert all(known[name] in code for name, code in listed.items())


def test_keywords_are_told_from_other_code():
    assert keywords_in("strict=False") == ["strict"]
    assert keywords_in("retries=3, retry_delay=timedelta(minutes=5)") == ["retries", "retry_delay"]
    assert keywords_in("a == b") == []
    assert keywords_in("limit") == []
    assert keywords_in("[walmart] shared_state = file") == []
