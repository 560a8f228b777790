"""Secrets are masked on the event loop of a triggerer, and at once everywhere else."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from airflow.sdk import Connection

from airflow_provider_walmart.hooks import masking
from airflow_provider_walmart.hooks.walmart import WalmartHook


@pytest.fixture
def masked(monkeypatch):
    found = []
    monkeypatch.setattr(masking, "mask_secret", lambda secret: found.append((secret, threading.get_ident())))
    monkeypatch.setattr(masking, "_loop", None)
    return found


def test_at_once_in_a_task(masked):
    masking.mask("s3cr3t")
    assert masked == [("s3cr3t", threading.get_ident())]


def test_on_the_loop_of_a_triggerer_before_the_thread_is_heard_of(masked):
    async def trigger() -> None:
        masking.mask_through(asyncio.get_running_loop())
        await asyncio.to_thread(masking.mask, "s3cr3t")
        assert masked == [("s3cr3t", threading.get_ident())]

    asyncio.run(trigger())


def test_at_once_when_that_loop_is_gone(masked):
    loop = asyncio.new_event_loop()
    masking.mask_through(loop)
    loop.close()
    masking.mask("s3cr3t")
    assert len(masked) == 1


def test_all_secrets_of_a_connection_go_through_the_loop(masked, monkeypatch):
    monkeypatch.setattr("airflow.sdk.log.mask_secret", masking.mask_secret)
    extra = {"refresh_token": "r3fr3sh", "partner_id": "1"}
    connection = Connection(
        conn_id="c", conn_type="walmart", login="i", password="s3cr3t", extra=json.dumps(extra)
    )

    async def trigger() -> None:
        masking.mask_through(asyncio.get_running_loop())
        await asyncio.to_thread(WalmartHook.settings_of, connection)
        assert {thread for _, thread in masked} == {threading.get_ident()}
        assert [secret for secret, _ in masked][:3] == [extra, "s3cr3t", "r3fr3sh"]

    asyncio.run(trigger())
