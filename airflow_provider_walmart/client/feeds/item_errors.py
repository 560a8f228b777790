"""Why items of a feed were refused: Walmart's words, and what is known of their codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_walmart.client.values.error_codes import find_error_code
from airflow_provider_walmart.client.values.lists import objects_in

# The status of an item that was sent and that the details of its finished feed don't name. Walmart has no word for it.
MISSING = "MISSING"


def item_errors(container: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of an item, or those of a feed as a whole."""
    errors = container.get("ingestionErrors")
    found = objects_in(errors.get("ingestionError", errors) if isinstance(errors, dict) else errors)
    # Fields without values say nothing.
    return [error for error in found if any(value not in (None, "") for value in error.values())]


def error_rows(feed_id: str, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one row per error of a failed item, at least one: what the failed-items file holds.

    :param item: an item of the feed, or the feed itself for errors that concern it as a whole.
    :return: dicts with ``feedId``, ``sku``, ``index``, ``status``; ``type``, ``code``, ``field`` and ``description`` as Walmart
        gave them; and what is known of the code here: ``action`` (``fix``, ``later``, ``wait`` or ``never``) and ``hint``, both
        None for nothing.
    """
    status = item.get("ingestionStatus") or item.get("feedStatus")
    for error in item_errors(item) or [{}]:
        known = find_error_code(error.get("code"), error.get("type") or status)
        row = {
            "feedId": feed_id,
            "sku": item.get("sku"),
            "index": item.get("index"),
            "status": status,
            "type": error.get("type"),
            "code": error.get("code"),
            "field": error.get("field"),
            "description": error.get("description"),
            "action": known.action if known else None,
            "hint": known.hint if known else None,
        }
        yield {name: _clean(value) for name, value in row.items()}


def missing_row(feed_id: str, sku: str | None, index: int | None) -> dict[str, Any]:
    """Return the row of the failed-items file for an item that was sent and that Walmart says nothing of."""
    return {
        **next(error_rows(feed_id, {"sku": sku, "index": index, "ingestionStatus": MISSING})),
        "description": "The item was sent, and the details of the finished feed don't name it.",
    }


def _clean(value: Any) -> Any:
    """Return a text without invalid surrogates, for Walmart cuts texts in the middle of a character, and without space around it."""
    return value.strip().encode("utf-8", "replace").decode() if isinstance(value, str) else value
