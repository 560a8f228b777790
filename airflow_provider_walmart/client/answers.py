"""What an operation's answer means beyond its JSON: wrappers, and errors that hide inside a 200."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import requests

from airflow_provider_walmart.client.catalogue import Operation
from airflow_provider_walmart.client.errors import ErrorDetail, WalmartRequestError, WalmartServerError
from airflow_provider_walmart.client.responses import answer_error, decode_json, json_error_details
from airflow_provider_walmart.client.webhook_secrets import blacken

log = logging.getLogger(__name__)

# Keys that hold the whole answer: documented as flat, wrapped in practice, or the other way round.
WRAPPERS = ("order", "responseRecord", "deliveries")
# Severities of what is said beside a success.
REMARKS = ("INFO", "WARN")
# What the status of a ship node is when its stock was not set; errors need not come with it.
FAILED_NODE = ("FAILURE", "FAILED", "ERROR")


def answer_of(
    operation: Operation,
    response: requests.Response,
    blackout: Callable[[ErrorDetail], ErrorDetail] = lambda detail: detail,
) -> Any:
    """Return what an operation answered.

    :param blackout: takes out of Walmart's errors what must not be said.
    :return: decoded JSON without its documented wrapper; bytes for a file; None for 204, and for an empty body after a
        write.
    :raises WalmartRequestError: when a write was refused in full or in part inside a 200.
    :raises WalmartServerError: when JSON was to be expected and something else came, or nothing.
    """
    if response.status_code == 204:
        return None
    has_json = any("json" in media_type for media_type in operation.success)
    if not response.content:
        if has_json and operation.safe_to_retry:
            raise answer_error(WalmartServerError, response, f"answered {response.status_code} with no body")
        return None
    if not has_json and "json" not in response.headers.get("Content-Type", ""):
        return response.content
    answer = decode_json(response)
    # Most answers have none, and a search in the text is next to nothing.
    may_refuse = b'"errors"' in response.content or b'"shipNode"' in response.content
    refused = list(map(blackout, embedded_errors(answer))) if may_refuse else []
    if refused and not operation.safe_to_retry:
        raise answer_error(
            WalmartRequestError, response, "answered 200, but refused part of the request", refused
        )
    if refused:
        log.warning(
            "%s answered with errors beside its records: %s", operation.name, "; ".join(map(str, refused[:5]))
        )
    blacken(operation, answer)
    return unwrapped(operation, answer)


def embedded_errors(answer: Any) -> list[ErrorDetail]:
    """Return the errors in an answer, in its parts and in the entries of its lists, such as an inventory's nodes.

    Those of an entry name it. Remarks, which have a severity of their own, are none.
    """
    if not isinstance(answer, dict):
        return []
    held = [part for value in answer.values() for part in (value if isinstance(value, list) else [value])]
    entries = [part for part in held if isinstance(part, dict)]
    return [
        *_errors_of(answer),
        *(_named(detail, entry) for entry in entries for detail in _errors_of(entry)),
    ]


def _errors_of(holder: Mapping[str, Any]) -> Iterator[ErrorDetail]:
    if errors := _serious(holder.get("errors")):
        yield from json_error_details({"errors": errors})
    elif "shipNode" in holder and str(holder.get("status")).upper() in FAILED_NODE:
        yield ErrorDetail(description=f"status {holder['status']}")


def _named(detail: ErrorDetail, entry: Mapping[str, Any]) -> ErrorDetail:
    """Return an error with the ship node that it is about: the others of the request were changed."""
    node = entry.get("shipNode")
    if not isinstance(node, str):
        return detail
    fields = [detail.field] if detail.field not in ("", "shipNode") else []
    return replace(detail, field=", ".join([*fields, f"shipNode {node[:60]}"]))


def _serious(errors: Any) -> list[Any]:
    """Return errors as a list of objects, without those that are mere remarks."""
    if isinstance(errors, dict):
        errors = errors.get("error", errors)
    found = errors if isinstance(errors, list) else [errors]
    objects = [{"description": error} if isinstance(error, str) else error for error in found if error]
    return [error for error in objects if isinstance(error, dict) and error.get("severity") not in REMARKS]


def unwrapped(operation: Operation, answer: Any) -> Any:
    """Return an answer without the key that wraps all of it."""
    if not isinstance(answer, dict) or operation.paging:
        return answer
    for key in WRAPPERS:
        if isinstance(answer.get(key), dict):
            return answer[key]
    items = answer.get("ItemResponse")
    # One item is asked for by its id, and comes as a list of one or under a key of its own.
    if operation.path == "/v3/items/{id}" and isinstance(items, list) and len(items) == 1:
        return items[0]
    return answer
