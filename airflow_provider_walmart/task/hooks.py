"""The account that an operator or a sensor works with."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
    from airflow_provider_walmart.hooks.walmart import WalmartHook


class OfMarketplace:
    """An operator or sensor with a connection of type ``walmart``."""

    walmart_conn_id: str

    @cached_property
    def hook(self) -> WalmartHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        return WalmartHook(self.walmart_conn_id)


class OfGoLocal:
    """An operator or sensor with a connection of type ``walmart_golocal``."""

    walmart_golocal_conn_id: str

    @cached_property
    def hook(self) -> WalmartGoLocalHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

        return WalmartGoLocalHook(self.walmart_golocal_conn_id)
