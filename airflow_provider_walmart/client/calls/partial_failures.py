"""Failures inside a 200: errors in place of an answer, and writes that were refused in full or in part."""

from __future__ import annotations

import codecs
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, NamedTuple

import requests

from airflow_provider_walmart.client.calls.paging import records
from airflow_provider_walmart.client.catalogue.operations import Operation, Paging
from airflow_provider_walmart.client.errors import ErrorDetail, WalmartRequestError, WalmartServerError
from airflow_provider_walmart.client.transport.error_bodies import (
    CODE,
    DESCRIPTION,
    MAX_TEXT,
    content_details,
    error_details,
    json_error_details,
    plain_fields,
    plain_key,
    redactor_of,
)
from airflow_provider_walmart.client.transport.hints import HINT_WRITE
from airflow_provider_walmart.client.transport.responses import answer_error
from airflow_provider_walmart.client.values.redaction import NOTHING_SECRET, Redactor

log = logging.getLogger(__name__)

# Severities of what is said beside a success.
REMARKS = ("INFO", "WARN")
FAIL = "FAIL"
# Codes that may stand beside an empty list.
GOOD_CODES = ("0", "200", "OK", "SUCCESS")
# What the status of an answer is by Walmart's documents when nothing was done: the words of HTTP, and some more. Those of
# things, such as a template's, are others; an order may be locked.
REFUSED = {name for name, status in HTTPStatus.__members__.items() if status >= 400} - {"LOCKED"} | {
    FAIL,
    "FAILED",
    "FAILURE",
    "ERROR",
}
PARTLY = frozenset(("PARTIAL", "PARTIAL_SUCCESS"))
# What failed in this way may have been done nevertheless.
UNSURE = {name for name, status in HTTPStatus.__members__.items() if status >= 500} | {"REQUEST_TIMEOUT"}
_REFUSED_NUMBER = re.compile(r"[45]\d\d")
_UNSURE_NUMBER = re.compile(r"5\d\d")
# The outermost element of a web page and of an error document, behind declarations and comments.
_PAGE = re.compile(rb"^(<[?!][^>]*>\s*)*(<!doctype html|<(html|head|body|title)[\s/>])")
_XML_ERRORS = re.compile(rb"^(<[?!][^>]*>\s*)*<(\w+:)?(errors?|error-?response|fault)[\s/>]")
# What a zip and a gzip file begin with.
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b")
# What gateways say in a line of text in place of what was asked for.
_OUTAGE = re.compile(
    rb"(http error )?(\d{3}:? )?(service (is )?(temporarily )?unavailable|bad gateway|gateway time-?out|internal server error|"
    rb"endpoint request timed out|access denied|forbidden|unauthorized|too many requests)\W*"
)
# The list of ship nodes in an answer, and the status that is documented for one whose stock was set.
NODES = "nodes"
NODE_SUCCESS = "SUCCESS"
# Fields that errors stand in, that say how a call went, and that stand around them without saying anything.
ERRORS = ("error", "errors", "fault", "exception")
VERDICTS = ("status", "statuscode", "success")
AROUND_ERRORS = (
    "causes",
    "category",
    "correlationid",
    "erroridentifiers",
    "field",
    "header",
    "headers",
    "instance",
    "path",
    "severity",
    "timestamp",
    "type",
)
# Fields that tell an error in a list from other things that have a code.
OF_LISTED_ERRORS = frozenset((*ERRORS, "category", "errorcode", "erroridentifiers", "severity"))
OF_ERRORS = frozenset((*ERRORS, *VERDICTS, *AROUND_ERRORS, *CODE, *DESCRIPTION))

PDF = "application/pdf"
HINT_PART = "Fix what was refused and send that alone: the rest was done."
HINT_NO_ANSWER = (
    "This was not taken for an empty answer: no file is replaced and no watermark moved by it. A retry asks again; if "
    "it lasts, Walmart's support wants the correlation id."
)


class PartialFailure(NamedTuple):
    """What was refused of a write.

    :param said: how much, after "answered 200, but".
    :param details: what, and why.
    :param hint: what to do about it.
    """

    said: str
    details: list[ErrorDetail]
    hint: str | None


