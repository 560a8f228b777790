"""``walmart feeds list``."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument, up_to
from airflow_provider_walmart.client.values.dates import utc_now

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output

COLUMNS = {
    "feedId": "feed",
    "feedType": "type",
    "feedStatus": "status",
    "itemsReceived": "received",
    "itemsSucceeded": "succeeded",
    "itemsFailed": "failed",
    "submitted": "submitted (UTC)",
}


def run(args: Namespace, output: Output) -> None:
    """List feeds, newest first."""
    from airflow_provider_walmart.client.feeds.status import iter_feeds

    client = marketplace(args.conn_id).client
    since = utc_now() - timedelta(days=args.days)
    rows = []
    with output.progress("feeds") as read:
        for feed in iter_feeds(client, feed_types=args.type, since=since):
            read(1)
            row = feed_row(feed)
            if not args.failed or row["itemsFailed"] or row["feedStatus"] == "ERROR":
                rows.append(row)
    output.rows(rows, COLUMNS, empty=f"No such feed was submitted in the last {args.days:g} days.")


def feed_row(feed: dict[str, Any]) -> dict[str, Any]:
    """Return a feed of Walmart's as a row."""
    from airflow_provider_walmart.client.feeds.results import COUNTS, submitted_at, summarize

    known = summarize(feed)
    when = submitted_at(feed)
    names = ("feedId", "feedType", "feedStatus", *COUNTS)
    return {
        **{name: known[name] for name in names},
        "submitted": when.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00") if when else None,
    }


COMMAND = Command(
    "feeds list",
    "list the feeds of the last days, newest first",
    run,
    arguments=(
        CONN_ID,
        argument("--days", type=up_to(365), default=1.0, help="so many days back (default: 1)"),
        argument(
            "--type", action="append", metavar="FEED_TYPE", help="only this type; may be given several times"
        ),
        argument("--failed", action="store_true", help="only those with failed items, or failed as a whole"),
        OUTPUT,
    ),
    examples=(
        "walmart feeds list --days 7 --failed",
        "walmart feeds list --type price -o json | jq -r '.[].feedId'",
    ),
)
