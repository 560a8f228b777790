"""An endpoint that takes Walmart's notifications and starts DAGs, each once per event.

It runs beside Airflow, behind whatever gives it an https address:

    uvicorn --app-dir docs/examples webhook_endpoint:app --port 8090

with ``WALMART_WEBHOOK_SECRET``, ``AIRFLOW_URL``, ``AIRFLOW_USERNAME`` and ``AIRFLOW_PASSWORD`` in its environment.

Walmart sends again what isn't answered with 200: so an event is answered with 200 once Airflow has it, with 503 while
Airflow can't take it, and with 401 or 400 when it isn't Walmart's or makes no sense.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_walmart.client.errors import WalmartWebhookError
from airflow_provider_walmart.client.webhooks.notifications import MAX_BODY, hmac_sha256, parse_notification

log = logging.getLogger("uvicorn.error")

AIRFLOW = os.environ["AIRFLOW_URL"].rstrip("/")
LOGIN = {"username": os.environ["AIRFLOW_USERNAME"], "password": os.environ["AIRFLOW_PASSWORD"]}
# The same secret and header as in the subscription.
CHECK = hmac_sha256(os.environ["WALMART_WEBHOOK_SECRET"], "X-Walmart-Signature")
# What each kind of event starts, by its sub-type where it has one; any other is taken note of and dropped.
DAGS = {"PO_CREATED": "walmart_webhook_order"}

airflow = httpx.AsyncClient(base_url=AIRFLOW, timeout=30, trust_env=False)


async def receive(request: Request) -> Response:
    """Check a delivery and hand it to Airflow."""
    try:
        event = parse_notification(request.headers, await body_of(request), CHECK)
    except WalmartWebhookError as error:
        log.warning("Refused: %s", error)
        return PlainTextResponse("refused", error.status or 400)
    kind = event["subEventType"] or event["eventType"]
    dag_id = DAGS.get(kind)
    if dag_id is None:
        log.info("No DAG for %s %s", kind, event["eventId"])
        return PlainTextResponse("ignored")
    # The payload stays here: it may hold personal data, and Airflow shows a run's conf to everybody.
    conf = {name: event[name] for name in ("eventId", "eventType", "subEventType", "eventTime", "ids")}
    try:
        status = await start(dag_id, f"walmart__{event['eventId']}", conf)
    except httpx.HTTPError as error:
        log.error("Airflow could not be reached (%s)", type(error).__name__)
        return PlainTextResponse("later", 503)
    # 409: there is a run with that id, so the event came before.
    if status not in (200, 409):
        log.error("Airflow answered %d for %s %s", status, dag_id, event["eventId"])
        return PlainTextResponse("later", 503)
    log.info("%s: run of %s %s", event["eventId"], dag_id, "was there" if status == 409 else "started")
    return PlainTextResponse("taken")


async def body_of(request: Request) -> bytes:
    """Return the body, as much of it as is looked at."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            break
    return body


async def start(dag_id: str, run_id: str, conf: dict[str, Any]) -> int:
    """Start a DAG run and return the status of Airflow's answer."""
    url = f"/api/v2/dags/{dag_id}/dagRuns"
    body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
    answer = await airflow.post(url, json=body)
    if answer.status_code == 401:
        await log_in()
        answer = await airflow.post(url, json=body)
    return answer.status_code


async def log_in() -> None:
    """Fetch a token, which lasts for a day."""
    answer = await airflow.post("/auth/token", json=LOGIN)
    answer.raise_for_status()
    airflow.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


app = Starlette(routes=[Route("/walmart", receive, methods=["POST"])])
