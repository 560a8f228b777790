"""Rate budgets, on a clock and a wire that are simulated: no test here waits."""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.errors import WalmartRateLimitError
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.rate_limits import Throttle, operation_at
from airflow_provider_walmart.client.transport.retries import Retries
from airflow_provider_walmart.client.transport.shared_state import FileStore, MemoryStore, Resilient

START = 1_800_000_000.0
SETTINGS = WalmartSettings(client_id="an-id", client_secret="a-secret")

# 200 a minute.
INVENTORY = ("GET", "/v3/inventory", "sku=a")
# 20 an hour.
LAG_TIME = ("GET", "/v3/lagtime", "sku=a")
FAR = 1e9


class Clock:
    def __init__(self, now: float = START) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Process:
    """One process with a budget in a store that others may share."""

    def __init__(
        self, store=None, clock: Clock | None = None, *, max_wait=60.0, settings=SETTINGS, **options
    ):
        self.clock = clock or Clock()
        self.store = Resilient(MemoryStore() if store is None else store)
        self.throttle = Throttle(
            settings, self.store, max_wait, clock=self.clock.time, sleep=self.clock.sleep, **options
        )

    def waits(self, call: tuple[str, str, str]) -> float:
        """Return for how long a call has to wait."""
        before = self.clock.now
        self.throttle.wait(*call)
        return self.clock.now - before

    def burst(self, call: tuple[str, str, str], most: int = 10_000) -> int:
        """Return how many calls go out before the first one that has to wait."""
        return next(number for number in range(most) if self.waits(call) > 0)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, timezone.utc)


def milliseconds(seconds: float) -> str:
    return str(int((START + seconds) * 1000))


# -- the server counts, too --------------------------------------------------------------------------


class Server:
    """A token bucket as Walmart keeps it: full until the first call arrives."""

    def __init__(self, count: int, per: float, level: float | None = None) -> None:
        self.count, self.per = count, per
        self.level, self.at = count if level is None else level, 0.0
        self.arrivals: list[float] = []
        self.statuses: Counter[int] = Counter()

    def answer(self, now: float) -> tuple[int, dict[str, str]]:
        rate = self.count / self.per
        self.level = min(self.count, self.level + max(0.0, now - self.at) * rate) if self.at else self.level
        self.at = now
        granted = self.level >= 1 - 1e-6
        self.level -= granted
        named = now + (int(self.level + 1e-6) + 1 - self.level) / rate
        status = 200 if granted else 429
        self.arrivals.append(now)
        self.statuses[status] += 1
        return status, {
            "x-current-token-count": str(int(self.level + 1e-6)),
            "X-Next-Replenishment-Time": str(int(named * 1000) + 1),
        }

    @property
    def used(self) -> float:
        """Which share of all that could be called until the last call was called."""
        took = self.arrivals[-1] - self.arrivals[0]
        return len(self.arrivals) / (self.count + took * self.count / self.per)


class Kernel(Clock):
    """A clock that many threads sleep on: one of them runs, and time passes when all sleep."""

    def __init__(self) -> None:
        super().__init__()
        self._sleeping: list[tuple[float, int, threading.Event]] = []
        self._numbers = itertools.count()

    def sleep(self, seconds: float) -> None:
        wake_up = self._to_bed(seconds)
        self._wake_next()
        wake_up.wait()

    def run(self, programs: list[Callable[[], None]]) -> None:
        def body(program: Callable[[], None], wake_up: threading.Event) -> None:
            wake_up.wait()
            try:
                program()
            finally:
                self._wake_next()

        threads = [threading.Thread(target=body, args=(program, self._to_bed(0))) for program in programs]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()

    def _to_bed(self, seconds: float) -> threading.Event:
        wake_up = threading.Event()
        heapq.heappush(self._sleeping, (self.now + seconds, next(self._numbers), wake_up))
        return wake_up

    def _wake_next(self) -> None:
        if self._sleeping:
            self.now, _, wake_up = heapq.heappop(self._sleeping)
            wake_up.set()


