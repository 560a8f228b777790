"""Checking the rows of an item feed before anything is sent."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.items.rules import broken_rules
from airflow_provider_walmart.client.items.specs import (
    HEADER,
    ROOT,
    ItemSpec,
    ItemSpecs,
    product_id_of,
    product_type_of,
)
from airflow_provider_walmart.client.items.validator import Problem
from airflow_provider_walmart.client.marketplace import MarketplaceClient

log = logging.getLogger(__name__)

# Items that are searched for to learn the current version of a spec.
MOST_SEARCHES = 5


def item_header(version: str) -> dict[str, Any]:
    """Return the header of an item feed, with the fields that Walmart allows and no other.

    :param version: full version of the spec.
    """
    return {HEADER: {"businessUnit": "WALMART_US", "locale": "en", "version": version}}


def version_of(header: Mapping[str, Any] | None) -> str | None:
    """Return the version that the header of a feed names; None where it names none.

    :param header: dict with one key, the header of the document.
    """
    for content in (header or {}).values():
        version = content.get("version") if isinstance(content, Mapping) else None
        if isinstance(version, str) and version.strip():
            return version.strip()
    return None


class ItemCheck:
    """Checks the entries of an item feed against Walmart's spec of their product types, and against what no spec says.

    :param client: the account.
    :param feed_type: a feed type that has an item spec, such as ``MP_ITEM``.
    :param version: version of the spec; None: the one that Walmart recommends at the moment.
    :param items: called for all entries; the product types they name, and an item to ask for the version with, are
        read from them before any of them is checked.
    :raises WalmartConfigError: when Walmart serves no such spec, naming the likely cause.
    """

    def __init__(
        self, client: MarketplaceClient, feed_type: str, version: str | None, items: Iterable[Any]
    ) -> None:
        if client.settings.market != "us":
            raise WalmartConfigError(
                f"validate_spec is on, but the market is {client.settings.market}: Walmart serves item specs in the US only."
            )
        product_types: set[str] = set()
        product_ids: list[tuple[str, str]] = []
        for item in items:
            if not isinstance(item, Mapping):
                continue
            if name := product_type_of(item):
                product_types.add(name)
            if len(product_ids) < MOST_SEARCHES and (found := product_id_of(item)):
                product_ids.append(found)
        specs = ItemSpecs(client)
        self.version = version or specs.newest_version(feed_type, product_ids)
        self._specs = specs.of(feed_type, self.version, product_types)
        self._feed_type = feed_type
        log.info(
            "Items are checked against the item spec of %s, version %s%s, %d product types",
            feed_type,
            self.version,
            "" if version else " (the current one)",
            len(product_types),
        )

    @property
    def root_key(self) -> str:
        """Name of the list of items."""
        return next((spec.root_key for spec in self._specs.values()), ROOT)

    def header_problems(self, header: Mapping[str, Any]) -> list[Problem]:
        """Return what is wrong with the header of a feed.

        :param header: dict with one key, the header of the document.
        """
        spec = next(iter(self._specs.values()), None)
        if spec is None:
            return []
        return [
            Problem(f"{spec.header_key}.{problem.field}".rstrip("."), problem.text)
            for content in header.values()
            for problem in spec.header.problems(content)
        ]

    def problems(self, item: Any) -> list[Problem]:
        """Return what is wrong with an entry.

        :param item: the entry.
        """
        if not isinstance(item, Mapping):
            return [Problem("", "is not an object")]
        product_type = product_type_of(item)
        spec = self._spec(product_type)
        if spec is None:
            return [
                Problem(
                    "Visible",
                    f"names the product type {product_type[:60]!r}, which {self._feed_type} {self.version} does not have",
                )
            ]
        found = dict.fromkeys(spec.items.problems(item))
        fields = {problem.field for problem in found}
        found.update(dict.fromkeys(Problem(*rule) for rule in broken_rules(item) if rule[0] not in fields))
        return list(found)

    def _spec(self, product_type: str) -> ItemSpec | None:
        # One without a product type is judged by what all product types have in common, and lacks one where that is needed.
        return self._specs.get(product_type) or (
            None if product_type else next(iter(self._specs.values()), None)
        )
