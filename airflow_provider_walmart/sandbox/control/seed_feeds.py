"""Feeds to start with, which somebody else has sent."""

from __future__ import annotations

from msgspec import Struct

from airflow_provider_walmart.sandbox.core.state import (
    OWN_SELLER,
    Count,
    Feed,
    FeedStatus,
    ItemError,
    Seconds,
    State,
)
from airflow_provider_walmart.sandbox.marketplace.feeds import new_id


class SeedItem(Struct, forbid_unknown_fields=True):
    """One item of a seeded feed.

    :param sku: its SKU.
    :param errors: its errors; none means success.
    """

    sku: str
    errors: list[ItemError] = []


class SeedError(ItemError, forbid_unknown_fields=True):
    """An error of one item of a seeded feed.

    :param type: ``DATA_ERROR`` (default), ``SYSTEM_ERROR``, ``TIMEOUT_ERROR``, or what no document of Walmart has; the status of
        the item.
    :param code: Walmart's code; default ``ERR_EXT_DATA_0101116``.
    :param description: Walmart's words; default ``The item data is not valid.``
    :param field: the field that it is about.
    :param index: number of the item, counted from 0; without it, the error's own place among the errors.
    """

    index: Count | None = None


class SeedFeed(Struct, forbid_unknown_fields=True):
    """A feed to make.

    :param feedType: its type; default ``inventory``.
    :param feedStatus: fixed status; without it the feed follows the clock from its age on.
    :param items: number of items, or the items, or their SKUs; default 1.
    :param failed: number of items that fail, the first ones; or the errors.
    :param age: seconds since submission.
    :param processing: items still processing under a fixed status; without it, half of them for INPROGRESS, else none.
    :param ingestionErrors: errors of the feed as a whole.
    :param fileName: name of its file; without it, the id and ``.json``.
    :param feedId: its id; without it, a new one.
    :param partnerId: the seller; default ``10001234567``, which is the shop.
    """

    feedType: str = "inventory"  # noqa: N815 - Walmart's names
    feedStatus: FeedStatus | None = None  # noqa: N815
    items: Count | list[SeedItem | str] = 1
    failed: Count | list[SeedError] = 0
    age: Seconds = 0
    processing: Count | None = None
    ingestionErrors: list[ItemError] = []  # noqa: N815
    fileName: str = ""  # noqa: N815
    feedId: str = ""  # noqa: N815
    partnerId: str = OWN_SELLER  # noqa: N815


def made(state: State, seed: SeedFeed) -> Feed:
    """Return a feed as it is told.

    :param state: the sandbox's state.
    :param seed: what is told of it.
    :raises ValueError: when an item is to fail that is not there.
    """
    items: list[SeedItem | str] = seed.items if isinstance(seed.items, list) else []
    total = len(items) if isinstance(seed.items, list) else seed.items
    errors = _errors(seed, items, total)
    if any(index >= total for index in errors):
        raise ValueError("failed: there is no such item")
    half = -(-total // 2) if seed.feedStatus == "INPROGRESS" else 0
    processing = half if seed.processing is None else seed.processing
    feed_id = seed.feedId or new_id()
    return Feed(
        id=feed_id,
        type=seed.feedType,
        seller=seed.partnerId,
        submitted=state.clock.now() - seed.age,
        duration=state.settings.feed_seconds,
        total=total,
        skus=[getattr(item, "sku", str(item)) for item in items],
        errors=errors,
        feed_errors=seed.ingestionErrors,
        file_name=seed.fileName or f"{feed_id}.json",
        fixed_status=seed.feedStatus,
        processing=min(processing, total),
    )


def _errors(seed: SeedFeed, items: list[SeedItem | str], total: int) -> dict[int, list[ItemError]]:
    """Return index of an item -> its errors."""
    errors = {
        index: item.errors for index, item in enumerate(items) if isinstance(item, SeedItem) and item.errors
    }
    if isinstance(seed.failed, int):
        return {**errors, **{index: [ItemError()] for index in range(min(seed.failed, total))}}
    for place, error in enumerate(seed.failed):
        index = place if error.index is None else error.index
        errors.setdefault(index, []).append(ItemError(error.type, error.code, error.description, error.field))
    return errors
