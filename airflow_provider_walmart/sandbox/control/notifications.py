"""The control API's part for webhooks.

* ``POST /_sandbox/notify``: a :class:`~.notifications.Notification`; delivers it to all active subscriptions to its event
  type whose URL leads to this machine, once each, and answers which of them answered with which status.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_walmart.sandbox.control.api import PREFIX, Misuse
from airflow_provider_walmart.sandbox.core.calls import reply
from airflow_provider_walmart.sandbox.core.notifications import Notification, body_of, deliver, is_near
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the control API for notifications.

    :param sandbox: the sandbox they control.
    """

    async def notify(request: Request) -> Response:
        try:
            notification = msgspec.json.decode(await request.body(), type=Notification)
        except msgspec.DecodeError as error:
            raise Misuse(str(error)) from None
        answers = []
        for subscription in list(sandbox.state.subscriptions.values()):
            wanted = subscription["eventType"] == notification.eventType
            if wanted and subscription["status"] == "ACTIVE" and is_near(subscription["eventUrl"]):
                body = body_of(notification, subscription["partnerId"], sandbox.state.clock.now())
                status = await deliver(subscription, body)
                answers.append({"subscriptionId": subscription["subscriptionId"], "status": status})
        return reply({"deliveries": answers})

    return [Route(f"{PREFIX}/notify", notify, methods=["POST"])]
