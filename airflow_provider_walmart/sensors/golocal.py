"""Sensor for GoLocal deliveries."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.golocal_deliveries import DELIVERED, EndStates, summary
from airflow_provider_walmart.results.context import push
from airflow_provider_walmart.results.deliveries import DeliveryProgress, check_end
from airflow_provider_walmart.results.failures import fail_for_good
from airflow_provider_walmart.results.waiting import check_event

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook


class WalmartGoLocalDeliverySensor(BaseSensorOperator):
    """Waits until a delivery is at the customer's door, and fails when it ends in another way.

    Each new status is in the log. One that this package doesn't know is no end: the sensor says so once and keeps
    waiting. A look that fails on the network or with a 5xx is weather, up to ten in a row; a 429 always is.

    :param delivery_id: ``deliveryId`` of the booking.
    :param success_statuses: statuses that mean success, in any case; default ``DELIVERED``.
    :param failure_statuses: further statuses that mean failure; ``DELIVERY_REQUEST_FAILED``, ``REJECTED``, ``RETURNED``
        and all that say cancelled do unless they are in ``success_statuses``.
    :param poll_interval: seconds between two looks; default 60. The same as Airflow's ``poke_interval``.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_golocal_conn_id: id of a connection of type ``walmart_golocal``.
    :return: dict with ``deliveryId``, ``externalOrderId`` and ``status``. It is in XCom also when the delivery failed.
    :raises AirflowFailException: when the delivery failed, or when no retry can help.
    """

    template_fields: Sequence[str] = (
        "delivery_id",
        "success_statuses",
        "failure_statuses",
        "walmart_golocal_conn_id",
    )
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        delivery_id: str,
        success_statuses: Collection[str] | str = (DELIVERED,),
        failure_statuses: Collection[str] | str | None = None,
        poll_interval: float = 60.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        walmart_golocal_conn_id: str = "walmart_golocal_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        self.delivery_id = delivery_id
        self.success_statuses = success_statuses
        self.failure_statuses = failure_statuses
        self.deferrable = deferrable
        self.walmart_golocal_conn_id = walmart_golocal_conn_id

    @cached_property
    def hook(self) -> WalmartGoLocalHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

        return WalmartGoLocalHook(self.walmart_golocal_conn_id)

    @cached_property
    def _ends(self) -> EndStates:
        return EndStates.of(self.success_statuses, self.failure_statuses)

    @cached_property
    def _progress(self) -> DeliveryProgress:
        return DeliveryProgress(self.delivery_id, self._ends)

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or look once and wait in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        done = self.poke(context)
        if isinstance(done, PokeReturnValue):
            return done.xcom_value
        from airflow_provider_walmart.triggers.golocal import WalmartGoLocalDeliveryTrigger

        since = time.time()
        self.defer(
            trigger=WalmartGoLocalDeliveryTrigger(
                walmart_golocal_conn_id=self.walmart_golocal_conn_id,
                delivery_id=self.delivery_id,
                success_statuses=sorted(self._ends.success),
                failure_statuses=sorted(self._ends.failure),
                # Airflow's own time-out of the sensor speaks first, since it knows of soft_fail.
                deadline=since + self.timeout + 600,
                poll_interval=self.poke_interval,
                said=self._progress.said,
            ),
            method_name="execute_complete",
            kwargs={"since": since},
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any], since: float) -> dict[str, Any]:
        """Judge what the trigger saw."""
        with fail_for_good():
            check_event(event, "Delivery", [self.delivery_id], time.time() - since)
            return self._judge(context, event["delivery"])

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look at the delivery once."""
        with fail_for_good():
            try:
                delivery = self.hook.get_delivery(self.delivery_id)
            except WalmartError as error:
                self._progress.failed(error)
                return False
            if not self._progress.saw(delivery):
                return False
            return PokeReturnValue(is_done=True, xcom_value=self._judge(context, delivery))

    def _judge(self, context: Context, delivery: dict[str, Any]) -> dict[str, Any]:
        push(context, "return_value", summary(delivery))
        return check_end(delivery, self._ends)
