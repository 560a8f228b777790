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
    from airflow_provider_walmart.client.feeds.errors import read_feed_errors

    errors = read_feed_errors(client, {"feedId": feed_id})
    yield from errors.rows_of_feed()
    with output.progress("items", errors.feed.get("itemsReceived")) as read:
        for _, rows in errors.rows_of_items():
            read(1)
            yield from rows


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
