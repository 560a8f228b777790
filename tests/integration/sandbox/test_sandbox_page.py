"""The control page: what it shows, and what its buttons do."""

import html
import re

import pytest

from airflow_provider_walmart.sandbox.control import page

PAGE = "/_sandbox/"


def shown(server) -> str:
    answer = server.session.get(server.url + PAGE)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def press(server, action: str, what: str = "", status: int = 200):
    answer = server.session.post(server.url + PAGE, data={"action": action, "what": what})
    assert answer.status_code == status, answer.text
    return answer


def test_the_control_page_shows_what_is_in_the_shop(server):
    feed = {"feedId": "F-1", "feedType": "price", "items": 7, "failed": 2, "age": 60}
    server.control("POST", "seed", {"orders": 4, "items": 3, "returns": 2, "feeds": [feed]})
    server.call(
        "POST", "/v3/orders/108900000000001/acknowledge", headers={"Content-Type": "application/json"}
    )
    text = shown(server)
    for words in (
        "orders 4 1 Acknowledged, 3 Created",
        "items 3",
        "returns 2 2 INITIATED",
        "F-1 price PROCESSED 7 2",
    ):
        assert words in text


def test_the_control_page_shows_requests_and_why_they_were_refused(server):
    server.get("/v3/feeds")
    server.call("GET", "/v3/orders?status=<b>")
    server.call("GET", "/v3/orders?createdStartDate=2026-02-01&createdEndDate=2026-01-01")
    server.session.get(f"{server.url}/v3/feeds")
    text = shown(server)
    assert "GET /v3/feeds 200" in text
    assert "400 INVALID_REQUEST_PARAM.GMP_ORDER_API: status: must be one of Created" in text
    assert "createdStartDate lies after createdEndDate." in text
    assert "400 " in text
    assert "WM_QOS.CORRELATION_ID set blank or null" in text
    assert "<b>" not in server.session.get(server.url + PAGE).text


@pytest.mark.parametrize("address", ["/_sandbox", "/_sandbox/"])
def test_the_control_page_is_not_in_the_log(address, server):
    assert "None yet." in server.session.get(server.url + address).text
    assert server.control("GET", "requests") == []


def test_the_clock_is_moved(server):
    before = server.control("POST", "clock", {})["now"]
    press(server, "advance", "+ 1 day")
    press(server, "speed", "x 60")
    after = server.control("POST", "clock", {})
    assert after["now"] - before >= 86_400
    assert after["speed"] == 60


@pytest.mark.parametrize("what", page.FAULTS)
def test_every_trouble_happens_and_ends(what, server):
    press(server, "fault", what)
    assert "waiting:" in shown(server)
    assert len(server.control("GET", "faults")["faults"]) == 1
    press(server, "no faults")
    assert "waiting:" not in shown(server)
    press(server, "fault", what)
    assert server.control("GET", "faults")["faults"][0].get("times") in (1, 2), (
        "a button works more than once"
    )


@pytest.mark.parametrize("what", page.SEEDS)
def test_every_seed_is_put_in(what, server):
    before = shown(server)
    press(server, "seed", what)
    assert shown(server) != before


def test_the_rest(server):
    server.get("/v3/feeds")
    press(server, "revoke tokens")
    server.refused(401, "GET", "/v3/feeds")
    press(server, "walmart on usual days")
    assert "as Walmart on its usual days" in shown(server)
    press(server, "fast and faultless")
    server.control("POST", "seed", {"items": 5})
    press(server, "reset")
    assert "items 0" in shown(server)


@pytest.mark.parametrize(("action", "what"), [("none", ""), ("seed", "none"), ("advance", "")])
def test_what_is_no_button_is_refused(action, what, server):
    assert "error" in press(server, action, what, status=400).json()
