"""Triggers that start at once ask for their connection once."""

from __future__ import annotations

import asyncio

import pytest
from airflow.sdk import Connection

from airflow_provider_walmart.hooks import masking
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.triggers import accounts, poller


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The ids of connections that were asked for; one named ``missing`` isn't there."""
    found = []

    async def aget_connection(conn_id: str) -> Connection:
        found.append(conn_id)
        await asyncio.sleep(0)
        if conn_id == "missing":
            raise LookupError(conn_id)
        login = f"id-{len(found)}" if conn_id == "edited" else "an-id"
        return Connection(conn_id=conn_id, conn_type="walmart", login=login, password="s3cr3t")

    monkeypatch.setattr(WalmartHook, "aget_connection", aget_connection)
    monkeypatch.setattr(accounts, "_accounts", {})
    monkeypatch.setattr(masking, "_loop", None)
    return found


def test_many_that_start_at_once(asked):
    async def start() -> set[int]:
        pollers = await asyncio.gather(*(poller.poller_of("one") for _ in range(1000)))
        await poller.poller_of("other")
        return set(map(id, pollers))

    assert len(asyncio.run(start())) == 1
    assert asked == ["one", "other"]


def test_an_edited_connection_is_seen_after_a_while(asked, monkeypatch):
    async def start() -> list[str]:
        found = [await accounts.account_of("edited"), await accounts.account_of("edited")]
        monkeypatch.setattr(accounts, "FRESH", -1.0)
        return [
            account.client.settings.client_id for account in (*found, await accounts.account_of("edited"))
        ]

    assert asyncio.run(start()) == ["id-1", "id-1", "id-2"]


def test_a_failure_reaches_all_and_is_not_kept(asked):
    async def start() -> list[object]:
        return await asyncio.gather(
            *(accounts.account_of("missing") for _ in range(3)), return_exceptions=True
        ) + await asyncio.gather(accounts.account_of("missing"), return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(start())] == [LookupError] * 4
    assert asked == ["missing", "missing"]


def test_one_that_is_cancelled_leaves_the_answer_to_the_others(asked):
    async def start() -> object:
        first, second = (asyncio.create_task(accounts.account_of("one")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(start()).client.settings.client_id == "an-id"
    assert asked == ["one"]
