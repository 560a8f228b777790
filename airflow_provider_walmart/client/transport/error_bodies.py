"""Walmart's errors out of an answer, in whichever of its spellings they come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_provider_walmart.client.errors import ErrorDetail
from airflow_provider_walmart.client.values.redaction import NOTHING_SECRET, Redactor

MAX_MARKUP = 64 * 1024
MAX_DETAILS = 50
MAX_TEXT = 300
# What one error is called in JSON, in the order in which the words are searched for.
CODE = ("code", "errorcode")
DESCRIPTION = (
    "description",
    "detail",
    "message",
    "errormessage",
    "errordescription",
    "info",
    "title",
    "faultstring",
)

Words = tuple[Any, Any, Any]


def redactor_of(response: requests.Response) -> Redactor:
    """Return what redacts the words of an answer: it may repeat what its request held."""
    request = response.request
    return Redactor(request.headers, request.body, urlsplit(request.url or "").path)


def error_details(response: requests.Response) -> list[ErrorDetail]:
    """Return Walmart's errors out of any of its body shapes, redacted; an empty list when there are none.

    Understood are ``error`` and ``errors`` lists, ``errors.error``, a bare error object, problem JSON
    (RFC 9457), OAuth's ``error`` with ``error_description``, a gateway's ``fault``, XML, and an HTML page (its title).
    """
    return content_details(response.content, redactor_of(response))


def content_details(content: bytes, redactor: Redactor) -> list[ErrorDetail]:
    """Return the errors in the body of an answer; see `error_details`."""
    try:
        decoded = json.loads(content)
    except (ValueError, RecursionError):
        return _details(_in_markup(content[:MAX_MARKUP].decode("utf-8", "replace")), redactor)
    return json_error_details(decoded, redactor)


def json_error_details(body: Any, redactor: Redactor = NOTHING_SECRET) -> list[ErrorDetail]:
    """Return Walmart's errors out of a decoded answer.

    :param redactor: of the request that was answered.
    """
    return _details(_in_json({"errors": body} if isinstance(body, list) else body), redactor)


def plain_key(name: str) -> str:
    """Return the name of a field without what its spellings differ in: case, underscores, an XML prefix."""
    return name.rpartition(":")[2].replace("_", "").lower()


def plain_fields(holder: Any) -> dict[str, Any]:
    """Return the fields of an object by `plain_key` of their names; none of anything else."""
    return {plain_key(name): value for name, value in holder.items()} if isinstance(holder, Mapping) else {}


def _details(found: Iterable[Words], redactor: Redactor) -> list[ErrorDetail]:
    return [
        _shortened(redactor.detail(*(str(part or "") for part in words)))
        for words in islice(found, MAX_DETAILS)
    ]


def _shortened(detail: ErrorDetail) -> ErrorDetail:
    texts = (" ".join(text.split()) for text in (detail.code, detail.field, detail.description))
    return ErrorDetail(*(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..." for text in texts))


def _in_json(body: Any) -> Iterator[Words]:
    fields = plain_fields(body)
    found = fields.get("error") or fields.get("errors") or fields.get("fault")
    if isinstance(found, str):
        # OAuth's own form has a plain string where Walmart has a list.
        yield found, "", _first(fields, DESCRIPTION)
        return
    found = plain_fields(found).get("error") or found
    if not found and _first(fields, (*CODE, *DESCRIPTION)):
        found = body
    for entry in found if isinstance(found, list) else [found]:
        yield from _one_error(entry)


def _one_error(entry: Any) -> Iterator[Words]:
    if isinstance(entry, str) and entry:
        yield "", "", entry
    if isinstance(entry, Mapping):
        fields = plain_fields(entry)
        yield _first(fields, CODE), fields.get("field"), _first(fields, DESCRIPTION)


def _first(fields: Mapping[str, Any], names: Iterable[str]) -> Any:
    found = (fields.get(name) for name in names)
    return next((word for word in found if word and not isinstance(word, (Mapping, list))), "")


def _in_markup(text: str) -> Iterator[Words]:
    # Patterns instead of a parser: the text is a stranger's, and broken pages must not break us.
    title = re.search(r"<title[^>]{0,300}>(.{1,300}?)</title>", text, re.IGNORECASE | re.DOTALL)
    if title:
        yield "", "", title.group(1)
    for block in re.split(r"</(?:\w+:)?error>", text):
        code, field, description = (
            match.group(1) if (match := re.search(rf"<(?:\w+:)?{tag}>([^<]{{1,300}})<", block)) else ""
            for tag in ("code", "field", "description")
        )
        if code or description:
            yield code, field, description
