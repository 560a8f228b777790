"""Lists in Walmart's answers, which may come as a single object."""

from __future__ import annotations

from typing import Any


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; Walmart sends a list of one as the object itself, and an empty one as nothing.

    :param value: a list, an object, or nothing. What is no object is left out, and so is an object without content.
    """
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict) and item]
