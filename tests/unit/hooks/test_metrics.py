"""Airflow's metrics are no cost where they are off."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.hooks import metrics
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
from airflow_provider_walmart.hooks.walmart import WalmartHook

CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch):
    for kind in ("walmart", "walmart_golocal"):
        connection = f'{{"conn_type": "{kind}", "login": "{CLIENT_ID}", "password": "a-secret"}}'
        monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", connection)
    metrics.is_on.cache_clear()
    yield
    metrics.is_on.cache_clear()


def observers() -> list:
    clients = (WalmartHook().client, WalmartGoLocalHook().client)
    return [session.observer for client in clients for session in (client.session, client.tokens.http)]


def test_no_metric_is_sent_where_they_are_off():
    assert observers() == [None] * 4


@pytest.mark.parametrize("switch", metrics.SWITCHES)
def test_any_backend_turns_them_on(switch, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW__METRICS__{switch.upper()}", "True")
    assert [type(observer) for observer in observers()] == [metrics.AirflowMetrics] * 4
