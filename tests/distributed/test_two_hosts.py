"""Two hosts under Celery that share Redis and nothing else: one token, one budget, no feed twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

pytestmark = pytest.mark.system

CALLERS, CALLS, FEEDS = 8, 12, 12


@pytest.fixture(autouse=True)
def _empty_shop(sandbox: LocalSandbox) -> None:
    sandbox.control("/reset", {})


def received(sandbox: LocalSandbox, method: str, path: str) -> list[dict[str, Any]]:
    return [
        entry
        for entry in sandbox.control("/requests")
        if (entry["method"], entry["path"].partition("?")[0]) == (method, path)
    ]


def test_one_token_and_one_budget(hosts, sandbox: LocalSandbox) -> None:
    run = hosts.airflow.trigger("many_calls")

    assert hosts.airflow.wait_for_run("many_calls", run) == "success"
    assert len(received(sandbox, "POST", "/v3/token")) == 1
    # More than the 50 a minute that are allowed: somebody had to wait, and nobody was refused.
    assert Counter(entry["status"] for entry in received(sandbox, "GET", "/v3/returns")) == {
        200: CALLERS * CALLS
    }
    assert {task["state"] for task in hosts.airflow.task_instances("many_calls", run)} == {"success"}
    assert all(hosts.tasks_begun(host) for host in ("one", "two"))


def test_a_host_that_dies_while_it_submits_loses_no_feed_and_duplicates_none(
    hosts, sandbox: LocalSandbox, processes: Processes
) -> None:
    # The answers are late, so the host dies between sending and knowing.
    late = {"path": "^/v3/feeds$", "method": "POST", "delay": 5, "after_effect": True, "times": 3}
    sandbox.control("/faults", [late])
    before = hosts.tasks_begun("one")
    run = hosts.airflow.trigger("many_feeds")
    begun = lambda: hosts.tasks_begun("one") > before and received(sandbox, "POST", "/v3/feeds")  # noqa: E731
    processes.wait_until(begun, what="a feed under way")
    hosts.kill("one")

    assert hosts.airflow.wait_for_run("many_feeds", run) == "success"
    assert len(received(sandbox, "POST", "/v3/feeds")) == FEEDS
    tasks = hosts.airflow.task_instances("many_feeds", run)
    assert any(task["try_number"] > 1 for task in tasks)
    feeds = [hosts.airflow.xcom("many_feeds", run, "submit", map_index=number) for number in range(FEEDS)]
    assert len({feed["feedIds"][0] for feed in feeds}) == FEEDS
    hosts.start("one")
