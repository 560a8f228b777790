"""What the sandbox remembers of GoLocal, and how a delivery moves on with the clock."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

#: A delivery goes through these in equal steps.
LIFE = (
    "DELIVERY_REQUESTED",
    "DRIVER_ASSIGNED",
    "ENROUTE_TO_PICKUP",
    "ARRIVED_AT_PICKUP",
    "DISPATCHED",
    "ENROUTE_TO_DROPOFF",
    "ARRIVED_AT_DROPOFF",
    "DELIVERED",
)
CANCELLED = "CANCELLED_BY_CLIENT"


class Delivery(Struct):
    """A booked delivery.

    :param client: client id of the keys it was booked with.
    :param body: what it was booked with.
    :param booked: sandbox time in epoch seconds.
    :param duration: seconds from booking to DELIVERED.
    :param fixed_status: status that does not follow the clock; empty while it does.
    """

    id: str
    client: str
    body: dict[str, Any]
    booked: float
    duration: float
    fixed_status: str = ""

    def status(self, now: float) -> str:
        """Return the status at a time.

        :param now: sandbox time in epoch seconds.
        """
        if self.fixed_status:
            return self.fixed_status
        step = (now - self.booked) / self.duration * (len(LIFE) - 1) if self.duration else len(LIFE)
        return LIFE[max(0, min(int(step), len(LIFE) - 1))]

    def shown(self, now: float) -> dict[str, Any]:
        """Return the delivery as the API shows it.

        :param now: sandbox time in epoch seconds.
        """
        return {
            **self.body,
            "deliveryId": self.id,
            "deliveryStatus": self.status(now),
            "trackingUrl": f"https://deliverytracking.walmart.com/{self.id}?token=sandbox",
        }


class Quote(Struct):
    """An answered request for a quote.

    :param client: client id of the keys.
    :param expires: sandbox time in epoch seconds.
    """

    client: str
    expires: float
