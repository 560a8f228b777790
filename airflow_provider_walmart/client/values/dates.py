"""Points in time as Walmart's answers have them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any


def moment_of(value: Any) -> datetime | None:
    """Return a point in time (aware; UTC where it names no zone), None for what is none.

    :param value: epoch milliseconds, or text in ISO 8601.
    """
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value / 1000, timezone.utc)
        if isinstance(value, str):
            # Before Python 3.11 the Z isn't understood.
            when = datetime.fromisoformat(value.replace("Z", "+00:00"))
            return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError, OSError):
        pass
    return None
