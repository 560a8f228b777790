"""The values of parameters: checked against the documents, and written as Walmart reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_walmart.client.catalogue.operations import Operation, Parameter
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import FORMATS, parse_time
from airflow_provider_walmart.client.values.names import LOST_FORM
from airflow_provider_walmart.client.values.rows import is_unicode

NOT_STRICT = "Values and names newer than the catalogue pass with strict=False."
# A point in time as people and templates write it. Only whole seconds in UTC are what Walmart takes everywhere.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?P<space>[ T])\d\d:\d\d:\d\d(?P<fraction>\.\d+)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_NAME_OF_TIME = re.compile(r"date|time", re.IGNORECASE)


def texts_of(operation: Operation, parameter: Parameter, value: Any, strict: bool) -> list[str]:
    """Return the value of a parameter as text, or its values where it takes several.

    :param strict: False lets values pass that the documents do not allow.
    :raises WalmartConfigError: naming operation, parameter, value and what is allowed.
    """
    texts = [_text(operation, parameter, item) for item in _items(operation, parameter, value, strict)]
    if strict:
        for text in texts:
            if refused := next((why for check in _CHECKS if (why := check(parameter, text))), ""):
                raise _error(operation, parameter, text, refused, NOT_STRICT)
    return texts


def path_segment(operation: Operation, parameter: Parameter, text: str) -> str:
    """Return a text as one part of a path."""
    if text in (".", ".."):
        raise _error(operation, parameter, text, "it would change the path")
    return quote(text, safe="")


def header_text(operation: Operation, parameter: Parameter, text: str) -> str:
    """Return a text that can be sent as a header."""
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise _error(
            operation, parameter, text, "it is sent as a header and takes printable ASCII characters only"
        )
    return text


def shown(value: object) -> str:
    """Return a value as it may stand in a message: never a long one, nor one of a type that we do not know."""
    if isinstance(value, str):
        return repr(value[:80]) + ("..." if len(value) > 80 else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
        return repr(value)
    return f"of type {type(value).__name__}"


def _items(operation: Operation, parameter: Parameter, value: Any, strict: bool) -> list[Any]:
    """Return the values that were given for a parameter."""
    takes_several = parameter.type == "array"
    if not isinstance(value, (list, tuple)):
        return value.split(",") if takes_several and isinstance(value, str) else [value]
    takes_one = not takes_several and (strict or parameter.location != "query")
    if takes_one and len(value) != 1:
        raise _error(operation, parameter, value, "it takes one value")
    if not value:
        what = "it takes at least one value; leave it out or pass None for none"
        raise _error(operation, parameter, value, what)
    return list(value)


# -- writing -----------------------------------------------------------------------------------------


def _text(operation: Operation, parameter: Parameter, value: Any) -> str:
    """Return one value as text that can be sent."""
    write = next((write for kinds, write in _WRITERS if isinstance(value, kinds)), None)
    text = write(operation, parameter, value) if write else None
    if text is None:
        what = "it takes text, a finite number, a boolean or a point in time"
        raise _error(operation, parameter, value, what)
    if not text:
        raise _error(operation, parameter, value, "it must not be empty; leave it out or pass None for none")
    if not is_unicode(text):
        raise _error(
            operation, parameter, value, "it holds an invalid Unicode surrogate, which cannot be sent"
        )
    return text


def _write_text(operation: Operation, parameter: Parameter, value: str) -> str:
    text = str.__str__(value)
    if parameter.type == "boolean":
        # Templates render booleans as Python does.
        return {"True": "true", "False": "false"}.get(text, text)
    return _as_time(parameter, text) or text


def _as_time(parameter: Parameter, text: str) -> str | None:
    """Return the text of a point in time in the form that the parameter wants; None for any other text."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    is_ready = found["space"] == "T" and not found["fraction"] and found["zone"]
    # Without a zone it may be some other text, or a form of its own.
    is_time = found["zone"] or parameter.format or _NAME_OF_TIME.search(parameter.name)
    if not is_time or (is_ready and not parameter.format):
        return None
    when = parse_time(text)
    return FORMATS[parameter.format](when.replace(microsecond=0)) if when else None


def _write_boolean(operation: Operation, parameter: Parameter, value: bool) -> str:
    return "true" if value else "false"


def _write_time(operation: Operation, parameter: Parameter, value: date) -> str:
    if not isinstance(value, datetime) and parameter.format not in FORMATS_OF_DAYS:
        return value.isoformat()
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise _error(operation, parameter, value, "it takes points in time with a time zone")
    when = parse_time(value)
    if when is None:
        raise _error(operation, parameter, value, "it lies outside the calendar in UTC")
    return FORMATS[parameter.format](when.replace(microsecond=0))


def _write_whole(operation: Operation, parameter: Parameter, value: int) -> str | None:
    return str(value) if value.bit_length() <= 64 else None


def _write_number(operation: Operation, parameter: Parameter, value: float) -> str | None:
    if not math.isfinite(value):
        return None
    if parameter.type == "string":
        raise _error(operation, parameter, value, f"it takes text, and {LOST_FORM}")
    return repr(int(value) if value.is_integer() and abs(value) < 2**53 else value)


# The formats in which a day stands for its first moment; where none is documented, a day is a day.
FORMATS_OF_DAYS = frozenset(FORMATS) - {""}
_WRITERS: tuple[tuple[type, Callable[[Operation, Parameter, Any], str | None]], ...] = (
    (str, _write_text),
    (bool, _write_boolean),
    (date, _write_time),
    (int, _write_whole),
    (float, _write_number),
)


# -- checking ----------------------------------------------------------------------------------------


def _not_in_list(parameter: Parameter, text: str) -> str:
    return f"allowed are {', '.join(parameter.enum)}" if parameter.enum and text not in parameter.enum else ""


def _no_boolean(parameter: Parameter, text: str) -> str:
    is_wrong = parameter.type == "boolean" and text not in ("true", "false")
    return "allowed are true and false" if is_wrong else ""


def _no_match(parameter: Parameter, text: str) -> str:
    is_wrong = parameter.pattern and not re.fullmatch(parameter.pattern, text)
    return f"allowed is what matches {parameter.pattern}" if is_wrong else ""


def _not_in_range(parameter: Parameter, text: str) -> str:
    least, most = parameter.minimum, parameter.maximum
    if parameter.type != "integer" and least is None and most is None:
        return ""
    # A number of any length is not turned into an int: that takes quadratic time.
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        return "allowed are whole numbers"
    if least is not None and int(text) < least:
        return f"allowed are {least} and more"
    return f"allowed is at most {most}" if most is not None and int(text) > most else ""


# Each says what the documents allow where a text is something else; empty where it is fine.
_CHECKS: tuple[Callable[[Parameter, str], str], ...] = (_not_in_list, _no_boolean, _no_match, _not_in_range)


def _error(
    operation: Operation, parameter: Parameter, value: Any, what: str, more: str = ""
) -> WalmartConfigError:
    text = f"{operation.name}: {parameter.name} is {shown(value)}; {what}. {more}"
    return WalmartConfigError(text.rstrip())
