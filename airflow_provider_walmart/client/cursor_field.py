"""The date in a record by which an export goes on where the last one ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.moments import moment_of

Raw = msgspec.Raw
DAY = timedelta(days=1, microseconds=-1)


class CursorField:
    """Looks at one date of each record, and decodes nothing else of it.

    :param path: name of the field; dotted for one inside another.
    :raises WalmartConfigError: when that is no name.
    """

    def __init__(self, path: str) -> None:
        if not isinstance(path, str) or not all(path.split(".")):
            raise WalmartConfigError(f"cursor_field is {path!r}; expected a name such as feedDate or a.b.")
        kind: Any = Any
        for name in reversed(path.split(".")):
            kind = msgspec.defstruct("Level", [("value", kind | None, None)], rename={"value": name})
        self._depth = path.count(".") + 1
        self._decode = msgspec.json.Decoder(kind).decode
        self.newest: datetime | None = None

    def inside(
        self, pages: Iterable[list[Raw]], start: datetime | None, end: datetime | None
    ) -> Iterator[list[Raw]]:
        """Yield pages without the records outside of a time window; what has no date is kept.

        :param start: first moment of the window; None: there is none.
        :param end: first moment after it; None: there is none.
        """
        for page in pages:
            kept = []
            for record in page:
                moment, until = self.span(record)
                if moment and until and ((start and until < start) or (end and moment >= end)):
                    continue
                if moment and (self.newest is None or moment > self.newest):
                    self.newest = moment
                kept.append(record)
            yield kept

    def span(self, record: Raw) -> tuple[datetime | None, datetime | None]:
        """Return the first and the last moment that the date of a record stands for: a day has many."""
        try:
            found: Any = self._decode(record)
        except ValueError:
            return None, None
        for _ in range(self._depth):
            found = found and found.value
        moment = moment_of(found)
        is_day = isinstance(found, str) and len(found) == len("2026-12-01")
        return moment, moment + DAY if moment and is_day else moment
