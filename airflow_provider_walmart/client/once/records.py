"""Where what is known of a write is kept between tries."""

from __future__ import annotations

from typing import Any, Protocol


class Records(Protocol):
    """Where intents and ids are kept: what Airflow's task state store offers."""

    def get(self, key: str) -> Any:
        """Return the value, or None."""

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
