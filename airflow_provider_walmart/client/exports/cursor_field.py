"""The date in a record by which an export goes on where the last one ended."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import parse_time

log = logging.getLogger(__name__)

Raw = msgspec.Raw
_fields = msgspec.json.Decoder(dict[str, Raw])
# How many fields of a record are named to whoever misspelt one.
SHOWN = 12
DAY = timedelta(days=1, microseconds=-1)


class CursorField:
    """Reads one date of each record, and decodes nothing else of it.

    :param path: name of the field; dotted for one inside another.
    :raises WalmartConfigError: when that is no name.
    """

    def __init__(self, path: str) -> None:
        if not isinstance(path, str) or not all(path.split(".")):
            raise WalmartConfigError(f"cursor_field is {path!r}; expected a name such as feedDate or a.b.")
        kind: Any = Any
        for name in reversed(path.split(".")):
            kind = msgspec.defstruct("Level", [("value", kind | None, None)], rename={"value": name})
        self._path = path
        self._depth = path.count(".") + 1
        self._decode = msgspec.json.Decoder(kind).decode
        self.newest: datetime | None = None

    def inside(
        self, pages: Iterable[list[Raw]], start: datetime | None, end: datetime | None
    ) -> Generator[list[Raw], None, None]:
        """Yield pages without the records outside of a time window; what has no date is kept.

        When no record has one, the log says so at the end.

        :param start: first moment of the window; None: there is none.
        :param end: first moment after it; None: there is none.
        """
        undated = b""
        has_dates = False
        for page in pages:
            kept = []
            for record in page:
                moment, until = self.span(record)
                if moment is None or until is None:
                    undated = undated or bytes(record)
                else:
                    has_dates = True
                    if _is_outside(moment, until, start, end):
                        continue
                    self.newest = max(self.newest or moment, moment)
                kept.append(record)
            yield kept
        if undated and not has_dates:
            log.warning(
                "No record has a date in %s, so all of them are exported, whatever the window, and nothing says how far. "
                "A record has %s",
                self._path,
                _names_in(undated),
            )

    def span(self, record: Raw) -> tuple[datetime | None, datetime | None]:
        """Return the first and the last moment that the date of a record stands for: a day has many."""
        try:
            found: Any = self._decode(record)
        except ValueError:
            return None, None
        for _ in range(self._depth):
            found = found and found.value
        moment = parse_time(found)
        is_day = isinstance(found, str) and len(found) == len("2026-12-01")
        return moment, moment + DAY if moment and is_day else moment


def _is_outside(moment: datetime, until: datetime, start: datetime | None, end: datetime | None) -> bool:
    return bool((start and until < start) or (end and moment >= end))


def _names_in(record: bytes) -> str:
    """Return the names of the first fields of a record."""
    try:
        names = list(_fields.decode(record))
    except ValueError:
        return "no fields"
    return ", ".join(name[:40] for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