def simulate(
    server: Server, call: tuple[str, str, str], calls: int, delay: Callable[[], float], *, attempts: int = 4
) -> int:
    """Let eight processes make calls as fast as they may; return how many calls were refused to the end."""
    kernel, store = Kernel(), MemoryStore()
    left, given_up = iter(range(calls)), []

    def program() -> None:
        throttle = Process(store, kernel, max_wait=FAR).throttle
        for number in left:
            for _ in range(attempts):
                throttle.wait(*call)
                kernel.sleep(delay())
                status, headers = server.answer(kernel.now)
                kernel.sleep(delay())
                throttle.learn(*call, status, headers)
                if status == 200:
                    break
                kernel.sleep(0.05 + delay())
            else:
                given_up.append(number)

    kernel.run([program] * 8)
    return len(given_up)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("call", "count", "per", "calls", "slowest"),
    [
        (INVENTORY, 200, 60, 3000, 0.9),
        (("GET", "/v3/orders/released", ""), 60, 60, 500, 0.9),
        (("PATCH", "/v3/webhooks/subscriptions/1", ""), 5, 60, 50, 0.9),
        (("POST", "/v3/price/getPricingInsights", ""), 2, 60, 40, 0.9),
        (("POST", "/v3/insights/items/listingQuality/items", ""), 1, 60, 40, 0.9),
        (("GET", "/v3/orders", ""), 5000, 60, 12_000, 0.05),
        (LAG_TIME, 20, 3600, 200, 0.9),
        (("PUT", "/v3/price", ""), 100, 3600, 500, 0.9),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
def test_however_long_calls_are_on_their_way_none_is_refused_and_hardly_any_is_left_over(
    call, count, per, calls, slowest, seed
):
    dice = random.Random(seed)
    server = Server(count, per)
    # The first calls look up names and shake hands, later ones don't.
    delays = itertools.chain([slowest] * 16, iter(lambda: dice.uniform(0, slowest), None))
    assert simulate(server, call, calls, lambda: next(delays)) == 0
    assert server.statuses == {200: calls}
    assert server.used >= 0.95


def test_what_somebody_else_takes_out_of_the_budget_costs_a_429_and_no_storm():
    # Ours say 200 a minute; others leave 60 of them, and the bucket is empty.
    dice = random.Random(1)
    server = Server(60, 60, level=0)
    assert simulate(server, INVENTORY, 300, lambda: dice.uniform(0.01, 0.1)) == 0
    assert server.statuses[200] == 300
    # The first calls of all processes, and then hardly any.
    assert server.statuses[429] <= 8 + 300 * 0.1


# -- slots -------------------------------------------------------------------------------------------


def test_a_new_budget_is_full_but_for_what_is_held_back_for_the_lag_of_the_wire():
    # 200 a minute are 10 in three seconds.
    assert Process().burst(INVENTORY) == 190


def test_calls_of_a_drained_budget_go_at_the_rate_it_refills():
    process = Process()
    process.burst(INVENTORY)
    assert [process.waits(INVENTORY) for _ in range(10)] == pytest.approx([0.3] * 10, abs=0.01)


def test_an_hourly_budget_refills_gradually():
    process = Process(max_wait=FAR)
    assert process.burst(LAG_TIME) == 19
    waits = [process.waits(LAG_TIME) for _ in range(3)]
    assert waits == pytest.approx([180, 180, 180], abs=1)


def test_all_who_share_a_store_share_a_budget():
    store, clock = MemoryStore(), Clock()
    crowd = [Process(store, clock) for _ in range(4)]
    calls = 0
    while not clock.slept:
        crowd[calls % 4].throttle.wait(*INVENTORY)
        calls += 1
    # The others may have some slots left in their hands.
    assert 180 < calls <= 191


@pytest.mark.parametrize(
    "fields",
    [{"client_id": "another"}, {"market": "mx"}, {"partner_id": "1"}, {"environment": "sandbox"}],
)
def test_accounts_have_budgets_of_their_own(fields):
    store, clock = MemoryStore(), Clock()
    Process(store, clock).burst(INVENTORY)
    other = WalmartSettings(**{"client_id": "an-id", "client_secret": "a-secret", **fields})
    assert Process(store, clock, settings=other).waits(INVENTORY) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("GET", "/v3/feeds", "limit=50"), ("GET", "/v3/feeds/A@B", "")),
        (("POST", "/v3/items/associations", ""), ("POST", "/v3/items/catalog/search", "limit=1")),
        (("PUT", "/v3/price", ""), ("PUT", "/v3/price", "promo=true")),
        (("GET", "/v3/inventories/a%2Fb", ""), ("GET", "/v3/inventories/c", "")),
    ],
)
def test_operations_with_a_common_limit_share_a_budget(one, other):
    process = Process(max_wait=FAR)
    assert process.burst(one) > 0
    assert process.waits(other) > 0


