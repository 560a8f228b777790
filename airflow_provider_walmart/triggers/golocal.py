"""Trigger for GoLocal deliveries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartAuthError, WalmartError
from airflow_provider_walmart.client.golocal.deliveries import EndStates, summary
from airflow_provider_walmart.task.deliveries import DeliveryProgress
from airflow_provider_walmart.triggers.base import WalmartWaitTrigger

if TYPE_CHECKING:
    from airflow_provider_walmart.triggers.accounts import Account


class WalmartGoLocalDeliveryTrigger(WalmartWaitTrigger):
    """Waits until a delivery is at an end; an event of success has ids and status of the ``delivery``.

    :param walmart_golocal_conn_id: id of a connection of type ``walmart_golocal``.
    :param delivery_id: the delivery.
    :param success_statuses: statuses that mean success.
    :param failure_statuses: statuses that mean failure, besides the documented ones.
    :param logged_status: status that the log of the task has already.
    :param known: as for `WalmartWaitTrigger`.
    """

    own_arguments = (
        "walmart_golocal_conn_id",
        "delivery_id",
        "success_statuses",
        "failure_statuses",
        "logged_status",
    )

    def __init__(
        self,
        *,
        walmart_golocal_conn_id: str,
        delivery_id: str,
        success_statuses: Sequence[str],
        failure_statuses: Sequence[str],
        logged_status: str = "",
        **known: Any,
    ) -> None:
        super().__init__(**known)
        self.walmart_golocal_conn_id = walmart_golocal_conn_id
        self.delivery_id = delivery_id
        self.success_statuses = list(success_statuses)
        self.failure_statuses = list(failure_statuses)
        self.logged_status = logged_status
        self._account: Account | None = None

    async def wait(self) -> dict[str, Any]:
        """Return the delivery."""
        ends = EndStates.of(self.success_statuses, self.failure_statuses)
        progress = DeliveryProgress(self.delivery_id, ends, self.logged_status)
        is_last = False
        while not is_last:
            pause, left = progress.pause(self.pause()), self.deadline - time.time()
            # The last poll is at the deadline itself.
            is_last = pause >= left
            await asyncio.sleep(max(0.0, min(pause, left)))
            try:
                delivery = await self._read()
            except WalmartError as error:
                progress.failed(error)
                if is_last and isinstance(error, WalmartAuthError):
                    raise
                continue
            if progress.saw(delivery):
                return {"delivery": summary(delivery)}
        raise asyncio.TimeoutError

    async def _read(self) -> dict[str, Any]:
        """Return the delivery as Walmart has it now; with keys that were edited meanwhile if need be."""
        from airflow_provider_walmart.triggers.accounts import golocal_account_of

        conn_id, began = self.walmart_golocal_conn_id, time.monotonic()
        account = self._account = self._account or await golocal_account_of(conn_id)
        try:
            delivery: dict[str, Any] = await account.run(account.client.get_delivery, self.delivery_id)
        except WalmartAuthError:
            try:
                edited = self._account = await golocal_account_of(conn_id, newer_than=began)
            except Exception as error:
                # Somebody may be in the middle of editing it.
                self.log.warning("The connection can't be used as it is now: %s", error)
                edited = account
            if edited is account:
                raise
            delivery = await edited.run(edited.client.get_delivery, self.delivery_id)
        return delivery

    def usual_pause(self, age: float) -> float:
        """Return a minute."""
        return 60.0

    async def on_kill(self) -> None:
        """Say that the delivery goes on: cancelling it is a task of its own."""
        self.log.warning("Nobody waits for delivery %s any more; it goes on.", self.delivery_id)
