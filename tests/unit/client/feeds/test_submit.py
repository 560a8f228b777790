"""When a feed is sent, when it is found again, and how long one searches for it."""

from __future__ import annotations

import json
import logging
import time

import pytest
import time_machine

from airflow_provider_walmart.client.errors import (
    WalmartConnectionError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.feeds import status as feeds
from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.client.feeds.submit import FeedFile, OnceSubmitter

SKUS = ["A-1", 'B "2"', "C/3"]


class Records(dict):
    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))


class Died(BaseException):
    """The process is gone."""


class Walmart:
    """A client whose Walmart lists a feed some time after it arrived."""

    class tokens:  # noqa: N801
        class call:  # noqa: N801
            path = "/v3/token"

    def __init__(self, *, listed_after=0.0, names=True, newest_first=True):
        self.feeds = []
        self.sent = []
        self.polls = 0
        self.items_read = 0
        self.listed_after = listed_after
        self.names = names
        self.newest_first = newest_first
        self.on_send = lambda: None
        self.details = {}

    def add(self, feed_type, name="", items=3, skus=SKUS, age=0.0):
        feed_id = f"F{len(self.feeds)}@AQ"
        entry = {"feedId": feed_id, "feedType": feed_type, "itemsReceived": items}
        entry["feedDate"] = (time.time() - age) * 1000
        if self.names:
            entry["fileName"] = name or f"{feed_id}.json"
        self.feeds.insert(0, (time.time() - age, entry))
        self.details[feed_id] = skus
        return feed_id

    def request(self, method, path, *, params, files=None, data=None, headers=None):
        name = files["file"][0] if files else ""
        self.sent.append(name or data)
        feed_id = self.add(params["feedType"], name)
        self.on_send()
        return Answer({"feedId": feed_id})

    def paginate(self, operation, *, params=None):
        if operation == "getFeedItemStatus":
            return self._items(params["feedId"])
        self.polls += 1
        listed = [entry for arrived, entry in self.feeds if arrived <= time.time() - self.listed_after]
        return iter(sorted(listed, key=lambda entry: entry["feedDate"], reverse=self.newest_first))

    def _items(self, feed_id):
        for index, sku in enumerate(self.details[feed_id]):
            self.items_read += 1
            yield {"sku": sku, "index": index}


class Answer:
    status_code = 200

    def __init__(self, body):
        self.content = json.dumps(body).encode()


@pytest.fixture
def clock():
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as traveller:
        yield traveller


def lose_answer():
    raise WalmartUnknownOutcomeError("the answer got lost")


def die():
    raise Died


def make_feed(*, multipart=True, skus=SKUS, items=3, fingerprint="f" * 64):
    content = json.dumps({"Header": {}, "Entries": [{"sku": sku, "lag": 1} for sku in skus]}).encode()
    return FeedFile("lagtime", content, items, fingerprint, multipart=multipart)


def submitter(walmart, records, clock, *, lasting=True, tried_since=None, **options):
    return OnceSubmitter(
        walmart, records, lasting=lasting, tried_since=tried_since, sleep=clock.shift, **options
    )


def leave_intent(walmart, records, clock, feed, *, before_sending=False):
    """Have a process die after the intent was stored."""
    if before_sending:
        request, walmart.request = walmart.request, lambda *_, **__: die()
    walmart.on_send = die
    with pytest.raises(Died):
        submitter(walmart, records, clock).submit(feed)
    walmart.on_send = lambda: None
    if before_sending:
        walmart.request = request


@pytest.mark.parametrize("multipart", [True, False])
def test_sends_and_remembers(clock, multipart):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=multipart)
    feed_id = submitter(walmart, records, clock).submit(feed)
    assert submitter(walmart, records, clock).submit(feed) == feed_id
    assert walmart.sent == [feed.name if multipart else feed.content]
    assert records == {feed.key: {"feedId": feed_id, "fileName": feed.name}}


