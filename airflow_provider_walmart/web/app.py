"""The app of the page: what all its answers have in common."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.web.access import logged_in
from airflow_provider_walmart.web.desk import BusyError
from airflow_provider_walmart.web.lazy import App, Message, Receive, Scope, Send
from airflow_provider_walmart.web.pages import accounts, deliveries, feeds, orders, reports, tasks
from airflow_provider_walmart.web.rendering import message_page

log = logging.getLogger(__name__)

STATIC = Path(__file__).with_name("static")
STATIC_FILES = {path.name: path for path in STATIC.iterdir()}
HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cache-control": b"no-store",
}
SAID = {
    401: ("Your login has ended", "Reload Airflow and log in again."),
    403: ("Not for you", "You have no permission for this in Airflow. Ask whoever administers it."),
    404: ("Nothing here", "There is no such page, or what it was about is gone."),
}
INTERNAL = ("This page failed", "The log of the API server says which kind of error it was.")


def build() -> App:
    """Return the app."""
    return _Guarded(fastapi_app())


def fastapi_app() -> FastAPI:
    """Return the app without what surrounds it."""
    app = FastAPI(title="Walmart", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[logged_in])
    for pages in (accounts, feeds, reports, orders, deliveries, tasks):
        app.include_router(pages.router)
    app.add_api_route("/static/{name}", _static, response_class=FileResponse)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(WalmartError, _walmart_error)
    app.add_exception_handler(BusyError, _busy)
    return app


def _static(name: str) -> Response:
    if name not in STATIC_FILES:
        raise HTTPException(404)
    return FileResponse(STATIC_FILES[name], headers={"cache-control": "private, max-age=600"})


def _http_error(request: Request, error: Any) -> Response:
    title, text = SAID.get(error.status_code, INTERNAL)
    return message_page(request, error.status_code, title, text)


def _bad_request(request: Request, error: Any) -> Response:
    return message_page(
        request, 400, "Not understood", "The address of this page holds a value that it can't."
    )


def _walmart_error(request: Request, error: Any) -> Response:
    return message_page(request, 502, "Walmart says no", walmart_error=error)


def _busy(request: Request, error: Any) -> Response:
    return message_page(request, 503, "Not now", f"{error} Reload in a few seconds.")


class _Guarded:
    """Gives every answer its headers, and lets no exception out: the log of the API server shows texts unmasked."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = dict(message["headers"])
                message = {
                    **message,
                    "headers": [*own.items(), *((n, v) for n, v in HEADERS.items() if n not in own)],
                }
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:
            log.error("A page failed: %s", type(error).__name__)
            if not started and scope["type"] == "http":
                answer = message_page(Request(scope), 500, *INTERNAL)
                await answer(scope, receive, guarded)
