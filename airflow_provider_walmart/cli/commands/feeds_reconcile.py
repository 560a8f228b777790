"""``walmart feeds reconcile``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> None:
    """Rebuild a snapshot from what Walmart has."""
    from airflow_provider_walmart.storage.reconcile import reconcile

    kept, changed = reconcile(marketplace(args.conn_id).client, args.feed_type, args.snapshot_path)
    if output.as_json:
        output.document({"snapshot": args.snapshot_path, "values": kept, "changed": changed})
    else:
        output.text(f"{args.snapshot_path} has {kept} values now, {changed} of them new or other ones.")


COMMAND = Command(
    "feeds reconcile",
    "rebuild the snapshot of send='changed' from what Walmart has",
    run,
    arguments=(
        argument("feed_type", help="price or MP_INVENTORY"),
        argument("snapshot_path", help="the snapshot_path of the task"),
        CONN_ID,
        OUTPUT,
    ),
    description=(
        "Nothing is changed at Walmart. What Walmart does not show, such as promotions, is forgotten, and so sent by the next "
        "run. Let no run send at the time."
    ),
    examples=("walmart feeds reconcile price s3://aws_default@my-bucket/walmart/accepted.sqlite",),
)
