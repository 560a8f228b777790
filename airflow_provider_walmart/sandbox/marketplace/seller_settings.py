"""Ship nodes, repricer assignments and listing quality as they follow from what is in the shop."""

from __future__ import annotations

import uuid
from typing import Any

from airflow_provider_walmart.sandbox.core import shop
from airflow_provider_walmart.sandbox.core.state import Feed, State
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill
from airflow_provider_walmart.sandbox.marketplace.feeds import UNKNOWN_SKU, new_id
from airflow_provider_walmart.sandbox.marketplace.insights import quality_score
from airflow_provider_walmart.sandbox.marketplace.kept_records import of_kind

Json = dict[str, Any]

NODES = "ship nodes"


def ship_nodes(draft: Draft) -> Any:
    """List the ship nodes of the shop.

    :param draft: the answer to ``GET /v3/settings/shipping/shipnodes``.
    """
    known = of_kind(draft.call.state, NODES)
    return draft.made([{**_node(node), **known.get(node, {})} for node in draft.call.state.nodes])


def add_ship_nodes(draft: Draft) -> Any:
    """Add ship nodes to the shop.

    :param draft: the answer to ``POST /v3/settings/shipping/shipnodes``.
    """
    state = draft.call.state
    made = []
    for told in draft.body.get("shipNode") or []:
        node = told.get("customNodeId") or f"1{uuid.uuid4().int % 10**10:010d}"
        if node not in state.nodes:
            state.nodes.append(node)
        of_kind(state, NODES)[node] = {**told, "shipNode": node}
        made.append({**_node(node), **told, "shipNode": node})
    return draft.made(made)


def update_ship_node(draft: Draft) -> Any:
    """Change a ship node.

    :param draft: the answer to ``PUT /v3/settings/shipping/shipnodes``.
    """
    told = draft.body.get("shipNode") or {}
    node = told.get("shipNode", "")
    if node not in draft.call.state.nodes:
        return draft.over(told)
    known = of_kind(draft.call.state, NODES).setdefault(node, {})
    known.update(told)
    return draft.over({**_node(node), **known})


def assign(draft: Draft) -> Any:
    """Assign items to repricer strategies by a feed; a price that lies outside of its bounds is moved to the nearer one.

    :param draft: the answer to ``POST /v3/repricerFeeds``.
    """
    call = draft.call
    rows = [row.get("Strategy") or {} for row in (draft.body or {}).get("Item") or []]
    skus = [str(row.get("sku", "")) for row in rows]
    errors = {index: [UNKNOWN_SKU] for index, sku in enumerate(skus) if sku not in call.state.items}
    for index, row in enumerate(rows):
        if index not in errors:
            _reprice(call.state, skus[index], row)
    feed_id = new_id()
    call.state.feeds[feed_id] = Feed(
        id=feed_id,
        type="REPRICER",
        seller=call.token.seller,
        submitted=call.now,
        duration=call.state.settings.feed_seconds,
        total=len(skus),
        skus=skus,
        errors=errors,
        file_name=f"{feed_id}.json",
    )
    return {"feedId": feed_id}


def score(draft: Draft) -> Any:
    """Return the listing quality of the shop: the mean of its items.

    :param draft: the answer to ``GET /v3/insights/items/listingQuality/score``.
    """
    state = draft.call.state
    found = [quality_score(shop.at(state, place)) for place in range(len(state.items))]
    return (
        draft.over({"payload": {"listingQuality": round(sum(found) / len(found), 1)}})
        if found
        else draft.made()
    )


def _node(node: str) -> Json:
    return {
        "shipNode": node,
        "nodeType": "PHYSICAL",
        "shipNodeName": f"Warehouse {node[-2:]}",
        "status": "ACTIVE",
        "timeZone": "CST",
        "customNodeId": node,
    }


def _reprice(state: State, sku: str, row: Json) -> None:
    strategies = of_kind(state, "repricer strategies").values()
    before = of_kind(state, "repricer assignments").get(sku, {}).get("strategy")
    of_kind(state, "repricer assignments")[sku] = {"strategy": row.get("repricerStrategy")}
    for strategy in strategies:
        change = (strategy.get("repricerStrategy") == row.get("repricerStrategy")) - (
            strategy.get("repricerStrategy") == before
        )
        strategy["assignedCount"] += change
    place = state.items.find(sku)
    if place is None:
        return
    price = shop.at(state, place).price
    least, most = row.get("minimumSellerAllowedPrice") or price, row.get("maximumSellerAllowedPrice") or price
    state.prices[sku] = float(min(max(price, least), most))


_PATH = "/v3/settings/shipping/shipnodes"
FILLS: dict[tuple[str, str], Fill] = {
    ("GET", _PATH): ship_nodes,
    ("POST", _PATH): add_ship_nodes,
    ("PUT", _PATH): update_ship_node,
    ("POST", "/v3/repricerFeeds"): assign,
    ("GET", "/v3/insights/items/listingQuality/score"): score,
}
