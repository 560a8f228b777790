"""A complete Airflow on this machine, for the demo and the system tests: own home, own ports, SQLite, LocalExecutor."""

from __future__ import annotations

import json
import os
import random
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from scripts.processes import Processes

AIRFLOW = [sys.executable, "-m", "airflow"]
COMPONENTS = {
    "api-server": ["api-server", "--workers", "1"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
HEALTH_NAMES = ("metadatabase", "scheduler", "dag_processor", "triggerer")


class LocalAirflow:
    """Airflow's four components as processes of their own, and the REST calls the demo and the tests make.

    Making one takes some 20 seconds: it is there when every component reports itself healthy. When one dies later, the
    next wait raises ``ProcessDiedError``.

    :param processes: what runs the components and ends them.
    :param home: directory that becomes ``AIRFLOW_HOME``.
    :param dags: folder of the DAG files.
    :param env: more environment variables, e.g. ``AIRFLOW__SECTION__KEY``; they win over ours.
    """

    def __init__(
        self, processes: Processes, home: Path, dags: Path, *, env: Mapping[str, str] | None = None
    ) -> None:
        self.home = home
        self.dags = dags
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        #: Environment of the components.
        self.env = _environment(home.resolve(), dags.resolve(), port) | dict(env or {})
        self.component_logs = processes.logs
        self._processes = processes
        self._session = requests.Session()
        self._session.trust_env = False
        processes.start("migrate", [*AIRFLOW, "db", "migrate"], env=self.env)
        processes.finish("migrate")
        for component in COMPONENTS:
            self.start(component)
        processes.wait_until(self._is_healthy, what="Airflow to be healthy")

    def start(self, component: str, *, env: Mapping[str, str] | None = None) -> None:
        """Start one of the four components, e.g. after ``processes.kill``.

        :param env: environment variables for this start alone.
        """
        command = [*AIRFLOW, *COMPONENTS[component]]
        self._processes.start(component, command, env=self.env | dict(env or {}))

    def pause(self, *dag_ids: str, is_paused: bool = True) -> None:
        """Pause DAGs, or have them go on."""
        for dag_id in dag_ids:
            self.change("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": is_paused})

    def change(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a call as `request` does, and again when Airflow answers 500.

        SQLite lets one write at a time, and some who come second get that error; then nothing was changed.
        """

        def sent() -> requests.Response | None:
            try:
                return self.request(method, path, **options)
            except requests.HTTPError as error:
                if error.response.status_code != 500:
                    raise
                return None

        return self._processes.wait_until(sent, what=f"{method} {path}")

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send one call to the REST API as admin.

        :param path: e.g. ``/api/v2/dags``.
        :param options: as ``requests.request`` takes them.
        :return: the answer; ``requests.HTTPError`` with its text when the status is 400 or above.
        """
        if "Authorization" not in self._session.headers:
            answer = self._session.get(f"{self.url}/auth/token", timeout=60)
            answer.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        answer = self._session.request(method, self.url + path, **{"timeout": 120, **options})
        if answer.status_code >= 400:
            raise requests.HTTPError(
                f"{method} {path}: {answer.status_code} {answer.text[:2000]}", response=answer
            )
        return answer

    def get(self, path: str, **params: Any) -> Any:
        """Return the decoded JSON of ``GET /api/v2{path}``."""
        return self.request("GET", f"/api/v2{path}", params=params).json()

    def add_connection(self, conn_id: str, *, extra: Mapping[str, Any] | None = None, **fields: Any) -> None:
        """Store a connection of type ``walmart``.

        :param extra: its extra fields.
        :param fields: the others as the REST API names them, e.g. ``login``, ``password``, ``host``.
        """
        body = {
            "connection_id": conn_id,
            "conn_type": "walmart",
            "extra": json.dumps(dict(extra or {})),
            **fields,
        }
        self.change("POST", "/api/v2/connections", json=body)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of a DAG as soon as its file has been read; returns the run's id."""
        self._processes.wait_until(lambda: self._dag_is_read(dag_id), what=f"DAG {dag_id}")
        body = {"logical_date": None, "conf": dict(conf or {})}
        return self.change("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body).json()["dag_run_id"]

    def wait_for_run(self, dag_id: str, run_id: str) -> str:
        """Wait until a run has ended; returns ``"success"`` or ``"failed"``."""

        def ended() -> str | None:
            state = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            return state if state in {"success", "failed"} else None

        return self._processes.wait_until(ended, what=f"the end of {dag_id} {run_id}")

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear all tasks of a run that has ended, so that they run again."""
        body = {"dag_run_id": run_id, "only_failed": False, "dry_run": False, "reset_dag_runs": True}
        self.change("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return all task instances of a run with what the REST API tells of them: state, rendered fields, ..."""
        return self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]

    def task_log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1) -> str:
        """Return the log of one try as plain text: the messages, one below the other, and exceptions."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        return "\n".join(_message(entry) for entry in self.get(path, full_content=True)["content"])

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1
    ) -> Any:
        """Return the value of one XCom."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.get(path, deserialize=True, map_index=map_index)["value"]

    def _is_healthy(self) -> bool:
        try:
            answer = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return answer.ok and all(answer.json()[name]["status"] == "healthy" for name in HEALTH_NAMES)

    def _dag_is_read(self, dag_id: str) -> bool:
        for broken in self.get("/importErrors")["import_errors"]:
            raise RuntimeError(f"{broken['filename']} cannot be imported:\n{broken['stack_trace']}")
        return any(dag["dag_id"] == dag_id for dag in self.get("/dags", dag_id_pattern=dag_id)["dags"])


def free_port() -> int:
    """Return a port of this machine that nothing listens on.

    It is not one of those that are given to connections: it may take a minute until it is listened on.
    """
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randint(20_000, 32_000)))
            return probe.getsockname()[1]


def _environment(home: Path, dags: Path, port: int) -> dict[str, str]:
    """Build the components' environment: ours without its Airflow settings, and settings for quick, quiet, local runs."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")}
    url = f"http://127.0.0.1:{port}"
    return ours | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
        # A file that is new or changed is read at once; to read the others all the time costs a tenth of a processor.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        # Who waits for the one that writes gives up after five seconds, left to itself. Not much longer, since two may
        # wait for each other in one process.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=10",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        # A killed task is noticed, and retried, within half a minute; one that is only slow is not taken for dead.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        # Runs start when they are triggered, not by the schedule.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        # A dead triggerer is noticed, and its triggers go to another, within seconds.
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def _message(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    lines = [str(entry.get("event", ""))]
    for error in entry.get("error_detail") or []:
        lines += [f"{error.get('exc_type')}: {error.get('exc_value')}"]
    return "\n".join(lines)
