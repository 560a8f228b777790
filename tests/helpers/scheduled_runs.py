"""Runs that start by themselves: in the other tests, a run starts when it is triggered and not otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.local_airflow import LocalAirflow
from scripts.processes import Processes


@contextmanager
def scheduled_runs(airflow: LocalAirflow, processes: Processes, *dag_ids: str) -> Iterator[None]:
    """Have the scheduler start runs for a while, with all DAGs paused that there are at its beginning, but for some."""

    def all_dags() -> list[str] | None:
        read = airflow.get("/dags", limit=1000)["dags"]
        files = {path.name for path in airflow.dags.rglob("*.py")}
        is_all = files == {Path(dag["fileloc"]).name for dag in read}
        running = [dag["dag_id"] for dag in read if not dag["is_paused"]]
        return [dag_id for dag_id in running if dag_id not in dag_ids] if is_all else None

    def restart_scheduler(*, starts_runs: bool) -> None:
        processes.kill("scheduler")
        airflow.start("scheduler", env={"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(starts_runs)})

    # One that is read later would start by its schedule.
    others = processes.wait_until(all_dags, what="all DAG files to be read")
    airflow.pause(*others)
    restart_scheduler(starts_runs=True)
    try:
        yield
    finally:
        restart_scheduler(starts_runs=False)
        airflow.pause(*others, is_paused=False)