def test_operations_without_one_do_not():
    process = Process()
    process.burst(INVENTORY)
    assert process.waits(("PUT", "/v3/inventory", "sku=a")) == 0


def test_a_limit_for_calls_with_parameters_leaves_those_without_alone():
    process = Process()
    assert process.burst(("GET", "/v3/items", "limit=20")) == 57
    # Those are among the 300 of all calls, of which 15 are held back and 5 have come back during the wait.
    assert process.burst(("GET", "/v3/items", "")) == 300 - 58 - 15 + 5


def test_a_limit_for_one_value_of_a_parameter():
    process = Process(max_wait=FAR)
    spec = ("GET", "/v3/items/walmart/search", "responseFormat=SPEC")
    # 1,000 a day; 200 a minute are waited for by the way.
    assert next(number for number in itertools.count() if process.waits(spec) > 10) in range(995, 1015)
    assert process.waits(("GET", "/v3/items/walmart/search", "query=a")) == 0


def test_two_limits_of_one_operation_are_both_kept():
    process = Process(max_wait=FAR)
    strategies = ("GET", "/v3/repricer/strategies", "")
    assert process.burst(strategies) == 9
    sent = 0
    while process.clock.now < START + 3600:
        process.throttle.wait(*strategies)
        sent += 1
    assert 90 <= sent <= 100


def test_an_operation_without_a_published_limit_gets_sixty_a_minute():
    process = Process()
    assert process.burst(("GET", "/v3/report/reconreport/availableReconFiles", "")) == 57
    assert process.burst(("GET", "/v3/not/catalogued", "")) == 57


def test_every_operation_has_a_budget_that_is_never_used_up_from_the_start():
    for operation in all_operations():
        assert Process().waits((operation.method, operation.path, "")) == 0


def test_paths_are_recognised():
    for operation in all_operations():
        if operation.market == "us":
            found = operation_at("us", operation.method, operation.path.replace("{", "").replace("}", ""))
            assert found is not None
            if "{" not in operation.path:
                assert found.path == operation.path
    assert operation_at("us", "GET", "/v3/orders/released").name == "getAllReleasedOrders"
    assert operation_at("us", "GET", "/v3/orders/108a").name == "getAnOrder"
    assert operation_at("mx", "GET", "/v3/orders").market == "mx"
    assert operation_at("us", "GET", "/v4/orders") is None
    assert operation_at("us", "LOCK", "/v3/orders") is None


# -- waiting -----------------------------------------------------------------------------------------


def test_a_long_wait_is_refused_before_anything_is_sent_and_takes_no_slot():
    process = Process(max_wait=60)
    process.burst(LAG_TIME)  # has waited for a first slot
    for _ in range(3):
        with pytest.raises(WalmartRateLimitError, match="Not sent: by the budget of 20 per 3600 s") as caught:
            process.throttle.wait(*LAG_TIME)
    error = caught.value
    assert error.retry_at is not None
    assert not error.is_final
    assert (error.method, error.path, error.status) == ("GET", "/v3/lagtime", None)
    process.clock.now = error.retry_at.timestamp()
    assert process.waits(LAG_TIME) == 0