def check_answer(operation: Operation, response: requests.Response, answer: Any) -> None:
    """Pass for an answer that is one.

    :param answer: the decoded JSON of a 2xx.
    :raises WalmartRequestError: when a write was refused in full or in part.
    :raises WalmartServerError: when a read was answered with errors and nothing else.
    """
    if operation.is_list:
        check_page(operation, response, answer)
    if operation.safe_to_retry:
        _check_read(operation, response, answer)
        return
    if failure := partial_failure_in(answer, redactor_of(response)):
        said = f"answered {response.status_code}, but {failure.said}"
        raise answer_error(WalmartRequestError, response, said, failure.details, failure.hint)


# -- reads -------------------------------------------------------------------------------------------


def check_page(operation: Operation, response: requests.Response, page: dict[str, Any]) -> None:
    """Pass for a page of a list that has records, or says that there are none.

    :param page: the decoded answer.
    :raises WalmartServerError: for errors in place of records, and for an answer that isn't about a list.
    """
    if operation.paging is None or records(operation, page):
        return
    redactor = redactor_of(response)
    if errors := embedded_errors(page, redactor):
        raise _no_answer(operation, response, "errors in place of records", errors)
    if what := _in_place_of_list(operation.paging, page, redactor):
        raise _no_answer(operation, response, what, error_details(response))


def _in_place_of_list(paging: Paging, page: Mapping[str, Any], redactor: Redactor) -> str:
    """Return what a page without records holds in place of an empty list; empty when it holds that."""
    if verdict := _verdict(page):
        return f"{verdict} in place of records"
    if _has_error_code(page):
        return "an error in place of records"
    known = {path.partition(".")[0] for path in (*paging.records, *paging.total, *paging.cursor)}
    if known.isdisjoint(page) and not any(
        name.startswith("total") and value == 0 for name, value in page.items()
    ):
        return "neither a list of records nor a total"
    return next(filter(None, (_on_the_way(page, path, redactor) for path in paging.records)), "")


def _has_error_code(page: Mapping[str, Any]) -> bool:
    fields = plain_fields(page)
    codes = [str(fields[name]).upper() for name in CODE if fields.get(name)]
    return any(code not in GOOD_CODES for code in codes) and any(fields.get(name) for name in DESCRIPTION)


def _on_the_way(page: Mapping[str, Any], path: str, redactor: Redactor) -> str:
    """Return what is in place of one of the objects around the records; empty when they are there or missing."""
    holder: Any = page
    for name in path.split(".")[:-1]:
        holder = holder.get(name)
        # An empty list in JSON that was made from XML lacks what would be around it.
        if holder is None or holder in ({}, []):
            return ""
        if not isinstance(holder, Mapping):
            return f"something else than an object as '{name}'"
        if is_error_document(holder):
            words = "; ".join(map(str, json_error_details(holder, redactor)))
            return f"an error as '{name}': {words}"
    return ""


def is_error_document(answer: Any) -> bool:
    """Return whether an answer is about a failure and nothing else, in whichever spelling."""
    fields = {name: value for name, value in plain_fields(answer).items() if value not in (None, "", [], {})}
    if not OF_ERRORS.issuperset(fields):
        return False
    if "errorcode" in fields or any(_serious(fields.get(name)) for name in ERRORS):
        return True
    if not fields.keys().isdisjoint(VERDICTS):
        return bool(_verdict(fields))
    # Nothing but remarks is no failure; a bare code or message in place of what was asked for is.
    return not fields.keys().isdisjoint((*CODE, *DESCRIPTION))


def _check_read(operation: Operation, response: requests.Response, answer: Any) -> None:
    # No document of Walmart's has a read that answers with less; of those in XML nobody knows what their JSON is.
    if answers_json(operation) and not isinstance(answer, (Mapping, list)):
        what = "a text" if isinstance(answer, str) else "null" if answer is None else "a bare value"
        raise _no_answer(operation, response, f"{what} in place of an object", error_details(response))
    if is_error_document(answer) or _is_list_of_errors(answer):
        raise _no_answer(operation, response, "nothing but errors", error_details(response))
    # Most reads have no errors, and a search in the text is next to nothing.
    if b'"error' in response.content and (errors := embedded_errors(answer, redactor_of(response))):
        said = "; ".join(map(str, errors[:5]))
        log.warning("%s answered with errors beside its records: %s", operation.name, said)


