"""What tests of exports have in common."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from airflow_provider_walmart.operators.exports import WalmartExportOperator

SCRIPT = """
import json, sys
from airflow_provider_walmart.operators.exports import WalmartExportOperator
WalmartExportOperator(task_id="export", operation="getAllOrders", **json.loads(sys.argv[1])).execute({})
"""


def after_each_page(made: WalmartExportOperator, act: Callable[[], object]) -> None:
    """Let something happen in the shop whenever a page has been read."""
    client, raw_pages = made.hook.client, made.hook.client.raw_pages

    def watched(*args, **kwargs):
        for page in raw_pages(*args, **kwargs):
            act()
            yield page

    client.raw_pages = watched


def plain_name(name: str) -> str:
    """Return the name of a file without what tells its run from others."""
    return re.sub(r"(part-\d{5})-[0-9a-f]{8}(?=\.)", r"\1", name)


def in_a_fork(act: Callable[[], object]) -> int:
    """Do something in a copy of this process, and return its id."""
    process = os.fork()
    if not process:
        try:
            act()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    return process


def kill_export(shop, when: Callable[[], bool], answered: int = 1, **fields: Any) -> None:
    """Export orders in a process of its own, and kill it at some moment while it waits for a page behind the first one.

    :param when: whether the moment has come.
    :param answered: how many pages behind first ones are answered before.
    :param fields: of the operator.
    """
    shop.fault("/v3/orders.*hasMoreElements", delay=600, skip=answered)
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(fields)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 240
        while not when():
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.05)
    finally:
        run.kill()
        run.wait()
    shop.no_faults()