def test_intent_is_stored_before_sending(clock):
    walmart, records, feed = Walmart(), Records(), make_feed()
    walmart.add("price", "another.json")
    seen = []
    walmart.on_send = lambda: seen.append(dict(records[feed.key]))
    submitter(walmart, records, clock).submit(feed)
    [intent] = seen
    assert intent["fileName"] == feed.name
    assert intent["sentAt"] == time.time()
    assert intent["known"] == ["F0@AQ"]


def test_says_that_it_reconnects_and_how_to_force_the_other(clock, caplog):
    caplog.set_level(logging.INFO)
    walmart, records, feed = Walmart(), Records(), make_feed()
    submitter(walmart, records, clock).submit(feed)
    assert "Submitting" in caplog.text
    caplog.clear()
    submitter(walmart, records, clock).submit(feed)
    assert "submitted before" in caplog.text
    assert "durable=False" in caplog.text


# -- found again -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed_after", [0, 10, 89])
def test_found_by_name_however_late_it_is_listed(clock, listed_after):
    walmart, records, feed = Walmart(listed_after=listed_after), Records(), make_feed()
    leave_intent(walmart, records, clock, feed)
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    assert len(walmart.sent) == 1


@pytest.mark.parametrize("hours", [0, 0.05, 1])
def test_sent_again_when_it_certainly_never_arrived(clock, hours):
    walmart, records, feed = Walmart(), Records(), make_feed()
    walmart.add("lagtime", "somebody-elses.json")
    leave_intent(walmart, records, clock, feed, before_sending=True)
    clock.shift(hours * 3600)
    assert submitter(walmart, records, clock).submit(feed)
    assert len(walmart.sent) == 1


def test_a_process_may_have_sent_it_long_after_it_stored_the_intent(clock):
    # It waited for a token or for a slot, then died with the request; the retry comes at once.
    walmart, records, feed = Walmart(listed_after=80), Records(), make_feed()
    request = walmart.request

    def slow_request(*args, **kwargs):
        clock.shift(200)
        return request(*args, **kwargs)

    walmart.request = slow_request
    leave_intent(walmart, records, clock, feed)
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    assert len(walmart.sent) == 1


def test_an_answer_that_got_lost_late_is_searched_for_from_then_on(clock):
    walmart, records, feed = Walmart(listed_after=80), Records(), make_feed()

    def time_out():
        clock.shift(120)
        walmart.feeds[0] = (time.time(), walmart.feeds[0][1])
        lose_answer()

    walmart.on_send = time_out
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    assert len(walmart.sent) == 1


def test_a_lost_answer_of_a_feed_that_never_arrived_is_left_to_the_next_try(clock):
    walmart, records, feed = Walmart(), Records(), make_feed()
    request, walmart.request = walmart.request, lambda *_, **__: lose_answer()
    with pytest.raises(WalmartConnectionError, match="never arrived"):
        submitter(walmart, records, clock).submit(feed)
    walmart.request = request
    polls = walmart.polls
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    # It is known already that it didn't arrive: only what is there is noted.
    assert walmart.polls == polls + 1


def test_what_walmart_said_instead_of_an_id_is_in_the_error(clock):
    walmart, records, feed = Walmart(), Records(), make_feed()
    walmart.request = lambda *_, **__: Answer(
        {"errors": [{"code": "ERR_7", "description": "The file is odd."}]}
    )
    with pytest.raises(WalmartConnectionError, match=r"ERR_7.*The file is odd"):
        submitter(walmart, records, clock).submit(feed)


def test_failing_to_look_leaves_the_intent(clock):
    walmart, records, feed = Walmart(), Records(), make_feed()
    leave_intent(walmart, records, clock, feed)
    intent = dict(records[feed.key])
    paginate, walmart.paginate = (
        walmart.paginate,
        lambda *_, **__: (_ for _ in ()).throw(
            WalmartServerError("GET /v3/feeds answered 503", path="/v3/feeds")
        ),
    )
    with pytest.raises(WalmartServerError):
        submitter(walmart, records, clock).submit(feed)
    assert records[feed.key] == intent
    walmart.paginate = paginate
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"


