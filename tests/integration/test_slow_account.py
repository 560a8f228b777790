"""One slow account never delays another's poll: over HTTP, with an account whose Walmart doesn't answer."""

from __future__ import annotations

import asyncio
import json
import threading
import time

from airflow_provider_walmart.triggers.accounts import THREADS
from airflow_provider_walmart.triggers.feeds import WalmartFeedTrigger
from tests.helpers import wire

ACCOUNTS = THREADS + 2
POLLS = 5


def finished(feed_id: str) -> dict[str, object]:
    return {"feedId": feed_id, "feedStatus": "PROCESSED", "itemsReceived": 1, "itemsSucceeded": 1}


def test_feeds_are_polled_while_other_accounts_get_no_answer(monkeypatch):
    """More accounts hang than one has threads, and the quick one is polled several times meanwhile."""
    released = threading.Event()
    answered: list[str] = []

    def slow(request: wire.Received) -> wire.Reply:
        if request.method == "POST":
            return wire.token()
        released.wait(600)
        answered.append(request.path)
        return wire.http(200, finished("SLOW"))

    def quick(request: wire.Received) -> wire.Reply:
        if request.method == "POST":
            return wire.token()
        polls.append(request.path)
        feed = finished("QUICK")
        return wire.http(200, feed if len(polls) == POLLS else {**feed, "feedStatus": "INPROGRESS"})

    polls: list[str] = []
    servers = {"quick": wire.Wire(quick), **{f"slow{number}": wire.Wire(slow) for number in range(ACCOUNTS)}}
    for name, server in servers.items():
        connection = {"conn_type": "walmart", "login": name, "password": "s3cr3t", "host": server.url}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))

    async def wait(name: str, feed_id: str) -> str:
        now = time.time()
        trigger = WalmartFeedTrigger(
            walmart_conn_id=name, feed_ids=[feed_id], since=now, deadline=now + 600, poll_interval=0.05
        )
        [status] = [event.payload["status"] async for event in trigger.run()]
        return str(status)

    async def run() -> tuple[str, int, list[str]]:
        waiting = [asyncio.create_task(wait(name, "SLOW")) for name in servers if name != "quick"]
        try:
            # All of them have a poll on its way before the quick one begins.
            for name in set(servers) - {"quick"}:
                await asyncio.to_thread(servers[name].count, "/v3/feeds/SLOW", at_least=1)
            seen = await wait("quick", "QUICK"), len(polls), list(answered)
        finally:
            released.set()
        assert await asyncio.gather(*waiting) == ["success"] * ACCOUNTS
        return seen

    try:
        assert asyncio.run(run()) == ("success", POLLS, [])
    finally:
        for server in servers.values():
            server.stop()
