"""Which items a document that was sent holds."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Any


def items_of(content: bytes) -> list[tuple[str | None, Any]]:
    """Return each item of a feed in their order, with its SKU; None where it has none.

    :param content: the document; of one that is not JSON nothing is known, so the list is empty.
    """
    try:
        document = json.loads(content.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError):
        return []
    lists = [document, *(document.values() if isinstance(document, dict) else ())]
    # Walmart counts the entries of the longest list at the top.
    items = max((entries for entries in lists if isinstance(entries, list)), key=len, default=[])
    return [(sku_of(item), item) for item in items]


def skus_of(content: bytes) -> list[str | None]:
    """Return the SKU of each item of a feed, in their order; None where it has none.

    :param content: as for `items_of`.
    """
    return [sku for sku, _ in items_of(content)]


def sku_of(item: Any) -> str | None:
    """Return the SKU of an item, at whatever depth; None where it has none.

    :param item: an item of a feed, or a row that one is made of, whatever is wrong with it.
    """
    level = [item]
    while level:
        holders = [value for value in level if isinstance(value, (dict, Mapping))]
        for holder in holders:
            for name, value in holder.items():
                if str(name).casefold() == "sku" and isinstance(value, (str, int)):
                    return str(value)
        level = [value for holder in holders for value in holder.values()]
    return None