def test_the_list_is_read_as_far_as_it_takes(clock, monkeypatch):
    walmart, records, feed = Walmart(), Records(), make_feed()
    walmart.add("price", "old.json")
    leave_intent(walmart, records, clock, feed)
    for number in range(120):
        walmart.add("price", f"{number}.json")
    assert submitter(walmart, records, clock).submit(feed) == "F1@AQ"


def test_unknown_when_more_feeds_have_come_than_are_read(clock, monkeypatch):
    monkeypatch.setattr(feed_submit, "LONGEST_LOOK", 100)
    walmart, records, feed = Walmart(), Records(), make_feed()
    walmart.add("price", "old.json")
    leave_intent(walmart, records, clock, feed)
    for number in range(120):
        walmart.add("price", f"{number}.json")
    with pytest.raises(WalmartUnknownOutcomeError, match="unknown"):
        submitter(walmart, records, clock).submit(feed)
    assert len(walmart.sent) == 1


def test_known_feeds_that_fell_off_the_list_do_not_matter(clock):
    walmart, records, feed = Walmart(), Records(), make_feed()
    for number in range(60):
        walmart.add("price", f"{number}.json")
    leave_intent(walmart, records, clock, feed, before_sending=True)
    del walmart.feeds[-20:]
    assert submitter(walmart, records, clock).submit(feed)
    assert len(walmart.sent) == 1


# -- in whatever order -----------------------------------------------------------------------------------


def seed(walmart, feeds):
    """Add feeds that were there long before, one a minute."""
    for number in range(feeds):
        walmart.add("price", f"{number}.json", age=60.0 * (feeds - number))


@pytest.mark.parametrize("feeds", [1, 49, 50, 51, 120, 3000])
@pytest.mark.parametrize("newest_first", [True, False])
def test_found_wherever_the_list_has_it(clock, feeds, newest_first):
    walmart, records, feed = Walmart(newest_first=newest_first), Records(), make_feed()
    seed(walmart, feeds)
    walmart.on_send = lose_answer
    assert submitter(walmart, records, clock).submit(feed) == f"F{feeds}@AQ"
    assert len(walmart.sent) == 1


@pytest.mark.parametrize("newest_first", [True, False])
def test_an_earlier_feed_with_our_items_is_none_that_came_since(clock, newest_first):
    walmart, records = Walmart(newest_first=newest_first), Records()
    seed(walmart, 100)
    feed = make_feed(multipart=False)
    walmart.add("lagtime", age=3 * 86400)
    walmart.add("lagtime", age=60)
    leave_intent(walmart, records, clock, feed, before_sending=True)
    assert submitter(walmart, records, clock).submit(feed) == "F102@AQ"
    assert len(walmart.sent) == 1


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("hours", [-100, 100])
def test_found_however_wrong_this_clock_is(clock, newest_first, hours):
    walmart, records, feed = Walmart(newest_first=newest_first), Records(), make_feed()
    seed(walmart, 100)

    def list_it():
        walmart.feeds[0][1]["feedDate"] = walmart.feeds[1][1]["feedDate"] + 1000
        lose_answer()

    walmart.on_send = list_it
    clock.shift(hours * 3600)
    walmart.feeds = [(-1e9, entry) for _, entry in walmart.feeds]
    assert submitter(walmart, records, clock).submit(feed) == "F100@AQ"
    assert len(walmart.sent) == 1


def test_unknown_when_a_list_in_no_order_is_longer_than_what_is_read(clock, monkeypatch):
    monkeypatch.setattr(feed_submit, "LONGEST_LOOK", 100)
    walmart, records, feed = Walmart(newest_first=False), Records(), make_feed()
    seed(walmart, 120)
    walmart.on_send = lose_answer
    for _ in range(2):
        with pytest.raises(WalmartUnknownOutcomeError, match="unknown"):
            submitter(walmart, records, clock).submit(feed)
    assert len(walmart.sent) == 1


