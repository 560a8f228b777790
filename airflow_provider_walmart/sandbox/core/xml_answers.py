"""Answers in XML, Walmart's default, for callers that don't ask for JSON."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from starlette.responses import Response


def in_xml(answer: Response) -> Response:
    """Return a JSON answer in XML, with the same status and headers.

    The names of the elements are those of JSON; Walmart's own differ here and there.

    :param answer: the answer in JSON.
    """
    value = msgspec.json.decode(answer.body)
    # A document has one element at its top.
    named = value if isinstance(value, dict) and len(value) == 1 else {"response": value}
    text = "".join(_elements(name, part) for name, part in named.items())
    made = Response(
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{text}',
        answer.status_code,
        media_type="application/xml",
    )
    made.headers.update(
        {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
    )
    return made


def _elements(name: str, value: Any) -> str:
    """Return the elements of a value: one for each entry of a list."""
    if isinstance(value, list):
        return "".join(_elements(name, entry) for entry in value)
    if isinstance(value, dict):
        inner = "".join(_elements(key, part) for key, part in value.items())
    elif value is None:
        return ""
    else:
        inner = escape(str(value).lower() if isinstance(value, bool) else str(value))
    tag = re.sub(r"[^\w.-]", "_", name)
    return f"<{tag}>{inner}</{tag}>"
