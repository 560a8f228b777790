"""Asking for pages: few threads, briefly, once for the same, and never what tasks need."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque

import pytest

from airflow_provider_walmart.client.errors import WalmartRateLimitError
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient
from airflow_provider_walmart.web import desk as desk_module
from airflow_provider_walmart.web.desk import BusyError, Desk


def asked(*questions, **options):
    """Ask all questions at the same time; return their answers, or errors."""
    desk = options.pop("desk", None) or Desk(**options)

    async def all_of_them():
        return await asyncio.gather(
            *(desk.ask(key, question) for key, question in questions), return_exceptions=True
        )

    return asyncio.run(all_of_them())


def test_the_same_question_is_asked_once_while_its_answer_is_fresh():
    calls = []
    desk = Desk()
    question = ("key", lambda: calls.append(1) or len(calls))
    assert asked(question, question, desk=desk) == [1, 1]
    assert asked(question, desk=desk) == [1]


def test_a_failure_is_asked_about_again_soon(monkeypatch):
    answers = iter([ValueError("no"), "yes"])

    def question():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    desk = Desk()
    assert isinstance(asked(("key", question), desk=desk)[0], ValueError)
    assert isinstance(asked(("key", question), desk=desk)[0], ValueError)
    monkeypatch.setattr(desk_module, "FAILURE_FRESH", 0.0)
    assert asked(("key", question), desk=desk) == ["yes"]


def test_what_is_more_than_the_threads_and_the_queue_is_refused():
    go_on = threading.Event()
    desk = Desk(threads=1, queue=1, timeout=0.1)
    answers = asked(*((number, go_on.wait) for number in range(3)), desk=desk)
    assert [str(each)[:9] for each in answers] == ["Walmart h", "Walmart h", "Many page"]
    go_on.set()
    deadline = time.monotonic() + 10
    while isinstance(asked(("later", lambda: "asked"), desk=desk)[0], BusyError):
        assert time.monotonic() < deadline


def test_a_slow_answer_is_there_for_the_next_page():
    go_on = threading.Event()
    desk = Desk(timeout=0.1)
    assert isinstance(asked(("key", go_on.wait), desk=desk)[0], BusyError)
    go_on.set()
    assert asked(("key", lambda: pytest.fail("asked twice")), desk=desk) == [True]


def test_other_requests_go_on_while_walmart_takes_its_time():
    async def beside():
        slow = asyncio.create_task(Desk().ask("key", lambda: time.sleep(0.5)))
        begin = time.monotonic()
        await asyncio.sleep(0.01)
        waited = time.monotonic() - begin
        await slow
        return waited

    assert asyncio.run(beside()) < 0.4


class TestBudgets:
    SETTINGS = WalmartSettings(client_id="an-id", client_secret="a-secret")
    CALL = ("GET", "/v3/orders/released", "")

    def throttle(self, store: Resilient, leave: float = 0.0) -> Throttle:
        return Throttle(self.SETTINGS, store, max_wait=0.0, leave=leave, clock=lambda: 1_800_000_000.0)

    def used(self, store: Resilient) -> int:
        (budget,) = (
            each for each in self.throttle(store).budgets() if each.bucket == "GET /v3/orders/released"
        )
        return budget.count - budget.left

    def test_pages_leave_half_of_a_budget_to_tasks(self):
        store = Resilient(MemoryStore())
        page, task = self.throttle(store, leave=0.5), self.throttle(store)
        for _ in range(20):
            page.wait(*self.CALL)
        with pytest.raises(WalmartRateLimitError, match="left to others"):
            deque((page.wait(*self.CALL) for _ in range(20)), maxlen=0)
        before = self.used(store)
        for _ in range(20):
            task.wait(*self.CALL)
        assert self.used(store) >= before + 10
        with pytest.raises(WalmartRateLimitError):
            page.wait(*self.CALL)

    def test_a_budget_of_one_call_is_all_left_to_tasks(self):
        page = self.throttle(Resilient(MemoryStore()), leave=0.5)
        with pytest.raises(WalmartRateLimitError, match="left to others"):
            page.wait("GET", "/v3/report/wfs/inventoryReconciliationReport", "")

    def test_budgets_tell_of_what_is_left_without_taking_anything(self):
        store = Resilient(MemoryStore())
        throttle = self.throttle(store)
        assert self.used(store) == 0
        throttle.wait(*self.CALL)
        used = self.used(store)
        assert used >= 1
        assert self.used(store) == used

    def test_budgets_tell_of_a_time_that_walmart_named(self):
        store = Resilient(MemoryStore())
        throttle = self.throttle(store)
        throttle.learn(*self.CALL, 429, {"X-Next-Replenishment-Time": "1800000030000"})
        (blocked,) = (each for each in throttle.budgets() if each.blocked_until)
        assert blocked.bucket == "GET /v3/orders/released"
        assert blocked.blocked_until.timestamp() == pytest.approx(1_800_000_030, abs=2)
