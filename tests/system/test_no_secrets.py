"""No secret may be in anything that a run leaves behind or that Airflow shows of it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from airflow_provider_walmart.sandbox.core.calls import make_token
from airflow_provider_walmart.sandbox.core.state import WELL_KNOWN_REFRESH_TOKEN
from scripts.local_airflow import LocalAirflow, free_port
from scripts.local_sandbox import LocalSandbox
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

pytestmark = pytest.mark.system

DAG = "awkward_accounts"
REFUSED_SECRET = "n0t-the-right-secret"


def _forms_of(secret: str) -> dict[str, str]:
    basic = base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
    return {"plain": secret, "URL-encoded": quote_plus(secret), "Basic": basic.rstrip("=")}


SECRETS = {
    **{f"client secret, {form}": text for form, text in _forms_of(CLIENT_SECRET).items()},
    **{f"refused secret, {form}": text for form, text in _forms_of(REFUSED_SECRET).items()},
    "refresh token": WELL_KNOWN_REFRESH_TOKEN,
}
# An encrypted token has five parts of which the second is empty; Airflow's own tokens have three.
ACCESS_TOKEN = re.compile(rb"eyJ[\w-]{20,}\.\.[\w-]{10}")
# Who has it gets the report.
DOWNLOAD_LINK = re.compile(rb"X-Amz-Signature=[0-9a-f]{8}")


def leaks(where: str, content: bytes) -> list[str]:
    """Return which secrets are in some bytes found somewhere."""
    found = [f"{name} in {where}" for name, secret in SECRETS.items() if secret.encode() in content]
    patterns = {"access token": ACCESS_TOKEN, "download link": DOWNLOAD_LINK}
    return found + [f"{name} in {where}" for name, pattern in patterns.items() if pattern.search(content)]


def leaks_in_files(folder: Path) -> list[str]:
    """Return which secrets are in the files below a folder."""
    return [
        leak
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for leak in leaks(str(path.relative_to(folder)), path.read_bytes())
    ]


def test_no_secret_in_files_and_answers(airflow: LocalAirflow, sandbox: LocalSandbox) -> None:
    sandbox.control("/reset", {})
    sandbox.control("/seed", {"feeds": [{"items": 2, "failed": 1, "age": 900}]})
    account = {"host": sandbox.url, "login": CLIENT_ID}
    delegated = {"refresh_token": WELL_KNOWN_REFRESH_TOKEN, "partner_id": "10001234567"}
    airflow.add_connection("walmart_delegated", **account, password=CLIENT_SECRET, extra=delegated)
    airflow.add_connection("walmart_refused", **account, password=REFUSED_SECRET)
    nobody = f"http://127.0.0.1:{free_port()}"
    airflow.add_connection("walmart_unreachable", host=nobody, login=CLIENT_ID, password=CLIENT_SECRET)

    run = airflow.trigger(DAG)
    assert airflow.wait_for_run(DAG, run) == "failed"
    # Each task got as far as it should: without that, nothing could have leaked.
    assert {task["task_id"]: task["state"] for task in airflow.task_instances(DAG, run)} == {
        "walmart_delegated": "failed",
        "walmart_refused": "failed",
        "walmart_unreachable": "failed",
        "prints_too_much": "success",
    }
    assert "items failed" in airflow.task_log(DAG, run, "walmart_delegated")
    assert "WM_SVC.NAME" in airflow.task_log(DAG, run, "prints_too_much")

    # The whole home: logs of tasks and triggers, the database with XComs and rendered fields, shared state.
    assert (airflow.home / "airflow.db").stat().st_size > 0
    assert leaks_in_files(airflow.home) == []
    assert leaks_in_files(airflow.component_logs) == []
    answers = _answers(airflow)
    assert {"/connections", "/eventLogs", "test of walmart_refused"} <= answers.keys()
    assert [leak for path, answer in answers.items() for leak in leaks(path, answer)] == []


LINK = f"https://storage.example.com/report.zip?X-Amz-Expires=900&X-Amz-Signature={'0a' * 32}"


@pytest.mark.parametrize(
    "secret", [*SECRETS.values(), make_token(), LINK], ids=[*SECRETS, "access token", "download link"]
)
def test_the_search_finds_a_planted_secret(tmp_path: Path, secret: str) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "task.log").write_text(f"before {json.dumps({'header': secret})} after")

    assert leaks_in_files(tmp_path)


def _answers(airflow: LocalAirflow) -> dict[str, bytes]:
    """Return what the REST API says of connections, runs, tasks, logs and XComs; path -> answer."""
    paths = ["/connections", "/dags/~/dagRuns", "/eventLogs", "/variables"]
    connections = [found["connection_id"] for found in airflow.get("/connections")["connections"]]
    paths += [f"/connections/{conn_id}" for conn_id in connections]
    for run in airflow.get("/dags/~/dagRuns", limit=100)["dag_runs"]:
        of_run = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
        paths.append(of_run)
        for task in airflow.task_instances(run["dag_id"], run["dag_run_id"]):
            of_task, which = f"{of_run}/{task['task_id']}", f"?map_index={task['map_index']}"
            xcoms = airflow.get(f"{of_task}/xcomEntries{which}")["xcom_entries"]
            paths += [f"{of_task}/logs/{number}{which}" for number in range(1, task["try_number"] + 1)]
            paths += [f"{of_task}/xcomEntries{which}"]
            paths += [f"{of_task}/xcomEntries/{xcom['key']}{which}" for xcom in xcoms]
    answers = {path: airflow.request("GET", f"/api/v2{path}").content for path in paths}
    for conn_id in connections:
        fields = airflow.get(f"/connections/{conn_id}")
        if not fields["conn_type"].startswith("walmart"):
            continue
        body = {**fields, "connection_id": conn_id}
        tested = airflow.request("POST", "/api/v2/connections/test", json=body)
        answers[f"test of {conn_id}"] = tested.content
    return answers
