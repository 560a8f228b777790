"""The app is built once, at its first request."""

from __future__ import annotations

import asyncio

from airflow_provider_walmart.web import app as app_module
from airflow_provider_walmart.web.lazy import LazyApp


def test_requests_that_come_together_build_one_app(monkeypatch):
    built = []

    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})

    monkeypatch.setattr(app_module, "build", lambda: built.append(1) or answer)
    app = LazyApp()
    assert not built
    sent = []

    async def send(message):
        sent.append(message)

    async def together():
        await asyncio.gather(*(app({"type": "http"}, None, send) for _ in range(5)))

    asyncio.run(together())
    assert (len(built), len(sent)) == (1, 5)