def test_whatever_has_pages_can_be_read_without_an_error():
    for operation in all_operations():
        process = Process(max_wait=Retries.MAX_WAIT)
        for _ in range(250 if operation.paging else 0):
            process.throttle.wait(operation.method, operation.path, "")


def test_waiting_ends_at_the_deadline_however_often_walmart_moves_it():
    process = Process(max_wait=60)

    def sleep(seconds: float) -> None:
        process.clock.sleep(seconds)
        blocked = milliseconds(process.clock.now - START + 25)
        process.throttle.learn(*INVENTORY, 429, {"X-Next-Replenishment-Time": blocked})

    process.throttle._sleep = sleep
    process.throttle.learn(*INVENTORY, 429, {"X-Next-Replenishment-Time": milliseconds(25)})
    with pytest.raises(WalmartRateLimitError) as caught:
        process.throttle.wait(*INVENTORY)
    assert process.clock.now == pytest.approx(START + 50, abs=0.1)
    assert caught.value.retry_at == at(75)


def test_waits_worth_knowing_of_are_said(caplog):
    caplog.set_level(logging.INFO, "airflow_provider_walmart")
    process = Process()
    process.throttle.learn(*INVENTORY, 429, {"X-Next-Replenishment-Time": milliseconds(30)})
    process.throttle.wait(*INVENTORY)
    assert "Waiting 30.0 s before GET /v3/inventory: Walmart's own word" in caplog.text


# -- what answers say --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Next-Replenishment-Time": milliseconds(20)},
        {"x-next-replenish-time": milliseconds(20)},
        {"X-Next-Replenishment-Time": str(int(START + 20))},
        {"X-Next-Replenishment-Time": at(20).isoformat()},
        {"X-RateLimit-Reset": str(int(START + 20))},
        {"Retry-After": "20"},
        {"Retry-After": format_datetime(at(20), usegmt=True)},
        {"X-Next-Replenishment-Time": milliseconds(20), "Retry-After": "3"},
        {"X-Next-Replenishment-Time": "nonsense", "Retry-After": "20"},
    ],
    ids=json.dumps,
)
def test_nobody_calls_before_the_time_that_a_429_named_in_whatever_form(headers):
    store = MemoryStore()
    one, other, off = Process(store), Process(store), Process(store, published=False)
    one.throttle.learn(*INVENTORY, 429, CaseInsensitiveDict(headers))
    assert [process.waits(INVENTORY) for process in (one, off)] == pytest.approx([20, 20], abs=0.01)
    # The second one of those who keep to budgets doesn't go at the same moment.
    assert other.waits(INVENTORY) == pytest.approx(20.3, abs=0.01)


def test_a_429_concerns_its_bucket_alone():
    process = Process()
    process.throttle.learn(*INVENTORY, 429, {"Retry-After": "20"})
    assert process.waits(("PUT", "/v3/inventory", "sku=a")) == 0
    assert process.waits(INVENTORY) == pytest.approx(20, abs=0.01)


def test_a_429_without_a_time_says_that_the_budget_is_used_up():
    process = Process()
    process.throttle.learn(*INVENTORY, 429, {})
    waits = [process.waits(INVENTORY) for _ in range(5)]
    assert waits == pytest.approx([0.3] * 5, abs=0.01)
    off = Process(published=False)
    off.throttle.learn(*INVENTORY, 429, {})
    assert off.waits(INVENTORY) == 0


