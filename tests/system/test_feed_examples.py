"""The example DAGs about feeds in a real Airflow."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_provider_walmart.client.events.scope import mark
from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.airflow_line import AIRFLOW
from tests.helpers.scheduled_runs import scheduled_runs
from tests.helpers.statsd_server import StatsdServer

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
AN_HOUR = 3600


@pytest.fixture(autouse=True)
def _empty_shop(sandbox: LocalSandbox) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"feed_seconds": 2})


def uploads(sandbox: LocalSandbox) -> list[str]:
    """Return the queries of the feeds that were sent."""
    calls = sandbox.control("/requests?path=^/v3/feeds$")
    return [call["query"] for call in calls if call["method"] == "POST"]


# -- prices that somebody approves -----------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["Approve", "Reject"])
def test_prices_are_sent_when_they_are_approved(
    airflow: LocalAirflow,
    sandbox: LocalSandbox,
    processes: Processes,
    lake: Path,
    statsd: StatsdServer,
    answer: str,
) -> None:
    statsd.counters.clear()
    dag = "walmart_price_file"
    (lake / "prices").mkdir(exist_ok=True)
    now = datetime.now(timezone.utc)
    # The run may begin after midnight.
    for day in (now, now + timedelta(days=1)):
        file = lake / "prices" / f"{day:%Y-%m-%d}.csv"
        file.write_text("sku,price\nLAMP-1,19.99\nLAMP-2,5.00\nLAMP-3,7.50\n")
    run = airflow.trigger(dag)
    day_of_run = airflow.get(f"/dags/{dag}/dagRuns/{run}")["run_after"][:10]
    prices = lake / "prices" / f"{day_of_run}.csv"

    question = f"/dags/{dag}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
    asked = processes.wait_until(lambda: asked_for(airflow, question), what="the question")
    assert asked["body"] == "3 prices, from 5.00 (LAMP-2) to 19.99 (LAMP-1)."
    assert uploads(sandbox) == []
    # Airflow fails a task that goes on before its scheduler has heard that it paused.
    processes.wait_until(lambda: has_heard(airflow, run), what="the scheduler to hear of it")
    # What was checked is what is sent.
    prices.write_text("sku,price\nLAMP-1,0.01\n")
    airflow.change("PATCH", f"/api/v2{question}", json={"chosen_options": [answer]})

    assert airflow.wait_for_run(dag, run) == "success"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances(dag, run)}
    if answer == "Reject":
        assert states == {"preview": "success", "approve": "success", "submit": "skipped"}
        assert uploads(sandbox) == []
    else:
        assert states == dict.fromkeys(("preview", "approve", "submit"), "success")
        assert uploads(sandbox) == ["feedType=PRICE_AND_PROMOTION"]
        summary = airflow.xcom(dag, run, "submit")
        assert (summary["feeds"][0]["feedStatus"], summary["itemsSucceeded"]) == ("PROCESSED", 3)
        counted = statsd.counters
        processes.wait_until(lambda: counted["feed_items.succeeded"] == 3, what=f"{counted}")


def has_heard(airflow: LocalAirflow, run: str) -> bool:
    """Return whether the scheduler knows that the process that asked has ended."""
    log = (airflow.component_logs / "scheduler.log").read_text(errors="replace")
    return bool(re.search(rf"Received executor event .*task_id='approve', run_id='{re.escape(run)}'", log))


def asked_for(airflow: LocalAirflow, path: str):
    """Return the question that a run has for a person, once it is there."""
    asked = airflow.get(path.removesuffix("/-1/hitlDetails"))["state"] in ("deferred", "awaiting_input")
    return airflow.get(path) if asked else None


# -- items that failed at Walmart ------------------------------------------------------------------------


def test_items_that_failed_at_walmart_are_sent_again(
    airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes
) -> None:
    dag = "sends_again"
    error = {"type": "SYSTEM_ERROR", "code": "ERR_INT_SYS_0101002", "description": "Try later."}
    sandbox.control("/settings", {"feed_seconds": 0, "refused_skus": {"LAMP-2": error}})
    run = airflow.trigger(dag)
    # One of the tasks may begin a while after the other.
    processes.wait_until(lambda: len(of_both(airflow, dag, run)) == 2, what="the feeds of both tasks")
    sandbox.control("/settings", {"refused_skus": {}})
    assert airflow.wait_for_run(dag, run) == "success"
    results = of_both(airflow, dag, run, key="return_value")
    assert len(uploads(sandbox)) == sum(len(result["feedIds"]) for result in results)
    for result in results:
        assert len(result["feedIds"]) > 1
        assert [feed["itemsSucceeded"] for feed in result["feeds"]][:: len(result["feeds"]) - 1] == [1, 1]
        assert (result["itemsReceived"], result["itemsSucceeded"], result["itemsFailed"]) == (2, 2, 0)


def of_both(airflow: LocalAirflow, dag: str, run: str, key: str = "feed_ids") -> list:
    """Return what the tasks that send items again have in XCom by now."""
    tasks = {task["task_id"]: task["state"] for task in airflow.task_instances(dag, run)}
    entries = {
        task: airflow.get(f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries")["xcom_entries"]
        for task in tasks
    }
    return [
        airflow.xcom(dag, run, task, key)
        for task, found in entries.items()
        if key in {entry["key"] for entry in found}
    ]


# -- stock, one feed per file ----------------------------------------------------------------------------


def test_each_inventory_file_is_a_feed(airflow: LocalAirflow, sandbox: LocalSandbox, lake: Path) -> None:
    dag = "walmart_inventory"
    folder = lake / "inventory"
    folder.mkdir()
    for number, warehouse in enumerate(("east", "north", "west"), start=1):
        rows = [f"LAMP-{row},{row},1000000505{number}" for row in range(number)]
        (folder / f"{warehouse}.csv").write_text("\n".join(["sku,quantity,ship_node", *rows]))
    (folder / "notes.txt").write_text("no stock")

    run = airflow.trigger(dag)

    assert airflow.wait_for_run(dag, run) == "success"
    mapped = airflow.get(f"/dags/{dag}/dagRuns/{run}/taskInstances/submit/listMapped")["task_instances"]
    assert sorted(task["rendered_map_index"] for task in mapped) == ["east.csv", "north.csv", "west.csv"]
    found = [airflow.xcom(dag, run, "submit", map_index=index) for index in range(3)]
    assert [feed["itemsSucceeded"] for feed in found] == [1, 2, 3]
    assert len({feed["feedIds"][0] for feed in found}) == 3
    assert uploads(sandbox) == ["feedType=MP_INVENTORY"] * 3


# -- a report when a feed has finished -------------------------------------------------------------------


@pytest.fixture
def watching(airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes) -> Iterator[str]:
    """The id of the DAG that watches feeds, which is there as long as its test runs; there is an old feed already."""
    sandbox.control("/settings", {"feed_seconds": AN_HOUR})
    sandbox.control(
        "/seed", {"feeds": [{"feedId": "OLD@AQMBAQA", "feedType": "price", "items": 1, "age": 2 * AN_HOUR}]}
    )
    with scheduled_runs(airflow, processes):
        file = airflow.dags / "walmart_feed_report.py"
        shutil.copy(EXAMPLES / file.name, file)
        yield file.stem
        airflow.pause(file.stem)
        # When the file of a paused DAG is read, its watchers end.
        file.touch()
        processes.wait_until(lambda: not watchers(airflow), what="the end of the watcher")


def watchers(airflow: LocalAirflow) -> int:
    """Return how many triggers watch feeds, as Airflow's database has it."""
    with closing(sqlite3.connect(f"file:{airflow.home / 'airflow.db'}?mode=ro", uri=True)) as database:
        [count] = database.execute(
            "SELECT count(*) FROM trigger WHERE classpath LIKE '%FeedFinished%'"
        ).fetchone()
    return count