def test_a_list_with_the_newest_first_is_not_read_to_its_end(clock, monkeypatch):
    read = []
    iter_feeds = feed_submit.iter_feeds
    monkeypatch.setattr(
        feed_submit, "iter_feeds", lambda client: (read.append(1) or feed for feed in iter_feeds(client))
    )
    walmart, records, feed = Walmart(), Records(), make_feed()
    seed(walmart, 3000)
    # Some that came at about the same time are listed in another order.
    walmart.feeds[10][1]["feedDate"], walmart.feeds[11][1]["feedDate"] = [
        walmart.feeds[number][1]["feedDate"] for number in (11, 10)
    ]
    submitter(walmart, records, clock).submit(feed)
    assert len(read) == feeds.PAGE
    assert len(records[feed.key]) == 2


# -- without a name --------------------------------------------------------------------------------------

NAMELESS = [
    pytest.param({"multipart": False}, {}, id="document as the body"),
    pytest.param({"multipart": True}, {"names": False}, id="list without names"),
]


@pytest.mark.parametrize(("upload", "lists"), NAMELESS)
def test_found_by_its_items_without_a_name(clock, upload, lists, caplog):
    caplog.set_level(logging.INFO)
    walmart, records, feed = Walmart(**lists), Records(), make_feed(**upload)
    leave_intent(walmart, records, clock, feed)
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    assert len(walmart.sent) == 1
    assert "by its items" in caplog.text


@pytest.mark.parametrize(("upload", "lists"), NAMELESS)
def test_not_confused_with_a_feed_of_another_task(clock, upload, lists):
    walmart, records, feed = Walmart(**lists), Records(), make_feed(**upload)
    leave_intent(walmart, records, clock, feed, before_sending=True)
    walmart.add("lagtime", skus=["X-1", "X-2", "X-3"])
    assert submitter(walmart, records, clock).submit(feed) == "F1@AQ"
    assert len(walmart.sent) == 1


def test_a_feed_is_told_apart_from_others_of_the_same_size(clock):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.add("lagtime", skus=["X-1", "X-2", "X-3"])
    walmart.add("lagtime", skus=["Y-1", "Y-2", "Y-3"])
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"


@pytest.mark.parametrize(
    "skus", [[" a-1", 'b "2" ', "c/3"], [None, None, None]], ids=["respelled", "no SKUs"]
)
def test_items_that_look_different_are_no_proof(clock, skus):
    # Adopted by type, number and time alone, once no other can turn up any more.
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.details["F0@AQ"] = skus
    began = time.time()
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    assert time.time() - began >= feed_submit.SETTLE
    assert len(walmart.sent) == 1


@pytest.mark.parametrize("listed_later", [0, 60])
def test_another_one_with_our_items_in_the_same_minute_is_not_decided(clock, listed_later):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    walmart.on_send = lose_answer
    request = walmart.request

    def after_another(*args, **kwargs):
        walmart.add("lagtime", age=-1.0)
        clock.shift(1)
        walmart.listed_after = listed_later
        walmart.feeds[0] = (time.time() - listed_later, walmart.feeds[0][1])
        return request(*args, **kwargs)

    walmart.request = after_another
    for _ in range(2):
        with pytest.raises(WalmartUnknownOutcomeError, match=r"F1@AQ, F0@AQ"):
            submitter(walmart, records, clock).submit(feed)
    assert len(walmart.sent) == 1


def test_one_that_is_not_counted_yet_may_be_ours_although_another_has_our_items(clock):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.feeds[0][1]["itemsReceived"] = 0
    walmart.add("lagtime")
    with pytest.raises(WalmartUnknownOutcomeError, match=r"F1@AQ, F0@AQ"):
        submitter(walmart, records, clock).submit(feed)


def test_one_with_some_of_our_items_is_none_where_another_has_all(clock):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.add("lagtime", skus=["A-1", "X-2", "X-3"])
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"


