"""From an operation and its parameters to a request, checked and encoded. Nothing is sent here."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from typing import Any
from urllib.parse import quote

import msgspec

from airflow_provider_walmart.client.catalogue.operations import Operation, Parameter
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.redaction import check_not_redacted
from airflow_provider_walmart.client.values.rows import RowError, check_json, encode, is_unicode

# What Python, and with it a template, makes of a point in time that knows its time zone.
RENDERED_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{6})?[+-]\d\d:\d\d", re.ASCII)
NOT_STRICT = "values and names newer than the catalogue pass with strict=False"


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
        or what a template makes of one, or `date` objects; several values may be a list where the operation takes
        several.
    :param market: market of the account; sent where the operation insists on ``WM_MARKET``.
    :param strict: False lets names and values pass that the documents do not know; what cannot be sent at all is
        refused nevertheless.
    :returns: method, path, query and headers.
    :raises WalmartConfigError: naming operation, parameter, value and what is allowed.
    """
    given = {name: value for name, value in (params or {}).items() if value is not None}
    known = {parameter.name: parameter for parameter in operation.parameters}
    for name in [name for name in given if name not in known]:
        if strict or not isinstance(name, str) or not name or not name.isprintable():
            alike = _alike(name, known)
            raise WalmartConfigError(
                f"{operation.name} has no parameter {_shown(name)}; {alike}; {NOT_STRICT}."
            )
        known[name] = Parameter(name=name, location="query")
    path, query, headers = operation.path, [], _media_headers(operation)
    missing = []
    for parameter in known.values():
        value = given.get(parameter.name)
        if value is None and parameter.required:
            value = parameter.default
            if parameter.name == "WM_MARKET" and market != "us":
                value, parameter = market, Parameter(name=parameter.name, location="header")
            if value is None:
                missing.append(parameter.name)
        if value is None:
            continue
        texts = _texts(operation, parameter, value, strict)
        if parameter.location == "path":
            path = path.replace(f"{{{parameter.name}}}", _segment(operation, parameter, texts[0]))
        elif parameter.location == "header":
            headers[parameter.name] = _header(operation, parameter, texts[0])
        elif parameter.explode:
            query += [f"{quote(parameter.name, safe='')}={quote(text, safe='')}" for text in texts]
        else:
            query.append(
                f"{quote(parameter.name, safe='')}={','.join(quote(text, safe='') for text in texts)}"
            )
    if missing:
        raise WalmartConfigError(f"{operation.name} needs {', '.join(missing)}.")
    return BuiltRequest(operation.method, path, "&".join(query), headers)


def request_body(operation: Operation, body: Any) -> dict[str, Any]:
    """Return the body of a call in the form that the operation takes, as keyword arguments for `requests`.

    :param body: anything JSON can hold, a `Decimal` being a number, or text or bytes that are ready; None for no body.
    :raises WalmartConfigError: when the operation takes none, or needs one, for what can't be sent, and when it holds a
        redacted secret.
    """
    if body is None:
        if operation.body_required:
            raise WalmartConfigError(f"{operation.name} needs a body ({' or '.join(operation.body)}).")
        return {}
    if not operation.body:
        raise WalmartConfigError(f"{operation.name} takes no body.")
    check_not_redacted(operation, body)
    content = _encoded(operation, body)
    if "application/json" not in operation.body and "multipart/form-data" in operation.body:
        return {"files": {"file": ("file.json", content)}}
    return {"data": content}


def _encoded(operation: Operation, body: Any) -> bytes:
    """Return a body as bytes: JSON, or what is ready. Errors repeat no text of it, which may be about a person."""
    if isinstance(body, bytes):
        return body
    if not isinstance(body, str):
        if not {"application/json", "multipart/form-data"} & set(operation.body):
            raise WalmartConfigError(
                f"{operation.name}: body is {_shown(body)}; it takes {' or '.join(operation.body)}, as text."
            )
        try:
            check_json(body, "body")
        except RowError as error:
            raise WalmartConfigError(f"{operation.name}: {error}.") from None
        return encode(body)
    if not is_unicode(body):
        raise WalmartConfigError(f"{operation.name}: body is text that is not valid Unicode.")
    if "application/json" in operation.body:
        try:
            msgspec.json.decode(body)
        except (ValueError, RecursionError) as error:
            raise WalmartConfigError(
                f"{operation.name}: body is text that is not JSON ({error}); give a dict, or JSON. Where a template gives "
                "the dict, the DAG needs render_template_as_native_obj=True."
            ) from None
    return body.encode()


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


def _texts(operation: Operation, parameter: Parameter, value: Any, strict: bool) -> list[str]:
    """Return the value as text, or the values where the parameter takes several."""
    if isinstance(value, (list, tuple)):
        values: list[Any] = list(value)
        one = strict or parameter.location != "query"
        if one and parameter.type != "array" and len(values) != 1:
            raise _error(operation, parameter, value, "it takes one value")
        if not values:
            raise _error(
                operation, parameter, value, "it takes at least one value; leave it out or pass None for none"
            )
    else:
        values = value.split(",") if parameter.type == "array" and isinstance(value, str) else [value]
    texts = [_text(operation, parameter, item) for item in values]
    if strict:
        for text in texts:
            _check(operation, parameter, text)
    return texts


