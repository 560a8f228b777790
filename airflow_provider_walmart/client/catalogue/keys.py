"""What tells the records of a list apart, where Walmart's documents name an id of theirs.

Records of other lists can't be told apart: equal ones are so many records, such as movements of stock or errors.
"""

from __future__ import annotations

FEED, ORDER, RETURN, SKU = ("feedId",), ("purchaseOrderId",), ("returnOrderId",), ("sku",)

# By operation; fields that together make a record unique, dotted where one is inside another.
KEYS: dict[str, tuple[str, ...]] = {
    "ca.getAllFeedStatuses": FEED,
    "ca.getAllItems": SKU,
    "ca.getAllOrders": ORDER,
    "ca.getAllReleasedOrders": ORDER,
    "ca.getAllWFSOrders": ORDER,
    "getAllAssets": ("hash",),
    "getAllFeedStatuses": FEED,
    "getAllItems": SKU,
    "getAllOrders": ORDER,
    "getAllReleasedOrders": ORDER,
    "getMultiNodeInventoryForAllSkuAndAllShipNodes": SKU,
    "getRequestsStatus": ("requestId",),
    "getReturns": RETURN,
    "getUnpublishedItems": ("sku", "itemId"),
    "getWFSInventoryDetails": ("itemInformation.sku",),
    "itemsDetailsForListing": ("sku", "productId"),
    "mx.getAllFeedStatuses": FEED,
    "mx.getAllItems": SKU,
    "mx.getAllOrders": ORDER,
    "mx.getAllOrdersUsingCursor": ORDER,
    "mx.getAllReturnsUsingCursor": RETURN,
    "mx.getAllWFSOrders": ORDER,
    "mx.getReturns": RETURN,
}


def key_of(operation: str) -> tuple[str, ...]:
    """Return the fields that make a record of an operation unique; none where records can't be told apart.

    :param operation: its unique name.
    """
    return KEYS.get(operation, ())
