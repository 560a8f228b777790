"""What all tests share: an Airflow home of their own, and for those that ask a real Airflow with the sandbox server."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.statsd_server import StatsdServer
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

TESTS = Path(__file__).resolve().parent
CHECKOUT = TESTS.parent

# Before any test imports Airflow: it must neither read nor write the settings of whoever runs the tests.
for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[name]
HOME = os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="walmart-tests-")

# How long an example takes says more about the machine than about the code. What is drawn is always the same, so that a
# run fails for what was changed since the last one; the version matrix, which takes its time, draws something new.
settings.register_profile(
    "unhurried",
    deadline=None,
    derandomize="WALMART_NEW_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unhurried")


def pytest_unconfigure() -> None:
    """Remove the Airflow home."""
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def nothing_masked() -> None:
    """Let every test begin as a task does, with no secrets masked.

    Airflow compiles one expression of all masked secrets whenever one is added: after some hundred tests that costs more
    than the tests.
    """
    if masker := sys.modules.get("airflow.sdk._shared.secrets_masker"):
        masker.reset_secrets_masker()


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """What runs the sandbox and Airflow; ends them with the last test."""
    with Processes(tmp_path_factory.mktemp("components")) as running:
        yield running


@pytest.fixture(scope="session")
def sandbox(processes: Processes) -> LocalSandbox:
    """An empty sandbox server that knows ``CLIENT_ID``."""
    return LocalSandbox(processes, "--no-seed", "--client", f"{CLIENT_ID}:{CLIENT_SECRET}")


@pytest.fixture(scope="session")
def failed_items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory into which the example DAG writes failed items."""
    return tmp_path_factory.mktemp("errors") / "failed_items"


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory into which the example DAGs land data."""
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="session")
def statsd() -> Iterator[StatsdServer]:
    """What the tasks of ``airflow`` count."""
    server = StatsdServer("airflow.walmart.")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def airflow(
    processes: Processes,
    sandbox: LocalSandbox,
    failed_items: Path,
    lake: Path,
    statsd: StatsdServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> LocalAirflow:
    """A real Airflow with the example DAGs, those of the system tests, and the connection ``walmart_default``."""
    dags = tmp_path_factory.mktemp("dags")
    for folder in (CHECKOUT / "example_dags", TESTS / "system" / "dags"):
        # A DAG that watches feeds would run with every feed of the other tests; its own test puts it there.
        shutil.copytree(
            folder, dags / folder.parent.name, ignore=shutil.ignore_patterns("walmart_feed_report.py")
        )
    airflow = LocalAirflow(
        processes,
        tmp_path_factory.mktemp("airflow"),
        dags,
        env={
            "AIRFLOW__METRICS__METRICS_ALLOW_LIST": "walmart",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
            "WALMART_ERRORS_DIR": str(failed_items.parent),
            "WALMART_LAKE_DIR": str(lake),
        },
    )
    airflow.add_connection(
        "walmart_default",
        host=sandbox.url,
        login=CLIENT_ID,
        password=CLIENT_SECRET,
        extra={"environment": "sandbox"},
    )
    return airflow
