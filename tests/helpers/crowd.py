"""Many processes use one connection at the same moment: ``python -m tests.helpers.crowd``.

Reads a crowd a line, as JSON: how many ``processes``, how many ``calls`` of each, in which ``environment``. Prints what became
of them as JSON: calls that succeeded, errors and warnings of every process. Each crowd comes from a process of its own that has
imported what is needed and used nothing of it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import sys
from typing import Any

from airflow_provider_walmart.client.catalogue.operations import all_operations

# Imported before the processes part, as in a worker that forks its tasks.
from airflow_provider_walmart.client.transport import rate_limits as throttle
from airflow_provider_walmart.client.transport import tokens
from airflow_provider_walmart.hooks.walmart import WalmartHook

tokens.TokenProvider.PAUSE = 0.2
throttle.LOCK_TIMEOUT = 60.0


class Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def one(start: Any, outcomes: Any, calls: int) -> None:
    warnings = Warnings()
    logging.getLogger("airflow_provider_walmart").addHandler(warnings)
    done, errors = 0, []
    hook = WalmartHook()
    hook.get_conn()
    start.wait()
    for _ in range(calls):
        try:
            hook.request("GET", "/v3/feeds")
            done += 1
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    outcomes.put({"done": done, "errors": errors, "warnings": warnings.texts})


def main(processes: int, calls: int) -> None:
    # However long the last of them takes until its turn comes.
    tokens.FAILURE_LIFE = float(os.environ.get("FAILURE_LIFE", "60"))
    context = multiprocessing.get_context("fork")
    start, outcomes = context.Barrier(processes), context.Queue()
    crowd = [context.Process(target=one, args=(start, outcomes, calls)) for _ in range(processes)]
    for process in crowd:
        process.start()
    print(json.dumps([outcomes.get(timeout=120) for _ in crowd]), flush=True)
    for process in crowd:
        process.join()


def serve() -> None:
    # What takes its time when it is first needed must not spread the processes.
    all_operations()
    with contextlib.suppress(ImportError):
        import redis  # noqa: F401
    context = multiprocessing.get_context("fork")
    for line in sys.stdin:
        wanted = json.loads(line)
        crowd = context.Process(target=in_environment, args=(wanted.pop("environment"),), kwargs=wanted)
        crowd.start()
        crowd.join()
        if crowd.exitcode:
            sys.exit(crowd.exitcode)


def in_environment(environment: dict[str, str], **wanted: int) -> None:
    os.environ.clear()
    os.environ.update(environment)
    main(**wanted)


if __name__ == "__main__":
    serve()
