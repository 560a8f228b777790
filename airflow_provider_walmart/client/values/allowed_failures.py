"""The failure policy: how many failures are allowed, and which errors came how often."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError

EXAMPLES = 3
# What is read of an error's row.
ERROR_FIELDS = ("code", "type", "status", "field", "description", "hint", "sku")
# How much of Walmart's words is shown: in a table, and in an error.
LONGEST_TEXT = 200
SHORT_TEXT = 100


def parse_allowed_failures(value: Any) -> int | float:
    """Return the failure policy as a number.

    :param value: an int is a number of failures, a float from 0 to 1 a share; text is either of them, also a share in per
        cent, such as ``5%``.
    :raises WalmartConfigError: when it is neither.
    """
    number = _number_of(value) if isinstance(value, str) else value
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    if isinstance(number, float) and 0 <= number <= 1:
        return number
    raise WalmartConfigError(
        f"allowed_failures is {value!r}; allowed: a number of items (int, 0 or more) or a share of them (float, 0.0 to 1.0, "
        'or text such as "5%").'
    )


def _number_of(text: str) -> int | float:
    """Return the number that a text is; not a number when it is none."""
    text = text.strip()
    share = text.endswith("%")
    for kind in (int, float):
        try:
            number = kind(text.removesuffix("%"))
        except ValueError:
            continue
        return number / 100 if share else number
    return math.nan


def too_many(
    failed: int, received: int, allowed_failures: int | float, words: str, *, unchanged: int = 0
) -> str | None:
    """Return that more failed than allowed, in words, or None when that is not so.

    :param allowed_failures: an int is a number, a float a share.
    :param words: what happened to them, such as "items failed".
    :param unchanged: others that are fine without being sent: a share is one of all.
    """
    if isinstance(allowed_failures, int):
        exceeded, allowed = failed > allowed_failures, str(allowed_failures)
    else:
        received += unchanged
        words += f" ({unchanged} are unchanged)" if unchanged else ""
        # Divided, not multiplied: 0.29 * 100 is a little less than 29.
        share = failed / max(received, failed, 1)
        exceeded, allowed = share > allowed_failures, f"{allowed_failures:.2%} of them"
    return f"{failed} of {received} {words}, allowed: {allowed}" if exceeded else None


@dataclass
class _Group:
    """Errors of one code and field."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    description: str = ""
    hint: str = ""


@dataclass
class ErrorTally:
    """Counts error rows by code and field, and remembers of each Walmart's words and a few SKUs, however many there are."""

    _groups: dict[tuple[str, str], _Group] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> None:
        """Count one error.

        :param row: a dict with ``code``, ``status`` (stands in for a missing code), ``description`` and ``sku``; where there is
            one, with ``field``, ``type`` and ``hint``.
        """
        texts = {name: str(row.get(name) or "") for name in ERROR_FIELDS}
        code = texts["code"] or texts["type"] or texts["status"] or "no code given"
        group = self._groups.setdefault((code, texts["field"]), _Group())
        group.count += 1
        group.description = group.description or " ".join(texts["description"].split())
        group.hint = group.hint or texts["hint"]
        if texts["sku"] and len(group.examples) < EXAMPLES:
            group.examples.append(texts["sku"])

    def top(self, limit: int = 10) -> list[tuple[str, int, str, str]]:
        """Return code, count, example SKUs and text of the most frequent errors.

        The text has the field and the description as Walmart gave them, and our hint behind them in brackets.
        """
        return self._top(limit, LONGEST_TEXT)

    def _top(self, limit: int, longest: int) -> list[tuple[str, int, str, str]]:
        ranked = sorted(self._groups.items(), key=lambda entry: (-entry[1].count, entry[0]))[:limit]
        return [
            (code, group.count, ", ".join(group.examples), _text_of(name, group, longest))
            for (code, name), group in ranked
        ]

    def __str__(self) -> str:
        return "; ".join(
            f"{code} x {count}{skus and f' (such as {skus})'}{text and f': {text}'}"
            for code, count, skus, text in self._top(3, SHORT_TEXT)
        )


def _text_of(name: str, group: _Group, longest: int) -> str:
    words = f"{name}: {group.description}" if name and group.description else name or group.description
    if len(words) > longest:
        words = f"{words[:longest]}..."
    return f"{words} [{group.hint}]".strip() if group.hint else words
