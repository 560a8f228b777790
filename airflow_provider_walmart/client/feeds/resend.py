"""Items that failed at Walmart, and not by what is in them: a feed of those alone.

Walmart's guides say of system errors and timeouts to try again after an hour at the earliest, and of data errors to put the
data right.
"""

from __future__ import annotations

import codecs
import dataclasses
import hashlib
from collections.abc import Mapping

import msgspec

from airflow_provider_walmart.client.feeds.sent_items import skus_of
from airflow_provider_walmart.client.feeds.status import get_feed_with_items
from airflow_provider_walmart.client.feeds.submit import FeedFile
from airflow_provider_walmart.client.feeds.verdict import is_transient
from airflow_provider_walmart.client.marketplace import MarketplaceClient

_Level = list[msgspec.Raw] | dict[str, msgspec.Raw]


def transient_items(client: MarketplaceClient, feed_id: str) -> dict[int, str]:
    """Return the items of a finished feed that may be sent again: their SKUs by their places in the feed."""
    _, items = get_feed_with_items(client, feed_id)
    return {int(item["index"]): str(item.get("sku")) for item in items if is_transient(item)}


def part_of(feed: FeedFile, items: Mapping[int, str], feed_id: str) -> FeedFile | None:
    """Return a feed of some of the items of another one, always the same; None where they aren't found in its document.

    :param feed: the other one, as it was sent.
    :param items: SKUs by their places in it.
    :param feed_id: its id.
    """
    content = feed.content.removeprefix(codecs.BOM_UTF8)
    skus = skus_of(content)
    if not items or any(
        not 0 <= index < len(skus) or str(skus[index]).casefold() != sku.casefold()
        for index, sku in items.items()
    ):
        return None
    top = msgspec.json.decode(content, type=_Level)
    lists = {"": top} if isinstance(top, list) else {name: _list(value) for name, value in top.items()}
    longest = max(lists, key=lambda name: len(lists[name]))
    kept = [lists[longest][index] for index in sorted(items)]
    document = kept if isinstance(top, list) else {**top, longest: kept}
    identity = f"{feed.fingerprint} {feed_id} {sorted(items)}"
    return dataclasses.replace(
        feed,
        content=msgspec.json.encode(document),
        items=len(kept),
        fingerprint=hashlib.sha256(identity.encode()).hexdigest(),
    )


def _list(value: msgspec.Raw) -> list[msgspec.Raw]:
    return msgspec.json.decode(value, type=list[msgspec.Raw]) if memoryview(value)[0] == ord("[") else []
