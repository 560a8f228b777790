"""How many calls it takes to know how feeds are, and that none is forgotten."""

from __future__ import annotations

import math
import random

import pytest

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartNotFoundError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.feeds.watch import LEAST_CALLS, FeedWatch, pause_before_next_poll

PAGE = 50


class Walmart:
    """A client that counts its calls. ``listed`` are the ids of its list of feeds, newest first."""

    def __init__(self, count: int) -> None:
        self.listed = [f"F{number}" for number in range(count)]
        self.states: dict[str, str] = {}
        self.forgotten: set[str] = set()
        self.broken: dict[str, Exception] = {}
        self.pages: list[int] = []
        self.singles: list[str] = []

    def add(self, count: int) -> None:
        self.listed[:0] = [f"N{len(self.listed) + number}" for number in range(count)]

    def call(self, operation, *, params):
        if operation == "getAllFeedStatuses":
            self.pages.append(params["offset"])
            if params["offset"] in self.broken:
                raise self.broken[params["offset"]]
            feeds = self.listed[params["offset"] : params["offset"] + params["limit"]]
            return {
                "totalResults": len(self.listed),
                "results": {"feed": [self.feed(feed_id) for feed_id in feeds]},
            }
        feed_id = params["feedId"]
        self.singles.append(feed_id)
        if feed_id in self.broken:
            raise self.broken[feed_id]
        if feed_id in self.forgotten:
            raise WalmartNotFoundError("no such feed", status=404)
        return self.feed(feed_id)

    def feed(self, feed_id):
        return {"feedId": feed_id, "feedStatus": self.states.get(feed_id, "INPROGRESS")}

    def calls(self) -> int:
        """Return how many calls there were since the last time."""
        count = len(self.pages) + len(self.singles)
        self.pages.clear()
        self.singles.clear()
        return count


def most_calls(waiting) -> int:
    return max(LEAST_CALLS, math.ceil(len(waiting) / PAGE))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_feeds_are_asked_for_one_by_one(count):
    walmart = Walmart(1000)
    wanted = walmart.listed[500 : 500 + count]
    found = FeedWatch(walmart).poll(wanted)
    assert found.keys() == set(wanted)
    assert (walmart.pages, sorted(walmart.singles)) == ([], sorted(wanted))


@pytest.mark.parametrize("count", [4, 50, 51, 100, 5000])
def test_many_feeds_cost_a_page_for_fifty(count):
    walmart = Walmart(count + 70)
    wanted = walmart.listed[:count]
    found = FeedWatch(walmart).poll(wanted)
    assert found.keys() == set(wanted)
    assert walmart.calls() == math.ceil(count / PAGE)


def test_what_a_page_shows_of_others_that_are_waited_for_comes_for_free():
    walmart = Walmart(100)
    due, waiting = walmart.listed[:10], walmart.listed[:40]
    assert FeedWatch(walmart).poll(due, waiting).keys() == set(waiting)
    assert walmart.calls() == 1


def test_old_feeds_below_newer_ones_are_asked_for_by_themselves():
    walmart = Walmart(1000)
    wanted = [*walmart.listed[:30], *walmart.listed[600:603]]
    watch = FeedWatch(walmart)
    for _ in range(3):
        assert watch.poll(wanted).keys() == set(wanted)
        assert walmart.calls() <= 2 + 3


@pytest.mark.parametrize("count", [100, 2000])
def test_feeds_that_fell_off_the_list_are_noticed(count):
    walmart = Walmart(count)
    wanted = list(walmart.listed)
    watch = FeedWatch(walmart)
    watch.poll(wanted)
    walmart.calls()
    fallen, walmart.listed = set(walmart.listed[-15:]), walmart.listed[:-15]
    seen = set()
    for _ in range(5):
        seen |= watch.poll(wanted).keys() & fallen
        assert walmart.calls() <= most_calls(wanted)
    assert seen == fallen


def test_feeds_that_walmart_does_not_know_are_reported_as_unknown():
    walmart = Walmart(0)
    wanted = [f"G{number}" for number in range(60)]
    walmart.forgotten.update(wanted)
    watch, found = FeedWatch(walmart), {}
    for _ in range(10):
        found.update(watch.poll(set(wanted) - found.keys()))
    assert found == dict.fromkeys(wanted)


def test_a_list_that_is_much_longer_than_what_is_waited_for_is_read_in_several_rounds():
    walmart = Walmart(30_000)
    dice = random.Random(1)
    wanted = sorted(dice.sample(walmart.listed, 10_000))
    watch = FeedWatch(walmart)
    last_seen = dict.fromkeys(wanted, 0)
    for number in range(1, 21):
        for feed_id in watch.poll(wanted):
            assert number - last_seen[feed_id] <= 10
            last_seen[feed_id] = number
        assert walmart.calls() <= most_calls(wanted)
        walmart.add(100)
    assert min(last_seen.values()) >= 10


def test_what_was_shown_before_the_place_where_a_round_stopped_is_not_skipped():
    walmart = Walmart(3000)
    watch = FeedWatch(walmart)
    near, far = walmart.listed[:1000], walmart.listed[2500:2510]
    assert watch.poll({*near, *far}).keys() == {*near}
    assert watch.poll(near, {*near, *far}).keys() == {*near}


