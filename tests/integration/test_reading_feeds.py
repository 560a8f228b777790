"""Lists of feeds, one feed, and the items of a feed: through the hook, over real HTTP."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError, WalmartNotFoundError
from airflow_provider_walmart.client.feeds import status as feeds
from airflow_provider_walmart.client.feeds.results import submitted_at
from airflow_provider_walmart.hooks.walmart import WalmartHook
from tests.helpers.wire import http, token


def ago(**span: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(**span)


def lists(shop) -> int:
    return shop.counts()["GET", "/v3/feeds"]


class TestAgainstTheSandbox:
    @pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (49, 1), (50, 2), (51, 2), (120, 3)])
    def test_all_pages_of_the_list(self, count, calls, shop):
        ids = shop.feeds(*[{"age": n + 1} for n in range(count)])
        assert [feed["feedId"] for feed in WalmartHook().list_feeds()] == ids
        assert lists(shop) == calls

    @pytest.mark.parametrize(("count", "calls"), [(1, 1), (50, 1), (51, 2), (130, 3)])
    def test_all_pages_of_the_items(self, count, calls, shop):
        feed_id = shop.feed(items=count, failed=2, age=60)
        items = list(WalmartHook().iter_feed_items(feed_id))
        assert [item["index"] for item in items] == list(range(count))
        assert shop.counts()["GET", f"/v3/feeds/{feed_id.replace('@', '%40')}"] == calls

    def test_items_by_status(self, shop):
        error = {"index": 3, "type": "SYSTEM_ERROR", "code": "X"}
        feed_id = shop.feed(items=60, failed=[{"index": 55}, error], age=60)
        read = WalmartHook().iter_feed_items
        assert [item["index"] for item in read(feed_id, status="failed")] == [3, 55]
        assert [item["index"] for item in read(feed_id, status="SYSTEM_ERROR")] == [3]
        assert len(list(read(feed_id, status="SUCCESS"))) == 58
        assert list(read(feed_id, status="NONE_SUCH")) == []

    def test_since_ends_the_reading(self, shop):
        recent = shop.feeds(*[{"age": 60 + n} for n in range(30)])
        shop.feeds(*[{"age": 90_000 + n} for n in range(500)])
        found = WalmartHook().list_feeds(since=ago(hours=24))
        assert [feed["feedId"] for feed in found] == recent
        assert lists(shop) <= 3

    def test_since_reads_a_list_in_another_order_to_its_end(self, shop, monkeypatch):
        recent = shop.feeds(*[{"age": 60 + n} for n in range(3)])
        shop.feeds(*[{"age": 90_000 + n} for n in range(500)])
        client = WalmartHook().client
        oldest_first = [*client.paginate("getAllFeedStatuses")][::-1]
        monkeypatch.setattr(client, "paginate", lambda *_, **__: iter(oldest_first))
        found = feeds.iter_feeds(client, since=ago(hours=24))
        assert [feed["feedId"] for feed in found] == recent[::-1]

    def test_types_in_any_letter_case(self, shop):
        wanted = shop.feeds({"feedType": "LAGTIME", "age": 1}, {"feedType": "lagtime", "age": 2})
        shop.feed(feedType="price", age=3)
        for feed_types in (["lagtime"], {"LagTime"}, ("LAGTIME", "none such"), "lagtime"):
            assert [feed["feedId"] for feed in WalmartHook().list_feeds(feed_types=feed_types)] == wanted
        assert WalmartHook().list_feeds(feed_types=["MP_ITEM"]) == []

    def test_feeds_that_arrive_while_the_list_is_read_come_once(self, shop):
        ids = shop.feeds(*[{"age": 1000 + n} for n in range(120)])
        reading = feeds.iter_feeds(WalmartHook().client)
        read = [next(reading)["feedId"]]
        shop.feeds(*[{"age": 1} for _ in range(7)])
        read += [feed["feedId"] for feed in reading]
        assert read == ids

    def test_one_feed(self, shop):
        feed_id = shop.feed(items=3, failed=1, age=60)
        feed = WalmartHook().get_feed(feed_id)
        assert (feed["feedStatus"], feed["itemsFailed"]) == ("PROCESSED", 1)
        assert not feed["itemDetails"]["itemIngestionStatus"]
        detailed = WalmartHook().get_feed(feed_id, include_details=True)
        assert len(detailed["itemDetails"]["itemIngestionStatus"]) == 3

    def test_white_space_around_an_id(self, shop):
        feed_id = shop.feed(feedType="price", age=60)
        hook = WalmartHook()
        assert hook.get_feed(f" {feed_id}\n")["feedId"] == feed_id
        assert hook.find_feed(f" {feed_id}\n")["feedType"] == "price"

    @pytest.mark.parametrize(
        "feed_id",
        ["A@B", "A/B@C", "A%40B", "A%2FB", "a b", "a+b", "ä€😀", "?x=1", "#x", "a&b=c", "..x", ".a", "a;b", "a\\b", "~a", "'\"<>"],
    )  # fmt: skip
    def test_odd_characters_in_an_id(self, feed_id, shop):
        shop.feed(feedId=feed_id, feedType="price", age=60)
        hook = WalmartHook()
        assert hook.get_feed(feed_id)["feedId"] == feed_id
        assert hook.find_feed(feed_id)["feedType"] == "price"
        assert len(list(hook.iter_feed_items(feed_id))) == 1

    def test_an_unknown_feed(self, shop):
        hook = WalmartHook()
        assert hook.find_feed("NONE@SUCH") is None
        with pytest.raises(WalmartNotFoundError, match="No such feed") as raised:
            hook.get_feed("NONE@SUCH")
        assert raised.value.codes == ("CONTENT_NOT_FOUND.GMP_RECEIVER_API",)
        with pytest.raises(WalmartNotFoundError):
            list(hook.iter_feed_items("NONE@SUCH"))

    @pytest.mark.parametrize("feed_id", ["", " ", ".", "..", "...", None, 5, [], {"a": 1}, "\ud800"])
    def test_ids_that_are_none(self, feed_id, shop):
        hook = WalmartHook()
        for read in (hook.get_feed, hook.find_feed, lambda value: list(hook.iter_feed_items(value))):
            with pytest.raises(WalmartConfigError):
                read(feed_id)
        assert not shop.received("feeds")

    def test_a_time_without_a_zone(self, shop):
        with pytest.raises(WalmartConfigError, match="time zone"):
            WalmartHook().list_feeds(since=datetime(2026, 1, 1))  # noqa: DTZ001


class Answers:
    """A server that answers ``GET /v3/feeds`` and ``GET /v3/feeds/F`` with given pages."""

    def __init__(self, wire, make_client) -> None:
        self._wire, self._make_client = wire, make_client

    def client(self, page_of):
        def reply(request):
            if request.path == "/v3/token":
                return token()
            query = dict(
                part.split("=", 1) for part in unquote(request.target).partition("?")[2].split("&") if part
            )
            return http(200, page_of(int(query.get("offset", 0)), int(query.get("limit", 50))))

        self.server = self._wire(reply)
        return self._make_client(self.server.url)


@pytest.fixture
def answers(wire, make_client):
    return Answers(wire, make_client)


def feed_page(ids, **fields):
    return {"results": {"feed": [{"feedId": one, "feedDate": 1_790_000_000_000} for one in ids]}, **fields}


EMPTY = [
    {},
    {"results": None},
    {"results": {}},
    {"results": {"feed": None}},
    {"results": {"feed": []}},
    {"results": []},
    {"results": "none"},
    {"results": {"feed": {}}},
    {"totalResults": 0, "results": {"feed": []}},
    {"totalResults": 99, "results": {"feed": []}},
    {"errors": None, "results": {"feed": [None, "x", 1, []]}},
]


class TestAnswersOfAllKinds:
    @pytest.mark.parametrize("page", EMPTY)
    def test_no_feeds_in_any_form(self, page, answers):
        client = answers.client(lambda offset, limit: page)
        try:
            assert list(feeds.iter_feeds(client)) == []
        except WalmartError as error:
            # A clear error is fine, too.
            assert "GET /v3/feeds" in str(error) or "ended after 0 of 99" in str(error)  # noqa: PT017
        assert answers.server.count("/v3/feeds") <= 2

    @pytest.mark.parametrize(
        ("total", "page_size"), [(120, 50), ("120", 50), (None, 50), (120, 20), ("120", 20)]
    )
    def test_totals_and_page_sizes(self, total, page_size, answers):
        """Some servers give shorter pages than asked for; some no total, and then a short page is the last."""
        ids = [f"F{n}" for n in range(120)]
        client = answers.client(
            lambda offset, limit: feed_page(ids[offset : offset + page_size], totalResults=total)
        )
        assert [feed["feedId"] for feed in feeds.iter_feeds(client)] == ids

    @pytest.mark.parametrize("total", [None, 10_000_000])
    def test_a_server_that_gives_the_same_page_for_ever(self, total, answers):
        """Offsets are unreliable for feeds of suppliers."""
        client = answers.client(
            lambda offset, limit: feed_page([f"F{n}" for n in range(50)], totalResults=total)
        )
        try:
            found = [feed["feedId"] for feed in itertools.islice(feeds.iter_feeds(client), 1000)]
            assert found == [f"F{n}" for n in range(50)]
        except WalmartError as error:
            assert "same page" in str(error) or "twice" in str(error)  # noqa: PT017
        assert answers.server.count("/v3/feeds") <= 3

    @pytest.mark.parametrize("total", [None, 10_000_000])
    def test_items_that_are_the_same_page_for_ever(self, total, answers):
        items = [{"sku": f"S{n}", "index": n, "ingestionStatus": "SUCCESS"} for n in range(50)]
        client = answers.client(
            lambda offset, limit: {"itemsReceived": total, "itemDetails": {"itemIngestionStatus": items}}
        )
        with pytest.raises(WalmartError):
            list(itertools.islice(feeds.iter_feed_items(client, "F"), 1000))
        assert answers.server.count("/v3/feeds/F") <= 3

    @pytest.mark.parametrize(
        "details",
        [
            None,
            {},
            {"itemIngestionStatus": None},
            {"itemIngestionStatus": []},
            [],
            "x",
            {"itemIngestionStatus": [None]},
        ],
    )
    def test_no_items_in_any_form(self, details, answers):
        client = answers.client(lambda offset, limit: {"itemsReceived": 5, "itemDetails": details})
        try:
            assert list(feeds.iter_feed_items(client, "F")) == []
        except WalmartError as error:
            assert "getFeedItemStatus" in str(error)  # noqa: PT017 - a clear error is fine, too

    @pytest.mark.parametrize("feed_id", [None, 5, [], {"a": 1}, "", True])
    def test_ids_of_any_type_in_a_list(self, feed_id, answers):
        client = answers.client(lambda offset, limit: feed_page([feed_id, "F1"] if offset == 0 else []))
        found = [feed["feedId"] for feed in feeds.iter_feeds(client, since=ago(days=36500))]
        assert "F1" in found

    @pytest.mark.parametrize(
        "when",
        [
            None,
            "",
            "soon",
            1e30,
            -1e30,
            float("nan"),
            [],
            {},
            True,
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
        ],
    )
    def test_dates_of_any_kind_in_a_list(self, when, answers):
        page = {"results": {"feed": [{"feedId": "F1", "feedDate": when}]}}
        client = answers.client(lambda offset, limit: page if offset == 0 else feed_page([]))
        assert len(list(feeds.iter_feeds(client, since=ago(hours=1)))) in (0, 1)

    @pytest.mark.parametrize(
        "when", [1_790_000_000_000, "2026-09-21T14:13:20Z", "2026-09-21T14:13:20.000Z", "2026-09-21T14:13:20"]
    )
    def test_both_forms_of_a_date(self, when):
        assert submitted_at({"feedDate": when}) == datetime(2026, 9, 21, 14, 13, 20, tzinfo=timezone.utc)

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html/>", b"{", b'"x"', b"[" * 100_000])
    def test_an_answer_that_is_no_object(self, body, wire, make_client):
        server = wire(lambda request: token() if request.path == "/v3/token" else http(200, body))
        client = make_client(server.url)
        for read in (
            lambda: list(feeds.iter_feeds(client)),
            lambda: feeds.get_feed(client, "F"),
            lambda: list(feeds.iter_feed_items(client, "F")),
        ):
            with pytest.raises(WalmartError, match="/v3/feeds"):
                read()
