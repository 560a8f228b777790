"""Every feed that finishes is tracker exactly once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.client.events.completion import HOUR_MS
from airflow_provider_walmart.client.events.feeds import FeedTracker

# All that happens here has happened by now.
START = (int(datetime.now(timezone.utc).timestamp()) - 3600) * 1000
TODAY = datetime.fromtimestamp(START / 1000, timezone.utc)
MINUTE = HOUR_MS // 60
DAY = 24 * HOUR_MS


def feed(feed_id, *, at=0, status="PROCESSED", feed_type="price", **fields):
    return {"feedId": feed_id, "feedType": feed_type, "feedDate": START + at, "feedStatus": status, **fields}


def saved(tracker, *types):
    return FeedTracker(json.loads(json.dumps(tracker.state())), types or None)


def ids(summaries):
    return [summary["feedId"] for summary in summaries]


def test_what_was_finished_at_first_is_no_news():
    tracker = FeedTracker(None)
    assert tracker.of([feed("OLD"), feed("OPEN", status="INPROGRESS")]) == []
    assert ids(tracker.of([feed("OLD"), feed("OPEN"), feed("NEW", at=MINUTE)])) == ["OPEN", "NEW"]
    assert tracker.of([feed("OLD"), feed("OPEN"), feed("NEW", at=MINUTE)]) == []


def test_the_first_list_may_be_empty():
    tracker = FeedTracker(None)
    assert tracker.of([]) == []
    assert ids(saved(tracker).of([feed("NEW")])) == ["NEW"]


def test_what_is_older_than_the_first_list_goes_back_is_no_news_later():
    tracker = FeedTracker(None)
    assert tracker.of([]) == []
    assert tracker.of([feed("OLD", at=-30 * HOUR_MS)]) == []
    assert tracker.since > TODAY - timedelta(hours=26)


def test_a_date_in_the_future_hides_nothing_that_ends_until_then():
    tracker = FeedTracker(None)
    tracker.of([])
    odd = feed("ODD", at=99 * HOUR_MS)
    assert ids(tracker.of([odd])) == ["ODD"]
    tracker = saved(tracker)
    assert tracker.since < TODAY + timedelta(hours=1)
    # Late enough that an hour later, by when a test has run, it is still among what is searched for.
    following = feed("NEXT", at=59 * MINUTE)
    assert ids(tracker.of([odd, following])) == ["NEXT"]
    assert saved(tracker).of([odd, following]) == []


def test_news_are_summaries_oldest_first():
    tracker = FeedTracker(None)
    tracker.of([])
    found = tracker.of([feed("B", at=2), feed("A", at=1, itemsReceived=3, itemsSucceeded=2, itemsFailed=1)])
    assert ids(found) == ["A", "B"]
    assert found[0] == {
        "feedId": "A",
        "feedType": "price",
        "feedStatus": "PROCESSED",
        "itemsReceived": 3,
        "itemsSucceeded": 2,
        "itemsFailed": 1,
        "itemsProcessing": 0,
    }


def test_of_one_moment_the_last_listed_is_the_oldest():
    tracker = FeedTracker(None)
    tracker.of([])
    assert ids(tracker.of([feed("C", at=1), feed("B", at=1), feed("A", at=1)])) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("fields", "is_news"),
    [
        ({"status": "ERROR"}, True),
        ({"status": "PROCESSED", "itemsProcessing": 1}, False),
        ({"status": "RECEIVED"}, False),
        ({"status": "SOMETHING_NEW"}, False),
    ],
)
def test_only_what_nothing_more_happens_to_is_finished(fields, is_news):
    tracker = FeedTracker(None)
    tracker.of([])
    assert bool(tracker.of([feed("A", **fields)])) is is_news


@pytest.mark.parametrize("wanted", ["price", "PRICE"])
def test_only_feeds_of_wanted_types(wanted):
    tracker = FeedTracker(None, [wanted])
    tracker.of([])
    assert ids(tracker.of([feed("A", feed_type="Price"), feed("B", feed_type="item")])) == ["A"]


def test_an_old_feed_is_known_by_its_id_when_the_list_shows_it_no_more():
    tracker = FeedTracker(None, ["MP_ITEM"])
    tracker.of([feed("OLD", feed_type="MP_ITEM", status="INPROGRESS")])
    tracker = saved(tracker, "MP_ITEM")
    tracker.of([feed("NEW", at=30 * HOUR_MS)])
    tracker = saved(tracker, "MP_ITEM")
    assert set(tracker.pending) == {"OLD"}
    # Asked for by itself, a feed names neither its type nor its date.
    [summary] = tracker.of([{"feedId": "OLD", "feedStatus": "PROCESSED"}, feed("NEW", at=30 * HOUR_MS)])
    assert (summary["feedId"], summary["feedType"]) == ("OLD", "MP_ITEM")
    assert not tracker.pending
    assert saved(tracker, "MP_ITEM").of([{"feedId": "OLD", "feedStatus": "PROCESSED"}]) == []


def test_a_feed_that_never_finishes_is_forgotten_in_the_end():
    tracker = FeedTracker({"from": START - 9 * DAY})
    tracker.of([feed("STUCK", at=-8 * DAY, status="INPROGRESS")])
    tracker.of([feed("NEW", at=-2 * DAY)])
    assert set(tracker.pending) == {"STUCK"}
    tracker.of([feed("NEWER")])
    assert not tracker.pending


def test_state_stays_small():
    tracker = FeedTracker({"from": START - 2 * DAY})
    for minute in range(-48 * 60, 0):
        tracker.of([feed(f"F{minute}-{number}", at=minute * MINUTE) for number in range(7)])
    assert len(json.dumps(tracker.state())) < 20_000


def test_a_look_needs_what_came_since_the_last_one():
    tracker = FeedTracker(None)
    day = timedelta(hours=24)
    assert abs(datetime.now(timezone.utc) - day - tracker.since) < timedelta(minutes=1)
    tracker.of([feed("A")])
    assert tracker.since == datetime.fromtimestamp((START - HOUR_MS) / 1000, timezone.utc)


@pytest.mark.parametrize(
    "date",
    [None, "", "never", float("nan"), 10**30, pytest.param(f"{TODAY:%Y-%m-%dT%H:%M:%SZ}", id="an hour ago")],
)
def test_odd_dates_do_no_harm(date):
    tracker = FeedTracker(None)
    tracker.of([])
    odd = {**feed("ODD", status="INPROGRESS"), "feedDate": date}
    tracker.of([odd, feed("A")])
    assert ids(saved(tracker).of([{**odd, "feedStatus": "PROCESSED"}, feed("A")])) == ["ODD"]


# -- any history -----------------------------------------------------------------------------------------

# A feed: when it is submitted, how long after it is listed, how long after that it is finished. Minutes; few different
# values, so that many are equal.
FEEDS = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 50), st.sampled_from([0, 0, 1, 5, 60, 700])), max_size=25
)
LOOKS = st.lists(
    st.tuples(st.integers(0, 1100), st.booleans(), st.randoms(use_true_random=False)), max_size=20
)


@settings(max_examples=500, deadline=None)
@given(FEEDS, LOOKS)
def test_any_history_gives_each_finished_feed_exactly_once(feeds, polls):
    history = {
        f"F{number}": (at, at + late, at + late + takes) for number, (at, late, takes) in enumerate(feeds)
    }
    polls = sorted(polls, key=lambda poll: poll[0])
    tracker, told = FeedTracker(None), Counter()
    for minute, is_restart, dice in polls:
        since = tracker.since.timestamp() * 1000 - START
        shown = []
        for feed_id, (at, listed, done) in history.items():
            status = "PROCESSED" if done <= minute else "INPROGRESS"
            if listed <= minute and at * MINUTE >= since:
                shown.append(feed(feed_id, at=at * MINUTE, status=status))
            elif feed_id in tracker.pending:
                shown.append({"feedId": feed_id, "feedStatus": status})
        dice.shuffle(shown)
        told.update(ids(tracker.of(shown)))
        if is_restart:
            tracker = saved(tracker)
    if polls:
        first, last = polls[0][0], polls[-1][0]
        assert told == Counter(
            feed_id for feed_id, (_, listed, done) in history.items() if first < done <= last
        )
