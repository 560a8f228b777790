"""Data to start with: what the control API asks for, and the small shop of a fresh sandbox."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from airflow_provider_walmart.sandbox.feeds import new_id
from airflow_provider_walmart.sandbox.state import (
    OWN_SELLER,
    Count,
    Feed,
    FeedStatus,
    ItemError,
    Seconds,
    State,
)

#: Ids returned per kind of record.
IDS_RETURNED = 1000


class SeedItem(Struct, forbid_unknown_fields=True):
    """One item of a seeded feed.

    :param errors: its errors; none means success.
    """

    sku: str
    errors: list[ItemError] = []


class SeedError(ItemError, forbid_unknown_fields=True):
    """An error of one item of a seeded feed.

    :param index: the item.
    """

    index: Count = 0


class SeedFeed(Struct, forbid_unknown_fields=True):
    """A feed to make.

    :param feedStatus: fixed status; without it the feed follows the clock from its age on.
    :param items: number of items, or the items.
    :param failed: number of items that fail, the first ones; or the errors with the indexes they belong to.
    :param age: seconds since submission.
    :param processing: items still processing under a fixed status; default half of them for INPROGRESS.
    :param ingestionErrors: errors of the feed as a whole.
    :param feedId: its id; default a new one.
    """

    feedType: str = "inventory"  # noqa: N815 - Walmart's names
    feedStatus: FeedStatus | None = None  # noqa: N815
    items: Count | list[SeedItem] = 1
    failed: Count | list[SeedError] = 0
    age: Seconds = 0
    processing: Count | None = None
    ingestionErrors: list[ItemError] = []  # noqa: N815
    fileName: str = ""  # noqa: N815
    feedId: str = ""  # noqa: N815
    partnerId: str = OWN_SELLER  # noqa: N815


class Seed(Struct, forbid_unknown_fields=True):
    """What to make.

    :param feeds: the feeds.
    """

    feeds: list[SeedFeed] = []


def sow(state: State, seed: Seed) -> dict[str, Any]:
    """Make data.

    :param state: the sandbox's state.
    :param seed: what to make.
    :returns: kind of record -> the ids made, the first 1,000 of them.
    """
    return {"feeds": [_feed(state, feed) for feed in seed.feeds][:IDS_RETURNED]}


def small_shop(state: State) -> None:
    """Fill a fresh sandbox with a small, plausible shop.

    :param state: the sandbox's state.
    """
    sow(
        state,
        Seed(
            feeds=[
                SeedFeed(feedType="MP_INVENTORY", items=4, age=7200, fileName="inventory.json"),
                SeedFeed(feedType="price", items=6, failed=2, age=3600, fileName="prices.json"),
                SeedFeed(
                    feedType="MP_ITEM", feedStatus="INPROGRESS", items=10, age=600, fileName="items.json"
                ),
            ],
        ),
    )


def _feed(state: State, seed: SeedFeed) -> str:
    skus = [item.sku for item in seed.items] if isinstance(seed.items, list) else []
    total = len(seed.items) if isinstance(seed.items, list) else seed.items
    errors: dict[int, list[ItemError]] = {}
    if isinstance(seed.items, list):
        errors = {index: item.errors for index, item in enumerate(seed.items) if item.errors}
    if isinstance(seed.failed, list):
        for error in seed.failed:
            plain = ItemError(error.type, error.code, error.description, error.field)
            errors.setdefault(error.index, []).append(plain)
    else:
        errors.update({index: [ItemError()] for index in range(min(seed.failed, total))})
    processing = seed.processing
    if processing is None:
        processing = -(-total // 2) if seed.feedStatus == "INPROGRESS" else 0
    feed = Feed(
        id=seed.feedId or new_id(),
        type=seed.feedType,
        seller=seed.partnerId,
        submitted=state.clock.now() - seed.age,
        duration=state.settings.feed_seconds,
        total=total,
        skus=skus,
        errors=errors,
        feed_errors=seed.ingestionErrors,
        fixed_status=seed.feedStatus,
        processing=min(processing, total),
    )
    feed.file_name = seed.fileName or f"{feed.id}.json"
    state.feeds[feed.id] = feed
    return feed.id
