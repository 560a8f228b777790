"""The commands over real HTTP against the sandbox."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone

import pytest

FEED_ID = "9B27D5E0@AQMBAQA"


def seed(shop, **what) -> None:
    shop.server.control("POST", "seed", what)


@pytest.fixture
def feeds(shop):
    errors = [
        {"index": 3, "code": "ERR_EXT_DATA_0101119", "field": "upc", "description": "The UPC [x] is taken."},
        {"index": 70, "code": "ERR_NEW", "description": "Said by Walmart alone."},
    ]
    shop.feeds(
        *[
            {"feedId": FEED_ID, "feedType": "MP_ITEM", "items": 120, "failed": errors, "age": 900},
            {"feedId": "GOOD@1", "feedType": "price", "items": 5, "age": 600},
            {"feedId": "OLD@1", "feedType": "price", "items": 5, "failed": 1, "age": 3 * 86400},
        ]
    )


def test_feeds_of_the_last_days(walmart, feeds):
    code, out, _ = walmart("feeds", "list", "-o", "json")
    assert code == 0
    assert [(feed["feedId"], feed["itemsFailed"]) for feed in json.loads(out)] == [
        ("GOOD@1", 0),
        (FEED_ID, 2),
    ]
    assert json.loads(out)[0]["feedType"] == "price"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--failed"], [FEED_ID]),
        (["--failed", "--days", "7"], [FEED_ID, "OLD@1"]),
        (["--type", "PRICE"], ["GOOD@1"]),
        (["--type", "lagtime"], []),
    ],
)
def test_feeds_can_be_narrowed(walmart, feeds, options, found):
    code, out, _ = walmart("feeds", "list", "-o", "json", *options)
    assert (code, [feed["feedId"] for feed in json.loads(out)]) == (0, found)


def test_a_feed_for_people_and_for_programs(walmart, feeds):
    code, out, _ = walmart("feeds", "show", FEED_ID)
    assert code == 0
    assert FEED_ID in out
    assert "MP_ITEM" in out
    code, out, _ = walmart("feeds", "show", FEED_ID, "-o", "json")
    assert json.loads(out)["itemsSucceeded"] == 118


def test_failed_items_with_walmarts_words_and_what_is_known(walmart, feeds):
    code, out, _ = walmart("feeds", "errors", FEED_ID, "-o", "json")
    first, second = json.loads(out)
    assert code == 0
    assert (first["sku"], first["code"], first["field"]) == ("SKU-000004", "ERR_EXT_DATA_0101119", "upc")
    assert first["description"] == "The UPC [x] is taken."
    assert "product id" in first["hint"]
    assert second["description"] == "Said by Walmart alone."
    _, out, _ = walmart("feeds", "errors", FEED_ID)
    assert "The UPC [x] is taken." in out
    _, out, _ = walmart("feeds", "errors", "GOOD@1")
    assert out == "No item failed.\n"


def test_an_unknown_feed_is_a_sentence(walmart, feeds):
    code, out, err = walmart("feeds", "show", "NONE@1")
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert "404" in err


def test_reports_newest_first(walmart, shop):
    seed(shop, reports=[{"reportType": "ITEM", "age": 7200}, {"reportType": "BUYBOX", "age": 60}])
    code, out, _ = walmart("reports", "list", "-o", "json")
    assert (code, [report["reportType"] for report in json.loads(out)]) == (0, ["BUYBOX", "ITEM"])
    _, out, _ = walmart("reports", "list", "--type", "ITEM", "-o", "json")
    assert [report["reportType"] for report in json.loads(out)] == ["ITEM"]


def test_orders_due_the_most_urgent_first(walmart, shop):
    seed(shop, orders={"count": 3, "spacing": 3600, "age": 60})
    seed(shop, orders={"count": 2, "age": 90_000, "status": "Acknowledged"})
    code, out, _ = walmart("orders", "due", "--hours", "40", "-o", "json")
    found = json.loads(out)
    assert code == 0
    assert [order["action"] for order in found] == ["acknowledge"] * 3 + ["ship"] * 2
    dates = [datetime.fromisoformat(order["due_at"]) for order in found]
    assert dates == sorted(dates)
    assert all(date > datetime.now(timezone.utc) for date in dates)
    assert {name for order in found for name in order} == {
        "purchase_order_id",
        "action",
        "due_at",
        "cancelled_at",
        "hours_left",
    }
    _, out, _ = walmart("orders", "due", "--hours", "3", "-o", "json")
    assert len(json.loads(out)) == 2


def test_limits_tell_what_calls_have_used(walmart, shop):
    _, out, _ = walmart("limits")
    assert out == "All rate budgets are full.\n"
    walmart("call", "getAllReleasedOrders")
    code, out, _ = walmart("limits", "-o", "json")
    (budget,) = (each for each in json.loads(out) if each["bucket"] == "GET /v3/orders/released")
    assert code == 0
    assert budget["left"] < budget["count"] == 60
    _, out, _ = walmart("limits", "--all", "-o", "json")
    assert len(json.loads(out)) > 100


def test_a_call_and_all_its_pages(walmart, shop):
    seed(shop, orders=7)
    _, out, _ = walmart("call", "getAllOrders", "limit=3")
    assert json.loads(out)["list"]["meta"]["limit"] == 3
    code, out, _ = walmart("call", "GET /v3/orders", "limit=3", "--all")
    assert (code, len(json.loads(out))) == (0, 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["getAllOrders", "foo=1"], "has no parameter 'foo'"),
        (["getAllOrders", "foo"], "expected name=value"),
        (["getAllOrder"], "did you mean getAllOrders"),
        (["acknowledgeOrders", "purchaseOrderId=1"], "--write allows it"),
        (["acknowledgeOrders", "purchaseOrderId=1", "--write"], "--yes confirms it in a script"),
        (["createSubscription", "--write", "--yes", "--body", "{"], "--body is not JSON"),
        (["createSubscription", "--write", "--yes", "--body", "@/no/such"], "could not be read"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(walmart, shop, arguments, said):
    code, out, err = walmart("call", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert not shop.received()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "sent"), [("y\n", 0, 1), ("\n", 1, 0), ("no\n", 1, 0)])
def test_a_write_is_sent_once_it_is_confirmed(walmart, shop, monkeypatch, answer, code, sent):
    seed(shop, inventories=["A-1"])
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    body = json.dumps({"sku": "A-1", "quantity": {"unit": "EACH", "amount": 7}})
    done = walmart("call", "updateInventoryForAnItem", "sku=A-1", "--write", "--body", body)
    assert done[0] == code
    assert "Send PUT /v3/inventory with the account of walmart_default?" in done[2]
    assert shop.counts()["PUT", "/v3/inventory"] == sent


def test_walmart_out_of_reach_is_worth_a_later_try(walmart, monkeypatch):
    connection = {
        "conn_type": "walmart",
        "login": "an-id",
        "password": "hunter2",
        "host": "http://127.0.0.1:9",
    }
    monkeypatch.setenv("AIRFLOW_CONN_FAR_AWAY", json.dumps(connection))
    code, _, err = walmart("feeds", "list", "-c", "far_away")
    assert code == 3
    assert "hunter2" not in err


def test_a_test_of_a_connection_ends_like_it(walmart, shop, monkeypatch):
    assert walmart("test", "walmart_default")[0] == 0
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", shop.connection(password="wrong"))
    code, out, _ = walmart("test", "wrong", "-o", "json")
    assert code == 1
    assert json.loads(out)["ok"] is False


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (
            {"host": "htp://127.0.0.1:8089"},
            "host is 'htp://127.0.0.1:8089'; expected a base URL such as https",
        ),
        ({"host": "http://example.com"}, "plain http would send keys in the clear"),
        ({"extra": {"environment": "prod"}}, "environment is 'prod'; allowed: production, sandbox"),
        ({"login": "an-id:a-secret"}, "has a colon in it"),
    ],
)
def test_a_field_that_can_not_be_used_is_named_with_what_is_allowed(walmart, shop, monkeypatch, field, says):
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", shop.connection(**field))
    code, out, err = walmart("test", "wrong")
    assert (code, out) == (2, "")
    assert says in err
    assert "a-secret" not in err
    assert not shop.received()


def test_codes(walmart):
    code, out, _ = walmart("codes", "ERR_EXT_DATA_0101119", "-o", "json")
    assert (code, json.loads(out)[0]["action"]) == (0, "fix the row")
    code, out, err = walmart("codes", "ERR_EXT_DATA_0101119", "NOBODY_KNOWS", "-o", "json")
    assert (code, len(json.loads(out))) == (1, 1)
    assert err == "Nothing is known of NOBODY_KNOWS.\n"
