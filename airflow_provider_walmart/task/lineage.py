"""What an operator reports to OpenLineage: which data it moved from where to where, and how many rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_walmart.task.hooks import OfMarketplace

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import OutputDataset
    from airflow.providers.openlineage.extractors import OperatorLineage


class WithLineage(OfMarketplace):
    """An operator that says what it moved; without the OpenLineage provider nobody asks it."""

    _moved: tuple[list[str], list[Written]] | None = None

    def moved(
        self,
        source: str | None,
        target: str | None,
        rows: int | None,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Take note of data that was moved.

        :param source: URI or path; None where it is of no place.
        :param target: likewise.
        :param rows: how many rows arrived; None when unknown.
        :param tables: what the target is made of, where it is tables: ``uri``, ``rows`` and ``columns`` of each, by name.
        """
        written = [Written(target, rows)] if target else []
        if tables:
            written = [Written(table["uri"], table["rows"], table["columns"]) for table in tables.values()]
        self._moved = ([source] if source else [], written)

    def at_walmart(self, resource: str) -> str:
        """Return the URI of something of the account: ``walmart://market/seller/resource``.

        :param resource: such as ``getAllOrders`` or ``feeds/MP_INVENTORY``.
        """
        settings = self.hook.client.settings
        # The client ID says who the seller is, too, but is half of the keys.
        return f"walmart://{settings.market}/{settings.partner_id or self.walmart_conn_id}/{resource}"

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return inputs and outputs of what the task did, for the OpenLineage provider."""
        if self._moved is None:
            return None
        from airflow.providers.common.compat.openlineage.facet import Dataset
        from airflow.providers.openlineage.extractors import OperatorLineage

        sources, targets = self._moved
        return OperatorLineage(
            inputs=[Dataset(*dataset_of(uri)) for uri in sources],
            outputs=[target.dataset() for target in targets],
        )


@dataclass(frozen=True)
class Written:
    """Data that was written.

    :param uri: where.
    :param rows: how many rows; None when unknown.
    :param columns: ``name`` and ``type`` of each column, of tables.
    """

    uri: str
    rows: int | None
    columns: Sequence[Mapping[str, str]] = ()

    def dataset(self) -> OutputDataset:
        """Return it as OpenLineage knows it."""
        from airflow.providers.common.compat.openlineage.facet import (
            OutputDataset,
            OutputStatisticsOutputDatasetFacet,
            SchemaDatasetFacet,
            SchemaDatasetFacetFields,
        )

        facets: dict[str, Any] = {}
        if self.columns:
            facets["schema"] = SchemaDatasetFacet(
                fields=[SchemaDatasetFacetFields(column["name"], column["type"]) for column in self.columns]
            )
        statistics: dict[str, Any] = {}
        if self.rows is not None:
            statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=self.rows)
        return OutputDataset(*dataset_of(self.uri), facets=facets, outputFacets=statistics)


def dataset_of(uri: str) -> tuple[str, str]:
    """Return namespace and name by which OpenLineage knows a place.

    :param uri: a URI, with or without the id of a connection in front of its host, or a path on this machine.
    """
    if "://" not in uri:
        return "file", os.path.abspath(os.path.expanduser(uri))
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", parts.path
    # s3://my_conn@bucket/key is the same object whatever the connection.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/")
