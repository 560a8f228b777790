"""``walmart feeds errors``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output
    from airflow_provider_walmart.client.marketplace import MarketplaceClient

COLUMNS = {
    "sku": "SKU",
    "status": "status",
    "code": "code",
    "field": "field",
    "description": "Walmart says",
    "hint": "what is known of the code",
}


def run(args: Namespace, output: Output) -> None:
    """List the failed items of a feed."""
    rows = list(_rows(marketplace(args.conn_id).client, args.feed_id, output))
    output.rows(rows, COLUMNS, empty="No item failed.")


def _rows(client: MarketplaceClient, feed_id: str, output: Output) -> Iterator[dict[str, Any]]:
    from airflow_provider_walmart.client.feeds.results import error_rows, has_failed, item_errors
    from airflow_provider_walmart.client.feeds.status import get_feed_with_items

    feed, items = get_feed_with_items(client, feed_id)
    # Where neither feed nor items say why, that it failed is all there is to say.
    if item_errors(feed) or (feed.get("feedStatus") == "ERROR" and not feed.get("itemsFailed")):
        yield from error_rows(feed_id, feed)
    with output.progress("items", feed.get("itemsReceived")) as read:
        for item in items:
            read(1)
            if has_failed(item):
                yield from error_rows(feed_id, item)


COMMAND = Command(
    "feeds errors",
    "list the failed items of a feed with Walmart's codes, fields and texts",
    run,
    arguments=(argument("feed_id", help="id of the feed, with its @"), CONN_ID, OUTPUT),
    examples=(
        "walmart feeds errors 3F1C0A6C@AQMBAQA",
        "walmart feeds errors 3F1C0A6C@AQMBAQA -o json | jq -r '.[].sku'",
    ),
)