def noted(airflow: LocalAirflow) -> dict[str, int]:
    """Return what the watcher keeps in Airflow of the feeds that it has told of."""
    (asset,) = airflow.get("/assets", name_pattern="walmart_feed_finished")["assets"]
    kept = airflow.get(f"/assets/{asset['id']}/state-store")["asset_state_store"]
    return kept[0]["value"]["done"] if kept else {}


def test_each_feed_that_finishes_is_reported_once(
    airflow: LocalAirflow, sandbox: LocalSandbox, processes: Processes, lake: Path, watching: str
) -> None:
    def polls() -> int:
        counts = sandbox.control("/requests?path=^/v3/feeds$&count=1")
        return sum(found["count"] for found in counts if found["status"] == 200)

    def wait_for_look() -> None:
        before = polls()
        processes.wait_until(lambda: polls() > before, what="a poll at the feeds")

    def reported() -> list[str]:
        """Return the feeds of all runs, in their order."""
        runs = airflow.get(f"/dags/{watching}/dagRuns", order_by="run_after")["dag_runs"]
        ended = [run["dag_run_id"] for run in runs if run["state"] in ("success", "failed")]
        return [
            config["feed_id"] for run in ended for config in airflow.xcom(watching, run, "finished_feeds")
        ]

    sandbox.control(
        "/seed", {"feeds": [{"feedId": "BAD@AQMBAQA", "feedType": "price", "items": 50, "failed": 2}]}
    )
    wait_for_look()
    sandbox.control("/clock", {"advance": AN_HOUR})
    processes.wait_until(reported, what="the report of the first feed")
    assert reported() == ["BAD@AQMBAQA"]

    # A triggerer that dies forgets nothing, and tells nothing twice that it had time to note.
    if AIRFLOW >= (3, 3):
        processes.wait_until(lambda: mark("BAD@AQMBAQA") in noted(airflow), what="the state")
    sandbox.control("/seed", {"feeds": [{"feedId": "GOOD@AQMBAQA", "feedType": "MP_INVENTORY", "items": 3}]})
    processes.kill("triggerer")
    airflow.start("triggerer")
    wait_for_look()
    sandbox.control("/clock", {"advance": AN_HOUR})
    processes.wait_until(lambda: len(reported()) > 1, what="the report of the second feed")
    assert reported() == ["BAD@AQMBAQA", "GOOD@AQMBAQA"]

    first, second = airflow.get(f"/dags/{watching}/dagRuns", order_by="run_after")["dag_runs"]
    # More than one in a hundred failed.
    assert [run["state"] for run in (first, second)] == ["failed", "success"]
    links = airflow.get(
        f"/dags/{watching}/dagRuns/{first['dag_run_id']}/taskInstances/report/links", map_index=0
    )
    table = lake / "feed_reports" / "BAD@AQMBAQA.jsonl"
    assert [json.loads(line)["sku"] for line in table.read_text().splitlines()] == [
        "SKU-000001",
        "SKU-000002",
    ]
    assert [file.name for file in table.parent.iterdir()] == [table.name]
    page = f"/walmart/task/{watching}/{quote(first['dag_run_id'], safe='')}/report/0"
    assert links["extra_links"] == {
        "Walmart page": page,
        # Browsers open no local files from Airflow, and Seller Center has no feeds of a sandbox.
        "Failed items": None,
        "Feed in Seller Center": None,
    }
