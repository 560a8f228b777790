"""Every message that the troubleshooting page quotes is one that comes, word by word."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_walmart.client.errors import WalmartAuthError
from airflow_provider_walmart.client.transport import shared_state as state
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator, WalmartSubmitFeedOperator
from airflow_provider_walmart.task import poll_failures
from airflow_provider_walmart.task.poll_failures import PollFailures
from tests.helpers.airflow_line import AIRFLOW
from tests.helpers.certificates import self_signed, server_context
from tests.helpers.proxies import SocksProxy
from tests.helpers.tasks import Task
from tests.helpers.wire import Wire, http

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
QUOTES = re.findall(r"^```text\n(.*?)\n```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
INVENTORY = {
    "InventoryHeader": {"version": "1.4"},
    "Inventory": [{"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": 1}}],
}
BAD_SECRET = {"password": "old"}


@pytest.fixture
def said(shop, monkeypatch):
    """Return a function that tells what a use of the account says when it fails."""

    def run(use, cls=WalmartHook, **fields) -> str:
        made = json.loads(shop.connection(**{"conn_type": cls.conn_type, **fields}))
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(made))
        try:
            result = use(cls("shop"))
        except (Exception, AirflowTaskTimeout) as error:
            return f"{type(error).__name__}: {error}"
        return result[1]

    return run


def feeds(hook):
    return hook.call("getAllFeedStatuses")


def button(hook):
    return hook.test_connection()


def after_a_reset(shop, hook):
    hook.get_access_token()
    shop.settings(secrets={"another-id": "new"})
    shop.revoke_tokens()
    try:
        return feeds(hook)
    finally:
        shop.settings(secrets={})


def messages(shop, said, caplog, monkeypatch, tmp_path):
    """Yield what is said in every situation of the page."""
    yield said(feeds, **BAD_SECRET)
    yield said(button, **BAD_SECRET)
    yield said(partial(after_a_reset, shop), login="another-id")
    waiting = PollFailures(keys_worked=True)
    refused = WalmartAuthError("401", status=401)
    assert waiting.may_go_on(refused)
    yield waiting.text(refused)
    for told in ({"is_valid": False}, {"is_valid": True, "is_channel_match": False}):
        shop.fault("/v3/token/detail", body=told)
        yield said(button)
        shop.no_faults()
    shop.fault("/v3/token", status=403)
    yield said(feeds, **BAD_SECRET, login="another-id")
    yield said(button)
    shop.no_faults()
    shop.fault("/v3/feeds", status=401)
    with caplog.at_level(logging.INFO, logger="airflow_provider_walmart"):
        yield said(feeds)
    yield caplog.text
    shop.no_faults()
    shop.settings(scopes={"*": {"orders": "no_access"}})
    yield said(lambda hook: hook.call("getAllOrders"))
    shop.settings(scopes={})
    error = {
        "code": "INVALID_REQUEST_HEADER.GMP_GATEWAY_API",
        "field": "WM_SVC.NAME",
        "description": "WM_SVC.NAME set blank or null",
    }
    shop.fault("/v3/feeds", status=400, body={"error": [error]})
    yield said(feeds)
    shop.no_faults()
    yield said(feeds, extra={"refresh_token": "of-another-seller", "partner_id": "1"})
    yield said(feeds, host=f"{shop.url}/somewhere")
    yield said(button, host=f"{shop.url}/somewhere")
    yield said(feeds, host="http://127.0.0.1:9")
    yield said(button, host="http://127.0.0.1:9")
    remote = "https://marketplace.example.com"
    proxy = Wire(lambda request: http(407))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    yield said(feeds, host=remote)
    monkeypatch.delenv("HTTPS_PROXY")
    proxy.stop()
    socks = SocksProxy(None, wants_keys=True)
    monkeypatch.setenv("HTTPS_PROXY", f"socks5h://127.0.0.1:{socks.port}")
    yield said(feeds, host=remote)
    monkeypatch.delenv("HTTPS_PROXY")
    socks.stop()
    unknown = Wire(lambda request: http(200), tls=server_context(self_signed(tmp_path, "127.0.0.1")))
    yield said(feeds, host=unknown.url)
    unknown.stop()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/our-ca.pem")
    yield said(feeds, host=remote)
    yield said(button, host=remote)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    shop.fault("/v3/orders", body="<html><head><title>Gateway</title></head></html>")
    yield said(lambda hook: hook.call("getAllOrders"))
    shop.no_faults()
    error = {"code": "SYSTEM_ERROR.GMP_ORDER_API", "description": "Try again later"}
    shop.fault("/v3/orders", body={"errors": [error]})
    yield said(lambda hook: hook.call("getAllOrders"))
    shop.no_faults()
    shop.fault("/v3/orders", body={"message": "maintenance"})
    yield said(lambda hook: list(hook.paginate("getAllOrders")))
    shop.no_faults()
    shop.fault("/v3/items", status=200, body={"totalItems": 3, "ItemResponse": [{"sku": "a"}]}, times=1)
    yield said(lambda hook: list(hook.paginate("getAllItems")))
    for total, ids in ((9, "abc"), (9, "def"), (5, "jkl")):
        page = {"totalResults": total, "results": {"feed": [{"feedId": feed_id} for feed_id in ids]}}
        shop.fault("^/v3/feeds$", status=200, body=page, times=1)
    yield said(lambda hook: list(hook.paginate("getAllFeedStatuses", limit=3)))
    shop.fault("/reconFile", status=200, body="<html>Sign in</html>", times=1)
    yield said(lambda hook: hook.call("getReconReportV1", reportDate="07282026"))
    shop.no_faults()
    shop.fault("/v3/feeds", method="POST", status=503)
    yield said(lambda hook: hook.submit_feed("inventory", INVENTORY))
    shop.no_faults()

    refused = [
        {"index": index, "code": "ERR_PRICE", "description": "The price is below the floor."}
        for index in range(2)
    ]
    shop.feeds(
        {
            "feedId": "E3760559C5B44CE0B52EB632552AFE4E@AQMBAQA",
            "feedType": "price",
            "items": 6,
            "failed": refused,
            "age": 900,
        },
        {"items": 1, "age": 900},
        {"items": 1, "age": 900},
    )
    check = WalmartFeedStatusOperator(task_id="check", walmart_conn_id="shop")
    yield said(lambda hook: check.execute({}))
    caplog.clear()
    check.feed_types = "prcie"
    check.execute({})
    yield caplog.text
    check.feed_types = "None"
    yield said(lambda hook: check.execute({}))
    shop.settings(feed_seconds=3600)
    rows = [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]
    slow = {"task_id": "t", "feed_type": "MP_INVENTORY", "records": rows, "poll_interval": 0.05}
    for limit in ({"timeout": 0.3}, {"execution_timeout": timedelta(seconds=1), "deferrable": True}):
        submit = partial(WalmartSubmitFeedOperator, walmart_conn_id="shop", **slow, **limit)
        yield said(lambda hook: Task().run(submit))  # noqa: B023
    monkeypatch.setattr(poll_failures, "MAX_FAILED_POLLS", 2)
    shop.fault("/v3/feeds/", status=500)
    submit = partial(WalmartSubmitFeedOperator, walmart_conn_id="shop", **slow)
    yield said(lambda hook: Task().run(submit))
    shop.no_faults()

    shop.fault("/v3/feeds", status=429, headers={"Retry-After": "600"}, times=1)
    yield said(feeds)
    yield said(feeds)

    yield said(feeds, extra={"environment": "prod"})
    yield said(feeds, password="")
    yield said(feeds, login="demo:demo-secret")
    yield said(feeds, login="de\N{ZERO WIDTH SPACE}mo")
    yield said(feeds, extra={"refresh_token": "a-token"})
    yield said(feeds, host="http://walmart.example")
    yield said(feeds, extra="{not json")
    yield said(feeds, extra={"sandbox_version": "v2", "market": "ca"})
    yield said(button, extra={"environment": "prod"})
    yield said(lambda hook: hook.call("getOrders"))
    yield said(lambda hook: hook.call("getAllOrders", limit=500))
    yield said(lambda hook: hook.call("getAllOrders", stat="Created"))

    yield said(lambda hook: hook.call("retireAnItem", sku=1e5))
    yield said(lambda hook: hook.call("updateInventoryForAnItem", sku="A", body={"sku": 1e5}))
    yield said(lambda hook: WalmartApiOperator(task_id="t", operation="getAllOrders", params={"sku": "A"}))
    for wrong in ({"records": [], "poll_interval": "5m"}, {}, {"records": [], "allowed_failures": 1.5}):
        yield said(lambda hook: WalmartSubmitFeedOperator(task_id="t", feed_type="price", **wrong))  # noqa: B023

    delivery = {"operation": "getDelivery", "deliveryId": "1"}
    yield said(lambda hook: hook.call(**delivery), WalmartGoLocalHook, login="demo")
    uuid = "7d55b982-faea-410d-a5c6-3cf6debb2973"
    yield said(lambda hook: hook.call(**delivery), WalmartGoLocalHook, login=uuid, password="old")
    shop.fault("/deliveries$", status=404, body="<html>")
    yield said(lambda hook: hook.find_delivery("ORDER-7"), WalmartGoLocalHook, login=uuid)
    shop.no_faults()

    class Broken(state.MemoryStore):
        def get(self, name):
            raise OSError

    caplog.clear()
    state.Resilient(Broken()).get("a-name")
    yield caplog.text


def test_every_quoted_message_comes(shop, said, caplog, monkeypatch, tmp_path):
    heard = list(messages(shop, said, caplog, monkeypatch, tmp_path))
    patterns = {quote: re.compile(".*".join(map(re.escape, quote.split("...")))) for quote in QUOTES}
    missing = [quote for quote in QUOTES if not any(patterns[quote].search(text) for text in heard)]
    if AIRFLOW < (3, 2):
        # There, Airflow itself takes a connection with a broken extra for one that isn't there.
        missing = [quote for quote in missing if "extra is not JSON" not in quote]
        heard.remove("AirflowNotFoundException: The conn_id `shop` isn't defined")
    assert not missing, "\n".join(["Not said any more:", *missing, "", "What was said:", *heard])
    idle = [text for text in heard if not any(pattern.search(text) for pattern in patterns.values())]
    assert not idle, "\n".join(["Provoked, but not on the page:", *idle])


def test_the_page_has_quotes():
    assert len(QUOTES) > 25
