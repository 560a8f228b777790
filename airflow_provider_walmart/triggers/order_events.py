"""Starts DAGs when orders come or change."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from airflow_provider_walmart.client.events.orders import SHIP_NODE_TYPES, STATUSES, OrderTracker
from airflow_provider_walmart.triggers.events import WalmartEventTrigger, list_of_names


class WalmartNewOrdersTrigger(WalmartEventTrigger):
    """Fires for new orders, or for those that change to some status, to be used in an `AssetWatcher`.

    A poll that found something is one event, or several of 500 orders each. No event holds personal data. All watchers of a
    connection share one poll loop (Airflow 3.3). Which orders were announced is kept in the state store of the asset once the
    events are in Airflow's database: a restart of the triggerer loses no order, and repeats those of the last poll at
    most. Below 3.3 there is no such store, and a restart begins anew with what comes from then on.

    :param walmart_conn_id: id of a connection of type ``walmart``, market US; default ``walmart_default``.
    :param statuses: list of ``Created``, ``Acknowledged``, ``Shipped``, ``Delivered``, ``Cancelled`` and ``Refund``: announces
        every order that is new or has changed and has a line in one of these. Default: orders that are new, in whatever
        status.
    :param ship_node_types: list of ``SellerFulfilled``, ``WFSFulfilled`` and ``3PLFulfilled``: only orders shipped like this;
        default: all.
    :param poll_interval: time between two polls, as timedelta or seconds, at least 1 second; default 60.
    :return: events with ``purchaseOrderIds`` (oldest first), ``versions`` (in the same order; id and version together
        are the same only when an event is repeated), ``orders`` (how many), and how many of them by ``statuses`` and by
        ``shipNodeTypes``. An order whose lines differ counts for each of its statuses.
    :raises WalmartConfigError: for an unknown status or type.
    """

    kind = "orders"

    def __init__(
        self,
        *,
        walmart_conn_id: str = "walmart_default",
        statuses: Collection[str] | None = None,
        ship_node_types: Collection[str] | None = None,
        poll_interval: timedelta | float = 60.0,
    ) -> None:
        super().__init__(walmart_conn_id=walmart_conn_id, poll_interval=poll_interval)
        self.statuses = list_of_names("statuses", statuses, among=STATUSES) if statuses else None
        self.ship_node_types = (
            list_of_names("ship_node_types", ship_node_types, among=SHIP_NODE_TYPES)
            if ship_node_types
            else None
        )

    def filters(self) -> dict[str, list[str] | None]:
        """Return statuses and ship node types."""
        return {"statuses": self.statuses, "ship_node_types": self.ship_node_types}

    def tracker(self, state: dict[str, Any] | None) -> OrderTracker:
        """Return what separates new and changed orders from those announced before."""
        return OrderTracker(state, self.statuses, self.ship_node_types or SHIP_NODE_TYPES)

    @staticmethod
    def make_poll() -> Callable[..., tuple[Any, ...]]:
        """Return what searches for orders."""
        from airflow_provider_walmart.client.events.polls import poll_orders

        return poll_orders
