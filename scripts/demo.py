"""The demo: a real Airflow runs the feed-status example DAG against the sandbox server.

``--ui`` leaves both running, with Airflow's UI, until Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

CHECKOUT = Path(__file__).resolve().parent.parent
RESULTS = CHECKOUT / ".demo"
DAG, TASK, CONNECTION = "walmart_feed_status", "check_feeds", "walmart_default"
# Not the sandbox's default secret "sandbox": Airflow masks a secret wherever it finds it, also in "environment".
CLIENT_ID, CLIENT_SECRET = "demo", "demo-secret"

WHAT_TO_CLICK = """
Airflow's UI is at  {airflow}  (no login needed)

  Dags > {dag} > the run of just now > {task} > Logs: the table above; XCom: the same as data.
  Browse > Walmart > Failures: which items failed, with Walmart's code and text, without any log.
  Dags > {dag} > Trigger: run it again.
  Admin > Connections > {connection}: the first icon in its row tests the connection, the second opens the form.
  Admin > Connections > Add Connection > type "Walmart Marketplace": an empty form. For the sandbox server fill in
  Base URL {sandbox}, Client ID {client_id}, Client secret {client_secret}. (Airflow 3.3.1 and 3.3.2 cannot test what was
  added here: they answer "Bad Request" for any connection without a port.)

Ctrl-C stops everything.
"""


def main() -> None:
    """Run the demo; an exception ends it when something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ui", action="store_true", help="leave all running, with Airflow's UI, until Ctrl-C"
    )
    stay = parser.parse_args().ui
    # Ctrl-C works even where a shell started us with SIGINT ignored, and SIGTERM stops what we started, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    RESULTS.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="airflow-", dir=RESULTS))
    try:
        run(home, stay=stay)
    except Exception:
        say(f"\nThe logs are kept in {home}.")
        raise
    except BaseException:
        shutil.rmtree(home)
        raise
    shutil.rmtree(home)


def run(home: Path, *, stay: bool) -> None:
    """Start the sandbox and Airflow, show what they do, and stop them."""
    with Processes(home / "components") as processes:
        say(
            "Starting the sandbox server and a real Airflow: scheduler, API server, DAG processor, triggerer."
        )
        started = time.monotonic()
        sandbox = LocalSandbox(processes, "--client", f"{CLIENT_ID}:{CLIENT_SECRET}")
        dags = CHECKOUT / "example_dags"
        airflow = LocalAirflow(processes, home, dags, env={"WALMART_ERRORS_DIR": str(RESULTS)})
        airflow.add_connection(
            CONNECTION,
            host=sandbox.url,
            login=CLIENT_ID,
            password=CLIENT_SECRET,
            port=0,  # without one, the UI of Airflow 3.3.1 and 3.3.2 cannot test it
            extra={"environment": "sandbox"},
        )
        say(f"All are up after {time.monotonic() - started:.0f} s.")
        check_feeds(airflow)
        if stay:
            say(
                WHAT_TO_CLICK.format(
                    airflow=airflow.url,
                    sandbox=sandbox.url,
                    dag=DAG,
                    task=TASK,
                    connection=CONNECTION,
                    client_id=CLIENT_ID,
                    client_secret=CLIENT_SECRET,
                )
            )
            wait_for_ctrl_c(processes)
        say("Stopping all of it.")


def check_feeds(airflow: LocalAirflow) -> None:
    """Run the example DAG and show what it found; the sandbox's shop has good, bad and unfinished feeds."""
    say(f"\nRunning DAG {DAG} (example_dags/{DAG}.py) with the connection {CONNECTION} ...")
    run = airflow.trigger(DAG)
    state = airflow.wait_for_run(DAG, run)
    for task in airflow.task_instances(DAG, run):
        say(f"Task {task['task_id']}: {task['state']}. Its log:\n")
    # Airflow frames what the task says with groups of its own.
    say(re.sub(r"::group::.*?::endgroup::\n*", "", airflow.task_log(DAG, run, TASK), flags=re.DOTALL))

    result = airflow.xcom(DAG, run, TASK)
    feeds = result["feeds"]
    bad = [feed for feed in feeds if feed["itemsFailed"]]
    if state != "failed" or not 0 < len(bad) < len(feeds):
        raise RuntimeError(f"expected a red run over good and bad feeds, got {state!r} over {feeds}")
    failed_items = Path(result["itemErrorsUri"])
    say(f"Failed items, as JSON lines, in {os.path.relpath(failed_items)}:\n")
    say("\n".join(failed_items.read_text().splitlines()[:5]))
    say("\nThe run is red, and that is right: a feed is PROCESSED, but items of it have failed.")


def wait_for_ctrl_c(processes: Processes) -> None:
    """Return on Ctrl-C; ``ProcessDiedError`` when a process ends before."""
    try:
        while True:
            processes.check()
            time.sleep(1)
    except KeyboardInterrupt:
        print()


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