def test_what_is_due_at_the_top_does_not_keep_a_round_from_going_on_further_down():
    walmart = Walmart(3000)
    watch = FeedWatch(walmart)
    near, far = walmart.listed[:1000], walmart.listed[2500:2510]
    seen: set[str] = set()
    for _ in range(3):
        assert watch.poll(near, {*near, *far}).keys() >= {*near}
        seen |= watch.poll(far, {*near, *far}).keys() & {*far}
    assert seen == {*far}


def test_new_feeds_do_not_wait_for_old_ones():
    walmart = Walmart(20_000)
    old = walmart.listed[100::20]
    watch = FeedWatch(walmart)
    for _ in range(20):
        walmart.add(30)
        new = walmart.listed[:30]
        found = watch.poll([*new, *old])
        assert found.keys() >= set(new)
        assert walmart.calls() <= most_calls([*new, *old])


def test_a_few_feeds_of_many_cost_few_calls():
    walmart = Walmart(10_000)
    waiting = list(walmart.listed)
    found = FeedWatch(walmart).poll(waiting[10:20], waiting)
    assert found.keys() >= set(waiting[10:20])
    assert walmart.calls() == 1


def test_nobody_is_forgotten_whatever_comes_and_goes():
    dice = random.Random(7)
    walmart = Walmart(500)
    watch, waiting = FeedWatch(walmart), {}
    for number in range(300):
        walmart.add(dice.choice([0, 0, 5, 60]))
        del walmart.listed[dice.randrange(800, 1500) :]
        for feed_id in dice.sample(walmart.listed, dice.randrange(30)):
            waiting.setdefault(feed_id, number)
        for feed_id in dice.sample(sorted(waiting), len(waiting) // 50):
            del waiting[feed_id]
        due = [feed_id for feed_id in waiting if dice.random() < 0.5]
        for feed_id in watch.poll(due, waiting):
            waiting[feed_id] = number
        assert walmart.calls() <= most_calls(waiting) + 3
        assert all(number - seen < 60 for seen in waiting.values()), number


# -- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        WalmartConfigError("odd id"),
        WalmartRequestError("odd id", status=400),
        WalmartServerError("500", status=500),
    ],
)
def test_one_feed_that_cannot_be_looked_at_does_not_hide_the_others(error):
    walmart = Walmart(0)
    walmart.broken["F1"] = error
    found = FeedWatch(walmart).poll(["F1", "F2"])
    assert found["F1"] is error
    assert found["F2"]["feedId"] == "F2"


def test_no_answer_at_all_ends_the_round():
    walmart = Walmart(0)
    walmart.broken["F1"] = WalmartConnectionError("nobody there")
    with pytest.raises(WalmartConnectionError):
        FeedWatch(walmart).poll(["F1", "F2"])


def test_a_page_that_fails_is_read_again_in_the_next_round():
    walmart = Walmart(300)
    walmart.broken[100] = WalmartServerError("500", status=500)
    watch = FeedWatch(walmart)
    with pytest.raises(WalmartServerError):
        watch.poll(walmart.listed)
    walmart.broken.clear()
    assert watch.poll(walmart.listed).keys() == set(walmart.listed)


def test_a_list_that_ends_before_its_total_is_read_as_far_as_it_goes():
    walmart = Walmart(300)
    walmart.broken[100] = WalmartRequestError("offset is too large", status=400)
    watch, found = FeedWatch(walmart), set()
    for _ in range(15):
        found |= watch.poll(walmart.listed).keys()
        assert walmart.calls() <= LEAST_CALLS
    assert found == set(walmart.listed)


@pytest.mark.parametrize("total", [None, "300", -1, 0])
def test_a_useless_total_does_not_matter(total):
    walmart = Walmart(300)
    call = walmart.call
    walmart.call = lambda operation, *, params: {**call(operation, params=params), "totalResults": total}
    assert FeedWatch(walmart).poll(walmart.listed).keys() == set(walmart.listed)


def test_odd_entries_of_the_list_hide_nobody():
    walmart = Walmart(20)
    call = walmart.call

    def with_odd_entries(operation, *, params):
        answer = call(operation, params=params)
        if operation == "getAllFeedStatuses":
            answer["results"]["feed"][5:5] = [{}, None, "F1", {"feedId": None}, {"feedStatus": "PROCESSED"}]
        return answer

    walmart.call = with_odd_entries
    assert FeedWatch(walmart).poll(walmart.listed).keys() == set(walmart.listed)


@pytest.mark.parametrize("answer", [None, {}, {"results": None}, {"results": {"feed": None}}])
def test_an_empty_list_is_a_list(answer):
    walmart = Walmart(0)
    call = walmart.call
    walmart.call = lambda operation, *, params: (
        answer if operation == "getAllFeedStatuses" else call(operation, params=params)
    )
    wanted = ["F1", "F2", "F3", "F4"]
    watch, found = FeedWatch(walmart), {}
    for _ in range(2):
        found.update(watch.poll(wanted))
    assert found.keys() == set(wanted)


# -- pauses ----------------------------------------------------------------------------------------------


def test_pauses_grow_with_age_up_to_a_limit_by_type():
    def pauses(feed_type):
        return [pause_before_next_poll(age, feed_type, 10) for age in (0, 60, 120, 600, 3600, 86400)]

    assert pauses("price") == [15, 15, 30, 150, 300, 300]
    assert pauses("MP_ITEM") == pauses("RETIRE_ITEM") == [15, 15, 30, 150, 900, 900]


def test_large_feeds_are_looked_at_later():
    assert pause_before_next_poll(0, "MP_INVENTORY", 1000) == 15
    assert pause_before_next_poll(0, "MP_INVENTORY", 1001) == 60
