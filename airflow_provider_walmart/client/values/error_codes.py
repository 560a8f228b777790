"""Walmart's error codes as data: what one means, and what to do about it.

Only what is documented, or was seen by sellers on live accounts, is listed; each row says which. What isn't listed is unknown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# What to do about an error, in words.
ACTIONS = {
    "fix": "fix the row",
    "later": "send again later, after an hour at the earliest",
    "wait": "wait, and don't send again",
    "never": "never send again as it is",
}


@dataclass(frozen=True)
class ErrorCode:
    """What is known of one code.

    :param code: as Walmart writes it; with a ``*`` at its end, all that begin so and are not listed themselves.
    :param meaning: what it means, in a sentence.
    :param action: a key of `ACTIONS`.
    :param source: where that is known from.
    :param step: what exactly to do, where more is known than the action says.
    """

    code: str
    meaning: str
    action: str
    source: str
    step: str = ""

    @property
    def to_do(self) -> str:
        """What to do, in words."""
        return self.step or ACTIONS[self.action]

    @property
    def hint(self) -> str:
        """Meaning, and what to do, in one line."""
        return f"{self.meaning} To do: {self.to_do}."


@cache
def all_error_codes() -> tuple[ErrorCode, ...]:
    """Return all codes that are known, families (``*``) among them."""
    rows = files(__package__).joinpath("error_codes.json").read_text(encoding="utf-8")
    return tuple(ErrorCode(**row) for row in json.loads(rows))


def find_error_code(code: Any, error_type: Any = None) -> ErrorCode | None:
    """Return what is known of an error; None when that is nothing.

    A code that is listed itself counts more than the type of the error, and that more than a family of codes: Walmart
    names some errors of the data as if they were its own.

    :param code: Walmart's code, such as ``ERR_EXT_DATA_0101119``; the service behind a dot (``.GMP_ORDER_API``) doesn't
        matter.
    :param error_type: Walmart's type of the error, or status of the item: ``DATA_ERROR``, ``SYSTEM_ERROR`` or
        ``TIMEOUT_ERROR``.
    """
    listed = _by_code()
    name = _name_of(code)
    for exact in (name, _name_of(error_type)):
        if exact in listed:
            return listed[exact]
    families = (known for known in all_error_codes() if known.code.endswith("*"))
    return next((known for known in families if name.startswith(known.code[:-1])), None)


@cache
def _by_code() -> dict[str, ErrorCode]:
    return {known.code: known for known in all_error_codes()}


def _name_of(value: Any) -> str:
    return value.strip().upper().partition(".")[0] if isinstance(value, str) else ""