@pytest.mark.parametrize(("count", "wait"), [("0", 20), ("0.0", 20), ("1", 0), ("", 0), ("none", 0)])
def test_the_last_call_of_a_budget_stops_the_others_before_one_is_refused(count, wait):
    store = MemoryStore()
    one, other = Process(store), Process(store)
    headers = {"x-current-token-count": count, "X-Next-Replenishment-Time": milliseconds(20)}
    one.throttle.learn(*INVENTORY, 200, CaseInsensitiveDict(headers))
    assert other.waits(INVENTORY) == pytest.approx(wait, abs=0.01)


@pytest.mark.parametrize("headers", [{"X-Next-Replenishment-Time": milliseconds(20)}, {"Retry-After": "20"}])
def test_a_time_on_any_other_answer_means_nothing(headers):
    process = Process()
    for status in (200, 404, 500, 503):
        process.throttle.learn(*INVENTORY, status, headers)
    assert process.waits(INVENTORY) == 0


def test_an_earlier_time_does_not_replace_a_later_one():
    process = Process()
    for seconds in (20, 10):
        process.throttle.learn(*INVENTORY, 429, {"Retry-After": str(seconds)})
    assert process.waits(INVENTORY) == pytest.approx(20, abs=0.01)


def test_a_time_far_away_is_refused_with_that_time():
    process = Process(max_wait=60)
    process.throttle.learn(*INVENTORY, 429, {"X-Next-Replenishment-Time": milliseconds(600)})
    with pytest.raises(WalmartRateLimitError, match="Not sent: by Walmart's own word") as caught:
        process.throttle.wait(*INVENTORY)
    assert caught.value.retry_at == at(600)
    assert process.clock.slept == []


def test_slots_taken_ahead_are_void_once_walmart_has_named_a_time():
    store, clock = MemoryStore(), Clock()
    process = Process(store, clock)
    for _ in range(7):  # has leases of 1, 2, 3 and 4 slots, three of them left
        process.throttle.wait(*INVENTORY)
    process.throttle.learn(*INVENTORY, 429, {"Retry-After": "1"})
    assert [process.waits(INVENTORY) for _ in range(4)] == pytest.approx([1, 0.3, 0.3, 0.3], abs=0.01)


# -- costs -------------------------------------------------------------------------------------------


class CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def get(self, name: str) -> bytes | None:
        self.counts["get"] += 1
        return super().get(name)

    def put(self, name: str, value: bytes, ttl: float) -> None:
        self.counts["put"] += 1
        super().put(name, value, ttl)

    def lock(self, name: str, timeout: float) -> AbstractContextManager[Any]:
        self.counts["lock"] += 1
        return super().lock(name, timeout)


def test_a_call_of_a_fast_bucket_costs_one_look_into_the_store_and_hardly_ever_a_lock():
    store = CountingStore()
    process = Process(store)
    for _ in range(4000):
        process.throttle.wait("GET", "/v3/orders", "")
    assert process.clock.slept == []
    assert store.counts["get"] < 4000 * 1.1
    assert store.counts["lock"] == store.counts["put"] < 4000 * 0.03


def test_a_quiet_process_lets_no_slots_expire():
    store, clock = MemoryStore(), Clock()
    process = Process(store, clock)
    for _ in range(100):
        process.throttle.wait(*INVENTORY)
        clock.now += 3
    clock.now -= 3
    # A hundred calls in five minutes leave the bucket full.
    assert Process(store, clock).burst(INVENTORY) == 189


# -- what may go wrong -------------------------------------------------------------------------------


class BrokenStore(MemoryStore):
    def __init__(self, broken: str) -> None:
        super().__init__()
        self._broken = broken

    def _may_break(self, method: str) -> None:
        if method == self._broken:
            raise OSError(28, "No space left on device")

    def get(self, name: str) -> bytes | None:
        self._may_break("get")
        return super().get(name)

    def put(self, name: str, value: bytes, ttl: float) -> None:
        self._may_break("put")
        super().put(name, value, ttl)

    def lock(self, name: str, timeout: float) -> AbstractContextManager[Any]:
        self._may_break("lock")
        return super().lock(name, timeout)


