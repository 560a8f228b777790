"""Tasks on a real Airflow, beside the same work done by hand and with Airflow's HTTP provider.

``python -m tests.benchmarks.bench_tasks [tasks]`` prints a table. All three check a feed, as many times as tasks of each
kind are mapped in a run; the durations are those that Airflow notes, from the start of a task to its end. Each has a DAG
file of its own, or all would pay for what one of them imports. They run once with a server that answers at once, and once
with one that takes as long as Walmart does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.figures import Figure

TASKS = 20
KEYS = ("an-id", "a-secret-of-ours")
# What Walmart takes for an answer. Seconds.
LATENCY = 0.3
DAGS = {
    "ours": """
from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator

with DAG("ours", schedule=None, start_date=datetime(2026, 1, 1)):
    WalmartFeedStatusOperator.partial(task_id="check").expand(feed_id={feeds!r})
""",
    "by_hand": """
from datetime import datetime

from airflow.sdk import DAG, task

with DAG("by_hand", schedule=None, start_date=datetime(2026, 1, 1)):

    @task
    def check(feed_id):
        import sys

        sys.path.insert(0, {here!r})
        from tests.helpers import by_hand

        by_hand.KEYS = {keys!r}
        feed = by_hand.task({url!r}, "/v3/feeds/" + feed_id.replace("@", "%40"))
        assert feed["itemsFailed"] == 0
        return feed["feedStatus"]

    check.expand(feed_id={feeds!r})
""",
    "http": """
from datetime import datetime

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, task

with DAG("http", schedule=None, start_date=datetime(2026, 1, 1)):

    @task
    def token():
        import sys

        sys.path.insert(0, {here!r})
        from tests.helpers import by_hand

        by_hand.KEYS = {keys!r}
        return by_hand.token_of({url!r})

    HttpOperator.partial(
        task_id="check",
        method="GET",
        headers={{
            "WM_SEC.ACCESS_TOKEN": "{{{{ ti.xcom_pull('token') }}}}",
            "WM_QOS.CORRELATION_ID": "{{{{ run_id }}}}-{{{{ ti.map_index }}}}",
            "WM_SVC.NAME": "Walmart Marketplace",
            "Accept": "application/json",
        }},
        response_check=lambda answer: answer.json()["itemsFailed"] == 0,
    ).expand(endpoint=["/v3/feeds/" + feed_id.replace("@", "%40") for feed_id in {feeds!r}]) << token()
""",
}


def durations(airflow: LocalAirflow, dag_id: str) -> list[float]:
    run_id = airflow.trigger(dag_id)
    assert airflow.wait_for_run(dag_id, run_id) == "success", dag_id
    tasks = airflow.task_instances(dag_id, run_id)
    return [float(task["duration"]) for task in tasks if task["task_id"] == "check"]


def figures(tasks: int = TASKS) -> list[Figure]:
    """Measure, and return what was found."""
    with tempfile.TemporaryDirectory() as name, Processes(Path(name) / "logs") as processes:
        folder = Path(name)
        dags = folder / "dags"
        dags.mkdir()
        sandbox = LocalSandbox(processes, "--no-seed", "--client", ":".join(KEYS))
        feeds = sandbox.control("/seed", {"feeds": [{"age": 600} for _ in range(tasks)]})["feeds"]
        here = str(Path(__file__).resolve().parents[2])
        for dag_id, text in DAGS.items():
            (dags / f"{dag_id}.py").write_text(
                text.format(feeds=feeds, url=sandbox.url, here=here, keys=KEYS)
            )
        airflow = LocalAirflow(processes, folder / "airflow", dags)
        login, password = KEYS
        airflow.add_connection("walmart_default", host=sandbox.url, login=login, password=password)
        airflow.add_connection("http_default", conn_type="http", host=sandbox.url)
        # The first run of all pays for what is not compiled yet.
        for dag_id in DAGS:
            durations(airflow, dag_id)
        took = {}
        for latency in (0, LATENCY):
            sandbox.control("/faults", [{"path": "/v3/", "delay": latency}] if latency else [])
            found = {dag_id: durations(airflow, dag_id) for dag_id in DAGS}
            for dag_id in reversed(DAGS):
                found[dag_id] += durations(airflow, dag_id)
            took[latency] = {dag_id: statistics.median(each) for dag_id, each in found.items()}
        tokens = sum(entry["path"] == "/v3/token" for entry in sandbox.control("/requests"))
    runs = 5
    return [
        *(
            Figure(
                f"a task on a real Airflow that checks a feed, answers after {1000 * latency:.0f} ms, median of {2 * tasks}",
                f"{seconds['ours']:.2f} s",
                f"{seconds['by_hand']:.2f} s by hand, {seconds['http']:.2f} s with HttpOperator",
                "<= HttpOperator",
                seconds["ours"] <= seconds["http"],
            )
            for latency, seconds in took.items()
        ),
        Figure(
            "token requests of all these tasks",
            f"{tokens - runs * tasks - runs}",
            f"{runs * tasks} by hand, {runs} with HttpOperator (a task of its own, the token in XCom)",
        ),
    ]


if __name__ == "__main__":
    found = figures(*map(int, sys.argv[1:]))
    print(tabulate([vars(figure) for figure in found], headers="keys"))
