"""``walmart reports list``."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument, up_to
from airflow_provider_walmart.client.values.dates import utc_now

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output

COLUMNS = {
    "reportType": "type",
    "reportVersion": "version",
    "requestStatus": "status",
    "requestSubmissionDate": "asked for",
    "src": "by",
    "requestId": "request",
}


def run(args: Namespace, output: Output) -> None:
    """List the report requests of some types."""
    from airflow_provider_walmart.client.catalogue.operations import find
    from airflow_provider_walmart.client.reports.requests import find_report_requests

    client = marketplace(args.conn_id).client
    since = utc_now() - timedelta(days=args.days)
    (known,) = (each.enum for each in find("getRequestsStatus").parameters if each.name == "reportType")
    types = args.type or known
    rows: list[dict[str, object]] = []
    # Walmart lists them by type only.
    with output.progress("report types", len(types)) as read:
        for report_type in types:
            rows += find_report_requests(client, report_type, since=since)
            read(1)
    rows.sort(key=lambda row: str(row.get("requestSubmissionDate")), reverse=True)
    output.rows(rows, COLUMNS, empty=f"No report was asked for in the last {args.days:g} days.")


COMMAND = Command(
    "reports list",
    "list the report requests of the last days, newest first",
    run,
    arguments=(
        CONN_ID,
        argument(
            "--type",
            action="append",
            metavar="REPORT_TYPE",
            help="only this type; may be given several times",
        ),
        argument("--days", type=up_to(30), default=7.0, help="so many days back, 30 at most (default: 7)"),
        OUTPUT,
    ),
    examples=("walmart reports list", "walmart reports list --type ITEM --days 30 -o json"),
)
