"""What the demo and the system tests start does not outlive them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scripts.processes import ProcessDiedError, Processes

pytestmark = pytest.mark.system

# A child that starts a grandchild in a process group of its own, prints both numbers, and stays.
FAMILY = """
import os, subprocess, sys, time
nap = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(nap, preexec_fn=lambda: os.setpgid(0, 0))
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
PARENT = """
import sys, time
from pathlib import Path
from scripts.processes import Processes
with Processes(Path(sys.argv[1])) as processes:
    processes.start("family", [sys.executable, "-c", sys.argv[2]])
    Path(sys.argv[1], "started").touch()
    time.sleep(600)
"""


def test_leaving_ends_children_and_grandchildren(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        log = processes.start("family", [sys.executable, "-c", FAMILY])
        family = processes.wait_until(lambda: _family(log), what="the family")
        assert all(map(_lives, family))

    assert not any(map(_lives, family))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_children_end_with_us(tmp_path: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), FAMILY],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
        # A shell that starts tests in the background has them ignore Ctrl-C, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    family = _wait(lambda: (tmp_path / "started").exists() and _family(tmp_path / "family.log"))

    parent.send_signal(number)
    parent.wait()

    _wait(lambda: not any(map(_lives, family)))


def test_a_child_that_dies_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("short", [sys.executable, "-c", "print('what went wrong'); raise SystemExit(3)"])
        with pytest.raises(ProcessDiedError, match=r"short ended with status 3(.|\n)*what went wrong"):
            processes.wait_until(lambda: False, what="nothing")


def _family(log: Path) -> list[int] | None:
    numbers = log.read_text().split() if log.exists() else []
    return [int(number) for number in numbers] if len(numbers) == 2 else None


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait(probe):
    deadline = time.monotonic() + 60
    while not (answer := probe()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer
