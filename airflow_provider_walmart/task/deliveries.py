"""Waiting for a delivery, look by look, in the worker and in the triggerer alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow_provider_walmart.client.errors import (
    WalmartConnectionError,
    WalmartDeliveryFailedError,
    WalmartError,
    WalmartRateLimitError,
    WalmartServerError,
)
from airflow_provider_walmart.client.golocal.deliveries import EndStates, is_known, status_of, summary
from airflow_provider_walmart.task.waiting import MAX_FAILED_LOOKS

log = logging.getLogger(__name__)


class DeliveryProgress:
    """What the looks at one delivery showed so far; each status is said once.

    :param delivery_id: the delivery.
    :param ends: where waiting ends.
    :param said: status that has been said already.
    """

    def __init__(self, delivery_id: str, ends: EndStates, said: str = "") -> None:
        self.said = said
        self._delivery_id = delivery_id
        self._ends = ends
        self._failed_looks = 0

    def saw(self, delivery: Mapping[str, Any]) -> bool:
        """Take note of a look; return whether the delivery is at an end."""
        self._failed_looks = 0
        status = status_of(delivery)
        ended = self._ends.outcome(status) != "waiting"
        if status != self.said:
            self.said = status
            log.info("Delivery %s is %s.", self._delivery_id, status or "without a status")
            if not ended and not is_known(status):
                log.warning(
                    "%r is no status that this package knows: still waiting. If it is an end, name it in "
                    "success_statuses or failure_statuses.",
                    status,
                )
        return ended

    def failed(self, error: WalmartError) -> None:
        """Take note of a look that failed; raise the error when it is more than bad weather."""
        if isinstance(error, WalmartRateLimitError):
            log.warning("Looking at delivery %s is throttled, still waiting: %s", self._delivery_id, error)
            return
        self._failed_looks += 1
        passing = isinstance(error, (WalmartConnectionError, WalmartServerError))
        if not passing or self._failed_looks >= MAX_FAILED_LOOKS:
            raise error
        log.warning("Look %d in a row failed, still waiting: %s", self._failed_looks, error)


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
