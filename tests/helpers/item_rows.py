"""Rows of item feeds, as the specs of the sandbox want them."""

from __future__ import annotations

import copy
from typing import Any

VERSION = "5.0.20260608-18_15_07-api"
HEADER = {"MPItemFeedHeader": {"businessUnit": "WALMART_US", "locale": "en", "version": VERSION}}
MUG: dict[str, Any] = {
    "Orderable": {
        "sku": "MUG-1",
        "productIdentifiers": {"productIdType": "GTIN", "productId": "00012345678905"},
        "price": 4.35,
        "ShippingWeight": 0.8,
    },
    "Visible": {
        "Mugs": {
            "productName": "Enamel mug, 12 oz",
            "brand": "Sandbox",
            "shortDescription": "A mug.",
            "keyFeatures": ["Light", "Strong", "Blue"],
            "mainImageUrl": "https://images.sandbox.com/mug.jpg",
            "isProp65WarningRequired": "No",
            "material": ["Steel"],
        }
    },
}


def mug(sku: str = "MUG-1", *, visible: dict[str, Any] | None = None, **orderable: Any) -> dict[str, Any]:
    """Return a good item with some of its fields changed; None takes one out."""
    item = copy.deepcopy(MUG)
    item["Orderable"]["sku"] = sku
    for part, changes in ((item["Orderable"], orderable), (item["Visible"]["Mugs"], visible or {})):
        for name, value in changes.items():
            if value is None:
                del part[name]
            else:
                part[name] = value
    return item
