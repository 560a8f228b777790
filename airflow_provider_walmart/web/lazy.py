"""An app that is built at its first request: in all processes but the API server it costs nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class LazyApp:
    """Passes requests on to the app of the page."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # In a thread: building it takes half a second, in which the API server goes on.
        app = self._app
        if app is None:
            app = await asyncio.to_thread(self._built)
        await app(scope, receive, send)

    def _built(self) -> App:
        with self._lock:
            if self._app is None:
                from airflow_provider_walmart.web.app import build

                self._app = build()
            return self._app
