"""What users of the sandbox need for tests of their own: refused rows, seeds from files, latency, the fixture."""

import csv
import io
import time
import zipfile

import pytest
import requests

from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.integration.sandbox.test_sandbox_feeds import failures, inventory, price, stock, submit

pytest_plugins = ["airflow_provider_walmart.sandbox.pytest_plugin"]


def test_a_row_is_refused_with_the_error_that_was_set(server):
    error = {"type": "DATA_ERROR", "code": "ERR_EXT_DATA_0101211", "description": "The SKU is locked."}
    server.control("POST", "settings", {"feed_seconds": 0, "refused_skus": {"B": error}})
    feed_id = submit(
        server, "price", {"PriceHeader": {"version": "1.7"}, "Price": [price("A", 5), price("B", 5)]}
    )
    assert failures(server, feed_id) == {"B": "ERR_EXT_DATA_0101211"}


def test_unknown_skus_fail_when_only_known_ones_are_taken(server):
    server.control("POST", "settings", {"feed_seconds": 0, "known_skus_only": True})
    server.control("POST", "seed", {"items": ["A"]})
    feed_id = submit(server, "inventory", inventory(stock("A", 1), stock("B", 1)))
    assert failures(server, feed_id) == {"B": "ERR_EXT_DATA_0101116"}


def test_a_report_shows_the_prices_of_a_processed_feed(server):
    server.control("POST", "settings", {"feed_seconds": 0, "report_seconds": 0})
    server.control("POST", "seed", {"items": 1})
    submit(server, "price", {"PriceHeader": {"version": "1.7"}, "Price": [price("SKU-000001", 77.5)]})
    made = server.call("POST", "/v3/reports/reportRequests?reportType=ITEM&reportVersion=v4", json={}).json()
    link = server.get("/v3/reports/downloadReport", requestId=made["requestId"])["downloadURL"]
    with zipfile.ZipFile(io.BytesIO(requests.get(link).content)) as archive:
        (row,) = csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode()))
    assert (row["SKU"], row["Price"]) == ("SKU-000001", "77.50")


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [{"sku": "MUG-1", "price": 4.35, "stock": 7}]}',
        "items:\n- {sku: MUG-1, price: 4.35, stock: 7}\n",
    ],
)
def test_a_shop_comes_from_a_file(text, start, tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(text)
    server = start("--seed", str(file))
    (item,) = server.get("/v3/items")["ItemResponse"]
    assert (item["sku"], item["price"]["amount"]) == ("MUG-1", 4.35)
    assert server.get("/v3/inventory", sku="MUG-1")["quantity"]["amount"] == 7


def test_answers_are_as_late_as_set(server):
    server.get("/v3/feeds")
    server.control("POST", "settings", {"latency": 0.3})
    start = time.monotonic()
    server.get("/v3/feeds")
    assert time.monotonic() - start >= 0.3


def test_order_updates_can_be_subscribed_to(server):
    event = {"resourceName": "ORDER", "eventType": "ORDER_UPDATES", "eventVersion": "V1"}
    assert event in server.get("/v3/webhooks/eventTypes")["eventTypes"]
    body = {"events": [{**event, "eventUrl": "https://example.com/x"}]}
    assert server.call("POST", "/v3/webhooks/subscriptions", json=body).status_code == 200


def test_the_fixture_gives_a_connection_to_a_fresh_shop(walmart_sandbox):
    walmart_sandbox.seed(items=["MUG-1"])
    assert len(WalmartHook().list_feeds()) == 3
    assert WalmartHook().call("getAnItem", id="MUG-1", productIdType="SKU")["sku"] == "MUG-1"
    assert walmart_sandbox.control("requests?path=/v3/feeds&count=1")