@pytest.mark.parametrize("broken", ["get", "put", "lock"])
def test_a_broken_store_costs_one_warning_and_the_budget_is_kept_in_memory(broken, caplog):
    process = Process(BrokenStore(broken))
    assert process.burst(INVENTORY) == 190
    process.throttle.learn(*INVENTORY, 429, {"Retry-After": "20"})
    assert process.waits(INVENTORY) >= 20
    assert len(warnings(caplog)) == 1
    assert "OSError, No space left on device" in caplog.text


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


RUBBISH = [b"", b"\x00\xff", b"{}", b"nan", b"inf", b"-inf", b"-1", b"1e300", b"[" * 100_000, b"9" * 5000]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=lambda rubbish: repr(rubbish[:10]))
def test_damaged_entries_cost_one_warning_and_the_budget_begins_anew(rubbish, caplog):
    store, clock = MemoryStore(), Clock()
    first = Process(store, clock)
    first.throttle.wait(*INVENTORY)
    first.throttle.learn(*INVENTORY, 429, {"Retry-After": "1"})
    for name in store._values:
        store._values[name] = rubbish
    process = Process(store, clock)
    assert process.burst(INVENTORY) == 190
    assert len(warnings(caplog)) == 1


def test_a_clock_that_was_set_back_blocks_nobody():
    store = MemoryStore()
    wrong = Process(store, Clock(START + 86_400 * 30))
    wrong.burst(INVENTORY)
    wrong.throttle.learn(*INVENTORY, 429, {"Retry-After": "20"})
    assert Process(store, Clock(START)).waits(INVENTORY) == 0


def test_who_dies_with_slots_in_hand_takes_them_out_of_one_budget_once():
    store, clock = MemoryStore(), Clock()
    for _ in range(10):
        Process(store, clock).throttle.wait(*INVENTORY)
    assert Process(store, clock).burst(INVENTORY) == 180


def test_a_lock_that_is_never_given_back_costs_one_warning_and_no_call(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("airflow_provider_walmart.client.transport.rate_limits.LOCK_TIMEOUT", 0.05)
    store = FileStore(tmp_path)
    held = Process(store)
    held.throttle.wait(*INVENTORY)
    locks = [store.lock(path.name.removesuffix(".lock"), 1) for path in tmp_path.glob("*.lock")]
    for lock in locks:
        lock.__enter__()
    assert [Process(store).waits(INVENTORY) for _ in range(3)] == [0, 0, 0]
    for lock in locks:
        lock.__exit__(None, None, None)
    assert len(warnings(caplog)) == 3  # one for each process
    assert "held too long" in caplog.text


def test_threads_share_slots_and_none_is_used_twice(tmp_path, monkeypatch):
    # None of them gives up a lock because the others get it again and again.
    monkeypatch.setattr("airflow_provider_walmart.client.transport.rate_limits.LOCK_TIMEOUT", 60)
    clock = Clock()
    process = Process(FileStore(tmp_path), clock, max_wait=0)
    sent: list[int] = []

    def program() -> None:
        for _ in range(400):
            try:
                process.throttle.wait("GET", "/v3/returns", "")
            except WalmartRateLimitError:
                continue
            sent.append(1)

    threads = [threading.Thread(target=program) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 50 a minute, of which three seconds' worth is held back.
    assert len(sent) == 47


def test_slots_taken_ahead_are_void_after_a_block_that_is_shorter_than_their_life():
    process = Process()
    # 1, 2, 4 and then 8 slots at once, of which 7 are left.
    assert [process.waits(INVENTORY) for _ in range(8)] == [0] * 8
    named = str(int(process.clock.now * 1000) + 200)
    process.throttle.learn(*INVENTORY, 429, {"X-Next-Replenishment-Time": named})
    process.clock.now += 0.5
    # By Walmart's word there was one call left at the time it named, and one has come in since then.
    assert [process.waits(INVENTORY) > 0 for _ in range(4)] == [False, False, True, True]