def _is_list_of_errors(answer: Any) -> bool:
    # A list of codes with their descriptions may be what was asked for.
    return (
        isinstance(answer, list)
        and bool(answer)
        and all(
            is_error_document(each) and not OF_LISTED_ERRORS.isdisjoint(plain_fields(each)) for each in answer
        )
    )


def _no_answer(
    operation: Operation, response: requests.Response, what: str, details: list[ErrorDetail]
) -> WalmartServerError:
    return answer_error(
        WalmartServerError,
        response,
        f"answered {response.status_code} to {operation.name} with {what}",
        details,
        HINT_NO_ANSWER if operation.safe_to_retry else HINT_WRITE,
        is_read=operation.safe_to_retry,
    )


# -- files -------------------------------------------------------------------------------------------


def check_file(operation: Operation, response: requests.Response, start: bytes) -> None:
    """Pass for the beginning of a file that may be one.

    :param start: all of it, or as much as is there.
    :raises WalmartServerError: for a web page (a sign-in page, that of a proxy) and for an error document.
    """
    kind = response.headers.get("Content-Type", "").lower()
    what = in_place_of_file(start, kind, operation.gives_only_file)
    if not what and _lacks_pdf(operation, kind, start):
        what = "something else in place of a PDF file"
    if what:
        raise _no_answer(operation, response, what, content_details(start, redactor_of(response)))


def in_place_of_file(start: bytes, content_type: str, is_no_json: bool = True) -> str:
    """Return what stands in place of a file that is neither JSON nor XML; empty when it may be one.

    :param start: as for `check_file`.
    :param content_type: of the answer.
    :param is_no_json: whether the type says so of JSON; else only its look does.
    """
    if start.startswith(_ARCHIVES):
        # Storages name a wrong type now and then.
        return ""
    text = start[:1024].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    kind = content_type.lower()
    if "html" in kind or _PAGE.search(text):
        return "a web page in place of a file"
    if text.startswith(b"<") and _XML_ERRORS.search(text):
        return "errors in place of a file"
    if ("json" in kind and is_no_json) or _looks_like_json(start):
        return "JSON in place of a file"
    return "an outage in place of a file" if _OUTAGE.fullmatch(text.strip()) else ""


def answers_json(operation: Operation) -> bool:
    """Return whether an operation answers with JSON, as its documents say."""
    return any("json" in media_type for media_type in operation.success)


def _lacks_pdf(operation: Operation, kind: str, start: bytes) -> bool:
    """Return whether an operation that answers with PDF files says that it does, or answers with text, and has none."""
    is_expected = operation.success == (PDF,) and kind.startswith((PDF, "text/"))
    return is_expected and b"%PDF" not in start[:1024]


def _looks_like_json(start: bytes) -> bool:
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    # A table may begin with a bracket.
    if not text.startswith(b"["):
        return text.startswith(b"{")
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


# -- writes ------------------------------------------------------------------------------------------


def partial_failure_in(answer: Any, redactor: Redactor = NOTHING_SECRET) -> PartialFailure | None:
    """Return what an answer to a write refuses; None when it was done.

    :param answer: decoded JSON.
    :param redactor: of the request that was answered.
    """
    if not isinstance(answer, Mapping):
        return None
    verdict = _verdict(answer)
    details = [*embedded_errors(answer, redactor), *_of_items(answer, redactor)]
    if verdict and not details:
        words = json_error_details(answer, redactor)
        why = words[0].description if words else ""
        details = [ErrorDetail(description=": ".join(part for part in (verdict, why) if part))]
    if not details:
        return None
    said, hint = _extent(answer, verdict)
    return PartialFailure(said, details, hint)


def _extent(answer: Mapping[str, Any], verdict: str) -> tuple[str, str | None]:
    """Return how much of a write was refused, and what to do about the rest."""
    everything = "refused the request", None
    is_partial = str(answer.get("status")).upper() in PARTLY
    if verdict and not is_partial and not _is_unsure(verdict):
        return everything
    if is_partial or _something_done(answer):
        return "refused part of the request, and did the rest", HINT_PART
    if _nodes(answer) or _items(answer, "failure"):
        return everything
    return "refused the request or part of it", HINT_WRITE


