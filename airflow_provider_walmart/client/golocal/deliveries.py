"""What the data of a delivery means: its ids, its status, and whether that is its end."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.names import names_of, text_id

# In the order in which a delivery goes through them.
ON_THE_WAY = (
    "DELIVERY_REQUESTED",
    "DELIVERY_BATCHED",
    "DELIVERY_UNBATCHED",
    "DRIVER_ASSIGNED",
    "ENROUTE_TO_PICKUP",
    "ARRIVED_AT_PICKUP",
    "DISPATCHED",
    "ENROUTE_TO_DROPOFF",
    "ARRIVED_AT_DROPOFF",
    "ENROUTE_TO_RETURN",
    "ARRIVED_TO_RETURN",
)
DELIVERED = "DELIVERED"
FAILED = ("DELIVERY_REQUEST_FAILED", "REJECTED", "RETURNED")
# The names of the cancellation statuses are not documented in full. What is only asked for, or was refused, is no end.
_CANCELLED = re.compile(r"(.*_)?CANCELL?ED(_BY_.*)?")

_DELIVERY_ID = re.compile(r"""[^\s{}\[\]'"]{1,200}""")
_STATUS = re.compile(r"[A-Z_]+")

Outcome = Literal["success", "failure", "waiting"]


def delivery_id_of(value: Any) -> str:
    """Return the id of a delivery as text.

    :raises WalmartConfigError: for what is none, such as the delivery itself, or what a template makes of it.
    """
    where = "expected the deliveryId of a booking, such as book.output['deliveryId']"
    if isinstance(value, (Mapping, list, tuple)):
        raise WalmartConfigError(f"delivery_id is a {type(value).__name__}; {where}.")
    text = text_id("delivery_id", value)
    if not _DELIVERY_ID.fullmatch(text):
        raise WalmartConfigError(f"delivery_id is a text of {len(text)} characters that is no id; {where}.")
    return text


def delivery_in(answer: Any, external_order_id: str | None = None) -> dict[str, Any] | None:
    """Return the delivery in an answer, with or without the key that wraps it; None when there is none.

    :param external_order_id: only a delivery of this order; of several, one that has not failed.
    """
    found = [dict(delivery) for delivery in _listed(answer) if _is_delivery(delivery)]
    if external_order_id is not None:
        found = [
            delivery
            for delivery in found
            if str(delivery.get("externalOrderId") or external_order_id) == external_order_id
        ]
    return min(
        found, key=lambda delivery: EndStates().outcome(status_of(delivery)) == "failure", default=None
    )


def says_none(answer: Any) -> bool:
    """Return whether an answer without the wanted delivery is one that can be believed: nothing, or others only."""
    return all(map(_is_delivery, _listed(answer)))


def _listed(answer: Any) -> list[Any]:
    inner = answer["deliveries"] if isinstance(answer, Mapping) and "deliveries" in answer else answer
    return inner if isinstance(inner, list) else [inner] if inner else []


def _is_delivery(delivery: Any) -> bool:
    return isinstance(delivery, Mapping) and bool(delivery.get("deliveryId"))


def status_of(delivery: Mapping[str, Any]) -> str:
    """Return the status of a delivery in upper case; empty when it has none."""
    for name in ("deliveryStatus", "status"):
        value = delivery.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip().upper()
    return ""


def summary(delivery: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``deliveryId``, ``externalOrderId`` and ``status``: what may be logged and kept of a delivery."""
    return {
        "deliveryId": delivery.get("deliveryId"),
        "externalOrderId": delivery.get("externalOrderId"),
        "status": status_of(delivery),
    }


def is_cancelled(status: str) -> bool:
    """Return whether a status says that a delivery has been cancelled."""
    return _CANCELLED.fullmatch(status) is not None


def is_over(status: str) -> bool:
    """Return whether a status is one after which no other comes."""
    return status in (DELIVERED, *FAILED) or is_cancelled(status)


def is_known(status: str) -> bool:
    """Return whether a status is one that Walmart documents, or says that the delivery has been cancelled."""
    return status in ON_THE_WAY or is_over(status)


@dataclass(frozen=True)
class EndStates:
    """At which statuses waiting ends, and how.

    The documented ends (``DELIVERED``, ``DELIVERY_REQUEST_FAILED``, ``REJECTED``, ``RETURNED``) and everything that
    says cancelled are failures unless they are successes: no other status ever follows them.

    :param success: statuses that mean success; default ``DELIVERED``.
    :param failure: further statuses that mean failure.
    """

    success: frozenset[str] = frozenset({DELIVERED})
    failure: frozenset[str] = frozenset()

    @classmethod
    def of(cls, success: Collection[str] | str, failure: Collection[str] | str | None) -> EndStates:
        """Return the end states that a user gave, written in any case.

        :raises WalmartConfigError: when a name is none, a status is in both sets, or nothing would be success.
        """
        states = cls(_states("success_statuses", success), _states("failure_statuses", failure))
        if not states.success:
            raise WalmartConfigError(
                "success_statuses is empty: the delivery would be waited for without end. Give one, such as DELIVERED."
            )
        if both := states.success & states.failure:
            raise WalmartConfigError(
                f"{', '.join(sorted(both))}: in success_statuses and in failure_statuses. Leave it in one of them."
            )
        return states

    def outcome(self, status: str) -> Outcome:
        """Return what a status means."""
        if status in self.success:
            return "success"
        return "failure" if status in self.failure or is_over(status) else "waiting"


def _states(field: str, given: Collection[str] | str | None) -> frozenset[str]:
    states = frozenset(name.upper() for name in names_of(field, given, DELIVERED))
    if bad := sorted(name for name in states if not _STATUS.fullmatch(name)):
        raise WalmartConfigError(
            f"{field} has {bad[0]!r}; allowed: letters and underscores, such as {DELIVERED}."
        )
    return states