@pytest.mark.parametrize("seconds", [-70, feed_submit.LONGEST_SEND + 70, 3600])
def test_one_with_our_items_of_another_time_needs_a_person(clock, seconds):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed, before_sending=True)
    clock.shift(3600)
    walmart.add("lagtime", age=3600 - seconds)
    with pytest.raises(WalmartUnknownOutcomeError, match="F0@AQ"):
        submitter(walmart, records, clock).submit(feed)
    assert not walmart.sent


def test_all_items_are_compared(clock):
    ours = [f"A-{number}" for number in range(120)]
    feed = make_feed(multipart=False, skus=ours, items=120)
    walmart, records = Walmart(), Records()
    leave_intent(walmart, records, clock, feed, before_sending=True)
    walmart.add("lagtime", items=120, skus=[*ours[:119], "B-119"])
    with pytest.raises(WalmartUnknownOutcomeError, match="F0@AQ"):
        submitter(walmart, records, clock).submit(feed)
    walmart.details["F0@AQ"] = ours
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"


def test_of_one_that_is_another_only_a_page_is_read(clock):
    feed = make_feed(multipart=False, skus=[f"A-{number}" for number in range(500)], items=500)
    walmart, records = Walmart(), Records()
    leave_intent(walmart, records, clock, feed, before_sending=True)
    walmart.add("lagtime", items=500, skus=[f"B-{number}" for number in range(500)])
    walmart.request = lambda *_, **__: Answer({"feedId": "OURS@AQ"})
    assert submitter(walmart, records, clock).submit(feed) == "OURS@AQ"
    assert walmart.items_read == feeds.PAGE


def test_two_that_may_be_ours_are_not_decided(clock):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.details["F0@AQ"] = []
    walmart.add("lagtime", skus=[])
    with pytest.raises(WalmartUnknownOutcomeError, match=r"F1@AQ, F0@AQ") as caught:
        submitter(walmart, records, clock).submit(feed)
    assert "on_unknown='resubmit'" in str(caught.value)
    assert not caught.value.is_final
    # Looked at again, not sent, as often as it takes.
    with pytest.raises(WalmartUnknownOutcomeError):
        submitter(walmart, records, clock).submit(feed)
    assert len(walmart.sent) == 1
    # As soon as Walmart shows the items, it is clear.
    walmart.details.update({"F0@AQ": SKUS, "F1@AQ": ["X-1", "X-2", "X-3"]})
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"


def test_resubmits_what_stays_unknown_when_told_to(clock, caplog):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.details["F0@AQ"] = []
    walmart.add("lagtime", skus=[])
    assert submitter(walmart, records, clock, resubmit_unknown=True).submit(feed) == "F2@AQ"
    assert "as on_unknown says" in caplog.text


@pytest.mark.parametrize("received", [0, None])
def test_one_that_is_not_counted_yet_is_not_decided(clock, received):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.details["F0@AQ"] = []
    walmart.feeds[0][1]["itemsReceived"] = received
    with pytest.raises(WalmartUnknownOutcomeError):
        submitter(walmart, records, clock).submit(feed)
    walmart.feeds[0][1]["itemsReceived"] = len(SKUS)
    walmart.details["F0@AQ"] = SKUS
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    assert len(walmart.sent) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"feed_type": "price"},
        {"feed_type": "lagtime", "items": 4, "skus": ["A-1", "B", "C", "D"]},
        {"feed_type": "lagtime", "name": "lagtime-0123.json"},
    ],
    ids=["another type", "another number of items", "another name"],
)
def test_feeds_that_cannot_be_ours_do_not_matter(clock, other):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed, before_sending=True)
    walmart.add(**other)
    assert submitter(walmart, records, clock).submit(feed) == "F1@AQ"
    assert len(walmart.sent) == 1


def test_types_are_compared_without_regard_to_case(clock):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed)
    walmart.feeds[0][1]["feedType"] = "LAGTIME"
    assert submitter(walmart, records, clock).submit(feed) == "F0@AQ"
    assert len(walmart.sent) == 1


# -- Airflow without task state --------------------------------------------------------------------------


