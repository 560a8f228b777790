"""Operators for GoLocal deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.task.context import records_of
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.hooks import OfGoLocal

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class WalmartGoLocalCreateDeliveryOperator(OfGoLocal, BaseOperator):
    """Books a delivery once per ``externalOrderId``, even if a worker dies at any moment.

    Walmart is asked for the order before anything is sent, and a delivery that is there is taken as it is, whoever
    booked it and however it ended: another delivery needs another ``externalOrderId``. Before booking, an intent is
    stored in the task state, and after it the delivery's id (Airflow 3.3 keeps task state; on 3.1 and 3.2 a retry
    searches for the order for longer).

    :param delivery: body of the booking, a dict in Walmart's form with ``externalOrderId``; the key ``deliveries``
        around it may be left out, and ``clientId`` where it is the client ID of the connection.
    :param walmart_golocal_conn_id: id of a connection of type ``walmart_golocal``; default ``walmart_golocal_default``.
    :return: the delivery as Walmart gives it, with ``deliveryId``; it may hold names and addresses.
    :raises AirflowFailException: for bad input, and when Walmart refuses the booking for good.
    :raises WalmartUnknownOutcomeError: when it may or may not have been booked; a retry checks before it books.
    """

    template_fields: Sequence[str] = ("delivery", "walmart_golocal_conn_id")
    template_fields_renderers = {"delivery": "json"}
    operator_extra_links = (WalmartPageLink(),)
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        delivery: Mapping[str, Any],
        walmart_golocal_conn_id: str = "walmart_golocal_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.delivery = delivery
        self.walmart_golocal_conn_id = walmart_golocal_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Book the delivery, or find it booked."""
        from airflow_provider_walmart.client.golocal.booking import OnceBooker

        with fail_without_retry():
            records, forgotten = records_of(context)
            return OnceBooker(self.hook.client, records, forgotten=forgotten).book(self.delivery)


class WalmartGoLocalCancelDeliveryOperator(OfGoLocal, BaseOperator):
    """Cancels a delivery; one that is cancelled already is fine.

    :param delivery_id: ``deliveryId`` of the booking.
    :param reason_code: Walmart's code of the reason; default ``CD-002``.
    :param walmart_golocal_conn_id: id of a connection of type ``walmart_golocal``; default ``walmart_golocal_default``.
    :return: the delivery as Walmart gives it after that; it may hold names and addresses.
    :raises AirflowFailException: when it is too late, and when Walmart refuses for another reason.
    """

    template_fields: Sequence[str] = ("delivery_id", "reason_code", "walmart_golocal_conn_id")
    operator_extra_links = (WalmartPageLink(),)
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        delivery_id: str,
        reason_code: str = "CD-002",
        walmart_golocal_conn_id: str = "walmart_golocal_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.delivery_id = delivery_id
        self.reason_code = reason_code
        self.walmart_golocal_conn_id = walmart_golocal_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Cancel the delivery, or find it cancelled."""
        with fail_without_retry():
            return self.hook.cancel_delivery(self.delivery_id, reason_code=self.reason_code)
