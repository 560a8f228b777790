"""The state of Walmart's API groups."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.dates import iso
from airflow_provider_walmart.sandbox.core.throttle import per_minute

GROUPS = ("Returns", "Items", "Sandbox", "Lagtime", "Promos", "Orders", "Authentication", "Price")


async def api_status(call: Call) -> Response:
    """Answer ``GET /v3/utilities/apiStatus``.

    :param call: the call.
    """
    updated = iso(int(call.now * 1000))
    statuses = [{"apiGroup": group, "status": "OPERATIONAL", "lastUpdatedTime": updated} for group in GROUPS]
    return reply({"apiStatuses": statuses})


ENDPOINTS = [Endpoint("GET", "/v3/utilities/apiStatus", api_status, limit=per_minute(100, "apiStatus"))]
