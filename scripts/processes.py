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
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

TAIL_LINES = 40


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
        assert self._guard is not None
        assert self._guard.stdin is not None
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
        self._guard.stdin.write(b"%d\n" % child.pid)
        self._guard.stdin.flush()
        self._children[name] = child
        return log

    def finish(self, name: str, *, timeout: float) -> None:
        """Wait until a child has ended well; ``ProcessDiedError`` when it fails or takes over ``timeout`` seconds."""
        try:
            status = self._children.pop(name).wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProcessDiedError(f"{name} took over {timeout:.0f} s\n{self._tail(name)}") from None
        if status:
            raise ProcessDiedError(f"{name} failed\n{self._tail(name)}")

    def check(self) -> None:
        """Raise ``ProcessDiedError`` when a child that should run has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise ProcessDiedError(f"{name} ended with status {child.returncode}\n{self._tail(name)}")

    def kill(self, name: str) -> None:
        """End a child and its descendants with SIGKILL, as a crash of the machine would."""
        child = self._children.pop(name)
        _signal_all(_members([child.pid]), signal.SIGKILL)
        child.wait()

    def _tail(self, name: str) -> str:
        log = self.logs / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join([f"the end of {log}:", *lines])


def end_sessions(leaders: Collection[int], *, patience: float = 5) -> None:
    """End every process of some sessions.

    The leaders get SIGTERM and end their own children in good order; what is left after ``patience`` seconds gets SIGKILL.
    """
    _signal_all([process for process in _members(leaders) if process.pid in leaders], signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (left := _members(leaders)) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal_all(left, signal.SIGKILL)


def _signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _members(leaders: Collection[int]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


def guard(sessions: IO[str]) -> None:
    """Read session numbers, one a line, until the other end is closed or gone, then end those sessions."""
    end_sessions([int(line) for line in sessions])


if __name__ == "__main__":
    guard(sys.stdin)
