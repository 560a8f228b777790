"""When may we come back? All forms that were met, and all that must not be believed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_walmart.client.transport.retry_after import LONGEST_WAIT, retry_time

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
IN_90 = NOW + timedelta(seconds=90)
EPOCH = int(IN_90.timestamp())
HOUR = timedelta(hours=1)

REPLENISHMENT = "X-Next-Replenishment-Time"


def when(now: datetime = NOW, **headers: str) -> datetime | None:
    return retry_time(CaseInsensitiveDict({k.replace("_", "-"): v for k, v in headers.items()}), now)


@pytest.mark.parametrize(
    "name",
    [REPLENISHMENT, "x-next-replenish-time", "X-NEXT-REPLENISH-TIME", "Retry-After", "X-RateLimit-Reset"],
)
@pytest.mark.parametrize(
    "value",
    [
        f"{EPOCH}000",
        f"{EPOCH}",
        f"{EPOCH}.0",
        f" {EPOCH}000 ",
        "2026-03-01T12:01:30Z",
        "2026-03-01T12:01:30+00:00",
        "2026-03-01T13:01:30+01:00",
        "2026-03-01T12:01:30",
        "Sun, 01 Mar 2026 12:01:30 GMT",
        "90",
        "90.0",
    ],
)
def test_every_form_under_every_name(name, value):
    assert when(**{name: value}) == IN_90


def test_milliseconds_are_kept():
    assert when(**{REPLENISHMENT: f"{EPOCH}250"}) == IN_90 + timedelta(milliseconds=250)


@pytest.mark.parametrize(
    "value",
    ["", "soon", "nan", "NaN", "inf", "-inf", "-1", "-90", "0", "1e400", "0x5a", "9" * 15, "9" * 16, "9" * 400,
     "2026-03-01T11:59:59Z", "2026-03-03T12:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
     "2026-13-01T00:00:00Z", "Sun, 01 Mar 2026 11:00:00 GMT", "Sun, 99 Mar 2026 12:00:00 GMT",
     "1 1 99999999999999999999 1:1:1", "86401", "\u0661\u0662", "12;34"],
)  # fmt: skip
def test_nonsense_and_the_past_name_no_time(value):
    # Arabic digits are digits to Python.
    expected = NOW + timedelta(seconds=12) if value == "\u0661\u0662" else None
    assert when(**{REPLENISHMENT: value}) == expected


def test_no_header_no_time():
    assert when() is None


def test_replenishment_wins_over_retry_after():
    assert when(**{REPLENISHMENT: f"{EPOCH}000", "Retry-After": "5"}) == IN_90


def test_a_senseless_header_leaves_the_next_one_its_say():
    assert when(**{REPLENISHMENT: "-1", "x-next-replenish-time": "never", "Retry-After": "90"}) == IN_90


@pytest.mark.parametrize("skew", [-HOUR, HOUR, timedelta(minutes=-5), timedelta(days=400)])
@pytest.mark.parametrize("form", ["ms", "s", "iso", "http"])
def test_a_wrong_clock_waits_as_long_as_a_right_one(skew, form):
    ours = NOW + skew
    named = {
        "ms": f"{EPOCH}000",
        "s": f"{EPOCH}",
        "iso": IN_90.isoformat(),
        "http": format_datetime(IN_90, usegmt=True),
    }[form]
    headers = {REPLENISHMENT: named, "Date": format_datetime(NOW, usegmt=True)}
    assert when(ours, **headers) == ours + timedelta(seconds=90)


def test_plain_seconds_need_no_clock():
    headers = {"Retry-After": "90", "Date": format_datetime(NOW - HOUR, usegmt=True)}
    assert when(**headers) == IN_90


def test_whole_seconds_of_date_are_no_skew():
    ours = NOW + timedelta(milliseconds=900)
    assert when(ours, Date=format_datetime(NOW, usegmt=True), **{REPLENISHMENT: f"{EPOCH}000"}) == IN_90


texts = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes(timezones=st.just(timezone.utc)).map(datetime.isoformat),
    st.datetimes().map(lambda value: value.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    st.from_regex(
        r"[0-9]{1,4} [A-Za-z]{3} [0-9]{1,25} [0-9]{1,9}:[0-9]{1,9}:[0-9]{1,9}( [-+][0-9]{1,9})?",
        fullmatch=True,
    ),
)


@given(named=texts, after=texts, date=texts)
def test_whatever_comes_the_answer_is_a_near_time_or_none(named, after, date):
    found = when(**{REPLENISHMENT: named, "Retry-After": after, "Date": date})
    assert found is None or NOW < found <= NOW + LONGEST_WAIT
