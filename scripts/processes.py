"""Child processes that end with us, whatever ends us.

Every child leads a session of its own, so it and all its descendants can be found however they regroup. A guard process
knows the sessions; it ends them when its standard input closes, which a normal end, Ctrl-C and SIGKILL all cause.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

import psutil

TAIL_LINES = 40
# Bounds failures only: a machine may be many times slower than another. Seconds.
PATIENCE = 300

Result = TypeVar("Result")


class ProcessDiedError(RuntimeError):
    """A child ended by itself; the message holds the end of its log."""


class Processes:
    """Starts children, tells when one has died, and ends all of them on leaving the ``with`` block.

    :param logs: directory for one ``NAME.log`` per child, with all the child prints.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Processes:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._guard = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._guard is not None
        self._guard.communicate()
        for child in self._children.values():
            child.wait()

    def start(self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Path:
        """Start a child.

        :param name: what to call it in messages and its log file.
        :param command: program and arguments.
        :param env: its whole environment; ours when left out.
        :return: the path of its log, which this start began anew.
        """
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[name] = child
        self._tell_guard(child.pid)
        return log

    def finish(self, name: str) -> None:
        """Wait for the end of a child that ends by itself; ``ProcessDiedError`` when it fails."""
        if self._children[name].wait():
            self.check()
        self._forget(name)

    def check(self) -> None:
        """Raise ``ProcessDiedError`` when a child has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                log = self.logs / f"{name}.log"
                tail = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
                end = f"{name} ended with status {child.returncode}; the end of {log}:"
                raise ProcessDiedError("\n".join([end, *tail]))

    def wait_until(self, probe: Callable[[], Result | None], *, what: str) -> Result:
        """Call ``probe`` several times a second until it answers something true, as long as no child has ended.

        :param what: what is waited for, to name in the error.
        :return: the answer; ``TimeoutError`` when there is none for five minutes.
        """
        deadline = time.monotonic() + PATIENCE
        while not (answer := probe()):
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {PATIENCE} s for {what}; logs are in {self.logs}")
            time.sleep(0.2)
        return answer

    def kill(self, name: str) -> None:
        """End a child and its descendants with SIGKILL, as a crash of the machine would."""
        child = self._children[name]
        _kill_all([child.pid])
        child.wait()
        self._forget(name)

    def _forget(self, name: str) -> None:
        # The number may come to mean another process, which the guard must not end.
        self._tell_guard(-self._children.pop(name).pid)

    def _tell_guard(self, number: int) -> None:
        assert self._guard is not None
        assert self._guard.stdin is not None
        self._guard.stdin.write(b"%d\n" % number)
        self._guard.stdin.flush()


def end_sessions(leaders: Collection[int], *, patience: float = 5) -> None:
    """End every process of some sessions.

    The leaders get SIGTERM and end their own children in good order; what is left after ``patience`` seconds gets SIGKILL.
    """
    _signal_all([process for process in _members(leaders) if process.pid in leaders], signal.SIGTERM)
    deadline = time.monotonic() + patience
    while _members(leaders) and time.monotonic() < deadline:
        time.sleep(0.1)
    _kill_all(leaders)


def _kill_all(leaders: Collection[int]) -> None:
    # More than once: they may start others meanwhile.
    while left := _members(leaders):
        _signal_all(left, signal.SIGKILL)
        time.sleep(0.02)


def _signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _members(leaders: Collection[int]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def guard(orders: IO[str]) -> None:
    """End sessions when the other end closes or dies.

    :param orders: one number a line: a session to end, or, negative, one to forget.
    """
    sessions: set[int] = set()
    for line in orders:
        number = int(line)
        if number > 0:
            sessions.add(number)
        else:
            sessions.discard(-number)
    end_sessions(sessions)


if __name__ == "__main__":
    guard(sys.stdin)
