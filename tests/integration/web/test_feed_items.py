"""What a page reads of the items of a feed, and when it ends."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_walmart.web import feed_items
from airflow_provider_walmart.web.feed_items import FailedItems, Readings
from tests.helpers.wire import http, token

FEED = "AA11@AQMBAAA"
ERRORS = {"ingestionErrors": {"ingestionError": [{"type": "DATA_ERROR", "code": "ERR_X", "field": "price"}]}}


@pytest.fixture
def read(wire, make_client):
    """Return a function that reads a feed of some items to its end, and what was asked for."""

    def reading(items: list[dict], **fields) -> tuple[FailedItems, int]:
        feed = {
            "feedId": FEED,
            "feedStatus": "PROCESSED",
            "itemsReceived": len(items),
            "itemsFailed": 0,
            **fields,
        }
        asked = []

        def reply(request):
            if request.path == "/v3/token":
                return token()
            asked.append(request.target)
            offset = int(parse_qs(urlsplit(request.target).query)["offset"][0])
            return http(200, {**feed, "itemDetails": {"itemIngestionStatus": items[offset : offset + 50]}})

        client = make_client(wire(reply).url)
        found = Readings().of("walmart_default", feed, lambda: client)
        assert asyncio.run(found.wait(30))
        return found, len(asked)

    return reading


def items(count: int, failed: range) -> list[dict]:
    return [
        {"sku": f"A-{number}", "ingestionStatus": "SUCCESS", **(ERRORS if number in failed else {})}
        for number in range(count)
    ]


def test_items_that_walmart_counts_as_succeeded_and_that_carry_errors_are_found(read):
    found, asked = read(items(120, range(110, 112)))
    assert [row["sku"] for row in found.rows] == ["A-110", "A-111"]
    assert (found.read, found.failed, found.is_cut, asked) == (120, 2, False, 3)


def test_of_a_feed_in_work_no_more_is_read_than_what_has_failed_by_now(read):
    found, asked = read(items(120, range(3, 5)), feedStatus="INPROGRESS", itemsFailed=2)
    assert (found.read, found.failed, asked) == (5, 2, 1)


def test_a_feed_that_failed_as_a_whole_says_so(read):
    found, _ = read([], feedStatus="ERROR")
    assert [(row["sku"], row["status"]) for row in found.of_feed] == [(None, "ERROR")]


@pytest.mark.parametrize("most", ["MOST_ITEMS", "MOST_ROWS"])
def test_no_more_is_kept_than_a_page_can_bear(read, monkeypatch, most):
    monkeypatch.setattr(feed_items, most, 10)
    found, asked = read(items(120, range(120)))
    assert (len(found.rows), found.is_cut, asked) == (10, True, 1)


def test_what_should_not_happen_is_said_without_its_text():
    def client():
        raise RuntimeError("hunter2")

    found = Readings().of("walmart_default", {"feedId": FEED, "itemsFailed": 1}, client)
    assert asyncio.run(found.wait(30))
    assert "RuntimeError" in str(found.error)
    assert "hunter2" not in str(found.error)


def test_who_waits_for_items_holds_no_thread_of_the_api_server():
    """Those threads are for all requests: AnyIO has forty."""
    go_on = asyncio.Event()

    async def waits() -> bool:
        found = FailedItems({"feedId": FEED, "itemsFailed": 1})
        loop = asyncio.get_running_loop()

        def client():
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            raise RuntimeError

        with ThreadPoolExecutor(1) as pool:
            found.begin(pool, client)
            waiting = asyncio.gather(*(found.wait(30) for _ in range(100)))
            await asyncio.sleep(0.05)
            assert not found.has_ended
            go_on.set()
            return all(await waiting)

    assert asyncio.run(waits())
