"""Writes that were refused inside a 200: what Walmart says of them beyond errors, and how much was refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_walmart.client.errors import ErrorDetail
from airflow_provider_walmart.client.transport.responses import HINT_WRITE, json_error_details

# What the status of an answer is by Walmart's documents when nothing was done. Those of things, such as a template's, are
# others.
REFUSED = frozenset(
    [
        "FAIL",
        "FAILED",
        "FAILURE",
        "ERROR",
        "BAD_REQUEST",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "NOT_ACCEPTABLE",
        "REQUEST_TIMEOUT",
        "CONFLICT",
        "REQUEST_ENTITY_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "UNPROCESSABLE_ENTITY",
        "TOO_MANY_REQUESTS",
        "BAD_GATEWAY",
        "SERVICE_UNAVAILABLE",
        "GATEWAY_TIMEOUT",
    ]
)
PARTLY = frozenset(("PARTIAL", "PARTIAL_SUCCESS"))
_NUMBER = re.compile(r"[45]\d\d")
# What failed in this way may have been done nevertheless.
_UNSURE = re.compile(r".* (5\d\d|.*(TIMEOUT|GATEWAY|UNAVAILABLE).*)")
# The list of ship nodes in an answer, and the status that is documented for one whose stock was set.
NODES = "nodes"
NODE_SUCCESS = "SUCCESS"

HINT_PART = "Mend what was refused and send that alone: the rest was done."


class Refusal(NamedTuple):
    """What was refused of a write.

    :param said: how much, after "answered 200, but".
    :param details: what, and why.
    :param hint: what to do about it.
    """

    said: str
    details: list[ErrorDetail]
    hint: str | None


def refusal_in(answer: Any, errors: Sequence[ErrorDetail], secrets: Sequence[str] = ()) -> Refusal | None:
    """Return what an answer to a write refuses; None when it was done.

    :param answer: decoded JSON.
    :param errors: those that were found in it.
    :param secrets: what it could echo; blacked out.
    """
    if not isinstance(answer, Mapping):
        return None
    details = [*errors, *_of_items(answer, secrets)]
    verdict = _verdict(answer)
    if verdict and not details:
        words = json_error_details(answer, secrets)
        why = words[0].description if words else ""
        details = [ErrorDetail(description=": ".join(part for part in (verdict, why) if part))]
    if not details:
        return None
    partly = str(answer.get("status")).upper() in PARTLY
    if verdict and not partly and not _UNSURE.fullmatch(verdict):
        return Refusal("refused the request", details, None)
    if partly or _something_done(answer):
        return Refusal("refused part of the request, and did the rest", details, HINT_PART)
    if _nodes(answer) or _items(answer, "failure"):
        return Refusal("refused the request", details, None)
    return Refusal("refused the request or part of it", details, HINT_WRITE)


def is_unset(node: Mapping[str, Any]) -> bool:
    """Return whether a ship node in the answer says that its stock was not set; errors need not come with it."""
    status = node.get("status")
    return bool(status) and str(status).upper() != NODE_SUCCESS


def _verdict(answer: Mapping[str, Any]) -> str:
    """Return what an answer says of the request as a whole; empty when that is nothing bad."""
    for name in ("status", "statusCode"):
        value = str(answer.get(name)).upper()
        if value in REFUSED or value in PARTLY or _NUMBER.fullmatch(value):
            return f"{name} {value}"
    return "success false" if answer.get("success") is False else ""


def _of_items(answer: Mapping[str, Any], secrets: Sequence[str]) -> list[ErrorDetail]:
    """Return why items were refused, of the answer that tells successes and failures apart."""
    errors = [
        {
            "code": item.get("errorCode"),
            "field": f"itemId {item.get('itemId')}",
            "description": item.get("errorDescription"),
        }
        for item in _items(answer, "failure")
    ]
    return json_error_details({"errors": errors}, secrets)


def _something_done(answer: Mapping[str, Any]) -> bool:
    nodes = [node for node in _nodes(answer) if not is_unset(node) and not node.get("errors")]
    return bool(nodes or _items(answer, "success"))


def _nodes(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _mappings(answer.get(NODES))


def _items(answer: Mapping[str, Any], outcome: str) -> list[Mapping[str, Any]]:
    payload = answer.get("payload")
    group = payload.get(outcome) if isinstance(payload, Mapping) else None
    return _mappings(group.get("items")) if isinstance(group, Mapping) else []


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
