"""Runs that Airflow starts by itself, in an Airflow whose scheduler is told to start none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_airflow import LocalAirflow
from processes import Processes


@contextmanager
def starting_runs(airflow: LocalAirflow, processes: Processes, *dag_ids: str) -> Iterator[None]:
    """Have the scheduler start runs of some DAGs, and of no others that are there now."""

    def restart_scheduler(*, starts_runs: bool) -> None:
        processes.kill("scheduler")
        airflow.start("scheduler", env={"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(starts_runs)})

    def all_dags() -> list[str] | None:
        read = airflow.get("/dags", limit=1000)["dags"]
        files = {path.name for path in airflow.dags.rglob("*.py")}
        is_complete = files == {Path(dag["fileloc"]).name for dag in read}
        return [dag["dag_id"] for dag in read] if is_complete else None

    # One that is read later would start by its schedule.
    found = processes.wait_until(all_dags, what="all DAG files to be read", timeout=120)
    others = [dag_id for dag_id in found if dag_id not in dag_ids]
    airflow.pause(*others)
    restart_scheduler(starts_runs=True)
    try:
        yield
    finally:
        restart_scheduler(starts_runs=False)
        airflow.pause(*others, is_paused=False)
