"""Taking out of Walmart's words what a request said of a person."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from airflow_provider_walmart.client.errors import ErrorDetail

# Statuses and times, which are not about a person.
_HARMLESS = re.compile(r"[A-Z]+(_[A-Z]+)+|\d{4}-\d\d-\d\d.*")
# Shorter ones are in any sentence: names as part of other words, numbers as counts.
SHORTEST_TEXT, SHORTEST_NUMBER = 3, 4
# Of this length and more it is nothing else, whatever stands right before and after it, such as a country code.
UNMISTAKABLE = 7


class Blackout:
    """Blacks out of Walmart's errors what a request held: all texts and numbers but ids, statuses and times.

    :param body: body of the request.
    """

    def __init__(self, body: Any) -> None:
        self._body = body

    def __call__(self, detail: ErrorDetail) -> ErrorDetail:
        """Return an error without what it repeats of the request; its code is left as it is."""
        if self._words is None:
            return detail
        field, description = (self._words.sub("***", text) for text in (detail.field, detail.description))
        return replace(detail, field=field, description=description)

    @cached_property
    def _words(self) -> re.Pattern[str] | None:
        private = sorted(set(_texts(self._body)), key=len, reverse=True)
        words = [
            re.escape(text) if len(text) >= UNMISTAKABLE else rf"(?<!\w){re.escape(text)}(?!\w)"
            for text in private
        ]
        return re.compile("|".join(words), re.IGNORECASE) if words else None


def _texts(body: Any, key: str = "") -> Iterator[str]:
    """Yield what a request holds that may be about a person, as text."""
    if isinstance(body, (str, bytes)) and not key:
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return
    if isinstance(body, Mapping):
        for name, value in body.items():
            yield from _texts(value, str(name))
    elif isinstance(body, (list, tuple)):
        for value in body:
            yield from _texts(value, key)
    elif key.lower().endswith("id") or isinstance(body, bool):
        return
    elif isinstance(body, str):
        text = body.strip()
        if len(text) >= SHORTEST_TEXT and not _HARMLESS.fullmatch(text):
            yield text
    elif isinstance(body, (int, float, Decimal)):
        # Walmart may repeat a number with or without its zero after the point.
        whole = math.isfinite(body) and body % 1 == 0
        numbers = {str(body), str(int(body))} if whole else {str(body)}
        yield from (number for number in numbers if sum(map(str.isdigit, number)) >= SHORTEST_NUMBER)
