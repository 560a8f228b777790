"""What a snapshot makes of any sequence of runs, failures, unknown outcomes and crashes."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
from airflow_provider_walmart.storage import snapshots
from airflow_provider_walmart.storage.snapshots import Row, Snapshots

NOON = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
WEEK = timedelta(days=7)


def rows_of(file):
    return [Row(n, f"sku {sku}", sku, str(value).encode()) for n, (sku, value) in enumerate(file.items(), 1)]


@pytest.fixture
def snapshot(tmp_path):
    return Snapshots(f"{tmp_path}/prices.sqlite", "us/seller/price", Resilient(MemoryStore()))


def select(snapshot, run, file, *, hours=0, **options):
    options = {"full_every": WEEK, **options}
    return snapshot.select(run, rows_of(file), now=NOON + timedelta(hours=hours), **options)


def settle(snapshot, run, outcomes, *, hours=0):
    snapshot.settle(run, outcomes.items(), now=NOON + timedelta(hours=hours))


def wanted(snapshot, run, file, **options):
    found = select(snapshot, run, file, **options)
    return {sku for sku, flag in zip(file, found.wanted, strict=True) if flag}


def accept(snapshot, run, file, **options):
    select(snapshot, run, file, **options)
    settle(
        snapshot, run, dict.fromkeys(file, "accepted"), **{k: v for k, v in options.items() if k == "hours"}
    )


def test_the_first_run_sends_all_and_the_next_one_what_changed(snapshot):
    assert wanted(snapshot, "1", {"A": 1, "B": 2}) == {"A", "B"}
    settle(snapshot, "1", {"A": "accepted", "B": "accepted"})
    found = select(snapshot, "2", {"A": 1, "B": 3, "C": 4})
    assert (list(found.wanted), found.sent, found.unchanged, found.is_full) == ([0, 1, 1], 2, 1, False)


def test_nothing_changed_writes_nothing(snapshot, tmp_path):
    accept(snapshot, "1", {"A": 1})
    before = (tmp_path / "prices.sqlite").stat().st_mtime_ns
    assert select(snapshot, "2", {"A": 1}).sent == 0
    assert (tmp_path / "prices.sqlite").stat().st_mtime_ns == before


def test_a_refused_row_keeps_the_value_that_walmart_has(snapshot):
    accept(snapshot, "1", {"A": 1})
    select(snapshot, "2", {"A": 2})
    settle(snapshot, "2", {"A": "refused"})
    assert wanted(snapshot, "3", {"A": 1}) == set()
    assert wanted(snapshot, "4", {"A": 2}) == {"A"}


@pytest.mark.parametrize("outcomes", [{"A": "unknown"}, {}], ids=["unknown", "missing"])
def test_a_row_of_unknown_outcome_is_sent_again_whatever_it_says(snapshot, outcomes):
    accept(snapshot, "1", {"A": 1})
    select(snapshot, "2", {"A": 2})
    settle(snapshot, "2", outcomes)
    assert wanted(snapshot, "3", {"A": 1}) == {"A"}


def test_a_run_that_died_leaves_its_rows_to_be_sent_again(snapshot):
    accept(snapshot, "1", {"A": 1, "B": 1})
    select(snapshot, "2", {"A": 2, "B": 1})
    assert wanted(snapshot, "3", {"A": 1, "B": 1}) == {"A"}


def test_another_try_of_a_run_gets_the_same_selection(snapshot):
    accept(snapshot, "1", {"A": 1, "B": 1})
    assert wanted(snapshot, "2", {"A": 2, "B": 1}) == {"A"}
    # Another run marks a row meanwhile.
    select(snapshot, "3", {"B": 5})
    assert wanted(snapshot, "2", {"A": 2, "B": 1}) == {"A"}


def test_a_full_run_stays_one_in_its_next_try(snapshot):
    file = {"A": 1, "B": 1}
    accept(snapshot, "1", file)
    assert wanted(snapshot, "2", file, hours=24 * 7) == {"A", "B"}
    assert wanted(snapshot, "2", file, hours=24 * 7) == {"A", "B"}
    settle(snapshot, "2", dict.fromkeys(file, "accepted"), hours=24 * 7)
    assert wanted(snapshot, "3", file, hours=24 * 8) == set()


def test_two_runs_with_the_same_row_at_once_leave_it_unknown(snapshot):
    accept(snapshot, "1", {"A": 1})
    select(snapshot, "2", {"A": 2})
    select(snapshot, "3", {"A": 3})
    settle(snapshot, "3", {"A": "accepted"})
    settle(snapshot, "2", {"A": "accepted"})
    assert wanted(snapshot, "4", {"A": 3}) == {"A"}
    settle(snapshot, "4", {"A": "accepted"})
    assert wanted(snapshot, "5", {"A": 3}) == set()


def test_a_value_that_expires_is_sent_again(snapshot):
    accept(snapshot, "1", {"A": 1})
    assert wanted(snapshot, "2", {"A": 1}, hours=5, expire_after=timedelta(hours=6)) == set()
    assert wanted(snapshot, "3", {"A": 1}, hours=6, expire_after=timedelta(hours=6)) == {"A"}


def test_a_row_that_vanished_is_neither_sent_nor_forgotten(snapshot):
    accept(snapshot, "1", {"A": 1, "B": 1})
    assert wanted(snapshot, "2", {"A": 1}) == set()
    assert wanted(snapshot, "3", {"A": 1, "B": 1}) == set()


def test_a_sku_with_items_of_both_kinds_is_unknown(snapshot):
    accept(snapshot, "1", {"A": 1})
    select(snapshot, "2", {"A": 2})
    snapshot.settle("2", [("A", "accepted"), ("A", "refused")], now=NOON)
    assert wanted(snapshot, "3", {"A": 1}) == {"A"}


def test_reconciling_finds_what_was_changed_at_walmart(snapshot):
    accept(snapshot, "1", {"A": 1, "B": 1, "C": 1})
    later = NOON + timedelta(hours=1)
    assert snapshot.reconcile(rows_of({"A": 1, "B": 9, "D": 4}), now=later) == (3, 2)
    assert wanted(snapshot, "2", {"A": 1, "B": 1, "C": 1, "D": 4}, hours=1) == {"B", "C"}


def test_the_same_key_twice_is_refused_with_its_rows(snapshot):
    twice = [Row(1, "sku 'A'", "A", b"1"), Row(2, "sku 'B'", "B", b"1"), Row(3, "sku 'A'", "A", b"2")]
    with pytest.raises(WalmartConfigError, match=r"row 3: sku 'A' is in row 1 already"):
        snapshot.select("1", twice, now=NOON, full_every=WEEK)


def test_the_snapshot_of_another_account_is_refused(snapshot, tmp_path):
    accept(snapshot, "1", {"A": 1})
    other = Snapshots(f"{tmp_path}/prices.sqlite", "mx/seller/price", Resilient(MemoryStore()))
    with pytest.raises(WalmartConfigError, match="us/seller/price; expected one of mx/seller/price"):
        select(other, "2", {"A": 1})


def test_a_file_that_is_no_snapshot_is_refused_and_left_alone(snapshot, tmp_path):
    (tmp_path / "prices.sqlite").write_text("sku,price\n" * 200)
    with pytest.raises(WalmartConfigError, match="which is no snapshot"):
        select(snapshot, "1", {"A": 1})
    assert (tmp_path / "prices.sqlite").read_text().startswith("sku,price")


SKUS = st.sampled_from(["A", "B", "C"])
OUTCOMES = st.sampled_from(["accepted", "refused", "unknown", "missing", "unknown but applied"])


class Shop(RuleBasedStateMachine):
    """Runs of a task against a Walmart of its own, one at a time, any of which may fail or die anywhere."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.snapshot = Snapshots(f"{self.folder.name}/s.sqlite", "scope", Resilient(MemoryStore()))
        self.file = {"A": 0, "B": 0, "C": 0}
        self.walmart: dict[str, int] = {}
        self.run = self.hour = 0
        self.in_flight: dict[str, int] = {}
        # What nobody but us changed, and of which each result came back: only what changed may be sent of it.
        self.certain: dict[str, int] = {}
        # What runs that died may still have on its way: of the next feed with it, too, nobody knows whether it came last.
        self.left: set[str] = set()

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(sku=SKUS, value=st.integers(0, 2))
    def change_the_file(self, sku, value):
        self.file[sku] = value

    @precondition(lambda self: not self.in_flight)
    @rule(dies=st.booleans())
    def send(self, dies):
        self.run += 1
        found = select(self.snapshot, str(self.run), self.file, full_every=None)
        again = select(self.snapshot, str(self.run), self.file, full_every=None)
        assert found.wanted == again.wanted
        chosen = {sku for sku, flag in zip(self.file, found.wanted, strict=True) if flag}
        for sku, value in self.file.items():
            if sku not in chosen:
                assert self.walmart.get(sku) == value, "a row that Walmart does not have was not sent"
        if not found.is_full:
            for sku in chosen:
                assert self.certain.get(sku) != self.file[sku], "a row that Walmart has was sent"
        self.in_flight = {sku: self.file[sku] for sku in chosen}
        if dies:
            # It may have been sent, or not.
            for number, (sku, value) in enumerate(self.in_flight.items()):
                if number % 2:
                    self.walmart[sku] = value
                self.certain.pop(sku, None)
            self.left |= chosen
            self.in_flight = {}

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), dies=st.sampled_from(["no", "before", "while"]))
    def bring_results(self, data, dies):
        results = {}
        for sku, value in self.in_flight.items():
            outcome = data.draw(OUTCOMES)
            if outcome in ("accepted", "unknown but applied"):
                self.walmart[sku] = value
            if outcome == "accepted" and dies == "no" and sku not in self.left:
                self.certain[sku] = value
            elif outcome != "refused" or dies != "no" or sku in self.left:
                self.certain.pop(sku, None)
            if outcome != "missing":
                results[sku] = outcome.partition(" ")[0]
        if dies == "no":
            settle(self.snapshot, str(self.run), results)
        elif dies == "while":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(snapshots.shutil, "copyfileobj", _full_disk(snapshots.shutil.copyfileobj))
                with pytest.raises(OSError, match="full"):
                    settle(self.snapshot, str(self.run), results)
        self.left = self.left - self.in_flight.keys() if dies == "no" else self.left | self.in_flight.keys()
        self.in_flight = {}

    @invariant()
    def nothing_is_left_beside_the_snapshot(self):
        if hasattr(self, "folder"):
            assert not list(Path(self.folder.name).glob(".*"))


def _full_disk(copy):
    def fails(source, target, *rest):
        if "w" in str(getattr(target, "mode", "")) and "walmart-snapshot-" in str(
            getattr(source, "name", "")
        ):
            raise OSError(28, "the disk is full")
        copy(source, target, *rest)

    return fails


TestAnySequence = Shop.TestCase
TestAnySequence.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
