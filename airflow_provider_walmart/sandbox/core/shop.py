"""The items of the shop as they are now: what follows from their places, and what was said and done since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.state import ItemFacts, State

_NOTHING_KNOWN = ItemFacts()


class Item(Struct):
    """An item of the shop.

    :param place: its place in the list of items, from 0.
    :param wfs: whether Walmart stores and ships it.
    """

    place: int
    sku: str
    name: str
    upc: str
    gtin: str
    item_id: str
    wpid: str
    price: float
    product_type: str
    brand: str
    condition: str
    availability: str
    published: str
    reasons: list[str]
    lifecycle: str
    wfs: bool


def at(state: State, place: int) -> Item:
    """Return the item at a place of the list.

    :param state: the sandbox's state.
    :param place: the place, from 0.
    """
    sku, number = state.items.at(place), place + 1
    facts = state.item_facts.get(sku, _NOTHING_KNOWN)
    is_retired = sku in state.retired
    upc, gtin = _codes(facts, number)
    # Items that were told are as told; those that were only counted are some of everything.
    usual = _usual(place if place < state.items.count else 0)
    return Item(
        place=place,
        sku=sku,
        name=facts.name or products.name(number),
        upc=upc,
        gtin=gtin,
        item_id=products.item_id(number),
        wpid=products.wpid(number),
        price=state.prices.get(sku, products.price(number)),
        product_type=facts.product_type or "Household Goods",
        brand=facts.brand or "Sandbox",
        condition=facts.condition or usual["condition"],
        availability=_availability(state, sku, usual["availability"]),
        published="UNPUBLISHED" if is_retired else facts.published or usual["published"],
        reasons=facts.reasons,
        lifecycle="RETIRED" if is_retired else "ACTIVE",
        wfs=_is_wfs(state, place) if facts.wfs is None else facts.wfs,
    )


def _is_wfs(state: State, place: int) -> bool:
    """Return whether Walmart stores an item of which nothing was said: every tenth of those that are only counted."""
    return place % 10 == 0 and place < state.items.count


def _codes(facts: ItemFacts, number: int) -> tuple[str, str]:
    """Return UPC and GTIN of a product."""
    upc = facts.upc or facts.gtin[-12:] or products.upc(number)
    return upc, facts.gtin or upc.zfill(14)


def find(state: State, kind: str, value: str) -> int | None:
    """Return the place of the item with an id.

    :param state: the sandbox's state.
    :param kind: ``SKU``, ``GTIN``, ``UPC`` or ``ITEM_ID``; other kinds belong to no item.
    :param value: the id.
    """
    if kind == "SKU":
        return state.items.find(value)
    if kind in ("UPC", "GTIN"):
        wanted = value.zfill(14)
        for sku, facts in state.item_facts.items():
            if wanted in (facts.upc.zfill(14), facts.gtin):
                return state.items.find(sku)
    place = products.number_of(kind, value) - 1
    if not 0 <= place < len(state.items):
        return None
    facts = state.item_facts.get(state.items.at(place), _NOTHING_KNOWN)
    return None if kind != "ITEM_ID" and (facts.upc or facts.gtin) else place


def matching(state: State, filters: Mapping[str, str]) -> Sequence[int]:
    """Return the places of the items that match.

    :param state: the sandbox's state.
    :param filters: name of a field of :class:`Item` -> its value; ``variant_group`` is of no item.
    """
    places: Sequence[int] = range(len(state.items))
    if "variant_group" in filters:
        return []
    for name in ("sku", "gtin"):
        if name in filters:
            place = find(state, name.upper(), filters[name])
            places = [] if place is None else [place]
    traits = {name: value for name, value in filters.items() if name not in ("sku", "gtin")}
    return _with_traits(state, places, traits) if traits else places


def _with_traits(state: State, places: Sequence[int], traits: Mapping[str, str]) -> list[int]:
    """Return those of the places whose items are as asked for."""
    said = {state.items.find(sku) for skus in (state.retired, state.item_facts, state.stock) for sku in skus}
    # What an item is, if nothing was said of it, repeats every 20 places.
    usual = [_has(_usual(place), traits) for place in range(20)]

    def has(place: int) -> bool:
        if place in said or place >= state.items.count:
            return _has(_traits(at(state, place)), traits)
        return usual[place % 20]

    return list(filter(has, places))


def has_stock(state: State, sku: str) -> bool | None:
    """Return whether a SKU is in stock somewhere, ``None`` when nothing was said of its stock.

    :param state: the sandbox's state.
    :param sku: the SKU.
    """
    known = state.stock.get(sku)
    return any(stock.amount > 0 for stock in known.values()) if known else None


def _availability(state: State, sku: str, usual: str) -> str:
    is_there = has_stock(state, sku)
    if is_there is None:
        return usual
    return "In_stock" if is_there else "Out_of_stock"


def _usual(place: int) -> dict[str, str]:
    return {
        "condition": "New",
        "lifecycle": "ACTIVE",
        "published": "UNPUBLISHED" if place % 10 == 9 else "PUBLISHED",
        "availability": "Out_of_stock" if place % 20 == 19 else "In_stock",
    }


def _traits(item: Item) -> dict[str, str]:
    return {
        "condition": item.condition,
        "lifecycle": item.lifecycle,
        "published": item.published,
        "availability": item.availability,
    }


def _has(traits: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(traits[name] == value for name, value in wanted.items())
