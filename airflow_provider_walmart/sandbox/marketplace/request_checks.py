"""Checking a request as a documented operation wants it: parameters, headers, body; a refusal names what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from airflow_provider_walmart.sandbox.core.calls import Call
from airflow_provider_walmart.sandbox.core.errors import Refusal, Shape, bad_header, bad_param

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "date": (str,),
    "date-time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
#: Kind of a text -> what it starts with; Walmart takes more forms of what follows than one.
_DATES = {"date": r"\d{4}-\d\d-\d\d", "date-time": r"\d{4}-\d\d-\d\d"}
#: Kind of a parameter -> how its text looks, and how that is said.
_FORMS = {
    "boolean": (r"(?i:true|false)", "true or false"),
    "integer": (r"-?\d{1,18}", "a whole number"),
    "number": (r"-?\d{1,18}(\.\d+)?", "a number"),
}


class Parameter(Struct):
    """A query parameter or a header of an operation."""

    name: str
    place: str = field(name="in")
    shape: Any = "string"
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    default: int | None = None


class Row(Struct, rename="camel"):
    """A documented operation; for shapes see the script that makes them."""

    market: str
    method: str
    path: str
    status: int
    media: list[str]
    parameters: list[Parameter] = []
    takes: list[str] = []
    body_required: bool = False
    body: Any = "any"
    form: list[str] = []
    shape: Any = "any"
    limit: tuple[int, float] | None = None
    refusal: Shape | None = None


def place_of(method: str, path: str) -> tuple[str, str]:
    """Return method and path without the names of its parameters.

    :param method: HTTP method.
    :param path: path template.
    """
    return method, re.sub(r"\{\w+\}", "{}", path)


def check_parameters(call: Call, row: Row) -> None:
    """Refuse a call whose parameters or headers are not as documented.

    :param call: the call.
    :param row: the operation.
    :raises Refusal: 400 naming the first one that is wrong.
    """
    for parameter in row.parameters:
        is_header = parameter.place == "header"
        source: Mapping[str, str] = call.request.headers if is_header else call.request.query_params
        text = source.get(parameter.name, "").strip()
        reason = _problem(text, parameter)
        if reason:
            raise (bad_header if is_header else bad_param)(parameter.name, reason)


def checked_body(call: Call, row: Row) -> Any:
    """Return the decoded body of a request, without fields that are null; ``None`` when it takes no JSON.

    :param call: the call.
    :param row: the operation.
    :raises Refusal: 400 or 415 when it is not as documented.
    """
    if not row.takes:
        return None
    if not call.body.strip():
        if row.body_required:
            raise _bad_content("body", "missing")
        return None
    media = call.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media.replace("text/xml", "application/xml") not in row.takes:
        raise Refusal(
            415, "UNSUPPORTED_MEDIA_TYPE.GMP_GATEWAY_API", description=f"Send {', '.join(row.takes)}"
        )
    if media != "application/json":
        return None
    try:
        body = msgspec.json.decode(call.body)
    except msgspec.DecodeError as error:
        raise Refusal(
            400, "MALFORMED_REQUEST_CONTENT.GMP_GATEWAY_API", field="body", description=str(error)
        ) from None
    for where, reason in _wrong(body, row.body, ""):
        raise _bad_content(where or "body", f"{where or 'body'} {reason}")
    return _without_nulls(body)


async def check_form(call: Call, row: Row) -> None:
    """Refuse a form that lacks a part.

    :param call: the call.
    :param row: the operation.
    :raises Refusal: 400 naming the first part that is missing.
    """
    if "multipart/form-data" not in call.request.headers.get("Content-Type", ""):
        return
    given = await call.request.form()
    for name in row.form:
        if name not in given:
            raise _bad_content(name, f"the form has no part {name}")


def _bad_content(name: str, description: str) -> Refusal:
    return Refusal(400, "INVALID_REQUEST_CONTENT.GMP_GATEWAY_API", field=name, description=description)


def _problem(text: str, parameter: Parameter) -> str:
    """Return what is wrong with the value of a parameter; empty for nothing."""
    if not text:
        missing = "set blank or null" if parameter.place == "header" else "missing"
        return missing if parameter.required else ""
    shape = parameter.shape
    is_list = isinstance(shape, list) and len(shape) == 1
    texts = text.split(",") if is_list else [text]
    kind = shape[0] if is_list else shape
    return next((reason for one in texts if (reason := _of_one(one.strip(), kind, parameter))), "")


def _of_one(text: str, shape: Any, parameter: Parameter) -> str:
    if isinstance(shape, list):
        kind, allowed = shape[0], {_written(value).casefold(): _written(value) for value in shape[1]}
        if text.casefold() not in allowed:
            return f"must be one of {', '.join(allowed.values())}"
    else:
        kind = shape
    if parameter.pattern and not re.search(parameter.pattern, text):
        return f"must match {parameter.pattern}"
    form, words = _FORMS.get(str(kind), ("", ""))
    if form and not re.fullmatch(form, text, re.ASCII):
        return f"must be {words}"
    return _out_of_bounds(float(text), parameter) if kind in ("integer", "number") else ""


def _out_of_bounds(value: float, parameter: Parameter) -> str:
    if parameter.minimum is not None and value < parameter.minimum:
        return f"must be at least {parameter.minimum:g}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"must be at most {parameter.maximum:g}"
    return ""


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrong(value: Any, shape: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield place and reason of what is wrong in a body."""
    if isinstance(shape, dict):
        yield from _wrong_object(value, shape, where)
    elif isinstance(shape, list) and len(shape) == 1:
        if not isinstance(value, list):
            yield where, "must be a list"
            return
        for index, entry in enumerate(value):
            yield from _wrong(entry, shape[0], f"{where}[{index}]")
    elif isinstance(shape, list):
        if reason := _not_allowed(value, shape[1]):
            yield where, reason
    elif shape in _KINDS and not _is_of(value, shape):
        yield where, f"must be a {shape}"


def _not_allowed(value: Any, allowed: str | list[Any]) -> str:
    """Return what is wrong with a value that must match a pattern, or be one of a list; empty for nothing."""
    if isinstance(allowed, str):
        matches = isinstance(value, str) and re.search(allowed, value)
        return "" if matches else f"must match {allowed}"
    return "" if value in allowed else f"must be one of {', '.join(map(_written, allowed))}"


def _wrong_object(value: Any, shape: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield where, "must be an object"
        return
    for name, part in shape.items():
        plain = name.removesuffix("*")
        place = f"{where}.{plain}".lstrip(".")
        if value.get(plain) is not None:
            yield from _wrong(value[plain], part, place)
        elif plain != name:
            yield place, "is missing"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def _is_of(value: Any, kind: str) -> bool:
    if kind in _DATES and isinstance(value, str):
        return bool(re.match(_DATES[kind], value, re.ASCII))
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
