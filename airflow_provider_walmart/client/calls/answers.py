"""What an operation's answer is: JSON without what wraps it, a file, or nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import requests

from airflow_provider_walmart.client.calls.partial_failures import (
    answers_json,
    check_answer,
    check_file,
)
from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.client.transport.http import transport_error
from airflow_provider_walmart.client.transport.responses import answer_error, decode_json, json_object
from airflow_provider_walmart.client.values.redaction import redact_subscription

# Keys that hold the whole answer: documented as flat, wrapped in practice, or the other way round.
WRAPPERS = ("order", "responseRecord", "deliveries")
# In which files are read. Bytes.
CHUNK = 1024 * 1024


def parse_answer(operation: Operation, response: requests.Response) -> Any:
    """Return what an operation answered.

    :return: decoded JSON without its documented wrapper; bytes for a file; None for 204, and for an empty body after a
        write.
    :raises WalmartRequestError: when a write was refused in full or in part inside a 200.
    :raises WalmartServerError: when JSON was to be expected and something else came, or nothing, or errors and nothing
        else.
    """
    if response.status_code == 204:
        return None
    has_json = answers_json(operation)
    if not response.content:
        if has_json and operation.safe_to_retry:
            raise answer_error(WalmartServerError, response, f"answered {response.status_code} with no body")
        return None
    if not has_json and ("json" not in response.headers.get("Content-Type", "") or _is_file(operation)):
        check_file(operation, response, response.content)
        return response.content
    answer = json_object(response) if operation.is_list else decode_json(response)
    check_answer(operation, response, answer)
    redact_subscription(operation, answer)
    return unwrapped(operation, answer)


def _is_file(operation: Operation) -> bool:
    # What a write answers with in place of a file may hold what it did.
    return operation.safe_to_retry and operation.gives_only_file


def parse_file(operation: Operation, response: requests.Response) -> Iterator[bytes]:
    """Yield the file that an operation answered with, part by part as they come; nothing for an empty answer.

    :raises WalmartServerError: for a web page or an error document in place of the file.
    :raises WalmartConnectionError: when the file breaks off.
    """
    try:
        parts = response.iter_content(CHUNK)
        first = next(parts, b"")
        check_file(operation, response, first)
        yield from itertools.chain([first] if first else [], parts)
    except requests.RequestException as error:
        method, url = str(response.request.method), str(response.request.url)
        raise transport_error(error, method, url, changes_something=False) from None


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