def _text(operation: Operation, parameter: Parameter, value: Any) -> str:
    """Return one value as text that can be sent."""
    text: str | None = None
    if isinstance(value, str):
        text = _rendered_time(operation, parameter, str.__str__(value))
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, date):
        text = _point_in_time(operation, parameter, value)
    elif isinstance(value, int) and value.bit_length() <= 64:
        text = str(value)
    elif isinstance(value, float) and math.isfinite(value):
        text = repr(int(value) if value.is_integer() and abs(value) < 2**53 else value)
    if text is None:
        raise _error(
            operation, parameter, value, "it takes text, a finite number, a boolean or a point in time"
        )
    if parameter.type == "boolean":
        # Templates render booleans as Python does.
        text = {"True": "true", "False": "false"}.get(text, text)
    if not text:
        raise _error(operation, parameter, value, "it must not be empty; leave it out or pass None for none")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _error(operation, parameter, value, "it holds half a character, which cannot be sent") from None
    return text


def _check(operation: Operation, parameter: Parameter, text: str) -> None:
    """Refuse a value that the documents do not allow."""
    allowed = ""
    if parameter.enum and text not in parameter.enum:
        allowed = f"allowed are {', '.join(parameter.enum)}"
    elif parameter.type == "boolean" and text not in ("true", "false"):
        allowed = "allowed are true and false"
    elif parameter.pattern and not re.fullmatch(parameter.pattern, text):
        allowed = f"allowed is what matches {parameter.pattern}"
    elif parameter.type == "integer" or parameter.minimum is not None or parameter.maximum is not None:
        # A number of any length is not turned into an int: that takes quadratic time.
        number = int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else None
        if number is None:
            allowed = "allowed are whole numbers"
        elif parameter.minimum is not None and number < parameter.minimum:
            allowed = f"allowed are {parameter.minimum} and more"
        elif parameter.maximum is not None and number > parameter.maximum:
            allowed = f"allowed is at most {parameter.maximum}"
    if allowed:
        raise _error(operation, parameter, text, f"{allowed}; {NOT_STRICT}")


def _segment(operation: Operation, parameter: Parameter, text: str) -> str:
    if text in (".", ".."):
        raise _error(operation, parameter, text, "it would change the path")
    return quote(text, safe="")


def _header(operation: Operation, parameter: Parameter, text: str) -> str:
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise _error(
            operation, parameter, text, "it is sent as a header and takes printable ASCII characters only"
        )
    return text


def _point_in_time(operation: Operation, parameter: Parameter, value: date) -> str:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise _error(operation, parameter, value, "it takes points in time with a time zone")
        try:
            moment = value.astimezone(timezone.utc)
        except OverflowError:
            raise _error(operation, parameter, value, "it lies outside the calendar in UTC") from None
    elif parameter.format in TIME_FORMATS:
        moment = datetime.combine(value, time(), timezone.utc)
    else:
        return value.isoformat()
    return TIME_FORMATS.get(parameter.format, _iso)(moment.replace(microsecond=0))


def _rendered_time(operation: Operation, parameter: Parameter, text: str) -> str:
    """Return text; a point in time that a template has rendered in the form that the parameter wants."""
    # ISO 8601 is that form already where no other one is documented.
    if not RENDERED_TIME.fullmatch(text) or ("T" in text and not parameter.format):
        return text
    try:
        return _point_in_time(operation, parameter, datetime.fromisoformat(text))
    except ValueError:
        return text


def _iso(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat() + "Z"


TIME_FORMATS: dict[str, Callable[[datetime], str]] = {
    "date": lambda moment: moment.date().isoformat(),
    "us-date": lambda moment: f"{moment.month:02}/{moment.day:02}/{moment.year:04}",
    "date-time-ms": lambda moment: moment.replace(tzinfo=None).isoformat() + ".000Z",
    "date-space-time": lambda moment: moment.replace(tzinfo=None).isoformat(" "),
    "epoch-s": lambda moment: str(int(moment.timestamp())),
    "epoch-ms": lambda moment: str(int(moment.timestamp()) * 1000),
}


def _error(operation: Operation, parameter: Parameter, value: Any, what: str) -> WalmartConfigError:
    return WalmartConfigError(f"{operation.name}: {parameter.name} is {_shown(value)}; {what}.")


def _alike(name: object, known: Mapping[str, Parameter]) -> str:
    """Return what else the caller may have meant."""
    lower = {key.lower(): key for key in known}
    close = difflib.get_close_matches(str(name)[:100].lower(), list(lower), n=2)
    if close:
        return f"did you mean {' or '.join(lower[key] for key in close)}?"
    return f"it has {', '.join(sorted(known))}" if known else "it has none"


def _shown(value: object) -> str:
    """Return a value as it may stand in a message: never a long one, nor one of a type that we do not know."""
    if isinstance(value, str):
        return repr(value[:80]) + ("..." if len(value) > 80 else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
        return repr(value)
    return f"of type {type(value).__name__}"