def embedded_errors(answer: Any, redactor: Redactor = NOTHING_SECRET) -> list[ErrorDetail]:
    """Return the errors in an answer, in its parts and in the entries of its lists, such as an inventory's nodes.

    Those of an entry name it. Remarks, which have a severity of their own, are none. A node that wasn't changed need not
    come with any.

    :param redactor: of the request that was answered.
    """
    if not isinstance(answer, Mapping):
        return []
    found = _errors_of(answer, redactor)
    for name, entry in _entries(answer):
        errors = _errors_of(entry, redactor)
        if name == NODES and not errors and _is_unset(entry):
            errors = [ErrorDetail(description=f"status {entry['status']}"[:MAX_TEXT])]
        found += [_named(detail, entry) for detail in errors]
    return found


def _entries(answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects in an answer that may hold errors of their own, with the name of the field they are in."""
    for name, value in answer.items():
        if plain_key(name) not in ERRORS:
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, Mapping):
                    yield name, entry


def _errors_of(holder: Mapping[str, Any], redactor: Redactor) -> list[ErrorDetail]:
    for name, value in holder.items():
        if value and plain_key(name) in ERRORS and (errors := _serious(value)):
            return json_error_details({"errors": errors}, redactor)
    return []


def _named(detail: ErrorDetail, entry: Mapping[str, Any]) -> ErrorDetail:
    """Return an error with the ship node that it is about: the others of the request were changed."""
    node = entry.get("shipNode")
    if not isinstance(node, str):
        return detail
    fields = [detail.field] if detail.field not in ("", "shipNode") else []
    return replace(detail, field=", ".join([*fields, f"shipNode {node[:60]}"]))


def _serious(errors: Any) -> list[Mapping[str, Any]]:
    """Return errors as a list of objects, without those that are mere remarks."""
    errors = plain_fields(errors).get("error", errors)
    found = errors if isinstance(errors, list) else [errors]
    objects = [{"description": error} if isinstance(error, str) else error for error in found if error]
    return [error for error in objects if isinstance(error, Mapping) and error.get("severity") not in REMARKS]


def _verdict(answer: Mapping[str, Any]) -> str:
    """Return what an answer says of the request as a whole; empty when that is nothing bad."""
    for name in ("status", "statusCode", "statuscode"):
        value = str(answer.get(name)).strip().upper()
        if value in REFUSED or value in PARTLY or _REFUSED_NUMBER.fullmatch(value):
            return f"{name} {value}"
    return "success false" if answer.get("success") is False else ""


def _is_unsure(verdict: str) -> bool:
    value = verdict.partition(" ")[2]
    return value in UNSURE or _UNSURE_NUMBER.fullmatch(value) is not None


def _of_items(answer: Mapping[str, Any], redactor: Redactor) -> list[ErrorDetail]:
    """Return why items were refused, of the answer that lists successes and failures apart."""
    errors = [
        {
            "code": item.get("errorCode"),
            "field": f"itemId {item.get('itemId')}",
            "description": item.get("errorDescription"),
        }
        for item in _items(answer, "failure")
    ]
    return json_error_details({"errors": errors}, redactor)


def _something_done(answer: Mapping[str, Any]) -> bool:
    nodes = [node for node in _nodes(answer) if not _is_unset(node) and not node.get("errors")]
    return bool(nodes or _items(answer, "success"))


def _is_unset(node: Mapping[str, Any]) -> bool:
    """Return whether a ship node in the answer says that its stock was not set; errors need not come with it."""
    status = node.get("status")
    return bool(status) and str(status).upper() != NODE_SUCCESS


def _nodes(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _mappings(answer.get(NODES))


def _items(answer: Mapping[str, Any], outcome: str) -> list[Mapping[str, Any]]:
    payload = answer.get("payload")
    group = payload.get(outcome) if isinstance(payload, Mapping) else None
    return _mappings(group.get("items")) if isinstance(group, Mapping) else []


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
