"""GoLocal deliveries that tasks of this deployment booked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.golocal.deliveries import EndStates, status_of
from airflow_provider_walmart.web.access import User, reads_connection
from airflow_provider_walmart.web.desk import desk, golocal
from airflow_provider_walmart.web.rendering import page
from airflow_provider_walmart.web.task_records import TaskRun, results

router = APIRouter(prefix="/account/{connection_id}/deliveries", dependencies=[reads_connection])

DAYS = 14
# Deliveries of a page: each is a call.
PER_PAGE = 20
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Delivery:
    """A delivery, without the names and addresses that it may hold.

    :param booked_as: its status when it was booked.
    """

    task: TaskRun
    delivery_id: str
    external_order_id: str
    booked_as: str


@router.get("")
async def deliveries(
    request: Request,
    connection_id: str,
    user: User,
    number: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """Show the deliveries of the last days with their states."""
    runs = await results(user, "WalmartGoLocalCreateDeliveryOperator", DAYS, connection_id)
    booked = {found.delivery_id: found for run in reversed(runs) if (found := delivery_of(run))}
    newest = list(reversed(booked.values()))
    pages = max(1, -(-len(newest) // PER_PAGE))
    number = min(number, pages)
    on_page = newest[(number - 1) * PER_PAGE : number * PER_PAGE]
    ids = tuple(each.delivery_id for each in on_page)
    states = await desk().ask(("deliveries", connection_id, ids), lambda: _states(connection_id, ids))
    return page(
        request,
        "deliveries",
        conn_id=connection_id,
        conn_type="walmart_golocal",
        deliveries=on_page,
        states=states,
        outcomes={delivery_id: EndStates().outcome(state) for delivery_id, state in states.items()},
        days=DAYS,
        number=number,
        pages=pages,
    )


def delivery_of(run: TaskRun) -> Delivery | None:
    """Return the delivery that a task booked; None where it left none."""
    if not isinstance(run.result, dict) or not run.result.get("deliveryId"):
        return None
    return Delivery(
        run,
        str(run.result["deliveryId"]),
        str(run.result.get("externalOrderId") or ""),
        status_of(run.result),
    )


def _states(conn_id: str, delivery_ids: tuple[str, ...]) -> dict[str, str]:
    """Return the states of deliveries; those that can't be read are left out, unless none can."""
    client = golocal(conn_id)

    def state(delivery_id: str) -> str | WalmartError:
        try:
            return status_of(client.get_delivery(delivery_id))
        except WalmartError as error:
            return error

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = dict(zip(delivery_ids, pool.map(state, delivery_ids), strict=True))
    errors = [each for each in found.values() if isinstance(each, WalmartError)]
    if errors and len(errors) == len(found):
        raise errors[0]
    return {each: status for each, status in found.items() if isinstance(status, str)}
