"""Trigger for GoLocal deliveries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.golocal.deliveries import EndStates, summary
from airflow_provider_walmart.task.deliveries import DeliveryProgress
from airflow_provider_walmart.task.durations import poll_seconds


class WalmartGoLocalDeliveryTrigger(BaseTrigger):
    """Waits until a delivery is at an end.

    :param walmart_golocal_conn_id: id of a connection of type ``walmart_golocal``.
    :param delivery_id: the delivery.
    :param success_statuses: statuses that mean success.
    :param failure_statuses: statuses that mean failure, besides the documented ones.
    :param deadline: when to give up, seconds since 1970 UTC.
    :param poll_interval: time between two polls, as timedelta or seconds.
    :param said: status that the log of the task has already.
    """

    def __init__(
        self,
        *,
        walmart_golocal_conn_id: str,
        delivery_id: str,
        success_statuses: Sequence[str],
        failure_statuses: Sequence[str],
        deadline: float,
        poll_interval: timedelta | float,
        said: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.walmart_golocal_conn_id = walmart_golocal_conn_id
        self.delivery_id = delivery_id
        self.success_statuses = list(success_statuses)
        self.failure_statuses = list(failure_statuses)
        self.deadline = deadline
        self.poll_interval = poll_seconds(poll_interval)
        self.said = said

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, plain JSON without secrets."""
        return (
            "airflow_provider_walmart.triggers.golocal.WalmartGoLocalDeliveryTrigger",
            {
                "walmart_golocal_conn_id": self.walmart_golocal_conn_id,
                "delivery_id": self.delivery_id,
                "success_statuses": self.success_statuses,
                "failure_statuses": self.failure_statuses,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
                "said": self.said,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event.

        Its ``status`` is ``success``, with ids and status of the ``delivery``, ``timeout``, or ``error``, with
        ``message`` and ``retryable``.
        """
        from airflow_provider_walmart.triggers.poller import golocal_client_of, in_thread

        ends = EndStates.of(self.success_statuses, self.failure_statuses)
        progress = DeliveryProgress(self.delivery_id, ends, self.said)
        try:
            client = await golocal_client_of(self.walmart_golocal_conn_id)
            is_last = False
            while True:
                if is_last:
                    yield TriggerEvent({"status": "timeout"})
                    return
                left = self.deadline - time.time()
                # The last look is at the deadline itself.
                is_last = self.poll_interval >= left
                await asyncio.sleep(max(0.0, min(self.poll_interval, left)))
                try:
                    delivery = await in_thread(client.get_delivery, self.delivery_id)
                except WalmartError as error:
                    progress.failed(error)
                    continue
                if progress.saw(delivery):
                    break
        except WalmartError as error:
            yield TriggerEvent({"status": "error", "message": str(error), "retryable": not error.is_final})
            return
        yield TriggerEvent({"status": "success", "delivery": summary(delivery)})

    async def on_kill(self) -> None:
        """Say that the delivery goes on: cancelling it is a task of its own."""
        self.log.warning("Nobody waits for delivery %s any more; it goes on.", self.delivery_id)
