"""Checking an item against a JSON schema of Walmart's, with errors in one sentence each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from airflow_provider_walmart.client.values.json_values import encode
from airflow_provider_walmart.client.values.rows import shown

# What says nothing of validity. Walmart's ``"examples": ""`` is not even a schema.
_ANNOTATIONS = frozenset(("title", "description", "examples", "comments", "default", "$schema", "$id"))
# Names are not keywords below these.
_NAMED = frozenset(("properties", "patternProperties", "definitions", "dependencies"))
# Allowed values that an error lists.
LISTED = 10


class Problem(NamedTuple):
    """What is wrong with one field.

    :param field: where it is, such as ``Visible.Baby Blankets.color`` or ``Orderable.images[2]``; empty for the item.
    :param text: one sentence, worded to follow the field.
    """

    field: str
    text: str


class _Finding(NamedTuple):
    """One error of a validator.

    :param path: where in the item.
    :param keyword: keyword of the schema.
    :param wanted: its value.
    :param instance: what is there.
    """

    path: tuple[str | int, ...]
    keyword: str
    wanted: Any
    instance: Any


class SpecValidator:
    """Checks values against one schema: with ``jsonschema-rs`` where it is installed, else with ``jsonschema``.

    Both judge alike; the first is some 70 times as fast.

    :param schema: a draft-07 schema as JSON text, so that its decimals are exact.
    :param fast: True insists on ``jsonschema-rs``, False on ``jsonschema``; None: what is installed.
    """

    def __init__(self, schema: str, *, fast: bool | None = None) -> None:
        plain = without_annotations(json.loads(schema, parse_float=Decimal))
        self._findings: Callable[[Any], Iterator[_Finding]]
        if fast is None:
            fast = _has_fast()
        self._findings = _fast(plain) if fast else _plain(plain)

    def problems(self, value: Any) -> list[Problem]:
        """Return what is wrong with a value, in the order of the names of its fields.

        :param value: what JSON can hold.
        """
        return sorted({problem for finding in self._findings(value) for problem in _problems_of(finding)})


def without_annotations(schema: Any, *, names: bool = False) -> Any:
    """Return a schema without what says nothing of validity.

    :param schema: a schema, or a part of one.
    :param names: whether the keys of this part are names of fields, not keywords.
    """
    if isinstance(schema, dict):
        return {
            key: without_annotations(value, names=not names and key in _NAMED)
            for key, value in schema.items()
            if names or (key not in _ANNOTATIONS)
        }
    if isinstance(schema, list):
        return [without_annotations(value) for value in schema]
    return schema


def _has_fast() -> bool:
    try:
        import jsonschema_rs  # noqa: F401
    except ImportError:
        return False
    return True


def _fast(schema: Any) -> Callable[[Any], Iterator[_Finding]]:
    import jsonschema_rs

    validator = jsonschema_rs.Draft7Validator(
        json.loads(encode(schema)), validate_formats=True, formats=FORMATS
    )

    def findings(value: Any) -> Iterator[_Finding]:
        for error in validator.iter_errors(_for_json(value)):
            keyword = str(error.schema_path[-1])
            kind: Any = error.kind
            wanted: Any = schema
            part: Any
            for part in error.schema_path:
                wanted = wanted[part] if isinstance(wanted, (dict, list)) else wanted
            if keyword == "required":
                wanted = [kind.property]
            elif keyword == "additionalProperties" and isinstance(error.instance, dict):
                wanted = list(kind.unexpected)
            yield _Finding(tuple(error.instance_path), keyword, wanted, error.instance)

    return findings


def _plain(schema: Any) -> Callable[[Any], Iterator[_Finding]]:
    import jsonschema

    checker = jsonschema.FormatChecker(formats=())
    for name, is_valid in FORMATS.items():
        checker.checks(name)(lambda value, is_valid=is_valid: not isinstance(value, str) or is_valid(value))
    validator = jsonschema.Draft7Validator(schema, format_checker=checker)

    def findings(value: Any) -> Iterator[_Finding]:
        for error in validator.iter_errors(_exact(value)):
            wanted = error.validator_value
            if error.validator == "required":
                # One error for each missing field, each with all that are required: the same sentences, given once.
                wanted = [name for name in wanted if name not in error.instance]
            elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
                wanted = [name for name in error.instance if name not in error.schema.get("properties", {})]
            yield _Finding(tuple(error.absolute_path), error.validator, wanted, error.instance)

    return findings


def _exact(value: Any) -> Any:
    """Return a value with its fractions as decimals: as floats, a ninth of all prices is no multiple of 0.01."""
    if isinstance(value, (dict, Mapping)):
        return {key: _exact(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(inner) for inner in value]
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def _for_json(value: Any) -> Any:
    """Return a value with decimals as the floats they are in JSON."""
    # Most of an item is this, and to ask what kind of mapping something is takes longer than to check it.
    if type(value) in (str, int, float, bool):
        return value
    if isinstance(value, (dict, Mapping)):
        return {key: inner if type(inner) is str else _for_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_json(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


# -- formats -----------------------------------------------------------------------------------------


def _is_day(text: str) -> bool:
    try:
        msgspec.convert(text, date)
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    try:
        return len(text) > 10 and msgspec.convert(text, datetime).tzinfo is not None
    except ValueError:
        return False


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_plain = text.isprintable() and " " not in text
    return is_plain and bool(parts.scheme) and (bool(parts.netloc) or parts.scheme not in ("http", "https"))


FORMATS: dict[str, Callable[[str], bool]] = {"date": _is_day, "date-time": _is_date_time, "uri": _is_uri}
_FORMS = {
    "date": "a day such as 2026-12-31",
    "date-time": "a time with its zone such as 2026-12-31T18:00:00Z",
    "uri": "an address such as https://images.your-shop.com/1.jpg",
}

# -- sentences ---------------------------------------------------------------------------------------


def _problems_of(finding: _Finding) -> Iterator[Problem]:
    """Yield one problem for each field that an error is about, never with the schema itself in it."""
    path, keyword, wanted, instance = finding
    where = field_name(path)
    if keyword == "required":
        for name in wanted:
            yield Problem(field_name((*path, name)), "is missing; it is required")
    elif keyword == "additionalProperties" and isinstance(wanted, list):
        for name in wanted:
            yield Problem(field_name((*path, name)), "is not a field of the spec")
    elif keyword in ("oneOf", "anyOf", "not", "if", "allOf", "dependencies"):
        yield Problem(where, _choice(wanted))
    else:
        say = _SENTENCES.get(keyword, _not_allowed)
        yield Problem(where, say(wanted, _shown(instance)))


def _not_allowed(wanted: Any, value: str) -> str:
    return f"is {value}, which the spec does not allow: {_shown(wanted)}"


def _choice(wanted: Any) -> str:
    if isinstance(wanted, list):
        names = [
            " and ".join(option["required"])
            for option in wanted
            if isinstance(option, Mapping) and option.get("required")
        ]
        if names and len(names) == len(wanted):
            return f"needs {_listed(names)}"
    return "fits none of the forms that the spec allows"


def field_name(path: Sequence[str | int]) -> str:
    """Return where something is in an item, such as ``Orderable.images[2]``.

    :param path: keys and positions on the way there.
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _listed(values: Sequence[Any]) -> str:
    names = ", ".join(str(value)[:60] for value in values[:LISTED])
    return f"{names} and {len(values) - LISTED} more" if len(values) > LISTED else names


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    return shown(value)


_TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
}


def _type(wanted: Any, value: str) -> str:
    kinds = [wanted] if isinstance(wanted, str) else wanted
    return f"is {value}; expected {' or '.join(_TYPES.get(kind, kind) for kind in kinds)}"


def _multiple(wanted: Any, value: str) -> str:
    exponent = Decimal(str(wanted)).as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    if digits > 0 and Decimal(str(wanted)) == Decimal(1).scaleb(-digits):
        return f"is {value}; allowed: {digits} decimals at most"
    return f"is {value}; allowed: multiples of {wanted}"


def _number(count: Any, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


_SENTENCES: dict[str, Callable[[Any, str], str]] = {
    "type": _type,
    "enum": lambda wanted, value: f"is {value}; allowed: {_listed(wanted)}",
    "const": lambda wanted, value: f"is {value}; allowed: {_shown(wanted)}",
    "multipleOf": _multiple,
    "minimum": lambda wanted, value: f"is {value}; allowed: {wanted} or more",
    "maximum": lambda wanted, value: f"is {value}; allowed: {wanted} or less",
    "exclusiveMinimum": lambda wanted, value: f"is {value}; allowed: more than {wanted}",
    "exclusiveMaximum": lambda wanted, value: f"is {value}; allowed: less than {wanted}",
    "minLength": lambda wanted, value: f"is {value}; allowed: {_number(wanted, 'character')} or more",
    "maxLength": lambda wanted, value: f"is {value}; allowed: {_number(wanted, 'character')} at most",
    "minItems": lambda wanted, value: f"is {value}; allowed: {_number(wanted, 'entry', 'entries')} or more",
    "maxItems": lambda wanted, value: f"is {value}; allowed: {_number(wanted, 'entry', 'entries')} at most",
    "uniqueItems": lambda _wanted, value: f"is {value} in which one is there twice",
    "pattern": lambda wanted, value: f"is {value}; allowed: what fits {str(wanted)[:80]}",
    "format": lambda wanted, value: f"is {value}; expected {_FORMS.get(wanted, wanted)}",
}
