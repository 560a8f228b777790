"""Two hosts that share nothing but a network: PostgreSQL, Redis, Airflow's services, and a Celery worker on each."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_airflow import AIRFLOW, LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.postgres_server import IS_THERE, running_postgres
from tests.helpers.redis_server import running_redis
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

HERE = Path(__file__).parent

HOSTS = ("one", "two")


class Hosts:
    """Two hosts with a Celery worker each, and homes of their own.

    :param redis: server of the broker and of the shared state.
    :param database: URL of Airflow's database.
    """

    def __init__(
        self, processes: Processes, sandbox: LocalSandbox, redis: str, database: str, folder: Path
    ) -> None:
        self._processes = processes
        self._folder = folder
        self._env = {
            "AIRFLOW__API_AUTH__JWT_SECRET": "one secret for all hosts, as long as it has to be",
            "AIRFLOW__CELERY__BROKER_URL": f"{redis}/1",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "3",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "12",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            # What a dead worker had been given, and not begun, goes to another soon.
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
            "AIRFLOW__WALMART__SHARED_STATE": "redis",
            "AIRFLOW__WALMART__SHARED_STATE_URL": f"{redis}/0",
        }
        self.airflow = LocalAirflow(
            processes, self._folder_of("services"), self._folder_of("services") / "dags", env=self._env
        )
        self.airflow.add_connection(
            "walmart_default",
            host=sandbox.url,
            login=CLIENT_ID,
            password=CLIENT_SECRET,
            extra={"environment": "sandbox"},
        )
        for host in HOSTS:
            self.start(host)

    def _folder_of(self, host: str) -> Path:
        folder = self._folder / host
        if not folder.exists():
            shutil.copytree(HERE / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
        return folder

    def home(self, host: str) -> str:
        return str(self._folder_of(host).resolve())

    def start(self, host: str) -> None:
        """Start the worker of a host, and wait until it takes tasks."""
        home = self.home(host)
        names = {"AIRFLOW_HOME": home, "AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags"}
        # It needs no way to the database but that of the results of Celery.
        env = {
            **self.airflow.env,
            **self._env,
            **names,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere",
        }
        command = [*AIRFLOW, "celery", "worker", "--celery-hostname", f"{host}@%h", "--skip-serve-logs"]
        log = self._processes.start(host, command, env=env)
        self._processes.wait_until(lambda: " ready." in log.read_text(), what=f"worker {host}")

    def kill(self, host: str) -> None:
        """Have a host lose power."""
        self._processes.kill(host)

    def tasks_begun(self, host: str) -> int:
        """Return how many tasks have begun on a host, by the logs in its home."""
        return sum(1 for _ in Path(self.home(host), "logs").rglob("attempt=*.log"))


@pytest.fixture(scope="session")
def hosts(
    processes: Processes, sandbox: LocalSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosts]:
    missing = [name for name in ("celery", "psycopg2") if importlib.util.find_spec(name) is None]
    missing += [] if shutil.which("redis-server") else ["redis-server"]
    missing += [] if IS_THERE else ["postgresql"]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("hosts")
    with running_redis(folder) as redis, running_postgres(processes) as database:
        yield Hosts(processes, sandbox, redis.url.removesuffix("/0"), database, folder)
