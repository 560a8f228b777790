"""``walmart items spec``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.account import marketplace
from airflow_provider_walmart.cli.command import CONN_ID, OUTPUT, Command, argument
from airflow_provider_walmart.client.errors import WalmartConfigError

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> None:
    """List the fields that Walmart asks of the items of a product type."""
    from airflow_provider_walmart.client.items.specs import ItemSpecs

    if not args.version and not args.gtin:
        raise WalmartConfigError(
            "Walmart names the current version of a spec only for items that it knows: give --gtin, or --version."
        )
    specs = ItemSpecs(marketplace(args.conn_id).client)
    ids = [("GTIN", args.gtin)] if args.gtin else []
    version = args.version or specs.newest_version(args.feed_type, ids)
    spec = specs.of(args.feed_type, version, [args.product_type]).get(args.product_type)
    if spec is None:
        raise WalmartConfigError(
            f"Walmart has no product type {args.product_type!r} in {args.feed_type} {version}; names are those of Seller "
            "Center, with their capitals."
        )
    output.rows(
        [
            {**field, "version": version, "values": ", ".join(map(str, field["allowed"] or ()))}
            for field in spec.fields()
            if args.all or field["required"]
        ],
        {"field": "field", "type": "type", "values": "allowed", "title": "title"},
        empty=f"{args.product_type} has no required fields in {version}.",
    )


COMMAND = Command(
    "items spec",
    "list the fields that Walmart's item spec requires of a product type",
    run,
    arguments=(
        argument(
            "product_type", metavar="PRODUCT_TYPE", help="as Seller Center names it, such as 'Baby Blankets'"
        ),
        argument("--all", action="store_true", help="optional fields too"),
        argument("--feed-type", default="MP_ITEM", help="type of the feed (default: MP_ITEM)"),
        argument(
            "--version", help="version of the spec; without it, --gtin is needed to ask for the current one"
        ),
        argument("--gtin", help="GTIN of any item that Walmart knows, to ask for the current version with"),
        CONN_ID,
        OUTPUT,
    ),
    description="Fields that are required only together with others are not marked: the check of a feed finds these, too.",
    examples=("walmart items spec Mugs --version 5.0.20260608-18_15_07-api",),
)
