"""Feeds made of what a task was given."""

from __future__ import annotations

import io
import json

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.settings import CURRENCIES
from airflow_provider_walmart.storage import rows
from airflow_provider_walmart.storage.feed_source import FeedSource


def source_of(feed_type="price", **fields):
    known = {"records": None, "records_path": None, "payload_path": None, "header": None, "root_key": None}
    return FeedSource(feed_type, **{**known, "currency": "USD", "identity": "", **fields})


@pytest.mark.parametrize("field", ["records_path", "payload_path"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.csv", "none.csv': there is no such file. Nothing was sent."),
        ("", "', a folder or a bucket; expected a file in one. Nothing was sent."),
        ("file.csv/in.csv", "file.csv/in.csv', which can't be read: "),
    ],
)
def test_a_file_that_is_not_there_is_named_with_its_parameter(field, name, said, tmp_path):
    (tmp_path / "file.csv").write_text("sku,price")
    with pytest.raises(WalmartConfigError) as caught:
        _ = source_of(**{field: f"{tmp_path}/{name}"}).plans
    assert str(caught.value).startswith(f"{field} is '{tmp_path}/{name}"[:-1])
    assert said in str(caught.value)
    assert "Nothing was sent." in str(caught.value)


@pytest.mark.parametrize("field", ["records_path", "payload_path"])
@pytest.mark.parametrize("fails", ["open", "read"])
def test_a_storage_that_fails_may_be_back_at_the_next_try(field, fails, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("sku,price")

    class Broken(io.FileIO):
        def readinto(self, _):
            raise ConnectionError("the line is down")

        readall = read = readinto

    def opened(*_, **__):
        if fails == "open":
            # Libraries of object stores have errors of their own.
            raise RuntimeError("the line is down")
        return Broken(path)

    monkeypatch.setattr(ObjectStoragePath, "open", opened)
    monkeypatch.setattr(rows, "is_local", lambda _: False)
    with pytest.raises(
        OSError, match=f"{field} is '{path}', which can't be read: the line is down. Nothing was sent"
    ):
        _ = source_of(**{field: str(path)}).plans


def test_what_is_sent_is_what_was_checked_whatever_becomes_of_the_file_meanwhile(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("sku,price\nA,1\n")
    source = source_of(records_path=str(path))
    assert len(source.plans) == 1
    path.unlink()
    for _ in range(2):
        (feed,) = source.feeds()
        assert feed.fingerprint == source.plans[0].fingerprint
        assert b'"sku":"A"' in feed.content


def test_rows_that_can_be_read_only_once_are_refused():
    with pytest.raises(WalmartConfigError, match="records is a generator, which can be read only once"):
        source_of(records=({"sku": "A", "price": 1} for _ in range(1)))


@pytest.mark.parametrize("currency", CURRENCIES.values())
def test_prices_are_in_the_currency_of_the_market(currency):
    records = [{"sku": "A", "price": "10.50"}, {"sku": "B", "price": 7, "currency": "EUR"}]
    source = source_of(records=records, currency=currency)
    [feed] = source.feeds()
    prices = [entry["pricing"][0]["currentPrice"] for entry in json.loads(feed.content)["Price"]]
    assert prices == [{"currency": currency, "amount": 10.5}, {"currency": "EUR", "amount": 7}]
