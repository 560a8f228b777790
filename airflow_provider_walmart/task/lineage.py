"""What an operator tells OpenLineage: which data it moved from where to where, and how many rows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_walmart.task.hooks import OfMarketplace

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


class WithLineage(OfMarketplace):
    """An operator that says what it moved; without the OpenLineage provider nobody asks it."""

    _moved: tuple[list[str], list[str], int | None] | None = None

    def moved(self, source: str | None, target: str | None, rows: int | None) -> None:
        """Take note of data that was moved.

        :param source: URI or path; None where it is of no place.
        :param target: likewise.
        :param rows: how many rows arrived; None when unknown.
        """
        self._moved = ([source] if source else [], [target] if target else [], rows)

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
        from airflow.providers.common.compat.openlineage.facet import (
            Dataset,
            OutputDataset,
            OutputStatisticsOutputDatasetFacet,
        )
        from airflow.providers.openlineage.extractors import OperatorLineage

        sources, targets, rows = self._moved
        statistics: dict[str, Any] = {}
        if rows is not None:
            statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=rows)
        return OperatorLineage(
            inputs=[Dataset(*dataset_of(uri)) for uri in sources],
            outputs=[OutputDataset(*dataset_of(uri), outputFacets=statistics) for uri in targets],
        )


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
