"""Names and ids as people write them, and as templates render them."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError

NAME = re.compile(r"\w[\w .@-]*")
# What templates make of nothing.
NOTHING = ("", "none", "null", "nan")
# Why a number is no id: 1E5 would be sent as 100000, which may be another one.
LOST_FORM = (
    "what this number was written like is lost. Quote it; a template of a DAG with render_template_as_native_obj=True makes "
    "a number of what looks like one"
)


def names_of(field: str, given: Any, example: str) -> list[str]:
    """Return the names in a list or in text.

    :param field: what the user calls it.
    :param given: a list, tuple or set of names; or text: names with commas between, or what a template makes of a list.
    :param example: a name, for the error.
    :return: names without white space around them; none for None, blank text and an empty list.
    :raises WalmartConfigError: for anything else, and for what a template makes of None.
    """
    names = _read(given.strip()) if isinstance(given, str) else given
    if names is None:
        return []
    if isinstance(names, Collection) and not isinstance(names, (str, bytes, Mapping)):
        found = [name.strip() if isinstance(name, str) else "" for name in names]
        if all(NAME.fullmatch(name) and name != "None" for name in found):
            return found
    raise WalmartConfigError(
        f"{field} is {str(given)[:200]!r}; allowed: names such as {example}, as a list or as text with commas between."
    )


def text_id(name: str, value: Any) -> str:
    """Return an id as text, without white space around it.

    :param name: what it is, for errors.
    :param value: text or a whole number.
    :raises WalmartConfigError: for anything else. What is no id may be a whole record: it is not repeated.
    """
    if value is None or value == "":
        raise WalmartConfigError(f"{name} is missing; expected an id, as text.")
    if isinstance(value, float):
        raise WalmartConfigError(f"{name} is {value}; an id is text, and {LOST_FORM}.")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise WalmartConfigError(f"{name} is a {type(value).__name__}; expected an id, as text.")
    text = str(value).strip()
    if text.casefold() in NOTHING:
        # What a template makes of nothing would be one id for many orders.
        raise WalmartConfigError(f"{name} is {text!r}; expected an id, as text.")
    if not text.isprintable():
        raise WalmartConfigError(f"{name} holds a character that is not printable; expected an id, as text.")
    return text


def _read(text: str) -> Any:
    if not text.startswith("["):
        return text.split(",") if text else None
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text
