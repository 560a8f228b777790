"""What an operation's answer means beyond its JSON: wrappers, and errors that hide inside a 200."""

from __future__ import annotations

import logging
from typing import Any

import requests

from airflow_provider_walmart.client.catalogue import Operation
from airflow_provider_walmart.client.errors import ErrorDetail, WalmartRequestError
from airflow_provider_walmart.client.responses import answer_error, decode_json, json_error_details

log = logging.getLogger(__name__)

# Keys that hold the whole answer: documented as flat, wrapped in practice, or the other way round.
WRAPPERS = ("order", "responseRecord", "deliveries")
# Severities of what is said beside a success.
REMARKS = ("INFO", "WARN")


def answer_of(operation: Operation, response: requests.Response) -> Any:
    """Return what an operation answered.

    :return: decoded JSON without its documented wrapper; bytes for a file; None for 204 and an empty body.
    :raises WalmartRequestError: when a write was refused in full or in part inside a 200.
    :raises WalmartServerError: when JSON was to be expected and something else came.
    """
    if response.status_code == 204 or not response.content:
        return None
    kind = response.headers.get("Content-Type", "")
    if "json" not in kind and not any("json" in media_type for media_type in operation.success):
        return response.content
    answer = decode_json(response)
    # Most answers have none, and a search in the text is next to nothing.
    refused = embedded_errors(answer) if b'"errors"' in response.content else []
    if refused and not operation.safe_to_retry:
        raise answer_error(
            WalmartRequestError, response, "answered 200, but refused part of the request", refused
        )
    if refused:
        log.warning(
            "%s answered with errors beside its records: %s", operation.name, "; ".join(map(str, refused[:5]))
        )
    return unwrapped(operation, answer)


def embedded_errors(answer: Any) -> list[ErrorDetail]:
    """Return the errors in an answer, in its parts and in the entries of its lists, such as an inventory's nodes.

    Remarks, which have a severity of their own, are none.
    """
    if not isinstance(answer, dict):
        return []
    held = [part for value in answer.values() for part in (value if isinstance(value, list) else [value])]
    holders = [answer, *(part for part in held if isinstance(part, dict))]
    return [
        detail
        for holder in holders
        if (errors := _serious(holder.get("errors")))
        for detail in json_error_details({"errors": errors})
    ]


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
