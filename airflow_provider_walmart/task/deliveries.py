"""Waiting for a delivery, in the worker and in the triggerer alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow_provider_walmart.client.errors import (
    WalmartDeliveryFailedError,
    WalmartError,
    WalmartNotFoundError,
)
from airflow_provider_walmart.client.golocal.deliveries import EndStates, is_known, status_of, summary
from airflow_provider_walmart.task.poll_failures import PollFailures

log = logging.getLogger(__name__)


class DeliveryProgress:
    """What polling for one delivery showed so far; each status is logged once.

    :param delivery_id: the delivery.
    :param ends: where waiting ends.
    :param logged_status: status that has been logged already.
    """

    def __init__(self, delivery_id: str, ends: EndStates, logged_status: str = "") -> None:
        self.logged_status = logged_status
        self._delivery_id = delivery_id
        self._ends = ends
        self._failures = PollFailures(keys_worked=True)

    def saw(self, delivery: Mapping[str, Any]) -> bool:
        """Take note of a poll; return whether the delivery is at an end."""
        self._failures.reset()
        status = status_of(delivery)
        ended = self._ends.outcome(status) != "waiting"
        if status != self.logged_status:
            self.logged_status = status
            log.info("Delivery %s is %s.", self._delivery_id, status or "without a status")
            if not ended and not is_known(status):
                log.warning(
                    "%r is no status that this package knows: still waiting. If it is an end, name it in "
                    "success_statuses or failure_statuses.",
                    status,
                )
        return ended

    def pause(self, usual: float) -> float:
        """Return how long to wait before the next poll, as `PollFailures` has it."""
        return self._failures.pause(usual)

    def failed(self, error: WalmartError) -> None:
        """Take note of a poll that failed; raise the error when polling again is no use."""
        if isinstance(error, WalmartNotFoundError) or not self._failures.may_go_on(error):
            raise error
        log.warning("Delivery %s: %s", self._delivery_id, self._failures.text(error))


def check_end(delivery: Mapping[str, Any], ends: EndStates) -> dict[str, Any]:
    """Return ids and status of a delivery that ended well.

    :raises WalmartDeliveryFailedError: when it ended in another way.
    """
    found = summary(delivery)
    if ends.outcome(found["status"]) == "failure":
        wanted = ", ".join(sorted(ends.success))
        raise WalmartDeliveryFailedError(
            f"Delivery {found['deliveryId']} of order {found['externalOrderId']} ended as {found['status']}; "
            f"wanted: {wanted}"
        )
    return found
