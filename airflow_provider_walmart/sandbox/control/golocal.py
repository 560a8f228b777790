"""The control API's part for GoLocal: deliveries can be looked at and moved.

* ``GET /_sandbox/deliveries``: all deliveries, oldest first, as ids and status.
* ``POST /_sandbox/deliveries/{deliveryId}``: ``{"status": "DISPATCHED"}`` sets a status, any text, that stays.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_walmart.sandbox.control.api import PREFIX, Misuse
from airflow_provider_walmart.sandbox.core.calls import reply
from airflow_provider_walmart.sandbox.core.deliveries import Delivery
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox


class Move(Struct, forbid_unknown_fields=True):
    """How to move a delivery.

    :param status: its status from now on.
    """

    status: Annotated[str, Meta(min_length=1)]


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the control API for GoLocal.

    :param sandbox: the sandbox they control.
    """

    def shown(delivery: Delivery) -> dict[str, Any]:
        return {
            "deliveryId": delivery.id,
            "externalOrderId": delivery.body["externalOrderId"],
            "status": delivery.status(sandbox.state.clock.now()),
        }

    async def listing(request: Request) -> Response:
        return reply([shown(delivery) for delivery in sandbox.state.deliveries.values()])

    async def move(request: Request) -> Response:
        delivery = sandbox.state.deliveries.get(request.path_params["delivery_id"])
        if delivery is None:
            raise Misuse("there is no such delivery")
        try:
            delivery.fixed_status = msgspec.json.decode(await request.body(), type=Move).status
        except msgspec.DecodeError as error:
            raise Misuse(str(error)) from None
        return reply(shown(delivery))

    return [
        Route(f"{PREFIX}/deliveries", listing, methods=["GET"]),
        Route(f"{PREFIX}/deliveries/{{delivery_id}}", move, methods=["POST"]),
    ]
