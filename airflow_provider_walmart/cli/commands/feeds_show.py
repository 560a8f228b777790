"""``walmart feeds show``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument
from airflow_provider_walmart.cli.commands.feeds_list import COLUMNS, feed_row

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> None:
    """Show one feed."""
    from airflow_provider_walmart.client.feeds.status import find_feed, get_feed

    client = marketplace(args.conn_id).client
    feed = get_feed(client, args.feed_id)
    # The status call doesn't name the type, the list does.
    row = feed_row({"feedId": args.feed_id, **(find_feed(client, args.feed_id) or {}), **feed})
    if output.as_json:
        output.document(row)
    else:
        output.rows([row], {**COLUMNS, "itemsProcessing": "in work"}, empty="")


COMMAND = Command(
    "feeds show",
    "show the status and the counts of one feed",
    run,
    arguments=(argument("feed_id", help="id of the feed, with its @"), CONN_ID, OUTPUT),
    examples=(
        "walmart feeds show 3F1C0A6C@AQMBAQA",
        "walmart feeds show 3F1C0A6C@AQMBAQA -o json | jq .itemsFailed",
    ),
)
