"""Sensor for GoLocal deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.golocal.deliveries import DELIVERED, EndStates, delivery_id_of, summary
from airflow_provider_walmart.sensors.base import WalmartSensor
from airflow_provider_walmart.task.context import push_result
from airflow_provider_walmart.task.deliveries import DeliveryProgress, check_end
from airflow_provider_walmart.task.hooks import OfGoLocal
from airflow_provider_walmart.task.waiting import check_event

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger


class WalmartGoLocalDeliverySensor(OfGoLocal, WalmartSensor):
    """Waits until a delivery is at the customer's door, and fails when it ends in another way.

    Each new status is in the log. One that this package doesn't know is no end: the sensor says so once and keeps
    waiting. A poll that fails on the network or with a 5xx is a transient error: the sensor keeps waiting, until the tenth
    in a row; a 429 never ends it.

    :param delivery_id: ``deliveryId`` of the booking.
    :param success_statuses: statuses that mean success, as a list or as text with commas between, in upper or lower case;
        default ``DELIVERED``.
    :param failure_statuses: further statuses that mean failure, likewise; default: none. ``DELIVERY_REQUEST_FAILED``,
        ``REJECTED``, ``RETURNED`` and all that say cancelled mean failure unless they are in ``success_statuses``.
    :param poke_interval: time between two polls, as timedelta or seconds; default 60.
    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    :param walmart_golocal_conn_id: id of a connection of type ``walmart_golocal``; default ``walmart_golocal_default``.
    :return: dict with ``deliveryId``, ``externalOrderId`` and ``status``. It is in XCom also when the delivery failed.
    :raises AirflowFailException: when the delivery failed, or when no retry can help.
    """

    template_fields: Sequence[str] = (
        "delivery_id",
        "success_statuses",
        "failure_statuses",
        "walmart_golocal_conn_id",
    )

    def __init__(
        self,
        *,
        delivery_id: str,
        success_statuses: Collection[str] | str = (DELIVERED,),
        failure_statuses: Collection[str] | str | None = None,
        walmart_golocal_conn_id: str = "walmart_golocal_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.delivery_id = delivery_id
        self.success_statuses = success_statuses
        self.failure_statuses = failure_statuses
        self.walmart_golocal_conn_id = walmart_golocal_conn_id

    @cached_property
    def _ends(self) -> EndStates:
        return EndStates.of(self.success_statuses, self.failure_statuses)

    @cached_property
    def _id(self) -> str:
        return delivery_id_of(self.delivery_id)

    @cached_property
    def _progress(self) -> DeliveryProgress:
        return DeliveryProgress(self._id, self._ends)

    def poll(self, context: Context) -> dict[str, Any] | None:
        """Read the delivery; judge it once it has ended."""
        # Bad input is said before the first call.
        progress = self._progress
        delivery = self.hook.get_delivery(self._id)
        return self._judge(context, delivery) if progress.saw(delivery) else None

    def make_trigger(self, waiting: dict[str, Any]) -> BaseTrigger:
        """Return the trigger that waits for the delivery."""
        from airflow_provider_walmart.triggers.golocal import WalmartGoLocalDeliveryTrigger

        return WalmartGoLocalDeliveryTrigger(
            walmart_golocal_conn_id=self.walmart_golocal_conn_id,
            delivery_id=self._id,
            success_statuses=sorted(self._ends.success),
            failure_statuses=sorted(self._ends.failure),
            logged_status=self._progress.logged_status,
            **waiting,
        )

    def conclude(self, context: Context, event: dict[str, Any], waited: float) -> dict[str, Any]:
        """Judge what the trigger saw."""
        check_event(event, "Delivery", [self._id], waited)
        return self._judge(context, event["delivery"])

    def _judge(self, context: Context, delivery: dict[str, Any]) -> dict[str, Any]:
        push_result(self, context, summary(delivery))
        return check_end(delivery, self._ends)
