"""Feeds made of what a task was given."""

from __future__ import annotations

import json

import pytest

from airflow_provider_walmart.client.settings import CURRENCIES
from airflow_provider_walmart.results.feed_source import FeedSource


@pytest.mark.parametrize("currency", CURRENCIES.values())
def test_prices_are_in_the_currency_of_the_market(currency):
    source = FeedSource(
        "price",
        records=[{"sku": "A", "price": "10.50"}, {"sku": "B", "price": 7, "currency": "EUR"}],
        records_path=None,
        payload_path=None,
        header=None,
        root_key=None,
        currency=currency,
        identity="",
    )
    [feed] = source.feeds()
    prices = [entry["pricing"][0]["currentPrice"] for entry in json.loads(feed.content)["Price"]]
    assert prices == [{"currency": currency, "amount": 10.5}, {"currency": "EUR", "amount": 7}]
