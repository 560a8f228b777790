"""What Walmart GoLocal posts to a webhook of yours: delivery statuses and driver locations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_walmart.client.errors import WalmartWebhookError
from airflow_provider_walmart.client.golocal.deliveries import status_of
from airflow_provider_walmart.client.transport.headers import CORRELATION_ID
from airflow_provider_walmart.client.webhooks.notifications import event_object, header_value

# Keys under which the event may stand.
WRAPPERS = ("deliveries", "delivery", "payload", "event", "driverLocation", "location", "coordinates")


def parse_delivery_event(headers: Mapping[str, str], body: bytes | str) -> dict[str, Any]:
    """Return what an event of a webhook says.

    Walmart documents no signature, so nothing here proves who sent it: let nobody else know the URL, and ask
    `getDelivery` before acting on more than the fact that something changed.

    :param headers: headers of the request.
    :param body: its body as it came, JSON in UTF-8.
    :return: dict with ``kind`` (``status``, ``location``, or ``unknown``), ``deliveryId``, ``externalOrderId``,
        ``status`` (in upper case, or empty), ``latitude`` and ``longitude`` of the driver (numbers, or None),
        ``correlationId`` (or None), and ``event``: the decoded body, which may hold names and addresses.
    :raises WalmartWebhookError: when the body is no JSON object, or names no delivery; it is not repeated.
    """
    event = event_object(body)
    parts = list(_parts(event))

    def first(*names: str) -> Any:
        found = (part[name] for part in parts for name in names if part.get(name) not in (None, ""))
        return next(found, None)

    delivery_id, order_id = first("deliveryId"), first("externalOrderId")
    if delivery_id is None and order_id is None:
        raise WalmartWebhookError("The event holds neither deliveryId nor externalOrderId.", status=400)
    status = next((found for found in map(status_of, parts) if found), "")
    latitude, longitude = _number(first("latitude", "lat")), _number(first("longitude", "lng", "lon"))
    located = latitude is not None and longitude is not None
    return {
        "kind": "status" if status else "location" if located else "unknown",
        "deliveryId": delivery_id,
        "externalOrderId": order_id,
        "status": status,
        "latitude": latitude,
        "longitude": longitude,
        "correlationId": header_value(headers, CORRELATION_ID),
        "event": event,
    }


def _parts(event: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the event and what is wrapped in it, outermost first."""
    yield event
    for name in WRAPPERS:
        inner = event.get(name)
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, Mapping) and depth < 4:
            yield from _parts(inner, depth + 1)


def _number(value: Any) -> float | None:
    try:
        number = None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None
