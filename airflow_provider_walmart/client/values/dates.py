"""Points in time: reading them in every form in which people, templates and Walmart write them, and writing them.

What is read is aware, and in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from email.utils import parsedate_to_datetime
from typing import Any

# Epoch numbers are distinguished by size: seconds stay below this until the year 5138, milliseconds are above.
MILLISECONDS_FROM = 1e11
# Seconds with any number of digits behind the point, which Python before 3.11 takes three or six of.
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)


def parse_time(value: Any) -> datetime | None:
    """Return a point in time; None for what is none.

    :param value: a `datetime` or `date`, ISO 8601 as text (with ``T`` or a space, fractions of a second and any offset;
        UTC where it has none; a day begins at midnight), or epoch milliseconds as a number or as text.
    """
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), timezone.utc)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return parse_epoch(value / 1000) if _is_small(value) else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal() and len(text) == len("1700000000000"):
        return parse_epoch(int(text) / 1000)
    return parse_iso(text)


def parse_iso(text: str) -> datetime | None:
    """Return the point in time of a text in ISO 8601; None for any other text."""
    if (found := _ISO.fullmatch(text)) is None:
        return None
    day, clock, fraction, zone = found.groups()
    fraction = f".{fraction[:6]:0<6}" if fraction else ""
    zone = (zone or "Z").upper().replace("Z", "+00:00").replace(":", "")
    try:
        return _utc(
            datetime.fromisoformat(
                f"{day}T{clock or '00:00'}{fraction if len(clock or '') > 5 else ''}{zone[:3]}:{zone[3:] or '00'}"
            )
        )
    except ValueError:
        return None


def parse_http_date(text: str) -> datetime | None:
    """Return the point in time of a text as in the header ``Date``; None for any other text."""
    try:
        return _utc(parsedate_to_datetime(text))
    except (TypeError, ValueError, OverflowError):
        return None


def parse_day(value: Any) -> date | None:
    """Return a day; None for what is none, a point in time included.

    :param value: a `date`, or text such as ``2026-12-31``.
    """
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) == len("2026-12-31") else None
        except ValueError:
            return None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def parse_epoch(seconds: float) -> datetime | None:
    """Return the point in time so many seconds after 1970; None for what is outside the calendar."""
    try:
        return from_epoch(seconds)
    except (ValueError, OverflowError, OSError):
        return None


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


def from_epoch(seconds: float) -> datetime:
    """Return the point in time so many seconds after 1970 that we wrote ourselves."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def from_iso(text: str) -> datetime:
    """Return the point in time of a text that `datetime.isoformat` made.

    :raises ValueError: for any other text.
    """
    return datetime.fromisoformat(text)


def epoch_ms(when: datetime) -> int:
    """Return a point in time (aware) as whole milliseconds since 1970."""
    return int(when.timestamp() * 1000)


def in_utc(when: datetime) -> datetime:
    """Return a point in time (aware) in UTC."""
    return when.astimezone(timezone.utc)


def utc_minute(when: datetime) -> str:
    """Return a point in time (aware) for people, to the minute: ``2026-12-31 08:30 UTC``."""
    return f"{in_utc(when):%Y-%m-%d %H:%M} UTC"


def utc_text(when: datetime, timespec: str = "seconds") -> str:
    """Return a point in time (aware) as ISO 8601 text in UTC.

    :param timespec: ``seconds`` or ``milliseconds``.
    """
    return _clock(in_utc(when)).isoformat(timespec=timespec) + "Z"


def _utc(when: datetime) -> datetime | None:
    try:
        return when.astimezone(timezone.utc) if when.tzinfo else when.replace(tzinfo=timezone.utc)
    except OverflowError:
        return None


def _is_small(number: float) -> bool:
    return -1e17 < number < 1e17


def _clock(when: datetime) -> datetime:
    return when.replace(tzinfo=None)


# How Walmart's parameters want points in time (UTC, whole seconds), by the `format` of the catalogue; empty for most.
FORMATS: dict[str, Callable[[datetime], str]] = {
    "": utc_text,
    "date": lambda when: when.date().isoformat(),
    "us-date": lambda when: f"{when.month:02}/{when.day:02}/{when.year:04}",
    "date-time-ms": lambda when: utc_text(when, "milliseconds"),
    "date-space-time": lambda when: _clock(when).isoformat(" "),
    "epoch-s": lambda when: str(int(when.timestamp())),
    "epoch-ms": lambda when: str(int(when.timestamp()) * 1000),
}