def test_without_task_state_a_first_try_just_sends(clock, caplog):
    walmart, feed = Walmart(), make_feed()
    began = time.time()
    submitter(walmart, Records(), clock, lasting=False).submit(feed)
    assert time.time() == began
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_without_task_state_found_by_name(clock, caplog):
    walmart, feed = Walmart(), make_feed()
    first = submitter(walmart, Records(), clock, lasting=False).submit(feed)
    again = submitter(walmart, Records(), clock, lasting=False, tried_since=time.time())
    assert again.submit(feed) == first
    assert len(walmart.sent) == 1
    assert "3.3" in caplog.text
    assert feed.name in caplog.text


def test_without_task_state_a_feed_listed_late_is_found(clock):
    walmart, feed = Walmart(listed_after=20), make_feed()
    first = submitter(walmart, Records(), clock, lasting=False).submit(feed)
    again = submitter(walmart, Records(), clock, lasting=False, tried_since=time.time())
    assert again.submit(feed) == first


def test_without_task_state_one_feed_that_is_not_there_speaks_for_those_after_it(clock):
    walmart = Walmart()
    feeds = [make_feed(fingerprint=str(number) * 64) for number in range(3)]
    submitter(walmart, Records(), clock, lasting=False).submit(feeds[0])
    again = submitter(walmart, Records(), clock, lasting=False, tried_since=time.time())
    began = time.time()
    assert [again.submit(feed) for feed in feeds] == ["F0@AQ", "F1@AQ", "F2@AQ"]
    assert len(walmart.sent) == 3
    assert time.time() - began <= feed_submit.SETTLE


def test_without_task_state_or_names_only_feeds_since_the_run_began_count(clock):
    walmart, feed = Walmart(), make_feed(multipart=False)
    walmart.add("lagtime", age=86400)
    again = submitter(walmart, Records(), clock, lasting=False, tried_since=time.time())
    assert again.submit(feed) == "F1@AQ"
    assert len(walmart.sent) == 1


def test_without_task_state_or_names_found_by_items_and_time(clock):
    walmart, feed = Walmart(), make_feed(multipart=False)
    since = time.time()
    first = submitter(walmart, Records(), clock, lasting=False).submit(feed)
    assert submitter(walmart, Records(), clock, lasting=False, tried_since=since).submit(feed) == first
    assert len(walmart.sent) == 1


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"\xef\xbb\xbf {}", "json"),
        (b"[]", "json"),
        (b" <x/>", "xml"),
        (b"PK\x03\x04", "zip"),
        (b"?", "octet-stream"),
    ],
)
def test_file_names_carry_type_and_fingerprint(content, suffix):
    feed = FeedFile("MP_ITEM", content, 1, "0123456789abcdef" * 4)
    assert feed.name == f"MP_ITEM-0123456789abcdef01234567.{suffix}"


@pytest.mark.parametrize(("behind", "is_found"), [(0, True), (290, True), (310, False)])
def test_without_task_state_a_feed_is_found_though_walmarts_clock_is_behind_ours_by_minutes(
    clock, behind, is_found
):
    walmart, feed = Walmart(), make_feed()
    since = time.time()
    walmart.add("lagtime", name=feed.name, age=behind)
    submitter(walmart, Records(), clock, lasting=False, tried_since=since).submit(feed)
    assert len(walmart.sent) == int(not is_found)


@pytest.mark.parametrize(
    ("later", "is_ours"), [(-70, False), (-61, False), (-59, True), (0, True), (59, True), (61, False)]
)
def test_a_feed_without_our_name_is_ours_when_walmart_dates_it_within_a_minute_of_ours(clock, later, is_ours):
    walmart, records, feed = Walmart(), Records(), make_feed(multipart=False)
    leave_intent(walmart, records, clock, feed, before_sending=True)
    walmart.add("lagtime", age=-later)
    retry = submitter(walmart, records, clock)
    if is_ours:
        assert retry.submit(feed) == "F0@AQ"
    else:
        with pytest.raises(WalmartUnknownOutcomeError, match="may be one of F0@AQ"):
            retry.submit(feed)
    assert walmart.sent == []
