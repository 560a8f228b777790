"""What feeds change once they have been processed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import structs

from airflow_provider_walmart.sandbox.core import shop
from airflow_provider_walmart.sandbox.core.dates import is_moment
from airflow_provider_walmart.sandbox.core.state import NODES, WFS_NODE, FeedEffect, State, Stock
from airflow_provider_walmart.sandbox.marketplace.feed_rules import Content, amount, first, is_price


def settle(state: State) -> None:
    """Make the changes that are due; called before anything they touch is read.

    :param state: the sandbox's state.
    """
    now = state.clock.now()
    if not state.feed_effects:
        return
    due = [change for change in state.feed_effects if change.due <= now]
    state.feed_effects = [change for change in state.feed_effects if change.due > now]
    for change in due:
        _make(state, change)


def _make(state: State, change: FeedEffect) -> None:
    if change.kind == "price":
        state.prices[change.sku] = change.value
    elif change.kind == "promotion":
        promote(state, change.sku, change.promotion)
    elif change.kind == "received":
        _receive(state, change.sku, int(change.value))
    else:
        state.stock.setdefault(change.sku, {})[change.node] = Stock(int(change.value))


def _receive(state: State, sku: str, units: int) -> None:
    """Add units to what Walmart stores."""
    place = state.items.find(sku)
    before = 0 if place is None else stored_units(state, shop.at(state, place))
    state.stock.setdefault(sku, {})[WFS_NODE] = Stock(before + units)
    state.inbound_units[sku] = max(0, state.inbound_units.get(sku, 0) - units)


def stored_units(state: State, item: shop.Item) -> int:
    """Return how many units of an item Walmart stores.

    :param state: the sandbox's state.
    :param item: the item.
    """
    known = state.stock.get(item.sku, {}).get(WFS_NODE)
    if known is not None:
        return known.amount
    return item.place * 3 % 400 if item.wfs else 0


def changes(feed_type: str, content: Content, *, due: float, node: str) -> list[FeedEffect]:
    """Return what a feed is going to change: stock, price or promotions of its good rows.

    :param feed_type: type of the feed; most types change nothing here.
    :param content: what the feed holds.
    :param due: sandbox time in epoch seconds at which it will have been processed.
    :param node: ship node of an inventory feed for one node; empty for the default one.
    """
    find = FINDERS.get(feed_type.lower())
    if find is None:
        return []
    return [
        structs.replace(effect, due=due, sku=sku, node=effect.node or node or NODES[0])
        for index, (sku, row) in enumerate(zip(content.skus, content.rows, strict=False))
        if index not in content.errors
        for effect in find(row)
    ]


def promote(state: State, sku: str, promotion: dict[str, Any]) -> None:
    """Put a promotion in the place of the one that starts when it does, or remove that one.

    :param state: the sandbox's state.
    :param sku: the SKU.
    :param promotion: the promotion, in Walmart's form.
    """
    known = state.promotions.get(sku, [])
    kept = [other for other in known if other["effectiveDate"] != promotion["effectiveDate"]]
    is_removed = promotion.get("processMode") == "DELETE"
    state.promotions[sku] = kept if is_removed else [*kept, promotion]


def _stock(row: Any) -> Iterator[FeedEffect]:
    for part in _objects(row.get("shipNodes")) or [row]:
        quantity = amount(first(part, "quantity"))
        if isinstance(quantity, int):
            yield FeedEffect(0, "stock", "", quantity, str(part.get("shipNode", "")))


def _price(row: Any) -> Iterator[FeedEffect]:
    prices = [part for part in _objects(row.get("pricing")) or [row] if "effectiveDate" not in part]
    newest = prices[-1] if prices else {}
    price = amount(first(newest, "currentprice") or first(newest, "price"))
    if is_price(price):
        yield FeedEffect(0, "price", "", float(price))


def _promotions(row: Any) -> Iterator[FeedEffect]:
    for part in _objects(row.get("pricing")):
        price = amount(part.get("currentPrice"))
        period = [part.get(name) for name in ("effectiveDate", "expirationDate")]
        if is_price(price) and all(isinstance(text, str) and is_moment(text) for text in period):
            promotion = {
                "currentPriceType": str(part.get("currentPriceType", "REDUCED")),
                "currentPrice": {"amount": float(price), "currency": "USD"},
                "effectiveDate": period[0],
                "expirationDate": period[1],
                "processMode": str(part.get("processMode", "UPSERT")).upper(),
            }
            yield FeedEffect(0, "promotion", "", 0, promotion=promotion)


def _both(row: Any) -> Iterator[FeedEffect]:
    yield from _price(row)
    yield from _promotions(row)


#: Feed type in lower case -> what finds the changes in one of its rows; other types change nothing here.
FINDERS: dict[str, Callable[[Any], Iterator[FeedEffect]]] = {
    "inventory": _stock,
    "mp_inventory": _stock,
    "price": _price,
    "promo": _promotions,
    "price_and_promotion": _both,
}


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, none when it is no list."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
