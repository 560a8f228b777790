"""What an operation's answer means beyond its JSON: wrappers, and errors that hide inside a 200."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import requests

from airflow_provider_walmart.client.calls.paging import records
from airflow_provider_walmart.client.calls.partial_failures import NODES, is_unset, refusal_in
from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import (
    ErrorDetail,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.transport.responses import (
    MAX_TEXT,
    answer_error,
    decode_json,
    error_details,
    json_error_details,
    json_object,
    secrets_of,
)
from airflow_provider_walmart.client.values.webhook_secrets import blacken

log = logging.getLogger(__name__)

# Keys that hold the whole answer: documented as flat, wrapped in practice, or the other way round.
WRAPPERS = ("order", "responseRecord", "deliveries")
# Severities of what is said beside a success.
REMARKS = ("INFO", "WARN")
# What the status of an answer is, where it has one.
OK, FAIL = "OK", "FAIL"
# What stands around errors and says nothing by itself.
AROUND_ERRORS = ("errors", "error", "status", "statusCode", "header", "headers")
HINT_NOTHING_TAKEN = (
    "This was not taken for an empty answer: no file is replaced and no watermark moved by it. A retry asks again; if "
    "it lasts, Walmart's support wants the correlation id."
)


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
    :raises WalmartServerError: when JSON was to be expected and something else came, or nothing, or errors and nothing
        else.
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
    answer = json_object(response) if operation.is_list else decode_json(response)
    if operation.is_list:
        check_page(operation, response, answer)
    secrets = secrets_of(response)
    if not operation.safe_to_retry:
        if refusal := refusal_in(answer, embedded_errors(answer, secrets), secrets):
            said = f"answered {response.status_code}, but {refusal.said}"
            details = list(map(blackout, refusal.details))
            raise answer_error(WalmartRequestError, response, said, details, refusal.hint)
    # Most reads have no errors, and a search in the text is next to nothing.
    elif any(name in response.content for name in (b'"error', b'"FAIL"')):
        errors = list(map(blackout, embedded_errors(answer, secrets)))
        if _is_nothing_but_errors(answer, errors):
            raise _nothing_taken(operation, response, "nothing but errors", errors)
        if errors:
            said = "; ".join(map(str, errors[:5]))
            log.warning("%s answered with errors beside its records: %s", operation.name, said)
    blacken(operation, answer)
    return unwrapped(operation, answer)


def check_page(operation: Operation, response: requests.Response, page: dict[str, Any]) -> None:
    """Let a page of a list pass unless it has no records and doesn't say either that there are none.

    :param page: the decoded answer.
    :raises WalmartServerError: for errors in place of records, and for an answer that isn't about a list.
    """
    if operation.paging is None or records(operation, page):
        return
    errors, status = embedded_errors(page, secrets_of(response)), str(page.get("status")).upper()
    if errors:
        raise _nothing_taken(operation, response, "errors in place of records", errors)
    if status == FAIL:
        raise _nothing_taken(
            operation, response, f"status {FAIL} in place of records", error_details(response)
        )
    paths = (*operation.paging.records, *operation.paging.total, *operation.paging.cursor)
    known = {path.partition(".")[0] for path in paths}
    if status != OK and not any(name in known or name.startswith("total") for name in page):
        what = "neither a list of records nor a total"
        raise _nothing_taken(operation, response, what, error_details(response))


def _is_nothing_but_errors(answer: Any, errors: list[ErrorDetail]) -> bool:
    if not isinstance(answer, dict) or any(
        value for name, value in answer.items() if name not in AROUND_ERRORS
    ):
        return False
    return bool(errors) or str(answer.get("status")).upper() == FAIL


def _nothing_taken(
    operation: Operation, response: requests.Response, what: str, details: list[ErrorDetail]
) -> WalmartServerError:
    return answer_error(
        WalmartServerError,
        response,
        f"answered {response.status_code} to {operation.name} with {what}",
        details,
        HINT_NOTHING_TAKEN,
        is_read=True,
    )


def embedded_errors(answer: Any, secrets: Sequence[str] = ()) -> list[ErrorDetail]:
    """Return the errors in an answer, in its parts and in the entries of its lists, such as an inventory's nodes.

    Those of an entry name it. Remarks, which have a severity of their own, are none. A node that wasn't changed need not
    come with any.

    :param secrets: what they could echo; blacked out.
    """
    if not isinstance(answer, dict):
        return []
    found = _errors_of(answer, secrets)
    for name, value in answer.items():
        if name in ("errors", "error"):
            continue
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict):
                errors = _errors_of(entry, secrets)
                if name == NODES and not errors and is_unset(entry):
                    errors = [ErrorDetail(description=f"status {entry['status']}"[:MAX_TEXT])]
                found += [_named(detail, entry) for detail in errors]
    return found


def _errors_of(holder: Mapping[str, Any], secrets: Sequence[str]) -> list[ErrorDetail]:
    errors = _serious(holder.get("errors") or holder.get("error"))
    return json_error_details({"errors": errors}, secrets) if errors else []


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
