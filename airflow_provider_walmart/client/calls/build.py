"""From an operation and its parameters to a request, checked and encoded. Nothing is sent here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_walmart.client.calls.parameters import (
    NOT_STRICT,
    header_text,
    path_segment,
    shown,
    texts_of,
)
from airflow_provider_walmart.client.catalogue.operations import Operation, Parameter
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.rows import Lines, RowProblems, given, no_lines

MARKET = "WM_MARKET"


@dataclass(frozen=True)
class BuiltRequest:
    """A request ready to be sent.

    :param method: HTTP method.
    :param path: percent-encoded path below the base URL.
    :param query: percent-encoded query without question mark; empty when there is none.
    :param headers: headers this operation insists on, besides those that all calls have in common.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]


def build_request(
    operation: Operation, params: Mapping[str, Any] | None = None, *, market: str = "us", strict: bool = True
) -> BuiltRequest:
    """Check the parameters of an operation and encode them.

    Required parameters with a default, and no others, are filled in. None means: leave it out.

    :param operation: the operation.
    :param params: values by Walmart's names of the parameters, headers such as ``WM_PARTNER_ID`` included. Points
        in time may be aware `datetime` objects, sent in UTC and whole seconds in the form the parameter wants,
        the text of one in ISO 8601, or `date` objects; several values may be a list where the operation takes several.
    :param market: market of the account; sent where the operation insists on ``WM_MARKET``.
    :param strict: False lets names and values pass that the documents do not know; what cannot be sent at all is
        refused nevertheless.
    :returns: method, path, query and headers.
    :raises WalmartConfigError: naming operation, parameter, value and what is allowed.
    """
    present = {name: value for name, value in (params or {}).items() if value is not None}
    known = {parameter.name: parameter for parameter in operation.parameters}
    unknown = _unknown_parameters(operation, present, known, strict)
    path, query, headers = operation.path, [], _media_headers(operation)
    for parameter, value in _values(operation, present, market, [*known.values(), *unknown]):
        texts = texts_of(operation, parameter, value, strict)
        if parameter.location == "path":
            path = path.replace(f"{{{parameter.name}}}", path_segment(operation, parameter, texts[0]))
        elif parameter.location == "header":
            headers[parameter.name] = header_text(operation, parameter, texts[0])
        else:
            query += _pairs(parameter, texts)
    return BuiltRequest(operation.method, path, "&".join(query), headers)


def params_of_rows(
    operation: Operation,
    params: Mapping[str, Any],
    rows: Iterable[Any],
    *,
    strict: bool = True,
    lines: Lines = no_lines,
) -> Iterator[dict[str, Any]]:
    """Yield the parameters of one call for each row: its columns, and the parameters of all calls that it has none for.

    An empty text or None means that a value is absent; that of a required parameter stays, so that its error shows it.

    :param operation: the operation.
    :param params: parameters of all calls.
    :param rows: the rows; a value that Walmart can't take is left to the call.
    :param strict: as for `build_request`.
    :param lines: finds the lines of rows that are out of a file.
    :raises WalmartConfigError: for a name in ``params`` that the operation doesn't have; and at the end for rows that are no
        dicts or have columns that are no parameters, naming them.
    """
    known = {parameter.name: parameter for parameter in operation.parameters}
    needed = {name for name, parameter in known.items() if parameter.required and parameter.default is None}
    needed -= params.keys()
    _unknown_parameters(operation, params, known, strict)
    problems = RowProblems(f"make no calls of {operation.name}", lines)
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, Mapping):
                raise WalmartConfigError(f"it is a {type(row).__name__}; expected a dict")
            _unknown_parameters(operation, row, known, strict)
        except WalmartConfigError as error:
            problems.add(number, str(error))
        else:
            yield {**params, **_present(row, needed)}
    problems.raise_if_any()


def _present(row: Mapping[str, Any], needed: set[str]) -> dict[str, Any]:
    """Return the columns of a row that hold something, and those that have to, as empty texts."""
    present = {name: value for name, value in row.items() if given(row, name) is not None}
    return {**dict.fromkeys(needed & row.keys(), ""), **present}


def _unknown_parameters(
    operation: Operation, names: Iterable[Any], known: Mapping[str, Parameter], strict: bool
) -> list[Parameter]:
    """Return parameters for names that are newer than the catalogue.

    :raises WalmartConfigError: when they may not be, or can't be sent.
    """
    unknown = []
    for name in names:
        if name in known:
            continue
        if strict or not isinstance(name, str) or not name or not name.isprintable():
            alike = _alike(name, known)
            raise WalmartConfigError(f"{operation.name} has no parameter {shown(name)}; {alike} {NOT_STRICT}")
        unknown.append(Parameter(name=name, location="query"))
    return unknown


def _values(
    operation: Operation, given: Mapping[str, Any], market: str, parameters: Iterable[Parameter]
) -> Iterator[tuple[Parameter, Any]]:
    """Yield what to send: what was given, and what the operation insists on.

    :raises WalmartConfigError: at the end, when something is missing.
    """
    missing = []
    for parameter in parameters:
        value = given.get(parameter.name)
        if value is None and parameter.required:
            value = parameter.default
            if parameter.name == MARKET and market != "us":
                # Newer than the documents, which know the markets of that time.
                value, parameter = market, Parameter(name=MARKET, location="header")
            if value is None:
                missing.append(parameter.name)
        if value is not None:
            yield parameter, value
    if missing:
        them = "it" if len(missing) == 1 else "them"
        raise WalmartConfigError(
            f"{operation.name} needs {', '.join(missing)}: give {them} by name (in an operator: in api_params)."
        )


def _pairs(parameter: Parameter, texts: Iterable[str]) -> list[str]:
    """Return a query parameter as ``name=value``, several values in one or one by one."""
    name = quote(parameter.name, safe="")
    values = [quote(text, safe="") for text in texts]
    return [f"{name}={value}" for value in (values if parameter.explode else [",".join(values)])]


def _media_headers(operation: Operation) -> dict[str, str]:
    headers = {}
    if operation.content_type:
        headers["Content-Type"] = operation.content_type
    elif "application/json" in operation.body:
        headers["Content-Type"] = "application/json"
    if operation.success and not {"application/json", "application/xml"} & set(operation.success):
        # The JSON that all calls ask for is something this operation cannot give.
        headers["Accept"] = operation.success[0]
    return headers


def _alike(name: object, known: Mapping[str, Parameter]) -> str:
    """Return what else the caller may have meant."""
    lower = {key.lower(): key for key in known}
    close = difflib.get_close_matches(str(name)[:100].lower(), list(lower), n=2)
    if close:
        return f"did you mean {' or '.join(lower[key] for key in close)}?"
    return f"it has {', '.join(sorted(known))}." if known else "it has none."
